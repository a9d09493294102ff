/* One table on its way into a backup: blocks are encoded by any thread, appended in order, cut into parts,
 * finished, and read back.
 *
 * A table under LK_TABLE_CUT_BYTES is one part and one file; a bigger one is a folder of parts. Which it is
 * shows only while it is written, so parts are written from the start, under names of their own, and joined
 * into one file where the table stays small. */
#ifndef LK_OPS_TABLE_EXPORT_H
#define LK_OPS_TABLE_EXPORT_H

#include "ops/engine.h"
#include "store/commit.h"

/* Limits of the store format (docs/STORE.md, "Parts"), in raw bytes. */
#define LK_TABLE_CUT_BYTES (96u << 20)
#define LK_PART_BYTES (48u << 20)      /* about what a part should have: */
#define LK_PART_MIN_BYTES (8u << 20)   /* before this the end of a part is not looked for, */
#define LK_PART_SPACING (32u << 20)    /* after it, one is expected within this much, */
#define LK_PART_MAX_BYTES (192u << 20) /* and here it ends whatever the keys */

/* Begin a table. Everything given is borrowed and must outlive the export; `plan` holds every block that
 * will be submitted. */
enum lk_status lk_table_export_new(struct lk_engine *engine, const struct lk_encoding *encoding,
                                   struct lk_backup_writer *backup, const struct lk_table_schema *schema,
                                   const struct lk_plan *plan, const char *stem, struct lk_table_export **out,
                                   struct lk_error *err) LK_CHECKED;

/* Hand over the next block (rows >= 1), which ends its part or not. The slot goes back to the engine by
 * itself. Only the scanner's thread. */
void lk_table_export_submit(struct lk_table_export *x, struct lk_slot *slot, bool ends_part);

/* Skip whatever is still to be done: the table will be given up. The blocks under way come to their end. Only
 * the scanner's thread. */
void lk_table_export_cancel(struct lk_table_export *x);

/* Wait until nothing of the table is under way, or until `deadline` (monotonic; 0: no end): then false. */
bool lk_table_export_idle(struct lk_table_export *x, int64_t deadline);

/* Has anything failed? Then the scanner may stop. Any thread. */
bool lk_table_export_failed(struct lk_table_export *x);

/* No more blocks: what remains is done in the background. Only the scanner's thread, once. */
void lk_table_export_end(struct lk_table_export *x);

/* After end: wait until all is durable (and read back, where the encoding says so), then move the parts into
 * `t`, with the table's rows, raw bytes, key range and hash. */
enum lk_status lk_table_export_wait(struct lk_table_export *x, struct lk_manifest_table *t,
                                    struct lk_error *err) LK_CHECKED;

/* Free; a table that is not complete is given up and its files removed. Waits for its blocks. NULL is
 * allowed. */
void lk_table_export_free(struct lk_table_export *x);

#endif
