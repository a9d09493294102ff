/* The pinned state as one database file, byte for byte usable by SQLite: the `sqlite` format. One thread,
 * that of the source. */
#ifndef LK_SQLITE_PAGE_COPY_H
#define LK_SQLITE_PAGE_COPY_H

#include "sqlite/source.h"

/* Takes the next bytes of the copy, in order. An error ends the copy and is returned as it is. */
struct lk_page_sink {
    enum lk_status (*write)(void *context, const void *ptr, size_t len, struct lk_error *err);
    void *context;
};

/* Send a copy of what the source has pinned to the sink: the very state that scans of the source see. A WAL
 * database goes through the backup API into a file in the source's tmp folder first (free space is checked);
 * others are read as they are. *bytes: how many were sent (0 for an empty database). *restart: the source did
 * not hold still; see lk_source_restart. */
enum lk_status lk_page_copy_send(struct lk_source *s, struct lk_page_sink sink, uint64_t *bytes,
                                 bool *restart, struct lk_error *err) LK_CHECKED;

#endif
