/* manifest.json: what is in a backup (docs/STORE.md, "manifest.json", has every field and type).
 *
 * Writing is deterministic: the same manifest gives the same bytes. Reading trusts nothing: sizes, counts,
 * paths and hashes are checked, and a wrong one is LK_DAMAGED with the file and the field. Unknown fields are
 * ignored; a higher format is LK_UNREADABLE. A manifest belongs to one thread at a time; read-only use from
 * several is safe. */
#ifndef LK_STORE_MANIFEST_H
#define LK_STORE_MANIFEST_H

#include "base/codec.h"
#include "base/file.h"
#include "batch/plan.h"

#define LK_MANIFEST_FILE "manifest.json"
#define LK_MANIFEST_FORMAT 1
#define LK_MANIFEST_LIMIT (256u << 20) /* bytes; a longer file is not read */

/* All strings are owned by the manifest, allocated by base/memory.h; NULL means absent (null in the file, or
 * no field). Names, paths and identities are any bytes but NUL. */

/* A file of the backup. path NULL: there is none. */
struct lk_manifest_file {
    char *path; /* relative to the backup's folder; lk_name_is_relative_path (a backup of the original script:
                   any two components) */
    uint64_t bytes;
    uint8_t sha256[LK_SHA256_SIZE];
};

/* Rows that are one batch, one Parquet row group and one run of JSON members; in order, so block i is row
 * group i of the part's file. */
struct lk_manifest_block {
    uint32_t rows;          /* >= 1 */
    uint64_t json_offset;   /* where the run begins in the JSON file; it ends where the next begins. 0 when
                               there is no JSON file */
    struct lk_hash128 hash; /* lk_batch_hash */
};

struct lk_manifest_part {
    uint64_t rows;
    bool has_keys; /* the table has rowids, and the part has rows */
    int64_t first_key, last_key;
    int64_t first_rowid; /* the implicit rowid of the first row, when the table has hidden rowids and no rowid
                            column; else 0 */
    uint64_t raw_bytes;
    struct lk_hash128 hash; /* over the blocks: lk_hash_combine */
    int64_t verified_at;    /* instant when the files were last read back and compared; 0: never */
    char *shared_with;      /* id of the backup that this part's files were linked from; NULL: written anew */
    struct lk_manifest_file parquet, json;
    size_t blocks;
    struct lk_manifest_block *block;
};

struct lk_manifest_table {
    char *name; /* as in the database */
    char *stem; /* its file name, as names.h makes it */
    enum lk_table_kind kind;
    bool without_rowid;
    uint64_t rows;
    uint64_t raw_bytes;
    bool has_keys;
    int64_t first_key, last_key;
    char *columns_json; /* lk_plan_to_json with first_rowid 0; NULL: unknown (a backup of the original script)
                         */
    size_t columns;     /* of `counts` */
    uint64_t (*counts)[LK_CLASSES]; /* values of each storage class, for each column */
    struct lk_hash128 hash;         /* over the parts' hashes: lk_hash_combine */
    unsigned part_bits;             /* k: a part ends where the key's hash has k low zero bits; 0: not cut */
    size_t parts;                   /* >= 1: an empty table has one part without rows */
    struct lk_manifest_part *part;
};

/* Bytes with their length: text of sqlite_schema may hold anything. ptr NULL: SQL NULL. */
struct lk_manifest_text {
    char *ptr; /* owned, with a NUL behind it that len does not count */
    size_t len;
};

struct lk_manifest_schema_row {
    struct lk_manifest_text type, name, tbl_name, sql;
};

struct lk_manifest_source {
    char *path;
    char *identity;
    uint64_t device, inode;
    uint64_t bytes;          /* of the database file */
    int64_t mtime;           /* instant */
    uint32_t change_counter; /* of the file's header */
    char *journal_mode;      /* "wal", "delete", ... as PRAGMA journal_mode says */
    char *snapshot;          /* how one state was pinned: "read", "copy", "backup", ... */
};

struct lk_manifest_pragmas {
    char *encoding;       /* "UTF-8", "UTF-16le", "UTF-16be" */
    uint32_t page_size;   /* 512 to 65536 */
    uint32_t auto_vacuum; /* 0, 1, 2 */
    int32_t user_version;
    int32_t application_id;
    bool wal; /* the journal mode is WAL */
};

/* Text lists grow by lk_manifest_add_text. */
struct lk_manifest_texts {
    size_t count;
    char **text;
};

