/* File names for names that need not be safe: tables and databases (docs/STORE.md, "Names"). Pure functions,
 * any thread.
 *
 * A name is safe when it matches [A-Za-z0-9_][A-Za-z0-9_.-]{0,99}, does not end in a dot and is no Windows
 * device name (CON, PRN, AUX, NUL, COM0-9, LPT0-9, before the first dot, any case). Any other name becomes
 * its percent-encoding
 * (%XX, upper case, for each byte that may not stand where it stands; for a device name its first byte), cut
 * to 91 characters without splitting a %XX, then "~" and the first 8 hex digits of its SHA-256. A safe name
 * never holds '%' or
 * '~', so the two kinds cannot meet. */
#ifndef LK_STORE_NAMES_H
#define LK_STORE_NAMES_H

#include "base/bytes.h"
#include "base/error.h"

#define LK_NAME_MAX 100 /* characters in a file name made here, before any extension or "-<8 hex>" */

bool lk_name_is_safe(struct lk_bytes name);

/* The file name for one name: a new string, or NULL when memory is out. `digits` 0: as said above. 8 to 64:
 * safe names too get a "~" part, of that many digits of the SHA-256, to tell apart what would meet (the cut
 * is then at 99 - digits). */
char *lk_name_encode(struct lk_bytes name, unsigned digits);

/* File names for all names of one folder, unique without regard to ASCII case: out[i] for names[i], in order.
 * A name that meets an earlier one gets "~" and 8 digits, then 16, 32, 64; the very same name a sixth time
 * "~2", "~3" behind that. *out: an array of `count` strings and a NULL in one block; lk_free it. Cost:
 * O(count). */
enum lk_status lk_names_assign(const struct lk_bytes *names, size_t count, char ***out,
                               struct lk_error *err) LK_CHECKED;

/* The stem of a database's file name: what follows the last '/', without one ending .db, .sqlite, .sqlite3 or
 * .db3 (any case; a name that is nothing but an ending stays whole). Borrowed from `path`. */
struct lk_bytes lk_name_stem(const char *path);

/* "<stem>-<8 hex digits of the identity's SHA-256>": the folder of a database whose stem is taken. New
 * string; NULL: memory is out. */
char *lk_name_with_identity(const char *stem, const char *identity);

/* Is `path` what a manifest may name: 1 to 4 components of [A-Za-z0-9_.%~-], none empty, none longer than
 * 255, none with a leading dot? So it can lead nowhere but below the backup's folder, and to none of its own
 * files under a dot. */
bool lk_name_is_relative_path(const char *path);

/* The relative path of a data file of a backup; new string; NULL: memory is out. part 0: the table is one
 * file: parquet/<stem>.parquet    json/<stem>.json<suffix> part 1, 2, ...: one of several:
 *     parquet/<stem>.parquet/part-00001.parquet    json/<stem>.json/part-00001.json<suffix>
 * suffix: "" or ".gz" or ".zst". */
char *lk_name_parquet_path(const char *stem, uint64_t part);
char *lk_name_json_path(const char *stem, uint64_t part, const char *suffix);

/* Is `name` the id of a backup: YYYY-MM-DDTHHMMSSZ, with -002 to -999 behind it or not? */
bool lk_name_is_id(const char *name);

#endif
