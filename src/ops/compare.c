/* Has anything gone since the last backup? Live databases are counted, not exported, and their counts held
 * against those of the newest backup. */
#include "ops/alarm.h"

#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/discover_known.h"
#include "ops/gone.h"
#include "ops/live_counts.h"
#include "sqlite/mount.h"
#include "sqlite/path.h"
#include "store/catalog.h"

struct compare_result {
    struct litekeep_compared compared;
    struct lk_arena arena;
};

struct texts { /* grows in the arena; NULL-terminated */
    const char **text;
    size_t count;
};

struct comparison {
    struct litekeep *lk;
    const struct litekeep_compare_options *options;
    struct compare_result *result;
    struct texts notes, without, problems;
    struct lk_gone_roots roots;
    const struct lk_found **moved; /* known databases that are at another path now */
    size_t moves;
    int64_t now;
};

/* The last backup of one database. */
struct last_backup {
    struct lk_database *database; /* NULL: it has no folder in the store */
    struct lk_counts_list list;
    const struct lk_counts *counts; /* into list; NULL: it has no backup that can be compared with */
    bool told_gone;                 /* its source was gone before: an alarm says so */
};

static void last_backup_reset(struct last_backup *b)
{
    lk_counts_list_reset(&b->list);
    lk_database_free(b->database);
    *b = (struct last_backup){0};
}

/* ---- What was found, gathered in the arena */

static void add_text(struct comparison *c, struct texts *to, const char *text)
{
    const char **grown = lk_arena_take(&c->result->arena, to->count + 2, sizeof *grown);
    if (grown == NULL || text == NULL)
        return;
    for (size_t i = 0; i < to->count; i++)
        grown[i] = to->text[i];
    grown[to->count++] = text;
    to->text = grown;
}

static void add_problem(struct comparison *c, const char *path, const char *reason)
{
    const char *shown = lk_arena_shown_string(&c->result->arena, path);
    struct litekeep_compared *r = &c->result->compared;
    r->status = litekeep_worse(r->status, LK_UNREADABLE);
    /* Messages of the library name the path themselves. */
    if (shown != NULL && strstr(reason, shown) != NULL)
        add_text(c, &c->problems, lk_arena_copy(&c->result->arena, reason));
    else if (shown != NULL)
        add_text(c, &c->problems, lk_arena_format(&c->result->arena, "%s: %s", shown, reason));
}

/* What came of one database. One that cannot be compared hides no other's losses. */
static enum lk_status settle(struct comparison *c, const char *path, enum lk_status status,
                             const struct lk_error *why, struct lk_error *err)
{
    if (status == LK_INTERRUPTED)
        *err = *why;
    else if (status != LK_OK)
        add_problem(c, path, why->message);
    return status == LK_INTERRUPTED ? status : LK_OK;
}

