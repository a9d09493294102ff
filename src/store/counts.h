/* counts.jsonl: how much each backup of a database held, one line a backup (docs/STORE.md, "Counts").
 *
 * Alarms compare with it: also with backups that were pruned since, and without opening manifests. Like the
 * journal it is a summary: lines that are lost are made again from the manifests that are there. The same
 * struct describes a live database. */
#ifndef LK_STORE_COUNTS_H
#define LK_STORE_COUNTS_H

#include "store/journal.h"
#include "store/manifest.h"

#define LK_COUNTS_FILE "counts.jsonl"

struct lk_counts_column {
    char *name;
    uint64_t values; /* that are not NULL */
};

struct lk_counts_table {
    char *name;
    enum lk_table_kind kind;
    uint64_t rows;
    bool has_hash;
    struct lk_hash128 hash; /* of its content */
    bool has_sequence;
    int64_t sequence; /* its line in sqlite_sequence: the highest rowid there ever was */
    size_t columns;
    struct lk_counts_column *column;
};

struct lk_counts {
    char *id;        /* of the backup; NULL: a live database */
    uint64_t seq;    /* 0: live */
    int64_t started; /* instant */
    uint64_t device, inode, bytes;
    int64_t mtime; /* instant */
    uint32_t change_counter;
    bool whole; /* no table was left out on request */
    /* With whole false, where it is known: the tables that were left out, borrowed; all others are gone.
     * NULL: not known. */
    const struct lk_manifest_texts *left_out;
    bool made;   /* read from the backup's manifest, since its line is missing: nobody has judged it yet */
    bool sorted; /* the tables are in the order of their names: finding one is fast */
    size_t tables;
    struct lk_counts_table *table;
};

struct lk_counts_list {
    size_t count;
    struct lk_counts *counts; /* by sequence number */
};

void lk_counts_reset(struct lk_counts *c);
void lk_counts_list_reset(struct lk_counts_list *list);
const struct lk_counts_table *lk_counts_find(const struct lk_counts *c, const char *table); /* or NULL */
const struct lk_counts_column *lk_counts_column(const struct lk_counts_table *t,
                                                const char *name); /* or NULL */
/* Append; zeroed; NULL when memory is out. Names are copied. */
struct lk_counts_table *lk_counts_add_table(struct lk_counts *c, const char *name);
struct lk_counts_column *lk_counts_add_column(struct lk_counts_table *t, const char *name);

/* Has it any table but internal ones? */
bool lk_counts_has_tables(const struct lk_counts *c);
/* Put the tables in the order of their names. */
void lk_counts_sort(struct lk_counts *c);
/* Do both hold the same rows in the same tables, as far as hashes say? Internal tables do not count. */
bool lk_counts_same_content(const struct lk_counts *a, const struct lk_counts *b);

/* What a manifest says. Sequences are not in it: they are added by whoever reads the source. */
enum lk_status lk_counts_of_manifest(const struct lk_manifest *m, struct lk_counts *out,
                                     struct lk_error *err) LK_CHECKED;

/* Append one line, durable, under the folder's lock. */
enum lk_status lk_counts_append(const struct lk_dir *database, mode_t mode, const struct lk_counts *c,
                                struct lk_error *err) LK_CHECKED;

/* The lines of backups that started at or after `since`, and the newest line before it. Of these, backups
 * whose line is missing although their folder is there are read from their manifests (one that cannot be read
 * is passed over). When an id comes twice the last line counts. At most 5,000 lines are read,
 * and of a database with very many tables fewer: at most 4,000,000 tables and columns. */
enum lk_status lk_counts_read(const struct lk_dir *database, int64_t since, struct lk_counts_list *out,
                              struct lk_error *err) LK_CHECKED;

#endif
