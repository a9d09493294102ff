#include "store/store.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/known.h"
#include "store/leftovers.h"
#include "store/lock.h"
#include "store/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MARK_LIMIT = 64 << 10, /* bytes; a mark is about 600 */
    UUID_BYTES = 16
};

#define INIT_WAIT                                                                                            \
    (30 * INT64_C(1000000000)) /* another process that makes the same store needs milliseconds */

void lk_store_warn(struct lk_warn warn, const char *format, ...)
{
    if (warn.call == NULL)
        return;
    struct lk_error safe = {0};
    char message[LK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)lk_fail(&safe, LK_OK, "%s", message); /* escapes control characters */
    warn.call(warn.context, safe.message);
}

static const char *advice_for(int system)
{
    switch (system) {
    case ENOSPC:
        return "the disk is full or has no inodes left: free some (litekeep prune), or use --store on "
               "another disk";
    case EDQUOT:
        return "the quota is used up: free some (litekeep prune), or use --store on another disk";
    case EROFS:
        return "the file system is mounted read-only: remount it writable, or use --store on another disk";
    default:
        return NULL;
    }
}

enum lk_status lk_store_advise(struct lk_error *err)
{
    const char *advice = advice_for(err->system);
    if (advice == NULL || strstr(err->message, "--store") != NULL)
        return err->status;
    const size_t used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof err->message - used, " (%s)", advice);
    return err->status;
}

/* 8-4-4-4-12 hex digits, lower case. */
static bool uuid_is_valid(const char *text)
{
    if (strlen(text) != LK_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < LK_UUID_SIZE - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (dash ? text[i] != '-' : !hex)
            return false;
    }
    return true;
}

