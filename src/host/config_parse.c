/* The text of a config file, by inih, which takes lines apart into name and value.
 *
 * inih gives no line numbers, cuts section names at 50 bytes and lines at some 200, skips what it does not
 * understand until the end, and says nothing of a section that is empty. So it reads through a reader of
 * ours, which counts lines, sees to sections itself (inih gets a number instead of the name), refuses what is
 * no text, and hands a long line over in pieces: first "name = begin", then " more", which inih gives back as
 * a continuation of the same value. */
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/config_private.h"

#define MOST_LINE 8192 /* bytes */
#define MOST_VALUE 65536
#define MOST_ENTRIES 2000 /* in all sections */
#define MOST_SECTIONS 1000
#define SPACES " \t"

struct parser {
    struct lk_config *config;
    const char *text;
    size_t len, at;             /* `at`: the next line */
    unsigned line;              /* of the piece that inih has, from 1 */
    size_t line_from, line_end; /* what stands in the line, and what comes behind it */
    size_t entries;

    char rest[MOST_LINE + 1]; /* of the line, what inih has not got yet */
    const char *next;         /* in `rest`; NULL: nothing left */
    const char *gap;          /* white space before `next`, which inih does not give back */
    bool continues;           /* the piece goes on with the value before */
    bool waiting;             /* inih has a piece that should come back through `take` */

    struct lk_config_entry *entry; /* still being read; NULL: none */
    struct lk_buffer value;        /* of it */

    enum lk_status status;
    struct lk_error *err;
};

static void stop(struct parser *p, unsigned line)
{
    p->status = lk_error_prefix(p->err, "%s:%u", p->config->path, line);
}

#define FAIL(p, at_line, ...)                                                                                \
    do {                                                                                                     \
        (void)lk_fail((p)->err, LK_USAGE, __VA_ARGS__);                                                      \
        stop((p), (at_line));                                                                                \
    } while (0)

static void fail_memory(struct parser *p)
{
    p->status = lk_fail_memory(p->err, "reading the config");
}

/* ---- Sections */

static const struct lk_config_section *find_section(const struct lk_config *c,
                                                    const struct lk_config_section *like)
{
    for (size_t i = 0; i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        if (s->scope == like->scope &&
            (s->name == NULL || (like->name != NULL && strcmp(s->name, like->name) == 0)))
            return s;
    }
    return NULL;
}

/* What a section's name means. */
static enum lk_status name_section(struct lk_config_section *s, const char *name, struct lk_error *err)
{
    if (strcmp(name, "litekeep") == 0) {
        s->scope = LK_CONFIG_ALL;
        return LK_OK;
    }
    if (name[0] == '/' || name[0] == '~') {
        s->scope = LK_CONFIG_BELOW;
        const enum lk_status status = lk_config_value_path(name, &s->name, err);
        char *real = status == LK_OK ? realpath(s->name, NULL) : NULL;
        if (real != NULL && strcmp(real, s->name) != 0)
            s->real = lk_copy_string(real);
        free(real);
        return status;
    }
    if (name[0] == '\0')
        return lk_fail(err, LK_USAGE, "a section without a name");
    if (strchr(name, '/') != NULL)
        return lk_fail(err, LK_USAGE,
                       "section [%s]: a path has to begin with / or ~/, and a database's folder in the store "
                       "has no slash",
                       name);
    s->scope = LK_CONFIG_FOLDER;
    s->name = lk_copy_string(name);
    return s->name == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
}

static void begin_section(struct parser *p, const char *name)
{
    struct lk_config *c = p->config;
    struct lk_config_section s = {.line = p->line, .end = p->line_end};
    const struct lk_config_section *before;
    struct lk_config_section *grown = NULL;
    enum lk_status status = name_section(&s, name, p->err);
    if (status != LK_OK) {
        stop(p, p->line);
        goto out;
    }
    before = find_section(c, &s);
    if (before != NULL) {
        FAIL(p, p->line, "section [%s] stands already in line %u: put its keys there", name, before->line);
    } else if (c->sections == MOST_SECTIONS) {
        FAIL(p, p->line, "more than %d sections", MOST_SECTIONS);
    } else {
        grown = lk_reallocate(c->section, (c->sections + 1) * sizeof *grown);
        if (grown == NULL)
            fail_memory(p);
    }
    if (grown != NULL) {
        c->section = grown;
        c->section[c->sections++] = s;
        return;
    }
out:
    lk_free(s.name);
    lk_free(s.real);
}

