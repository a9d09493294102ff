/* Reading JSON objects that may be damaged or hostile: each field is checked where it is read, and the first
 * failure is kept, so that a caller reads all fields and checks once. Private to src/store.
 *
 * After a failure every call returns zeros and changes nothing. */
#ifndef LK_STORE_RECORD_H
#define LK_STORE_RECORD_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/hash.h"

struct lk_record_source {
    const char *file; /* for messages */
    struct lk_error *err;
    enum lk_status status; /* sticky: LK_DAMAGED, or LK_FAILED when memory is out */
};

/* An object being read, and where it stands: the place is spelled out only in a message. */
struct lk_record {
    struct lk_record_source *source;
    const json_t *object;           /* borrowed */
    const struct lk_record *parent; /* NULL: the root */
    const char *key;                /* in the parent */
    size_t index;                   /* in the array under that key; SIZE_MAX: not in an array */
};

/* Parse a text that is one JSON object. The caller frees *root (json_decref) also when false is returned. */
bool lk_record_parse(struct lk_record_source *source, struct lk_bytes text, json_t **root,
                     struct lk_record *out);

/* LK_DAMAGED "<file>: <place>.<key> <what>". */
void lk_record_fail(const struct lk_record *r, const char *key, const char *what);

bool lk_record_ok(const struct lk_record *r);
/* Is there such a field, and is it not null? */
bool lk_record_has(const struct lk_record *r, const char *key);

uint64_t lk_record_count(const struct lk_record *r, const char *key,
                         uint64_t max); /* an integer from 0 to max */
int64_t lk_record_integer(const struct lk_record *r, const char *key, int64_t min, int64_t max);
bool lk_record_flag(const struct lk_record *r, const char *key);    /* missing: false */
int64_t lk_record_time(const struct lk_record *r, const char *key); /* RFC 3339 */
/* A name (base/json.h): new string, any bytes but NUL. */
char *lk_record_text(const struct lk_record *r, const char *key);
char *lk_record_text_or_null(const struct lk_record *r, const char *key);
struct lk_hash128 lk_record_hash(const struct lk_record *r, const char *key);
void lk_record_sha256(const struct lk_record *r, const char *key, uint8_t out[LK_SHA256_SIZE]);

/* The object under `key`; false (and failed) when there is none. */
bool lk_record_object(const struct lk_record *r, const char *key, struct lk_record *out);
/* The array under `key` and its length; NULL (and failed) when there is none or it is longer than max. */
const json_t *lk_record_array(const struct lk_record *r, const char *key, size_t max, size_t *count);
/* Its element i, which must be an object. */
bool lk_record_element(const struct lk_record *r, const char *key, const json_t *array, size_t i,
                       struct lk_record *out);

#endif