/* Room for one more; NULL when memory is out. */
static struct litekeep_alarm *add_alarm(struct lk_arena *a, struct litekeep_alarm **array, size_t *count)
{
    struct litekeep_alarm *grown = lk_arena_take(a, *count + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    for (size_t i = 0; i < *count; i++)
        grown[i] = (*array)[i];
    *array = grown;
    return &grown[(*count)++];
}

static void add_loss(struct comparison *c, const struct lk_loss *loss, const struct last_backup *b,
                     const char *path, const char *const *causes)
{
    struct litekeep_compared *r = &c->result->compared;
    struct litekeep_alarm *alarm = add_alarm(&c->result->arena, &r->loss, &r->losses);
    r->status = litekeep_worse(r->status, LK_ALARM);
    if (alarm != NULL)
        lk_alarm_describe_loss(&c->result->arena, c->lk, loss, b->database->folder, path, NULL, c->now,
                               causes, alarm);
}

/* ---- The last backup */

static enum lk_status read_counts(const struct litekeep *lk, struct last_backup *b, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_backup_list list = {0};
    struct lk_journal journal = {0};
    const struct lk_backup_entry *last = NULL;
    enum lk_status status = lk_database_open(lk->store, b->database->folder, &dir, err);
    if (status == LK_OK)
        status = lk_catalog_list(&dir, &list, &journal, err);
    b->told_gone = lk_gone_is_told(&journal);
    for (size_t i = 0; status == LK_OK && i < list.count; i++)
        if (list.entry[i].kind == LK_BACKUP_ORDINARY && list.entry[i].problem == NULL)
            last = &list.entry[i];
    if (last != NULL)
        status = lk_counts_read(&dir, last->started, &b->list, err);
    for (size_t i = 0; status == LK_OK && last != NULL && i < b->list.count; i++)
        if (b->list.counts[i].id != NULL && strcmp(b->list.counts[i].id, last->id) == 0)
            b->counts = &b->list.counts[i];
    lk_journal_reset(&journal);
    lk_backup_list_reset(&list);
    lk_dir_close(&dir);
    return status;
}

static enum lk_status last_of_path(struct comparison *c, const char *path, struct last_backup *out,
                                   struct lk_error *err)
{
    char *identity = NULL;
    *out = (struct last_backup){0};
    enum lk_status status = lk_mount_identify(path, &identity, err);
    if (status == LK_OK)
        status = lk_database_find(c->lk->store, identity, &out->database, err);
    lk_free(identity);
    if (status == LK_NOT_FOUND)
        return LK_OK;
    return status == LK_OK ? read_counts(c->lk, out, err) : status;
}

/* ---- A database that is there */

/* Counted, and closed again: whoever asks for causes opens other files. */
static enum lk_status count_live(const char *path, struct lk_counts *out, struct lk_error *err)
{
    const struct lk_source_options options = {.passes = 1, .interrupt = lk_session_interrupt()};
    struct lk_source *source = NULL;
    enum lk_status status = lk_source_open(path, &options, &source, err);
    if (status == LK_OK)
        status = lk_live_counts(source, out, err);
    lk_source_close(source);
    return status;
}

/* Tables that the config never raises an alarm for are not held against anybody here either; else a row that
 * has gone is a loss, up to the tolerance. Free *limits. */
static enum lk_status make_settings(struct comparison *c, const char *path, const char *folder,
                                    struct lk_settings *configured, struct lk_settings *out,
                                    struct lk_alarm_limit **limits, struct lk_error *err)
{
    const enum lk_status status = lk_session_settings(c->lk, path, folder, configured, err);
    if (status != LK_OK)
        return status;
    size_t count = 0;
    *limits = lk_allocate_zeroed(configured->alarm_limits + 1, sizeof **limits);
    if (*limits == NULL)
        return lk_fail_memory(err, "comparing");
    for (size_t i = 0; i < configured->alarm_limits; i++)
        if (configured->alarm_limit[i].table != NULL && configured->alarm_limit[i].lost >= LK_ALARM_OFF)
            (*limits)[count++] = configured->alarm_limit[i];
    (*limits)[count++] = (struct lk_alarm_limit){.lost = c->options->tolerance};
    *out = (struct lk_settings){.alarm_window = LK_ALARM_WINDOW,
                                .alarm_older_off = configured->alarm_older_off,
                                .alarm_limits = count,
                                .alarm_limit = *limits};
    return LK_OK;
}

static void note_replaced(struct comparison *c, const struct last_backup *b, const char *path,
                          const char *const *causes)
{
    struct lk_arena *a = &c->result->arena;
    struct litekeep_compared *r = &c->result->compared;
    struct litekeep_alarm *alarm = add_alarm(a, &r->replacement, &r->replaced);
    const struct lk_loss loss = {.kind = LITEKEEP_ALARM_REPLACED, .good = b->counts->id};
    if (alarm == NULL)
        return;
    lk_alarm_describe_loss(a, c->lk, &loss, b->database->folder, path, NULL, c->now, causes, alarm);
    alarm->message = lk_arena_format(
        a, "%s was replaced by another file since its last backup, though no table has lost rows",
        alarm->path == NULL ? "" : alarm->path);
}

static enum lk_status judge(struct comparison *c, const char *path, const struct last_backup *b,
                            const struct lk_counts *live, struct lk_error *err)
{
    const struct lk_counts *const good[] = {b->counts};
    const struct lk_alarm_past past = {.good = good, .count = 1, .window_start = INT64_MIN};
    struct lk_settings configured = {0}, settings = {0};
    struct lk_alarm_limit *limits = NULL;
    struct lk_losses losses = {0};
    const char *const *causes = NULL;
    enum lk_status status = make_settings(c, path, b->database->folder, &configured, &settings, &limits, err);
    if (status == LK_OK)
        status = lk_alarm_rules(&past, live, &settings, &losses, err);
    const bool replaced =
        status == LK_OK && (live->device != b->counts->device || live->inode != b->counts->inode);
    if (losses.count > 0 || replaced)
        causes = lk_alarm_causes(&c->result->arena, b->counts, live, path, &losses);
    for (size_t i = 0; i < losses.count; i++)
        add_loss(c, &losses.loss[i], b, path, causes);
    if (replaced && losses.count == 0)
        note_replaced(c, b, path, causes);
    lk_losses_reset(&losses);
    lk_free(limits);
    lk_settings_reset(&configured);
    return status;
}

static bool is_moved(const struct comparison *c, const struct lk_found *found)
{
    for (size_t i = 0; i < c->moves; i++)
        if (c->moved[i] == found)
            return true;
    return false;
}

static enum lk_status compare_found(struct comparison *c, const struct lk_found *found, struct lk_error *err)
{
    struct last_backup last = {0};
    struct lk_counts live = {0};
    enum lk_status status = last_of_path(c, found->path, &last, err);
    if (status != LK_OK)
        goto out;
    if (last.counts == NULL && is_moved(c, found))
        goto out; /* compared already */
    if (last.counts == NULL) {
        const char *path = lk_arena_shown_string(&c->result->arena, found->path);
        add_text(c, &c->without, path);
        add_text(c, &c->notes,
                 lk_arena_format(&c->result->arena, "%s: has no backup that it could be compared with",
                                 path == NULL ? "" : path));
        goto out;
    }
    status = count_live(found->path, &live, err);
    if (status == LK_OK)
        status = judge(c, found->path, &last, &live, err);
    if (status == LK_OK)
        c->result->compared.databases++;
out:
    lk_counts_reset(&live);
    last_backup_reset(&last);
    return status;
}

/* ---- One that is not */

/* Does it say that what was at its path is gone for certain, not only that it cannot be read? */
static bool is_gone(const struct lk_problem *p)
{
    return p->kind == LK_PROBLEM_GONE || p->kind == LK_PROBLEM_NOT_DATABASE ||
           (p->kind == LK_PROBLEM_ROOT && (p->system == ENOENT || p->system == ENOTDIR));
}

/* What discovery found at the path of a known source instead of it; NULL: it is there, cannot be read, or was
 * not asked for. */
static const struct lk_problem *problem_of(const struct lk_discovery *d, const char *path)
{
    for (size_t i = 0; i < d->problem_count; i++)
        if (is_gone(&d->problem[i]) && strcmp(d->problem[i].path, path) == 0)
            return &d->problem[i];
    return NULL;
}

static uint64_t all_rows(const struct lk_counts *counts)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < counts->tables; i++)
        rows += counts->table[i].kind == LK_TABLE_ORDINARY ? counts->table[i].rows : 0;
    return rows;
}

