#include "jsonl/line.h"

#include <assert.h>

#include "base/keys.h"
#include "base/memory.h"
#include "base/text.h"

#define NO_FIELD LK_KEYS_NONE
#define WIDE 32                      /* bytes compared at once */
#define PATTERN_BYTES_MAX (4u << 20) /* longer patterns are not remembered */

/* The bytes that should come before a value. */
struct slot {
    uint64_t word[WIDE / 8]; /* the first WIDE of them, then zeros */
    uint64_t mask[WIDE / 8]; /* 0xff for each */
    size_t len;
    size_t offset; /* of all of them, in pattern.bytes */
    size_t field;  /* whose value follows; NO_FIELD for the line's end */
    size_t before; /* of the row being read: lk_json_parser.before when the value was added */
};

/* What a line looks like: fields + 1 slots at most, the last for the line's end. */
struct pattern {
    struct lk_buffer bytes;
    struct slot *slots;
    size_t count;
    size_t *absent; /* fields without a slot */
    size_t absent_count;
};

struct lk_line_parser {
    struct lk_json_parser json;
    const struct lk_table_schema *schema;
    const struct lk_plan *plan;
    size_t fields; /* one for each column, then one for the rowid when the plan has a key for it */
    struct pattern expected;
    struct pattern seen;     /* of the line that is being read in general */
    struct lk_keys *keys;    /* the fields' names, by field */
    const uint8_t **values;  /* of that line, by field; NULL: none */
    const uint8_t *line;     /* its start */
    struct lk_buffer reason; /* composed reasons */
};

static bool is_rowid(const struct lk_line_parser *l, size_t field)
{
    return field == l->plan->columns;
}

static const char *field_name(const struct lk_line_parser *l, size_t field)
{
    return is_rowid(l, field) ? l->plan->rowid_name : l->plan->column[field].name;
}

/* ---- Patterns ---- */

static bool pattern_init(struct pattern *p, size_t fields)
{
    p->slots = lk_allocate_zeroed(fields + 1, sizeof *p->slots);
    p->absent = lk_allocate_zeroed(fields + 1, sizeof *p->absent);
    return p->slots != NULL && p->absent != NULL;
}

static void pattern_reset(struct pattern *p)
{
    lk_buffer_reset(&p->bytes);
    lk_free(p->slots);
    lk_free(p->absent);
}

static void pattern_clear(struct pattern *p)
{
    lk_buffer_clear(&p->bytes);
    p->count = 0;
    p->absent_count = 0;
}

/* Close the slot whose bytes are those of p->bytes from `offset` on. */
static void pattern_add(struct pattern *p, size_t offset, size_t field)
{
    struct slot *s = &p->slots[p->count++];
    *s = (struct slot){.len = p->bytes.len - offset, .offset = offset, .field = field};
    if (p->bytes.failed)
        return;
    uint8_t start[WIDE] = {0};
    uint8_t mask[WIDE] = {0};
    memcpy(start, p->bytes.data + offset, s->len < WIDE ? s->len : WIDE);
    memset(mask, 0xff, s->len < WIDE ? s->len : WIDE);
    for (size_t i = 0; i < WIDE / 8; i++) {
        s->word[i] = lk_get_u64(start + i * 8);
        s->mask[i] = lk_get_u64(mask + i * 8);
    }
}

static inline uint64_t difference(const struct slot *s, const uint8_t *at, size_t i)
{
    return (lk_get_u64(at + i * 8) ^ s->word[i]) & s->mask[i];
}

static inline bool slot_matches(const struct pattern *p, const struct slot *s, const uint8_t *at,
                                const uint8_t *limit)
{
    if ((difference(s, at, 0) | difference(s, at, 1) | difference(s, at, 2) | difference(s, at, 3)) != 0)
        return false;
    return s->len <= WIDE || ((size_t)(limit - at) >= s->len &&
                              memcmp(at + WIDE, p->bytes.data + s->offset + WIDE, s->len - WIDE) == 0);
}

/* The pattern of litekeep's own lines. */
static void expect_own_spelling(struct lk_line_parser *l)
{
    struct pattern *p = &l->expected;
    pattern_clear(p);
    for (size_t i = 0; i < l->fields; i++) {
        /* The rowid comes first. */
        const size_t field = l->fields == l->plan->columns ? i : i == 0 ? l->plan->columns : i - 1;
        const size_t offset = p->bytes.len;
        lk_buffer_append_byte(&p->bytes, i == 0 ? '{' : ',');
        lk_json_string_append(lk_bytes_of(field_name(l, field)), &p->bytes);
        lk_buffer_append_byte(&p->bytes, ':');
        pattern_add(p, offset, field);
    }
    const size_t offset = p->bytes.len;
    lk_buffer_append_string(&p->bytes, l->fields == 0 ? "{}\n" : "}\n");
    pattern_add(p, offset, NO_FIELD);
}

