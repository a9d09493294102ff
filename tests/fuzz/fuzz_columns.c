/* Bytes as JSON lines of nobody knows which columns.
 *
 * Whatever keys are found, the reader must know them all and read as many rows; only malformed base64 may
 * still be damage, since the search does not decode values. */
#include <stdlib.h>

#include "jsonl/columns.h"
#include "jsonl/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void read_rows(const struct lk_input *in, enum lk_codec codec, const struct lk_table_schema *schema,
                      const struct lk_plan *plan, uint64_t expected)
{
    struct lk_error err = {0};
    struct lk_jsonl_reader *r = NULL;
    struct lk_batch *b = lk_batch_new(schema->columns, schema->hidden_rowid);
    uint64_t rows = 0;
    uint32_t got = 0;
    check(b != NULL);
    enum lk_status status = lk_jsonl_reader_new(in, 0, lk_input_size(in), codec, schema, plan, 1, &r, &err);
    do {
        lk_batch_clear(b);
        if (status == LK_OK)
            status = lk_jsonl_read(r, 7, b, &got, &err);
        rows += status == LK_OK ? got : 0;
    } while (status == LK_OK && got > 0);
    check(status == LK_OK ? rows == expected
                          : status == LK_DAMAGED && strstr(err.message, "malformed base64") != NULL);
    lk_jsonl_reader_free(r);
    lk_batch_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    struct lk_table_schema *schema = NULL;
    struct lk_plan *plan = NULL;
    enum lk_codec codec = LK_CODEC_NONE;
    uint64_t rows = 0;
    check(lk_input_of_memory(lk_bytes(data, size), "fuzz", &in, &err) == LK_OK);
    check(lk_jsonl_codec(in, &codec, &err) == LK_OK);
    const enum lk_status status = lk_jsonl_columns(in, codec, "t", &schema, &plan, &rows, &err);
    check(status == LK_OK || status == LK_DAMAGED || status == LK_UNREADABLE);
    if (status == LK_OK) {
        check(schema->columns == plan->columns && schema->hidden_rowid && plan->rowid_name == NULL);
        read_rows(in, codec, schema, plan, rows);
    } else {
        check(err.message[0] != '\0');
    }
    lk_plan_free(plan);
    lk_table_schema_free(schema);
    lk_input_close(in);
    return 0;
}