static void add_gone(struct comparison *c, const struct last_backup *last, const char *path,
                     const struct lk_problem *p)
{
    struct lk_arena *a = &c->result->arena;
    const struct lk_loss loss = {
        .kind = LITEKEEP_ALARM_GONE, .before = all_rows(last->counts), .good = last->counts->id};
    const char **causes = lk_arena_take(a, 2, sizeof *causes);
    add_loss(c, &loss, last, path, (const char *const *)causes);
    if (p->kind != LK_PROBLEM_NOT_DATABASE || a->failed)
        return;
    /* Something else is there: it cannot be backed up before it is replaced, so it is put aside. */
    struct litekeep_alarm *alarm = &c->result->compared.loss[c->result->compared.losses - 1];
    char *from = lk_text_quote_shown(path), *aside = lk_format("%s.damaged", path);
    char *to = aside == NULL ? NULL : lk_text_quote_shown(aside);
    causes[0] = lk_arena_format(a, "what is there now: %s", p->reason);
    a->failed |= from == NULL || to == NULL;
    if (alarm->restore != NULL && !a->failed)
        alarm->restore = lk_arena_format(a, "mv %s %s && %s", from, to, alarm->restore);
    lk_free(from);
    lk_free(aside);
    lk_free(to);
}

/* The same file under another name. */
static const struct lk_found *find_moved(const struct lk_discovery *d, const struct lk_counts *counts)
{
    for (size_t i = 0; i < d->found_count; i++)
        if (!d->found[i].known && d->found[i].device == counts->device && d->found[i].inode == counts->inode)
            return &d->found[i];
    return NULL;
}

