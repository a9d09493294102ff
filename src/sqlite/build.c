#include "sqlite/build_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

#define CACHE_KIB 32768               /* of pages; an index that needs more is sorted in files */
#define SORTERS 1                     /* threads that sort and write while the table is read on */
#define LOCK_WAIT INT64_C(5000000000) /* ns for the lock of an existing database */
#define STEPS_BETWEEN 20000           /* virtual machine steps between two looks at the interrupt flag */
#define EARLY_BYTES (UINT64_C(32) << 20)
#define HEADER_VERSIONS 18 /* offset of the file format's write and read version */
#define HEADER_WAL 2       /* both: WAL (https://www.sqlite.org/fileformat2.html) */

enum lk_status lk_build_fail(const struct lk_build *b, int rc, const char *doing, struct lk_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return lk_fail_memory(err, doing);
    case SQLITE_INTERRUPT:
        return lk_fail(err, LK_INTERRUPTED, "%s: %s: interrupted", b->path, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return lk_fail(err, LK_REFUSED,
                       "%s: locked: another program is writing or reading it (%s); run again when that has "
                       "finished",
                       b->path, sqlite3_errmsg(b->db));
    case SQLITE_NOTADB:
        return lk_fail(err, LK_REFUSED, "%s: encrypted, or not a SQLite database", b->path);
    case SQLITE_FULL:
        return lk_fail_errno(err, LK_FAILED, ENOSPC, "%s: %s", b->path, doing);
    default: {
        const int system = b->db == NULL ? 0 : sqlite3_system_errno(b->db);
        const char *why = b->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(b->db);
        if (system != 0 && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN))
            return lk_fail_errno(err, LK_FAILED, system, "%s: %s: %s", b->path, doing, why);
        return lk_fail(err, LK_FAILED, "%s: %s: %s (SQLite error %d)", b->path, doing, why, rc);
    }
    }
}

enum lk_status lk_build_run(struct lk_build *b, const char *sql, const char *doing, struct lk_error *err)
{
    const int rc = lk_connection_run(b->db, sql);
    return rc == SQLITE_OK ? LK_OK : lk_build_fail(b, rc, doing, err);
}

/* ---- What is left out */

/* Takes `text` over. */
static bool append_text(char ***list, size_t *count, char *text)
{
    char **grown = text == NULL ? NULL : lk_reallocate(*list, (*count + 2) * sizeof *grown);
    if (grown == NULL) {
        lk_free(text);
        return false;
    }
    *list = grown;
    grown[(*count)++] = text;
    grown[*count] = NULL;
    return true;
}

enum lk_status lk_build_note(struct lk_build *b, char *sentence, struct lk_error *err)
{
    return append_text(&b->left_out, &b->left_out_count, sentence) ? LK_OK
                                                                   : lk_fail_memory(err, "making a database");
}

enum lk_status lk_build_leave_out(struct lk_build *b, struct lk_build_object *o, char *why,
                                  struct lk_error *err)
{
    o->left_out = true;
    if (!append_text(&b->name, &b->names, lk_copy_string(o->row->name.ptr))) {
        lk_free(why);
        return lk_fail_memory(err, "making a database");
    }
    return lk_build_note(b, why, err);
}

/* The reason that lk_rebuild_check gave for the row. */
static char *reason_of(const struct lk_build *b, const struct lk_schema_row *row)
{
    const bool index = lk_build_is_type(row, "index");
    char *start = index ? lk_format("index \"%s\" of table \"%s\": ", row->name.ptr,
                                    row->tbl_name.ptr == NULL ? "" : row->tbl_name.ptr)
                        : lk_format("table \"%s\": ", row->name.ptr);
    if (start == NULL)
        return NULL;
    const char *found = start;
    for (size_t i = 0; i < b->st->reasons; i++)
        if (strncmp(b->st->reason[i], start, strlen(start)) == 0)
            found = b->st->reason[i];
    char *reason = lk_copy_string(found);
    lk_free(start);
    return reason;
}

static bool belongs_to(const struct lk_schema_row *row, const char *table)
{
    return row->tbl_name.ptr != NULL && sqlite3_stricmp(row->tbl_name.ptr, table) == 0;
}

