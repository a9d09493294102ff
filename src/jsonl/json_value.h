/* JSON values into batch columns. Private to src/jsonl.
 *
 * The text is a run of whole lines. Each ends with \n, which is part of no JSON value of ours, so every loop
 * stops at it and nothing is compared with the text's end; behind that LK_JSON_SLACK bytes may be read. */
#ifndef LK_JSONL_JSON_VALUE_H
#define LK_JSONL_JSON_VALUE_H

#include "batch/batch.h"
#include "jsonl/json_string.h"

/* Arrays and objects inside one another, as deep as SQLite's own JSON functions go. */
#define LK_JSON_DEPTH 1000

struct lk_json_parser {
    lk_json_copy *copy;
    const uint8_t *limit;     /* the end of the last whole line */
    struct lk_buffer scratch; /* strings that go nowhere else */
    size_t before;            /* how long its stream was before the text or blob that was added last */
    /* After a failure: why, and at which byte. A NULL reason: out of memory. */
    const char *reason;
    const uint8_t *reason_at;
};

/* Add the value at `at` to the column; its end, or NULL on failure, and then the column is as it was.
 * Numbers without a fraction or an exponent are integers, beyond 64 bits text; true and false are 1 and 0;
 * NaN, Infinity and -Infinity are NULL and infinite reals; {"$base64":"..."} and {"$text_base64":"..."} are
 * blobs and rawtext; other objects and arrays are text, byte for byte. A string with half of a surrogate pair
 * (\ud800), which UTF-8 cannot hold, is rawtext, the half being three bytes as if it were a character. */
const uint8_t *lk_json_value_add(struct lk_json_parser *p, const uint8_t *at, struct lk_batch *b,
                                 struct lk_column *c);

/* An integer of 64 bits, or NULL. */
const uint8_t *lk_json_value_integer(struct lk_json_parser *p, const uint8_t *at, int64_t *out);

/* The end of the value at `at`, checked as strictly; NULL on failure. */
const uint8_t *lk_json_value_skip(struct lk_json_parser *p, const uint8_t *at);

/* Append the string whose first byte behind the quote is `at`; the byte behind its closing quote, or NULL.
 * *surrogate is set when it holds half of a pair, else left alone. */
const uint8_t *lk_json_value_string(struct lk_json_parser *p, const uint8_t *at, struct lk_buffer *to,
                                    bool *surrogate);

/* Record a failure; always NULL. */
static inline const uint8_t *lk_json_value_fail(struct lk_json_parser *p, const uint8_t *at,
                                                const char *reason)
{
    p->reason = reason;
    p->reason_at = at;
    return NULL;
}

/* White space within a line. */
static inline const uint8_t *lk_json_value_space(const uint8_t *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

#endif
