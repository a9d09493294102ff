#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/display.h"

#define NAMES_MAX 64

bool lk_options_is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* A usage error about a word of the user's, which is made safe to print. */
static enum lk_status fail_word(struct lk_error *err, const char *before, const char *word, const char *after)
{
    char *shown = lk_display_escape(word);
    if (shown == NULL)
        return lk_console_fail_memory(err);
    lk_console_fail(err, LK_USAGE, "%s%s%s", before, shown, after);
    free(shown);
    return LK_USAGE;
}

static enum lk_status fail_value(struct lk_error *err, const struct lk_option *o, const char *value,
                                 const char *wanted)
{
    char *shown = lk_display_escape(value);
    if (shown == NULL)
        return lk_console_fail_memory(err);
    lk_console_fail(err, LK_USAGE, "--%s: \"%s\" is not %s", o->name, shown, wanted);
    free(shown);
    return LK_USAGE;
}

static enum lk_status fail_unknown(const struct lk_option_table *tables, size_t count, const char *name,
                                   size_t len, struct lk_error *err)
{
    char word[64];
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            assert(n < NAMES_MAX);
            names[n++] = tables[t].option[i].name;
        }
    }
    const char *nearest = NULL;
    if (len < sizeof word) {
        memcpy(word, name, len);
        word[len] = '\0';
        nearest = lk_display_nearest(word, names, n);
    }
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return lk_console_fail_memory(err);
    memcpy(copy, name, len);
    copy[len] = '\0';
    char after[96] = "";
    if (nearest != NULL)
        snprintf(after, sizeof after, "; did you mean --%s?", nearest);
    const enum lk_status status = fail_word(err, "unknown option --", copy, after);
    free(copy);
    return status;
}

/* "a, b or c" */
static void join_words(const char *const *words, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && at < size; i++) {
        const char *glue = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        at += (size_t)snprintf(out + at, size - at, "%s%s", glue, words[i]);
    }
}

static int find_word(const char *const *words, const char *text, size_t len)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return i;
    return -1;
}

static enum lk_status parse_set(const struct lk_option *o, const char *text, int64_t *bits,
                                struct lk_error *err)
{
    char wanted[160], words[96];
    join_words(o->words, words, sizeof words);
    snprintf(wanted, sizeof wanted, "a list of %s, with commas", words);
    *bits = 0;
    for (const char *from = text;;) {
        const size_t len = strcspn(from, ",");
        const int word = find_word(o->words, from, len);
        if (word < 0)
            return fail_value(err, o, text, wanted);
        *bits |= INT64_C(1) << word;
        if (from[len] == '\0')
            return LK_OK;
        from += len + 1;
    }
}

static bool parse_whole(const char *text, int64_t *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    const long long value = strtoll(text, NULL, 10);
    *out = value;
    return errno == 0;
}

static enum lk_status parse_codec(const struct lk_option *o, const char *text, struct lk_error *err)
{
    char wanted[160], words[96];
    join_words(o->words, words, sizeof words);
    snprintf(wanted, sizeof wanted, "%s, with :LEVEL if you like", words);
    const size_t len = strcspn(text, ":");
    if (find_word(o->words, text, len) < 0)
        return fail_value(err, o, text, wanted);
    int64_t level;
    const char *digits = text[len] == ':' && text[len + 1] == '-' ? text + len + 2 : text + len + 1;
    if (text[len] == ':' && !parse_whole(digits, &level))
        return fail_value(err, o, text, wanted);
    return LK_OK;
}

static enum lk_status append(struct lk_option_value *v, const char *text, struct lk_error *err)
{
    const char **grown = realloc(v->list, (v->count + 2) * sizeof *grown);
    if (grown == NULL)
        return lk_console_fail_memory(err);
    v->list = grown;
    v->list[v->count++] = text;
    v->list[v->count] = NULL;
    return LK_OK;
}

static enum lk_status store_number(const struct lk_option *o, struct lk_option_value *v, bool parsed,
                                   const char *wanted, struct lk_error *err)
{
    if (!parsed)
        return fail_value(err, o, v->text, wanted);
    if (v->number < o->least)
        return fail_value(err, o, v->text, o->kind == LK_OPTION_COUNT ? "at least 1" : "more than nothing");
    return LK_OK;
}

