/* clang-format off */
/* The first 100 bytes of a database file (https://www.sqlite.org/fileformat2.html, "The Database Header").
 *
 *     0  16  "SQLite format 3\0"                 40   4  schema cookie
 *    16   2  page size; 1 means 65536            52   4  largest root page: not 0 with auto_vacuum
 *    18   1  write version: 1 legacy, 2 WAL      56   4  encoding: 1 UTF-8, 2 UTF-16le, 3 UTF-16be; 0 not yet
 *    19   1  read version: 1 legacy, 2 WAL       60   4  user_version
 *    24   4  change counter                      64   4  not 0: incremental auto_vacuum
 *    28   4  pages                               68   4  application_id
 *
 * All numbers are big-endian. Any thread. */
/* clang-format on */
#ifndef LK_SQLITE_HEADER_H
#define LK_SQLITE_HEADER_H

#include "base/bytes.h"

#define LK_HEADER_SIZE 100
#define LK_HEADER_MAGIC_SIZE 16

struct lk_header {
    uint32_t page_size; /* 512 to 65536, a power of two */
    bool wal;           /* the journal mode is WAL */
    uint32_t change_counter;
    uint32_t pages; /* as the header says; the file's size may say otherwise */
    uint32_t schema_cookie;
    int encoding;    /* 1, 2, 3; 0 in a database that holds nothing yet */
    int auto_vacuum; /* as PRAGMA auto_vacuum: 0 none, 1 full, 2 incremental */
    int32_t user_version;
    int32_t application_id;
};

/* Do the first `len` bytes of a file say that it is a SQLite database? */
bool lk_header_is_database(const uint8_t *bytes, size_t len);

/* False when it is no database header, or its page size cannot be: *out is then unchanged. */
bool lk_header_parse(const uint8_t bytes[LK_HEADER_SIZE], struct lk_header *out);

#endif
