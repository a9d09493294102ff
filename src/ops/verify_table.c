/* One table of a backup: what its manifest says of itself, and what its files have shown. */
#include "ops/verify_table.h"

#include <inttypes.h>

#include "base/memory.h"
#include "ops/verify_backup.h"

static struct lk_verify_run *run_of(const struct lk_verify_table *table)
{
    return table->backup->database->run;
}

static void fail_memory(struct lk_verify_table *table)
{
    struct lk_error err = {0};
    if (lk_fail_memory(&err, "checking a table") != LK_OK)
        lk_verify_run_fail(run_of(table), &err);
}

/* The number by which people know a part; 0: the table is one file. */
static uint64_t part_number(const struct lk_verify_table *table, size_t part)
{
    return table->t->parts > 1 ? part + 1 : 0;
}

#define CONTRADICTION(table, part, ...)                                                                      \
    lk_verify_damages_add(&(table)->damages, (table)->backup, (table)->t->name, (part), LK_MANIFEST_FILE,    \
                          __VA_ARGS__)

/* The hashes of blocks make that of their part, those of parts that of the table. */
static void check_hashes(struct lk_verify_table *table, struct lk_hasher *hasher)
{
    const struct lk_manifest_table *t = table->t;
    size_t most = t->parts;
    for (size_t i = 0; i < t->parts; i++)
        most = t->part[i].blocks > most ? t->part[i].blocks : most;
    struct lk_hash128 *hash = lk_allocate(most * sizeof *hash);
    if (hash == NULL) {
        fail_memory(table);
        return;
    }
    for (size_t i = 0; i < t->parts; i++) {
        const struct lk_manifest_part *p = &t->part[i];
        for (size_t k = 0; k < p->blocks; k++)
            hash[k] = p->block[k].hash;
        if (!lk_hash128_equal(lk_hash_combine(hash, p->blocks, hasher), p->hash))
            CONTRADICTION(table, part_number(table, i),
                          "manifest.json: the content hash of the part is not that of its blocks");
    }
    for (size_t i = 0; i < t->parts; i++)
        hash[i] = t->part[i].hash;
    if (!lk_hash128_equal(lk_hash_combine(hash, t->parts, hasher), t->hash))
        CONTRADICTION(table, 0, "manifest.json: the content hash of the table is not that of its parts");
    lk_free(hash);
}

/* What the parts say of their rows and keys, against the table. (A rowid table whose columns take all names
 * of the rowid has no keys that could be read.) */
static void check_sums(struct lk_verify_table *table)
{
    const struct lk_manifest_table *t = table->t;
    uint64_t raw_bytes = 0;
    const struct lk_manifest_part *before = NULL, *first = NULL;
    bool ordered = !t->has_keys || (!t->without_rowid && t->rows > 0);
    for (size_t i = 0; i < t->parts; i++) {
        const struct lk_manifest_part *p = &t->part[i];
        raw_bytes += p->raw_bytes;
        ordered = ordered && p->has_keys == (t->has_keys && p->rows > 0);
        if (!p->has_keys)
            continue;
        ordered = ordered && (before == NULL || before->last_key < p->first_key);
        first = first == NULL ? p : first;
        before = p;
    }
    if (ordered && first != NULL)
        ordered = t->first_key == first->first_key && t->last_key == before->last_key;
    if (!ordered)
        CONTRADICTION(table, 0, "manifest.json: the key ranges of the parts are not that of the table");
    if (raw_bytes != t->raw_bytes)
        CONTRADICTION(table, 0, "manifest.json: the raw bytes of the parts do not add up to the table's");
}

/* Each part has a file of each format, and blocks that begin where the file begins. */
static void check_files(struct lk_verify_table *table)
{
    const struct lk_manifest *m = table->backup->backup->manifest;
    for (size_t i = 0; i < table->t->parts; i++) {
        const struct lk_manifest_part *p = &table->t->part[i];
        if ((p->parquet.path != NULL) != m->has_parquet || (p->json.path != NULL) != m->has_json)
            CONTRADICTION(table, part_number(table, i),
                          "manifest.json: the files of the part are not those of the backup's formats");
        if (p->blocks > 0 && p->block[0].json_offset != 0)
            CONTRADICTION(table, part_number(table, i),
                          "manifest.json: the first block does not begin where the JSON file begins");
    }
}

