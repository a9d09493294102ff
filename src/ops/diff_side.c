#include "ops/diff_side.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

/* Bytes a second at which a live file is compared with a backup, about: so that it can be told whether a lock
 * will last. */
#define READ_RATE UINT64_C(60000000)

static int compare_tables(const void *a, const void *b)
{
    const struct lk_diff_side_table *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static enum lk_status make_tables(struct lk_diff_side *s, size_t count, struct lk_error *err)
{
    s->table = lk_allocate_zeroed(count, sizeof *s->table);
    if (s->table == NULL)
        return lk_fail_memory(err, "listing tables");
    s->tables = count;
    return LK_OK;
}

enum lk_status lk_diff_side_open_backup(struct litekeep *lk, const char *what, struct lk_diff_side *out,
                                        struct lk_error *err)
{
    *out = (struct lk_diff_side){.which = {.dir = LK_DIR_CLOSED}};
    enum lk_status status = lk_which_open(lk, what, &out->which, err);
    if (status != LK_OK) {
        out->which = (struct lk_which){.dir = LK_DIR_CLOSED};
        return status;
    }
    const struct lk_manifest *m = out->which.backup->manifest;
    char *name = lk_format("%s@%s", out->which.database->folder, m->id);
    out->label = name == NULL ? NULL : lk_text_escaped(lk_bytes_of(name));
    lk_free(name);
    if (out->label == NULL)
        return lk_fail_memory(err, "listing tables");
    status = make_tables(out, m->tables, err);
    for (size_t i = 0; status == LK_OK && i < m->tables; i++)
        out->table[i] = (struct lk_diff_side_table){
            .name = m->table[i]->name, .kind = m->table[i]->kind, .stored = m->table[i]};
    if (status == LK_OK)
        qsort(out->table, out->tables, sizeof *out->table, compare_tables);
    return status;
}

enum lk_status lk_diff_side_open_live(const char *path, unsigned passes, struct lk_diff_side *out,
                                      struct lk_error *err)
{
    const struct lk_source_options options = {
        .passes = passes,
        .read_rate = READ_RATE,
        .interrupt = lk_session_interrupt(),
    };
    *out = (struct lk_diff_side){.which = {.dir = LK_DIR_CLOSED}};
    const enum lk_status status = lk_source_open(path, &options, &out->source, err);
    if (status != LK_OK)
        return status;
    out->label = lk_text_escaped(lk_bytes_of(lk_source_facts(out->source)->path));
    return out->label == NULL ? lk_fail_memory(err, "listing tables") : LK_OK;
}

enum lk_status lk_diff_side_read(struct lk_diff_side *s, struct lk_error *err)
{
    if (s->source == NULL)
        return LK_OK;
    enum lk_status status = lk_structure_read(s->source, &s->structure, err);
    if (status == LK_OK)
        status = make_tables(s, s->structure->tables, err);
    for (size_t i = 0; status == LK_OK && i < s->tables; i++)
        s->table[i] = (struct lk_diff_side_table){.name = s->structure->table[i]->name,
                                                  .kind = s->structure->table[i]->kind,
                                                  .live = s->structure->table[i]};
    if (status == LK_OK)
        qsort(s->table, s->tables, sizeof *s->table, compare_tables);
    return status;
}

enum lk_status lk_diff_side_confirm(struct lk_diff_side *s, struct lk_error *err)
{
    if (s->source == NULL || s->restart)
        return LK_OK;
    return lk_source_confirm(s->source, &s->restart, err);
}

enum lk_status lk_diff_side_restart(struct lk_diff_side *s, struct lk_error *err)
{
    s->restart = false;
    lk_structure_free(s->structure);
    s->structure = NULL;
    lk_free(s->table);
    s->table = NULL;
    s->tables = 0;
    return lk_source_restart(s->source, err);
}

void lk_diff_side_close(struct lk_diff_side *s)
{
    lk_free(s->table);
    lk_free(s->label);
    lk_structure_free(s->structure);
    lk_source_close(s->source);
    lk_which_close(&s->which);
    *s = (struct lk_diff_side){.which = {.dir = LK_DIR_CLOSED}};
}

const struct lk_diff_side_table *lk_diff_side_find(const struct lk_diff_side *s, const char *name)
{
    const struct lk_diff_side_table key = {.name = name};
    return s->tables == 0 ? NULL : bsearch(&key, s->table, s->tables, sizeof *s->table, compare_tables);
}

bool lk_diff_side_is_legacy(const struct lk_diff_side *s)
{
    return s->which.backup != NULL && s->which.backup->manifest->legacy;
}
