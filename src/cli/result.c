#include "cli/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/result_table.h"

struct lk_result {
    enum lk_result_format format;
    struct lk_console *console;
    bool terminal; /* control characters must not reach it */
    uint64_t rows;
    size_t columns;
    struct litekeep_text *key; /* JSONL: `{"name":` or `,"name":` for each column */
    struct lk_result_table *table;
    struct litekeep_text line; /* memory kept between rows */
};

struct lk_result *lk_result_new(enum lk_result_format format, struct lk_console *c)
{
    struct lk_result *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->format = format;
    r->console = c;
    r->terminal = isatty(STDOUT_FILENO) == 1;
    return r;
}

void lk_result_free(struct lk_result *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->key != NULL && i < r->columns; i++)
        litekeep_text_free(&r->key[i]);
    free(r->key);
    lk_result_table_free(r->table);
    litekeep_text_free(&r->line);
    free(r);
}

static struct litekeep_value text_value(const char *text, size_t len)
{
    return (struct litekeep_value){.class = LITEKEEP_TEXT, .ptr = text, .len = len};
}

static void add(struct litekeep_text *to, const char *text)
{
    const struct litekeep_value value = text_value(text, strlen(text));
    litekeep_spell(&value, LITEKEEP_SPELL_PLAIN, to);
}

/* Print the line, which may hold NUL bytes, and begin anew. */
static enum lk_status flush_line(struct lk_result *r, struct lk_error *err)
{
    struct lk_console *c = r->console;
    if (r->line.failed)
        return lk_console_fail_memory(err);
    errno = 0;
    if (r->line.len > 0 && fwrite(r->line.ptr, 1, r->line.len, stdout) != r->line.len && c->write_error == 0)
        c->write_error = errno != 0 ? errno : EIO;
    r->line.len = 0;
    /* The reason is told when standard output is closed. */
    return c->write_error == 0 ? LK_OK : lk_console_fail(err, LK_FAILED, "%s", "");
}

static void add_csv(struct lk_result *r, const struct litekeep_value *value)
{
    struct litekeep_text *to = &r->line;
    if (value->class != LITEKEEP_TEXT) {
        litekeep_spell(value, LITEKEEP_SPELL_PLAIN, to);
        return;
    }
    const size_t start = to->len;
    const enum litekeep_spelling how = r->terminal ? LITEKEEP_SPELL_SHOWN : LITEKEEP_SPELL_PLAIN;
    litekeep_spell(value, how, to);
    if (to->failed)
        return;
    bool quotes = to->len == start; /* so that it is not NULL */
    for (size_t i = start; i < to->len; i++)
        quotes = quotes || strchr("\",\r\n", to->ptr[i]) != NULL;
    if (!quotes)
        return;
    char *text = malloc(to->len - start + 1);
    const size_t len = to->len - start;
    if (text == NULL) {
        to->failed = true;
        return;
    }
    memcpy(text, to->ptr + start, len);
    to->len = start;
    add(to, "\"");
    for (size_t from = 0; from < len;) {
        const char *quote = memchr(text + from, '"', len - from);
        const size_t upto = quote == NULL ? len : (size_t)(quote - text) + 1;
        const struct litekeep_value piece = text_value(text + from, upto - from);
        litekeep_spell(&piece, LITEKEEP_SPELL_PLAIN, to);
        if (quote != NULL)
            add(to, "\"");
        from = upto;
    }
    add(to, "\"");
    free(text);
}

static void add_markdown(struct lk_result *r, const struct litekeep_value *value)
{
    struct litekeep_text *to = &r->line, shown = {0};
    litekeep_spell(value, LITEKEEP_SPELL_SHOWN, &shown);
    to->failed = to->failed || shown.failed;
    add(to, "| ");
    for (size_t from = 0; !to->failed && from < shown.len;) {
        const size_t run = strcspn(shown.ptr + from, "|<");
        const struct litekeep_value piece = text_value(shown.ptr + from, run);
        litekeep_spell(&piece, LITEKEEP_SPELL_PLAIN, to);
        from += run;
        if (from < shown.len)
            add(to, shown.ptr[from++] == '|' ? "\\|" : "&lt;");
    }
    add(to, " ");
    litekeep_text_free(&shown);
}

/* Is `key` among the first `count` ones? They differ in the first byte, and so are compared without it. */
static bool has_key(const struct lk_result *r, size_t count, const struct litekeep_text *key)
{
    for (size_t i = 0; i < count; i++)
        if (r->key[i].len == key->len && memcmp(r->key[i].ptr + 1, key->ptr + 1, key->len - 1) == 0)
            return true;
    return false;
}

