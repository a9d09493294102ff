/* The values of the config file, by the kind of their key. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/dir.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/config_private.h"

#define SPACES " \t"

static enum lk_status refuse(const struct lk_config_key *key, const char *text, const char *wanted,
                             struct lk_error *err)
{
    if (key->secret)
        return lk_fail(err, LK_USAGE, "bad value for %s: it has to be %s", key->shown.name, wanted);
    return lk_fail(err, LK_USAGE, "bad value \"%s\" for %s: it has to be %s", text, key->shown.name, wanted);
}

/* Without "//", "/./" and a slash at the end, in place. */
static void normalize(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0';) {
        if (from[0] == '/' && (from[1] == '/' || from[1] == '\0'))
            from++;
        else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == '\0'))
            from += 2;
        else
            *to++ = *from++;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

/* "~/" is the home folder. */
static enum lk_status expand(const char *text, char **out, struct lk_error *err)
{
    if (text[0] != '~') {
        *out = lk_copy_string(text);
    } else if (text[1] != '/' && text[1] != '\0') {
        return lk_fail(err, LK_USAGE, "%s: only ~/ is understood; write the other home folder out", text);
    } else {
        const char *home = getenv("HOME");
        if (home == NULL || home[0] != '/')
            return lk_fail(err, LK_USAGE, "%s: HOME is not set; write the path out", text);
        *out = lk_format("%s%s", home, text + 1);
    }
    return *out == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
}

enum lk_status lk_config_value_path(const char *text, char **out, struct lk_error *err)
{
    if (text[0] != '/' && text[0] != '~')
        return lk_fail(err, LK_USAGE,
                       "%s: a path has to begin with / or ~/: the current folder of a scheduled run is not "
                       "that of your shell",
                       text);
    const enum lk_status status = expand(text, out, err);
    if (status == LK_OK)
        normalize(*out);
    return status;
}

/* ---- Words and choices */

/* Which of the words it is; -1: none. */
static int find_word(const char *const *words, const char *text, size_t len)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return i;
    }
    return -1;
}

/* "a, b or c" */
static enum lk_status refuse_words(const struct lk_config_key *key, const char *text, const char *before,
                                   struct lk_error *err)
{
    struct lk_buffer list = {0};
    lk_buffer_append_string(&list, before);
    for (size_t i = 0; key->words[i] != NULL; i++)
        lk_buffer_append_format(&list, "%s%s",
                                i == 0                      ? ""
                                : key->words[i + 1] == NULL ? " or "
                                                            : ", ",
                                key->words[i]);
    const char *wanted = lk_buffer_string(&list);
    const enum lk_status status = refuse(key, text, wanted == NULL ? "another" : wanted, err);
    lk_buffer_reset(&list);
    return status;
}

static enum lk_status parse_choice(const struct lk_config_key *key, const char *text,
                                   struct lk_config_value *out, struct lk_error *err)
{
    const int index = find_word(key->words, text, strlen(text));
    if (index < 0)
        return refuse_words(key, text, "", err);
    out->number = key->least + index;
    return LK_OK;
}

static enum lk_status parse_codec(const struct lk_config_key *key, const char *text,
                                  struct lk_config_value *out, struct lk_error *err)
{
    struct lk_codec_choice choice;
    if (find_word(key->words, text, strcspn(text, ":")) < 0 || !lk_codec_parse(text, &choice))
        return refuse_words(key, text, "a codec, perhaps with a level as in gzip:6: ", err);
    out->text = lk_copy_string(text);
    return out->text == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
}

static bool parse_yes(const char *text, int64_t *out)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true", NULL};
    const int index = find_word(words, text, strlen(text));
    *out = index & 1;
    return index >= 0;
}

/* ---- Numbers */

static bool parse_count(const char *text, int64_t *out)
{
    int64_t number = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number > 100000000)
            return false;
        number = number * 10 + (*text - '0');
    }
    *out = number;
    return true;
}

/* "50%", "12.5%" */
static bool parse_share(const char *text, double *out)
{
    double value = 0, unit = 1;
    bool digits = false, point = false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        digits = true;
        unit = point ? unit / 10 : unit;
        value = point ? value + unit * (*text - '0') : value * 10 + (*text - '0');
    }
    if (!digits || value > 100 || strcmp(text, "%") != 0)
        return false;
    *out = value / 100;
    return true;
}

