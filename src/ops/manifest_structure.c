#include "ops/manifest_structure.h"

#include <ctype.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "sqlite/rebuild.h"

/* What is wanted of a manifest's schema. */
struct choice {
    const struct lk_manifest *m;
    const char *const *tables;  /* NULL: all */
    bool *table;                /* for each table of the manifest */
    bool *row;                  /* for each row of its schema */
    const char **virtual_table; /* names of virtual tables */
    size_t virtual_tables;
};

static const char *text_of(const struct lk_manifest_text *t)
{
    return t->ptr == NULL ? "" : t->ptr;
}

static bool is_type(const struct lk_manifest_schema_row *row, const char *type)
{
    return strcasecmp(text_of(&row->type), type) == 0;
}

/* One word of a statement, whatever its case; *at is moved behind it and the blanks after it. */
static bool skip_word(const char **at, const char *word)
{
    const size_t len = strlen(word);
    if (strncasecmp(*at, word, len) != 0 || !isspace((unsigned char)(*at)[len]))
        return false;
    for (*at += len; isspace((unsigned char)**at); ++*at)
        ;
    return true;
}

static bool is_virtual(const struct lk_manifest_schema_row *row)
{
    const char *at = text_of(&row->sql);
    return is_type(row, "table") && skip_word(&at, "create") && skip_word(&at, "virtual");
}

static bool is_left_out(const struct lk_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->left_out.count; i++)
        if (strcasecmp(m->left_out.text[i], name) == 0)
            return true;
    return false;
}

/* The virtual table that a shadow table belongs to: the longest name that, with an underscore, begins its
 * own. NULL: none. */
static const char *owner_of(const struct choice *c, const char *shadow)
{
    const char *owner = NULL;
    for (size_t i = 0; i < c->virtual_tables; i++) {
        const char *name = c->virtual_table[i];
        const size_t len = strlen(name);
        if (strncasecmp(shadow, name, len) == 0 && shadow[len] == '_' &&
            (owner == NULL || len > strlen(owner)))
            owner = name;
    }
    return owner;
}

static bool is_shadow(const struct lk_manifest *m, const char *name)
{
    const struct lk_manifest_table *t = lk_manifest_find_table(m, name);
    return t != NULL && t->kind == LK_TABLE_SHADOW;
}

/* Were the shadow tables of this virtual table left out of the backup? Without them it is of no use. */
static bool lacks_shadows(const struct choice *c, const char *virtual_table)
{
    bool left_out = false;
    for (size_t i = 0; i < c->m->left_out.count && !left_out; i++) {
        const char *owner = owner_of(c, c->m->left_out.text[i]);
        left_out = owner != NULL && strcmp(owner, virtual_table) == 0;
    }
    for (size_t i = 0; i < c->m->tables && left_out; i++) {
        const char *owner =
            c->m->table[i]->kind == LK_TABLE_SHADOW ? owner_of(c, c->m->table[i]->name) : NULL;
        left_out = owner == NULL || strcmp(owner, virtual_table) != 0;
    }
    return left_out;
}

/* ---- Choosing */

static bool find_virtual_tables(struct choice *c)
{
    const struct lk_manifest *m = c->m;
    c->virtual_table = lk_allocate_zeroed(m->schema_rows + 1, sizeof *c->virtual_table);
    for (size_t i = 0; c->virtual_table != NULL && i < m->schema_rows; i++)
        if (is_virtual(&m->schema_row[i]))
            c->virtual_table[c->virtual_tables++] = text_of(&m->schema_row[i].name);
    return c->virtual_table != NULL;
}

static bool needs_sequence(const struct lk_manifest_schema_row *row)
{
    static const char word[] = "AUTOINCREMENT";
    for (const char *at = text_of(&row->sql); *at != '\0'; at++)
        if (strncasecmp(at, word, sizeof word - 1) == 0)
            return true;
    return false;
}

/* Is this row's table (its own, or the one it hangs on) wanted? */
static bool wants_table(const struct choice *c, const char *name)
{
    if (is_left_out(c->m, name))
        return false;
    if (c->tables == NULL)
        return true;
    const char *owner = is_shadow(c->m, name) ? owner_of(c, name) : NULL;
    return lk_text_is_listed(c->tables, name) || (owner != NULL && lk_text_is_listed(c->tables, owner));
}

static void choose_rows(struct choice *c)
{
    const struct lk_manifest *m = c->m;
    bool sequence = false;
    for (size_t i = 0; i < m->schema_rows; i++) {
        const struct lk_manifest_schema_row *row = &m->schema_row[i];
        const bool of_table = is_type(row, "table") || is_type(row, "index") || is_type(row, "trigger");
        c->row[i] = of_table ? wants_table(c, text_of(&row->tbl_name)) : c->tables == NULL;
        if (is_virtual(row) && lacks_shadows(c, text_of(&row->name)))
            c->row[i] = false;
        sequence |= c->row[i] && is_type(row, "table") && needs_sequence(row);
    }
    for (size_t i = 0; sequence && i < m->schema_rows; i++)
        if (strcasecmp(text_of(&m->schema_row[i].name), "sqlite_sequence") == 0)
            c->row[i] = true;
}

