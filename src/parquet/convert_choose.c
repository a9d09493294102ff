/* Which conversion a column of another writer takes. */
#include "parquet/convert.h"

static void choose_decimal(const struct lk_parquet_element *e, struct lk_conversion *c, const char **problem)
{
    c->kind = LK_CONVERT_DECIMAL;
    c->big_endian = e->type == LK_PARQUET_BYTE_ARRAY || e->type == LK_PARQUET_FIXED_LEN_BYTE_ARRAY;
    if (!c->big_endian && e->type != LK_PARQUET_INT32 && e->type != LK_PARQUET_INT64)
        *problem = "its type is a decimal of a type that no decimal has";
    else if (e->precision <= 0 || e->scale < 0 || e->scale > e->precision)
        *problem = "its decimal type has an impossible scale or precision";
    else if ((unsigned)e->scale > LK_DECIMAL_BYTES * 3 || c->type.width > LK_DECIMAL_BYTES)
        *problem = "its decimal type has too many digits";
    c->scale = e->scale > 0 ? (unsigned)e->scale : 0;
    const bool may_be_long = c->big_endian && (c->type.width == 0 || c->type.width > 8);
    c->declared_type = c->scale > 0 ? "TEXT" : may_be_long ? "" : "INTEGER";
}

static void choose_time(const struct lk_parquet_element *e, enum lk_conversion_kind kind, unsigned digits,
                        bool utc, struct lk_conversion *c)
{
    const bool wide = e->type == LK_PARQUET_INT64;
    if ((!wide && e->type != LK_PARQUET_INT32) || digits == 0 || (kind == LK_CONVERT_TIMESTAMP && !wide))
        return; /* a unit or type that is not known: the number itself */
    c->kind = kind;
    c->digits = digits;
    c->utc = utc;
    c->declared_type = "TEXT";
}

static void choose_integer(const struct lk_parquet_element *e, bool is_signed, int bits,
                           struct lk_conversion *c)
{
    if (is_signed || (e->type != LK_PARQUET_INT32 && e->type != LK_PARQUET_INT64))
        return;
    c->kind = LK_CONVERT_UNSIGNED;
    c->declared_type = e->type == LK_PARQUET_INT64 && bits == 64 ? "" : "INTEGER";
}

static void choose_text(const struct lk_parquet_element *e, struct lk_conversion *c)
{
    if (e->type != LK_PARQUET_BYTE_ARRAY)
        return;
    c->kind = LK_CONVERT_TEXT;
    c->declared_type = "TEXT";
}

static void choose_fixed(const struct lk_parquet_element *e, uint32_t width, enum lk_conversion_kind kind,
                         const char *declared, struct lk_conversion *c)
{
    if (e->type != LK_PARQUET_FIXED_LEN_BYTE_ARRAY || c->type.width != width)
        return;
    c->kind = kind;
    c->declared_type = declared;
}

static void choose_physical(const struct lk_parquet_element *e, struct lk_conversion *c)
{
    switch (e->type) {
    case LK_PARQUET_BOOLEAN:
        c->kind = LK_CONVERT_BOOLEAN;
        c->declared_type = "BOOLEAN";
        break;
    case LK_PARQUET_INT32:
    case LK_PARQUET_INT64:
        c->kind = LK_CONVERT_SIGNED;
        c->declared_type = "INTEGER";
        break;
    case LK_PARQUET_INT96:
        c->kind = LK_CONVERT_INT96;
        c->declared_type = "TEXT";
        break;
    case LK_PARQUET_FLOAT:
    case LK_PARQUET_DOUBLE:
        c->kind = LK_CONVERT_REAL;
        c->declared_type = "REAL";
        break;
    case LK_PARQUET_BYTE_ARRAY:
    case LK_PARQUET_FIXED_LEN_BYTE_ARRAY:
        c->kind = LK_CONVERT_BLOB;
        c->declared_type = "BLOB";
        break;
    }
}

