#include "ops/guard_advice.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "host/git.h"

#define SINGLE_WARNINGS 3 /* of one repository */

static const char *quote(struct lk_arena *a, const char *word)
{
    char *quoted = lk_text_quote(word != NULL ? word : "");
    if (quoted == NULL)
        a->failed = true;
    const char *out = lk_arena_copy(a, quoted);
    lk_free(quoted);
    return out != NULL ? out : "";
}

/* "post-checkout, post-merge" */
static const char *list_hooks(struct lk_arena *a, const struct lk_git_look *look)
{
    struct lk_buffer text = {0};
    for (size_t i = 0; i < look->hooks; i++)
        lk_buffer_append_format(&text, "%s%s", i > 0 ? ", " : "", look->hook[i]);
    const char *out = lk_arena_copy(a, lk_buffer_string(&text));
    a->failed |= text.failed;
    lk_buffer_reset(&text);
    return out;
}

static void add_threat(struct lk_guard_advice *out, const char *threat)
{
    if (out->threats < LK_GUARD_ADVICE_MOST)
        out->threat[out->threats++] = threat;
}

static void add_threats(struct lk_arena *a, const struct lk_git_look *look, struct lk_guard_advice *out)
{
    const bool reachable = look->tracked || look->in_head;
    if (look->tracked)
        add_threat(out, "tracked by Git: a checkout, pull, reset or stash can put an old copy in its place");
    else if (look->in_head)
        add_threat(out,
                   "no longer in Git's index, but still in its last commit: until the removal is committed, "
                   "git reset --hard puts the old copy in its place");
    if (!look->tracked && !look->ignored)
        add_threat(out,
                   "in a work tree of Git and not ignored: git clean -fd removes it, git stash -u takes it "
                   "away, git add -A makes it tracked");
    /* What is not tracked, Git's filters never see. */
    if (reachable && look->filter != NULL)
        add_threat(out, lk_arena_format(
                            a, "Git's filter %s applies to it: a checkout writes what that program makes",
                            lk_arena_shown_string(a, look->filter)));
    if (reachable && look->text)
        add_threat(out,
                   "Git's attribute text is set for it: Git may change bytes in it that look like line ends");
    if (reachable && look->hooks > 0)
        add_threat(out,
                   lk_arena_format(a, "hooks of the repository run when Git works, and may rewrite it: %s",
                                   list_hooks(a, look)));
}

/* (echo RULE; echo 'RULE-*') >> TOP/.gitignore: the second is for the files that SQLite puts beside it. */
static void add_ignore(struct lk_arena *a, const char *rule, const char *top, struct lk_guard_advice *out)
{
    const char *beside = lk_arena_format(a, "%s-*", rule), *file = lk_arena_format(a, "%s/.gitignore", top);
    out->remedy[out->remedies++] =
        lk_arena_format(a, "(echo %s; echo %s) >> %s", quote(a, rule), quote(a, beside), quote(a, file));
}

/* Is the text shown as it is? A command line with escapes in it would mean another file, and `echo` has
 * escapes of its own. */
static bool is_plain(const char *text)
{
    struct lk_error shown = {0};
    (void)lk_fail(&shown, LK_OK, "%s", text);
    return strcmp(shown.message, text) == 0 && strchr(text, '\\') == NULL;
}

static void add_remedies(struct lk_arena *a, const struct lk_git_look *look, struct lk_guard_advice *out)
{
    char *rule = lk_git_ignore_rule(look->name);
    const size_t len = strlen(look->tree); /* without its slash */
    char *top = lk_copy_bytes(look->tree, len > 1 ? len - 1 : len);
    if (rule == NULL || top == NULL) {
        a->failed = true;
    } else if (!is_plain(rule) || !is_plain(look->tree)) {
        if (out->unsafe)
            out->remedy[out->remedies++] = "litekeep scan --fix";
    } else {
        if (look->tracked)
            out->remedy[out->remedies++] =
                lk_arena_format(a, "git -C %s rm --cached -- %s", quote(a, top), quote(a, look->name));
        if (!look->ignored)
            add_ignore(a, rule, top, out);
        if (look->tracked || look->in_head)
            out->remedy[out->remedies++] =
                lk_arena_format(a, "git -C %s commit -m %s", quote(a, top),
                                quote(a, lk_arena_format(a, "Stop tracking %s", look->name)));
    }
    lk_free(rule);
    lk_free(top);
}

