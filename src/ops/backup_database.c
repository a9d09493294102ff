/* One database: claim its folder, pin one state, export every table, commit. */
#include <stdio.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "ops/alarm.h"
#include "ops/backup_options.h"
#include "ops/backup_run.h"
#include "ops/backup_table.h"
#include "ops/live_counts.h"
#include "ops/manifest_fill.h"
#include "ops/prune.h"
#include "ops/sqlite_copy.h"
#include "sqlite/mount.h"
#include "sqlite/structure.h"
#include "store/catalog.h"
#include "store/names.h"

/* Tables whose files are still being finished while the scan is further on: bounds open descriptors. */
#define OPEN_TABLES 16

struct database {
    struct lk_backup_run *run;
    const char *path;
    struct lk_database *entry; /* its folder in the store */
    struct lk_dir dir;
    struct lk_lock *lock;
    struct lk_backup *last; /* the newest readable backup; NULL: none */
    struct lk_backup_writer *writer;
    struct lk_source *source;
    struct lk_structure *structure;
    char **stems; /* of structure->table */
    struct lk_manifest *manifest;
    struct lk_settings settings; /* the config's for this database */
    struct litekeep_backup_options wanted;
    struct lk_encoding encoding;
    uint64_t raw_bytes; /* read so far, also by reads that had to start again: for progress */

    struct lk_table_backup *open[OPEN_TABLES]; /* a ring: the oldest at `first` */
    struct lk_manifest_table *open_entry[OPEN_TABLES];
    size_t first, count;
    struct lk_sqlite_copy *copy; /* the sqlite format, read but not finished */
    struct lk_counts sequences;  /* sqlite_sequence, which the manifest does not tell */
    bool nothing_wanted;         /* --table and --skip-table leave no table of it */
};

static bool matches_any(const char *const *globs, const char *text)
{
    for (; globs != NULL && *globs != NULL; globs++) {
        if (lk_glob_match(*globs, text))
            return true;
    }
    return false;
}

/* Internal tables go with whatever is chosen. */
static bool is_wanted(const struct litekeep_backup_options *o, const struct lk_table_schema *t)
{
    if (t->kind == LK_TABLE_INTERNAL)
        return true;
    const bool all = o->tables == NULL || *o->tables == NULL;
    return (all || matches_any(o->tables, t->name)) && !matches_any(o->skip_tables, t->name);
}

/* ---- The store's side */

/* The newest backup whose manifest can be read: the history of columns and parts. One that cannot is said and
 * passed over. */
static enum lk_status open_last(struct database *d, const struct lk_backup_list *list, struct lk_error *err)
{
    for (size_t i = list->count; i > 0; i--) {
        const struct lk_backup_entry *e = &list->entry[i - 1];
        if (e->kind != LK_BACKUP_ORDINARY || e->problem != NULL)
            continue;
        const enum lk_status status = lk_backup_open(&d->dir, e->id, &d->last, err);
        if (status == LK_OK || status == LK_FAILED)
            return status;
        lk_backup_run_warn(d->run, d->path, "an earlier backup cannot be read and is not built upon: %s",
                           err->message);
    }
    return LK_OK;
}

/* What holds for this database: the caller's options, then the config. */
static enum lk_status choose_options(struct database *d, struct lk_error *err)
{
    struct lk_backup_run *run = d->run;
    const char *folder = d->entry == NULL ? NULL : d->entry->folder;
    struct lk_error why = {0};
    lk_settings_reset(&d->settings);
    enum lk_status status = lk_session_settings(run->lk, d->path, folder, &d->settings, &why);
    if (status != LK_OK && status != LK_FAILED && run->safety) {
        status = LK_OK; /* a restore needs no config */
        d->settings = (struct lk_settings){.alarm_window = LK_ALARM_WINDOW};
    }
    if (status != LK_OK) {
        *err = why;
        return status;
    }
    d->wanted = run->options;
    lk_backup_options_database(&d->wanted, &d->settings);
    return lk_backup_options_encoding(&d->wanted, &d->encoding, err);
}

