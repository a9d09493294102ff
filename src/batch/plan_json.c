/* The plan as JSON (docs/STORE.md, "Column plan"):
 *
 * {"version":1, "table":NAME, "kind":"table|shadow|internal", "without_rowid":true?, "hidden_rowid":true?,
 *  "rowid":FILE COLUMN?, "first_rowid":N?,
 *  "columns":[{"name":NAME, "type":TEXT?, "affinity":A, "key":N?, "generated":true?, "is_rowid":true?,
 *              "column":FILE COLUMN, "main":"INT64|DOUBLE|STRING|BYTE_ARRAY", "merged":true?, "is_int":FILE
 * COLUMN?, "exceptions":{"integer|real|text|blob|rawtext":FILE COLUMN, ...}?}, ...]}
 *
 * A member with ? is left out when it is false, null, zero or empty. NAME and TEXT are spelled as text in
 * rows. */
#include "batch/plan.h"

#include "base/json.h"
#include "base/memory.h"

static const char *const type_names[] = {[LK_TYPE_INT64] = "INT64",
                                         [LK_TYPE_DOUBLE] = "DOUBLE",
                                         [LK_TYPE_STRING] = "STRING",
                                         [LK_TYPE_BYTE_ARRAY] = "BYTE_ARRAY"};

static json_t *column_to_json(const struct lk_column_schema *schema, const struct lk_column_plan *p)
{
    json_t *o = json_object();
    bool ok = lk_json_set(o, "name", lk_json_text(lk_bytes_of(schema->name)));
    if (schema->declared_type[0] != '\0')
        ok = ok && lk_json_set(o, "type", lk_json_text(lk_bytes_of(schema->declared_type)));
    ok = ok && lk_json_set(o, "affinity", json_string(lk_affinity_name(schema->affinity)));
    if (schema->key != 0)
        ok = ok && lk_json_set(o, "key", json_integer(schema->key));
    if (schema->stored_generated)
        ok = ok && lk_json_set(o, "generated", json_true());
    if (schema->is_rowid)
        ok = ok && lk_json_set(o, "is_rowid", json_true());
    ok = ok && lk_json_set(o, "column", json_string(p->name));
    ok = ok && lk_json_set(o, "main", json_string(type_names[p->main]));
    if (p->merged)
        ok = ok && lk_json_set(o, "merged", json_true());
    if (p->is_int_name != NULL)
        ok = ok && lk_json_set(o, "is_int", json_string(p->is_int_name));
    json_t *exceptions = json_object();
    for (enum lk_class k = LK_INTEGER; k < LK_CLASSES; k++) {
        if (p->exception_name[k] != NULL)
            ok = ok && lk_json_set(exceptions, lk_class_name(k), json_string(p->exception_name[k]));
    }
    if (json_object_size(exceptions) > 0)
        ok = ok && json_object_set(o, "exceptions", exceptions) == 0;
    json_decref(exceptions);
    if (!ok) {
        json_decref(o);
        return NULL;
    }
    return o;
}

enum lk_status lk_plan_to_json(const struct lk_table_schema *t, const struct lk_plan *p, int64_t first_rowid,
                               struct lk_buffer *out, struct lk_error *err)
{
    json_t *root = json_object(), *columns = json_array();
    bool ok = lk_json_set(root, "version", json_integer(1));
    ok = ok && lk_json_set(root, "table", lk_json_text(lk_bytes_of(t->name)));
    ok = ok && lk_json_set(root, "kind", json_string(lk_table_kind_name(t->kind)));
    if (t->without_rowid)
        ok = ok && lk_json_set(root, "without_rowid", json_true());
    if (t->hidden_rowid)
        ok = ok && lk_json_set(root, "hidden_rowid", json_true());
    if (p->rowid_name != NULL)
        ok = ok && lk_json_set(root, "rowid", json_string(p->rowid_name));
    if (first_rowid != 0)
        ok = ok && lk_json_set(root, "first_rowid", json_integer(first_rowid));
    for (size_t i = 0; i < t->columns; i++)
        ok = ok && json_array_append_new(columns, column_to_json(&t->column[i], &p->column[i])) == 0;
    ok = ok && json_object_set(root, "columns", columns) == 0;
    ok = ok && lk_json_dump(root, JSON_COMPACT, out);
    json_decref(columns);
    json_decref(root);
    return ok ? LK_OK : lk_fail_memory(err, "writing the column plan");
}

static enum lk_status broken(struct lk_error *err, const char *what)
{
    return lk_fail(err, LK_DAMAGED, "column plan: %s", what);
}

