#include <stdio.h>

#include <openssl/crypto.h>
#include <pthread.h>
#include <sqlite3.h>
#include <zstd.h>

#include "litekeep.h"

static char text[160];

static void fill(void)
{
    snprintf(text, sizeof text, "SQLite %s, zstd %s, OpenSSL %s", sqlite3_libversion(), ZSTD_versionString(),
             OpenSSL_version(OPENSSL_VERSION_STRING));
}

const char *litekeep_library_versions(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill);
    return text;
}