/* *skip: the last backup is young enough. */
static enum lk_status open_folder(struct database *d, bool *skip, struct lk_error *err)
{
    struct lk_backup_run *run = d->run;
    const struct litekeep_backup_options *o = &d->wanted;
    struct lk_store *store = run->lk->store;
    struct lk_backup_list list = {0};
    char *identity = NULL;
    bool some;
    enum lk_status status = choose_options(d, err);
    if (status != LK_OK || store == NULL)
        return status; /* no store: dry_run before there is one */
    const int64_t now = lk_clock_now();
    status = lk_mount_identify(d->path, &identity, err);
    if (status == LK_OK && o->dry_run) {
        status = lk_database_find(store, identity, &d->entry, err);
        if (status == LK_NOT_FOUND) {
            status = LK_OK;
            goto out;
        }
    } else if (status == LK_OK) {
        status = lk_database_claim(store, identity, d->path, o->name, now, &d->entry, err);
    }
    /* Now that its folder is known, so is whether the config has a section for that. */
    if (status == LK_OK)
        status = choose_options(d, err);
    if (status == LK_OK)
        status = lk_database_open(store, d->entry->folder, &d->dir, err);
    if (status == LK_OK && !o->dry_run)
        status = lk_lock_take(&d->dir, store->journal_mode, "backup", 0, &d->lock, err);
    if (status == LK_OK)
        status = lk_catalog_list(&d->dir, &list, NULL, err);
    some = d->settings.tables != NULL || d->settings.skip_tables != NULL;
    for (size_t i = list.count; status == LK_OK && o->if_older_than > 0 && i > 0; i--) {
        const struct lk_backup_entry *e = &list.entry[i - 1];
        /* One of some tables is no backup of all; but where only some are wanted, it is what was wanted. */
        if (e->kind == LK_BACKUP_ORDINARY && e->problem == NULL && (e->left_out == 0 || some)) {
            *skip = e->started <= now && now - e->started < o->if_older_than;
            break;
        }
    }
    if (status == LK_OK && !*skip && !o->rebuild)
        status = open_last(d, &list, err);
out:
    lk_backup_list_reset(&list);
    lk_free(identity);
    return status;
}

/* ---- The source's side */

static enum lk_status open_source(struct database *d, struct lk_error *err)
{
    const struct litekeep_backup_options *o = &d->wanted;
    static const enum lk_snapshot snapshots[] = {
        [LITEKEEP_SNAPSHOT_AUTO] = LK_SNAPSHOT_AUTO,
        [LITEKEEP_SNAPSHOT_READ] = LK_SNAPSHOT_READ,
        [LITEKEEP_SNAPSHOT_COPY] = LK_SNAPSHOT_COPY,
    };
    char *tmp = NULL;
    if (o->tmp == NULL) {
        /* Below the folder that the next run removes, should this one be killed. */
        tmp = lk_format("%s/%s", d->dir.path, lk_backup_writer_temporary(d->writer));
        if (tmp == NULL)
            return lk_fail_memory(err, "opening the database");
    }
    const struct lk_source_options options = {
        .snapshot = snapshots[o->snapshot],
        .max_lock = o->max_lock,
        .tmp = o->tmp != NULL ? o->tmp : tmp,
        .passes = d->encoding.sqlite ? 2 : 1,
        .read_rate = lk_engine_read_rate(d->run->engine, &d->encoding),
        .interrupt = lk_session_interrupt(),
    };
    const enum lk_status status = lk_source_open(d->path, &options, &d->source, err);
    lk_free(tmp);
    /* It was there when it was found; that it is gone now is no wrong argument. */
    if (status == LK_NOT_FOUND)
        return err->status = LK_UNREADABLE;
    return status;
}

static enum lk_status read_structure(struct database *d, struct lk_error *err)
{
    enum lk_status status = lk_structure_read(d->source, &d->structure, err);
    if (status != LK_OK)
        return status;
    struct lk_bytes *names = lk_allocate_zeroed(d->structure->tables + 1, sizeof *names);
    if (names == NULL)
        return lk_fail_memory(err, "naming files");
    for (size_t i = 0; i < d->structure->tables; i++)
        names[i] = lk_bytes_of(d->structure->table[i]->name);
    status = lk_names_assign(names, d->structure->tables, &d->stems, err);
    lk_free(names);
    /* A schema that cannot be rebuilt from its SQL here comes back only as pages. */
    if (d->structure->reasons > 0)
        d->encoding.sqlite = true;
    return status;
}

