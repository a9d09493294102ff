#include "database.h"

#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "host/git.h"

/* A work tree with t.db (tracked), i.db (ignored), f.db (neither), as t and later as r (real path). */
struct fixture {
    struct lk_dir dir;
    char top[1024];
};

/* Run a shell line in the work tree; the program git makes what libgit2 has to understand. */
static int shell(const struct fixture *f, const char *line)
{
    char command[4096];
    (void)snprintf(command, sizeof command, "cd '%s' && { %s; } >/dev/null 2>&1", f->top, line);
    return system(command);
}

static char *in_tree(const struct fixture *f, const char *name)
{
    static char paths[8][2048];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", f->top, name);
    return path;
}

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL || !scratch_make(&f->dir)) {
        free(f);
        return -1;
    }
    char *real = realpath(f->dir.path, NULL);
    (void)snprintf(f->top, sizeof f->top, "%s/r", real);
    free(real);
    assert_int_equal(mkdir(f->top, 0755), 0);
    *state = f;
    lk_git_start();
    if (!lk_git_available())
        return 0;
    return shell(f, "git init -q . && git config user.name t && git config user.email t@example.org && "
                    "printf first > t.db && printf x > other && printf '/i.db\\n' > .gitignore && "
                    "git add t.db other .gitignore && git commit -qm first && printf i > i.db && "
                    "printf f > f.db");
}

static int clean(void **state)
{
    struct fixture *f = *state;
    lk_git_end();
    const bool removed = scratch_remove(&f->dir);
    free(f);
    return removed ? 0 : -1;
}

static void needs_git(void)
{
    if (!lk_git_available())
        skip();
}

static struct lk_git_look look_at(const char *path)
{
    struct lk_error err = {0};
    struct lk_git_look look;
    if (lk_git_look(path, &look, &err) != LK_OK)
        fail_msg("%s", err.message);
    return look;
}

static void a_look_tells_tracked_ignored_and_neither_apart(void **state)
{
    struct fixture *f = *state;
    needs_git();
    struct lk_git_look t = look_at(in_tree(f, "t.db")), i = look_at(in_tree(f, "i.db"));
    struct lk_git_look n = look_at(in_tree(f, "f.db")), o = look_at(in_scratch(&f->dir, "outside.db"));
    assert_true(t.tracked && !t.ignored && !t.in_head && t.hooks == 0 && t.filter == NULL);
    assert_string_equal(t.name, "t.db");
    assert_string_equal(t.tree, in_tree(f, ""));
    assert_true(!i.tracked && i.ignored);
    assert_true(!n.tracked && !n.ignored && n.tree != NULL);
    assert_true(o.tree == NULL && o.problem == NULL && !o.tracked);
    lk_git_look_reset(&t);
    lk_git_look_reset(&i);
    lk_git_look_reset(&n);
    lk_git_look_reset(&o);
}

static void what_git_writes_meanwhile_is_seen(void **state)
{
    struct fixture *f = *state;
    needs_git();
    struct lk_git_look before = look_at(in_tree(f, "f.db"));
    assert_false(before.tracked);
    assert_int_equal(shell(f, "git add f.db"), 0);
    struct lk_git_look after = look_at(in_tree(f, "f.db"));
    assert_true(after.tracked);
    lk_git_look_reset(&before);
    lk_git_look_reset(&after);
}

static void a_file_whose_folder_is_gone_is_still_tracked(void **state)
{
    struct fixture *f = *state;
    needs_git();
    assert_int_equal(shell(f, "mkdir -p a/b && printf d > a/b/d.db && git add a && rm -r a"), 0);
    struct lk_git_look look = look_at(in_tree(f, "a/b/d.db"));
    assert_true(look.tracked);
    assert_string_equal(look.name, "a/b/d.db");
    lk_git_look_reset(&look);
}

