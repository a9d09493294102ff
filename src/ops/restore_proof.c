#include "ops/restore_proof.h"

#include <sqlite3.h>

#include "base/memory.h"
#include "base/processors.h"
#include "ops/compare_file.h"
#include "ops/session.h"
#include "sqlite/integrity.h"
#include "sqlite/source.h"

/* ---- The rows */

struct progress {
    const struct lk_restore_plan *plan;
};

static void count_compared(void *context, uint64_t rows)
{
    const struct lk_restore_plan *plan = ((const struct progress *)context)->plan;
    if (plan->options->on_rows != NULL)
        plan->options->on_rows(plan->options->context, NULL, rows, plan->rows);
}

static enum lk_status note_left_out(const struct lk_restore_plan *p, const struct lk_build *build,
                                    struct lk_restore_file_result *r, struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    bool ok = true;
    for (const char *const *text = lk_build_left_out(build); ok && *text != NULL; text++)
        ok = lk_manifest_add_text(&r->left_out, *text);
    for (size_t i = 0; ok && i < p->without.count; i++)
        ok = lk_manifest_add_text(&r->left_out, p->without.text[i]);
    for (size_t i = 0; ok && p->names == NULL && i < m->left_out.count; i++) {
        char *text = lk_format("table \"%s\": was left out of this backup", m->left_out.text[i]);
        ok = text != NULL && lk_manifest_add_text(&r->left_out, text);
        lk_free(text);
    }
    for (size_t i = 0; ok && i < p->structure->tables; i++) {
        if (!lk_restore_plan_hides_rowids(p, p->structure->table[i]))
            continue;
        char *text = lk_restore_plan_hidden(p->structure->table[i]);
        ok = text != NULL && lk_manifest_add_text(&r->left_out, text);
        lk_free(text);
    }
    return ok ? LK_OK : lk_fail_memory(err, "restoring");
}

/* Of a partial backup, the page copy has more than the manifest: the tables that both have. */
static const char **list_tables(const struct lk_manifest *m)
{
    const char **names = lk_allocate_zeroed(m->tables + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < m->tables; i++)
        names[i] = m->table[i]->name;
    return names;
}

/* Without a manifest there are no hashes: each table has the rows that were read. */
static enum lk_status count_rows(const struct lk_source *source, const struct lk_restore_file_result *r,
                                 struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; status == LK_OK && i < r->tables; i++) {
        sqlite3_stmt *statement = NULL;
        char *sql = sqlite3_mprintf("SELECT count(*) FROM main.\"%w\"", r->table[i].name);
        if (sql == NULL) {
            status = lk_fail_memory(err, "counting rows");
            break;
        }
        uint64_t rows = UINT64_MAX;
        if (sqlite3_prepare_v2(lk_source_db(source), sql, -1, &statement, NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW)
            rows = (uint64_t)sqlite3_column_int64(statement, 0);
        if (rows != r->table[i].rows)
            status = lk_fail(err, LK_DAMAGED, "%s: table \"%s\" has not the %llu rows that were read",
                             lk_source_facts(source)->path, r->table[i].name,
                             (unsigned long long)r->table[i].rows);
        (void)sqlite3_finalize(statement);
        sqlite3_free(sql);
    }
    return status;
}

/* `finished`: the file is made, and nobody else's. */
static enum lk_status compare(const struct lk_restore_plan *p, struct lk_source *source, bool finished,
                              const struct lk_build *build, struct lk_restore_file_result *r,
                              struct lk_error *err)
{
    const struct lk_manifest *m = p->backup->manifest;
    enum lk_status status = build == NULL ? LK_OK : note_left_out(p, build, r, err);
    if (status != LK_OK || m->legacy)
        return status == LK_OK ? count_rows(source, r, err) : status;
    const char **partial = build == NULL && m->left_out.count > 0 ? list_tables(m) : NULL;
    if (build == NULL && m->left_out.count > 0 && partial == NULL)
        return lk_fail_memory(err, "comparing");
    struct progress progress = {.plan = p};
    const struct lk_compare_file_options options = {
        .secret = p->options->secret,
        .tables = partial != NULL ? partial : (const char *const *)p->names,
        .left_out = build == NULL ? NULL : lk_build_left_out_names(build),
        .threads = finished ? (p->options->jobs != 0 ? p->options->jobs : lk_processors()) : 0,
        .interrupt = lk_session_interrupt(),
        .on_rows = count_compared,
        .context = &progress};
    status = lk_compare_source(source, m, &options, err);
    lk_free(partial);
    return status;
}

enum lk_status lk_restore_proof_compare(const struct lk_restore_plan *p, const char *path,
                                        const struct lk_build *build, struct lk_restore_file_result *r,
                                        struct lk_error *err)
{
    const struct lk_source_options options = {.snapshot = LK_SNAPSHOT_READ,
                                              .max_lock = LK_SOURCE_NO_MAX_LOCK,
                                              .network = LK_NETWORK_NO,
                                              .interrupt = lk_session_interrupt()};
    struct lk_source *source = NULL;
    enum lk_status status = lk_source_open(path, &options, &source, err);
    if (status == LK_OK)
        status = compare(p, source, true, build, r, err);
    lk_source_close(source);
    return status;
}

enum lk_status lk_restore_proof_look(const struct lk_restore_plan *p, struct lk_build *build,
                                     struct lk_restore_file_result *r, struct lk_error *err)
{
    struct lk_source *source = NULL;
    enum lk_status status = lk_build_look(build, &source, err);
    if (status == LK_OK)
        status = compare(p, source, false, build, r, err);
    lk_source_close(source);
    return status;
}

/* ---- The file */

enum lk_status lk_restore_proof_integrity(const struct lk_restore_plan *p, const char *path, bool into,
                                          struct lk_restore_file_result *r, struct lk_error *err)
{
    const char **tables = into ? lk_allocate_zeroed(r->tables + 1, sizeof *tables) : NULL;
    if (into && tables == NULL)
        return lk_fail_memory(err, "checking");
    for (size_t i = 0, count = 0; into && i < r->tables; i++)
        if (!r->table[i].left_out)
            tables[count++] = r->table[i].name;
    const struct lk_integrity_options options = {
        .structure = p->structure, .tables = tables, .alone = !into, .interrupt = lk_session_interrupt()};
    uint64_t values = 0;
    char *note;
    enum lk_status status = lk_integrity_check(path, &options, &values, err);
    lk_free(tables);
    if (status == LK_UNREADABLE && p->structure->reasons > 0) {
        note = lk_format("integrity_check cannot be run here: %s", err->message);
        status = LK_OK;
    } else if (values > 0) {
        note = lk_format("integrity_check: ok, but for %llu values that the schema forbids, as in the backup",
                         (unsigned long long)values);
    } else {
        note = lk_copy_string("integrity_check: ok");
    }
    if (status == LK_OK && (note == NULL || !lk_manifest_add_text(&r->notes, note)))
        status = lk_fail_memory(err, "checking");
    lk_free(note);
    return status;
}