/* A name that was there before gets ":1", ":2": an object has each key once. */
static bool make_key(struct lk_result *r, size_t i, const char *name)
{
    struct litekeep_text *key = &r->key[i];
    char *own = NULL;
    for (unsigned n = 0; n <= i; n++) {
        free(own);
        own = NULL;
        if (asprintf(&own, n == 0 ? "%s" : "%s:%u", name, n) < 0)
            return false;
        const struct litekeep_value value = text_value(own, strlen(own));
        key->len = 0;
        add(key, i == 0 ? "{" : ",");
        litekeep_spell(&value, LITEKEEP_SPELL_JSON, key);
        add(key, ":");
        if (key->failed || !has_key(r, i, key))
            break;
    }
    free(own);
    return !key->failed;
}

static bool make_keys(struct lk_result *r, const char *const *name)
{
    r->key = calloc(r->columns, sizeof *r->key);
    bool ok = r->key != NULL;
    for (size_t i = 0; ok && i < r->columns; i++)
        ok = make_key(r, i, name[i]);
    return ok;
}

enum lk_status lk_result_columns(void *result, size_t columns, const char *const *name, struct lk_error *err)
{
    struct lk_result *r = result;
    bool ok = true;
    r->columns = columns;
    switch (r->format) {
    case LK_RESULT_TABLE:
        r->table =
            lk_result_table_new(r->console, columns, name, r->terminal ? lk_console_width(STDOUT_FILENO) : 0);
        ok = r->table != NULL;
        break;
    case LK_RESULT_JSONL:
        ok = make_keys(r, name);
        break;
    case LK_RESULT_JSON:
        add(&r->line, "{\"columns\":[");
        for (size_t i = 0; i < columns; i++) {
            const struct litekeep_value value = text_value(name[i], strlen(name[i]));
            add(&r->line, i > 0 ? "," : "");
            litekeep_spell(&value, LITEKEEP_SPELL_JSON, &r->line);
        }
        add(&r->line, "],\"rows\":[");
        break;
    case LK_RESULT_CSV:
    case LK_RESULT_MARKDOWN:
        for (size_t i = 0; i < columns; i++) {
            const struct litekeep_value value = text_value(name[i], strlen(name[i]));
            if (r->format == LK_RESULT_MARKDOWN)
                add_markdown(r, &value);
            else if (i > 0)
                add(&r->line, ",");
            if (r->format == LK_RESULT_CSV)
                add_csv(r, &value);
        }
        add(&r->line, r->format == LK_RESULT_CSV ? "\n" : "|\n");
        for (size_t i = 0; r->format == LK_RESULT_MARKDOWN && i < columns; i++)
            add(&r->line, i + 1 < columns ? "| --- " : "| --- |\n");
        break;
    }
    return ok ? flush_line(r, err) : lk_console_fail_memory(err);
}

enum lk_status lk_result_row(void *result, size_t columns, const struct litekeep_value *value,
                             struct lk_error *err)
{
    struct lk_result *r = result;
    if (r->format == LK_RESULT_JSON)
        add(&r->line, r->rows > 0 ? ",\n[" : "\n[");
    for (size_t i = 0; i < columns && r->format != LK_RESULT_TABLE; i++) {
        if (r->format == LK_RESULT_JSONL) {
            const struct litekeep_value key = text_value(r->key[i].ptr, r->key[i].len);
            litekeep_spell(&key, LITEKEEP_SPELL_PLAIN, &r->line);
        } else if (i > 0 && r->format != LK_RESULT_MARKDOWN) {
            add(&r->line, ",");
        }
        if (r->format == LK_RESULT_CSV)
            add_csv(r, &value[i]);
        else if (r->format == LK_RESULT_MARKDOWN)
            add_markdown(r, &value[i]);
        else
            litekeep_spell(&value[i], LITEKEEP_SPELL_JSON, &r->line);
    }
    static const char *const ends[] = {[LK_RESULT_TABLE] = "",
                                       [LK_RESULT_CSV] = "\n",
                                       [LK_RESULT_JSON] = "]",
                                       [LK_RESULT_JSONL] = "}\n",
                                       [LK_RESULT_MARKDOWN] = "|\n"};
    add(&r->line, ends[r->format]);
    if (r->format == LK_RESULT_TABLE && !lk_result_table_row(r->table, value))
        return lk_console_fail_memory(err);
    r->rows++;
    return flush_line(r, err);
}

enum lk_status lk_result_end(struct lk_result *r, struct lk_error *err)
{
    if (r->format == LK_RESULT_TABLE && r->table != NULL)
        lk_result_table_end(r->table);
    if (r->format == LK_RESULT_JSON)
        add(&r->line, r->rows > 0 ? "\n]}\n" : "]}\n");
    return flush_line(r, err);
}