static void attributes_and_hooks_are_seen_and_not_run(void **state)
{
    struct fixture *f = *state;
    needs_git();
    assert_int_equal(shell(f, "printf '*.db filter=evil text\\n' > .gitattributes && "
                              "git config filter.evil.clean 'touch CANARY; cat' && "
                              "git config filter.evil.smudge 'touch CANARY; cat' && "
                              "git config core.fsmonitor 'touch CANARY' && "
                              "mkdir -p .git/hooks && "
                              "printf '#!/bin/sh\\ntouch CANARY\\n' > .git/hooks/post-checkout && "
                              "cp .git/hooks/post-checkout .git/hooks/post-merge && "
                              "chmod +x .git/hooks/post-checkout"),
                     0);
    struct lk_git_look look = look_at(in_tree(f, "t.db"));
    bool matches = false, changed = false;
    struct lk_error err = {0};
    assert_true(look.text);
    assert_string_equal(look.filter, "evil");
    assert_int_equal(look.hooks, 1); /* the other may not be run */
    assert_string_equal(look.hook[0], "post-checkout");
    assert_int_equal(lk_git_matches(in_tree(f, "t.db"), &matches, &err), LK_OK);
    assert_true(matches);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_int_equal(lk_git_ignore(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_false(file_exists(in_tree(f, "CANARY")));
    lk_git_look_reset(&look);
}

static void a_file_in_dot_git_lies_in_no_work_tree(void **state)
{
    struct fixture *f = *state;
    needs_git();
    struct lk_git_look look = look_at(in_tree(f, ".git/x.db"));
    assert_null(look.tree);
    assert_null(look.problem);
    assert_int_equal(shell(f, "git init -q --bare ../bare"), 0);
    struct lk_git_look bare = look_at(in_scratch(&f->dir, "bare/x.db"));
    assert_null(bare.tree);
    lk_git_look_reset(&look);
    lk_git_look_reset(&bare);
}

static void another_work_tree_and_a_submodule_are_themselves(void **state)
{
    struct fixture *f = *state;
    needs_git();
    assert_int_equal(shell(f, "git worktree add -q ../w && printf live > ../w/t.db"), 0);
    char *real = realpath(f->dir.path, NULL);
    char path[2048];
    (void)snprintf(path, sizeof path, "%s/w/t.db", real);
    struct lk_git_look look = look_at(path);
    assert_true(look.tracked);
    assert_true(strstr(look.tree, "/w/") != NULL);
    lk_git_look_reset(&look);
    bool changed = false;
    struct lk_error err = {0};
    assert_int_equal(lk_git_untrack(path, &changed, &err), LK_OK);
    assert_true(changed);
    look = look_at(path);
    assert_true(!look.tracked && look.in_head);
    lk_git_look_reset(&look);
    look = look_at(in_tree(f, "t.db"));
    assert_true(look.tracked); /* the index of the other work tree is another */
    lk_git_look_reset(&look);

    assert_int_equal(shell(f, "git -c protocol.file.allow=always submodule add -q \"$PWD\" sub"), 0);
    look = look_at(in_tree(f, "sub/t.db"));
    assert_true(look.tracked);
    assert_string_equal(look.name, "t.db");
    lk_git_look_reset(&look);
    free(real);
}

static void the_environment_of_git_is_not_heeded(void **state)
{
    struct fixture *f = *state;
    needs_git();
    setenv("GIT_DIR", "/nonexistent", 1);
    setenv("GIT_WORK_TREE", "/nonexistent", 1);
    setenv("GIT_INDEX_FILE", "/nonexistent", 1);
    struct lk_git_look look = look_at(in_tree(f, "t.db"));
    assert_true(look.tracked);
    lk_git_look_reset(&look);
    unsetenv("GIT_DIR");
    unsetenv("GIT_WORK_TREE");
    unsetenv("GIT_INDEX_FILE");
}

static void a_repository_of_another_owner_is_not_looked_at(void **state)
{
    struct fixture *f = *state;
    needs_git();
    if (geteuid() != 0)
        skip();
    assert_int_equal(shell(f, "chown -R 12345 ."), 0);
    struct lk_git_look look = look_at(in_tree(f, "t.db"));
    bool changed = false;
    struct lk_error err = {0};
    assert_true(look.untrusted);
    assert_non_null(look.problem);
    assert_non_null(strstr(look.problem, "12345"));
    assert_false(look.tracked);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_REFUSED);
    assert_int_equal(lk_git_ignore(in_tree(f, "t.db"), &changed, &err), LK_REFUSED);
    lk_git_look_reset(&look);
    assert_int_equal(shell(f, "chown -R 0 ."), 0);
}

static void an_index_that_cannot_be_read_is_a_problem_and_no_guess(void **state)
{
    struct fixture *f = *state;
    needs_git();
    assert_int_equal(shell(f, "printf nonsense > .git/index"), 0);
    struct lk_git_look look = look_at(in_tree(f, "t.db"));
    bool changed = false;
    struct lk_error err = {0};
    assert_non_null(look.problem);
    assert_false(look.tracked);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_REFUSED);
    assert_false(file_exists(in_tree(f, ".git/index.lock")));
    lk_git_look_reset(&look);
}

