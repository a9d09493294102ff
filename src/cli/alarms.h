/* Alarms, shown alike by every command that tells of them. */
#ifndef LK_CLI_ALARMS_H
#define LK_CLI_ALARMS_H

#include "cli/document.h"

/* To standard error, whatever --quiet says: the message in red behind `heading` ("ALARM"), the causes, and on
 * lines of their own the commands that bring it back and that accept it. */
void lk_alarms_tell(const struct lk_console *c, const char *heading, const struct litekeep_alarm *alarm);

/* To standard output: when it was raised, the message, the causes, the commands. */
void lk_alarms_print(struct lk_console *c, const struct litekeep_alarm *alarm, size_t count);

/* All fields of docs/JSON.md, "Alarms"; an array of such. */
void lk_alarms_fill(struct lk_document *d, const struct litekeep_alarm *alarm);
struct lk_document lk_alarms_documents(const struct litekeep_alarm *alarm, size_t count);

#endif
