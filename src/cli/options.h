/* Options of the command line as data: a table says what exists, the parser fills a value for each entry. */
#ifndef LK_CLI_OPTIONS_H
#define LK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/console.h"

enum lk_option_kind {
    LK_OPTION_FLAG,     /* takes no value */
    LK_OPTION_TEXT,     /* any text but the empty one; the last one given counts */
    LK_OPTION_LIST,     /* may be given again and again */
    LK_OPTION_DURATION, /* "8h": nanoseconds */
    LK_OPTION_SIZE,     /* "256M": bytes */
    LK_OPTION_COUNT,    /* a whole number */
    LK_OPTION_CHOICE,   /* one of `words` */
    LK_OPTION_SET,      /* some of `words`, with commas */
    LK_OPTION_CODEC,    /* one of `words`, and perhaps ":LEVEL" */
};

struct lk_option {
    const char *name; /* without the dashes */
    char letter;      /* 'q' for -q; 0: none */
    enum lk_option_kind kind;
    const char *argument;     /* what help calls the value; NULL for a flag */
    const char *fallback;     /* the default, for help; NULL: nothing to say */
    const char *help;         /* what it does; one sentence without a full stop */
    const char *const *words; /* NULL-terminated; CHOICE, SET and CODEC */
    int64_t least;            /* DURATION, SIZE, COUNT: smallest value allowed */
};

struct lk_option_value {
    bool given;
    const char *text;  /* as written; borrowed from argv */
    int64_t number;    /* DURATION, SIZE, COUNT; CHOICE: index in words; SET: a bit for each word */
    const char **list; /* LIST: NULL-terminated, owned; NULL when not given */
    size_t count;
};

/* A table and where its values go (as many, {0} at the start). */
struct lk_option_table {
    const struct lk_option *option;
    size_t count;
    struct lk_option_value *value;
};

/* Is the word an option ("-x", "--long") rather than an operand? "-" alone is an operand; "--" is for the
 * caller to handle first. */
bool lk_options_is_option(const char *word);

/* Take the option word argv[*index], which lk_options_is_option, and its value, and move *index past them.
 * Tables are searched in order. LK_USAGE with a message that says what is wrong and, for an unknown name,
 * which one is near. */
enum lk_status lk_options_take(const struct lk_option_table *tables, size_t count, int argc,
                               char *const *argv, int *index, struct lk_error *err) LK_CHECKED;

/* Free the lists. */
void lk_options_reset(struct lk_option_value *values, size_t count);

#endif
