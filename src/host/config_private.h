/* A config in memory: its sections and their entries. */
#ifndef LK_HOST_CONFIG_PRIVATE_H
#define LK_HOST_CONFIG_PRIVATE_H

#include "host/config.h"
#include "host/config_keys.h"

/* A value understood. Which member holds it, the key's kind says. */
struct lk_config_value {
    char *text;  /* owned */
    char **list; /* owned, one block, NULL-terminated; NULL: an empty list */
    int64_t number;
    double lost;
};

struct lk_config_entry {
    const struct lk_config_key *key;
    char *table; /* NULL: not for particular tables */
    char *written;
    unsigned line;
    size_t from, end; /* in the text: its key, and where its value ends, comments aside */
    struct lk_config_value value;
};

enum lk_config_scope { LK_CONFIG_ALL, LK_CONFIG_BELOW, LK_CONFIG_FOLDER };

struct lk_config_section {
    enum lk_config_scope scope;
    char *name; /* FOLDER: the database's folder; BELOW: the path, absolute, without slash at the end */
    char *real; /* BELOW: the path without links; NULL: the same, or not there */
    unsigned line;
    size_t end; /* where its last line that says something ends in the text, line end included */
    size_t entries;
    struct lk_config_entry *entry;
};

struct lk_config {
    char *path; /* of the file; NULL: none */
    bool exists;
    size_t sections;
    struct lk_config_section *section;
    struct lk_general_settings general;
};

/* The text of the file, when nobody else may write to it. *exists false: there is none, and it need not be
 * there. */
enum lk_status lk_config_read(const char *path, bool must, struct lk_buffer *out, bool *exists,
                              struct lk_error *err) LK_CHECKED;

/* Understand a value. LK_USAGE without file and line, which the caller puts before it. After a failure *out
 * is to be reset all the same. */
enum lk_status lk_config_value_parse(const struct lk_config_key *key, const char *text,
                                     struct lk_config_value *out, struct lk_error *err) LK_CHECKED;
void lk_config_value_reset(struct lk_config_value *v);
/* Put it where the key says: `target` is the struct that the key's table entry means. Lists and texts stay
 * the value's. */
void lk_config_value_put(const struct lk_config_key *key, const struct lk_config_value *v, void *target);

/* "~/x" and "/x" as a normal absolute path: no "//", no "/./", no slash at the end. */
enum lk_status lk_config_value_path(const char *text, char **out, struct lk_error *err) LK_CHECKED;

/* Fill c->general from [litekeep]. */
void lk_config_settings_general(struct lk_config *c);

#endif
