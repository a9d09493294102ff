/* What points to the cause of a loss. */
#include "ops/alarm_raise.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/git.h"

#define MOST_MOVES 3
#define MOST_CAUSES (MOST_MOVES + 7)

struct causes {
    struct lk_arena *arena;
    const char **sentence;
    size_t count;
    bool counter_is_said; /* by the message */
    bool rewritten;       /* Git did something where the file is tracked, or it is the version that Git has */
};

static void add(struct causes *c, const char *sentence)
{
    if (sentence != NULL && c->sentence != NULL && c->count < MOST_CAUSES)
        c->sentence[c->count++] = sentence;
}

/* Is it tracked, and did HEAD move meanwhile? Trouble here costs no more than a sentence. */
static void ask_git(struct causes *c, const struct lk_counts *before, const struct lk_counts *now,
                    const char *path)
{
    struct lk_git_look look = {0};
    struct lk_error err = {0};
    char **moves = NULL;
    size_t count = 0;
    bool matches = false;
    const int64_t until = now->id != NULL ? now->started : lk_clock_now();
    lk_git_start();
    if (lk_git_look(path, &look, &err) == LK_OK) {
        if (lk_git_moves(path, before->started, until, MOST_MOVES, &moves, &count, &err) != LK_OK)
            count = 0;
        /* The strongest evidence. Nobody here has the file open as a source any more. */
        if ((look.tracked || look.in_head) && lk_git_matches(path, &matches, &err) != LK_OK)
            matches = false;
        c->rewritten = (look.tracked && count > 0) || matches;
        const char *tree = lk_arena_shown_string(c->arena, look.tree);
        const bool replaced = before->device != now->device || before->inode != now->inode ||
                              now->mtime < before->mtime || now->change_counter < before->change_counter;
        if (look.tracked && (count > 0 || matches || replaced))
            add(c,
                lk_arena_format(c->arena, "it is tracked by Git in %s: a checkout, reset or pull replaces it",
                                tree == NULL ? "" : tree));
        else if (count > 0)
            add(c, lk_arena_format(c->arena, "Git was at work in %s in between", tree == NULL ? "" : tree));
        if (matches)
            add(c, "it is byte for byte the version that Git has of it");
        for (size_t i = 0; i < count; i++)
            add(c, lk_arena_copy(c->arena, moves[i]));
    }
    for (size_t i = 0; i < count; i++)
        lk_free(moves[i]);
    lk_free(moves);
    lk_git_look_reset(&look);
    lk_git_end();
}

static void ask_file(struct causes *c, const struct lk_counts *before, const struct lk_counts *now)
{
    char earlier[LITEKEEP_WORD_SIZE], later[LITEKEEP_WORD_SIZE];
    if (before->device != now->device)
        add(c, lk_arena_copy(c->arena, "it lies on another device than then"));
    else if (before->inode != now->inode)
        add(c, lk_arena_copy(c->arena, "the file was replaced: it is not the same file as then"));
    if (now->change_counter < before->change_counter && !c->counter_is_said)
        add(c,
            lk_arena_format(c->arena, "its change counter has gone back from %u to %u: an older file is back",
                            (unsigned)before->change_counter, (unsigned)now->change_counter));
    if (now->mtime < before->mtime) {
        litekeep_format_time_local(before->mtime, earlier);
        litekeep_format_time_local(now->mtime, later);
        add(c, lk_arena_format(c->arena, "it was last changed at %s, then at %s: it is older than it was",
                               earlier, later));
    }
    if (now->bytes < before->bytes) {
        litekeep_format_size(before->bytes, earlier);
        litekeep_format_size(now->bytes, later);
        add(c, lk_arena_format(c->arena, "its size went from %s to %s", earlier, later));
    }
}

const char *const *lk_alarm_causes(struct lk_arena *a, const struct lk_counts *before,
                                   const struct lk_counts *now, const char *path,
                                   const struct lk_losses *losses)
{
    bool rewritten;
    return lk_alarm_causes_git(a, before, now, path, losses, &rewritten);
}

const char *const *lk_alarm_causes_git(struct lk_arena *a, const struct lk_counts *before,
                                       const struct lk_counts *now, const char *path,
                                       const struct lk_losses *losses, bool *rewritten)
{
    struct causes c = {.arena = a, .sentence = lk_arena_take(a, MOST_CAUSES + 1, sizeof *c.sentence)};
    c.counter_is_said = losses != NULL && losses->count == 1 &&
                        losses->loss[0].kind == LITEKEEP_ALARM_OLDER && losses->loss[0].table == NULL;
    ask_git(&c, before, now, path);
    ask_file(&c, before, now);
    *rewritten = c.rewritten;
    return c.sentence;
}
