#include "ops/backup_options.h"

void lk_backup_options_general(struct litekeep_backup_options *o, const struct lk_general_settings *general)
{
    if (o->paths == NULL || *o->paths == NULL)
        o->paths = general->paths;
    if (o->include == NULL)
        o->include = general->include;
    if (o->exclude == NULL)
        o->exclude = general->exclude;
    if (o->tmp == NULL)
        o->tmp = general->tmp;
    if (o->jobs == 0)
        o->jobs = general->jobs;
    if (o->memory == 0)
        o->memory = general->memory;
}

void lk_backup_options_database(struct litekeep_backup_options *o, const struct lk_settings *settings)
{
    if (o->formats == 0)
        o->formats = settings->formats;
    if (o->parquet_codec == NULL)
        o->parquet_codec = settings->parquet_codec;
    if (o->json_codec == NULL)
        o->json_codec = settings->json_codec;
    if (o->tables == NULL)
        o->tables = settings->tables;
    if (o->skip_tables == NULL)
        o->skip_tables = settings->skip_tables;
    if (o->name == NULL)
        o->name = settings->name;
    if (o->snapshot == LITEKEEP_SNAPSHOT_DEFAULT)
        o->snapshot = (enum litekeep_snapshot)settings->snapshot;
    if (o->max_lock == 0)
        o->max_lock = settings->max_lock;
    if (o->if_older_than == 0)
        o->if_older_than = settings->if_older_than;
    if (o->tags == NULL)
        o->tags = settings->tags;
    o->no_verify = o->no_verify || settings->no_verify;
}

static enum lk_status check_codec(const char *text, const char *otherwise, bool json,
                                  struct lk_codec_choice *out, struct lk_error *err)
{
    if (text == NULL)
        text = otherwise;
    if (!lk_codec_parse(text, out))
        return lk_fail(err, LK_USAGE, "%s: no such codec or level; one of %s, with a level as in gzip:6",
                       text, json ? "gzip, zstd, none" : "zstd, gzip, snappy, lz4, none");
    if (json && (out->codec == LK_CODEC_SNAPPY || out->codec == LK_CODEC_LZ4_RAW))
        return lk_fail(err, LK_USAGE, "%s: JSON lines are compressed by gzip or zstd, or not at all (none)",
                       text);
    return LK_OK;
}

enum lk_status lk_backup_options_encoding(const struct litekeep_backup_options *o, struct lk_encoding *out,
                                          struct lk_error *err)
{
    const unsigned all = LITEKEEP_PARQUET | LITEKEEP_JSON | LITEKEEP_SQLITE;
    const unsigned formats = o->formats != 0 ? o->formats : LITEKEEP_PARQUET | LITEKEEP_JSON;
    if ((formats & ~all) != 0)
        return lk_fail(err, LK_USAGE, "unknown format bits %u", formats & ~all);
    *out = (struct lk_encoding){.parquet = (formats & LITEKEEP_PARQUET) != 0,
                                .json = (formats & LITEKEEP_JSON) != 0,
                                .sqlite = (formats & LITEKEEP_SQLITE) != 0,
                                .verify = !o->no_verify};
    enum lk_status status = check_codec(o->parquet_codec, "zstd:1", false, &out->parquet_codec, err);
    if (status == LK_OK)
        status = check_codec(o->json_codec, "gzip:1", true, &out->json_codec, err);
    return status;
}