/* RFC 9562, version 4. */
static enum lk_status make_uuid(char out[LK_UUID_SIZE], struct lk_error *err)
{
    uint8_t b[UUID_BYTES];
    const enum lk_status status = lk_random(b, sizeof b, err);
    if (status != LK_OK)
        return status;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char hex[2 * UUID_BYTES + 1];
    lk_hex_format(b, sizeof b, hex);
    (void)snprintf(out, LK_UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
    return LK_OK;
}

static enum lk_status parse_mark(struct lk_store *store, struct lk_bytes text, struct lk_error *err)
{
    struct lk_record_source source = {.err = err};
    char *file = lk_format("%s/%s", store->dir.path, LK_STORE_MARK);
    char *uuid = NULL, *secret = NULL;
    json_t *root = NULL;
    struct lk_record r;
    if (file == NULL) {
        source.status = lk_fail_memory(err, "reading the store's mark");
        goto out;
    }
    source.file = file;
    if (!lk_record_parse(&source, text, &root, &r))
        goto out;
    const uint64_t format = lk_record_count(&r, "format", UINT32_MAX);
    if (source.status == LK_OK && format > LK_STORE_FORMAT) {
        source.status = lk_fail(err, LK_UNREADABLE,
                                "%s: the store has format %" PRIu64
                                ", and this litekeep knows formats up to %d: use the newer "
                                "litekeep that made it",
                                file, format, LK_STORE_FORMAT);
        goto out;
    }
    uuid = lk_record_text(&r, "uuid");
    secret = lk_record_text(&r, "secret");
    store->created = lk_record_time(&r, "created");
    if (source.status != LK_OK)
        goto out;
    if (!uuid_is_valid(uuid))
        lk_record_fail(&r, "uuid", "is no UUID");
    else if (strlen(secret) != (size_t)2 * LK_SECRET_SIZE ||
             !lk_hex_parse(secret, LK_SECRET_SIZE, store->secret))
        lk_record_fail(&r, "secret", "is not 384 hex digits");
    else
        memcpy(store->uuid, uuid, LK_UUID_SIZE);
out:
    lk_free(uuid);
    lk_free(secret);
    json_decref(root);
    lk_free(file);
    return source.status;
}

static enum lk_status write_mark(const struct lk_store *store, struct lk_error *err)
{
    lk_leftovers_remove(&store->dir, LK_FILE_TEMPORARY);
    char uuid[LK_UUID_SIZE], created[LK_TIME_SIZE], hex[2 * LK_SECRET_SIZE + 1];
    uint8_t secret[LK_SECRET_SIZE];
    enum lk_status status = make_uuid(uuid, err);
    if (status == LK_OK)
        status = lk_random(secret, sizeof secret, err);
    if (status != LK_OK)
        return status;
    lk_hex_format(secret, sizeof secret, hex);
    lk_time_format(lk_clock_now(), created);
    struct lk_buffer text = {0};
    lk_buffer_append_format(
        &text, "{\n\"format\": %d,\n\"uuid\": \"%s\",\n\"created\": \"%s\",\n\"secret\": \"%s\"\n}\n",
        LK_STORE_FORMAT, uuid, created, hex);
    status = lk_buffer_check(&text, "writing the store's mark", err);
    if (status == LK_OK)
        status =
            lk_file_write(&store->dir, LK_STORE_MARK, lk_buffer_bytes(&text), store->file_mode, true, err);
    lk_buffer_reset(&text);
    return status;
}

static enum lk_status read_mark(struct lk_store *store, struct lk_error *err)
{
    struct lk_buffer text = {0};
    enum lk_status status = lk_file_read(&store->dir, LK_STORE_MARK, MARK_LIMIT, &text, err);
    if (status == LK_OK)
        status = parse_mark(store, lk_buffer_bytes(&text), err);
    lk_buffer_reset(&text);
    return status;
}

/* Whoever can write here can exchange whole backups, whatever their own permissions. */
static void warn_of_writers(const struct lk_store *store, struct lk_warn warn)
{
    struct stat st;
    if (fstat(store->dir.fd, &st) != 0)
        return;
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        lk_store_warn(warn,
                      "%s: %s may write to the store's folder (mode %04o) and so replace or delete backups; "
                      "chmod go-w it",
                      store->dir.path, (st.st_mode & S_IWOTH) != 0 ? "everybody" : "its group",
                      (unsigned)(st.st_mode & 07777));
    if (st.st_uid != geteuid() && st.st_uid != 0)
        lk_store_warn(
            warn,
            "%s: the store's folder belongs to another user (uid %lu), who may replace or delete backups",
            store->dir.path, (unsigned long)st.st_uid);
}

static struct lk_store *new_store(enum lk_access access)
{
    struct lk_store *store = lk_allocate_zeroed(1, sizeof *store);
    if (store == NULL)
        return NULL;
    const bool group = access == LK_ACCESS_GROUP;
    store->dir = LK_DIR_CLOSED;
    store->known = lk_known_new();
    if (store->known == NULL) {
        lk_free(store);
        return NULL;
    }
    store->access = access;
    store->dir_mode = group ? 0750 : 0700;
    store->file_mode = group ? 0440 : 0400;
    store->journal_mode = group ? 0640 : 0600;
    return store;
}

static enum lk_status fail_no_store(const char *path, struct lk_error *err)
{
    char *word = lk_text_quote(path);
    const enum lk_status status = lk_fail(
        err, LK_NOT_FOUND,
        "%s: no store is there (no %s). Is its disk mounted? To make a new store at this place: litekeep "
        "backup --init --store %s PATH...",
        path, LK_STORE_MARK, word == NULL ? "DIR" : word);
    lk_free(word);
    return status;
}

enum lk_status lk_store_open(const char *path, enum lk_access access, struct lk_warn warn,
                             struct lk_store **out, struct lk_error *err)
{
    struct lk_store *store = new_store(access);
    if (store == NULL)
        return lk_fail_memory(err, "opening the store");
    enum lk_status status = lk_dir_open(path, &store->dir, err);
    if (status == LK_OK)
        status = read_mark(store, err);
    if (status == LK_NOT_FOUND)
        status = fail_no_store(path, err);
    if (status != LK_OK)
        goto out;
    warn_of_writers(store, warn);
    *out = store;
    store = NULL;
out:
    lk_store_free(store);
    return status;
}

/* Open the folder `path`, made with its parents where missing, each durable in its parent. */
static enum lk_status make_folder(const char *path, mode_t mode, struct lk_dir *out, struct lk_error *err)
{
    enum lk_status status = lk_dir_open(path, out, err);
    if (status != LK_NOT_FOUND)
        return status;
    struct lk_dir parent = LK_DIR_CLOSED;
    char *copy = lk_copy_string(path);
    if (copy == NULL)
        return lk_fail_memory(err, "making the store's folder");
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    const char *name = slash == NULL ? copy : slash + 1;
    const char *above = ".";
    if (slash == copy) {
        above = "/";
    } else if (slash != NULL) {
        *slash = '\0';
        above = copy;
    }
    status = name[0] == '\0' ? lk_fail_errno(err, LK_FAILED, ENOENT, "%s: cannot open the folder", path)
                             : make_folder(above, mode, &parent, err);
    if (status == LK_OK)
        status = lk_dir_create_at(&parent, name, mode, false, out, err);
    if (status == LK_OK)
        status = lk_dir_sync(&parent, err);
    if (status == LK_OK) {
        lk_dir_close(out);
        status = lk_dir_open(path, out, err); /* with the path as the user spelled it */
    }
    lk_dir_close(&parent);
    lk_free(copy);
    if (status != LK_OK)
        lk_dir_close(out);
    return status;
}

enum lk_status lk_store_init(const char *path, enum lk_access access, struct lk_warn warn,
                             struct lk_store **out, struct lk_error *err)
{
    struct lk_lock *lock = NULL;
    struct lk_store *store = new_store(access);
    if (store == NULL)
        return lk_fail_memory(err, "making a store");
    enum lk_status status = make_folder(path, store->dir_mode, &store->dir, err);
    if (status != LK_OK)
        goto out;
    status = read_mark(store, err);
    if (status == LK_NOT_FOUND) {
        status = lk_lock_take(&store->dir, store->journal_mode, "init", INIT_WAIT, &lock, err);
        if (status == LK_OK)
            status = read_mark(store, err); /* another process may have been first */
        if (status == LK_NOT_FOUND)
            status = write_mark(store, err);
        if (status == LK_OK)
            status = read_mark(store, err);
    }
    if (status != LK_OK)
        goto out;
    warn_of_writers(store, warn);
    lk_lock_release(lock);
    lock = NULL;
    *out = store;
    store = NULL;
out:
    lk_lock_release(lock);
    lk_store_free(store);
    return status == LK_OK ? LK_OK : lk_store_advise(err);
}

void lk_store_free(struct lk_store *store)
{
    if (store == NULL)
        return;
    lk_dir_close(&store->dir);
    lk_known_free(store->known);
    lk_free(store);
}

enum lk_status lk_store_space(const struct lk_store *store, uint64_t *bytes, uint64_t *inodes,
                              struct lk_error *err)
{
    struct statvfs fs;
    int failed;
    do
        failed = fstatvfs(store->dir.fd, &fs);
    while (failed != 0 && errno == EINTR);
    if (failed != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot ask for free space", store->dir.path);
    const uint64_t unit = fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize;
    /* Some network file systems say 0 of 0. */
    if (fs.f_blocks == 0 || __builtin_mul_overflow((uint64_t)fs.f_bavail, unit, bytes))
        *bytes = UINT64_MAX;
    *inodes = fs.f_files == 0 ? UINT64_MAX : (uint64_t)fs.f_favail;
    return LK_OK;
}
