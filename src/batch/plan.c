#include "batch/plan.h"

#include <ctype.h>
#include <math.h>

#include "base/memory.h"
#include "base/text.h"

enum lk_status lk_table_stats_new(size_t columns, struct lk_table_stats **out, struct lk_error *err)
{
    struct lk_table_stats *s = lk_allocate_zeroed(1, sizeof *s);
    if (s == NULL)
        return lk_fail_memory(err, "counting values");
    s->columns = columns;
    s->column = lk_allocate_zeroed(columns == 0 ? 1 : columns, sizeof *s->column);
    if (s->column == NULL) {
        lk_free(s);
        return lk_fail_memory(err, "counting values");
    }
    *out = s;
    return LK_OK;
}

void lk_table_stats_free(struct lk_table_stats *s)
{
    if (s == NULL)
        return;
    lk_free(s->column);
    lk_free(s);
}

bool lk_affinity_says_integer(enum lk_affinity a, double value)
{
    if (a != LK_AFFINITY_NUMERIC && a != LK_AFFINITY_INTEGER)
        return false;
    return value > -0x1p63 && value < 0x1p63 && value == floor(value);
}

static bool exact_as_double(int64_t value)
{
    const double d = (double)value;
    return d < 0x1p63 && (int64_t)d == value;
}

static void add_column(struct lk_column_stats *s, const struct lk_column_schema *schema,
                       const struct lk_column *c)
{
    for (size_t k = 0; k < LK_CLASSES; k++)
        s->counts[k] += c->counts[k];
    const uint8_t *at = c->values[LK_INTEGER].data;
    for (uint32_t i = 0; i < c->counts[LK_INTEGER]; i++, at += 8) {
        const int64_t value = (int64_t)lk_get_u64(at);
        s->integers_inexact |= !exact_as_double(value);
        s->affinity_fails |= !lk_affinity_says_integer(schema->affinity, (double)value);
    }
    at = c->values[LK_REAL].data;
    for (uint32_t i = 0; i < c->counts[LK_REAL]; i++, at += 8)
        s->affinity_fails |= lk_affinity_says_integer(schema->affinity, lk_get_f64(at));
}

void lk_table_stats_add(struct lk_table_stats *s, const struct lk_table_schema *t, const struct lk_batch *b)
{
    for (size_t i = 0; i < s->columns; i++)
        add_column(&s->column[i], &t->column[i], &b->column[i]);
    if (b->hidden_rowid && !s->rowids_not_sequence) {
        for (uint32_t row = 0; row < b->rows; row++) {
            if ((uint64_t)lk_batch_rowid(b, row) != s->rows + row + 1) {
                s->rowids_not_sequence = true;
                break;
            }
        }
    }
    s->rows += b->rows;
    s->raw_bytes += b->raw_bytes;
}

enum lk_class lk_type_class(enum lk_type type)
{
    static const enum lk_class classes[] = {
        [LK_TYPE_INT64] = LK_INTEGER,
        [LK_TYPE_DOUBLE] = LK_REAL,
        [LK_TYPE_STRING] = LK_TEXT,
        [LK_TYPE_BYTE_ARRAY] = LK_BLOB,
    };
    return classes[type];
}

static bool can_merge(const struct lk_column_stats *s)
{
    return s->counts[LK_INTEGER] > 0 && s->counts[LK_REAL] > 0 && !s->integers_inexact;
}

static enum lk_type type_of_affinity(enum lk_affinity a)
{
    switch (a) {
    case LK_AFFINITY_TEXT:
        return LK_TYPE_STRING;
    case LK_AFFINITY_REAL:
        return LK_TYPE_DOUBLE;
    case LK_AFFINITY_BLOB:
        return LK_TYPE_BYTE_ARRAY;
    case LK_AFFINITY_NUMERIC:
    case LK_AFFINITY_INTEGER:
        break;
    }
    return LK_TYPE_INT64;
}

/* The type of most values. Rawtext never leads: it must not be in a STRING column, and has no other type of
 * its own. */
