/* A footer's thrift, parsed. Internal to src/parquet/metadata. */
#ifndef LK_PARQUET_METADATA_PARSE_H
#define LK_PARQUET_METADATA_PARSE_H

#include "parquet/metadata.h"

/* Parse `footer`, which stands at `offset` of the file, into the zeroed *m, whose contents the caller frees
 * whatever happens. LK_DAMAGED when it is no footer or its parts do not go with one another; numbers are not
 * yet checked against the file. */
enum lk_status lk_metadata_parse(struct lk_bytes footer, uint64_t offset, const char *shown_name,
                                 struct lk_parquet_metadata *m, struct lk_error *err) LK_CHECKED;

/* Note what ails a chunk (a static text), unless something else does already. */
static inline void lk_metadata_chunk_fails(struct lk_parquet_chunk *c, bool damaged, const char *problem)
{
    if (c->problem != NULL)
        return;
    c->problem = problem;
    c->damaged = damaged;
}

#endif