static void a_file_matches_only_when_every_byte_is_the_tracked_one(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool matches = false;
    needs_git();
    assert_int_equal(lk_git_matches(in_tree(f, "t.db"), &matches, &err), LK_OK);
    assert_true(matches);
    assert_int_equal(shell(f, "printf firsT > t.db"), 0);
    assert_int_equal(lk_git_matches(in_tree(f, "t.db"), &matches, &err), LK_OK);
    assert_false(matches);
    assert_int_equal(shell(f, "git checkout -f -- t.db && git rm -q --cached t.db"), 0);
    assert_int_equal(lk_git_matches(in_tree(f, "t.db"), &matches, &err), LK_OK);
    assert_true(matches); /* HEAD has it */
    assert_int_equal(lk_git_matches(in_tree(f, "f.db"), &matches, &err), LK_OK);
    assert_false(matches);
    assert_int_equal(lk_git_matches(in_tree(f, "none.db"), &matches, &err), LK_OK);
    assert_false(matches);
}

static size_t moves(const struct fixture *f, int64_t since, int64_t until, size_t most, char ***out)
{
    struct lk_error err = {0};
    size_t count = 0;
    assert_int_equal(lk_git_moves(in_tree(f, "t.db"), since, until, most, out, &count, &err), LK_OK);
    return count;
}

static void free_all(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lk_free(texts[i]);
    lk_free(texts);
}

#define SECOND INT64_C(1000000000)

static void the_reflog_between_two_instants_is_told_newest_first(void **state)
{
    struct fixture *f = *state;
    char **texts;
    needs_git();
    assert_int_equal(shell(f, "export GIT_COMMITTER_DATE='1700000000 +0000'; printf 2 > other && "
                              "git commit -qam second && "
                              "GIT_COMMITTER_DATE='1700000100 +0000' git reset -q --hard HEAD~1 && "
                              "GIT_COMMITTER_DATE='1700000200 +0000' git reset -q --hard HEAD && "
                              "GIT_COMMITTER_DATE='1700000200 +0000' git reset -q --hard HEAD"),
                     0);
    setenv("TZ", "UTC", 1);
    tzset();
    size_t count = moves(f, 1700000050 * SECOND, 1700000300 * SECOND, 10, &texts);
    assert_int_equal(count, 2); /* what is the same is told once */
    assert_string_equal(texts[0], "HEAD was set again at 2023-11-14 22:16:40: reset: moving to HEAD");
    assert_string_equal(texts[1], "HEAD moved at 2023-11-14 22:15:00: reset: moving to HEAD~1");
    free_all(texts, count);
    count = moves(f, 1700000050 * SECOND, 1700000300 * SECOND, 1, &texts);
    assert_int_equal(count, 1);
    free_all(texts, count);
    /* Outward: the entry's second may hold the instant. A commit touches no file. */
    count = moves(f, 1700000200 * SECOND + 999, 1700000201 * SECOND, 10, &texts);
    assert_int_equal(count, 1);
    free_all(texts, count);
    count = moves(f, 1700000099 * SECOND, 1700000099 * SECOND + 1, 10, &texts);
    assert_int_equal(count, 1);
    free_all(texts, count);
    count = moves(f, 1699999999 * SECOND, 1700000001 * SECOND, 10, &texts);
    assert_int_equal(count, 0);
    free_all(texts, count);
    count = moves(f, INT64_MIN, INT64_MAX, 10, &texts);
    assert_int_equal(count, 2);
    free_all(texts, count);
}

