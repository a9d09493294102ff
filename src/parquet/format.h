/* The numbers of the Parquet format, for its reader and its writer.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift. Field ids of
 * structs stay where they are read or written; here are the enumerations and the few ids that both sides
 * need. */
#ifndef LK_PARQUET_FORMAT_H
#define LK_PARQUET_FORMAT_H

#define LK_PARQUET_MAGIC "PAR1"
#define LK_PARQUET_MAGIC_ENCRYPTED "PARE" /* encrypted footer */
#define LK_PARQUET_MAGIC_SIZE 4
#define LK_PARQUET_METADATA_KEY "litekeep" /* key-value metadata: the plan as JSON */

enum lk_parquet_type {
    LK_PARQUET_BOOLEAN = 0,
    LK_PARQUET_INT32 = 1,
    LK_PARQUET_INT64 = 2,
    LK_PARQUET_INT96 = 3,
    LK_PARQUET_FLOAT = 4,
    LK_PARQUET_DOUBLE = 5,
    LK_PARQUET_BYTE_ARRAY = 6,
    LK_PARQUET_FIXED_LEN_BYTE_ARRAY = 7,
};
#define LK_PARQUET_TYPES 8

enum lk_parquet_repetition { LK_PARQUET_REQUIRED = 0, LK_PARQUET_OPTIONAL = 1, LK_PARQUET_REPEATED = 2 };

/* ConvertedType: superseded by LogicalType, still written beside it. */
enum lk_parquet_converted {
    LK_PARQUET_CONVERTED_NONE = -1, /* not in the file */
    LK_PARQUET_CONVERTED_UTF8 = 0,
    LK_PARQUET_CONVERTED_MAP = 1,
    LK_PARQUET_CONVERTED_MAP_KEY_VALUE = 2,
    LK_PARQUET_CONVERTED_LIST = 3,
    LK_PARQUET_CONVERTED_ENUM = 4,
    LK_PARQUET_CONVERTED_DECIMAL = 5,
    LK_PARQUET_CONVERTED_DATE = 6,
    LK_PARQUET_CONVERTED_TIME_MILLIS = 7,
    LK_PARQUET_CONVERTED_TIME_MICROS = 8,
    LK_PARQUET_CONVERTED_TIMESTAMP_MILLIS = 9,
    LK_PARQUET_CONVERTED_TIMESTAMP_MICROS = 10,
    LK_PARQUET_CONVERTED_UINT_8 = 11,
    LK_PARQUET_CONVERTED_UINT_16 = 12,
    LK_PARQUET_CONVERTED_UINT_32 = 13,
    LK_PARQUET_CONVERTED_UINT_64 = 14,
    LK_PARQUET_CONVERTED_INT_8 = 15,
    LK_PARQUET_CONVERTED_INT_16 = 16,
    LK_PARQUET_CONVERTED_INT_32 = 17,
    LK_PARQUET_CONVERTED_INT_64 = 18,
    LK_PARQUET_CONVERTED_JSON = 19,
    LK_PARQUET_CONVERTED_BSON = 20,
    LK_PARQUET_CONVERTED_INTERVAL = 21,
};

/* LogicalType is a union: the field id says which. */
enum lk_parquet_logical {
    LK_PARQUET_LOGICAL_NONE = 0, /* not in the file */
    LK_PARQUET_LOGICAL_STRING = 1,
    LK_PARQUET_LOGICAL_MAP = 2,
    LK_PARQUET_LOGICAL_LIST = 3,
    LK_PARQUET_LOGICAL_ENUM = 4,
    LK_PARQUET_LOGICAL_DECIMAL = 5,
    LK_PARQUET_LOGICAL_DATE = 6,
    LK_PARQUET_LOGICAL_TIME = 7,
    LK_PARQUET_LOGICAL_TIMESTAMP = 8,
    LK_PARQUET_LOGICAL_INTEGER = 10,
    LK_PARQUET_LOGICAL_UNKNOWN = 11, /* always null */
    LK_PARQUET_LOGICAL_JSON = 12,
    LK_PARQUET_LOGICAL_BSON = 13,
    LK_PARQUET_LOGICAL_UUID = 14,
    LK_PARQUET_LOGICAL_FLOAT16 = 15,
};

enum lk_parquet_encoding {
    LK_PARQUET_PLAIN = 0,
    LK_PARQUET_PLAIN_DICTIONARY = 2, /* the old name: dictionary page PLAIN, data pages RLE_DICTIONARY */
    LK_PARQUET_RLE = 3,
    LK_PARQUET_BIT_PACKED = 4, /* levels of old files only */
    LK_PARQUET_DELTA_BINARY_PACKED = 5,
    LK_PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    LK_PARQUET_DELTA_BYTE_ARRAY = 7,
    LK_PARQUET_RLE_DICTIONARY = 8,
    LK_PARQUET_BYTE_STREAM_SPLIT = 9,
};

enum lk_parquet_codec {
    LK_PARQUET_UNCOMPRESSED = 0,
    LK_PARQUET_SNAPPY = 1,
    LK_PARQUET_GZIP = 2,
    LK_PARQUET_LZO = 3,
    LK_PARQUET_BROTLI = 4,
    LK_PARQUET_LZ4_HADOOP = 5, /* the old LZ4, with Hadoop's framing */
    LK_PARQUET_ZSTD = 6,
    LK_PARQUET_LZ4_RAW = 7,
};

enum lk_parquet_page {
    LK_PARQUET_DATA_PAGE = 0,
    LK_PARQUET_INDEX_PAGE = 1,
    LK_PARQUET_DICTIONARY_PAGE = 2,
    LK_PARQUET_DATA_PAGE_V2 = 3,
};

/* Thrift's compact protocol: types of fields and of list elements
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). */
enum lk_thrift_type {
    LK_THRIFT_STOP = 0,
    LK_THRIFT_TRUE = 1, /* as a field's type: the value true; as an element's type: a byte follows */
    LK_THRIFT_FALSE = 2,
    LK_THRIFT_BYTE = 3,
    LK_THRIFT_I16 = 4,
    LK_THRIFT_I32 = 5,
    LK_THRIFT_I64 = 6,
    LK_THRIFT_DOUBLE = 7,
    LK_THRIFT_BINARY = 8,
    LK_THRIFT_LIST = 9,
    LK_THRIFT_SET = 10,
    LK_THRIFT_MAP = 11,
    LK_THRIFT_STRUCT = 12,
};

#endif