static void count_progress(void *context, uint64_t rows, uint64_t raw_bytes)
{
    struct database *d = context;
    d->raw_bytes += raw_bytes;
    lk_backup_run_progress(d->run, rows, raw_bytes);
}

/* ---- Tables */

static enum lk_status finish_oldest(struct database *d, struct lk_error *err)
{
    struct lk_table_backup *b = d->open[d->first];
    struct lk_manifest_table *entry = d->open_entry[d->first];
    d->first = (d->first + 1) % OPEN_TABLES;
    d->count--;
    const enum lk_status status = lk_table_backup_finish(b, entry, err);
    lk_table_backup_free(b);
    return status;
}

/* Has a table failed that is still being written? Then nothing more need be read. */
static bool has_failed(const struct database *d)
{
    for (size_t i = 0; i < d->count; i++) {
        if (lk_table_backup_failed(d->open[(d->first + i) % OPEN_TABLES]))
            return true;
    }
    return false;
}

/* Room in the ring for one more table. *restart: the source's lock may not wait for that. */
static enum lk_status make_room(struct database *d, bool *restart, struct lk_error *err)
{
    if (d->count < OPEN_TABLES)
        return LK_OK;
    *restart = !lk_table_backup_idle(d->open[d->first], lk_source_deadline(d->source));
    return *restart ? LK_OK : finish_oldest(d, err);
}

static void give_up_tables(struct database *d)
{
    lk_sqlite_copy_free(d->copy);
    d->copy = NULL;
    for (; d->count > 0; d->count--) {
        lk_table_backup_free(d->open[d->first]);
        d->first = (d->first + 1) % OPEN_TABLES;
    }
}

/* What the last backup says of a table. Something that cannot be understood is said, and not built upon. */
static enum lk_status find_history(struct database *d, const char *table, struct lk_table_schema **schema,
                                   struct lk_plan **plan, struct lk_table_history *history,
                                   struct lk_error *err)
{
    struct lk_error why = {0};
    const struct lk_manifest_table *old =
        d->last == NULL ? NULL : lk_manifest_find_table(d->last->manifest, table);
    if (old == NULL || old->columns_json == NULL)
        return LK_OK;
    const enum lk_status status = lk_manifest_table_plan(old, schema, plan, &why);
    if (status == LK_FAILED) {
        *err = why;
        return status;
    }
    if (status != LK_OK)
        lk_backup_run_warn(
            d->run, d->path,
            "the columns of its last backup (%s) cannot be understood and are not built upon: %s",
            d->last->manifest->id, why.message);
    history->plan = *plan;
    history->part_bits = old->part_bits;
    return LK_OK;
}

static enum lk_status scan_table(struct database *d, size_t index, bool *restart, struct lk_error *err)
{
    const struct lk_table_schema *t = d->structure->table[index];
    const struct lk_table_run run = {.engine = d->run->engine,
                                     .encoding = &d->encoding,
                                     .backup = d->writer,
                                     .source = d->source,
                                     .progress = count_progress,
                                     .context = d};
    struct lk_table_schema *old_schema = NULL;
    struct lk_plan *old_plan = NULL;
    struct lk_table_history history = {0};
    struct lk_manifest_table *entry = NULL;
    struct lk_table_backup *b = NULL;
    enum lk_status status = make_room(d, restart, err);
    if (status != LK_OK || *restart)
        return status;
    status = find_history(d, t->name, &old_schema, &old_plan, &history, err);
    if (status == LK_OK && (entry = lk_manifest_add_table(d->manifest, t->name, d->stems[index])) == NULL)
        status = lk_fail_memory(err, "listing tables");
    if (status == LK_OK)
        status = lk_table_backup_scan(&run, t, d->stems[index], history, &b, restart, err);
    if (b != NULL) {
        const size_t at = (d->first + d->count++) % OPEN_TABLES;
        d->open[at] = b;
        d->open_entry[at] = entry;
    }
    lk_table_schema_free(old_schema);
    lk_plan_free(old_plan);
    return status;
}

/* Which tables are wanted? Those left out are noted in the manifest: a partial backup must not pass for a
 * whole one. */