static enum lk_status compare_moved(struct comparison *c, const struct last_backup *last, const char *path,
                                    const struct lk_found *moved, struct lk_error *err)
{
    struct lk_arena *a = &c->result->arena;
    struct lk_counts live = {0};
    const char *from = lk_arena_shown_string(a, path), *to = lk_arena_shown_string(a, moved->path);
    enum lk_status status = count_live(moved->path, &live, err);
    if (status == LK_OK)
        status = judge(c, moved->path, last, &live, err);
    char *folder = lk_text_quote_shown(last->database->folder), *word = lk_text_quote_shown(moved->path);
    if (status == LK_OK && (folder == NULL || word == NULL))
        status = lk_fail_memory(err, "comparing");
    if (status == LK_OK && from != NULL && to != NULL) {
        add_text(c, &c->notes,
                 lk_arena_format(a,
                                 "%s was moved to %s: `litekeep %sadopt %s %s` continues its history there",
                                 from, to, litekeep_store_option(c->lk), folder, word));
        c->moved[c->moves++] = moved;
        c->result->compared.databases++;
    }
    lk_free(folder);
    lk_free(word);
    lk_counts_reset(&live);
    return status;
}

static enum lk_status compare_one_gone(struct comparison *c, const struct lk_discovery *d,
                                       struct lk_database *database, const struct lk_problem *p,
                                       struct lk_error *err)
{
    const char *path = lk_database_current_path(database);
    struct last_backup last = {.database = database};
    enum lk_status status = read_counts(c->lk, &last, err);
    const struct lk_found *moved = last.counts == NULL ? NULL : find_moved(d, last.counts);
    if (status == LK_OK && last.counts != NULL && !last.told_gone && moved == NULL)
        add_gone(c, &last, path, p);
    else if (status == LK_OK && last.counts != NULL && !last.told_gone)
        status = compare_moved(c, &last, path, moved, err);
    last.database = NULL; /* the caller's */
    last_backup_reset(&last);
    return status;
}

/* Known sources of which discovery found nothing, or something else. Those that were gone when the last
 * backup was taken are none of its losses. */
