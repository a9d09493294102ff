#include "store/names.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <strings.h>

enum {
    DIGITS = 8, /* of the SHA-256, unless that is not enough */
    ALL_DIGITS = 2 * LK_SHA256_SIZE,
    COMPONENTS_MAX = 4,
    COMPONENT_MAX = 255,
    ID_LEN = 18, /* 2024-05-29T091442Z */
    SUFFIX_LEN = 4
};

/* isalnum depends on the locale. */
static bool is_word(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Names that Windows gives to devices whatever follows the first dot (learn.microsoft.com, "Naming Files,
 * Paths, and Namespaces"). */
static bool is_device(struct lk_bytes name)
{
    static const char *const three[] = {"con", "prn", "aux", "nul"};
    const uint8_t *dot = name.len == 0 ? NULL : memchr(name.ptr, '.', name.len);
    const size_t len = dot == NULL ? name.len : (size_t)(dot - name.ptr);
    const char *text = (const char *)name.ptr;
    for (size_t i = 0; len == 3 && i < sizeof three / sizeof *three; i++) {
        if (strncasecmp(text, three[i], 3) == 0)
            return true;
    }
    return len == 4 && is_digit(text[3]) &&
           (strncasecmp(text, "com", 3) == 0 || strncasecmp(text, "lpt", 3) == 0);
}

/* May byte i of `name` stand in a file name as it is? */
static bool byte_is_safe(struct lk_bytes name, size_t i)
{
    const uint8_t c = name.ptr[i];
    if (is_word(c))
        return true;
    if (i == 0)
        return false;
    return c == '-' || (c == '.' && i + 1 < name.len);
}

bool lk_name_is_safe(struct lk_bytes name)
{
    if (name.len == 0 || name.len > LK_NAME_MAX || is_device(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!byte_is_safe(name, i))
            return false;
    }
    return true;
}

char *lk_name_encode(struct lk_bytes name, unsigned digits)
{
    static const char hex[] = "0123456789ABCDEF";
    assert(digits == 0 || (digits >= DIGITS && digits <= ALL_DIGITS));
    if (digits == 0 && lk_name_is_safe(name))
        return lk_copy_bytes(name.ptr, name.len);
    if (digits == 0)
        digits = DIGITS;
    char out[LK_NAME_MAX + 1];
    size_t used = 0;
    const size_t room = LK_NAME_MAX - 1 - digits;
    const bool device = is_device(name);
    for (size_t i = 0; i < name.len; i++) {
        const bool safe = byte_is_safe(name, i) && !(device && i == 0);
        if (used + (safe ? 1 : 3) > room)
            break;
        if (safe) {
            out[used++] = (char)name.ptr[i];
        } else {
            out[used++] = '%';
            out[used++] = hex[name.ptr[i] >> 4];
            out[used++] = hex[name.ptr[i] & 15];
        }
    }
    uint8_t digest[LK_SHA256_SIZE];
    char text[ALL_DIGITS + 1];
    lk_sha256_bytes(name.ptr, name.len, digest);
    lk_hex_format(digest, sizeof digest, text);
    out[used++] = '~';
    memcpy(out + used, text, digits);
    return lk_copy_bytes(out, used + digits);
}

/* The names given so far, by their lower-case form: open addressing. */
struct taken {
    const char **slot;
    size_t mask;
};

static uint64_t folded_hash(const char *name)
{
    char folded[COMPONENT_MAX + 1];
    size_t len = 0;
    for (; len < COMPONENT_MAX && name[len] != '\0'; len++)
        folded[len] = name[len] >= 'A' && name[len] <= 'Z' ? (char)(name[len] + ('a' - 'A')) : name[len];
    return lk_key_hash(folded, len);
}

/* Take a name; false when it, in any case, is taken. */
static bool take(struct taken *t, const char *name)
{
    size_t at = (size_t)folded_hash(name) & t->mask;
    for (; t->slot[at] != NULL; at = (at + 1) & t->mask) {
        if (strcasecmp(t->slot[at], name) == 0)
            return false;
    }
    t->slot[at] = name;
    return true;
}

/* The first spelling of `name` that is free, taken; NULL when memory is out. */
static char *assign_one(struct taken *t, struct lk_bytes name)
{
    static const unsigned lengths[] = {0, DIGITS, 2 * DIGITS, 4 * DIGITS, ALL_DIGITS};
    char *last = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        lk_free(last);
        last = lk_name_encode(name, lengths[i]);
        if (last == NULL || take(t, last))
            return last;
    }
    /* The very same name, again and again: a schema that somebody edited by hand. */
    for (uint64_t n = 2;; n++) {
        char *numbered = lk_format("%s~%" PRIu64, last, n);
        if (numbered == NULL || take(t, numbered)) {
            lk_free(last);
            return numbered;
        }
        lk_free(numbered);
    }
}

/* One block: pointers, then the strings, which are freed. */
static char **pack(char **names, size_t count)
{
    size_t bytes = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    char **block = lk_allocate(bytes);
    if (block == NULL)
        return NULL;
    char *text = (char *)(block + count + 1);
    for (size_t i = 0; i < count; i++) {
        const size_t size = strlen(names[i]) + 1;
        memcpy(text, names[i], size);
        block[i] = text;
        text += size;
    }
    block[count] = NULL;
    return block;
}

enum lk_status lk_names_assign(const struct lk_bytes *names, size_t count, char ***out, struct lk_error *err)
{
    enum lk_status status = LK_OK;
    struct taken t = {0};
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    t.mask = slots - 1;
    t.slot = lk_allocate_zeroed(slots, sizeof *t.slot);
    char **given = lk_allocate_zeroed(count, sizeof *given);
    bool ok = t.slot != NULL && given != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        given[i] = assign_one(&t, names[i]);
        ok = given[i] != NULL;
    }
    char **block = ok ? pack(given, count) : NULL;
    if (block == NULL)
        status = lk_fail_memory(err, "naming the files of tables");
    else
        *out = block;
    for (size_t i = 0; given != NULL && i < count; i++)
        lk_free(given[i]);
    lk_free(given);
    lk_free(t.slot);
    return status;
}

