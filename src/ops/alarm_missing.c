/* Known sources that are not there any more: each an alarm of its own, or one for a whole folder that has
 * lost all of its databases and is probably not mounted. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ops/alarm_raise.h"
#include "sqlite/discover.h"
#include "sqlite/path.h"

#define LOCK_WAIT (INT64_C(30) * 1000000000)
#define MOST_NAMED 5 /* databases of a root alarm that are named with their commands */

enum state { STATE_UNKNOWN, STATE_FOUND, STATE_GONE, STATE_NOT_DATABASE };

struct known {
    const struct lk_database *database;
    const char *path; /* NULL: unknown */
    enum state state;
    const char *reason; /* STATE_NOT_DATABASE */
    char *root;         /* the folder that is missing as a whole; NULL: none */
    bool covered;       /* by a root alarm that is open or was settled */
};

struct missing {
    struct litekeep *lk;
    int64_t began;
    const struct lk_discovery *found;
    struct lk_database_list list;
    struct known *known;
    struct lk_alarm_tally *tally;
};

/* ---- What is where */

/* An absolute path without "." and "..", of something that need not exist; lk_free. */
static char *absolute(const char *path)
{
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *whole = path[0] == '/' ? lk_copy_string(path) : lk_format("%s/%s", here == NULL ? "" : here, path);
    free(here);
    if (whole == NULL)
        return NULL;
    size_t to = 0;
    for (const char *at = whole; *at != '\0';) {
        while (*at == '/')
            at++;
        const size_t len = strcspn(at, "/");
        if (len == 2 && strncmp(at, "..", 2) == 0) {
            while (to > 0 && whole[--to] != '/') {
            }
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            whole[to++] = '/';
            memmove(whole + to, at, len);
            to += len;
        }
        at += len;
    }
    if (to == 0)
        whole[to++] = '/';
    whole[to] = '\0';
    return whole;
}

static void look_for(const struct lk_discovery *d, struct known *k)
{
    for (size_t i = 0; i < d->found_count && k->state == STATE_UNKNOWN; i++) {
        const struct lk_found *f = &d->found[i];
        if (strcmp(f->path, k->path) == 0)
            k->state = STATE_FOUND;
        for (size_t t = 0; t < f->twins; t++) {
            if (strcmp(f->twin[t], k->path) == 0)
                k->state = STATE_FOUND;
        }
    }
    for (size_t i = 0; i < d->problem_count && k->state == STATE_UNKNOWN; i++) {
        const struct lk_problem *p = &d->problem[i];
        if (p->kind == LK_PROBLEM_ROOT && (p->system == ENOENT || p->system == ENOTDIR)) {
            char *root = absolute(p->path);
            if (root != NULL && lk_path_is_below(k->path, root))
                k->state = STATE_GONE;
            lk_free(root);
        } else if (strcmp(p->path, k->path) != 0) {
            continue;
        } else if (p->kind == LK_PROBLEM_GONE) {
            k->state = STATE_GONE;
        } else if (p->kind == LK_PROBLEM_NOT_DATABASE) {
            k->state = STATE_NOT_DATABASE;
            k->reason = p->reason;
        }
    }
}

static enum lk_status gather(struct missing *m, struct lk_error *err)
{
    enum lk_status status = lk_database_list_all(m->lk->store, (struct lk_warn){0}, &m->list, err);
    if (status != LK_OK)
        return status;
    m->known = lk_allocate_zeroed(m->list.count + 1, sizeof *m->known);
    if (m->known == NULL)
        return lk_fail_memory(err, "looking for databases that are gone");
    for (size_t i = 0; i < m->list.count; i++) {
        struct known *k = &m->known[i];
        k->database = m->list.database[i];
        k->path = lk_database_current_path(k->database);
        if (k->path != NULL)
            look_for(m->found, k);
    }
    return LK_OK;
}

static bool is_gone(const struct known *k)
{
    return k->state == STATE_GONE || k->state == STATE_NOT_DATABASE;
}

/* The line of the newest backup that is there; *any false: there is none. */
static enum lk_status last_line(const struct lk_dir *dir, struct lk_counts *out, bool *any,
                                struct lk_error *err)
{
    struct lk_counts_list list = {0};
    *any = false;
    enum lk_status status = lk_counts_read(dir, lk_clock_now(), &list, err);
    for (size_t i = list.count; status == LK_OK && !*any && i > 0; i--) {
        if (!lk_alarm_raise_has_backup(dir, list.counts[i - 1].id))
            continue;
        *out = list.counts[i - 1];
        list.counts[i - 1] = (struct lk_counts){0};
        *any = true;
    }
    lk_counts_list_reset(&list);
    return status;
}

