/* A hostile Parquet file: open it and read all of it. Nothing may crash, leak, hang or take more than the
 * documented memory. */
#include "parquet/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Go over every value as its readers do, so that the sanitizers see streams that do not go with their
 * classes. */
static void visit(const struct lk_batch *b)
{
    for (size_t i = 0; i < b->columns; i++) {
        struct lk_cursor cursor = lk_cursor_at_start(&b->column[i]);
        if (b->column[i].classes.len != b->rows)
            abort();
        for (uint32_t row = 0; row < b->rows; row++) {
            const struct lk_value v = lk_cursor_next(&cursor);
            if (v.bytes.len > 0 && cursor.at[v.class] > b->column[i].values[v.class].len)
                abort();
        }
        for (size_t k = 0; k < LK_CLASSES; k++)
            if (cursor.at[k] != b->column[i].values[k].len)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lk_error err = {0};
    struct lk_input *in = NULL;
    struct lk_parquet_reader *reader = NULL;
    struct lk_parquet_decoder *decoder = NULL;
    struct lk_batch *batch = lk_batch_new(0, false);
    if (batch == NULL || lk_input_of_memory(lk_bytes(data, size), "fuzz", &in, &err) != LK_OK ||
        lk_parquet_decoder_new(&decoder, &err) != LK_OK || lk_parquet_reader_open(in, &reader, &err) != LK_OK)
        goto out;
    const size_t columns = lk_parquet_reader_schema(reader)->columns;
    bool *wanted = calloc(columns + 1, sizeof *wanted);
    if (wanted == NULL)
        goto out;
    for (size_t g = 0; g < lk_parquet_reader_row_groups(reader) && g < 8; g++) {
        if (lk_parquet_read_row_group(reader, decoder, g, NULL, batch, &err) == LK_OK) {
            visit(batch);
            continue;
        }
        /* One column that is hurt hides none of the others. */
        for (size_t c = 0; c < columns && c < 64; c++) {
            wanted[c] = true;
            if (lk_parquet_read_row_group(reader, decoder, g, wanted, batch, &err) == LK_OK)
                visit(batch);
            wanted[c] = false;
        }
    }
    free(wanted);
out:
    lk_batch_free(batch);
    lk_parquet_decoder_free(decoder);
    lk_parquet_reader_free(reader);
    lk_input_close(in);
    return 0;
}