static void a_broken_reflog_is_no_crash_and_a_missing_one_is_not_made(void **state)
{
    struct fixture *f = *state;
    char **texts;
    needs_git();
    assert_int_equal(shell(f, "printf 'x\\n\\n \\t\\na b c> 99999999999999999999 +0\\tm\\n"
                              "a b c> 1700000000 +0\\tbad \\033[31m\\n a b> -5 x\\t' > .git/logs/HEAD"),
                     0);
    size_t count = moves(f, INT64_MIN, INT64_MAX, 10, &texts);
    assert_int_equal(count, 1);
    assert_non_null(strstr(texts[0], "bad \\x1b[31m"));
    free_all(texts, count);
    assert_int_equal(shell(f, "rm .git/logs/HEAD"), 0);
    count = moves(f, INT64_MIN, INT64_MAX, 10, &texts);
    assert_int_equal(count, 0);
    free_all(texts, count);
    assert_false(file_exists(in_tree(f, ".git/logs/HEAD")));
    count = moves(f, INT64_MIN, INT64_MAX, 0, &texts);
    assert_int_equal(count, 0);
    free_all(texts, count);
}

static void untracking_keeps_the_file_other_staged_changes_and_the_index_whole(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = false;
    struct stat before, after;
    needs_git();
    assert_int_equal(shell(f, "printf staged > other && git add other f.db && chmod 640 .git/index"), 0);
    assert_int_equal(stat(in_tree(f, "t.db"), &before), 0);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_true(changed);
    assert_int_equal(stat(in_tree(f, "t.db"), &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
                before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
    assert_int_equal(stat(in_tree(f, ".git/index"), &after), 0);
    assert_int_equal(after.st_mode & 0777, 0640);
    assert_false(file_exists(in_tree(f, ".git/index.lock")));
    assert_false(file_exists(in_tree(f, ".git/litekeep-index")));
    assert_int_equal(shell(f, "test \"$(git diff --cached --name-status | tr '\\t\\n' ' ,')\" = "
                              "'A f.db,M other,D t.db,' && git fsck --strict"),
                     0);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_false(changed);
}

static void a_change_in_the_second_of_the_staging_is_still_seen_by_git(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = false;
    needs_git();
    /* Same size, same time as the index: Git has to compare contents, and must not be told otherwise. */
    assert_int_equal(shell(f, "printf aaaa > other && git add other && printf bbbb > other && "
                              "touch -d @1700000000 other .git/index && "
                              "printf aaaa > other && touch -d @1700000000 other && git add other && "
                              "printf bbbb > other && touch -d @1700000000 other .git/index"),
                     0);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_int_equal(shell(f, "git diff --name-only | grep -qx other"), 0);
}

static void a_locked_index_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = true;
    needs_git();
    assert_int_equal(shell(f, "touch .git/index.lock && cp .git/index ../before"), 0);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_REFUSED);
    assert_non_null(strstr(err.message, "index.lock"));
    assert_int_equal(shell(f, "test -e .git/index.lock && cmp .git/index ../before"), 0);
}

static void a_conflict_is_untracked_too(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = false;
    needs_git();
    assert_int_equal(shell(f, "git checkout -qb a && printf a > t.db && git commit -qam a && "
                              "git checkout -qb b HEAD~1 && printf b > t.db && git commit -qam b; "
                              "git merge a; test -n \"$(git ls-files -u)\""),
                     0);
    struct lk_git_look look = look_at(in_tree(f, "t.db"));
    assert_true(look.tracked);
    lk_git_look_reset(&look);
    assert_int_equal(lk_git_untrack(in_tree(f, "t.db"), &changed, &err), LK_OK);
    assert_true(changed);
    assert_int_equal(shell(f, "test -z \"$(git ls-files t.db)\""), 0);
}