static enum lk_status store(const struct lk_option *o, struct lk_option_value *v, const char *text,
                            struct lk_error *err)
{
    v->given = true;
    v->text = text;
    uint64_t size = 0;
    char words[96];
    bool parsed;
    if (o->kind != LK_OPTION_FLAG && text[0] == '\0')
        return lk_console_fail(err, LK_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->argument);
    switch (o->kind) {
    case LK_OPTION_FLAG:
    case LK_OPTION_TEXT:
        return LK_OK;
    case LK_OPTION_LIST:
        return append(v, text, err);
    case LK_OPTION_DURATION:
        parsed = litekeep_parse_duration(text, &v->number);
        return store_number(o, v, parsed, "a length of time such as 3s, 90m, 8h or 30d", err);
    case LK_OPTION_SIZE:
        parsed = litekeep_parse_size(text, &size) && size <= INT64_MAX;
        v->number = parsed ? (int64_t)size : 0;
        return store_number(o, v, parsed, "a size such as 512M or 2G", err);
    case LK_OPTION_COUNT:
        return store_number(o, v, parse_whole(text, &v->number),
                            o->least > 0 ? "a whole number from 1 on" : "a whole number from 0 on", err);
    case LK_OPTION_CHOICE:
        v->number = find_word(o->words, text, strlen(text));
        join_words(o->words, words, sizeof words);
        return v->number >= 0 ? LK_OK : fail_value(err, o, text, words);
    case LK_OPTION_SET:
        return parse_set(o, text, &v->number, err);
    case LK_OPTION_CODEC:
        return parse_codec(o, text, err);
    }
    assert(0);
    return LK_FAILED;
}

static const struct lk_option *find_long(const struct lk_option_table *tables, size_t count, const char *name,
                                         size_t len, struct lk_option_value **value)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct lk_option *o = &tables[t].option[i];
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
                *value = &tables[t].value[i];
                return o;
            }
        }
    }
    return NULL;
}

static const struct lk_option *find_letter(const struct lk_option_table *tables, size_t count, char letter,
                                           struct lk_option_value **value)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            if (tables[t].option[i].letter == letter) {
                *value = &tables[t].value[i];
                return &tables[t].option[i];
            }
        }
    }
    return NULL;
}

/* -q, -qv: letters are flags only, so that a word of letters has one reading. */
static enum lk_status take_letters(const struct lk_option_table *tables, size_t count, const char *word,
                                   struct lk_error *err)
{
    for (size_t i = 1; word[i] != '\0'; i++) {
        struct lk_option_value *value = NULL;
        if (find_letter(tables, count, word[i], &value) == NULL)
            return fail_word(err, "unknown option ", word,
                             word[2] != '\0' ? "; long options have two dashes" : "");
        value->given = true;
    }
    return LK_OK;
}

enum lk_status lk_options_take(const struct lk_option_table *tables, size_t count, int argc,
                               char *const *argv, int *index, struct lk_error *err)
{
    const char *word = argv[(*index)++];
    assert(lk_options_is_option(word));
    if (word[1] != '-')
        return take_letters(tables, count, word, err);

    const char *name = word + 2;
    const size_t len = strcspn(name, "=");
    struct lk_option_value *value = NULL;
    const struct lk_option *o = find_long(tables, count, name, len, &value);
    if (o == NULL)
        return fail_unknown(tables, count, name, len, err);

    const bool attached = name[len] == '=';
    if (o->kind == LK_OPTION_FLAG) {
        if (attached)
            return lk_console_fail(err, LK_USAGE, "--%s takes no value", o->name);
        return store(o, value, name, err);
    }
    if (attached)
        return store(o, value, name + len + 1, err);
    if (*index >= argc)
        return lk_console_fail(err, LK_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->argument);
    /* A forgotten value must not swallow the next option. */
    if (strncmp(argv[*index], "--", 2) == 0)
        return lk_console_fail(err, LK_USAGE,
                               "--%s needs a value: --%s %s (write --%s=VALUE when it begins with dashes)",
                               o->name, o->name, o->argument, o->name);
    return store(o, value, argv[(*index)++], err);
}

void lk_options_reset(struct lk_option_value *values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; i++) {
        free(values[i].list);
        values[i] = (struct lk_option_value){0};
    }
}
