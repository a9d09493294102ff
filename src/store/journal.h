/* events.jsonl: what happened to a database's backups, one JSON object a line, only ever appended to
 * (docs/STORE.md, "Journal").
 *
 * What it says of a backup's content stands in the backup's manifest too, so a lost or torn journal loses no
 * backup. Pins and alarms stand nowhere else. Every event has "type" (string) and "time" (RFC 3339); readers
 * skip types and fields that they do not know. */
#ifndef LK_STORE_JOURNAL_H
#define LK_STORE_JOURNAL_H

#include <jansson.h>

#include "base/file.h"
#include "store/lines.h"

#define LK_JOURNAL_FILE "events.jsonl"

/* A new event {"type": type, "time": now}; the caller adds fields and owns the reference. NULL when memory is
 * out. */
json_t *lk_journal_event(const char *type, int64_t now);

/* Append `event` (borrowed) as one line, in one write, and fsync; fsync the folder when the file is new. Only
 * under the folder's lock. A torn line that an earlier crash left is closed first. When the line cannot be
 * written whole it is cut off again. A failure: LK_FAILED. */
enum lk_status lk_journal_append(const struct lk_dir *database, mode_t mode, const json_t *event,
                                 struct lk_error *err) LK_CHECKED;

struct lk_journal {
    size_t count;
    json_t *
        *event; /* oldest first; each an object with a string "type" and a "time" that lk_time_parse takes */
    struct lk_lines_skipped skipped; /* lines that are no events: torn by a crash, or damaged */
};

/* Read all events; a missing file has none. A last line without its newline is torn and skipped. More than 1
 * GiB: LK_DAMAGED. */
enum lk_status lk_journal_read(const struct lk_dir *database, struct lk_journal *out,
                               struct lk_error *err) LK_CHECKED;
void lk_journal_reset(struct lk_journal *journal);
/* Does `text` (an id) occur in a line that was skipped? Then what that line said of it is not known. */
bool lk_journal_skipped(const struct lk_journal *journal, const char *text);

/* Fields of an event, with a default when missing or of another type. Strings are borrowed. */
const char *lk_journal_string(const json_t *event, const char *key, const char *otherwise);
int64_t lk_journal_integer(const json_t *event, const char *key, int64_t otherwise);
/* A number of things; 0 when it is missing, negative, or of another type. */
uint64_t lk_journal_count(const json_t *event, const char *key);
bool lk_journal_is(const json_t *event, const char *type);
/* The event's "time" as an instant. */
int64_t lk_journal_time(const json_t *event);

#endif
