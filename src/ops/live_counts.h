/* The counts of a live database: rows of each table, values of each column, sequences, change counter. */
#ifndef LK_OPS_LIVE_COUNTS_H
#define LK_OPS_LIVE_COUNTS_H

#include "sqlite/source.h"
#include "sqlite/structure.h"
#include "store/counts.h"

/* Of a pinned source: one pass over each ordinary table. id NULL, seq 0. Restarts as often as the source
 * wants. */
enum lk_status lk_live_counts(struct lk_source *s, struct lk_counts *out, struct lk_error *err) LK_CHECKED;

/* Only sqlite_sequence, into tables without anything else: what a manifest does not say. Inside the source's
 * transaction. A database without it gives nothing. */
enum lk_status lk_live_sequences(struct lk_source *s, struct lk_counts *out, struct lk_error *err) LK_CHECKED;

#endif