static enum lk_status choose_tables(struct database *d, struct lk_error *err)
{
    const struct litekeep_backup_options *o = &d->wanted;
    size_t ordinary = 0, wanted = 0;
    for (size_t i = 0; i < d->structure->tables; i++) {
        const struct lk_table_schema *t = d->structure->table[i];
        const bool is = is_wanted(o, t);
        ordinary += t->kind == LK_TABLE_INTERNAL ? 0 : 1;
        wanted += is && t->kind != LK_TABLE_INTERNAL ? 1 : 0;
        if (!is && !lk_manifest_add_text(&d->manifest->left_out, t->name))
            return lk_fail_memory(err, "listing tables");
    }
    d->nothing_wanted = ordinary > 0 && wanted == 0 && d->manifest->left_out.count > 0;
    return d->nothing_wanted ? lk_fail(err, LK_USAGE, "--table and --skip-table leave none of its tables")
                             : LK_OK;
}

/* Read everything out of the pinned state. *restart: it did not hold still. */
static enum lk_status read_all(struct database *d, bool *restart, struct lk_error *err)
{
    enum lk_status status = read_structure(d, err);
    if (status == LK_OK)
        status = choose_tables(d, err);
    for (size_t i = 0; status == LK_OK && !*restart && i < d->structure->tables; i++) {
        if (lk_session_interrupted())
            return lk_fail(err, LK_INTERRUPTED, "interrupted");
        if (has_failed(d))
            return LK_OK; /* finishing it will say why */
        if (is_wanted(&d->wanted, d->structure->table[i]))
            status = scan_table(d, i, restart, err);
    }
    if (status == LK_OK && !*restart && d->encoding.sqlite)
        status = lk_sqlite_copy_read(d->source, d->writer, d->entry->folder, d->run->engine,
                                     d->encoding.verify, &d->copy, restart, err);
    if (status == LK_OK && !*restart)
        status = lk_live_sequences(d->source, &d->sequences, err);
    return status;
}

/* Throw away all that was read. */
static enum lk_status discard_file(void *context, const struct lk_manifest_file *file,
                                   const struct lk_manifest_table *table, const struct lk_manifest_part *part,
                                   struct lk_error *err)
{
    (void)table;
    (void)part;
    return lk_backup_writer_discard(context, file->path, err);
}

static enum lk_status forget_all(struct database *d, struct lk_error *err)
{
    give_up_tables(d);
    const enum lk_status status = lk_manifest_each_file(d->manifest, discard_file, d->writer, err);
    lk_manifest_free(d->manifest);
    d->manifest = lk_manifest_new();
    lk_structure_free(d->structure);
    d->structure = NULL;
    lk_counts_reset(&d->sequences);
    lk_free(d->stems);
    d->stems = NULL;
    if (status == LK_OK && d->manifest == NULL)
        return lk_fail_memory(err, "starting again");
    return status;
}

/* Until one state was read whole. At the end the source is let go. */
static enum lk_status read_source(struct database *d, struct lk_error *err)
{
    enum lk_status status = open_source(d, err);
    while (status == LK_OK) {
        bool restart = false;
        struct lk_error unsure = {0};
        status = read_all(d, &restart, err);
        if ((status == LK_OK && !restart) || status == LK_UNREADABLE) {
            /* Also after an error: a file that changes under an immutable read looks damaged. */
            const enum lk_status confirmed = lk_source_confirm(d->source, &restart, &unsure);
            if (status == LK_OK && confirmed != LK_OK) {
                *err = unsure;
                status = confirmed;
            }
        }
        if (!restart)
            break;
        /* The lock first: forgetting waits for blocks under way. */
        status = lk_source_restart(d->source, err);
        if (status == LK_OK)
            status = forget_all(d, err);
    }
    return status;
}

static void note(struct database *d, const char *message)
{
    lk_backup_run_warn(d->run, d->path, "%s", message);
    /* A warning that cannot be kept was shown all the same. */
    (void)lk_manifest_add_text(&d->manifest->warnings, message);
}