/* "[name]". The name may hold brackets, as paths may. */
static void take_section(struct parser *p, char *line)
{
    char *end = line + strlen(line) - 1;
    if (*end != ']') {
        FAIL(p, p->line, "a section that does not end with ]");
        return;
    }
    char *name = line + 1 + strspn(line + 1, SPACES);
    while (end > name && strchr(SPACES, end[-1]) != NULL)
        end--;
    *end = '\0';
    begin_section(p, name);
}

/* ---- Entries */

/* All of the value has been read. */
static void finish_entry(struct parser *p)
{
    struct lk_config_entry *e = p->entry;
    p->entry = NULL;
    if (e == NULL || p->status != LK_OK)
        return;
    const char *value = lk_buffer_string(&p->value);
    e->written = value == NULL ? NULL : lk_copy_string(value);
    if (e->written == NULL)
        fail_memory(p);
    else if (e->key->kind != LK_CONFIG_COMMAND && strstr(e->written, " # ") != NULL)
        FAIL(p, e->line, "a comment behind a value begins with \";\", not with \"#\"");
    else if (lk_config_value_parse(e->key, e->written, &e->value, p->err) != LK_OK)
        stop(p, e->line);
}

static bool is_same(const struct lk_config_entry *e, const struct lk_config_key *key, const char *table)
{
    return e->key == key && (e->table == NULL) == (table == NULL) &&
           (table == NULL || strcmp(e->table, table) == 0);
}

static bool may_stand(struct parser *p, const struct lk_config_section *s, const struct lk_config_key *key,
                      const char *table)
{
    const char *name = key->shown.name;
    if (table != NULL && !key->shown.table) {
        FAIL(p, p->line, "%s is for no particular table: nothing may stand behind it but =", name);
    } else if (s->scope != LK_CONFIG_ALL && !key->shown.database) {
        FAIL(p, p->line, "%s holds for a run as a whole: it can stand in [litekeep] only", name);
    } else if (key->one && s->scope != LK_CONFIG_BELOW) {
        FAIL(p, p->line, "%s can stand in the section of one database file only, such as [~/data/posts.db]",
             name);
    } else {
        for (size_t i = 0; i < s->entries; i++) {
            if (is_same(&s->entry[i], key, table)) {
                FAIL(p, p->line, "%s%s%s stands already in line %u of this section", name,
                     table == NULL ? "" : " ", table == NULL ? "" : table, s->entry[i].line);
                return false;
            }
        }
    }
    return p->status == LK_OK;
}

static void unknown_key(struct parser *p, const char *name)
{
    const char *nearest = lk_config_keys_nearest(name);
    if (nearest != NULL)
        FAIL(p, p->line, "unknown key \"%s\"; did you mean %s?", name, nearest);
    else
        FAIL(p, p->line, "unknown key \"%s\"; \"litekeep config show\" lists all", name);
}

/* "key" or "key table" */
static void begin_entry(struct parser *p, const char *name)
{
    struct lk_config *c = p->config;
    if (c->sections == 0) {
        FAIL(p, p->line, "this stands before the first section: put [litekeep] above it");
        return;
    }
    struct lk_config_section *s = &c->section[c->sections - 1];
    const size_t len = strcspn(name, SPACES);
    const char *table = name + len + strspn(name + len, SPACES);
    char *word = lk_copy_bytes(name, len);
    const struct lk_config_key *key = word == NULL ? NULL : lk_config_keys_find(word);
    struct lk_config_entry *grown;
    table = *table == '\0' ? NULL : table;
    if (word == NULL) {
        fail_memory(p);
        return;
    }
    if (key == NULL)
        unknown_key(p, word);
    else if (p->entries++ == MOST_ENTRIES)
        FAIL(p, p->line, "more than %d keys", MOST_ENTRIES);
    lk_free(word);
    if (key == NULL || p->status != LK_OK || !may_stand(p, s, key, table))
        return;
    grown = lk_reallocate(s->entry, (s->entries + 1) * sizeof *grown);
    if (grown == NULL) {
        fail_memory(p);
        return;
    }
    s->entry = grown;
    p->entry = &s->entry[s->entries++];
    *p->entry = (struct lk_config_entry){.key = key, .line = p->line, .from = p->line_from};
    if (table != NULL && (p->entry->table = lk_copy_string(table)) == NULL)
        fail_memory(p);
}