/* A table is not made: neither is what hangs on it. */
static void leave_out_with(struct lk_build *b, const char *table)
{
    for (size_t i = 0; i < b->st->rows; i++)
        if (belongs_to(b->object[i].row, table))
            b->object[i].left_out = true;
}

static enum lk_status choose(struct lk_build *b, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (size_t i = 0; i < b->st->rows && status == LK_OK; i++) {
        struct lk_build_object *o = &b->object[i];
        const bool without_rowid = o->table != NULL && o->table->without_rowid;
        if (!o->row->refused || o->row->name.ptr == NULL || o->left_out ||
            !(without_rowid || lk_build_is_type(o->row, "index")))
            continue;
        status = lk_build_leave_out(b, o, reason_of(b, o->row), err);
        if (without_rowid)
            leave_out_with(b, o->row->name.ptr);
    }
    /* sqlite_sequence and its like belong to the whole database: an existing one has its own. */
    for (size_t i = 0; b->into && i < b->st->rows; i++)
        if (lk_build_is_type(b->object[i].row, "table") && lk_build_is_internal(b->object[i].row->name.ptr))
            leave_out_with(b, b->object[i].row->name.ptr);
    return status;
}

/* ---- Which row is which table's */

static int compare_objects(const void *left, const void *right)
{
    return strcmp((*(struct lk_build_object *const *)left)->row->name.ptr,
                  (*(struct lk_build_object *const *)right)->row->name.ptr);
}

static int compare_name(const void *name, const void *object)
{
    return strcmp(name, (*(struct lk_build_object *const *)object)->row->name.ptr);
}

static enum lk_status join_tables(struct lk_build *b, struct lk_build_object **sorted, struct lk_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < b->st->rows; i++) {
        b->object[i].row = &b->st->row[i];
        if (lk_build_is_type(&b->st->row[i], "table") && b->st->row[i].has_pages)
            sorted[count++] = &b->object[i];
    }
    qsort(sorted, count, sizeof(struct lk_build_object *), compare_objects);
    for (size_t i = 0; i < b->st->tables; i++) {
        const struct lk_table_schema *t = b->st->table[i];
        struct lk_build_object **found =
            bsearch(t->name, sorted, count, sizeof(struct lk_build_object *), compare_name);
        if (found == NULL || (*found)->table != NULL)
            return lk_fail(err, LK_DAMAGED, "table \"%s\" has rows in the backup, but no place in its schema",
                           t->name);
        (*found)->table = t;
        b->by_table[i] = *found;
    }
    for (size_t i = 0; i < count; i++)
        if (sorted[i]->table == NULL)
            return lk_fail(err, LK_DAMAGED, "table \"%s\" is in the backup's schema, but its columns are not",
                           sorted[i]->row->name.ptr);
    return LK_OK;
}

static enum lk_status prepare(struct lk_build *b, struct lk_error *err)
{
    struct lk_build_object **sorted = lk_allocate((b->st->rows + 1) * sizeof *sorted);
    b->object = lk_allocate_zeroed(b->st->rows + 1, sizeof *b->object);
    b->by_table = lk_allocate_zeroed(b->st->tables + 1, sizeof *b->by_table);
    b->left_out = lk_allocate_zeroed(1, sizeof *b->left_out);
    b->name = lk_allocate_zeroed(1, sizeof *b->name);
    enum lk_status status = LK_OK;
    if (sorted == NULL || b->object == NULL || b->by_table == NULL || b->left_out == NULL || b->name == NULL)
        status = lk_fail_memory(err, "making a database");
    if (status == LK_OK)
        status = join_tables(b, sorted, err);
    if (status == LK_OK)
        status = choose(b, err);
    lk_free(sorted);
    return status;
}

/* ---- Connections */

static int is_interrupted(void *interrupt)
{
    return atomic_load((const atomic_bool *)interrupt) ? 1 : 0;
}

enum lk_status lk_build_run_all(struct lk_build *b, const char *const *sql, const char *doing,
                                struct lk_error *err)
{
    enum lk_status status = LK_OK;
    for (; status == LK_OK && *sql != NULL; sql++)
        status = lk_build_run(b, *sql, doing, err);
    return status;
}

