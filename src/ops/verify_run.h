/* What one `verify` shares over its databases, backups, tables and files. Private to verify*.c.
 *
 * Work is cut into jobs of a pool: a backup is opened, its folder compared with its manifest (verify_backup,
 * verify_folder), then each table is a job (verify_table), which reads small files itself and makes a job for
 * each block and checksum of big ones (verify_file). Whoever ends the last job of a file, table, backup or
 * database ends that too. Nothing waits but the caller's thread, which opens backups a few at a time; so
 * memory is that of a few manifests and of one block a worker. */
#ifndef LK_OPS_VERIFY_RUN_H
#define LK_OPS_VERIFY_RUN_H

#include <stdatomic.h>

#include "base/pool.h"
#include "ops/part_reader.h"
#include "ops/session.h"
#include "store/catalog.h"

#define LK_VERIFY_CHUNK (1u << 20)

/* What a worker keeps between jobs. */
struct lk_verify_scratch {
    struct lk_parquet_decoder *decoder;
    struct lk_hasher *hasher;
    struct lk_sha256 *sha256;
    struct lk_batch *batch;
    uint8_t *chunk; /* LK_VERIFY_CHUNK bytes */
};

struct lk_verify_run {
    struct litekeep *lk;
    const struct litekeep_verify_options *options;
    struct lk_pool *pool;
    unsigned workers;
    struct lk_verify_scratch *scratch; /* one a worker */
    atomic_bool stop;                  /* interrupted, or failed */

    pthread_mutex_t huge; /* held while a block with a huge value is in memory: they come singly */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    size_t under_way;        /* backups being checked */
    struct lk_error failure; /* what ended the run; status LK_OK: nothing */
    enum lk_status status;   /* LK_OK, LK_DAMAGED or LK_UNREADABLE */
    struct lk_manifest_texts notes;
    uint64_t not_noted; /* databases whose journal could not be written */
    char *why_not_noted;
    uint64_t backups, damaged_backups, files, bytes, rows, restored;
    uint64_t total_bytes, done_bytes;
    int64_t last_progress;

    pthread_mutex_t tell_lock;        /* of `to_tell`, and of `ended` of each backup */
    struct lk_verify_backup *to_tell; /* the first in the store's order that has not been told of */
};

/* Damage, as litekeep_damage has it. Strings are owned but `restorable`, which is static. */
struct lk_verify_damage {
    char *table, *file, *message;
    uint64_t part;
    const char *restorable;
};
struct lk_verify_damages {
    size_t count;
    struct lk_verify_damage *damage;
};

enum lk_verify_kind {
    LK_VERIFY_PARQUET,
    LK_VERIFY_JSON,
    LK_VERIFY_SQLITE,
    LK_VERIFY_PLAIN /* of which only the checksum is known */
};
#define LK_VERIFY_FORMATS 2 /* kinds that parts have */

/* What reading a file has shown. Shared by all backups that have the very same file. */
struct lk_verify_finding {
    atomic_uint users;
    bool read;         /* the file was opened and read to its end */
    bool wrong_bytes;  /* its SHA-256 is another */
    bool useless;      /* no block of it can be read */
    char *message;     /* of the first block that is damaged, or why it is useless */
    size_t bad_blocks; /* and which: a flag each; NULL when there is none */
    size_t message_block;
    uint8_t *bad;
    uint64_t rows, raw_bytes;
    size_t columns;
    uint64_t (*counts)[LK_CLASSES]; /* of all blocks; NULL once they are not needed */
};

struct lk_verify_file;
struct lk_verify_table;
struct lk_verify_backup;
struct lk_verify_reading;
struct lk_verify_shared;

