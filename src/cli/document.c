#include "cli/document.h"

#include <stdlib.h>
#include <string.h>

#include "cli/display.h"

#define NANOSECONDS 1e9

/* Seconds to the microsecond or so: more digits are noise. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

struct lk_document lk_document_object(void)
{
    json_t *value = json_object();
    return (struct lk_document){value, value == NULL};
}

struct lk_document lk_document_array(void)
{
    json_t *value = json_array();
    return (struct lk_document){value, value == NULL};
}

void lk_document_reset(struct lk_document *d)
{
    json_decref(d->value);
    *d = (struct lk_document){0};
}

static void set(struct lk_document *d, const char *key, json_t *member)
{
    if (json_object_set_new(d->value, key, member) != 0) /* takes NULL for member and d->value as failures */
        d->failed = true;
}

static json_t *string(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    char *escaped = lk_display_escape(text);
    value = escaped != NULL ? json_string(escaped) : NULL;
    free(escaped);
    return value;
}

void lk_document_text(struct lk_document *d, const char *key, const char *text)
{
    set(d, key, text != NULL ? string(text) : json_null());
}

void lk_document_number(struct lk_document *d, const char *key, uint64_t number)
{
    set(d, key, json_integer((json_int_t)number));
}

void lk_document_flag(struct lk_document *d, const char *key, bool flag)
{
    set(d, key, json_boolean(flag));
}

void lk_document_null(struct lk_document *d, const char *key)
{
    set(d, key, json_null());
}

void lk_document_time(struct lk_document *d, const char *key, int64_t time)
{
    char text[LITEKEEP_WORD_SIZE];
    if (time != 0)
        litekeep_format_time(time, text);
    lk_document_text(d, key, time != 0 ? text : NULL);
}

void lk_document_seconds(struct lk_document *d, const char *key, int64_t duration)
{
    set(d, key, json_real((double)duration / NANOSECONDS));
}

void lk_document_texts(struct lk_document *d, const char *key, const char *const *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
        if (json_array_append_new(array, string(texts[i])) != 0)
            d->failed = true;
    set(d, key, array);
}

void lk_document_put(struct lk_document *d, const char *key, struct lk_document *member)
{
    d->failed = d->failed || member->failed;
    set(d, key, member->value);
    *member = (struct lk_document){0};
}

void lk_document_append(struct lk_document *array, struct lk_document *member)
{
    array->failed = array->failed || member->failed;
    if (json_array_append_new(array->value, member->value) != 0)
        array->failed = true;
    *member = (struct lk_document){0};
}

char *lk_document_dump(struct lk_document *d)
{
    char *text = d->failed ? NULL : json_dumps(d->value, DUMP_FLAGS);
    lk_document_reset(d);
    return text;
}

enum lk_status lk_document_print(struct lk_document *d, struct lk_console *c, struct lk_error *err)
{
    char *text = lk_document_dump(d);
    if (text == NULL)
        return lk_console_fail_memory(err);
    lk_console_print(c, "%s\n", text);
    lk_console_flush(c);
    free(text);
    return LK_OK;
}

enum lk_status lk_document_print_with(struct lk_document *d, const char *key, const char *const *values,
                                      size_t count, struct lk_console *c, struct lk_error *err)
{
    char *text = lk_document_dump(d);
    if (text == NULL)
        return lk_console_fail_memory(err);
    const size_t len = strlen(text); /* ends with the brace that closes the object */
    lk_console_print(c, "%.*s%s\"%s\":[", (int)(len - 1), text, len > 2 ? "," : "", key);
    for (size_t i = 0; i < count; i++)
        lk_console_print(c, "%s%s", i > 0 ? "," : "", values[i]);
    lk_console_print(c, "]}\n");
    lk_console_flush(c);
    free(text);
    return LK_OK;
}