/* Tables follow their rows. */
static void choose_tables(struct choice *c)
{
    const struct lk_manifest *m = c->m;
    for (size_t i = 0; i < m->tables; i++) {
        const char *name = m->table[i]->name;
        c->table[i] = wants_table(c, name);
        for (size_t k = 0; !c->table[i] && k < m->schema_rows; k++)
            c->table[i] = c->row[k] && is_type(&m->schema_row[k], "table") &&
                          strcasecmp(text_of(&m->schema_row[k].name), name) == 0;
    }
}

static enum lk_status check_names(const struct choice *c, struct lk_error *err)
{
    const struct lk_manifest *m = c->m;
    for (const char *const *name = c->tables; name != NULL && *name != NULL; name++) {
        bool found = false;
        for (size_t i = 0; i < m->tables && !found; i++)
            found = strcasecmp(m->table[i]->name, *name) == 0;
        for (size_t i = 0; i < c->virtual_tables && !found; i++)
            found = strcasecmp(c->virtual_table[i], *name) == 0;
        if (!found && is_left_out(m, *name))
            return lk_fail(err, LK_NOT_FOUND,
                           "table \"%s\" was left out of this backup (--table or --skip-table)", *name);
        if (!found)
            return lk_fail(err, LK_NOT_FOUND, "no table \"%s\" in this backup", *name);
    }
    return LK_OK;
}

/* ---- Copying */

/* Text that is no UTF-8 is in the database's encoding (lk_schema_text). */
static bool copy_text(struct lk_schema_text *to, const struct lk_manifest_text *from)
{
    *to = (struct lk_schema_text){.class = LK_NULL};
    if (from->ptr == NULL)
        return true;
    to->class = lk_utf8_valid((const uint8_t *)from->ptr, from->len) ? LK_TEXT : LK_RAWTEXT;
    to->ptr = lk_copy_bytes(from->ptr, from->len);
    to->len = from->len;
    return to->ptr != NULL;
}

static enum lk_status copy_rows(const struct choice *c, struct lk_structure *st, struct lk_error *err)
{
    const struct lk_manifest *m = c->m;
    st->row = lk_allocate_zeroed(m->schema_rows + 1, sizeof *st->row);
    if (st->row == NULL)
        return lk_fail_memory(err, "reading a backup's schema");
    for (size_t i = 0; i < m->schema_rows; i++) {
        const struct lk_manifest_schema_row *from = &m->schema_row[i];
        if (!c->row[i])
            continue;
        struct lk_schema_row *to = &st->row[st->rows++];
        to->has_pages = is_type(from, "index") || (is_type(from, "table") && !is_virtual(from));
        if (!copy_text(&to->type, &from->type) || !copy_text(&to->name, &from->name) ||
            !copy_text(&to->tbl_name, &from->tbl_name) || !copy_text(&to->sql, &from->sql))
            return lk_fail_memory(err, "reading a backup's schema");
    }
    return LK_OK;
}

static struct lk_table_schema *copy_schema(const struct lk_table_schema *from)
{
    struct lk_table_schema *t = lk_table_schema_new(from->name);
    for (size_t i = 0; t != NULL && i < from->columns; i++) {
        const struct lk_column_schema *c = &from->column[i];
        struct lk_column_schema *to = lk_table_schema_add(t, c->name, c->declared_type);
        if (to == NULL) {
            lk_table_schema_free(t);
            return NULL;
        }
        to->affinity = c->affinity;
        to->key = c->key;
        to->stored_generated = c->stored_generated;
        to->is_rowid = c->is_rowid;
    }
    if (t != NULL) {
        t->kind = from->kind;
        t->without_rowid = from->without_rowid;
        t->hidden_rowid = from->hidden_rowid;
    }
    return t;
}

static enum lk_status copy_tables(const struct choice *c, const struct lk_table_schema *const *schema,
                                  struct lk_structure *st, struct lk_error *err)
{
    const struct lk_manifest *m = c->m;
    st->table = lk_allocate_zeroed(m->tables + 1, sizeof *st->table);
    if (st->table == NULL)
        return lk_fail_memory(err, "reading a backup's schema");
    for (size_t i = 0; i < m->tables; i++) {
        if (!c->table[i])
            continue;
        struct lk_plan *plan = NULL;
        struct lk_table_schema *t = NULL;
        if (schema != NULL && (t = copy_schema(schema[i])) == NULL)
            return lk_fail_memory(err, "reading a backup's schema");
        if (schema == NULL) {
            const enum lk_status status = lk_manifest_table_plan(m->table[i], &t, &plan, err);
            if (status != LK_OK)
                return status;
        }
        lk_plan_free(plan);
        st->table[st->tables++] = t;
    }
    return LK_OK;
}

