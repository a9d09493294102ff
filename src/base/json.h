/* Small helpers over jansson for manifests, journals and file metadata. Rows of tables have a reader and
 * writer of their own. */
#ifndef LK_BASE_JSON_H
#define LK_BASE_JSON_H

#include <jansson.h>

#include "base/buffer.h"

/* A name or any other text of a database: a JSON string when it is valid UTF-8, else {"$text_base64": "..."},
 * as in rows. A new reference; NULL when memory is out. */
json_t *lk_json_text(struct lk_bytes text);

/* The reverse, as a new NUL-terminated string (free with lk_free). False when `value` is neither, holds a NUL
 * byte, or memory is out. */
bool lk_json_text_get(const json_t *value, char **out);

/* Append `value` as text, keys in the order they were set. `flags` are jansson's. False when memory is out.
 */
bool lk_json_dump(const json_t *value, size_t flags, struct lk_buffer *out);

/* Set a member, stealing the value; false when the value is NULL or memory is out. So calls can be joined
 * with &&. */
bool lk_json_set(json_t *object, const char *key, json_t *value);

#endif
