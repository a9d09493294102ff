/* One table of a pinned source into a backup: scanned once, or twice when the first rows promised other
 * columns than the rest needs. */
#ifndef LK_OPS_BACKUP_TABLE_H
#define LK_OPS_BACKUP_TABLE_H

#include "ops/table_export.h"
#include "sqlite/scan.h"

/* What earlier backups say of the table. */
struct lk_table_history {
    const struct lk_plan *plan; /* NULL: none */
    unsigned part_bits;         /* 0: none */
};

/* What all tables of a run share. */
struct lk_table_run {
    struct lk_engine *engine;
    const struct lk_encoding *encoding;
    struct lk_backup_writer *backup;
    struct lk_source *source;
    /* After each block, on the scanner's thread. */
    void (*progress)(void *context, uint64_t rows, uint64_t raw_bytes);
    void *context;
};

/* A table that is scanned; its blocks may still be on their way. */
struct lk_table_backup {
    const struct lk_table_schema *schema; /* borrowed */
    struct lk_table_stats *stats;
    struct lk_plan *plan;
    unsigned part_bits;
    struct lk_table_export *export;
};

/* Scan `t` and hand all its blocks over. *restart: the source did not hold still, or its lock's time is up.
 * *out (NULL only when memory is out) is the caller's in every case: after a restart or an error it is freed
 * only when the source has been let go, since freeing waits for blocks under way. */
enum lk_status lk_table_backup_scan(const struct lk_table_run *run, const struct lk_table_schema *t,
                                    const char *stem, struct lk_table_history history,
                                    struct lk_table_backup **out, bool *restart,
                                    struct lk_error *err) LK_CHECKED;

/* Wait until nothing of the table is under way, or until `deadline` (monotonic; 0: no end): then false. */
bool lk_table_backup_idle(struct lk_table_backup *b, int64_t deadline);

/* Has anything of it failed already? */
bool lk_table_backup_failed(struct lk_table_backup *b);

/* Wait until the table is durable and verified, and write all about it into `m` (which has its name and
 * stem). */
enum lk_status lk_table_backup_finish(struct lk_table_backup *b, struct lk_manifest_table *m,
                                      struct lk_error *err) LK_CHECKED;

/* Free; gives the table up when it was not finished. NULL is allowed. */
void lk_table_backup_free(struct lk_table_backup *b);

/* k for rows of this average size: a part's end in about LK_PART_SPACING bytes. `old` is kept until it is off
 * by four times. Pure. */
unsigned lk_part_bits(uint64_t raw_bytes, uint64_t rows, unsigned old);

#endif
