#include "cli/alarms.h"

/* What is needed besides accepting it, or it comes again; NULL: nothing. */
static const char *lasting_answer(const struct litekeep_alarm *alarm)
{
    return alarm->kind == LITEKEEP_ALARM_OLDER
               ? "If this file is always made anew, say so in the config: alarm-older = no"
               : NULL;
}

void lk_alarms_tell(const struct lk_console *c, const char *heading, const struct litekeep_alarm *alarm)
{
    lk_console_error(c, "%s%s: %s%s", lk_console_style(c->error_colour, LK_STYLE_RED), heading,
                     alarm->message, lk_console_style(c->error_colour, LK_STYLE_PLAIN));
    for (size_t i = 0; alarm->causes != NULL && alarm->causes[i] != NULL; i++)
        lk_console_detail(c, "%s", alarm->causes[i]);
    if (alarm->restore != NULL) {
        lk_console_detail(c, "This brings it back:");
        lk_console_detail(c, "    %s", alarm->restore);
    }
    if (alarm->ack != NULL) {
        lk_console_detail(c, "If it is meant to be so:");
        lk_console_detail(c, "    %s", alarm->ack);
        if (lasting_answer(alarm) != NULL)
            lk_console_detail(c, "%s", lasting_answer(alarm));
    }
}

void lk_alarms_print(struct lk_console *c, const struct litekeep_alarm *alarm, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct litekeep_alarm *a = &alarm[i];
        const bool stale = a->kind == LITEKEEP_ALARM_STALE;
        char since[LITEKEEP_WORD_SIZE];
        lk_console_print(c, "%s%s%s", lk_console_style(c->colour, LK_STYLE_RED), stale ? "STALE" : "ALARM",
                         lk_console_style(c->colour, LK_STYLE_PLAIN));
        if (a->raised != 0 && !stale) {
            litekeep_format_time_local(a->raised, since);
            lk_console_print(c, " since %s", since);
        }
        lk_console_print(c, ": %s\n", a->message);
        for (size_t k = 0; a->causes != NULL && a->causes[k] != NULL; k++)
            lk_console_print(c, "    %s\n", a->causes[k]);
        if (a->restore != NULL)
            lk_console_print(c, "    This brings it back:\n        %s\n", a->restore);
        if (a->ack != NULL)
            lk_console_print(c, "    If it is meant to be so:\n        %s\n", a->ack);
        if (lasting_answer(a) != NULL)
            lk_console_print(c, "    %s\n", lasting_answer(a));
    }
}

/* Kinds that compare two numbers. */
static bool is_counted(enum litekeep_alarm_kind kind)
{
    return kind != LITEKEEP_ALARM_STALE && kind != LITEKEEP_ALARM_STORE && kind != LITEKEEP_ALARM_REPLACED;
}

void lk_alarms_fill(struct lk_document *d, const struct litekeep_alarm *alarm)
{
    lk_document_text(d, "kind", alarm->word);
    lk_document_text(d, "database", alarm->database);
    lk_document_text(d, "path", alarm->path);
    lk_document_text(d, "table", alarm->table);
    lk_document_text(d, "column", alarm->column);
    if (is_counted(alarm->kind)) {
        lk_document_number(d, "before", alarm->before);
        lk_document_number(d, "now", alarm->now);
    } else {
        lk_document_null(d, "before");
        lk_document_null(d, "now");
    }
    lk_document_time(d, "raised", alarm->raised);
    lk_document_text(d, "id", alarm->id);
    lk_document_text(d, "good", alarm->good);
    lk_document_text(d, "message", alarm->message);
    lk_document_texts(d, "causes", alarm->causes);
    lk_document_text(d, "restore", alarm->restore);
    lk_document_text(d, "ack", alarm->ack);
}

struct lk_document lk_alarms_documents(const struct litekeep_alarm *alarm, size_t count)
{
    struct lk_document array = lk_document_array();
    for (size_t i = 0; i < count; i++) {
        struct lk_document d = lk_document_object();
        lk_alarms_fill(&d, &alarm[i]);
        lk_document_append(&array, &d);
    }
    return array;
}
