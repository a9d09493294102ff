#include "parquet/thrift_reader.h"

static size_t left(const struct lk_thrift_reader *r)
{
    return (size_t)(r->end - r->at);
}

void lk_thrift_reader_init(struct lk_thrift_reader *r, struct lk_bytes in)
{
    *r = (struct lk_thrift_reader){
        .start = in.ptr, .at = in.ptr, .end = in.len > 0 ? in.ptr + in.len : in.ptr};
}

void lk_thrift_reader_fail(struct lk_thrift_reader *r, const char *problem)
{
    if (r->problem == NULL)
        r->problem = problem;
}

static void run_out(struct lk_thrift_reader *r)
{
    if (r->problem == NULL)
        r->ended = true;
    lk_thrift_reader_fail(r, "the bytes end inside a value");
}

static uint8_t read_byte(struct lk_thrift_reader *r)
{
    if (r->problem != NULL)
        return 0;
    if (left(r) == 0) {
        run_out(r);
        return 0;
    }
    return *r->at++;
}

static uint64_t read_varint(struct lk_thrift_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = read_byte(r);
        if (r->problem != NULL)
            return 0;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    lk_thrift_reader_fail(r, "a number has more than 64 bits");
    return 0;
}

static int64_t read_zigzag(struct lk_thrift_reader *r)
{
    const uint64_t value = read_varint(r);
    return (int64_t)(value >> 1 ^ (~(value & 1) + 1));
}

static struct lk_bytes read_binary(struct lk_thrift_reader *r)
{
    const uint64_t len = read_varint(r);
    if (r->problem != NULL)
        return lk_bytes(NULL, 0);
    if (len > LK_THRIFT_STRING_MAX) {
        lk_thrift_reader_fail(r, "a string is longer than 100 MB");
        return lk_bytes(NULL, 0);
    }
    if (len > left(r)) {
        run_out(r);
        return lk_bytes(NULL, 0);
    }
    const struct lk_bytes value = lk_bytes(r->at, (size_t)len);
    r->at += len;
    return value;
}

/* A list's or set's header. The caller knows that every element takes a byte at least. */
static uint32_t read_list_header(struct lk_thrift_reader *r, enum lk_thrift_type *element)
{
    const uint8_t byte = read_byte(r);
    uint64_t count = byte >> 4;
    *element = (enum lk_thrift_type)(byte & 0x0f);
    if (count == 15)
        count = read_varint(r);
    if (r->problem != NULL)
        return 0;
    if (count > LK_THRIFT_LIST_MAX) {
        lk_thrift_reader_fail(r, "a list has more than a million entries");
        return 0;
    }
    if (count > left(r)) {
        run_out(r);
        return 0;
    }
    return (uint32_t)count;
}

static void expect(struct lk_thrift_reader *r, const struct lk_thrift_field *f, enum lk_thrift_type type)
{
    if (f->type != type)
        lk_thrift_reader_fail(r, "a field has another type than the format says");
}

bool lk_thrift_next_field(struct lk_thrift_reader *r, struct lk_thrift_field *f)
{
    const uint8_t byte = read_byte(r);
    if (r->problem != NULL)
        return false;
    const unsigned type = byte & 0x0f;
    if (type == LK_THRIFT_STOP)
        return false;
    if (type > LK_THRIFT_STRUCT) {
        lk_thrift_reader_fail(r, "a field has a type that does not exist");
        return false;
    }
    const int64_t id = byte >> 4 != 0 ? f->id + (byte >> 4) : read_zigzag(r);
    if (id < INT16_MIN || id > INT16_MAX)
        lk_thrift_reader_fail(r, "a field's number is out of range");
    if (r->problem != NULL)
        return false;
    f->id = (int16_t)id;
    f->type = (enum lk_thrift_type)type;
    return true;
}

bool lk_thrift_enter(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    expect(r, f, LK_THRIFT_STRUCT);
    if (r->depth >= LK_THRIFT_DEPTH)
        lk_thrift_reader_fail(r, "structs are nested too deeply");
    if (r->problem != NULL)
        return false;
    r->depth++;
    return true;
}

void lk_thrift_leave(struct lk_thrift_reader *r)
{
    if (r->depth > 0)
        r->depth--;
}

static void skip_value(struct lk_thrift_reader *r, enum lk_thrift_type type, bool element);

