/* What backups there are, in the order in which they were made, and which one a user means. */
#ifndef LK_STORE_CATALOG_H
#define LK_STORE_CATALOG_H

#include "store/database.h"
#include "store/journal.h"
#include "store/manifest.h"

enum lk_backup_kind {
    LK_BACKUP_ORDINARY,
    LK_BACKUP_LEGACY, /* a folder of the original script: no manifest */
};

struct lk_backup_entry {
    char *id; /* the folder's name */
    enum lk_backup_kind kind;
    uint64_t seq;     /* 0: legacy, or not readable */
    int64_t started;  /* instant; of a legacy backup: its name, read as local time */
    int64_t finished; /* instant; legacy: started */
    uint64_t rows, tables;
    uint64_t bytes; /* of its files; rows are 0 for legacy backups */
    uint64_t shared_bytes;
    uint64_t source_bytes; /* of the database */
    bool verified;         /* everything was read back and compared when it was taken */
    bool verified_known;   /* false: a line of the journal that does not say so */
    uint64_t warnings;     /* how many */
    uint64_t left_out;     /* tables that were not asked for; 0: the backup is whole */
    bool pinned;
    int64_t verified_at; /* the last "verify" event that read all of it and found it whole; 0: none */
    bool damaged;        /* a "verify" event since found damage */
    char *problem;       /* why it cannot be listed (its manifest is lost or damaged); NULL: fine */
};

struct lk_backup_list {
    size_t count;
    struct lk_backup_entry
        *entry; /* oldest first: legacy by time, then those with a problem, then by sequence number */
};

/* The backups of a database's folder: names and the journal's summary lines; a manifest is read only for a
 * backup that has no line. *journal (may be NULL) gets the events that were read. Only backups that exist are
 * listed, whatever the journal says. */
enum lk_status lk_catalog_list(const struct lk_dir *database, struct lk_backup_list *out,
                               struct lk_journal *journal, struct lk_error *err) LK_CHECKED;
void lk_backup_list_reset(struct lk_backup_list *list);

/* The highest sequence number that manifests or journal know; 0 when none. Reads as lk_catalog_list does. */
enum lk_status lk_catalog_last_seq(const struct lk_dir *database, uint64_t *seq,
                                   struct lk_error *err) LK_CHECKED;

/* Which backup `when` means; the first form that fits decides:
 *     latest, latest~N    the newest, or N before it
 *     an id in full
 *     2024-05-29          the last one started on that local day
 *     an RFC 3339 time    the newest that started at or before it
 *     36h, 7d             the newest that started at or before now - 36h
 *     a prefix of an id   that fits exactly one
 * Newest is by position in the list. Entries with a problem are found only by id and prefix. NULL and "" are
 * "latest". *index into the list. None: LK_NOT_FOUND, naming the nearest; several: LK_USAGE, naming them.
 * Pure. */
enum lk_status lk_catalog_resolve(const struct lk_backup_list *list, const char *when, int64_t now,
                                  size_t *index, struct lk_error *err) LK_CHECKED;

/* A backup that is open: its folder and its manifest. */
struct lk_backup {
    struct lk_dir dir;
    struct lk_manifest *manifest;
};

/* Open backup `id` of a database's folder. For a legacy backup the manifest is made from file names: id,
 * started, tables with name, stem and one part with the paths and sizes of its files; nothing else is known
 * (columns_json NULL, rows 0, hashes 0). LK_NOT_FOUND: no such backup. */
enum lk_status lk_backup_open(const struct lk_dir *database, const char *id, struct lk_backup **out,
                              struct lk_error *err) LK_CHECKED;
void lk_backup_free(struct lk_backup *b); /* NULL is allowed */

/* Open a file of a backup's folder by its path in the manifest; no link is followed. Any thread. A missing
 * file, or one whose size is not file->bytes, is LK_DAMAGED. */
enum lk_status lk_backup_open_file(const struct lk_backup *b, const struct lk_manifest_file *file,
                                   struct lk_input **out, struct lk_error *err) LK_CHECKED;

#endif