struct lk_bytes lk_name_stem(const char *path)
{
    static const char *const endings[] = {".db", ".sqlite", ".sqlite3", ".db3"};
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t n = strlen(endings[i]);
        if (len > n && strcasecmp(name + len - n, endings[i]) == 0)
            return lk_bytes(name, len - n);
    }
    return lk_bytes(name, len);
}

char *lk_name_with_identity(const char *stem, const char *identity)
{
    uint8_t digest[LK_SHA256_SIZE];
    char text[ALL_DIGITS + 1];
    lk_sha256_bytes(identity, strlen(identity), digest);
    lk_hex_format(digest, sizeof digest, text);
    return lk_format("%s-%.8s", stem, text);
}

bool lk_name_is_relative_path(const char *path)
{
    size_t len = 0, components = 1;
    for (const char *at = path; *at != '\0'; at++) {
        const uint8_t c = (uint8_t)*at;
        if (c == '/') {
            if (len == 0 || ++components > COMPONENTS_MAX)
                return false;
            len = 0;
            continue;
        }
        const bool inner = c == '.' || c == '-' || c == '%' || c == '~';
        if (!is_word(c) && !inner)
            return false;
        if ((len == 0 && c == '.') || ++len > COMPONENT_MAX)
            return false;
    }
    return len > 0;
}

char *lk_name_parquet_path(const char *stem, uint64_t part)
{
    return part == 0 ? lk_format("parquet/%s.parquet", stem)
                     : lk_format("parquet/%s.parquet/part-%05" PRIu64 ".parquet", stem, part);
}

char *lk_name_json_path(const char *stem, uint64_t part, const char *suffix)
{
    return part == 0 ? lk_format("json/%s.json%s", stem, suffix)
                     : lk_format("json/%s.json/part-%05" PRIu64 ".json%s", stem, part, suffix);
}

bool lk_name_is_id(const char *name)
{
    static const char shape[] = "dddd-dd-ddTddddddZ-ddd";
    const size_t len = strlen(name);
    if (len != ID_LEN && len != ID_LEN + SUFFIX_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (shape[i] == 'd' ? !is_digit(name[i]) : name[i] != shape[i])
            return false;
    }
    return true;
}