static void warn_of_source(struct database *d)
{
    const struct lk_source_facts *facts = lk_source_facts(d->source);
    char text[320], size[LK_TIME_SIZE];
    if (facts->replaced)
        note(d, "the file at this path was replaced while it was backed up: the backup holds the state of "
                "the file before");
    if (facts->stray_wal)
        note(d, "the database is 0 bytes long but has a -wal beside it: something cut it off");
    if (lk_source_wal_bytes(d->source) > lk_source_wal_limit(d->source)) {
        lk_size_format(lk_source_wal_bytes(d->source), size);
        snprintf(text, sizeof text, "its -wal has grown to %s while it was read; a checkpoint will shrink it",
                 size);
        note(d, text);
    }
    for (size_t i = 0; i < d->structure->reasons; i++)
        lk_backup_run_warn(d->run, d->path,
                           "the schema cannot be rebuilt here, so a page copy is kept as well: %s",
                           d->structure->reason[i]);
}

static enum lk_status back_up(struct database *d, struct litekeep_event *done, struct lk_error *err)
{
    struct lk_backup_run *run = d->run;
    const int64_t started = lk_clock_now();
    struct lk_buffer schema_sql = {0};
    bool committed = false;
    enum lk_status status = lk_backup_writer_begin(run->lk->store, &d->dir, d->lock, started,
                                                   lk_session_warn(run->lk), &d->writer, err);
    if (status == LK_OK && (d->manifest = lk_manifest_new()) == NULL)
        status = lk_fail_memory(err, "starting");
    if (status == LK_OK)
        status = read_source(d, err);
    if (status == LK_OK) {
        warn_of_source(d);
        status = lk_manifest_fill(d->manifest,
                                  &(struct lk_manifest_facts){.source = lk_source_facts(d->source),
                                                              .structure = d->structure,
                                                              .identity = d->entry->identity,
                                                              .tags = d->wanted.tags,
                                                              .parquet = d->encoding.parquet,
                                                              .json = d->encoding.json,
                                                              .sqlite = d->encoding.sqlite,
                                                              .parquet_codec = d->encoding.parquet_codec,
                                                              .json_codec = d->encoding.json_codec,
                                                              .started = started},
                                  err);
    }
    if (status == LK_OK)
        done->snapshot = lk_source_method_name(lk_source_facts(d->source)->method);
    /* Let go before the rest is made durable: a rollback database's writers wait. */
    lk_source_close(d->source);
    d->source = NULL;
    while (status == LK_OK && d->count > 0)
        status = finish_oldest(d, err);
    if (status == LK_OK && d->copy != NULL)
        status =
            lk_sqlite_copy_finish(d->copy, &d->manifest->sqlite_copy, &d->manifest->sqlite_verified_at, err);
    give_up_tables(d);
    if (status == LK_OK)
        status = lk_schema_sql(d->structure, &schema_sql, err);
    if (status == LK_OK && lk_session_interrupted())
        status = lk_fail(err, LK_INTERRUPTED, "interrupted");
    if (status == LK_OK)
        status = lk_backup_writer_commit(d->writer, d->manifest, lk_buffer_bytes(&schema_sql), lk_clock_now(),
                                         &committed, err);
    if (status != LK_OK && committed) {
        lk_backup_run_warn(run, d->path, "the backup is complete, but its line in the journal is not: %s",
                           err->message);
        status = LK_OK;
    }
    if (status == LK_OK) {
        done->tables = d->manifest->tables;
        done->rows = d->manifest->total_rows;
        done->stored_bytes = d->manifest->total_bytes - d->manifest->shared_bytes;
        done->duration = d->manifest->finished - started;
    }
    lk_buffer_reset(&schema_sql);
    return status;
}

static void database_reset(struct database *d)
{
    give_up_tables(d);
    lk_source_close(d->source);
    lk_structure_free(d->structure);
    lk_free(d->stems);
    lk_backup_writer_free(d->writer);
    lk_manifest_free(d->manifest);
    lk_counts_reset(&d->sequences);
    lk_backup_free(d->last);
    lk_settings_reset(&d->settings);
    lk_lock_release(d->lock);
    lk_dir_close(&d->dir);
    lk_database_free(d->entry);
}