/* What inih found in the piece it was given last. */
static int take(void *context, const char *section, const char *name, const char *value)
{
    struct parser *p = context;
    (void)section; /* a number of ours */
    p->waiting = false;
    if (p->status != LK_OK)
        return 0;
    if (!p->continues) {
        lk_buffer_clear(&p->value);
        begin_entry(p, name);
    }
    lk_buffer_append_string(&p->value, value);
    if (p->status == LK_OK && p->value.len > MOST_VALUE)
        FAIL(p, p->line, "a value of more than %d bytes", MOST_VALUE);
    if (p->status == LK_OK) {
        p->config->section[p->config->sections - 1].end = p->line_end;
        p->entry->end = p->line_from + strlen(p->rest);
    }
    return p->status == LK_OK;
}

/* ---- Lines */

/* The next line without its end, white space around it and comment, into p->rest. False: the end, or it
 * cannot be. */
static bool read_line(struct parser *p)
{
    const size_t left = p->len - p->at;
    if (left == 0)
        return false;
    const char *from = p->text + p->at;
    const char *newline = memchr(from, '\n', left);
    size_t len = newline == NULL ? left : (size_t)(newline - from);
    p->line++;
    p->at += len + (newline == NULL ? 0 : 1);
    p->line_end = p->at;
    if (p->line == 1 && len >= 3 && memcmp(from, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
        from += 3;
        len -= 3;
    }
    len -= len > 0 && from[len - 1] == '\r' ? 1 : 0;
    if (len > MOST_LINE) {
        FAIL(p, p->line, "a line of more than %d bytes: break a list behind a comma", MOST_LINE);
        return false;
    }
    if (!lk_utf8_valid((const uint8_t *)from, len)) {
        FAIL(p, p->line, "this is no UTF-8 text");
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)from[i] < ' ' && from[i] != '\t') || from[i] == '\x7f') {
            FAIL(p, p->line, "a control character (%#x) does not belong into a text", (unsigned)from[i]);
            return false;
        }
    }
    for (; len > 0 && strchr(SPACES, *from) != NULL; len--)
        from++;
    p->line_from = (size_t)(from - p->text);
    memcpy(p->rest, from, len);
    p->rest[len] = '\0';
    return true;
}

/* Cut a comment (";" at the beginning or behind white space, "#" at the beginning), and white space before
 * it.
 */
static void cut_comment(char *line)
{
    char *end = line;
    if (*line == '#' || *line == ';') {
        *line = '\0';
        return;
    }
    for (char *at = line; *at != '\0'; at++) {
        if (strchr(SPACES, *at) == NULL)
            end = at + 1;
        else if (at[1] == ';')
            break;
    }
    *end = '\0';
}

/* How much of `text` may be a piece: inih drops white space at the ends, and takes what begins with ; or #
 * for a comment. 0: it cannot be cut. */
static size_t piece_of(const char *text, size_t most)
{
    size_t len = strlen(text);
    if (len <= most)
        return len;
    for (len = most; len > 0; len--) {
        if (strchr(SPACES, text[len - 1]) == NULL &&
            strchr(";#", text[len + strspn(text + len, SPACES)]) == NULL)
            return len;
    }
    return 0;
}

/* The next piece of the line for inih, in `size` bytes. */
static char *give_piece(struct parser *p, char *to, int size)
{
    const size_t most = size > 8 ? (size_t)size - 4 : 0; /* a space before, line feed and NUL behind it */
    const size_t len = piece_of(p->next, most);
    if (len == 0 || (!p->continues && len < strlen(p->next) && strcspn(p->next, "=:") >= len)) {
        FAIL(p, p->line, "a line that is too long to be taken apart");
        return NULL;
    }
    snprintf(to, (size_t)size, "%s%.*s\n", p->continues ? " " : "", (int)len, p->next);
    p->gap = p->next + len;
    p->next = *p->gap == '\0' ? NULL : p->gap + strspn(p->gap, SPACES);
    p->waiting = true;
    return to;
}