enum lk_status lk_guard_advice_of(struct lk_arena *a, const char *path, struct lk_guard_advice *out,
                                  struct lk_error *err)
{
    struct lk_git_look look;
    *out = (struct lk_guard_advice){0};
    const enum lk_status status = lk_git_look(path, &look, err);
    if (status != LK_OK)
        return status;
    if (look.problem != NULL) {
        out->unknown = true;
        add_threat(out, lk_arena_copy(a, look.problem));
    } else if (look.tree != NULL) {
        out->repository = lk_arena_shown_string(a, look.tree);
        out->tracked = look.tracked;
        out->unsafe = look.tracked || !look.ignored;
        add_threats(a, &look, out);
        add_remedies(a, &look, out);
    }
    lk_git_look_reset(&look);
    return lk_arena_check(a, err);
}

/* Warnings of the repositories seen so far. */
struct tally {
    const char *repository;
    size_t unsafe;
};

static struct tally *find_tally(struct lk_arena *a, struct tally **tallies, size_t *count, const char *of)
{
    for (size_t i = *count; i-- > 0;) {
        if (strcmp((*tallies)[i].repository, of) == 0)
            return &(*tallies)[i];
    }
    struct tally *grown = lk_reallocate(*tallies, (*count + 1) * sizeof *grown);
    if (grown == NULL) {
        a->failed = true;
        return NULL;
    }
    *tallies = grown;
    grown[*count] = (struct tally){.repository = of};
    return &grown[(*count)++];
}

/* One database that Git threatens. */
struct threatened {
    const struct lk_found *found;
    struct lk_guard_advice advice;
};

/* What matters most comes first: tracked ones, then bigger ones. */
static int by_weight(const void *left, const void *right)
{
    const struct threatened *a = left, *b = right;
    if (a->advice.tracked != b->advice.tracked)
        return a->advice.tracked ? -1 : 1;
    if (a->found->bytes != b->found->bytes)
        return a->found->bytes > b->found->bytes ? -1 : 1;
    return strcmp(a->found->path, b->found->path);
}

/* Short, as it comes again with every run: scan tells all, and has the commands in lines of their own. */
static void warn_of(struct lk_backup_run *run, struct lk_arena *a, const struct threatened *t)
{
    char *shown = lk_text_escaped(lk_bytes_of(t->found->path));
    char *quoted = shown != NULL ? lk_text_quote_shown(shown) : NULL;
    if (quoted == NULL)
        a->failed = true;
    else if (t->advice.remedies == 0)
        lk_backup_run_warn(run, t->found->path, "%s", t->advice.threat[0]);
    else
        lk_backup_run_warn(run, t->found->path, "%s; `litekeep scan %s` shows the commands that make it safe",
                           t->advice.threat[0], quoted);
    lk_free(quoted);
    lk_free(shown);
}

static void warn_of_more(struct lk_backup_run *run, struct lk_arena *a, const struct tally *t)
{
    const size_t more = t->unsafe - SINGLE_WARNINGS;
    const char *path = quote(a, t->repository);
    lk_backup_run_warn(run, NULL,
                       "%s: %zu more database%s in this work tree %s not safe from Git; `litekeep scan %s` "
                       "names %s, and `litekeep scan --fix %s` makes %s safe",
                       t->repository, more, more == 1 ? "" : "s", more == 1 ? "is" : "are", path,
                       more == 1 ? "it" : "them", path, more == 1 ? "it" : "them");
}

void lk_guard_advice_warn(struct lk_backup_run *run, const struct lk_discovery *d)
{
    struct lk_arena arena = {0};
    struct threatened *all = lk_arena_take(&arena, d->found_count + 1, sizeof *all);
    struct tally *tallies = NULL;
    size_t count = 0, threatened = 0;
    struct lk_error none = {0};
    enum lk_status status = all != NULL ? LK_OK : LK_FAILED;
    lk_git_start();
    for (size_t i = 0; status == LK_OK && i < d->found_count && !lk_session_interrupted(); i++) {
        all[threatened].found = &d->found[i];
        status = lk_guard_advice_of(&arena, d->found[i].path, &all[threatened].advice, &none);
        if (status == LK_OK && all[threatened].advice.threats > 0)
            threatened++;
    }
    lk_git_end();
    if (threatened > 1)
        qsort(all, threatened, sizeof *all, by_weight);
    for (size_t i = 0; i < threatened; i++) {
        const struct lk_guard_advice *advice = &all[i].advice;
        struct tally *t = find_tally(&arena, &tallies, &count,
                                     advice->repository != NULL ? advice->repository : advice->threat[0]);
        /* Of a repository that cannot be looked at, once. */
        if (t != NULL && t->unsafe++ < (advice->repository != NULL ? SINGLE_WARNINGS : 1))
            warn_of(run, &arena, &all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (tallies[i].unsafe > SINGLE_WARNINGS && tallies[i].repository[0] == '/')
            warn_of_more(run, &arena, &tallies[i]);
    }
    lk_free(tallies);
    lk_arena_free(&arena);
}