static void count_done(struct lk_backup_run *run, const struct lk_found *found, uint64_t raw_bytes,
                       const struct litekeep_event *done, bool unwanted)
{
    pthread_mutex_lock(&run->lock);
    /* What was read in raw values becomes what the file was, so that the bar is right after each database. */
    run->done_bytes = run->done_bytes - raw_bytes + found->bytes;
    if (done->type == LITEKEEP_EVENT_DONE) {
        run->summary.done++;
        run->summary.rows += done->rows;
        run->summary.source_bytes += done->source_bytes;
        run->summary.stored_bytes += done->stored_bytes;
    } else if (done->type == LITEKEEP_EVENT_SKIPPED) {
        run->summary.skipped++;
        run->unwanted += unwanted ? 1 : 0;
    }
    pthread_mutex_unlock(&run->lock);
}

/* The backup stands. What has shrunk since the ones before? What need not be kept any longer? */
static void look_after(struct database *d)
{
    struct lk_backup_run *run = d->run;
    struct lk_alarm_tally tally = {0};
    struct lk_error err = {0};
    uint64_t removed = 0;
    enum lk_status status = lk_alarm_judge(run->lk, d->entry, &d->dir, d->lock, d->manifest, &d->sequences,
                                           &d->settings, !run->safety, &tally, &err);
    if (status == LK_OK && tally.raised == 0 && !run->safety)
        status = lk_prune_after_backup(run->lk, d->entry, &d->dir, d->lock, &d->settings, &removed, &err);
    lk_backup_run_alarms(run, &tally);
    pthread_mutex_lock(&run->lock);
    run->summary.pruned += removed;
    pthread_mutex_unlock(&run->lock);
    if (status != LK_OK)
        lk_backup_run_problem(run, d->path, NULL, &err);
}

/* What is open stays open also where there was nothing to back up. */
static void remind(struct database *d)
{
    struct lk_alarm_tally tally = {0};
    struct lk_error err = {0};
    if (lk_alarm_remind(d->run->lk, d->entry, &d->dir, &tally, &err) != LK_OK)
        lk_backup_run_problem(d->run, d->path, NULL, &err);
    lk_backup_run_alarms(d->run, &tally);
}

void lk_backup_database(struct lk_backup_run *run, const struct lk_found *found)
{
    struct database d = {.run = run, .path = found->path, .dir = LK_DIR_CLOSED};
    struct litekeep_event event = {.type = LITEKEEP_EVENT_STARTED, .source_bytes = found->bytes};
    struct lk_error err = {0};
    bool skip = false;
    char *path = lk_text_escaped(lk_bytes_of(found->path)), *id = NULL;
    event.path = path;
    lk_session_emit(run->lk, &event);
    enum lk_status status = path == NULL ? lk_fail_memory(&err, "starting") : open_folder(&d, &skip, &err);
    if (status == LK_OK && skip) {
        event.type = LITEKEEP_EVENT_SKIPPED;
        event.message = "its last backup is young enough";
    } else if (status == LK_OK && run->options.dry_run) {
        event.type = LITEKEEP_EVENT_PLANNED;
        event.message = d.last == NULL ? "for the first time" : "again";
    } else if (status == LK_OK) {
        status = back_up(&d, &event, &err);
        event.type = LITEKEEP_EVENT_DONE;
        if (d.nothing_wanted) {
            status = LK_OK;
            event.type = LITEKEEP_EVENT_SKIPPED;
            event.message = err.message;
        }
        event.verified = d.encoding.verify;
        id = d.writer == NULL ? NULL : lk_copy_string(lk_backup_writer_id(d.writer));
        event.id = event.type == LITEKEEP_EVENT_DONE ? id : NULL;
    }
    event.database = d.entry == NULL ? NULL : d.entry->folder;
    if (status == LK_OK) {
        count_done(run, found, d.raw_bytes, &event, d.nothing_wanted);
        lk_session_emit(run->lk, &event);
        if (event.type == LITEKEEP_EVENT_DONE)
            look_after(&d);
        else if (skip && !run->options.dry_run)
            remind(&d);
    } else {
        event.type = LITEKEEP_EVENT_PROBLEM;
        count_done(run, found, d.raw_bytes, &event, false);
        (void)lk_store_advise(&err);
        lk_backup_run_problem(run, found->path, NULL, &err);
    }
    database_reset(&d);
    lk_free(id);
    lk_free(path);
}
