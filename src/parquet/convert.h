/* Other writers' types as SQLite values. NULL stays NULL.
 *
 *     Parquet column                        SQLite value                                 declared type
 *     BOOLEAN                               integer 0 or 1                               BOOLEAN
 *     INT32, INT64, INT(8..64, signed)      integer                                      INTEGER
 *     UINT_8, UINT_16, UINT_32              integer                                      INTEGER
 *     UINT_64                               integer; from 2^63 on decimal text           (none)
 *     FLOAT, DOUBLE, FLOAT16                real; NaN is NULL, as in SQLite itself       REAL
 *     DECIMAL of scale 0, up to 8 bytes     integer                                      INTEGER
 *     DECIMAL of scale 0, longer            integer; beyond 64 bits decimal text         (none)
 *     DECIMAL of other scales               exact decimal text, "-12.50"                 TEXT
 *     DATE                                  text "2024-05-29"                            TEXT
 *     TIME                                  text "09:14:42.123"                          TEXT
 *     TIMESTAMP                             text "2024-05-29T09:14:42.123"               TEXT
 *     INT96 (Impala's, Spark's timestamps)  the same, nine decimal places, no zone       TEXT
 *     STRING, ENUM, JSON                    text; raw text where it is not UTF-8         TEXT
 *     UUID                                  text "00112233-4455-6677-8899-aabbccddeeff"  TEXT
 *     BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY      blob                                         BLOB
 *     BSON, INTERVAL                        blob                                         BLOB
 *
 * Times have as many decimal places as their unit, 3, 6 or 9, so that their text sorts as they do, and end
 * with Z when they are adjusted to UTC (converted types always are). Years before 0 have a minus sign, years
 * after 9999 a plus sign (ISO 8601, expanded). Unknown logical types mean nothing: the physical type counts.
 * The declared type is chosen so that no affinity changes a value. */
#ifndef LK_PARQUET_CONVERT_H
#define LK_PARQUET_CONVERT_H

#include "batch/batch.h"
#include "parquet/decode_values.h"

enum lk_conversion_kind {
    LK_CONVERT_BOOLEAN,
    LK_CONVERT_SIGNED, /* INT32 or INT64: the width says which; so below */
    LK_CONVERT_UNSIGNED,
    LK_CONVERT_REAL, /* FLOAT or DOUBLE */
    LK_CONVERT_FLOAT16,
    LK_CONVERT_DECIMAL,
    LK_CONVERT_DATE,
    LK_CONVERT_TIME,
    LK_CONVERT_TIMESTAMP,
    LK_CONVERT_INT96,
    LK_CONVERT_UUID,
    LK_CONVERT_TEXT, /* byte arrays */
    LK_CONVERT_BLOB, /* byte arrays or fixed */
};

struct lk_conversion {
    enum lk_conversion_kind kind;
    const char *declared_type;
    struct lk_decode_type type;
    unsigned digits; /* TIME, TIMESTAMP: 3, 6 or 9 decimal places */
    bool utc;        /* TIME, TIMESTAMP: ends with Z */
    unsigned scale;  /* DECIMAL: 0 to LK_DECIMAL_BYTES * 3 */
    bool big_endian; /* DECIMAL: of byte arrays, else of integers */
};

#define LK_DECIMAL_BYTES 256u /* of the longest decimal: 616 digits */

/* How to convert a flat leaf. NULL when that can be done; else why not, a static text. */
const char *lk_convert_choose(const struct lk_parquet_element *e, struct lk_conversion *c);

/* Are the decoded values of this conversion a batch's stream as they are? Then *class is theirs (text may
 * still turn out to be raw). */
bool lk_convert_is_direct(const struct lk_conversion *c, enum lk_class *class);

/* At most so many bytes will be added for `rows` rows whose decoded values take `bytes`. */
uint64_t lk_convert_bound(const struct lk_conversion *c, uint64_t rows, uint64_t bytes);

/* Append the rows to column `to` of `batch`: `present` has a byte a row, 0 for NULL; `values` the dense
 * values of the others. A decimal of impossible length, or a time that is none: LK_DAMAGED. */
enum lk_status lk_convert_rows(const struct lk_conversion *c, struct lk_bytes present, struct lk_bytes values,
                               struct lk_batch *batch, struct lk_column *to, struct lk_error *err) LK_CHECKED;

#endif
