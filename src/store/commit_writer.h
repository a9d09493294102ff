/* The inside of a backup writer. Private to src/store. */
#ifndef LK_STORE_COMMIT_WRITER_H
#define LK_STORE_COMMIT_WRITER_H

#include <pthread.h>

#include "base/clock.h"
#include "store/commit.h"

#define LK_TEMPORARY_PREFIX ".tmp-"
#define LK_TRASH_FOLDER ".trash"

/* A folder made below the backup. Its descriptor is open only while files in it are being written: there may
 * be more folders than descriptors. */
struct lk_writer_folder {
    char *path;        /* relative to the backup */
    struct lk_dir dir; /* closed when users is 0 */
    size_t users;
};

struct lk_backup_writer {
    const struct lk_store *store;
    const struct lk_dir *database;
    struct lk_warn warn;
    char id[LK_TIME_SIZE];
    char temporary[LK_TIME_SIZE + sizeof LK_TEMPORARY_PREFIX];
    uint64_t seq;
    struct lk_dir dir; /* the temporary folder */
    bool committed;

    pthread_mutex_t mutex; /* guards what follows */
    size_t folders;
    struct lk_writer_folder *
        *folder; /* each after the one it lies in; stays where it is: outputs hold its dir */
    size_t files;
    struct lk_manifest_file *file; /* finished and linked ones, in any order */
    bool copy_said;                /* that links are refused here */
};

/* Have the folder of `path` open, made when missing, for one user more. *name: the last component, borrowed.
 * *folder NULL: the backup's own. */
enum lk_status lk_backup_writer_acquire(struct lk_backup_writer *w, const char *path,
                                        const struct lk_dir **dir, struct lk_writer_folder **folder,
                                        const char **name, struct lk_error *err) LK_CHECKED;
void lk_backup_writer_release(struct lk_backup_writer *w, struct lk_writer_folder *folder);
/* The folder that `path` lies in, which somebody uses; NULL: the backup's own. */
struct lk_writer_folder *lk_backup_writer_folder_of(struct lk_backup_writer *w, const char *path);

/* Remember a file that is durable under `path`. */
enum lk_status lk_backup_writer_record(struct lk_backup_writer *w, const char *path, uint64_t bytes,
                                       const uint8_t sha256[LK_SHA256_SIZE], struct lk_error *err) LK_CHECKED;

#endif