struct lk_manifest {
    char *id;
    uint64_t seq;              /* >= 1 and below 2^53; 0: a backup of the original script */
    int64_t started, finished; /* instants */
    char *tool;                /* "litekeep 0.1.0" */
    char *sqlite_version;      /* "3.40.1" */
    bool legacy;               /* made from a folder of the original script; never written */
    struct lk_manifest_texts tags;
    struct lk_manifest_source source;
    struct lk_manifest_pragmas pragmas;
    bool has_parquet, has_json, has_sqlite;
    struct lk_codec_choice parquet_codec, json_codec;
    size_t schema_rows;
    struct lk_manifest_schema_row *schema_row;
    size_t tables;
    /* In the order of sqlite_schema; each stays where it is when others are added. */
    struct lk_manifest_table **table;
    struct lk_manifest_table *
        *by_name; /* the same by name's bytes; only of a manifest that was read, else NULL */
    struct lk_manifest_file schema_sql;
    struct lk_manifest_file sqlite_copy;
    int64_t sqlite_verified_at; /* instant when sqlite_copy was last read back and compared; 0: never */
    struct lk_manifest_texts warnings;
    struct lk_manifest_texts
        left_out; /* tables that were not asked for: a partial backup; none: it is whole */
    struct lk_manifest_texts rebuild_problems; /* why the schema cannot be rebuilt here; not empty: restore
                                                  prefers the sqlite copy */
    uint64_t total_rows, total_raw_bytes;
    uint64_t total_bytes;  /* of all files but manifest.json and SHA256SUMS */
    uint64_t shared_bytes; /* of those, in files linked from earlier backups */
    uint64_t total_files;
};

struct lk_manifest *lk_manifest_new(void); /* zeroed; NULL when memory is out */
void lk_manifest_free(struct lk_manifest *m);

/* Append; NULL or false when memory is out, and nothing has changed. The result is zeroed and borrowed; a
 * part or block stays where it is until the next one is added to the same array. */
struct lk_manifest_table *lk_manifest_add_table(struct lk_manifest *m, const char *name, const char *stem);
bool lk_manifest_set_columns(struct lk_manifest_table *t, size_t columns); /* zeroed counts; replaces */
struct lk_manifest_part *lk_manifest_add_part(struct lk_manifest_table *t);
struct lk_manifest_block *lk_manifest_add_block(struct lk_manifest_part *p);
struct lk_manifest_schema_row *lk_manifest_add_schema_row(struct lk_manifest *m);
bool lk_manifest_set_text(struct lk_manifest_text *to, const void *ptr, size_t len); /* ptr NULL: SQL NULL */
bool lk_manifest_add_text(struct lk_manifest_texts *to, const char *text);
/* Was everything read back and compared when the backup was taken? */
bool lk_manifest_is_verified(const struct lk_manifest *m);
/* A deep copy of a part (from an earlier backup's manifest, to share it) into a zeroed one. */
bool lk_manifest_copy_part(struct lk_manifest_part *to, const struct lk_manifest_part *from);
void lk_manifest_part_reset(struct lk_manifest_part *p);
/* Take all parts out of a table, freed: its scan starts again. */
void lk_manifest_clear_parts(struct lk_manifest_table *t);

/* The table whose name has these bytes, or NULL. O(log n) in a manifest that was read, else O(n). */
const struct lk_manifest_table *lk_manifest_find_table(const struct lk_manifest *m, const char *name);
/* Its schema and plan, parsed from columns_json; the caller frees both. LK_DAMAGED when there is none or it
 * is wrong. */
enum lk_status lk_manifest_table_plan(const struct lk_manifest_table *t, struct lk_table_schema **schema,
                                      struct lk_plan **plan, struct lk_error *err) LK_CHECKED;

/* Call `each` for every file that the manifest names: schema.sql, the sqlite copy, then the parts'. Stops at
 * the first status but LK_OK. part is NULL for the first two. */
enum lk_status
lk_manifest_each_file(const struct lk_manifest *m,
                      enum lk_status (*each)(void *context, const struct lk_manifest_file *file,
                                             const struct lk_manifest_table *table,
                                             const struct lk_manifest_part *part, struct lk_error *err),
                      void *context, struct lk_error *err) LK_CHECKED;

/* Sum up total_rows, total_raw_bytes, total_bytes, shared_bytes and total_files from what is in the manifest.
 */
void lk_manifest_total(struct lk_manifest *m);

/* Append the JSON text. Fails only when memory is out. */
enum lk_status lk_manifest_to_json(const struct lk_manifest *m, struct lk_buffer *out,
                                   struct lk_error *err) LK_CHECKED;
/* Parse; `file` is for messages. */
enum lk_status lk_manifest_from_json(struct lk_bytes json, const char *file, struct lk_manifest **out,
                                     struct lk_error *err) LK_CHECKED;
/* Read and parse manifest.json of a backup's folder. Missing: LK_DAMAGED (a backup is complete or absent). */
enum lk_status lk_manifest_read(const struct lk_dir *backup, struct lk_manifest **out,
                                struct lk_error *err) LK_CHECKED;

#endif
