/* The keys of the config file: one table, from which they are parsed, shown and explained in the manual. */
#ifndef LK_HOST_CONFIG_KEYS_H
#define LK_HOST_CONFIG_KEYS_H

#include "base/error.h"

enum lk_config_kind {
    LK_CONFIG_TEXT,
    LK_CONFIG_PATH,   /* absolute, or "~/..." */
    LK_CONFIG_SECRET, /* a path, or "credential:NAME" */
    LK_CONFIG_URL,
    LK_CONFIG_COMMAND,
    LK_CONFIG_UUID,
    LK_CONFIG_NAME,
    LK_CONFIG_PATHS, /* lists: commas between */
    LK_CONFIG_GLOBS,
    LK_CONFIG_PATH_GLOBS,
    LK_CONFIG_WORDS,
    LK_CONFIG_SET,    /* a list of `words`: a bit for each */
    LK_CONFIG_CHOICE, /* one of `words`: its number, the first being `least` */
    LK_CONFIG_CODEC,  /* one of `words`, and perhaps ":LEVEL" */
    LK_CONFIG_YES,    /* "yes" or "no" into a bool */
    LK_CONFIG_NOT,    /* the same, the other way round */
    LK_CONFIG_DURATION,
    LK_CONFIG_SIZE,
    LK_CONFIG_COUNT,
    LK_CONFIG_LOSS, /* "50%" or "off" */
};

/* Which struct of config.h the value goes into. */
enum lk_config_target { LK_CONFIG_GENERAL, LK_CONFIG_SETTINGS, LK_CONFIG_LIMITS };

struct lk_config_key {
    struct litekeep_config_key shown;
    enum lk_config_kind kind;
    const char *const *words; /* NULL-terminated; SET, CHOICE and CODEC */
    bool secret;              /* its value is not for showing */
    bool one;                 /* only in the section of one database file */
    int64_t least;            /* DURATION, SIZE, COUNT: smallest value allowed */
    enum lk_config_target target;
    size_t offset, size; /* of the member in that struct */
};

const struct lk_config_key *lk_config_keys(size_t *count);
/* The same for showing. */
const struct litekeep_config_key *lk_config_keys_shown(size_t *count);
/* NULL: there is none of that name. */
const struct lk_config_key *lk_config_keys_find(const char *name);
/* The key that `name` was probably meant to be; NULL: none is near. */
const char *lk_config_keys_nearest(const char *name);
bool lk_config_keys_is_list(const struct lk_config_key *key);

#endif