/* Only files without a (known) logical type are looked at for a converted one. */
static void choose_converted(const struct lk_parquet_element *e, struct lk_conversion *c,
                             const char **problem)
{
    switch (e->converted) {
    case LK_PARQUET_CONVERTED_UTF8:
    case LK_PARQUET_CONVERTED_ENUM:
    case LK_PARQUET_CONVERTED_JSON:
        choose_text(e, c);
        break;
    case LK_PARQUET_CONVERTED_DECIMAL:
        choose_decimal(e, c, problem);
        break;
    case LK_PARQUET_CONVERTED_DATE:
        if (e->type == LK_PARQUET_INT32)
            choose_time(e, LK_CONVERT_DATE, 3, false, c);
        break;
    case LK_PARQUET_CONVERTED_TIME_MILLIS:
        choose_time(e, LK_CONVERT_TIME, 3, true, c);
        break;
    case LK_PARQUET_CONVERTED_TIME_MICROS:
        choose_time(e, LK_CONVERT_TIME, 6, true, c);
        break;
    case LK_PARQUET_CONVERTED_TIMESTAMP_MILLIS:
        choose_time(e, LK_CONVERT_TIMESTAMP, 3, true, c);
        break;
    case LK_PARQUET_CONVERTED_TIMESTAMP_MICROS:
        choose_time(e, LK_CONVERT_TIMESTAMP, 6, true, c);
        break;
    case LK_PARQUET_CONVERTED_UINT_8:
    case LK_PARQUET_CONVERTED_UINT_16:
    case LK_PARQUET_CONVERTED_UINT_32:
        choose_integer(e, false, 32, c);
        break;
    case LK_PARQUET_CONVERTED_UINT_64:
        choose_integer(e, false, 64, c);
        break;
    case LK_PARQUET_CONVERTED_NONE:
    case LK_PARQUET_CONVERTED_MAP:
    case LK_PARQUET_CONVERTED_MAP_KEY_VALUE:
    case LK_PARQUET_CONVERTED_LIST:
    case LK_PARQUET_CONVERTED_INT_8:
    case LK_PARQUET_CONVERTED_INT_16:
    case LK_PARQUET_CONVERTED_INT_32:
    case LK_PARQUET_CONVERTED_INT_64:
    case LK_PARQUET_CONVERTED_BSON:
    case LK_PARQUET_CONVERTED_INTERVAL:
    default:
        break;
    }
}

const char *lk_convert_choose(const struct lk_parquet_element *e, struct lk_conversion *c)
{
    const char *problem = NULL;
    *c = (struct lk_conversion){.declared_type = ""};
    if (e->type == LK_PARQUET_FIXED_LEN_BYTE_ARRAY && e->type_length <= 0)
        return "its values have a fixed length of 0 or less";
    c->type = lk_decode_type_of(e);
    choose_physical(e, c);
    switch (e->logical) {
    case LK_PARQUET_LOGICAL_STRING:
    case LK_PARQUET_LOGICAL_ENUM:
    case LK_PARQUET_LOGICAL_JSON:
        choose_text(e, c);
        break;
    case LK_PARQUET_LOGICAL_DECIMAL:
        choose_decimal(e, c, &problem);
        break;
    case LK_PARQUET_LOGICAL_DATE:
        if (e->type == LK_PARQUET_INT32)
            choose_time(e, LK_CONVERT_DATE, 3, false, c);
        break;
    case LK_PARQUET_LOGICAL_TIME:
        choose_time(e, LK_CONVERT_TIME, (unsigned)e->logical_digits, e->logical_utc, c);
        break;
    case LK_PARQUET_LOGICAL_TIMESTAMP:
        choose_time(e, LK_CONVERT_TIMESTAMP, (unsigned)e->logical_digits, e->logical_utc, c);
        break;
    case LK_PARQUET_LOGICAL_INTEGER:
        choose_integer(e, e->logical_signed, e->logical_bits, c);
        break;
    case LK_PARQUET_LOGICAL_UUID:
        choose_fixed(e, 16, LK_CONVERT_UUID, "TEXT", c);
        break;
    case LK_PARQUET_LOGICAL_FLOAT16:
        choose_fixed(e, 2, LK_CONVERT_FLOAT16, "REAL", c);
        break;
    case LK_PARQUET_LOGICAL_BSON:
    case LK_PARQUET_LOGICAL_UNKNOWN:
    case LK_PARQUET_LOGICAL_MAP:
    case LK_PARQUET_LOGICAL_LIST:
        break;
    case LK_PARQUET_LOGICAL_NONE:
    default:
        choose_converted(e, c, &problem);
        break;
    }
    return problem;
}

bool lk_convert_is_direct(const struct lk_conversion *c, enum lk_class *class)
{
    if (c->kind == LK_CONVERT_SIGNED && c->type.width == 8)
        *class = LK_INTEGER;
    else if (c->kind == LK_CONVERT_TEXT)
        *class = LK_TEXT;
    else if (c->kind == LK_CONVERT_BLOB && c->type.width == 0)
        *class = LK_BLOB;
    else
        return false;
    return true;
}
