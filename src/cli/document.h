/* Results as JSON. An object is filled member by member with a sticky error, and printed as one line. One
 * thread at a time.
 *
 * Field names are those of docs/JSON.md: fields are added, never removed or renamed. */
#ifndef LK_CLI_DOCUMENT_H
#define LK_CLI_DOCUMENT_H

#include <jansson.h>

#include "cli/console.h"

struct lk_document {
    json_t *value; /* owned; NULL after it was printed or moved into another */
    bool failed;   /* memory ran out */
};

struct lk_document lk_document_object(void);
struct lk_document lk_document_array(void);
void lk_document_reset(struct lk_document *d);

/* A member of an object. NULL text is null; text that is no UTF-8 is escaped. A time of 0 is null, else RFC
 * 3339 in UTC. Seconds from nanoseconds. */
void lk_document_text(struct lk_document *d, const char *key, const char *text);
void lk_document_number(struct lk_document *d, const char *key, uint64_t number);
void lk_document_flag(struct lk_document *d, const char *key, bool flag);
void lk_document_null(struct lk_document *d, const char *key);
void lk_document_time(struct lk_document *d, const char *key, int64_t time);
void lk_document_seconds(struct lk_document *d, const char *key, int64_t duration);
/* An array of strings from a NULL-terminated one; NULL is empty. */
void lk_document_texts(struct lk_document *d, const char *key, const char *const *texts);
/* Move `member` into an object under `key`, or to the end of an array. */
void lk_document_put(struct lk_document *d, const char *key, struct lk_document *member);
void lk_document_append(struct lk_document *array, struct lk_document *member);

/* As text on one line, without a line end, and reset. NULL when memory ran out on the way; free() it. */
char *lk_document_dump(struct lk_document *d);

/* Print on one line and reset. LK_FAILED when memory ran out on the way: then nothing is printed. */
enum lk_status lk_document_print(struct lk_document *d, struct lk_console *c,
                                 struct lk_error *err) LK_CHECKED;
/* The same, with one more last member: an array of values that are JSON texts already (rows, whose 9e999 no
 * JSON library takes). */
enum lk_status lk_document_print_with(struct lk_document *d, const char *key, const char *const *values,
                                      size_t count, struct lk_console *c, struct lk_error *err) LK_CHECKED;

#endif
