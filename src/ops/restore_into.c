#include "ops/restore_copy.h"
#include "ops/restore_proof.h"
#include "ops/restore_rows.h"
#include "ops/session.h"

static enum lk_status build(const struct lk_restore_plan *p, enum lk_restore_way way, const char *path,
                            bool replace, struct lk_restore_file_result *r, struct lk_error *err)
{
    const struct lk_build_options options = {.interrupt = lk_session_interrupt(),
                                             .on_locked = p->options->on_locked,
                                             .context = p->options->context};
    struct lk_restore_copy *copy = NULL;
    struct lk_build *b = NULL;
    enum lk_status status = LK_OK;
    if (way == LK_RESTORE_PAGES)
        status = lk_restore_copy_open(p->backup, path, &copy, err);
    if (status == LK_OK)
        status = lk_build_into(path, p->structure, replace, &options, &b, err);
    if (status == LK_OK)
        status = lk_restore_rows(p, lk_restore_copy_source(copy), b, true, r, err);
    lk_restore_copy_close(copy);
    if (status == LK_OK)
        status = lk_restore_proof_look(p, b, r, err);
    if (status == LK_OK)
        status = lk_build_finish(b, err);
    lk_build_free(b);
    if (status == LK_OK && p->options->check_full)
        status = lk_restore_proof_integrity(p, path, true, r, err);
    return status;
}

enum lk_status lk_restore_into(const struct lk_backup *backup, const struct lk_restore_file_options *o,
                               const char *path, bool replace, struct lk_restore_file_result *out,
                               struct lk_error *err)
{
    struct lk_restore_plan plan;
    struct lk_restore_file_result r = {0};
    enum lk_status status = lk_restore_plan_make(backup, o, &plan, err);
    if (status != LK_OK)
        return status;
    for (size_t i = 0; i < plan.ways; i++) {
        status = i == 0 ? lk_restore_plan_result(&plan, plan.way[0], &r, err)
                        : lk_restore_plan_next(&plan, plan.way[i], &r, err);
        if (status == LK_OK)
            status = build(&plan, plan.way[i], path, replace, &r, err);
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
