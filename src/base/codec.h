/* Compression, as the file formats name it. One compressor or decompressor context per thread. */
#ifndef LK_BASE_CODEC_H
#define LK_BASE_CODEC_H

#include "base/buffer.h"

enum lk_codec { LK_CODEC_NONE, LK_CODEC_SNAPPY, LK_CODEC_GZIP, LK_CODEC_ZSTD, LK_CODEC_LZ4_RAW };

#define LK_LEVEL_DEFAULT (-1000)

struct lk_codec_choice {
    enum lk_codec codec;
    int level; /* gzip 0 to 12 (0 to 2: ISA-L where built in and for more than a few bytes, else libdeflate),
                  zstd -7 to 19; LK_LEVEL_DEFAULT: 1 for both */
};

/* "zstd", "gzip:6", "none", ...: the spelling of the command line. False when it is none, or the level is out
 * of range. */
bool lk_codec_parse(const char *text, struct lk_codec_choice *out);
const char *lk_codec_name(enum lk_codec codec); /* "none", "snappy", "gzip", "zstd", "lz4" */

/* A context holds what compressing and decompressing need, made when first used. One thread at a time. */
struct lk_codec_context;
enum lk_status lk_codec_context_new(struct lk_codec_context **out, struct lk_error *err) LK_CHECKED;
void lk_codec_context_free(struct lk_codec_context *c);

/* Append the compressed `in` to `out` as one frame: gzip one member with CRC-32, no time and no name; zstd
 * one frame with its content size and no checksum. The same bytes in give the same bytes out, whatever went
 * through the context before (ISA-L's choice of matches may differ between kinds of processors). On failure
 * `out` is as long as it was. */
enum lk_status lk_compress(struct lk_codec_context *c, struct lk_codec_choice choice, struct lk_bytes in,
                           struct lk_buffer *out, struct lk_error *err) LK_CHECKED;

/* The same for `head` followed by `body`, as if they lay side by side: a page's levels and its values. Either
 * may be empty. On failure `out` is as long as it was. */
enum lk_status lk_compress_joined(struct lk_codec_context *c, struct lk_codec_choice choice,
                                  struct lk_bytes head, struct lk_bytes body, struct lk_buffer *out,
                                  struct lk_error *err) LK_CHECKED;

/* Decompress a whole page: exactly `out_len` bytes into `out`, or LK_DAMAGED. gzip may be several members one
 * after another; zstd several frames. Never allocates in proportion to a claimed size. */
enum lk_status lk_decompress(struct lk_codec_context *c, enum lk_codec codec, struct lk_bytes in,
                             uint8_t *out, size_t out_len, struct lk_error *err) LK_CHECKED;

/* A stream of bytes decompressed piece by piece, from an input's range: for JSON lines, where sizes are not
 * known beforehand. codec is NONE, GZIP or ZSTD. */
struct lk_input;
struct lk_inflater;
enum lk_status lk_inflater_new(const struct lk_input *in, uint64_t offset, uint64_t end, enum lk_codec codec,
                               struct lk_inflater **out, struct lk_error *err) LK_CHECKED;
/* At most `cap` bytes into `to`; *got is 0 at the end. A stream that is cut short or fails its CRC is
 * LK_DAMAGED. */
enum lk_status lk_inflater_read(struct lk_inflater *s, uint8_t *to, size_t cap, size_t *got,
                                struct lk_error *err) LK_CHECKED;
void lk_inflater_free(struct lk_inflater *s);

/* A zstd stream into an output file, for page copies: frames of any size, level given, `zstd -d` alone reads
 * it. */
struct lk_output;
struct lk_deflater;
enum lk_status lk_deflater_new(struct lk_output *to, int zstd_level, struct lk_deflater **out,
                               struct lk_error *err) LK_CHECKED;
enum lk_status lk_deflater_write(struct lk_deflater *d, const void *ptr, size_t len,
                                 struct lk_error *err) LK_CHECKED;
enum lk_status lk_deflater_finish(struct lk_deflater *d, struct lk_error *err) LK_CHECKED;
void lk_deflater_free(struct lk_deflater *d);

#endif