/* ---- Folders that are missing as a whole */

static bool is_empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    bool empty = dir != NULL;
    while (empty && (entry = readdir(dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir != NULL)
        (void)closedir(dir);
    return empty;
}

/* Of the known databases below a folder that were looked for: is any there, how many are not? */
static size_t count_gone(const struct missing *m, const char *folder, bool *any_there)
{
    size_t gone = 0;
    *any_there = false;
    for (size_t i = 0; i < m->list.count; i++) {
        const struct known *k = &m->known[i];
        if (k->path == NULL || !lk_path_is_below(k->path, folder))
            continue;
        gone += k->state == STATE_GONE ? 1 : 0;
        *any_there |= k->state == STATE_FOUND || k->state == STATE_NOT_DATABASE;
    }
    return gone;
}

static bool was_searched(const char *const *paths, const char *folder)
{
    static const char *const here[] = {".", NULL};
    bool searched = false;
    for (paths = paths == NULL || *paths == NULL ? here : paths; *paths != NULL && !searched; paths++) {
        char *given = lk_path_real(*paths);
        if (given == NULL)
            given = absolute(*paths);
        searched = given != NULL && lk_path_is_below(folder, given);
        lk_free(given);
    }
    return searched;
}

/* A folder whose databases are all gone: because it is not there itself, is on another device than they were,
 * or is empty (where there were several: a single file may just have been deleted). */
static bool is_missing_root(const struct missing *m, const char *const *paths, const char *folder,
                            uint64_t device)
{
    struct stat st;
    bool any_there;
    const size_t gone = count_gone(m, folder, &any_there);
    if (lstat(folder, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    if (any_there || gone == 0 || !S_ISDIR(st.st_mode))
        return false;
    if ((uint64_t)st.st_dev != device && is_empty_folder(folder))
        return true;
    return gone > 1 && was_searched(paths, folder) && is_empty_folder(folder);
}

/* The highest such folder above the source. */
static enum lk_status find_root(const struct missing *m, const char *const *paths, struct known *k,
                                struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_alarm_record record = {0};
    struct lk_counts last = {0};
    bool any = false;
    enum lk_status status = lk_database_open(m->lk->store, k->database->folder, &dir, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(&dir, &record, err);
    /* One whose loss was told or accepted before says nothing new of its folder. */
    if (status == LK_OK && !lk_alarm_record_has(&record, "gone") &&
        !lk_alarm_record_has_settled(&record, "gone"))
        status = last_line(&dir, &last, &any, err);
    lk_alarm_record_reset(&record);
    char *path = status == LK_OK && any ? lk_copy_string(k->path) : NULL;
    if (status == LK_OK && any && path == NULL)
        status = lk_fail_memory(err, "looking for databases that are gone");
    for (char *at = path == NULL ? NULL : strchr(path + 1, '/'); at != NULL && k->root == NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        if (is_missing_root(m, paths, path, last.device))
            k->root = lk_copy_string(path);
        *at = '/';
    }
    lk_free(path);
    lk_counts_reset(&last);
    lk_dir_close(&dir);
    return status;
}

/* ---- Root alarms, in the store's own journal */

static const char *why_missing(const char *folder)
{
    struct stat st;
    return lstat(folder, &st) != 0 ? "it is not there" : "it is empty";
}

/* The databases and how to have them back elsewhere. */
static const char *const *name_databases(const struct missing *m, struct lk_arena *a, const char *root)
{
    const char **out = lk_arena_take(a, MOST_NAMED + 2, sizeof *out);
    size_t count = 0;
    for (size_t i = 0; out != NULL && i < m->list.count; i++) {
        const struct known *k = &m->known[i];
        if (k->root == NULL || strcmp(k->root, root) != 0)
            continue;
        if (count == MOST_NAMED) {
            out[count] = lk_arena_copy(a, "and others: see litekeep list");
            break;
        }
        out[count++] = lk_arena_format(a, "%s is kept in the store as %s", lk_arena_shown_string(a, k->path),
                                       lk_arena_shown_string(a, k->database->folder));
    }
    return out;
}

static enum lk_status raise_root(struct missing *m, const struct lk_alarm_place *store, const char *root,
                                 struct lk_error *err)
{
    struct lk_arena arena = {0};
    struct lk_loss loss = {.kind = LITEKEEP_ALARM_ROOT};
    for (size_t i = 0; i < m->list.count; i++) {
        struct known *k = &m->known[i];
        if (k->root != NULL && strcmp(k->root, root) == 0) {
            loss.before++;
            k->covered = true;
        }
    }
    char *key = lk_alarm_raise_key(LITEKEEP_ALARM_ROOT, root, NULL);
    json_t *event = key == NULL ? NULL : lk_alarm_raise_loss(&loss, key);
    if (!lk_alarm_raise_name(event, "path", root) ||
        !lk_alarm_raise_name(event, "reason", why_missing(root)) ||
        !lk_alarm_raise_causes(event, name_databases(m, &arena, root))) {
        json_decref(event);
        event = NULL;
    }
    const enum lk_status status = lk_alarm_raise_append(store, event, err);
    lk_arena_free(&arena);
    lk_free(key);
    return status;
}

/* What this run says of a root that was raised or settled before. */
enum sight { SIGHT_NONE, SIGHT_GONE, SIGHT_THERE };

static enum sight look_at_root(struct missing *m, const char *key)
{
    enum sight sight = SIGHT_NONE;
    for (size_t i = 0; i < m->list.count; i++) {
        struct known *k = &m->known[i];
        bool below = false;
        char *path = k->path == NULL ? NULL : lk_copy_string(k->path);
        char *slash = path == NULL ? NULL : strrchr(path, '/');
        for (; !below && slash != NULL && slash > path; slash = strrchr(path, '/')) {
            *slash = '\0';
            char *own = lk_alarm_raise_key(LITEKEEP_ALARM_ROOT, path, NULL);
            below = own != NULL && strcmp(own, key) == 0;
            lk_free(own);
        }
        lk_free(path);
        if (!below)
            continue;
        if (k->state == STATE_FOUND || k->state == STATE_NOT_DATABASE)
            return SIGHT_THERE;
        if (k->state == STATE_GONE) {
            sight = SIGHT_GONE;
            k->covered = true;
        }
    }
    return sight;
}

static void uncover(struct missing *m)
{
    for (size_t i = 0; i < m->list.count; i++)
        m->known[i].covered = false;
}

static enum lk_status review_roots(struct missing *m, const struct lk_alarm_place *store,
                                   const struct lk_alarm_record *record, bool *closed, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    /* Those that are back first: what they covered is looked at one by one. */
    for (size_t i = 0; i < record->count; i++)
        closed[i] = look_at_root(m, record->open[i].key) == SIGHT_THERE;
    uncover(m);
    for (size_t i = 0; i < record->count; i++) {
        if (!closed[i])
            (void)look_at_root(m, record->open[i].key);
    }
    for (size_t i = 0; status == LK_OK && i < record->count; i++) {
        if (closed[i])
            status = lk_alarm_raise_recovered(store, record, i, closed, NULL, err);
    }
    for (size_t i = 0; status == LK_OK && i < record->settled_count; i++) {
        if (look_at_root(m, record->settled[i]) != SIGHT_THERE)
            continue;
        json_t *event = lk_journal_event("recovered", lk_clock_now());
        if (!lk_json_set(event, "key", json_string(record->settled[i]))) {
            json_decref(event);
            event = NULL;
        }
        status = lk_alarm_raise_append(store, event, err);
    }
    return status;
}

/* Does anything of this concern the store's journal? Its lock is not taken for nothing. */
static bool roots_matter(const struct missing *m, const struct lk_alarm_record *record)
{
    bool matter = record->count > 0 || record->settled_count > 0;
    for (size_t i = 0; i < m->list.count; i++)
        matter |= m->known[i].root != NULL;
    return matter;
}

static enum lk_status judge_roots(struct missing *m, struct lk_error *err)
{
    const struct lk_alarm_place store = {.lk = m->lk, .dir = &m->lk->store->dir};
    struct lk_alarm_record record = {0}, after = {0};
    struct lk_lock *lock = NULL;
    bool *closed = NULL;
    enum lk_status status = lk_alarm_record_read(store.dir, &record, err);
    if (status != LK_OK || !roots_matter(m, &record)) {
        lk_alarm_record_reset(&record);
        return status;
    }
    lk_alarm_record_reset(&record);
    status = lk_lock_take(store.dir, m->lk->store->journal_mode, "alarm", LOCK_WAIT, &lock, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(store.dir, &record, err);
    if (status == LK_OK && (closed = lk_allocate_zeroed(record.count + 1, sizeof *closed)) == NULL)
        status = lk_fail_memory(err, "judging folders");
    const size_t events = record.journal.count;
    if (status == LK_OK)
        status = review_roots(m, &store, &record, closed, err);
    for (size_t i = 0; status == LK_OK && i < m->list.count; i++) {
        const struct known *k = &m->known[i];
        if (k->root != NULL && !k->covered)
            status = raise_root(m, &store, k->root, err);
    }
    if (status == LK_OK)
        status = lk_alarm_record_read(store.dir, &after, err);
    /* Of roots that this run did not look at nothing is said. */
    for (size_t i = after.count; status == LK_OK && i > 0; i--) {
        if (look_at_root(m, after.open[i - 1].key) != SIGHT_NONE)
            continue;
        memmove(after.open + i - 1, after.open + i, (after.count - i) * sizeof *after.open);
        after.count--;
    }
    if (status == LK_OK)
        status = lk_alarm_raise_tell(&store, &after, events, m->tally, err);
    lk_alarm_record_reset(&record);
    lk_alarm_record_reset(&after);
    lk_lock_release(lock);
    lk_free(closed);
    return status;
}

/* ---- A single database */

/* Did the source move? A database that was first seen after this one was last seen and is the same file, or
 * that was first seen in this run and holds the same (a copy that lay beside it before is no move). *to is
 * its entry. */
static enum lk_status find_moved(const struct missing *m, const struct known *k, const struct lk_counts *last,
                                 const struct lk_database **to, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    *to = NULL;
    for (size_t i = 0; status == LK_OK && *to == NULL && i < m->list.count; i++) {
        const struct lk_database *other = m->list.database[i];
        struct lk_dir dir = LK_DIR_CLOSED;
        struct lk_counts counts = {0};
        bool any = false;
        if (other == k->database || other->first_seen < k->database->last_seen || is_gone(&m->known[i]))
            continue;
        status = lk_database_open(m->lk->store, other->folder, &dir, err);
        if (status == LK_OK)
            status = last_line(&dir, &counts, &any, err);
        const bool same_file = any && counts.inode == last->inode && counts.device == last->device;
        uint64_t rows = 0;
        for (size_t t = 0; t < last->tables; t++)
            rows += last->table[t].rows;
        struct lk_losses losses = {0};
        const struct lk_settings plain = {.alarm_window = LK_ALARM_WINDOW};
        const struct lk_alarm_past past = {.good = &last, .count = 1, .window_start = last->started};
        if (status == LK_OK && any && same_file)
            status = lk_alarm_rules(&past, &counts, &plain, &losses, err);
        if (status == LK_OK && any &&
            ((same_file && losses.count == 0) ||
             (rows > 0 && other->first_seen >= m->began && lk_counts_same_content(last, &counts))))
            *to = other;
        lk_losses_reset(&losses);
        lk_counts_reset(&counts);
        lk_dir_close(&dir);
    }
    return status;
}

static enum lk_status note_move(const struct missing *m, const struct lk_alarm_place *p,
                                const struct lk_database *to, struct lk_error *err)
{
    const char *path = lk_database_current_path(to);
    json_t *event = lk_journal_event("moved", lk_clock_now());
    if (!lk_alarm_raise_name(event, "path", path) || !lk_json_set(event, "to", json_string(to->folder))) {
        json_decref(event);
        event = NULL;
    }
    const enum lk_status status = lk_alarm_raise_append(p, event, err);
    if (status == LK_OK)
        lk_store_warn(
            lk_session_warn(m->lk),
            "%s was moved to %s, which is backed up as %s now; the backups of before are those of %s",
            p->path, path == NULL ? "" : path, to->folder, p->database);
    return status;
}

static enum lk_status raise_gone(const struct lk_alarm_place *p, const struct lk_alarm_record *record,
                                 const struct known *k, const struct lk_counts *last, struct lk_error *err)
{
    struct lk_arena arena = {0};
    struct lk_loss loss = {.kind = LITEKEEP_ALARM_GONE, .good = last->id};
    for (size_t i = 0; i < last->tables; i++)
        loss.before += last->table[i].kind == LK_TABLE_ORDINARY ? last->table[i].rows : 0;
    struct lk_counts now = {.device = last->device,
                            .inode = last->inode,
                            .bytes = last->bytes,
                            .mtime = last->mtime,
                            .change_counter = last->change_counter};
    enum lk_status status = lk_alarm_raise_pin(p, &record->journal, last->id, err);
    if (status == LK_OK) {
        const char *const *causes = lk_alarm_causes(&arena, last, &now, p->path, NULL);
        json_t *event = lk_alarm_raise_loss(&loss, "gone");
        if (event == NULL || !lk_json_set(event, "last_good", json_string(last->id)) ||
            !lk_alarm_raise_name(event, "reason", k->reason) || !lk_alarm_raise_causes(event, causes)) {
            json_decref(event);
            event = NULL;
        }
        status = lk_alarm_raise_append(p, event, err);
    }
    lk_arena_free(&arena);
    return status;
}

/* Under the database's lock. */
static enum lk_status judge_gone(struct missing *m, const struct known *k, const struct lk_alarm_place *p,
                                 struct lk_error *err)
{
    struct lk_alarm_record record = {0}, after = {0};
    struct lk_settings settings = {0};
    struct lk_counts last = {0};
    const struct lk_database *to = NULL;
    bool any = false;
    enum lk_status status = lk_alarm_record_read(p->dir, &record, err);
    if (status == LK_OK)
        status = lk_session_settings(m->lk, k->path, k->database->folder, &settings, err);
    const bool known = lk_alarm_record_has(&record, "gone") || lk_alarm_record_has_settled(&record, "gone");
    if (status == LK_OK && !known && !settings.alarm_off)
        status = last_line(p->dir, &last, &any, err);
    if (status == LK_OK && any && k->state == STATE_GONE)
        status = find_moved(m, k, &last, &to, err);
    if (status == LK_OK && to != NULL)
        status = note_move(m, p, to, err);
    else if (status == LK_OK && any)
        status = raise_gone(p, &record, k, &last, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(p->dir, &after, err);
    if (status == LK_OK)
        status = lk_alarm_raise_tell(p, &after, record.journal.count, m->tally, err);
    lk_settings_reset(&settings);
    lk_counts_reset(&last);
    lk_alarm_record_reset(&record);
    lk_alarm_record_reset(&after);
    return status;
}

/* Found again, but not backed up in this run (or the alarm would be closed): the end of "gone". */
static enum lk_status end_gone(const struct lk_alarm_place *p, struct lk_error *err)
{
    struct lk_alarm_record record = {0};
    enum lk_status status = lk_alarm_record_read(p->dir, &record, err);
    bool *closed = lk_allocate_zeroed(record.count + 1, sizeof *closed);
    if (status == LK_OK && closed == NULL)
        status = lk_fail_memory(err, "judging a source that is back");
    for (size_t i = 0; status == LK_OK && i < record.count; i++)
        closed[i] = strcmp(record.open[i].key, "gone") == 0;
    for (size_t i = 0; status == LK_OK && i < record.count; i++) {
        if (closed[i])
            status = lk_alarm_raise_recovered(p, &record, i, closed, NULL, err);
    }
    lk_free(closed);
    lk_alarm_record_reset(&record);
    return status;
}

static enum lk_status judge_one(struct missing *m, const struct known *k, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_lock *lock = NULL;
    struct lk_alarm_record record = {0};
    const struct lk_alarm_place p = {
        .lk = m->lk, .dir = &dir, .database = k->database->folder, .path = k->path};
    enum lk_status status = lk_database_open(m->lk->store, k->database->folder, &dir, err);
    if (status == LK_OK)
        status = lk_alarm_record_read(&dir, &record, err);
    const bool concerned = is_gone(k) || lk_alarm_record_has(&record, "gone");
    lk_alarm_record_reset(&record);
    if (status == LK_OK && concerned)
        status = lk_lock_take(&dir, m->lk->store->journal_mode, "alarm", LOCK_WAIT, &lock, err);
    if (status == LK_OK && concerned)
        status = is_gone(k) ? judge_gone(m, k, &p, err) : end_gone(&p, err);
    lk_lock_release(lock);
    lk_dir_close(&dir);
    return status;
}

enum lk_status lk_alarm_judge_missing(struct litekeep *lk, const char *const *paths, int64_t began,
                                      const struct lk_discovery *found, struct lk_alarm_tally *tally,
                                      struct lk_error *err)
{
    struct missing m = {.lk = lk, .began = began, .found = found, .tally = tally};
    struct lk_error first = {0};
    if (lk->store == NULL)
        return LK_OK;
    enum lk_status status = gather(&m, err);
    for (size_t i = 0; status == LK_OK && i < m.list.count; i++) {
        if (m.known[i].state == STATE_GONE)
            status = find_root(&m, paths, &m.known[i], err);
    }
    if (status == LK_OK)
        status = judge_roots(&m, err);
    /* One that fails does not keep the others from being told. */
    for (size_t i = 0; m.known != NULL && i < m.list.count; i++) {
        const struct known *k = &m.known[i];
        struct lk_error why = {0};
        if (k->state != STATE_UNKNOWN && !k->covered && judge_one(&m, k, &why) != LK_OK &&
            first.status == LK_OK)
            first = why;
    }
    if (status == LK_OK && first.status != LK_OK) {
        *err = first;
        status = first.status;
    }
    for (size_t i = 0; m.known != NULL && i < m.list.count; i++)
        lk_free(m.known[i].root);
    lk_free(m.known);
    lk_database_list_free(&m.list);
    return status;
}
