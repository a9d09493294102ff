/* SQLite's functions: linked in, or, in a loadable extension, through the table that the host hands over. The
 * one file of the extension that has the entry point defines that table (SQLITE_EXTENSION_INIT1) and does not
 * include this. */
#ifndef LK_SQLITE_API_H
#define LK_SQLITE_API_H

#ifdef LK_SQLITE_EXTENSION
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#else
#include <sqlite3.h>
#endif

#endif