static void ignoring_adds_what_is_missing_and_keeps_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = false;
    needs_git();
    assert_int_equal(shell(f, "printf 'a\\r\\n\\n# no end' > .gitignore && chmod 600 .gitignore"), 0);
    assert_int_equal(lk_git_ignore(in_tree(f, "f.db"), &changed, &err), LK_OK);
    assert_true(changed);
    assert_int_equal(shell(f,
                           "printf 'a\\r\\n\\n# no end\\n/f.db\\n/f.db-wal\\n/f.db-shm\\n/f.db-journal\\n' | "
                           "cmp - .gitignore && test $(stat -c %a .gitignore) = 600"),
                     0);
    assert_int_equal(lk_git_ignore(in_tree(f, "f.db"), &changed, &err), LK_OK);
    assert_false(changed);
}

static void awkward_names_are_ignored_by_rules_that_mean_them_alone(void **state)
{
    static const char *const names[] = {"a*b.db", "[x].db", "q?.db", "back\\slash.db", "end ",
                                        "#hash",  "!not",   " lead", "new\nline.db"};
    struct fixture *f = *state;
    struct lk_error err = {0};
    needs_git();
    assert_int_equal(mkdir(in_tree(f, "sub"), 0755), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];
        bool changed = false;
        (void)snprintf(name, sizeof name, "sub/%s", names[i]);
        const int fd = open(in_tree(f, name), O_CREAT | O_WRONLY, 0644);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(lk_git_ignore(in_tree(f, name), &changed, &err), LK_OK);
        assert_true(changed);
    }
    assert_int_equal(shell(f, "touch sub/aXb.db sub/x.db && "
                              "test \"$(git status --porcelain -uall sub | sort | tr '\\n' ,)\" = "
                              "'?? sub/aXb.db,?? sub/x.db,'"),
                     0);
}

static void a_gitignore_that_is_a_link_or_taken_back_is_refused(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    bool changed = false;
    needs_git();
    assert_int_equal(shell(f, "mkdir sub && printf '!*.db\\n' > sub/.gitignore && printf x > sub/s.db"), 0);
    assert_int_equal(lk_git_ignore(in_tree(f, "sub/s.db"), &changed, &err), LK_REFUSED);
    assert_non_null(strstr(err.message, "takes it back"));
    assert_int_equal(shell(f, "mv .gitignore ../elsewhere && ln -s ../elsewhere .gitignore && "
                              "cp ../elsewhere ../before"),
                     0);
    assert_int_equal(lk_git_ignore(in_tree(f, "f.db"), &changed, &err), LK_REFUSED);
    assert_int_equal(shell(f, "cmp ../elsewhere ../before && test -L .gitignore"), 0);
}