static enum lk_type main_type(const struct lk_column_stats *s, enum lk_affinity affinity, bool *merged)
{
    const uint64_t numbers = s->counts[LK_INTEGER] + s->counts[LK_REAL];
    uint64_t most = can_merge(s) ? numbers : s->counts[LK_INTEGER];
    enum lk_type type = can_merge(s) ? LK_TYPE_DOUBLE : LK_TYPE_INT64;
    *merged = can_merge(s);
    if (!can_merge(s) && s->counts[LK_REAL] > most) {
        most = s->counts[LK_REAL];
        type = LK_TYPE_DOUBLE;
    }
    if (s->counts[LK_TEXT] > most) {
        most = s->counts[LK_TEXT];
        type = LK_TYPE_STRING;
        *merged = false;
    }
    if (s->counts[LK_BLOB] > most) {
        most = s->counts[LK_BLOB];
        type = LK_TYPE_BYTE_ARRAY;
        *merged = false;
    }
    return most == 0 ? type_of_affinity(affinity) : type;
}

/* Main type and merging, with what the last backup had. */
static void choose_main(const struct lk_column_stats *s, const struct lk_column_plan *old,
                        struct lk_column_plan *p)
{
    p->main = main_type(s, p->affinity, &p->merged);
    if (old == NULL)
        return;
    uint64_t values = 0;
    for (size_t k = LK_INTEGER; k <= LK_BLOB; k++)
        values += s->counts[k];
    const bool old_leads = s->counts[lk_type_class(old->main)] > 0;
    const bool old_is_text = old->main == LK_TYPE_STRING || old->main == LK_TYPE_BYTE_ARRAY;
    if (values == 0) {
        p->main = old->main;
        p->merged = old->merged;
    } else if (old_leads && old_is_text) {
        p->main = old->main;
        p->merged = false;
    } else if (!p->merged && old->merged && !s->integers_inexact &&
               s->counts[LK_INTEGER] + s->counts[LK_REAL] > 0) {
        p->main = LK_TYPE_DOUBLE;
        p->merged = true;
    } else if (!p->merged && !old->merged && old_leads) {
        p->main = old->main;
    }
}

/* The file column's name for a database's column name: the same, but bytes that are no UTF-8 percent-encoded.
 */
static char *readable_name(const char *name)
{
    const size_t len = strlen(name);
    if (lk_utf8_valid((const uint8_t *)name, len))
        return lk_copy_string(name);
    struct lk_buffer out = {0};
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)name[i];
        if (byte < 0x80)
            lk_buffer_append_byte(&out, byte);
        else
            lk_buffer_append_format(&out, "%%%02X", byte);
    }
    char *copy = out.failed ? NULL : lk_copy_bytes(out.data, out.len);
    lk_buffer_reset(&out);
    return copy;
}

/* The names given so far, folded to lower case, in an open-addressing table: tables may have 2,000 columns.
 */
struct name_set {
    char **slot;
    size_t mask;
};

static size_t name_slot(const struct name_set *set, const char *folded)
{
    size_t at = (size_t)lk_key_hash(folded, strlen(folded)) & set->mask;
    while (set->slot[at] != NULL && strcmp(set->slot[at], folded) != 0)
        at = (at + 1) & set->mask;
    return at;
}

/* Returns *name, lengthened by underscores until nobody else has it; NULL (and *name freed) when memory is
 * out. */