static enum lk_status parse_number(const struct lk_config_key *key, const char *text,
                                   struct lk_config_value *out, struct lk_error *err)
{
    uint64_t size = 0;
    bool good;
    const char *wanted;
    if (key->kind == LK_CONFIG_DURATION) {
        good = lk_duration_parse(text, &out->number);
        wanted = key->least > 0 ? "a duration above zero, such as 8h, 30d or 500ms"
                                : "a duration, such as 8h, 30d or 0s";
    } else if (key->kind == LK_CONFIG_SIZE) {
        good = lk_size_parse(text, &size) && size <= INT64_MAX;
        out->number = good ? (int64_t)size : 0;
        wanted = "a size above zero, such as 256M or 1G";
    } else {
        good = parse_count(text, &out->number);
        wanted = key->least > 0 ? "a whole number above zero" : "a whole number";
    }
    return good && out->number >= key->least ? LK_OK : refuse(key, text, wanted, err);
}

static enum lk_status parse_loss(const struct lk_config_key *key, const char *text,
                                 struct lk_config_value *out, struct lk_error *err)
{
    if (strcmp(text, "off") == 0)
        out->lost = LK_ALARM_OFF;
    else if (!parse_share(text, &out->lost))
        return refuse(key, text, "a percentage that is lost, such as 50%, or off", err);
    return LK_OK;
}

/* ---- Texts */