static void check_manifest(struct lk_verify_table *table, struct lk_hasher *hasher)
{
    const struct lk_manifest_table *t = table->t;
    struct lk_error err = {0};
    check_hashes(table, hasher);
    check_sums(table);
    check_files(table);
    const enum lk_status status = lk_manifest_table_plan(t, &table->schema, &table->plan, &err);
    if (status == LK_FAILED) {
        lk_verify_run_fail(run_of(table), &err);
    } else if (status != LK_OK) {
        CONTRADICTION(table, 0, "manifest.json: %s", err.message);
        /* Without the columns there is nothing to decode into: the checksums remain. */
        for (size_t i = 0; i < table->files; i++)
            table->file[i].kind = LK_VERIFY_PLAIN;
    } else if (table->plan->columns != t->columns || table->schema->without_rowid != t->without_rowid ||
               table->schema->kind != t->kind || strcmp(table->schema->name, t->name) != 0) {
        CONTRADICTION(table, 0, "manifest.json: the table's columns are those of another table");
    }
    /* Where rowids are numbered on from it, the content hash tells; elsewhere it has no meaning. */
    const bool numbered =
        table->plan != NULL && table->schema->hidden_rowid && table->plan->rowid_name == NULL;
    for (size_t i = 0; table->plan != NULL && !numbered && i < t->parts; i++) {
        if (t->part[i].first_rowid != 0)
            CONTRADICTION(
                table, part_number(table, i),
                "manifest.json: the part has a first rowid, and the table's rowids are in a column");
    }
}

/* Add what was counted in a file to the sums of the table. */
static void add_counts(struct lk_verify_file *file)
{
    struct lk_verify_table *table = file->table;
    struct lk_verify_finding *f = file->finding;
    if (f == NULL || f->counts == NULL || f->columns != table->t->columns)
        return;
    pthread_mutex_lock(&file->backup->lock);
    uint64_t **sums = &table->counts[file->kind];
    if (*sums == NULL)
        *sums = lk_allocate_zeroed(f->columns * LK_CLASSES, sizeof **sums);
    for (size_t i = 0; *sums != NULL && i < f->columns * LK_CLASSES; i++)
        (*sums)[i] += f->counts[i / LK_CLASSES][i % LK_CLASSES];
    table->raw_bytes[file->kind] += f->raw_bytes;
    const bool ok = *sums != NULL;
    pthread_mutex_unlock(&file->backup->lock);
    if (atomic_load(&f->users) == 1) { /* nobody else will ask */
        lk_free(f->counts);
        f->counts = NULL;
    }
    if (!ok)
        fail_memory(table);
}

static bool is_whole(const struct lk_verify_file *file)
{
    const struct lk_verify_finding *f = file->finding;
    return file->kind < LK_VERIFY_FORMATS && f != NULL && f->read && !f->useless && f->bad_blocks == 0;
}

/* From which format can all of the table be read? `clean`: only from files that are wholly as they were. */
static bool has_format(const struct lk_verify_table *table, enum lk_verify_kind kind, bool clean)
{
    size_t files = 0;
    for (size_t i = 0; i < table->files; i++) {
        const struct lk_verify_file *file = &table->file[i];
        if (file->kind != kind)
            continue;
        if (!is_whole(file) || (clean && file->finding->wrong_bytes))
            return false;
        files++;
    }
    return files == table->t->parts;
}

/* Is each block there in some format? */
static bool has_blocks(const struct lk_verify_table *table)
{
    size_t at = 0; /* files of a part are neighbours */
    for (size_t i = 0; i < table->t->parts; i++) {
        const size_t begin = at;
        bool usable = false;
        for (; at < table->files && table->file[at].part == i; at++)
            usable = usable || (table->file[at].finding != NULL && table->file[at].finding->read &&
                                !table->file[at].finding->useless);
        if (!usable)
            return false;
        for (size_t k = 0; k < table->t->part[i].blocks; k++) {
            bool held = false;
            for (size_t n = begin; n < at; n++)
                held = held || lk_verify_file_holds(&table->file[n], k);
            if (!held)
                return false;
        }
    }
    return true;
}

static const char *restorable(const struct lk_verify_table *table)
{
    static const char *const names[LK_VERIFY_FORMATS] = {"parquet", "json"};
    if (table->plan == NULL || table->files == 0)
        return NULL;
    for (unsigned clean = 2; clean-- > 0;) {
        for (enum lk_verify_kind k = LK_VERIFY_PARQUET; k < LK_VERIFY_FORMATS; k++) {
            if (has_format(table, k, clean == 1))
                return names[k];
        }
    }
    return has_blocks(table) ? "parquet and json" : NULL;
}

