#include "host/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/memory.h"
#include "host/config_private.h"

#define MOST_BYTES (1u << 20)

enum lk_status lk_config_find(const char *named, char **out, bool *must, struct lk_error *err)
{
    *out = NULL;
    *must = false;
    if (named == NULL) {
        named = getenv("LITEKEEP_CONFIG");
        named = named != NULL && named[0] == '\0' ? NULL : named;
    }
    if (named != NULL && named[0] == '\0')
        return LK_OK;
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    *must = named != NULL;
    if (named != NULL)
        *out = lk_copy_string(named);
    else if (config != NULL && config[0] == '/') /* the XDG specification: a relative path is to be ignored */
        *out = lk_format("%s/litekeep/config.ini", config);
    else if (home != NULL && home[0] != '\0')
        *out = lk_format("%s/.config/litekeep/config.ini", home);
    else
        return LK_OK;
    return *out == NULL ? lk_fail_memory(err, "looking for the config") : LK_OK;
}

/* Whoever can write to it could have a program of theirs run, or backups removed. */
static enum lk_status check_owner(const struct stat *st, const char *path, struct lk_error *err)
{
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return lk_fail(
            err, LK_REFUSED,
            "%s: others than its owner may write to the config (mode %04o), and it can name programs "
            "to run: chmod go-w it",
            path, (unsigned)(st->st_mode & 07777));
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return lk_fail(err, LK_REFUSED,
                       "%s: the config belongs to another user (%u), and it can name programs to run: give a "
                       "config of your own with --config, or none with --config /dev/null",
                       path, (unsigned)st->st_uid);
    return LK_OK;
}

static enum lk_status read_all(int fd, const char *path, struct lk_buffer *out, struct lk_error *err)
{
    for (;;) {
        uint8_t piece[16384];
        const ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lk_fail_errno(err, LK_FAILED, errno, "%s: reading the config", path);
        if (got == 0)
            return lk_buffer_check(out, "reading the config", err);
        lk_buffer_append(out, piece, (size_t)got);
        if (out->len > MOST_BYTES)
            return lk_fail(err, LK_USAGE, "%s: more than %u KiB: this is no config", path, MOST_BYTES >> 10);
    }
}

enum lk_status lk_config_read(const char *path, bool must, struct lk_buffer *out, bool *exists,
                              struct lk_error *err)
{
    struct stat st;
    enum lk_status status = LK_OK;
    /* A FIFO would wait for somebody to write. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *exists = fd >= 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && !must)
        return LK_OK;
    if (fd < 0)
        return lk_fail_errno(err,
                             errno == ENOENT || errno == ENOTDIR ? LK_NOT_FOUND
                             : errno == EACCES || errno == EPERM ? LK_USAGE
                                                                 : LK_FAILED,
                             errno, "%s: cannot read the config", path);
    if (fstat(fd, &st) != 0)
        status = lk_fail_errno(err, LK_FAILED, errno, "%s: reading the config", path);
    else if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
        ; /* /dev/null: no config, on purpose */
    else if (!S_ISREG(st.st_mode))
        status = lk_fail(err, LK_USAGE, "%s: the config is no regular file", path);
    else if ((status = check_owner(&st, path, err)) == LK_OK)
        status = read_all(fd, path, out, err);
    close(fd);
    return status;
}

enum lk_status lk_config_load(const char *path, bool must, struct lk_config **out, struct lk_error *err)
{
    struct lk_buffer text = {0};
    bool exists = false;
    enum lk_status status = path == NULL ? LK_OK : lk_config_read(path, must, &text, &exists, err);
    if (status == LK_OK)
        status = lk_config_parse((const char *)text.data, text.len, path == NULL ? "" : path, out, err);
    if (status == LK_OK) {
        (*out)->exists = exists;
        if (path == NULL) {
            lk_free((*out)->path);
            (*out)->path = NULL;
        }
    }
    lk_buffer_reset(&text);
    return status;
}

void lk_config_free(struct lk_config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->sections; i++) {
        struct lk_config_section *s = &c->section[i];
        for (size_t j = 0; j < s->entries; j++) {
            lk_config_value_reset(&s->entry[j].value);
            lk_free(s->entry[j].table);
            lk_free(s->entry[j].written);
        }
        lk_free(s->entry);
        lk_free(s->name);
        lk_free(s->real);
    }
    lk_free(c->section);
    lk_free(c->path);
    lk_free(c);
}

const char *lk_config_path(const struct lk_config *c)
{
    return c->path;
}

bool lk_config_exists(const struct lk_config *c)
{
    return c->exists;
}

size_t lk_config_sections(const struct lk_config *c)
{
    return c->sections;
}

const struct lk_general_settings *lk_config_general(const struct lk_config *c)
{
    return &c->general;
}

struct lk_config_place lk_config_place(const struct lk_config *c, size_t section)
{
    const struct lk_config_section *s = &c->section[section];
    return (struct lk_config_place){.path = s->scope == LK_CONFIG_BELOW ? s->name : NULL,
                                    .folder = s->scope == LK_CONFIG_FOLDER ? s->name : NULL,
                                    .line = s->line};
}
