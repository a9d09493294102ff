#include "sqlite/vtab_plan.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buffer.h"

#define ROWS_UNKNOWN 1e6

static bool comparison_of(unsigned char op, enum lk_comparison *out)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        *out = LK_EQUAL;
        return true;
    case SQLITE_INDEX_CONSTRAINT_LT:
        *out = LK_LESS;
        return true;
    case SQLITE_INDEX_CONSTRAINT_LE:
        *out = LK_LESS_OR_EQUAL;
        return true;
    case SQLITE_INDEX_CONSTRAINT_GT:
        *out = LK_GREATER;
        return true;
    case SQLITE_INDEX_CONSTRAINT_GE:
        *out = LK_GREATER_OR_EQUAL;
        return true;
    default:
        return false;
    }
}

/* x IN (...): SQLite would run the whole table once for each member. Left alone, it runs it once and looks
 * each row up in the list. */
static bool is_in(sqlite3_index_info *info, int i)
{
    return sqlite3_vtab_in(info, i, -1) != 0;
}

static bool is_constant(sqlite3_index_info *info, int i)
{
    sqlite3_value *value = NULL;
    return sqlite3_vtab_rhs_value(info, i, &value) == SQLITE_OK && value != NULL;
}

static const char *const collations[] = {"BINARY", "NOCASE", "RTRIM"};
#define COLLATIONS (sizeof collations / sizeof *collations)

static size_t collation_of(sqlite3_index_info *info, int i)
{
    const char *name = sqlite3_vtab_collation(info, i);
    size_t found = 0;
    while (found < COLLATIONS && (name == NULL || strcasecmp(name, collations[found]) != 0))
        found++;
    return found;
}

static bool is_rowid(const struct lk_vtab_shape *shape, int column)
{
    return column < 0 || (size_t)column == shape->alias;
}

/* Rows that SQLite may expect from one comparison, as a share of all: its own guesses without statistics. */
static double expected(const struct lk_vtab_shape *shape, double rows, int column,
                       enum lk_comparison comparison)
{
    if (comparison != LK_EQUAL)
        return rows / 4;
    return is_rowid(shape, column) ? 1 : fmin(rows, 10);
}

int lk_vtab_plan_choose(const struct lk_vtab_shape *shape, sqlite3_index_info *info)
{
    const double all = shape->rows->rows == UINT64_MAX ? ROWS_UNKNOWN : fmax((double)shape->rows->rows, 1);
    double rows = all, cost = all * 3;
    int lookup = -1, terms = 0;
    struct lk_buffer text = {0};
    lk_buffer_append_format(&text, "%" PRIx64, (uint64_t)info->colUsed);
    for (int i = 0; i < info->nConstraint && terms < LK_VTAB_TERMS; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        enum lk_comparison comparison;
        if (!c->usable || !comparison_of(c->op, &comparison) || is_in(info, i))
            continue;
        const size_t collation = collation_of(info, i);
        const bool constant = is_constant(info, i);
        const int column = c->iColumn < 0 && shape->alias != SIZE_MAX ? (int)shape->alias : c->iColumn;
        lk_buffer_append_format(&text, ",%d.%d.%d.%zu", column, (int)comparison, constant ? 1 : 0, collation);
        rows = fmin(rows, expected(shape, all, c->iColumn, comparison));
        if (comparison == LK_EQUAL && collation < COLLATIONS && !constant && lookup < 0)
            lookup = terms;
        info->aConstraintUsage[i].argvIndex = ++terms;
    }
    /* A comparison with what another table has is looked up; one with a constant reads the blocks that it
     * does not rule out. */
    if (lookup >= 0)
        cost = log2(all + 2) + rows * 3;
    else if (terms > 0)
        cost = all + rows;
    info->orderByConsumed = !shape->rows->schema->without_rowid && info->nOrderBy == 1 &&
                            !info->aOrderBy[0].desc && is_rowid(shape, info->aOrderBy[0].iColumn);
    info->estimatedCost = cost;
    info->estimatedRows = (sqlite3_int64)fmax(rows, 1);
    info->idxNum = lookup;
    info->idxStr = lk_buffer_string(&text) == NULL ? NULL : sqlite3_mprintf("%s", lk_buffer_string(&text));
    info->needToFreeIdxStr = 1;
    lk_buffer_reset(&text);
    return info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

bool lk_vtab_plan_parse(const char *text, struct lk_vtab_plan *out)
{
    char *at = NULL;
    out->lookup = -1;
    out->terms = 0;
    out->used = strtoull(text, &at, 16);
    while (*at == ',' && out->terms < LK_VTAB_TERMS) {
        struct lk_vtab_term *t = &out->term[out->terms++];
        const long column = strtol(at + 1, &at, 10);
        t->column = column < 0 ? LK_ROWS_ROWID : (size_t)column;
        t->comparison = (enum lk_comparison)strtol(at + 1, &at, 10);
        t->constant = strtol(at + 1, &at, 10) != 0;
        const unsigned long collation = strtoul(at + 1, &at, 10);
        t->collation = collation < COLLATIONS ? collations[collation] : NULL;
    }
    return *at == '\0';
}

bool lk_vtab_plan_excludes_all(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_NULL;
}

/* Could NUMERIC affinity make a number of this text? */
static bool looks_numeric(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && isspace((unsigned char)text[i]))
        i++;
    return i < len && (isdigit((unsigned char)text[i]) || text[i] == '+' || text[i] == '-' || text[i] == '.');
}

/* Of a block whose values are all text: may it be ruled out by comparing bytes? With TEXT affinity or none on
 * both sides that is what SQLite does. NUMERIC affinity can only come from the other side (the column's own
 * is TEXT or BLOB): then numbers written as text are compared as numbers, and a constant has no affinity. */
static bool compares_bytes(const struct lk_vtab_term *term, const char *text, size_t len)
{
    if (term->collation == NULL || strcmp(term->collation, "BINARY") != 0)
        return false;
    return term->constant || (term->comparison == LK_EQUAL && !looks_numeric(text, len));
}

bool lk_vtab_plan_filter(const struct lk_vtab_shape *shape, const struct lk_vtab_term *term,
                         sqlite3_value *value, struct lk_rows_filter *out)
{
    *out = (struct lk_rows_filter){.column = term->column, .comparison = term->comparison};
    if (term->column == LK_ROWS_ROWID && !shape->hidden_rowid)
        return false; /* rows that are only numbered */
    const enum lk_affinity affinity =
        term->column == LK_ROWS_ROWID ? LK_AFFINITY_INTEGER : shape->affinity[term->column];
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        out->value = (struct lk_value){.class = LK_INTEGER, .integer = sqlite3_value_int64(value)};
        return affinity != LK_AFFINITY_TEXT;
    case SQLITE_FLOAT:
        out->value = (struct lk_value){.class = LK_REAL, .real = sqlite3_value_double(value)};
        return affinity != LK_AFFINITY_TEXT;
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_value_text(value);
        const size_t len = (size_t)sqlite3_value_bytes(value);
        out->value = (struct lk_value){.class = LK_TEXT, .bytes = lk_bytes(text, len)};
        return text != NULL && (affinity == LK_AFFINITY_TEXT || affinity == LK_AFFINITY_BLOB) &&
               (shape->utf8 || term->comparison == LK_EQUAL) && compares_bytes(term, text, len);
    }
    default:
        return false;
    }
}
