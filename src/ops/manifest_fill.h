/* What a backup's manifest and schema.sql say of the source. */
#ifndef LK_OPS_MANIFEST_FILL_H
#define LK_OPS_MANIFEST_FILL_H

#include "sqlite/source.h"
#include "sqlite/structure.h"
#include "store/manifest.h"

struct lk_manifest_facts { /* all borrowed */
    const struct lk_source_facts *source;
    const struct lk_structure *structure;
    const char *identity;
    const char *const *tags; /* NULL-terminated, or NULL */
    bool parquet, json, sqlite;
    struct lk_codec_choice parquet_codec, json_codec;
    int64_t started;
};

/* Set everything but id, seq, tables, files and totals. */
enum lk_status lk_manifest_fill(struct lk_manifest *m, const struct lk_manifest_facts *facts,
                                struct lk_error *err) LK_CHECKED;

/* Append the DDL as the sqlite3 shell runs it: pragmas first, then every object in the order of
 * sqlite_schema, without shadow and internal tables (they come with their virtual tables, or by themselves).
 */
enum lk_status lk_schema_sql(const struct lk_structure *s, struct lk_buffer *out,
                             struct lk_error *err) LK_CHECKED;

#endif