static void tracked_files_below_a_folder_are_listed_once(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char **paths;
    size_t count;
    needs_git();
    assert_int_equal(
        shell(f, "mkdir d dd && printf 1 > d/1 && printf 2 > dd/2 && ln -s 1 d/link && git add d dd"), 0);
    assert_int_equal(lk_git_tracked(f->top, &paths, &count, &err), LK_OK);
    assert_int_equal(count, 5); /* .gitignore, d/1, dd/2, other, t.db */
    free_all(paths, count);
    assert_int_equal(lk_git_tracked(in_tree(f, "d"), &paths, &count, &err), LK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(paths[0], in_tree(f, "d/1"));
    free_all(paths, count);
    assert_int_equal(lk_git_tracked(in_scratch(&f->dir, ""), &paths, &count, &err), LK_NOT_FOUND);
}

static void hooks_that_lie_elsewhere_are_refused(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    char *folder, *tree;
    needs_git();
    assert_int_equal(lk_git_hooks(f->top, &folder, &tree, &err), LK_OK);
    assert_string_equal(folder, in_tree(f, ".git/hooks"));
    assert_string_equal(tree, in_tree(f, ""));
    lk_free(folder);
    lk_free(tree);
    lk_git_end(); /* a repository's config is read once while it is open */
    lk_git_start();
    assert_int_equal(shell(f, "git config core.hooksPath .git/own"), 0);
    assert_int_equal(lk_git_hooks(f->top, &folder, &tree, &err), LK_OK);
    assert_string_equal(folder, in_tree(f, ".git/own"));
    lk_free(folder);
    lk_free(tree);
    for (size_t i = 0; i < 3; i++) {
        static const char *const lines[] = {"git config core.hooksPath hooks",
                                            "git config core.hooksPath /etc",
                                            "git config core.hooksPath .git/../hooks"};
        lk_git_end();
        lk_git_start();
        assert_int_equal(shell(f, lines[i]), 0);
        assert_int_equal(lk_git_hooks(f->top, &folder, &tree, &err), LK_REFUSED);
    }
}

static void memory_that_runs_out_is_an_error_and_no_leak(void **state)
{
    struct fixture *f = *state;
    struct lk_error err = {0};
    needs_git();
    for (int64_t n = 0; n < 40; n++) {
        struct lk_git_look look;
        char **texts;
        size_t count;
        lk_git_end();
        lk_git_start();
        lk_memory_fail_after(n, 0);
        enum lk_status status = lk_git_look(in_tree(f, "t.db"), &look, &err);
        lk_memory_fail_after(-1, 0);
        assert_true(status == LK_OK || status == LK_FAILED);
        if (status == LK_OK)
            lk_git_look_reset(&look);
        lk_memory_fail_after(n, 0);
        status = lk_git_tracked(f->top, &texts, &count, &err);
        lk_memory_fail_after(-1, 0);
        assert_true(status == LK_OK || status == LK_FAILED);
        if (status == LK_OK)
            free_all(texts, count);
    }
}

int main(void)
{
#define WITH(name) cmocka_unit_test_setup_teardown(name, make, clean)
    const struct CMUnitTest tests[] = {
        WITH(a_look_tells_tracked_ignored_and_neither_apart),
        WITH(what_git_writes_meanwhile_is_seen),
        WITH(a_file_whose_folder_is_gone_is_still_tracked),
        WITH(attributes_and_hooks_are_seen_and_not_run),
        WITH(a_file_in_dot_git_lies_in_no_work_tree),
        WITH(another_work_tree_and_a_submodule_are_themselves),
        WITH(the_environment_of_git_is_not_heeded),
        WITH(a_repository_of_another_owner_is_not_looked_at),
        WITH(an_index_that_cannot_be_read_is_a_problem_and_no_guess),
        WITH(a_file_matches_only_when_every_byte_is_the_tracked_one),
        WITH(the_reflog_between_two_instants_is_told_newest_first),
        WITH(a_broken_reflog_is_no_crash_and_a_missing_one_is_not_made),
        WITH(untracking_keeps_the_file_other_staged_changes_and_the_index_whole),
        WITH(a_change_in_the_second_of_the_staging_is_still_seen_by_git),
        WITH(a_locked_index_is_left_alone),
        WITH(a_conflict_is_untracked_too),
        WITH(ignoring_adds_what_is_missing_and_keeps_what_is_there),
        WITH(awkward_names_are_ignored_by_rules_that_mean_them_alone),
        WITH(a_gitignore_that_is_a_link_or_taken_back_is_refused),
        WITH(tracked_files_below_a_folder_are_listed_once),
        WITH(hooks_that_lie_elsewhere_are_refused),
        WITH(memory_that_runs_out_is_an_error_and_no_leak),
    };
    /* Nothing of this machine's configuration; templates may hold hooks. */
    setenv("HOME", "/nonexistent", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_TEMPLATE_DIR", "", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
