/* JSON strings: the scan that writer and reader share. Private to src/jsonl. Any thread. */
#ifndef LK_JSONL_JSON_STRING_H
#define LK_JSONL_JSON_STRING_H

#include "base/buffer.h"

/* How far beyond the given length a lk_json_copy may read and write. */
#define LK_JSON_SLACK 32

struct lk_json_run {
    size_t len;
    uint64_t high; /* not 0 when one of the bytes is above 0x7f */
};

/* Copy bytes up to the first that a JSON string must escape (quote, backslash, C0 control), at most `len`;
 * how many they were. Reads and writes whole vectors: both sides must have LK_JSON_SLACK more bytes, whose
 * contents do not matter and are lost. */
typedef struct lk_json_run lk_json_copy(uint8_t *to, const uint8_t *from, size_t len);

/* The fastest that this processor runs. */
lk_json_copy *lk_json_string_copier(void);

/* All that this processor runs, portable first: for tests. Fills at most 4; returns how many. */
size_t lk_json_string_copiers(lk_json_copy *out[4]);

/* Write the escape of a byte that needs one (at most 6 bytes) and return the end. */
uint8_t *lk_json_string_put_escape(uint8_t *to, uint8_t byte);

/* Append `text` with its quotes. */
void lk_json_string_append(struct lk_bytes text, struct lk_buffer *out);

#endif
