#include "sqlite/header.h"

static const char magic[LK_HEADER_MAGIC_SIZE] = "SQLite format 3";

static uint32_t big_u32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | (uint32_t)from[3];
}

bool lk_header_is_database(const uint8_t *bytes, size_t len)
{
    return len >= LK_HEADER_MAGIC_SIZE && memcmp(bytes, magic, LK_HEADER_MAGIC_SIZE) == 0;
}

bool lk_header_parse(const uint8_t bytes[LK_HEADER_SIZE], struct lk_header *out)
{
    if (!lk_header_is_database(bytes, LK_HEADER_SIZE))
        return false;
    uint32_t page_size = (uint32_t)bytes[16] << 8 | bytes[17];
    if (page_size == 1)
        page_size = 65536;
    if (page_size < 512 || (page_size & (page_size - 1)) != 0)
        return false;
    const bool has_roots = big_u32(bytes + 52) != 0;
    *out = (struct lk_header){
        .page_size = page_size,
        .wal = bytes[18] == 2 || bytes[19] == 2,
        .change_counter = big_u32(bytes + 24),
        .pages = big_u32(bytes + 28),
        .schema_cookie = big_u32(bytes + 40),
        .encoding = (int)(big_u32(bytes + 56) & 3),
        .auto_vacuum = !has_roots                 ? 0
                       : big_u32(bytes + 64) != 0 ? 2
                                                  : 1,
        .user_version = (int32_t)big_u32(bytes + 60),
        .application_id = (int32_t)big_u32(bytes + 68),
    };
    return true;
}