/* The manifest's counts, against a format that was read as a whole. */
static void check_counts(struct lk_verify_table *table)
{
    const struct lk_manifest_table *t = table->t;
    for (enum lk_verify_kind k = LK_VERIFY_PARQUET; table->plan != NULL && k < LK_VERIFY_FORMATS; k++) {
        if (!has_format(table, k, false))
            continue;
        for (size_t i = 0; i < t->columns; i++) {
            for (size_t c = 0; c < LK_CLASSES; c++) {
                const uint64_t found = table->counts[k] == NULL ? 0 : table->counts[k][i * LK_CLASSES + c];
                if (found == t->counts[i][c])
                    continue;
                CONTRADICTION(table, 0,
                              "manifest.json: says that column %zu has %" PRIu64
                              " values of class %s, and there are %" PRIu64,
                              i + 1, t->counts[i][c], lk_class_name((enum lk_class)c), found);
                return;
            }
        }
        if (table->raw_bytes[k] != t->raw_bytes)
            CONTRADICTION(table, 0,
                          "manifest.json: says that there are %" PRIu64 " raw bytes, and there are %" PRIu64,
                          t->raw_bytes, table->raw_bytes[k]);
        return;
    }
}

static bool is_hurt(const struct lk_verify_file *file)
{
    const struct lk_verify_finding *f = file->finding;
    return !file->present || (f != NULL && (f->useless || f->bad_blocks > 0 || f->wrong_bytes));
}

static void judge(struct lk_verify_table *table)
{
    check_counts(table);
    for (size_t i = 0; i < table->files; i++) {
        char *message;
        if (!lk_verify_file_judge(&table->file[i], &message))
            fail_memory(table);
        if (message != NULL)
            lk_verify_damages_add(&table->damages, table->backup, table->t->name,
                                  part_number(table, table->file[i].part), table->file[i].file->path, "%s",
                                  message);
        lk_free(message);
    }
    const char *from = table->damages.count == 0 ? NULL : restorable(table);
    for (size_t i = 0; i < table->damages.count; i++)
        table->damages.damage[i].restorable = from;
}

/* Some damage, and files that the subset left out: which of them can stand in is worth the reading. True:
 * they are being read. */
static bool read_the_rest(struct lk_verify_table *table, unsigned worker);

static void file_done(struct lk_verify_table *table, unsigned worker)
{
    if (atomic_fetch_sub(&table->under_way, 1) > 1 || read_the_rest(table, worker))
        return;
    if (!lk_verify_run_stopped(run_of(table)))
        judge(table);
    for (size_t i = 0; i < table->files; i++)
        lk_verify_file_reset(&table->file[i]);
    lk_verify_backup_part_done(table->backup);
}

static void read_files(struct lk_verify_table *table, unsigned worker)
{
    const bool here = table->t->parts == 1;
    atomic_store(&table->under_way, table->files + 1); /* one for this function */
    for (size_t i = 0; i < table->files; i++) {
        if (table->file[i].finding == NULL)
            lk_verify_file_read(&table->file[i], here, worker);
        else
            (void)atomic_fetch_sub(&table->under_way, 1);
    }
    file_done(table, worker);
}

static bool read_the_rest(struct lk_verify_table *table, unsigned worker)
{
    bool hurt = false, rest = false;
    for (size_t i = 0; i < table->files; i++) {
        hurt = hurt || is_hurt(&table->file[i]);
        rest = rest || (table->file[i].present && !table->file[i].wanted);
    }
    if (!hurt || !rest || table->complete || lk_verify_run_stopped(run_of(table)))
        return false;
    table->complete = true;
    for (size_t i = 0; i < table->files; i++)
        table->file[i].wanted = true;
    read_files(table, worker);
    return true;
}

void lk_verify_table_file_done(struct lk_verify_file *file, unsigned worker)
{
    if (file->kind < LK_VERIFY_FORMATS)
        add_counts(file);
    file_done(file->table, worker);
}

static void run(struct lk_job *job, unsigned worker)
{
    struct lk_verify_table *table = (struct lk_verify_table *)job; /* its first member */
    struct lk_verify_run *r = run_of(table);
    struct lk_verify_scratch *s = lk_verify_run_stopped(r) ? NULL : lk_verify_run_scratch(r, worker);
    if (s == NULL) {
        lk_verify_backup_part_done(table->backup);
    } else if (table->backup->legacy) {
        lk_verify_script_table(table);
        lk_verify_backup_part_done(table->backup);
    } else {
        check_manifest(table, s->hasher);
        read_files(table, worker);
    }
}

void lk_verify_table_submit(struct lk_verify_table *table)
{
    table->job.run = run;
    lk_pool_submit(run_of(table)->pool, &table->job, false);
}

void lk_verify_table_reset(struct lk_verify_table *table)
{
    lk_plan_free(table->plan);
    lk_table_schema_free(table->schema);
    for (size_t i = 0; i < LK_VERIFY_FORMATS; i++)
        lk_free(table->counts[i]);
    lk_verify_damages_reset(&table->damages);
}
