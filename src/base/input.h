/* A file (or memory) that is read at offsets. Any number of threads may read at once. pread, never mmap: a
 * damaged disk or a vanished network file system must give an error and no SIGBUS. */
#ifndef LK_BASE_INPUT_H
#define LK_BASE_INPUT_H

#include "base/bytes.h"
#include "base/dir.h"

struct lk_input;

/* Open a regular file, no link followed. Missing: LK_NOT_FOUND. A link or anything else that is no regular
 * file: LK_DAMAGED (it is not opened, nor is a FIFO waited for). The size is taken now. `dir` need not
 * outlive the input. */
enum lk_status lk_input_open(const struct lk_dir *dir, const char *name, struct lk_input **out,
                             struct lk_error *err) LK_CHECKED;
/* `content` must outlive it; shown_name is copied. */
enum lk_status lk_input_of_memory(struct lk_bytes content, const char *shown_name, struct lk_input **out,
                                  struct lk_error *err) LK_CHECKED;
void lk_input_close(struct lk_input *in); /* NULL is allowed */
uint64_t lk_input_size(const struct lk_input *in);
const char *lk_input_name(const struct lk_input *in); /* folder and name, for messages; borrowed */
/* Exactly len bytes at offset, or LK_FAILED (I/O error) or LK_DAMAGED (past the end, also of a file that
 * became shorter). */
enum lk_status lk_input_read(const struct lk_input *in, uint64_t offset, void *ptr, size_t len,
                             struct lk_error *err) LK_CHECKED;

#endif
