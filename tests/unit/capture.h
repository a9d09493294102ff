/* Standard output of a call, caught in memory. */
#ifndef LK_TESTS_CAPTURE_H
#define LK_TESTS_CAPTURE_H

#include <stdio.h>
#include <unistd.h>

struct capture {
    FILE *file;
    int kept;
    char text[8192];
};

static inline void capture_start(struct capture *c)
{
    c->file = tmpfile();
    assert_non_null(c->file);
    fflush(stdout);
    c->kept = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(c->file), STDOUT_FILENO) >= 0);
}

/* Give standard output back; c->text is what was printed. */
static inline void capture_stop(struct capture *c)
{
    fflush(stdout);
    assert_true(dup2(c->kept, STDOUT_FILENO) >= 0);
    close(c->kept);
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    fclose(c->file);
}

#endif
