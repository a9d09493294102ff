/* A file being written: buffered, hashed, durable on commit.
 *
 * After pgBackRest's storage/posix/write.c: write, fsync, close, each checked. A failed fsync is never
 * retried (the kernel may have dropped the pages): the file is abandoned. Errors are sticky: after the first,
 * writes do nothing and commit reports it. One thread at a time (an output may move between threads under the
 * caller's lock). */
#ifndef LK_BASE_OUTPUT_H
#define LK_BASE_OUTPUT_H

#include "base/dir.h"
#include "base/hash.h"

struct lk_output;
struct lk_output_summary {
    uint64_t bytes;
    uint8_t sha256[LK_SHA256_SIZE]; /* of the whole content */
};

/* Create `name` with O_EXCL and O_NOFOLLOW, 0600 until commit; when it exists: LK_FAILED with err->system
 * EEXIST. `dir` must outlive the output. Writes pass through an aligned buffer of 1 MiB, allocated at the
 * first write and freed by commit; files larger than that go to the device with O_DIRECT where the file
 * system takes it. */
enum lk_status lk_output_create(const struct lk_dir *dir, const char *name, struct lk_output **out,
                                struct lk_error *err) LK_CHECKED;
void lk_output_write(struct lk_output *o, const void *ptr, size_t len);
/* Bytes written so far; those after an error are not counted. */
uint64_t lk_output_offset(const struct lk_output *o);
/* The sticky error so far. */
enum lk_status lk_output_check(const struct lk_output *o, struct lk_error *err) LK_CHECKED;
/* Flush, chmod to `mode` (file systems without modes keep theirs), fsync, close. At most once. After a
 * failure the file is gone. After success the name stays, but is durable only when the caller has synced its
 * folder. */
enum lk_status lk_output_commit(struct lk_output *o, mode_t mode, struct lk_output_summary *out,
                                struct lk_error *err) LK_CHECKED;
/* Free; when not committed, the file is closed and unlinked. NULL is allowed. */
void lk_output_free(struct lk_output *o);

#endif
