/* Bytes as a config file.
 *
 * They are understood as a whole, or refused with the line; what was understood can be asked for, shown, and
 * added to. */
#include <stdlib.h>

#include "host/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static enum lk_status count(void *context, const char *key, const char *value, unsigned line,
                            struct lk_error *err)
{
    size_t *keys = context;
    (void)line;
    (void)err;
    *keys += key[0] != '\0' && value != NULL;
    return LK_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *path, *folder;
    } asked[] = {{NULL, NULL}, {"/data/posts.db", NULL}, {"/data/posts.db", "posts"}, {NULL, "posts"}};
    struct lk_error err = {0};
    struct lk_config *c = NULL;
    setenv("HOME", "/data", 1);
    const enum lk_status status = lk_config_parse((const char *)data, size, "c.ini", &c, &err);
    if (status != LK_OK) {
        check(status == LK_USAGE && strncmp(err.message, "c.ini:", 6) == 0);
        return 0;
    }
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct lk_settings s;
        size_t keys = 0;
        check(lk_config_settings(c, asked[i].path, asked[i].folder, &s, &err) == LK_OK);
        check(lk_settings_limit(&s, "t", false) >= 0 && lk_settings_limit(&s, "t", true) >= 0);
        check(s.every >= 0 && s.max_lock >= 0 && s.alarm_window > 0);
        check(lk_config_each(c, asked[i].path, asked[i].folder, count, &keys, &err) == LK_OK && keys > 0);
        lk_settings_reset(&s);
    }
    for (size_t i = 0; i < lk_config_sections(c); i++) {
        const struct lk_config_place place = lk_config_place(c, i);
        check(place.line > 0 && (place.path == NULL || place.path[0] == '/'));
    }
    lk_config_free(c);
    return 0;
}