static char *claim(struct name_set *set, char *name)
{
    while (name != NULL) {
        char *folded = lk_copy_string(name);
        if (folded == NULL)
            break;
        for (char *c = folded; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        const size_t at = name_slot(set, folded);
        if (set->slot[at] == NULL) {
            set->slot[at] = folded;
            return name;
        }
        lk_free(folded);
        char *longer = lk_format("%s_", name);
        lk_free(name);
        name = longer;
    }
    lk_free(name);
    return NULL;
}

static bool name_set_start(struct name_set *set, size_t columns)
{
    size_t slots = 16;
    while (slots < columns * (LK_CLASSES + 1) * 2 + 2)
        slots *= 2;
    set->slot = lk_allocate_zeroed(slots, sizeof *set->slot);
    set->mask = slots - 1;
    return set->slot != NULL;
}

static void name_set_free(struct name_set *set)
{
    for (size_t i = 0; set->slot != NULL && i <= set->mask; i++)
        lk_free(set->slot[i]);
    lk_free(set->slot);
}

static const struct lk_column_plan *find_history(const struct lk_plan *history, const char *name,
                                                 size_t likely)
{
    if (history == NULL || name == NULL)
        return NULL;
    if (likely < history->columns && strcmp(history->column[likely].name, name) == 0)
        return &history->column[likely];
    for (size_t i = 0; i < history->columns; i++) {
        if (strcmp(history->column[i].name, name) == 0)
            return &history->column[i];
    }
    return NULL;
}

static const char *const exception_suffix[LK_CLASSES] = {NULL, "int", "real", "text", "blob", "rawtext"};

/* Does the main column (with is_int or affinity) hold values of this class? */
static bool main_holds(const struct lk_column_plan *p, enum lk_class class)
{
    return lk_type_class(p->main) == class || (p->merged && class == LK_INTEGER);
}

static enum lk_status name_exceptions(struct lk_column_plan *p, const struct lk_column_stats *s,
                                      const struct lk_column_plan *old, struct name_set *names,
                                      struct lk_error *err)
{
    const bool had_is_int = old != NULL && old->merged && old->is_int_name != NULL;
    if (p->merged && (s->affinity_fails || had_is_int)) {
        p->is_int_name = claim(names, lk_format("%s__is_int", p->name));
        if (p->is_int_name == NULL)
            return lk_fail_memory(err, "planning columns");
    }
    for (enum lk_class k = LK_INTEGER; k < LK_CLASSES; k++) {
        const bool had = old != NULL && old->exception_name[k] != NULL;
        if (main_holds(p, k) || (s->counts[k] == 0 && !had))
            continue;
        p->exception_name[k] = claim(names, lk_format("%s__%s", p->name, exception_suffix[k]));
        if (p->exception_name[k] == NULL)
            return lk_fail_memory(err, "planning columns");
    }
    return LK_OK;
}

enum lk_status lk_plan_new(const struct lk_table_schema *t, const struct lk_table_stats *s,
                           const struct lk_plan *history, struct lk_plan **out, struct lk_error *err)
{
    struct name_set names = {0};
    enum lk_status status = LK_OK;
    struct lk_plan *p = lk_allocate_zeroed(1, sizeof *p);
    if (p != NULL)
        p->column = lk_allocate_zeroed(t->columns == 0 ? 1 : t->columns, sizeof *p->column);
    if (p == NULL || p->column == NULL || !name_set_start(&names, t->columns)) {
        status = lk_fail_memory(err, "planning columns");
        goto out;
    }
    p->columns = t->columns;
    /* The table's own names first: an exception column gives way to them, never the other way round. */
    for (size_t i = 0; i < t->columns; i++) {
        p->column[i].name = claim(&names, readable_name(t->column[i].name));
        p->column[i].affinity = t->column[i].affinity;
        if (p->column[i].name == NULL) {
            status = lk_fail_memory(err, "planning columns");
            goto out;
        }
    }
    const bool had_rowid = history != NULL && history->rowid_name != NULL;
    if (t->hidden_rowid && (s->rowids_not_sequence || had_rowid)) {
        p->rowid_name = claim(&names, lk_copy_string("_rowid_"));
        if (p->rowid_name == NULL) {
            status = lk_fail_memory(err, "planning columns");
            goto out;
        }
    }
    for (size_t i = 0; i < t->columns && status == LK_OK; i++) {
        const struct lk_column_plan *old = find_history(history, p->column[i].name, i);
        choose_main(&s->column[i], old, &p->column[i]);
        status = name_exceptions(&p->column[i], &s->column[i], old, &names, err);
    }
out:
    name_set_free(&names);
    if (status == LK_OK)
        *out = p;
    else
        lk_plan_free(p);
    return status;
}

void lk_plan_free(struct lk_plan *p)
{
    if (p == NULL)
        return;
    lk_free(p->rowid_name);
    for (size_t i = 0; i < p->columns; i++) {
        lk_free(p->column[i].name);
        lk_free(p->column[i].is_int_name);
        for (size_t k = 0; k < LK_CLASSES; k++)
            lk_free(p->column[i].exception_name[k]);
    }
    lk_free(p->column);
    lk_free(p);
}

static bool same_name(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool lk_plan_equal(const struct lk_plan *a, const struct lk_plan *b)
{
    if (a->columns != b->columns || !same_name(a->rowid_name, b->rowid_name))
        return false;
    for (size_t i = 0; i < a->columns; i++) {
        const struct lk_column_plan *x = &a->column[i], *y = &b->column[i];
        if (!same_name(x->name, y->name) || x->main != y->main || x->merged != y->merged ||
            x->affinity != y->affinity || !same_name(x->is_int_name, y->is_int_name))
            return false;
        for (size_t k = 0; k < LK_CLASSES; k++) {
            if (!same_name(x->exception_name[k], y->exception_name[k]))
                return false;
        }
    }
    return true;
}

static bool column_holds(const struct lk_column_plan *p, const struct lk_column_stats *s)
{
    for (enum lk_class k = LK_INTEGER; k < LK_CLASSES; k++) {
        if (s->counts[k] > 0 && !main_holds(p, k) && p->exception_name[k] == NULL)
            return false;
    }
    return !p->merged || ((s->counts[LK_INTEGER] == 0 || !s->integers_inexact) &&
                          (p->is_int_name != NULL || !s->affinity_fails));
}

bool lk_plan_holds(const struct lk_plan *p, const struct lk_table_stats *s)
{
    if (p->rowid_name == NULL && s->rowids_not_sequence)
        return false;
    for (size_t i = 0; i < p->columns; i++) {
        if (!column_holds(&p->column[i], &s->column[i]))
            return false;
    }
    return true;
}

size_t lk_plan_file_columns(const struct lk_plan *p)
{
    size_t count = p->rowid_name != NULL ? 1 : 0;
    for (size_t i = 0; i < p->columns; i++) {
        count += p->column[i].is_int_name != NULL ? 2 : 1;
        for (size_t k = 0; k < LK_CLASSES; k++)
            count += p->column[i].exception_name[k] != NULL ? 1 : 0;
    }
    return count;
}

void lk_plan_list_file_columns(const struct lk_plan *p, struct lk_file_column *out)
{
    static const enum lk_type exception_type[LK_CLASSES] = {
        [LK_INTEGER] = LK_TYPE_INT64,   [LK_REAL] = LK_TYPE_DOUBLE,        [LK_TEXT] = LK_TYPE_STRING,
        [LK_BLOB] = LK_TYPE_BYTE_ARRAY, [LK_RAWTEXT] = LK_TYPE_BYTE_ARRAY,
    };
    if (p->rowid_name != NULL)
        *out++ = (struct lk_file_column){.name = p->rowid_name, .role = LK_ROLE_ROWID, .type = LK_TYPE_INT64};
    for (size_t i = 0; i < p->columns; i++) {
        const struct lk_column_plan *c = &p->column[i];
        *out++ = (struct lk_file_column){.name = c->name, .role = LK_ROLE_MAIN, .column = i, .type = c->main};
        if (c->is_int_name != NULL)
            *out++ = (struct lk_file_column){.name = c->is_int_name, .role = LK_ROLE_IS_INT, .column = i};
        for (enum lk_class k = LK_INTEGER; k < LK_CLASSES; k++) {
            if (c->exception_name[k] != NULL)
                *out++ = (struct lk_file_column){.name = c->exception_name[k],
                                                 .role = LK_ROLE_EXCEPTION,
                                                 .column = i,
                                                 .class = k,
                                                 .type = exception_type[k]};
        }
    }
}