static bool find_name(const char *const *names, size_t count, const json_t *value, int *out)
{
    for (size_t i = 0; json_is_string(value) && i < count; i++) {
        if (strcmp(names[i], json_string_value(value)) == 0) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

/* An optional file column's name. False when the member exists and is no string. */
static bool get_file_column(const json_t *object, const char *key, char **out)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return true;
    return json_is_string(value) && (*out = lk_copy_string(json_string_value(value))) != NULL;
}

static enum lk_status read_column(const json_t *o, struct lk_table_schema *t, struct lk_column_plan *p,
                                  struct lk_error *err)
{
    char *name = NULL, *type = NULL;
    int main_type = 0;
    enum lk_status status = LK_OK;
    if (!lk_json_text_get(json_object_get(o, "name"), &name)) {
        status = broken(err, "a column without a name");
        goto out;
    }
    const json_t *declared = json_object_get(o, "type");
    if (declared == NULL)
        type = lk_copy_string("");
    else if (!lk_json_text_get(declared, &type))
        type = NULL;
    struct lk_column_schema *c = type == NULL ? NULL : lk_table_schema_add(t, name, type);
    const char *affinity = json_string_value(json_object_get(o, "affinity"));
    if (c == NULL || affinity == NULL || !lk_affinity_parse(affinity, &c->affinity)) {
        status = broken(err, "a column's type or affinity is not understood");
        goto out;
    }
    const json_int_t key = json_integer_value(json_object_get(o, "key"));
    c->key = key > 0 && key <= 32767 ? (int)key : 0;
    c->stored_generated = json_is_true(json_object_get(o, "generated"));
    c->is_rowid = json_is_true(json_object_get(o, "is_rowid"));
    p->affinity = c->affinity;
    p->merged = json_is_true(json_object_get(o, "merged"));
    const json_t *exceptions = json_object_get(o, "exceptions");
    bool ok = get_file_column(o, "column", &p->name) && p->name != NULL &&
              get_file_column(o, "is_int", &p->is_int_name) &&
              find_name(type_names, 4, json_object_get(o, "main"), &main_type);
    p->main = (enum lk_type)main_type;
    for (enum lk_class k = LK_INTEGER; ok && k < LK_CLASSES; k++)
        ok = get_file_column(exceptions, lk_class_name(k), &p->exception_name[k]);
    ok = ok && p->exception_name[lk_type_class(p->main)] == NULL &&
         (!p->merged || p->main == LK_TYPE_DOUBLE) && (!p->merged || p->exception_name[LK_INTEGER] == NULL) &&
         (p->merged || p->is_int_name == NULL);
    if (!ok)
        status = broken(err, "a column's file columns contradict one another");
out:
    lk_free(name);
    lk_free(type);
    return status;
}

enum lk_status lk_plan_from_json(struct lk_bytes json, struct lk_table_schema **t, struct lk_plan **p,
                                 int64_t *first_rowid, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    char *name = NULL;
    enum lk_table_kind table_kind = LK_TABLE_ORDINARY;
    json_error_t why;
    json_t *root =
        json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (root == NULL && json_error_code(&why) == json_error_out_of_memory)
        return lk_fail_memory(err, "reading a column plan");
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const json_t *columns = json_object_get(root, "columns");
    if (json_integer_value(json_object_get(root, "version")) != 1 || !json_is_array(columns) ||
        kind == NULL || !lk_table_kind_parse(kind, &table_kind) ||
        !lk_json_text_get(json_object_get(root, "table"), &name)) {
        status = broken(err, "not the JSON object of a plan of version 1");
        goto out;
    }
    const size_t count = json_array_size(columns);
    schema = lk_table_schema_new(name);
    plan = lk_allocate_zeroed(1, sizeof *plan);
    if (plan != NULL)
        plan->column = lk_allocate_zeroed(count == 0 ? 1 : count, sizeof *plan->column);
    if (schema == NULL || plan == NULL || plan->column == NULL) {
        status = lk_fail_memory(err, "reading a column plan");
        goto out;
    }
    schema->kind = table_kind;
    schema->without_rowid = json_is_true(json_object_get(root, "without_rowid"));
    schema->hidden_rowid = json_is_true(json_object_get(root, "hidden_rowid"));
    *first_rowid = json_integer_value(json_object_get(root, "first_rowid"));
    if (!get_file_column(root, "rowid", &plan->rowid_name) ||
        (plan->rowid_name != NULL && !schema->hidden_rowid)) {
        status = broken(err, "the rowid's file column is not understood");
        goto out;
    }
    plan->columns = count;
    for (size_t i = 0; i < count && status == LK_OK; i++)
        status = read_column(json_array_get(columns, i), schema, &plan->column[i], err);
out:
    json_decref(root);
    lk_free(name);
    if (status == LK_OK) {
        *t = schema;
        *p = plan;
    } else {
        lk_table_schema_free(schema);
        lk_plan_free(plan);
    }
    return status;
}