static enum lk_status set_pragmas(const struct lk_manifest *m, struct lk_structure *st, struct lk_error *err)
{
    static const char *const names[] = {"UTF-8", "UTF-16le", "UTF-16be"};
    const char *encoding = m->pragmas.encoding == NULL ? "UTF-8" : m->pragmas.encoding;
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], encoding) == 0)
            st->encoding = i + 1;
    if (st->encoding == 0)
        return lk_fail(err, LK_DAMAGED, "the manifest names an encoding that SQLite does not have: %s",
                       encoding);
    st->page_size = m->pragmas.page_size == 0 ? 4096 : m->pragmas.page_size;
    st->auto_vacuum = (int)m->pragmas.auto_vacuum;
    st->user_version = m->pragmas.user_version;
    st->application_id = m->pragmas.application_id;
    st->wal = m->pragmas.wal;
    return LK_OK;
}

/* ---- Backups of the original script: no schema, only columns */

static void append_quoted(struct lk_buffer *sql, const char *name)
{
    lk_buffer_append_byte(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            lk_buffer_append_byte(sql, '"');
        lk_buffer_append_byte(sql, (uint8_t)*name);
    }
    lk_buffer_append_byte(sql, '"');
}

static bool set_text(struct lk_schema_text *to, const char *text)
{
    *to = (struct lk_schema_text){.class = LK_TEXT, .ptr = lk_copy_string(text), .len = strlen(text)};
    return to->ptr != NULL;
}

static bool make_row(struct lk_schema_row *row, const struct lk_table_schema *t)
{
    struct lk_buffer sql = {0};
    lk_buffer_append_string(&sql, "CREATE TABLE ");
    append_quoted(&sql, t->name);
    for (size_t i = 0; i < t->columns; i++) {
        const struct lk_column_schema *c = &t->column[i];
        lk_buffer_append_string(&sql, i == 0 ? "(" : ", ");
        append_quoted(&sql, c->name);
        if (c->declared_type[0] != '\0')
            lk_buffer_append_format(&sql, " %s", c->declared_type);
        if (c->is_rowid)
            lk_buffer_append_string(&sql, " PRIMARY KEY");
    }
    lk_buffer_append_string(&sql, ")");
    row->has_pages = true;
    const char *text = lk_buffer_string(&sql);
    const bool made = text != NULL && set_text(&row->type, "table") && set_text(&row->name, t->name) &&
                      set_text(&row->tbl_name, t->name) && set_text(&row->sql, text);
    lk_buffer_reset(&sql);
    return made;
}

static enum lk_status make_rows(struct lk_structure *st, struct lk_error *err)
{
    st->row = lk_allocate_zeroed(st->tables + 1, sizeof *st->row);
    if (st->row == NULL)
        return lk_fail_memory(err, "making a schema");
    for (size_t i = 0; i < st->tables; i++)
        if (!make_row(&st->row[st->rows++], st->table[i]))
            return lk_fail_memory(err, "making a schema");
    return LK_OK;
}

/* ---- The whole */

enum lk_status lk_manifest_structure_plain(const struct lk_manifest *m, const char *const *tables,
                                           const struct lk_table_schema *const *schema,
                                           struct lk_structure **out, struct lk_error *err)
{
    struct choice c = {.m = m, .tables = tables};
    struct lk_structure *st = lk_allocate_zeroed(1, sizeof *st);
    c.table = lk_allocate_zeroed(m->tables + 1, sizeof *c.table);
    c.row = lk_allocate_zeroed(m->schema_rows + 1, sizeof *c.row);
    enum lk_status status = LK_OK;
    if (st == NULL || c.table == NULL || c.row == NULL || !find_virtual_tables(&c))
        status = lk_fail_memory(err, "reading a backup's schema");
    if (status == LK_OK)
        status = check_names(&c, err);
    if (status == LK_OK)
        status = set_pragmas(m, st, err);
    if (status == LK_OK) {
        choose_rows(&c);
        choose_tables(&c);
        status = copy_tables(&c, schema, st, err);
    }
    if (status == LK_OK)
        status = schema != NULL ? make_rows(st, err) : copy_rows(&c, st, err);
    lk_free(c.table);
    lk_free(c.row);
    lk_free(c.virtual_table);
    if (status == LK_OK)
        *out = st;
    else
        lk_structure_free(st);
    return status;
}

enum lk_status lk_manifest_structure(const struct lk_manifest *m, const char *const *tables,
                                     const struct lk_table_schema *const *schema, struct lk_structure **out,
                                     struct lk_error *err)
{
    struct lk_structure *st = NULL;
    enum lk_status status = lk_manifest_structure_plain(m, tables, schema, &st, err);
    if (status == LK_OK)
        status = lk_rebuild_check(st, err);
    if (status == LK_OK)
        *out = st;
    else
        lk_structure_free(st);
    return status;
}
