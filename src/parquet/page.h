/* The pages of one column chunk, read in file order, checked and decompressed
 * (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift, PageHeader). */
#ifndef LK_PARQUET_PAGE_H
#define LK_PARQUET_PAGE_H

#include "base/codec.h"
#include "parquet/metadata.h"

/* How much a row group may grow while it is decoded: a file of a few bytes must not fill the memory, and
 * honest files may compress well. Spent by everything that is larger than the bytes it comes from. */
#define LK_PARQUET_BUDGET_BASE (UINT64_C(96) << 20)
#define LK_PARQUET_BUDGET_FACTOR 1024u /* bytes more for each byte of the row group in the file */

struct lk_parquet_budget {
    uint64_t left;
    /* Bytes by which pages of huge values may still add to it, once they are unpacked: a blob of a gigabyte
     * of zeros takes 32 KB. */
    uint64_t huge;
};
/* In a file of litekeep: a row group ends with the row that fills it, and no row of SQLite is larger. */
#define LK_PARQUET_BUDGET_HUGE (UINT64_C(2) << 30)

struct lk_page {
    enum lk_parquet_page type; /* data (V1 or V2) or dictionary: others are passed over */
    uint32_t values;           /* rows of a data page (columns are flat), entries of a dictionary */
    enum lk_parquet_encoding encoding;
    enum lk_parquet_encoding level_encoding; /* V1 */
    struct lk_bytes levels;                  /* V2: the definition levels */
    struct lk_bytes body; /* the rest; V1: levels and values together. Borrowed until the next page */
    uint64_t offset;      /* of the page's header in the file */
};

/* Reads a chunk's pages; its memory is kept from chunk to chunk. One thread at a time. */
struct lk_page_reader;
enum lk_status lk_page_reader_new(struct lk_page_reader **out, struct lk_error *err) LK_CHECKED;
void lk_page_reader_free(struct lk_page_reader *r);
/* Start with the first page of `chunk`. `in` must outlive the reading. */
void lk_page_reader_start(struct lk_page_reader *r, const struct lk_input *in,
                          const struct lk_parquet_chunk *chunk);
/* The file offset of the page that was read last, or that could not be read. */
uint64_t lk_page_reader_offset(const struct lk_page_reader *r);
/* The page that was read last is not needed any more: memory that a huge value took is given back. */
void lk_page_reader_trim(struct lk_page_reader *r);
/* The next page. LK_DAMAGED when the chunk's bytes are spent, a header, size or checksum is wrong, or
 * decompressing fails; LK_UNREADABLE for a codec that is not supported. Errors name neither file nor column.
 */
enum lk_status lk_page_reader_next(struct lk_page_reader *r, struct lk_parquet_budget *budget,
                                   struct lk_page *page, struct lk_error *err) LK_CHECKED;

#endif
