/* A store in a scratch folder, and a small backup to put into it. */
#ifndef LK_TESTS_STORE_FIXTURE_H
#define LK_TESTS_STORE_FIXTURE_H

#include "base/clock.h"
#include "base/memory.h"
#include "scratch.h"
#include "store/commit.h"
#include "store/database.h"
#include "store/names.h"

#include <unistd.h>

/* 2024-05-29T09:14:42Z */
#define FIXTURE_TIME (INT64_C(1716974082) * 1000000000)
#define FIXTURE_SECOND INT64_C(1000000000)

struct fixture {
    struct lk_dir scratch;
    struct lk_store *store;
    struct lk_database *database;
    struct lk_dir dir; /* the database's folder */
    struct lk_lock *lock;
    char warning[1024]; /* the last one */
    int warnings;
};

static inline void fixture_hear(void *context, const char *message)
{
    struct fixture *f = context;
    (void)snprintf(f->warning, sizeof f->warning, "%s", message);
    f->warnings++;
}

static inline struct lk_warn fixture_warn(struct fixture *f)
{
    return (struct lk_warn){.call = fixture_hear, .context = f};
}

/* A store with one database, locked. */
static inline bool fixture_make(struct fixture *f)
{
    struct lk_error err = {0};
    *f = (struct fixture){.scratch = LK_DIR_CLOSED, .dir = LK_DIR_CLOSED};
    char path[600];
    if (!scratch_make(&f->scratch))
        return false;
    (void)snprintf(path, sizeof path, "%s/store", f->scratch.path);
    return lk_store_init(path, LK_ACCESS_PRIVATE, (struct lk_warn){0}, &f->store, &err) == LK_OK &&
           lk_database_claim(f->store, "local:m1:/data/posts.db", "/data/posts.db", NULL, FIXTURE_TIME,
                             &f->database, &err) == LK_OK &&
           lk_database_open(f->store, f->database->folder, &f->dir, &err) == LK_OK &&
           lk_lock_take(&f->dir, 0600, "test", 0, &f->lock, &err) == LK_OK;
}

static inline bool fixture_remove(struct fixture *f)
{
    lk_lock_release(f->lock);
    lk_dir_close(&f->dir);
    lk_database_free(f->database);
    lk_store_free(f->store);
    return scratch_remove(&f->scratch);
}

/* A manifest without tables, all required fields set. NULL when memory is out. */
static inline struct lk_manifest *fixture_manifest(int64_t started)
{
    struct lk_manifest *m = lk_manifest_new();
    if (m == NULL)
        return NULL;
    m->id = lk_copy_string("2024-05-29T091442Z");
    m->seq = 1;
    m->started = started;
    m->finished = started + FIXTURE_SECOND;
    m->tool = lk_copy_string("litekeep 0.1.0");
    m->sqlite_version = lk_copy_string("3.40.1");
    m->source.path = lk_copy_string("/data/posts.db");
    m->source.identity = lk_copy_string("local:m1:/data/posts.db");
    m->source.journal_mode = lk_copy_string("wal");
    m->source.snapshot = lk_copy_string("read");
    m->source.inode = UINT64_MAX;
    m->pragmas.encoding = lk_copy_string("UTF-8");
    m->pragmas.page_size = 4096;
    m->parquet_codec = (struct lk_codec_choice){LK_CODEC_ZSTD, 1};
    m->json_codec = (struct lk_codec_choice){LK_CODEC_GZIP, LK_LEVEL_DEFAULT};
    return m;
}

/* Write `text` as a finished file. */
static inline enum lk_status fixture_write(struct lk_backup_writer *w, const char *path, const char *text,
                                           struct lk_manifest_file *out, struct lk_error *err)
{
    struct lk_output *o = NULL;
    const enum lk_status status = lk_backup_writer_create(w, path, &o, err);
    if (status != LK_OK)
        return status;
    lk_output_write(o, text, strlen(text));
    return lk_backup_writer_finish(w, path, o, out, err);
}

/* Add a table of one row with two small files; they are written when `w` is not NULL. */
static inline enum lk_status fixture_add_table(struct lk_manifest *m, struct lk_backup_writer *w,
                                               const char *name, struct lk_error *err)
{
    struct lk_manifest_table *t = lk_manifest_add_table(m, name, name);
    struct lk_manifest_part *p = t == NULL ? NULL : lk_manifest_add_part(t);
    struct lk_manifest_block *b = p == NULL ? NULL : lk_manifest_add_block(p);
    if (b == NULL || !lk_manifest_set_columns(t, 1))
        return lk_fail_memory(err, "making a test's table");
    t->columns_json =
        lk_format("{\"version\":1,\"table\":\"%s\",\"kind\":\"table\",\"columns\":[{\"name\":\"id\","
                  "\"affinity\":\"INTEGER\",\"is_rowid\":true,\"column\":\"id\",\"main\":\"INT64\"}]}",
                  name);
    t->rows = p->rows = b->rows = 1;
    t->has_keys = p->has_keys = true;
    t->first_key = t->last_key = p->first_key = p->last_key = 7;
    t->raw_bytes = p->raw_bytes = 9;
    t->counts[0][LK_INTEGER] = 1;
    m->has_parquet = m->has_json = true;
    if (w == NULL) {
        p->parquet.path = lk_name_parquet_path(name, 0);
        p->json.path = lk_name_json_path(name, 0, ".gz");
        p->parquet.bytes = p->json.bytes = 10;
        return LK_OK;
    }
    char *parquet = lk_name_parquet_path(name, 0), *json = lk_name_json_path(name, 0, ".gz");
    enum lk_status status = fixture_write(w, parquet, "parquet!", &p->parquet, err);
    if (status == LK_OK)
        status = fixture_write(w, json, "{\"id\":7}\n", &p->json, err);
    lk_free(parquet);
    lk_free(json);
    return status;
}

/* A whole backup of one table; *id (may be NULL) gets its id. */
static inline enum lk_status fixture_backup(struct fixture *f, int64_t started, char id[LK_TIME_SIZE],
                                            struct lk_error *err)
{
    struct lk_backup_writer *w = NULL;
    bool committed = false;
    enum lk_status status =
        lk_backup_writer_begin(f->store, &f->dir, f->lock, started, fixture_warn(f), &w, err);
    if (status != LK_OK)
        return status;
    struct lk_manifest *m = fixture_manifest(started);
    status = fixture_add_table(m, w, "posts", err);
    if (status == LK_OK)
        status = lk_backup_writer_commit(w, m, lk_bytes_of("CREATE TABLE posts(id INTEGER PRIMARY KEY);\n"),
                                         started + FIXTURE_SECOND, &committed, err);
    if (status == LK_OK && id != NULL)
        (void)snprintf(id, LK_TIME_SIZE, "%s", lk_backup_writer_id(w));
    lk_manifest_free(m);
    lk_backup_writer_free(w);
    return status;
}

/* Is there anything under this name? */
static inline bool fixture_exists(const struct lk_dir *dir, const char *name)
{
    return faccessat(dir->fd, name, F_OK, 0) == 0;
}

#endif