static bool number_fields(struct lk_line_parser *l)
{
    l->keys = lk_keys_new();
    for (size_t i = 0; l->keys != NULL && i < l->fields; i++)
        if (lk_keys_add(l->keys, lk_bytes_of(field_name(l, i))) == LK_KEYS_NONE)
            return false;
    return l->keys != NULL;
}

enum lk_status lk_line_parser_new(const struct lk_table_schema *schema, const struct lk_plan *plan,
                                  struct lk_line_parser **out, struct lk_error *err)
{
    assert(schema->columns == plan->columns);
    struct lk_line_parser *l = lk_allocate_zeroed(1, sizeof *l);
    if (l == NULL)
        return lk_fail_memory(err, "preparing to read JSON lines");
    l->json.copy = lk_json_string_copier();
    l->schema = schema;
    l->plan = plan;
    l->fields = plan->columns + (plan->rowid_name != NULL);
    l->values = lk_allocate_zeroed(l->fields + 1, sizeof *l->values);
    if (l->values != NULL && pattern_init(&l->expected, l->fields) && pattern_init(&l->seen, l->fields)) {
        expect_own_spelling(l);
        if (number_fields(l) && !l->expected.bytes.failed) {
            *out = l;
            return LK_OK;
        }
    }
    lk_line_parser_free(l);
    return lk_fail_memory(err, "preparing to read JSON lines");
}

void lk_line_parser_free(struct lk_line_parser *l)
{
    if (l == NULL)
        return;
    pattern_reset(&l->expected);
    pattern_reset(&l->seen);
    lk_buffer_reset(&l->json.scratch);
    lk_buffer_reset(&l->reason);
    lk_keys_free(l->keys);
    lk_free(l->values);
    lk_free(l);
}

const char *lk_line_reason(const struct lk_line_parser *l)
{
    return l->json.reason;
}

size_t lk_line_reason_byte(const struct lk_line_parser *l)
{
    return (size_t)(l->json.reason_at - l->line) + 1;
}

/* ---- The line that looks as expected ---- */

/* Take back the column's last value; `before` is how long its stream was, if it is a text or blob. Where
 * memory ran out there may be none, and the batch is lost anyway. */
static void remove_value(struct lk_column *c, size_t before)
{
    if (c->classes.failed)
        return;
    const enum lk_class class = (enum lk_class)c->classes.data[--c->classes.len];
    c->counts[class]--;
    if (class == LK_NULL || c->values[class].failed)
        return;
    if (class == LK_INTEGER || class == LK_REAL)
        c->values[class].len -= 8;
    else
        c->values[class].len = before;
}

/* The next line, or NULL when this one does not look as expected; then the batch is as it was. */
static const uint8_t *add_expected(struct lk_line_parser *l, const uint8_t *at, struct lk_batch *b,
                                   int64_t *rowid)
{
    struct pattern *p = &l->expected;
    const uint64_t raw_bytes = b->raw_bytes;
    size_t i = 0;
    for (;; i++) {
        struct slot *s = &p->slots[i];
        if (!slot_matches(p, s, at, l->json.limit))
            break;
        at += s->len;
        if (s->field == NO_FIELD) {
            for (size_t k = 0; k < p->absent_count; k++)
                lk_column_add_null(b, &b->column[p->absent[k]]);
            return at;
        }
        if (is_rowid(l, s->field)) {
            at = lk_json_value_integer(&l->json, at, rowid);
        } else if (memcmp(at, "null", 4) == 0) {
            lk_column_add_null(b, &b->column[s->field]);
            at += 4;
        } else {
            at = lk_json_value_add(&l->json, at, b, &b->column[s->field]);
            s->before = l->json.before;
        }
        if (at == NULL)
            break;
    }
    while (i-- > 0)
        if (!is_rowid(l, p->slots[i].field))
            remove_value(&b->column[p->slots[i].field], p->slots[i].before);
    b->raw_bytes = raw_bytes;
    return NULL;
}

/* ---- Any line ---- */

static size_t find_field(const struct lk_line_parser *l, struct lk_bytes key, size_t likely)
{
    if (likely < l->fields && lk_bytes_equal(key, lk_keys_get(l->keys, likely)))
        return likely;
    return lk_keys_find(l->keys, key);
}

static const uint8_t *fail_unknown_key(struct lk_line_parser *l, const uint8_t *at)
{
    char *key = lk_text_escaped(lk_buffer_bytes(&l->json.scratch));
    char *table = lk_text_escaped(lk_bytes_of(l->schema->name));
    lk_buffer_clear(&l->reason);
    if (key != NULL && table != NULL)
        lk_buffer_append_format(&l->reason, "the key \"%.200s\" is no column of table %.200s", key, table);
    const char *reason = key != NULL && table != NULL ? lk_buffer_string(&l->reason) : NULL;
    lk_free(key);
    lk_free(table);
    return lk_json_value_fail(&l->json, at, reason);
}

