/* Adding keys to a config file that a person wrote: every byte of theirs stays. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "host/config_private.h"

static const struct lk_config_section *general_section(const struct lk_config *c)
{
    for (size_t i = 0; i < c->sections; i++) {
        if (c->section[i].scope == LK_CONFIG_ALL)
            return &c->section[i];
    }
    return NULL;
}

static const struct lk_config_entry *find_entry(const struct lk_config_section *s, const char *key)
{
    for (size_t i = 0; s != NULL && i < s->entries; i++) {
        if (s->entry[i].table == NULL && strcmp(s->entry[i].key->shown.name, key) == 0)
            return &s->entry[i];
    }
    return NULL;
}

static const char *line_end_of(struct lk_bytes text)
{
    const uint8_t *from = text.ptr == NULL ? (const uint8_t *)"" : text.ptr;
    const uint8_t *first = memchr(from, '\n', text.len);
    return first != NULL && first > from && first[-1] == '\r' ? "\r\n" : "\n";
}

/* The key behind the last line of [litekeep] that says something, or with that section behind the last line
 * of all. */
static void add_line(struct lk_bytes text, const struct lk_config_section *s,
                     const struct lk_config_addition *add, struct lk_buffer *out)
{
    const size_t at = s == NULL ? text.len : s->end;
    const uint8_t *from = text.ptr == NULL ? (const uint8_t *)"" : text.ptr;
    const char *line_end = line_end_of(text);
    lk_buffer_append(out, from, at);
    if (at > 0 && from[at - 1] != '\n')
        lk_buffer_append_string(out, line_end);
    if (s == NULL)
        lk_buffer_append_format(out, "%s[litekeep]%s", at > 0 ? line_end : "", line_end);
    lk_buffer_append_format(out, "%s = %s%s", add->key, add->value, line_end);
    lk_buffer_append(out, from + at, text.len - at);
}

/* Another value in the place of the one that is there; none: without its lines. */
static void replace_value(struct lk_bytes text, const struct lk_config_entry *e, const char *value,
                          struct lk_buffer *out)
{
    size_t from = e->from, to = e->end;
    if (value == NULL) {
        while (from > 0 && (text.ptr[from - 1] == ' ' || text.ptr[from - 1] == '\t'))
            from--;
        while (to < text.len && text.ptr[to] != '\n')
            to++;
        to += to < text.len ? 1 : 0;
    } else {
        while (from < to && text.ptr[from] != '=' && text.ptr[from] != ':')
            from++;
        from += from < to ? 1 : 0;
        while (from < to && (text.ptr[from] == ' ' || text.ptr[from] == '\t'))
            from++;
    }
    lk_buffer_append(out, text.ptr, from);
    if (value != NULL)
        lk_buffer_append_string(out, value);
    lk_buffer_append(out, text.ptr + to, text.len - to);
}

/* One key. *text and *config become those with it, when it is not as it should be already. */
static enum lk_status put_key(const char *path, const struct lk_config_addition *add, struct lk_buffer *text,
                              struct lk_config **config, bool *changed, struct lk_error *err)
{
    const struct lk_config_section *s = general_section(*config);
    const struct lk_config_entry *e = find_entry(s, add->key);
    struct lk_buffer next = {0};
    struct lk_config *after = NULL;
    if (e == NULL ? add->value == NULL
                  : !add->replace || (add->value != NULL && strcmp(e->written, add->value) == 0))
        return LK_OK;
    if (e == NULL)
        add_line(lk_buffer_bytes(text), s, add, &next);
    else
        replace_value(lk_buffer_bytes(text), e, add->value, &next);
    enum lk_status status = lk_buffer_check(&next, "writing the config", err);
    if (status == LK_OK) {
        status = lk_config_parse((const char *)next.data, next.len, path, &after, err);
        if (status != LK_OK)
            status =
                lk_error_prefix(err, "the config was left as it is, since with what is to be added to it");
    }
    /* Is it understood as it was meant? */
    e = status == LK_OK ? find_entry(general_section(after), add->key) : NULL;
    if (status == LK_OK &&
        (add->value == NULL ? e != NULL : e == NULL || strcmp(e->written, add->value) != 0))
        status = lk_fail(err, LK_USAGE, "%s: \"%s\" cannot be written as a value of %s", path,
                         add->value == NULL ? "" : add->value, add->key);
    if (status != LK_OK) {
        lk_config_free(after);
        lk_buffer_reset(&next);
        return status;
    }
    lk_config_free(*config);
    lk_buffer_reset(text);
    *config = after;
    *text = next;
    *changed = true;
    return LK_OK;
}

/* Folders on the way to the file. */
static enum lk_status make_folders(const char *path, struct lk_error *err)
{
    char *at = lk_copy_string(path);
    enum lk_status status = at == NULL ? lk_fail_memory(err, "writing the config") : LK_OK;
    for (char *slash = at; status == LK_OK && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (mkdir(at, 0700) != 0 && errno != EEXIST)
            status = lk_fail_errno(err, LK_FAILED, errno, "%s: cannot make the folder of the config", at);
        *slash = '/';
    }
    lk_free(at);
    return status;
}

static enum lk_status write_text(const char *path, struct lk_bytes text, struct lk_error *err)
{
    struct lk_dir dir = LK_DIR_CLOSED;
    struct stat st;
    const mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? lk_copy_string(".")
                   : slash == path ? lk_copy_string("/")
                                   : lk_copy_bytes(path, (size_t)(slash - path));
    enum lk_status status = folder == NULL ? lk_fail_memory(err, "writing the config") : LK_OK;
    if (status == LK_OK)
        status = make_folders(path, err);
    if (status == LK_OK)
        status = lk_dir_open(folder, &dir, err);
    if (status == LK_OK)
        status = lk_file_write(&dir, slash == NULL ? path : slash + 1, text, mode, true, err);
    lk_dir_close(&dir);
    lk_free(folder);
    return status;
}

/* The file itself, where `path` is a link to it. */
static enum lk_status follow(const char *path, char **out, struct lk_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode)) {
        *out = lk_copy_string(path);
        return *out == NULL ? lk_fail_memory(err, "writing the config") : LK_OK;
    }
    char *real = realpath(path, NULL);
    if (real == NULL)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: the config is a link that leads nowhere", path);
    *out = lk_copy_string(real);
    free(real);
    return *out == NULL ? lk_fail_memory(err, "writing the config") : LK_OK;
}

enum lk_status lk_config_add(const char *path, const struct lk_config_addition *add, size_t count,
                             bool *changed, struct lk_error *err)
{
    struct lk_buffer text = {0};
    struct lk_config *config = NULL;
    char *file = NULL;
    bool exists, any = false;
    *changed = false;
    enum lk_status status = follow(path, &file, err);
    if (status == LK_OK)
        status = lk_config_read(file, false, &text, &exists, err);
    if (status == LK_OK)
        status = lk_config_parse((const char *)text.data, text.len, path, &config, err);
    for (size_t i = 0; status == LK_OK && i < count; i++)
        status = put_key(path, &add[i], &text, &config, &any, err);
    if (status == LK_OK && any)
        status = write_text(file, lk_buffer_bytes(&text), err);
    *changed = status == LK_OK && any;
    lk_config_free(config);
    lk_free(file);
    lk_buffer_reset(&text);
    return status;
}
