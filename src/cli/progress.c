#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/display.h"

#define SECOND INT64_C(1000000000)
#define BAR_MOST 30
#define BAR_LEAST 8

static int64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static double fraction(const struct lk_progress_state *s)
{
    if (s->total_bytes == 0)
        return 0;
    return s->done_bytes >= s->total_bytes ? 1 : (double)s->done_bytes / (double)s->total_bytes;
}

/* "1:05 left", "2:03:04 left"; "" in the first second, when a guess would jump. */
static void time_left(const struct lk_progress_state *s, char *out, size_t size)
{
    const double part = fraction(s);
    out[0] = '\0';
    if (s->elapsed < SECOND || part <= 0)
        return;
    const double left = (double)s->elapsed * (1 - part) / part / (double)SECOND + 0.5;
    if (left > 99.0 * 3600)
        return;
    const unsigned seconds = (unsigned)left;
    if (seconds >= 3600)
        snprintf(out, size, "  %u:%02u:%02u left", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        snprintf(out, size, "  %u:%02u left", seconds / 60, seconds % 60);
}

static void rate(const struct lk_progress_state *s, char *out, size_t size)
{
    char speed[LITEKEEP_WORD_SIZE];
    out[0] = '\0';
    if (s->elapsed < SECOND / 4)
        return;
    litekeep_format_size((uint64_t)((double)s->done_bytes / ((double)s->elapsed / (double)SECOND)), speed);
    snprintf(out, size, "  %s/s", speed);
}

static void bar(double part, size_t cells, bool utf8, char *out)
{
    const char *full = utf8 ? "\xe2\x96\x88" : "#"; /* FULL BLOCK, LIGHT SHADE */
    const char *empty = utf8 ? "\xe2\x96\x91" : ".";
    const size_t filled = (size_t)(part * (double)cells + 0.5);
    out[0] = '\0';
    for (size_t i = 0; i < cells; i++)
        strcat(out, i < filled ? full : empty);
}

void lk_progress_render(const struct lk_progress_state *state, size_t width, bool utf8,
                        char out[LK_PROGRESS_SIZE])
{
    char percent[16], bytes[2 * LITEKEEP_WORD_SIZE + 16], rows[64], speed[LITEKEEP_WORD_SIZE + 8], left[48];
    char done[LITEKEEP_WORD_SIZE], total[LITEKEEP_WORD_SIZE], number[LK_DISPLAY_NUMBER_SIZE];
    const double part = fraction(state);
    snprintf(percent, sizeof percent, "%3d %%", (int)(part * 100));
    litekeep_format_size(state->done_bytes, done);
    litekeep_format_size(state->total_bytes, total);
    snprintf(bytes, sizeof bytes, "  %s of %s", done, total);
    snprintf(rows, sizeof rows, "  %s rows", lk_display_number(state->rows, number));
    rate(state, speed, sizeof speed);
    time_left(state, left, sizeof left);

    /* Most telling first: what does not fit is left out from the end of this list. */
    const char *const wish[] = {left, bytes, rows, speed};
    bool take[4] = {false};
    const size_t room = width > 1 ? width - 1 : 1;
    size_t used = strlen(percent);
    for (size_t i = 0; i < 4 && used + strlen(wish[i]) <= room; i++) {
        take[i] = true;
        used += strlen(wish[i]);
    }
    char drawn[BAR_MOST * 4 + 1] = "";
    if (used + 2 + BAR_LEAST <= room) {
        const size_t cells = room - used - 2;
        bar(part, cells < BAR_MOST ? cells : BAR_MOST, utf8, drawn);
    }
    if (strlen(percent) > room)
        percent[room < sizeof percent ? room : 0] = '\0';
    snprintf(out, LK_PROGRESS_SIZE, "%s%s%s%s%s%s%s", percent, drawn[0] != '\0' ? "  " : "", drawn,
             take[1] ? bytes : "", take[2] ? rows : "", take[3] ? speed : "", take[0] ? left : "");
}

void lk_progress_init(struct lk_progress *p, const struct lk_console *c)
{
    *p = (struct lk_progress){.console = c, .wanted = c->live && !c->quiet};
}

void lk_progress_update(struct lk_progress *p, uint64_t total_bytes, uint64_t done_bytes, uint64_t rows)
{
    if (!p->wanted)
        return;
    const int64_t now = monotonic();
    if (p->started == 0)
        p->started = now;
    const struct lk_progress_state state = {total_bytes, done_bytes, rows, now - p->started};
    char line[LK_PROGRESS_SIZE];
    /* The width is asked each time: windows change. */
    lk_progress_render(&state, lk_console_width(STDERR_FILENO), p->console->utf8, line);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    p->drawn = true;
}

void lk_progress_erase(struct lk_progress *p)
{
    if (!p->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn = false;
}
