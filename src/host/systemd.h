/* A systemd service and timer: their texts, where they lie, and systemctl. */
#ifndef LK_HOST_SYSTEMD_H
#define LK_HOST_SYSTEMD_H

#include "base/buffer.h"
#include "base/error.h"

struct lk_systemd_unit {
    const char *name;         /* "litekeep-<8 hex>", without suffix */
    bool system;              /* of the system, not of a user */
    const char *const *words; /* what is run */
    const char *when;         /* OnCalendar */
    const char *cron;     /* the same as a cron expression: kept in the timer, for lk_systemd_value "Cron" */
    int64_t random_delay; /* ns */
    const char *const *writable; /* folders that it must write to; NULL-terminated */
    const char *description;
};

/* The texts of NAME.service and NAME.timer: Type=oneshot, Persistent, a random delay, Nice,
 * IOSchedulingClass=idle, hardened as far as a service of this kind can be (the reasons stand beside the
 * text in systemd.c). Words escaped as systemd.service(5) wants (%, $, quotes). LK_USAGE: a word with a
 * control character or with bytes that are no UTF-8, which no unit file can hold. Pure. */
enum lk_status lk_systemd_texts(const struct lk_systemd_unit *u, struct lk_buffer *service,
                                struct lk_buffer *timer, struct lk_error *err) LK_CHECKED;

/* A cron expression as OnCalendar. LK_USAGE: it is none, or one where systemd.time(7) cannot say the same
 * (both day fields restricted: cron means either). */
enum lk_status lk_systemd_of_cron(const char *cron, char *out, size_t size, struct lk_error *err) LK_CHECKED;

/* The first line "NAME=value" of a unit's text; false: none, or longer than `size`. */
bool lk_systemd_value(struct lk_bytes text, const char *name, char *out, size_t size);

/* The folder of the unit files: /etc/systemd/system, or $XDG_CONFIG_HOME/systemd/user. The caller frees. */
char *lk_systemd_folder(bool system);

/* Is there a systemd that can be asked (of the system, or this user's)? */
bool lk_systemd_runs(bool system);
/* Do this user's timers run when nobody is logged in (loginctl: Linger)? */
bool lk_systemd_lingers(void);

/* Write the unit files (atomically, only where they differ), reload, enable and start the timer; *changed. Or
 * stop, disable and remove them. LK_FAILED names what systemctl said and what to do by hand. */
enum lk_status lk_systemd_install(const struct lk_systemd_unit *u, bool *changed,
                                  struct lk_error *err) LK_CHECKED;
enum lk_status lk_systemd_remove(const char *name, bool system, bool *changed,
                                 struct lk_error *err) LK_CHECKED;
/* The units as they lie there; LK_NOT_FOUND: no timer of that name. *next: when it fires; 0: not known.
 * Starts no program when there is no timer. */
enum lk_status lk_systemd_look(const char *name, bool system, struct lk_buffer *service,
                               struct lk_buffer *timer, int64_t *next, struct lk_error *err) LK_CHECKED;

#endif