static bool is_uuid(const char *text)
{
    if (strlen(text) != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_url(const char *text)
{
    const size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    return scheme > 0 && text[scheme] != '\0' && text[scheme] != '/' && strpbrk(text, SPACES) == NULL;
}

static bool is_credential(const char *text)
{
    static const char scheme[] = "credential:";
    return strncmp(text, scheme, sizeof scheme - 1) == 0 && lk_dir_is_name(text + sizeof scheme - 1);
}

static enum lk_status parse_text(const struct lk_config_key *key, const char *text,
                                 struct lk_config_value *out, struct lk_error *err)
{
    if (key->kind == LK_CONFIG_PATH || (key->kind == LK_CONFIG_SECRET && !is_credential(text)))
        return lk_config_value_path(text, &out->text, err);
    if (key->kind == LK_CONFIG_URL && !is_url(text))
        return refuse(key, text, "a URL that begins with https:// or http://", err);
    if (key->kind == LK_CONFIG_UUID && !is_uuid(text))
        return refuse(key, text, "a UUID as in litekeep-store.json: 36 characters, lower case", err);
    if (key->kind == LK_CONFIG_NAME && !lk_dir_is_name(text))
        return refuse(key, text, "a name, without a slash", err);
    out->text = lk_copy_string(text);
    return out->text == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
}

/* ---- Lists */

/* The next item: white space around it is cut, "\," is a comma. It is copied to `to`, which has room for it;
 * the rest of the list follows in *rest, NULL after the last one. */
static void take_item(const char **rest, char *to)
{
    const char *from = *rest;
    char *end = to;
    from += strspn(from, SPACES);
    for (; *from != '\0' && *from != ','; from++) {
        if (from[0] == '\\' && from[1] == ',')
            from++;
        *to++ = *from;
        if (strchr(SPACES, *from) == NULL)
            end = to;
    }
    *end = '\0';
    *rest = *from == ',' ? from + 1 : NULL;
}

/* Behind the *count items that there are. */
static enum lk_status parse_item(const struct lk_config_key *key, const char *item, size_t *count,
                                 struct lk_config_value *out, struct lk_error *err)
{
    char *text = NULL;
    enum lk_status status = LK_OK;
    if (key->kind == LK_CONFIG_SET) {
        const int index = find_word(key->words, item, strlen(item));
        if (index < 0)
            return refuse_words(key, item, "", err);
        out->number |= INT64_C(1) << index;
        return LK_OK;
    }
    if (key->kind == LK_CONFIG_PATHS)
        status = lk_config_value_path(item, &text, err);
    else if (key->kind == LK_CONFIG_PATH_GLOBS)
        status = expand(item, &text, err);
    else if ((text = lk_copy_string(item)) == NULL)
        status = lk_fail_memory(err, "reading the config");
    char **grown = status == LK_OK ? lk_reallocate(out->list, (*count + 2) * sizeof *grown) : NULL;
    if (grown == NULL) {
        lk_free(text);
        return status == LK_OK ? lk_fail_memory(err, "reading the config") : status;
    }
    grown[(*count)++] = text;
    grown[*count] = NULL;
    out->list = grown;
    return LK_OK;
}

/* A comma at the end is no further item. */
static enum lk_status parse_list(const struct lk_config_key *key, const char *text,
                                 struct lk_config_value *out, struct lk_error *err)
{
    size_t count = 0;
    char *item = lk_allocate(strlen(text) + 1);
    enum lk_status status = item == NULL ? lk_fail_memory(err, "reading the config") : LK_OK;
    for (const char *rest = text; status == LK_OK && rest != NULL;) {
        take_item(&rest, item);
        if (item[0] != '\0')
            status = parse_item(key, item, &count, out, err);
        else if (rest != NULL)
            status = lk_fail(err, LK_USAGE, "bad value \"%s\" for %s: nothing stands before a comma", text,
                             key->shown.name);
    }
    lk_free(item);
    return status;
}

/* ---- All kinds */

/* An empty list takes back what a less specific section says; everything else needs a value. */
static bool may_be_empty(const struct lk_config_key *key)
{
    return key->target == LK_CONFIG_SETTINGS && lk_config_keys_is_list(key) && key->kind != LK_CONFIG_SET;
}

enum lk_status lk_config_value_parse(const struct lk_config_key *key, const char *text,
                                     struct lk_config_value *out, struct lk_error *err)
{
    *out = (struct lk_config_value){0};
    if (*text == '\0' && !may_be_empty(key))
        return lk_fail(err, LK_USAGE, "%s has no value: it takes a %s", key->shown.name, key->shown.kind);
    switch (key->kind) {
    case LK_CONFIG_TEXT:
    case LK_CONFIG_PATH:
    case LK_CONFIG_SECRET:
    case LK_CONFIG_URL:
    case LK_CONFIG_COMMAND:
    case LK_CONFIG_UUID:
    case LK_CONFIG_NAME:
        return parse_text(key, text, out, err);
    case LK_CONFIG_PATHS:
    case LK_CONFIG_GLOBS:
    case LK_CONFIG_PATH_GLOBS:
    case LK_CONFIG_WORDS:
    case LK_CONFIG_SET:
        return parse_list(key, text, out, err);
    case LK_CONFIG_CHOICE:
        return parse_choice(key, text, out, err);
    case LK_CONFIG_CODEC:
        return parse_codec(key, text, out, err);
    case LK_CONFIG_YES:
    case LK_CONFIG_NOT:
        return parse_yes(text, &out->number) ? LK_OK : refuse(key, text, "yes or no", err);
    case LK_CONFIG_DURATION:
    case LK_CONFIG_SIZE:
    case LK_CONFIG_COUNT:
        return parse_number(key, text, out, err);
    case LK_CONFIG_LOSS:
        return parse_loss(key, text, out, err);
    }
    return lk_fail(err, LK_FAILED, "%s: a key of an unknown kind", key->shown.name);
}

void lk_config_value_reset(struct lk_config_value *v)
{
    lk_free(v->text);
    for (char **item = v->list; item != NULL && *item != NULL; item++)
        lk_free(*item);
    lk_free(v->list);
    *v = (struct lk_config_value){0};
}

void lk_config_value_put(const struct lk_config_key *key, const struct lk_config_value *v, void *target)
{
    void *to = (char *)target + key->offset;
    const void *list = v->list;
    const bool flag = (key->kind == LK_CONFIG_NOT) != (v->number != 0);
    const int word = (int)v->number;
    const unsigned number = (unsigned)v->number;
    switch (key->kind) {
    case LK_CONFIG_TEXT:
    case LK_CONFIG_PATH:
    case LK_CONFIG_SECRET:
    case LK_CONFIG_URL:
    case LK_CONFIG_COMMAND:
    case LK_CONFIG_UUID:
    case LK_CONFIG_NAME:
    case LK_CONFIG_CODEC:
        memcpy(to, &v->text, key->size);
        break;
    case LK_CONFIG_PATHS:
    case LK_CONFIG_GLOBS:
    case LK_CONFIG_PATH_GLOBS:
    case LK_CONFIG_WORDS:
        memcpy(to, &list, key->size);
        break;
    case LK_CONFIG_CHOICE:
        if (key->size == sizeof(bool))
            memcpy(to, &flag, key->size);
        else
            memcpy(to, &word, key->size);
        break;
    case LK_CONFIG_YES:
    case LK_CONFIG_NOT:
        memcpy(to, &flag, key->size);
        break;
    case LK_CONFIG_SET:
    case LK_CONFIG_COUNT:
        memcpy(to, &number, key->size);
        break;
    case LK_CONFIG_DURATION:
    case LK_CONFIG_SIZE:
        memcpy(to, &v->number, key->size);
        break;
    case LK_CONFIG_LOSS: /* into the list of limits, by whoever builds it */
        break;
    }
}
