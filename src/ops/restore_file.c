#include "ops/restore_file.h"

#include <unistd.h>

#include "base/memory.h"
#include "ops/restore_copy.h"
#include "ops/restore_proof.h"
#include "ops/restore_rows.h"
#include "ops/session.h"

/* ---- Results */

void lk_restore_file_result_reset(struct lk_restore_file_result *r)
{
    lk_free(r->table);
    lk_restore_plan_reset_texts(&r->notes);
    lk_restore_plan_reset_texts(&r->left_out);
    *r = (struct lk_restore_file_result){0};
}

enum lk_status lk_restore_file_plan(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                                    struct lk_restore_file_result *out, struct lk_error *err)
{
    struct lk_restore_plan plan;
    struct lk_restore_file_result r = {0};
    enum lk_status status = lk_restore_plan_make(backup, o, &plan, err);
    if (status != LK_OK)
        return status;
    status = lk_restore_plan_result(&plan, plan.way[0], &r, err);
    const bool pages = plan.way[0] == LK_RESTORE_PAGES && plan.names == NULL;
    for (size_t i = 0; status == LK_OK && !pages && i < plan.structure->reasons; i++)
        if (!lk_manifest_add_text(&r.left_out, plan.structure->reason[i]))
            status = lk_fail_memory(err, "planning");
    for (size_t i = 0; status == LK_OK && i < plan.without.count; i++)
        if (!lk_manifest_add_text(&r.left_out, plan.without.text[i]))
            status = lk_fail_memory(err, "planning");
    lk_restore_plan_reset(&plan);
    if (status == LK_OK)
        *out = r;
    else
        lk_restore_file_result_reset(&r);
    return status;
}

/* ---- The page copy as the file itself */

static void count_copied(void *context, uint64_t done, uint64_t total)
{
    const struct lk_restore_plan *p = context;
    if (p->options->on_rows != NULL && total > 0)
        p->options->on_rows(p->options->context, NULL,
                            (uint64_t)((double)p->rows * ((double)done / (double)total)), p->rows);
}

static enum lk_status copy_pages(struct lk_restore_plan *p, const char *path,
                                 struct lk_restore_file_result *r, struct lk_error *err)
{
    const struct lk_restore_copy_progress progress = {.on_bytes = count_copied, .context = p};
    enum lk_status status = lk_restore_copy_unpack(p->backup, path, &progress, err);
    if (status != LK_OK)
        return status;
    status = lk_restore_proof_compare(p, path, NULL, r, err);
    if (status != LK_UNREADABLE)
        return status;
    /* The file is the one that was written, by its SHA-256; it needs a newer SQLite. */
    char *note =
        lk_format("the page copy was not compared row by row, which this SQLite cannot: %s", err->message);
    status = note != NULL && lk_manifest_add_text(&r->notes, note) ? LK_OK : lk_fail_memory(err, "restoring");
    lk_free(note);
    return status;
}

/* ---- A file of tables */

static enum lk_status build(struct lk_restore_plan *p, enum lk_restore_way way, const char *path,
                            struct lk_restore_file_result *r, struct lk_error *err)
{
    const struct lk_build_options options = {.interrupt = lk_session_interrupt()};
    struct lk_restore_copy *copy = NULL;
    struct lk_build *b = NULL;
    enum lk_status status = LK_OK;
    if (way == LK_RESTORE_PAGES)
        status = lk_restore_copy_open(p->backup, path, &copy, err);
    if (status == LK_OK)
        status = lk_build_new(path, p->structure, &options, &b, err);
    if (status == LK_OK)
        status = lk_restore_rows(p, lk_restore_copy_source(copy), b, false, r, err);
    if (status == LK_OK)
        status = lk_build_finish(b, err);
    lk_restore_copy_close(copy);
    if (status == LK_OK)
        status = lk_restore_proof_compare(p, path, b, r, err);
    lk_build_free(b);
    return status;
}

static enum lk_status make(struct lk_restore_plan *p, enum lk_restore_way way, const char *path,
                           struct lk_restore_file_result *r, struct lk_error *err)
{
    const enum lk_status status = way == LK_RESTORE_PAGES && p->names == NULL ? copy_pages(p, path, r, err)
                                                                              : build(p, way, path, r, err);
    if (status != LK_OK || !p->options->check_full)
        return status;
    return lk_restore_proof_integrity(p, path, false, r, err);
}

/* Remove what a way that failed has left, so that the next can begin. */
static void remove_file(const char *path)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *name = lk_format("%s%s", path, suffixes[i]);
        if (name != NULL)
            (void)unlink(name); /* what is still there stops the next way with a message of its own */
        lk_free(name);
    }
}

enum lk_status lk_restore_file(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                               const char *path, struct lk_restore_file_result *out, struct lk_error *err)
{
    struct lk_restore_plan plan;
    struct lk_restore_file_result r = {0};
    enum lk_status status = lk_restore_plan_make(backup, o, &plan, err);
    if (status != LK_OK)
        return status;
    for (size_t i = 0; i < plan.ways; i++) {
        if (i > 0)
            remove_file(path);
        status = i == 0 ? lk_restore_plan_result(&plan, plan.way[0], &r, err)
                        : lk_restore_plan_next(&plan, plan.way[i], &r, err);
        if (status == LK_OK)
            status = make(&plan, plan.way[i], path, &r, err);
        if (status != LK_DAMAGED && status != LK_UNREADABLE)
            break;
    }
    lk_restore_plan_reset(&plan);
    if (status == LK_OK)
        *out = r;
    else
        lk_restore_file_result_reset(&r);
    return status;
}
