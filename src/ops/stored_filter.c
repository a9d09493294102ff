#include "ops/stored_filter.h"

#define TWO_63 9223372036854775808.0

/* Below, equal or above 0 as the integer is below, equal or above the real, whatever a double can hold. */
static int compare_integer_real(int64_t i, double r)
{
    if (r < -TWO_63)
        return 1;
    if (r >= TWO_63)
        return -1;
    const int64_t whole = (int64_t)r;
    if (i != whole)
        return i < whole ? -1 : 1;
    const double rest = r - (double)whole; /* exact: both are within a factor of two, or r is below 1 */
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

static int compare_numbers(const struct lk_value *a, const struct lk_value *b)
{
    if (a->class == LK_INTEGER && b->class == LK_INTEGER)
        return a->integer < b->integer ? -1 : a->integer > b->integer ? 1 : 0;
    if (a->class == LK_INTEGER)
        return compare_integer_real(a->integer, b->real);
    if (b->class == LK_INTEGER)
        return -compare_integer_real(b->integer, a->real);
    return a->real < b->real ? -1 : a->real > b->real ? 1 : 0;
}

static int compare_text(struct lk_bytes a, struct lk_bytes b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

/* A NaN has no order: nothing is left out for it. */
static bool is_number(const struct lk_value *v)
{
    return v->class == LK_INTEGER || (v->class == LK_REAL && v->real == v->real);
}

/* `least` and `greatest`: how the bounds compare with the filter's value. */
static bool fits(enum lk_comparison comparison, int least, int greatest)
{
    switch (comparison) {
    case LK_EQUAL:
        return least <= 0 && greatest >= 0;
    case LK_LESS:
        return least < 0;
    case LK_LESS_OR_EQUAL:
        return least <= 0;
    case LK_GREATER:
        return greatest > 0;
    case LK_GREATER_OR_EQUAL:
        return greatest >= 0;
    }
    return true;
}

bool lk_stored_filter_fits(const struct lk_rows_filter *f, const struct lk_parquet_range *range)
{
    const struct lk_value *least = &range->least, *greatest = &range->greatest;
    const bool number = is_number(&f->value), text = f->value.class == LK_TEXT;
    if (range->numbers && range->text && least->class == LK_NULL && greatest->class == LK_NULL)
        return !number && !text; /* all are NULL, which compares with nothing */
    if (range->numbers && number && is_number(least) && is_number(greatest))
        return fits(f->comparison, compare_numbers(least, &f->value), compare_numbers(greatest, &f->value));
    if (range->text && text && least->class == LK_TEXT && greatest->class == LK_TEXT)
        return fits(f->comparison, compare_text(least->bytes, f->value.bytes),
                    compare_text(greatest->bytes, f->value.bytes));
    return true;
}

bool lk_stored_filter_fits_keys(const struct lk_rows_filter *f, int64_t first, int64_t last)
{
    const struct lk_parquet_range range = {.numbers = true,
                                           .least = {.class = LK_INTEGER, .integer = first},
                                           .greatest = {.class = LK_INTEGER, .integer = last}};
    return lk_stored_filter_fits(f, &range);
}