struct lk_verify_file {
    struct lk_verify_backup *backup;
    struct lk_verify_table *table; /* NULL: schema.sql, the page copy */
    const struct lk_manifest_file *file;
    size_t part; /* index */
    enum lk_verify_kind kind;
    bool wanted;  /* of the subset that is read */
    bool present; /* there, a regular file, of the right size */
    char *absent; /* else: why not; NULL: it is missing */
    uint64_t device, inode, links;
    struct lk_verify_finding *finding; /* NULL: not read */
    struct lk_verify_reading *reading; /* while it is read */
    struct lk_verify_shared *shared;   /* others may wait for this reading */
    struct lk_verify_file *next;       /* of those that wait for another backup's reading */
};

struct lk_verify_table {
    struct lk_job job;
    struct lk_verify_backup *backup;
    const struct lk_manifest_table *t;
    struct lk_table_schema *schema;
    struct lk_plan *plan;
    size_t files;
    struct lk_verify_file *file; /* of backup->file, by parts */
    atomic_size_t under_way;     /* files */
    bool complete;               /* a subset's rest is being read too, since there is damage */
    uint64_t
        *counts[LK_VERIFY_FORMATS]; /* summed up over its files: columns * LK_CLASSES; under backup->lock */
    uint64_t raw_bytes[LK_VERIFY_FORMATS];
    struct lk_verify_damages damages;
};

struct lk_verify_backup {
    struct lk_job job;
    struct lk_verify_database *database;
    char *id;
    bool legacy;
    uint64_t expected_bytes; /* as the journal has it, for the progress bar */

    struct lk_backup *backup; /* open while it is checked */
    pthread_mutex_t lock;     /* of findings */
    size_t tables, files;
    struct lk_verify_table *table;
    struct lk_verify_file *file;
    atomic_size_t under_way; /* tables, and files beside them */
    int64_t started;

    struct lk_verify_backup *after; /* in the store's order: by database, then age */
    bool ended;

    /* What came of it. */
    bool done;             /* checked to the end */
    enum lk_status status; /* LK_OK, LK_DAMAGED, LK_UNREADABLE */
    uint64_t table_count, rows, bytes;
    int64_t duration;
    struct lk_verify_damages damages;
};

struct lk_verify_database {
    struct lk_verify_run *run;
    char *folder;
    size_t ids; /* of all its backups, oldest first, whether checked or not */
    char **id;
    size_t backups;
    struct lk_verify_backup *backup;
    atomic_size_t under_way;          /* backups */
    pthread_mutex_t lock;             /* of `shared` */
    struct lk_verify_shared **shared; /* files with several links; NULL until one is met */
};

/* End the run: the first failure is kept. */
void lk_verify_run_fail(struct lk_verify_run *run, const struct lk_error *err);
/* Should work stop? */
bool lk_verify_run_stopped(struct lk_verify_run *run);
/* A sentence for the result. */
void lk_verify_run_note(struct lk_verify_run *run, const char *format, ...) LK_PRINTF(2, 3);
/* Data was read: count it, and emit progress now and then. */
void lk_verify_run_progress(struct lk_verify_run *run, uint64_t bytes, uint64_t rows);
/* More, or less, is to be read than was thought. */
void lk_verify_run_expect(struct lk_verify_run *run, uint64_t before, uint64_t now);
/* The scratch of a worker, made at its first use; NULL, and the run has failed, when memory is out. */
struct lk_verify_scratch *lk_verify_run_scratch(struct lk_verify_run *run, unsigned worker);

/* Is a failure to read a file of a backup damage of that file (rather than of memory, rights, descriptors)?
 */
bool lk_verify_run_is_damage(const struct lk_error *err);

/* What of a message stands behind "<the backup's folder>/", where it begins with that; borrowed. */
const char *lk_verify_run_below(const struct lk_verify_backup *b, const char *message);

/* Add damage; texts are copied, `message` is safe to show already and loses the backup's folder at its
 * beginning. When memory is out the run fails. */
void lk_verify_damages_add(struct lk_verify_damages *to, struct lk_verify_backup *b, const char *table,
                           uint64_t part, const char *file, const char *format, ...) LK_PRINTF(6, 7);
void lk_verify_damages_reset(struct lk_verify_damages *d);

#endif