enum lk_status lk_build_open(struct lk_build *b, struct lk_error *err)
{
    b->patience = (struct lk_patience){.limit = LOCK_WAIT, .interrupt = b->interrupt};
    int rc = lk_connection_open_trusted(b->path, LK_CONNECTION_OWN, &b->patience, &b->db);
    /* An index in the order of a stand-in would be wrong. */
    if (rc == SQLITE_OK)
        rc = sqlite3_collation_needed(b->db, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    if (rc != SQLITE_OK)
        return lk_build_fail(b, rc, "opening it", err);
    if (b->interrupt != NULL)
        sqlite3_progress_handler(b->db, STEPS_BETWEEN, is_interrupted, (void *)(uintptr_t)b->interrupt);
    /* temp_store: in memory the sorting of an index would know no bound. */
    (void)sqlite3_limit(b->db, SQLITE_LIMIT_WORKER_THREADS, SORTERS);
    static const char *const settings[] = {"PRAGMA temp_store=FILE", "PRAGMA foreign_keys=OFF",
                                           "PRAGMA recursive_triggers=OFF", NULL};
    return lk_build_run_all(b, settings, "opening it", err);
}

enum lk_status lk_build_set_cache(struct lk_build *b, struct lk_error *err)
{
    char sql[64];
    (void)sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA main.cache_size=-%d", CACHE_KIB);
    return lk_build_run(b, sql, "opening it", err);
}

enum lk_status lk_build_begin(const char *path, const struct lk_structure *st, bool into,
                              const struct lk_build_options *options, struct lk_build **out,
                              struct lk_error *err)
{
    struct lk_build *b = lk_allocate_zeroed(1, sizeof *b);
    if (b == NULL)
        return lk_fail_memory(err, "making a database");
    *b = (struct lk_build){
        .st = st, .into = into, .fd = -1, .interrupt = options == NULL ? NULL : options->interrupt};
    b->path = lk_copy_string(path);
    const enum lk_status status =
        b->path == NULL ? lk_fail_memory(err, "making a database") : prepare(b, err);
    if (status == LK_OK)
        *out = b;
    else
        lk_build_free(b);
    return status;
}

/* ---- A new file */

/* As SQLite would make it, but never over anything. The descriptor stays open: what is written goes to the
 * disk through it early, and nobody else is there who could lose a lock when it is closed. */
static enum lk_status create_file(struct lk_build *b, struct lk_error *err)
{
    b->fd = open(b->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (b->fd >= 0)
        return LK_OK;
    return errno == EEXIST ? lk_fail(err, LK_REFUSED, "%s: is there already", b->path)
                           : lk_fail_errno(err, LK_FAILED, errno, "%s: making it", b->path);
}

/* By lk_structure.encoding. */
const char *const lk_build_encodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-16be"};

static enum lk_status set_up(struct lk_build *b, struct lk_error *err)
{
    static const char *const settings[] = {"PRAGMA main.journal_mode=OFF", "PRAGMA main.synchronous=OFF",
                                           "PRAGMA main.locking_mode=EXCLUSIVE", "PRAGMA cell_size_check=OFF",
                                           NULL};
    char sql[3][64];
    (void)sqlite3_snprintf(64, sql[0], "PRAGMA main.page_size=%u", (unsigned)b->st->page_size);
    (void)sqlite3_snprintf(64, sql[1], "PRAGMA main.auto_vacuum=%d", b->st->auto_vacuum);
    (void)sqlite3_snprintf(64, sql[2], "PRAGMA encoding='%s'", lk_build_encodings[b->st->encoding]);
    const char *const shape[] = {sql[0], sql[1], sql[2], NULL};
    enum lk_status status = lk_build_run_all(b, shape, "making it", err);
    if (status == LK_OK)
        status = lk_build_set_cache(b, err);
    if (status == LK_OK)
        status = lk_build_run_all(b, settings, "making it", err);
    return status;
}

enum lk_status lk_build_new(const char *path, const struct lk_structure *st,
                            const struct lk_build_options *options, struct lk_build **out,
                            struct lk_error *err)
{
    static const char *const start[] = {"BEGIN EXCLUSIVE", "PRAGMA writable_schema=ON", NULL};
    struct lk_build *b = NULL;
    enum lk_status status = lk_build_begin(path, st, false, options, &b, err);
    if (status == LK_OK)
        status = create_file(b, err);
    if (status == LK_OK)
        status = lk_build_open(b, err);
    if (status == LK_OK)
        status = set_up(b, err);
    if (status == LK_OK)
        status = lk_build_run_all(b, start, "making it", err);
    if (status == LK_OK && (b->prefix = lk_copy_string("lk")) == NULL)
        status = lk_fail_memory(err, "making a database");
    if (status == LK_OK)
        status = lk_build_roots_make(b, err);
    if (status == LK_OK)
        *out = b;
    else
        lk_build_free(b);
    return status;
}

/* ---- Rows */

enum lk_status lk_build_table(struct lk_build *b, const struct lk_table_schema *t, bool *left_out,
                              struct lk_error *err)
{
    for (size_t i = 0; i < b->st->tables; i++) {
        if (b->st->table[i] != t)
            continue;
        *left_out = b->by_table[i]->left_out;
        if (!*left_out)
            return lk_build_fill_begin(b, b->by_table[i], err);
        lk_build_fill_end(&b->fill);
        return LK_OK;
    }
    return lk_fail(err, LK_FAILED, "table \"%s\" is none of those that are made", t->name);
}

/* Let the kernel begin to write: fsync at the end then has little left to wait for. */
static void write_early(struct lk_build *b, uint64_t bytes)
{
    b->unwritten += bytes;
    if (b->fd < 0 || b->unwritten < EARLY_BYTES)
        return;
    b->unwritten = 0;
    (void)sync_file_range(b->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* fsync tells of what goes wrong */
}

enum lk_status lk_build_add(struct lk_build *b, const struct lk_batch *batch, struct lk_error *err)
{
    if (b->fill.table == NULL)
        return LK_OK;
    const enum lk_status status = lk_build_fill_add(b, batch, err);
    write_early(b, batch->raw_bytes);
    return status;
}

/* The table to write into: sqlite_sequence, under its made-up name when it is one that we make. */
static enum lk_status find_sequence(struct lk_build *b, struct lk_buffer *name, const char **columns,
                                    struct lk_error *err)
{
    *columns = "name,seq";
    if (b->into) {
        lk_buffer_append_string(name, "sqlite_sequence");
        return lk_build_into_need_sequence(b, err);
    }
    *columns = "c0,c1";
    for (size_t i = 0; i < b->st->tables; i++)
        if (sqlite3_stricmp(b->st->table[i]->name, "sqlite_sequence") == 0)
            lk_build_roots_name(b, b->by_table[i], name);
    return name->len > 0 || name->failed
               ? LK_OK
               : lk_fail(err, LK_DAMAGED, "the backup's schema has no sqlite_sequence");
}

enum lk_status lk_build_sequence(struct lk_build *b, const char *table, int64_t sequence,
                                 struct lk_error *err)
{
    struct lk_buffer name = {0};
    const char *columns = NULL;
    enum lk_status status = find_sequence(b, &name, &columns, err);
    if (status == LK_OK && lk_buffer_string(&name) == NULL)
        status = lk_fail_memory(err, "writing sqlite_sequence");
    char *sql = status != LK_OK ? NULL
                                : sqlite3_mprintf("DELETE FROM main.%s WHERE %.*s = %Q",
                                                  lk_buffer_string(&name), b->into ? 4 : 2, columns, table);
    char *insert = sql == NULL
                       ? NULL
                       : sqlite3_mprintf("INSERT INTO main.%s(%s) VALUES(%Q, %lld)", lk_buffer_string(&name),
                                         columns, table, (long long)sequence);
    if (status == LK_OK && insert == NULL)
        status = lk_fail_memory(err, "writing sqlite_sequence");
    if (status == LK_OK)
        status = lk_build_run(b, sql, "writing sqlite_sequence", err);
    if (status == LK_OK)
        status = lk_build_run(b, insert, "writing sqlite_sequence", err);
    sqlite3_free(sql);
    sqlite3_free(insert);
    lk_buffer_reset(&name);
    return status;
}

/* ---- The end */

/* A database without tables gets its encoding from a table that goes again, before there are views whose name
 * it could have. */
static enum lk_status leave_mark(struct lk_build *b, struct lk_error *err)
{
    static const char *const steps[] = {"CREATE TABLE main.lk(c)", "DROP TABLE main.lk", NULL};
    return lk_build_run_all(b, steps, "making it", err);
}

/* The page of that table. */
static enum lk_status drop_mark(struct lk_build *b, struct lk_error *err)
{
    static const char *const steps[] = {"COMMIT", "VACUUM main", NULL};
    (void)sqlite3_limit(b->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM attaches its scratch database */
    return lk_build_run_all(b, steps, "making it", err);
}

static bool has_roots(const struct lk_build *b)
{
    bool roots = false;
    for (size_t i = 0; i < b->st->rows; i++)
        roots |= b->object[i].root != 0;
    return roots;
}

static enum lk_status end_new(struct lk_build *b, struct lk_error *err)
{
    char sql[2][64];
    (void)sqlite3_snprintf(64, sql[0], "PRAGMA main.user_version=%d", (int)b->st->user_version);
    (void)sqlite3_snprintf(64, sql[1], "PRAGMA main.application_id=%d", (int)b->st->application_id);
    const char *const marks[] = {sql[0], sql[1], NULL};
    enum lk_status status = lk_build_run_all(b, marks, "writing its header", err);
    if (status == LK_OK)
        status = has_roots(b) ? lk_build_run(b, "COMMIT", "writing it", err) : drop_mark(b, err);
    return status;
}

/* SQLite has closed the file: its journal mode, then all of it to the disk. */
static enum lk_status seal(struct lk_build *b, struct lk_error *err)
{
    static const uint8_t wal[2] = {HEADER_WAL, HEADER_WAL};
    if (b->st->wal && pwrite(b->fd, wal, sizeof wal, HEADER_VERSIONS) != (ssize_t)sizeof wal)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: writing its header", b->path);
    if (fsync(b->fd) != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: writing it to the disk", b->path);
    const int fd = b->fd;
    b->fd = -1;
    return close(fd) == 0 ? LK_OK
                          : lk_fail_errno(err, LK_FAILED, errno, "%s: writing it to the disk", b->path);
}

static enum lk_status write_schema(struct lk_build *b, struct lk_error *err)
{
    lk_build_fill_end(&b->fill);
    enum lk_status status = LK_OK;
    if (!b->written && !b->into && !has_roots(b))
        status = leave_mark(b, err);
    if (!b->written && status == LK_OK)
        status = lk_build_schema_write(b, err);
    b->written = status == LK_OK;
    return status;
}

enum lk_status lk_build_look(struct lk_build *b, struct lk_source **out, struct lk_error *err)
{
    const enum lk_status status = write_schema(b, err);
    return status == LK_OK ? lk_source_borrow(b->db, b->path, b->interrupt, out, err) : status;
}

enum lk_status lk_build_finish(struct lk_build *b, struct lk_error *err)
{
    enum lk_status status = write_schema(b, err);
    if (status == LK_OK)
        status = b->into ? lk_build_run(b, "COMMIT", "writing it", err) : end_new(b, err);
    if (status != LK_OK)
        return status;
    const int rc = sqlite3_close(b->db);
    if (rc != SQLITE_OK)
        return lk_build_fail(b, rc, "closing it", err);
    b->db = NULL;
    b->finished = true;
    return b->into ? LK_OK : seal(b, err);
}

const char *const *lk_build_left_out(const struct lk_build *b)
{
    return (const char *const *)b->left_out;
}

const char *const *lk_build_left_out_names(const struct lk_build *b)
{
    return (const char *const *)b->name;
}

static void free_texts(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lk_free(list[i]);
    lk_free(list);
}

void lk_build_free(struct lk_build *b)
{
    if (b == NULL)
        return;
    lk_build_fill_reset(&b->fill);
    (void)sqlite3_close(b->db); /* rolls back what was not committed */
    (void)sqlite3_close(b->scratch);
    if (b->fd >= 0)
        (void)close(b->fd);
    free_texts(b->left_out, b->left_out_count);
    free_texts(b->name, b->names);
    lk_free(b->object);
    lk_free(b->by_table);
    lk_free(b->prefix);
    lk_free(b->path);
    lk_free(b);
}