/* Read a key and its colon; *field is whose it is. */
static const uint8_t *get_key(struct lk_line_parser *l, const uint8_t *at, size_t likely, size_t *field)
{
    if (*at != '"')
        return lk_json_value_fail(&l->json, at, "a key should be here");
    const uint8_t *const start = at;
    bool surrogate = false;
    lk_buffer_clear(&l->json.scratch);
    at = lk_json_value_string(&l->json, at + 1, &l->json.scratch, &surrogate);
    if (at == NULL)
        return NULL;
    *field = find_field(l, lk_buffer_bytes(&l->json.scratch), likely);
    if (*field == NO_FIELD)
        return fail_unknown_key(l, start);
    at = lk_json_value_space(at);
    if (*at != ':')
        return lk_json_value_fail(&l->json, at, "a colon should be behind the key");
    return lk_json_value_space(at + 1);
}

/* Remember the bytes from `from` to `to` as what came before the field's value. */
static void note_slot(struct lk_line_parser *l, const uint8_t *from, const uint8_t *to, size_t field)
{
    struct pattern *p = &l->seen;
    const size_t len = (size_t)(to - from);
    if (p->bytes.len + len > PATTERN_BYTES_MAX)
        p->bytes.failed = true;
    if (p->bytes.failed || p->count > l->fields)
        return;
    const size_t offset = p->bytes.len;
    lk_buffer_append(&p->bytes, from, len);
    pattern_add(p, offset, field);
}

/* Find the values in the line; the next line's start, or NULL. *repeated: a key occurs twice. */
static const uint8_t *find_values(struct lk_line_parser *l, const uint8_t *at, bool *repeated)
{
    const uint8_t *between = at;
    size_t likely = l->fields == l->plan->columns ? 0 : l->plan->columns;
    at = lk_json_value_space(at);
    if (*at != '{')
        return lk_json_value_fail(&l->json, at, "the line is no JSON object");
    at = lk_json_value_space(at + 1);
    bool more = *at != '}';
    while (more) {
        size_t field;
        at = get_key(l, at, likely, &field);
        if (at == NULL)
            return NULL;
        *repeated |= l->values[field] != NULL;
        l->values[field] = at;
        note_slot(l, between, at, field);
        between = at = lk_json_value_skip(&l->json, at);
        if (at == NULL)
            return NULL;
        at = lk_json_value_space(at);
        if (*at != ',' && *at != '}')
            return lk_json_value_fail(&l->json, at,
                                      *at == '\n' ? "the line ends inside its object"
                                                  : "a comma or a closing brace should be here");
        more = *at == ',';
        if (more)
            at = lk_json_value_space(at + 1);
        likely = field + 1;
    }
    at = lk_json_value_space(at + 1);
    if (*at != '\n')
        return lk_json_value_fail(&l->json, at, "there is something behind the object");
    note_slot(l, between, at + 1, NO_FIELD);
    return at + 1;
}

static bool add_values(struct lk_line_parser *l, struct lk_batch *b, int64_t *rowid)
{
    for (size_t i = 0; i < l->fields; i++) {
        const uint8_t *value = l->values[i];
        if (is_rowid(l, i)) {
            if (value == NULL)
                return lk_json_value_fail(&l->json, l->line, "the key of the rowid is missing") != NULL;
            if (lk_json_value_integer(&l->json, value, rowid) == NULL)
                return false;
        } else if (value == NULL) {
            lk_column_add_null(b, &b->column[i]);
            l->seen.absent[l->seen.absent_count++] = i;
        } else if (lk_json_value_add(&l->json, value, b, &b->column[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static const uint8_t *add_any(struct lk_line_parser *l, const uint8_t *at, struct lk_batch *b, int64_t *rowid)
{
    bool repeated = false;
    pattern_clear(&l->seen);
    memset(l->values, 0, (l->fields + 1) * sizeof *l->values);
    l->line = at;
    const uint8_t *next = find_values(l, at, &repeated);
    if (next == NULL || !add_values(l, b, rowid))
        return NULL;
    if (!repeated && !l->seen.bytes.failed) {
        const struct pattern last = l->expected;
        l->expected = l->seen;
        l->seen = last;
    }
    return next;
}

const uint8_t *lk_line_add(struct lk_line_parser *l, const uint8_t *at, const uint8_t *limit,
                           struct lk_batch *b, int64_t rowid)
{
    l->json.limit = limit;
    const uint8_t *next = add_expected(l, at, b, &rowid);
    if (next == NULL)
        next = add_any(l, at, b, &rowid);
    if (next != NULL)
        lk_batch_end_row(b, rowid);
    return next;
}