/* Is the line "key = ..." with a key that there is? */
static bool is_entry(const char *line)
{
    const size_t len = strcspn(line, "=:" SPACES);
    char word[64];
    if (len >= sizeof word || strpbrk(line, "=:") == NULL)
        return false;
    memcpy(word, line, len);
    word[len] = '\0';
    return lk_config_keys_find(word) != NULL;
}

/* Does its list go on in the next line? */
static bool value_ends_with_comma(const struct parser *p)
{
    return p->entry != NULL && lk_config_keys_is_list(p->entry->key) && p->value.len > 0 &&
           p->value.data[p->value.len - 1] == ',';
}

/* inih's fgets. */
static char *give(char *to, int size, void *context)
{
    struct parser *p = context;
    if (p->status == LK_OK && p->waiting) {
        FAIL(p, p->line,
             "neither [section] nor key = value; a list goes on in the next line only behind a comma");
    }
    if (p->status != LK_OK)
        return NULL;
    if (p->next != NULL) {
        lk_buffer_append(&p->value, p->gap, (size_t)(p->next - p->gap));
        p->continues = true;
        return give_piece(p, to, size);
    }
    do {
        if (!read_line(p)) {
            finish_entry(p);
            return NULL;
        }
        cut_comment(p->rest);
    } while (p->rest[0] == '\0');
    p->continues = p->rest[0] != '[' && value_ends_with_comma(p);
    if (!p->continues)
        finish_entry(p);
    else
        lk_buffer_append_byte(&p->value, ' ');
    if (p->continues && is_entry(p->rest))
        FAIL(p, p->line, "the list above ends with a comma, so this line belongs to it: remove the comma");
    if (p->status != LK_OK)
        return NULL;
    if (p->rest[0] == '[') {
        take_section(p, p->rest);
        snprintf(to, (size_t)size, "[%zu]\n", p->config->sections);
        return p->status == LK_OK ? to : NULL;
    }
    p->next = p->rest;
    return give_piece(p, to, size);
}

/* ---- All of it */

/* A name is for one file: not for a folder, which may hold many. */
static enum lk_status check_names(const struct lk_config *c, struct lk_error *err)
{
    for (size_t i = 0; i < c->sections; i++) {
        const struct lk_config_section *s = &c->section[i];
        struct stat st;
        for (size_t j = 0; j < s->entries; j++) {
            if (s->entry[j].key->one && stat(s->name, &st) == 0 && S_ISDIR(st.st_mode))
                return lk_fail(err, LK_USAGE,
                               "%s:%u: %s is for one database, but this section is one of a folder", c->path,
                               s->entry[j].line, s->entry[j].key->shown.name);
        }
    }
    return LK_OK;
}

enum lk_status lk_config_parse(const char *text, size_t len, const char *path, struct lk_config **out,
                               struct lk_error *err)
{
    struct parser *p = lk_allocate_zeroed(1, sizeof *p);
    struct lk_config *c = lk_allocate_zeroed(1, sizeof *c);
    enum lk_status status = p == NULL || c == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
    if (status == LK_OK && (c->path = lk_copy_string(path)) == NULL)
        status = lk_fail_memory(err, "reading the config");
    if (status == LK_OK) {
        p->config = c;
        p->text = text;
        p->len = len;
        p->err = err;
        /* Its own result adds nothing but that memory was out; lines are counted in `p`. */
        if (ini_parse_stream(give, p, take, p) == -2 && p->status == LK_OK)
            fail_memory(p);
        status = p->status;
        lk_buffer_reset(&p->value);
    }
    if (status == LK_OK)
        status = check_names(c, err);
    if (status == LK_OK) {
        lk_config_settings_general(c);
        *out = c;
    } else {
        lk_config_free(c);
    }
    lk_free(p);
    return status;
}
