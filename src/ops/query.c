/* SQL on backups: their tables as virtual tables in a sandbox. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ops/backup_rows.h"
#include "ops/restore_copy.h"
#include "sqlite/sandbox.h"
#include "sqlite/tmp.h"

/* A backup and the schema that its tables are in. */
struct source {
    char *schema;
    const struct lk_backup *backup;
    char *file; /* the copy of the database, unpacked, where there are no rows; else NULL */
};

struct query {
    struct lk_tmp *tmp; /* for such files */
    struct lk_backup_rows *rows;
    struct lk_sandbox *sandbox;
    size_t sources;
    struct source *source;
};

/* The arguments of a virtual table: numbers of the source and of the table in its manifest. */
static enum lk_status open_rows(void *context, size_t arguments, const char *const *argument,
                                struct lk_rows **out, struct lk_error *err)
{
    const struct query *q = context;
    const size_t source = arguments == 2 ? strtoul(argument[0], NULL, 10) : SIZE_MAX;
    const size_t table = arguments == 2 ? strtoul(argument[1], NULL, 10) : SIZE_MAX;
    if (source >= q->sources || table >= q->source[source].backup->manifest->tables)
        return lk_fail(err, LK_FAILED, "no such table");
    const struct lk_backup *backup = q->source[source].backup;
    return lk_backup_rows_table(q->rows, backup, backup->manifest->table[table], out, err);
}

static enum lk_status add_tables(struct query *q, size_t source, struct lk_error *err)
{
    const struct lk_manifest *m = q->source[source].backup->manifest;
    char numbers[2][24];
    const char *const argument[] = {numbers[0], numbers[1]};
    enum lk_status status = LK_OK;
    (void)snprintf(numbers[0], sizeof numbers[0], "%zu", source);
    for (size_t i = 0; i < m->tables && status == LK_OK; i++) {
        (void)snprintf(numbers[1], sizeof numbers[1], "%zu", i);
        status = lk_sandbox_table(q->sandbox, q->source[source].schema, m->table[i]->name, 2, argument, err);
    }
    return status;
}

static bool is_type(const struct lk_manifest_schema_row *row, const char *type)
{
    return row->type.ptr != NULL && strcmp(row->type.ptr, type) == 0;
}

/* Those that cannot be made here (a newer syntax) are missed when somebody uses them. */
static void add_views(const struct query *q, const struct source *source)
{
    const struct lk_manifest *m = source->backup->manifest;
    for (size_t i = 0; i < m->schema_rows; i++)
        if (is_type(&m->schema_row[i], "view") && m->schema_row[i].sql.ptr != NULL)
            (void)lk_sandbox_view(q->sandbox, source->schema, m->schema_row[i].sql.ptr);
}

/* Name a backup `what` as `schema` (len bytes). */
static enum lk_status add_source(struct query *q, const char *schema, size_t len, const char *what,
                                 struct lk_error *err)
{
    struct source *s = &q->source[q->sources];
    s->schema = lk_copy_bytes(schema, len);
    if (s->schema == NULL)
        return lk_fail_memory(err, "preparing a query");
    q->sources++;
    return lk_backup_rows_open(q->rows, what, NULL, &s->backup, err);
}

static enum lk_status name_sources(struct query *q, const struct litekeep_query_options *o,
                                   struct lk_error *err)
{
    size_t attached = 0;
    while (o->attach != NULL && o->attach[attached] != NULL)
        attached++;
    q->source = lk_allocate_zeroed(attached + 1, sizeof *q->source);
    if (q->source == NULL)
        return lk_fail_memory(err, "preparing a query");
    enum lk_status status = add_source(q, "main", 4, o->what, err);
    for (size_t i = 0; i < attached && status == LK_OK; i++) {
        const char *equals = strchr(o->attach[i], '=');
        if (equals == NULL || equals == o->attach[i] || equals[1] == '\0')
            return lk_fail(err, LK_USAGE, "--attach %s: a name and a backup are needed: --attach old=DB@WHEN",
                           o->attach[i]);
        status = add_source(q, o->attach[i], (size_t)(equals - o->attach[i]), equals + 1, err);
    }
    return status;
}

/* Rows are stored in Parquet or JSON, or there is only the copy of the database's pages. */
static bool has_rows(const struct lk_manifest *m)
{
    return m->legacy || m->has_parquet || m->has_json || m->sqlite_copy.path == NULL;
}

