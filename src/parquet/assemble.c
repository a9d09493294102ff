#include "parquet/assemble.h"

bool lk_assemble_exception(uint8_t *classes, const uint8_t *exception, size_t rows)
{
    uint8_t twice = 0;
    for (size_t i = 0; i < rows; i++) {
        twice |= (uint8_t)((classes[i] != 0) & (exception[i] != 0));
        classes[i] |= exception[i];
    }
    return twice == 0;
}

/* The integer that a double of a merged column stands for: exact, and not the -0.0 that no integer has. */
static bool to_integer(double value, int64_t *out)
{
    if (!(value >= -9223372036854775808.0 && value < 9223372036854775808.0))
        return false;
    *out = (int64_t)value;
    const double back = (double)*out;
    return memcmp(&back, &value, sizeof value) == 0;
}

const char *lk_assemble_merged(uint8_t *classes, size_t rows, struct lk_bytes values, const uint8_t *has_flag,
                               const uint8_t *flags, enum lk_affinity affinity, struct lk_column *to)
{
    struct lk_buffer *integers = &to->values[LK_INTEGER], *reals = &to->values[LK_REAL];
    if (!lk_buffer_reserve(integers, values.len) || !lk_buffer_reserve(reals, values.len))
        return NULL; /* lk_batch_check reports it */
    const uint8_t *from = values.ptr;
    uint32_t integer_count = 0, real_count = 0;
    for (size_t i = 0; i < rows; i++) {
        bool is_int = false;
        if (has_flag != NULL && (has_flag[i] != 0) != (classes[i] == LK_REAL))
            return "its is_int column does not go with its main column";
        if (classes[i] != LK_REAL)
            continue;
        const double value = lk_get_f64(from);
        if (has_flag != NULL)
            is_int = *flags++ != 0;
        else
            is_int = lk_affinity_says_integer(affinity, value);
        if (is_int) {
            int64_t integer;
            if (!to_integer(value, &integer))
                return "it has an integer that is none";
            lk_put_u64(lk_buffer_extend(integers, 8), (uint64_t)integer);
            classes[i] = LK_INTEGER;
            integer_count++;
        } else {
            lk_buffer_append(reals, from, 8);
            real_count++;
        }
        from += 8;
    }
    to->counts[LK_INTEGER] += integer_count;
    to->counts[LK_REAL] += real_count;
    return NULL;
}