static enum lk_status compare_gone(struct comparison *c, const struct lk_discovery *d, struct lk_error *err)
{
    struct lk_database_list all = {0};
    struct lk_journal journal = {0};
    enum lk_status status = lk_journal_read(&c->lk->store->dir, &journal, err);
    if (status == LK_OK)
        status = lk_gone_roots_of(&journal, &c->roots, err);
    lk_journal_reset(&journal);
    if (status == LK_OK)
        status = lk_database_list_all(c->lk->store, lk_session_warn(c->lk), &all, err);
    c->moved = lk_arena_take(&c->result->arena, all.count + 1, sizeof *c->moved);
    if (status == LK_OK)
        status = lk_arena_check(&c->result->arena, err);
    for (size_t i = 0; status == LK_OK && i < all.count; i++) {
        const char *path = lk_database_current_path(all.database[i]);
        const struct lk_problem *p = path == NULL ? NULL : problem_of(d, path);
        struct lk_error why = {0};
        if (p != NULL && !lk_gone_roots_hold(&c->roots, path))
            status = settle(c, path, compare_one_gone(c, d, all.database[i], p, &why), &why, err);
    }
    lk_database_list_free(&all);
    return status;
}

/* Is what lay there told of as a loss already? */
static bool is_told(const struct comparison *c, const struct lk_problem *p)
{
    const struct litekeep_compared *r = &c->result->compared;
    char *shown = lk_text_escaped(lk_bytes_of(p->path));
    bool told = false;
    for (size_t i = 0; shown != NULL && i < r->losses; i++)
        told |= r->loss[i].kind == LITEKEEP_ALARM_GONE && lk_path_is_below(r->loss[i].path, shown);
    lk_free(shown);
    return told;
}

static void report_problems(struct comparison *c, const struct lk_discovery *d)
{
    for (size_t i = 0; i < d->problem_count; i++) {
        const struct lk_problem *p = &d->problem[i];
        /* Files that are no databases and never were do not matter here, nor do databases that were gone
         * before. */
        if (p->kind == LK_PROBLEM_GONE || (p->kind == LK_PROBLEM_NOT_DATABASE && !p->named) ||
            (is_gone(p) && is_told(c, p)))
            continue;
        add_problem(c, p->path, p->reason);
    }
}

/* ---- All of it */

/* Discovery is finished before the first database is opened: see discover.h. */
static enum lk_status compare_all(struct comparison *c, struct lk_error *err)
{
    const struct litekeep_compare_options *o = c->options;
    struct lk_discovery *d = NULL;
    enum lk_status status = lk_discover_known(c->lk, o->paths, o->include, o->exclude, &d, err);
    if (status == LK_OK)
        status = compare_gone(c, d, err);
    for (size_t i = 0; status == LK_OK && i < d->found_count; i++) {
        struct lk_error why = {0};
        status = settle(c, d->found[i].path, compare_found(c, &d->found[i], &why), &why, err);
    }
    if (status == LK_OK)
        report_problems(c, d);
    lk_discover_free(d);
    return status;
}

enum lk_status litekeep_compare(struct litekeep *lk, const struct litekeep_compare_options *options,
                                struct litekeep_compared **out, struct lk_error *err)
{
    static const char *const none[] = {NULL};
    if (!(options->tolerance >= 0 && options->tolerance <= 1))
        return lk_fail(err, LK_USAGE, "the tolerance is a share from 0 to 1");
    struct compare_result *result = lk_allocate_zeroed(1, sizeof *result);
    if (result == NULL)
        return lk_fail_memory(err, "comparing");
    struct comparison c = {.lk = lk, .options = options, .result = result, .now = lk_clock_now()};
    enum lk_status status = lk_session_store(lk, false, err);
    if (status == LK_OK)
        status = compare_all(&c, err);
    if (status == LK_OK)
        status = lk_arena_check(&result->arena, err);
    lk_gone_roots_reset(&c.roots);
    if (status == LK_OK) {
        result->compared.notes = c.notes.count > 0 ? c.notes.text : none;
        result->compared.without = c.without.count > 0 ? c.without.text : none;
        result->compared.problems = c.problems.count > 0 ? c.problems.text : none;
        *out = &result->compared;
    } else {
        litekeep_compared_free(&result->compared);
    }
    return status;
}

void litekeep_compared_free(struct litekeep_compared *compared)
{
    struct compare_result *result = (struct compare_result *)compared; /* its first member */
    if (result == NULL)
        return;
    lk_arena_free(&result->arena);
    lk_free(result);
}