static void skip_list(struct lk_thrift_reader *r)
{
    enum lk_thrift_type element = LK_THRIFT_STOP;
    const uint32_t count = read_list_header(r, &element);
    for (uint32_t i = 0; i < count && r->problem == NULL; i++)
        skip_value(r, element, true);
}

static void skip_map(struct lk_thrift_reader *r)
{
    const uint64_t count = read_varint(r);
    if (count == 0 || r->problem != NULL)
        return;
    if (count > LK_THRIFT_LIST_MAX) {
        lk_thrift_reader_fail(r, "a map has more than a million entries");
        return;
    }
    const uint8_t types = read_byte(r);
    for (uint64_t i = 0; i < count && r->problem == NULL; i++) {
        skip_value(r, (enum lk_thrift_type)(types >> 4), true);
        skip_value(r, (enum lk_thrift_type)(types & 0x0f), true);
    }
}

static void skip_struct(struct lk_thrift_reader *r)
{
    const struct lk_thrift_field self = {.type = LK_THRIFT_STRUCT};
    if (!lk_thrift_enter(r, &self))
        return;
    struct lk_thrift_field f = {0};
    while (lk_thrift_next_field(r, &f))
        skip_value(r, f.type, false);
    lk_thrift_leave(r);
}

static void skip_nested(struct lk_thrift_reader *r, void (*skip)(struct lk_thrift_reader *))
{
    if (r->depth >= LK_THRIFT_DEPTH) {
        lk_thrift_reader_fail(r, "lists are nested too deeply");
        return;
    }
    r->depth++;
    skip(r);
    r->depth--;
}

static void skip_value(struct lk_thrift_reader *r, enum lk_thrift_type type, bool element)
{
    if (r->problem != NULL)
        return;
    switch (type) {
    case LK_THRIFT_TRUE:
    case LK_THRIFT_FALSE:
        if (element)
            read_byte(r);
        return;
    case LK_THRIFT_BYTE:
        read_byte(r);
        return;
    case LK_THRIFT_I16:
    case LK_THRIFT_I32:
    case LK_THRIFT_I64:
        read_varint(r);
        return;
    case LK_THRIFT_DOUBLE:
        if (left(r) < 8)
            run_out(r);
        else
            r->at += 8;
        return;
    case LK_THRIFT_BINARY:
        read_binary(r);
        return;
    case LK_THRIFT_LIST:
    case LK_THRIFT_SET:
        skip_nested(r, skip_list);
        return;
    case LK_THRIFT_MAP:
        skip_nested(r, skip_map);
        return;
    case LK_THRIFT_STRUCT:
        skip_struct(r);
        return;
    case LK_THRIFT_STOP:
    default:
        lk_thrift_reader_fail(r, "a value has a type that does not exist");
        return;
    }
}

void lk_thrift_skip(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    skip_value(r, f->type, false);
}

bool lk_thrift_bool(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    if (f->type != LK_THRIFT_TRUE)
        expect(r, f, LK_THRIFT_FALSE);
    return r->problem == NULL && f->type == LK_THRIFT_TRUE;
}

int64_t lk_thrift_i64(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    if (f->type == LK_THRIFT_BYTE)
        return (int8_t)read_byte(r);
    if (f->type != LK_THRIFT_I16 && f->type != LK_THRIFT_I32)
        expect(r, f, LK_THRIFT_I64);
    return r->problem == NULL ? read_zigzag(r) : 0;
}

int32_t lk_thrift_i32(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    const int64_t value = lk_thrift_i64(r, f);
    if (value < INT32_MIN || value > INT32_MAX) {
        lk_thrift_reader_fail(r, "a number has more than 32 bits");
        return 0;
    }
    return (int32_t)value;
}

struct lk_bytes lk_thrift_binary(struct lk_thrift_reader *r, const struct lk_thrift_field *f)
{
    expect(r, f, LK_THRIFT_BINARY);
    return r->problem == NULL ? read_binary(r) : lk_bytes(NULL, 0);
}

uint32_t lk_thrift_list(struct lk_thrift_reader *r, const struct lk_thrift_field *f,
                        enum lk_thrift_type element, struct lk_thrift_field *item)
{
    *item = (struct lk_thrift_field){.type = element};
    expect(r, f, LK_THRIFT_LIST);
    if (r->problem != NULL)
        return 0;
    enum lk_thrift_type found = LK_THRIFT_STOP;
    const uint32_t count = read_list_header(r, &found);
    if (count > 0 && found != element)
        lk_thrift_reader_fail(r, "a list has elements of another type than the format says");
    return r->problem == NULL ? count : 0;
}
