/* Runs a fuzz target over files: each argument is a file, or a folder whose files are taken in order of name.
 * Every input is also cut short at several places and has single bits flipped, so that a handful of seeds
 * covers the damaged neighbours too.
 *
 * Prints TAP: one test an input. A target that crashes ends the program, which the test runner counts. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 16, FLIPS = 64 };

static unsigned tests;
static unsigned failures;

static void report(const char *path, const char *reason)
{
    tests++;
    if (reason == NULL) {
        printf("ok %u - %s\n", tests, path);
    } else {
        failures++;
        printf("not ok %u - %s\n# %s\n", tests, path, reason);
    }
    fflush(stdout);
}

/* The target gets a block of exactly `size` bytes, so that ASan sees a read one past the end. */
static void run_once(const uint8_t *data, size_t size, size_t flip)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    if (flip > 0)
        copy[(flip - 1) / 8] ^= (uint8_t)(1u << ((flip - 1) % 8));
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint8_t *read_whole(FILE *file, size_t *size)
{
    uint8_t *data = NULL;
    size_t cap = 0;
    size_t len = 0;
    for (;;) {
        if (len == cap) {
            cap = cap == 0 ? 4096 : cap * 2;
            uint8_t *grown = realloc(data, cap);
            if (grown == NULL)
                abort();
            data = grown;
        }
        const size_t got = fread(data + len, 1, cap - len, file);
        if (got == 0)
            break;
        len += got;
    }
    *size = len;
    return data;
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        report(path, strerror(errno));
        return;
    }
    size_t size = 0;
    uint8_t *data = read_whole(file, &size);
    fclose(file);
    run_once(data, size, 0);
    for (size_t i = 0; i < CUTS; i++)
        run_once(data, size * i / CUTS, 0);
    const size_t bits = size * 8;
    for (size_t i = 0; bits > 0 && i < FLIPS; i++)
        run_once(data, size, 1 + (i * 2654435761u + i) % bits);
    free(data);
    report(path, NULL);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void replay(const char *path)
{
    struct dirent **names = NULL;
    const int count = scandir(path, &names, NULL, by_name);
    if (count < 0) {
        if (errno == ENOTDIR)
            replay_file(path);
        else
            report(path, strerror(errno));
        return;
    }
    unsigned seeds = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            const size_t len = strlen(path) + strlen(names[i]->d_name) + 2;
            char *full = malloc(len);
            if (full == NULL)
                abort();
            (void)snprintf(full, len, "%s/%s", path, names[i]->d_name);
            replay_file(full);
            free(full);
            seeds++;
        }
        free(names[i]);
    }
    free(names);
    if (seeds == 0)
        report(path, "no seeds");
}

int main(int argc, char **argv)
{
    /* The empty input belongs to every target's seeds. */
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("1..%u\n", tests);
    return failures > 0;
}