/* Where there is only the copy of the pages, it becomes a database in a temporary folder. */
static enum lk_status unpack_copies(struct query *q, struct lk_error *err)
{
    static const struct lk_restore_copy_progress silent = {0};
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < q->sources && status == LK_OK; i++) {
        struct source *s = &q->source[i];
        if (has_rows(s->backup->manifest))
            continue;
        if (q->tmp == NULL)
            status = lk_tmp_new(NULL, &q->tmp, err);
        if (status == LK_OK && (s->file = lk_format("%s/%zu.db", lk_tmp_path(q->tmp), i)) == NULL)
            status = lk_fail_memory(err, "preparing a query");
        if (status == LK_OK)
            status = lk_restore_copy_unpack(s->backup, s->file, &silent, err);
    }
    return status;
}

static enum lk_status fill_sandbox(struct query *q, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < q->sources && status == LK_OK; i++) {
        if (i > 0)
            status = lk_sandbox_attach(q->sandbox, q->source[i].schema, q->source[i].file, err);
        if (status == LK_OK && q->source[i].file == NULL)
            status = add_tables(q, i, err);
    }
    if (status == LK_OK)
        status = lk_sandbox_publish(q->sandbox, err);
    for (size_t i = 0; i < q->sources && status == LK_OK; i++)
        if (q->source[i].file == NULL)
            add_views(q, &q->source[i]);
    return status;
}

/* A virtual table (FTS, R-Tree) has no rows of its own in a backup; say so rather than that it does not
 * exist. Of any other name say where those that exist are listed. */
static void explain_missing(const struct query *q, const char *what, struct lk_error *err)
{
    static const char missing[] = "no such table: ", create[] = "CREATE VIRTUAL";
    const char *name = strstr(err->message, missing);
    if (name == NULL)
        return;
    name += sizeof missing - 1;
    for (size_t s = 0; s < q->sources; s++) {
        const struct lk_manifest *m = q->source[s].backup->manifest;
        const size_t prefix = strlen(q->source[s].schema);
        const bool qualified = strncmp(name, q->source[s].schema, prefix) == 0 && name[prefix] == '.';
        for (size_t i = 0; i < m->schema_rows; i++) {
            const struct lk_manifest_schema_row *row = &m->schema_row[i];
            if (!is_type(row, "table") || row->name.ptr == NULL || row->sql.ptr == NULL ||
                strncasecmp(row->sql.ptr, create, sizeof create - 1) != 0 ||
                strcasecmp(row->name.ptr, qualified ? name + prefix + 1 : name) != 0)
                continue;
            (void)lk_fail(
                err, LK_USAGE,
                "%s is a virtual table, which a query of a backup cannot run: its rows are in its shadow "
                "tables (%s_...); litekeep restore --table %s brings it back whole",
                row->name.ptr, row->name.ptr, row->name.ptr);
            return;
        }
    }
    if (strchr(name, '.') != NULL) /* of another backup, or what a view asks for */
        return;
    char found[sizeof err->message];
    memcpy(found, err->message, sizeof found);
    (void)lk_fail(err, LK_USAGE, "%s; litekeep show %s lists the tables", found, what);
}

static void free_query(struct query *q)
{
    lk_sandbox_free(q->sandbox);
    lk_backup_rows_free(q->rows);
    for (size_t i = 0; i < q->sources; i++) {
        lk_free(q->source[i].schema);
        lk_free(q->source[i].file);
    }
    lk_free(q->source);
    lk_tmp_free(q->tmp);
}

enum lk_status litekeep_query(struct litekeep *lk, const struct litekeep_query_options *options,
                              uint64_t *rows, struct lk_error *err)
{
    struct query q = {0};
    const struct lk_vtab_opener opener = {.open = open_rows, .context = &q};
    enum lk_status status = lk_backup_rows_new(lk, &q.rows, err);
    if (status == LK_OK)
        status = name_sources(&q, options, err);
    if (status == LK_OK)
        status = unpack_copies(&q, err);
    if (status == LK_OK)
        status = lk_sandbox_new(&opener, q.source[0].file, lk_session_interrupt(), &q.sandbox, err);
    if (status == LK_OK)
        status = fill_sandbox(&q, err);
    if (status == LK_OK) {
        status = lk_sandbox_run(q.sandbox, options, rows, err);
        if (status == LK_USAGE)
            explain_missing(&q, options->what, err);
    }
    free_query(&q);
    return status;
}
