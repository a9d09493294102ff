#include "batch/schema.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

struct lk_table_schema *lk_table_schema_new(const char *name)
{
    struct lk_table_schema *t = lk_allocate_zeroed(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->name = lk_copy_string(name);
    if (t->name == NULL) {
        lk_free(t);
        return NULL;
    }
    return t;
}

void lk_table_schema_free(struct lk_table_schema *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->columns; i++) {
        lk_free(t->column[i].name);
        lk_free(t->column[i].declared_type);
    }
    lk_free(t->column);
    lk_free(t->name);
    lk_free(t);
}

struct lk_column_schema *lk_table_schema_add(struct lk_table_schema *t, const char *name,
                                             const char *declared_type)
{
    struct lk_column_schema *grown = lk_reallocate(t->column, (t->columns + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    t->column = grown;
    struct lk_column_schema *c = &grown[t->columns];
    *c = (struct lk_column_schema){.name = lk_copy_string(name),
                                   .declared_type = lk_copy_string(declared_type)};
    if (c->name == NULL || c->declared_type == NULL) {
        lk_free(c->name);
        lk_free(c->declared_type);
        return NULL;
    }
    c->affinity = lk_affinity_of(declared_type);
    t->columns++;
    return c;
}

/* ASCII only, as SQLite's own comparison of type names. */
static bool contains(const char *text, const char *word)
{
    const size_t len = strlen(word);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < len && toupper((unsigned char)text[i]) == word[i])
            i++;
        if (i == len)
            return true;
    }
    return false;
}

enum lk_affinity lk_affinity_of(const char *declared_type)
{
    if (contains(declared_type, "INT"))
        return LK_AFFINITY_INTEGER;
    if (contains(declared_type, "CHAR") || contains(declared_type, "CLOB") || contains(declared_type, "TEXT"))
        return LK_AFFINITY_TEXT;
    if (declared_type[0] == '\0' || contains(declared_type, "BLOB"))
        return LK_AFFINITY_BLOB;
    if (contains(declared_type, "REAL") || contains(declared_type, "FLOA") || contains(declared_type, "DOUB"))
        return LK_AFFINITY_REAL;
    return LK_AFFINITY_NUMERIC;
}

static const char *const affinity_names[] = {
    [LK_AFFINITY_BLOB] = "BLOB",       [LK_AFFINITY_TEXT] = "TEXT", [LK_AFFINITY_NUMERIC] = "NUMERIC",
    [LK_AFFINITY_INTEGER] = "INTEGER", [LK_AFFINITY_REAL] = "REAL",
};

const char *lk_affinity_name(enum lk_affinity a)
{
    return affinity_names[a];
}

bool lk_affinity_parse(const char *name, enum lk_affinity *out)
{
    for (size_t i = 0; i < sizeof affinity_names / sizeof *affinity_names; i++) {
        if (strcmp(affinity_names[i], name) == 0) {
            *out = (enum lk_affinity)i;
            return true;
        }
    }
    return false;
}

static const char *const kind_names[] = {
    [LK_TABLE_ORDINARY] = "table", [LK_TABLE_SHADOW] = "shadow", [LK_TABLE_INTERNAL] = "internal"};

const char *lk_table_kind_name(enum lk_table_kind kind)
{
    return kind_names[kind];
}

bool lk_table_kind_parse(const char *name, enum lk_table_kind *out)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *out = (enum lk_table_kind)i;
            return true;
        }
    }
    return false;
}

const char *lk_class_name(enum lk_class c)
{
    static const char *const names[LK_CLASSES] = {"null", "integer", "real", "text", "blob", "rawtext"};
    return names[c];
}
