/* The guard's hooks. What Git 2.39 runs was found by trying each command with every hook in place. Before a
 * file is touched: reference-transaction of ORIG_HEAD in pull and merge, and of refs/stash in stash;
 * pre-rebase in rebase (with --autostash after its stash). Only after it: post-checkout in checkout, switch
 * and restore; reference-transaction of ORIG_HEAD in reset --hard. Nothing that helps: clean, cherry-pick,
 * revert, am, apply, read-tree.
 *
 * What comes too late for a backup still shows a loss at once. */
#include "ops/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/git.h"
#include "host/process.h"
#include "store/database.h"

#define MOST_HOOK 65536

static const char *const hooks[] = {"pre-rebase", "reference-transaction", "post-checkout", "post-merge",
                                    "post-rewrite"};
enum { HOOKS = sizeof hooks / sizeof hooks[0] };

static const char script_start[] =
    "#!/bin/sh\n" LK_GIT_HOOK_MARK
    ": backs up the SQLite databases that this repository tracks before Git may touch them,\n"
    "# and looks at them afterwards. Made by `litekeep guard install`, taken away by `litekeep guard "
    "remove`.\n"
    "# A hook that was here before is called too: it is beside this one, with " LK_GIT_HOOK_SAVED ".\n";

static const char script_functions[] =
    "own=$0" LK_GIT_HOOK_SAVED "\n"
    "\n"
    "# What litekeep starts itself must not come back here.\n"
    "keep() (\n"
    "\t[ -z \"$LITEKEEP_GUARD\" ] || exit 0\n"
    "\tif [ ! -x \"$program\" ]; then\n"
    "\t\techo \"litekeep guard: $program is not there: nothing was backed up\" >&2\n"
    "\t\texit 1\n"
    "\tfi\n"
    "\tunset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_PREFIX\n"
    "\tLITEKEEP_GUARD=1\n"
    "\texport LITEKEEP_GUARD\n"
    "\tlitekeep \"$@\" </dev/null >&2\n"
    ")\n"
    "\n"
    "before() {\n"
    "\tkeep backup . && return\n"
    "\tcode=$?\n"
    "\t[ $code -eq 4 ] && return # it was taken, and has shown a loss\n"
    "\tif [ -n \"$strict\" ]; then\n"
    "\t\techo \"litekeep guard: no backup (exit code $code), so Git is stopped\" >&2\n"
    "\t\texit 1\n"
    "\tfi\n"
    "\techo \"litekeep guard: no backup (exit code $code); Git goes on all the same\" >&2\n"
    "}\n"
    "\n";

static const char script_pre_rebase[] = "before\n"
                                        "[ ! -x \"$own\" ] || exec \"$own\" \"$@\"\n";

/* The point keeps line ends that $() would drop. A reset has done its work by now: a backup would be one of
 * the old copy. */
static const char script_reference_transaction[] =
    "lines=$(cat; echo .)\n"
    "lines=${lines%.}\n"
    "case $1:$lines in\n"
    "prepared:*' ORIG_HEAD\n"
    "'*)\n"
    "\tcase $(tr '\\0' ' ' 2>/dev/null <\"/proc/$PPID/cmdline\") in\n"
    "\t'git reset '* | *' reset --hard '* | *' reset -q --hard '*) keep check . ;;\n"
    "\t*) before ;;\n"
    "\tesac\n"
    "\t;;\n"
    "prepared:*' refs/stash\n"
    "'*) before ;;\n"
    "esac\n"
    "[ -x \"$own\" ] || exit 0\n"
    "printf %s \"$lines\" | \"$own\" \"$@\"\n";

static const char script_post[] = "code=0\n"
                                  "if [ -x \"$own\" ]; then\n"
                                  "\t\"$own\" \"$@\"\n"
                                  "\tcode=$?\n"
                                  "fi\n"
                                  "keep check .\n"
                                  "exit $code\n";

static void add_word(struct lk_buffer *b, const char *word)
{
    char *quoted = lk_text_quote(word);
    if (quoted != NULL)
        lk_buffer_append_format(b, " %s", quoted);
    else
        b->failed = true;
    lk_free(quoted);
}

/* The function `litekeep`: the program with the store and the config of this session. */
static enum lk_status add_command(struct litekeep *lk, const struct litekeep_guard_options *options,
                                  const char *program, struct lk_buffer *b, struct lk_error *err)
{
    char *path = NULL;
    enum lk_status status = LK_OK;
    lk_buffer_append_string(b, "program=");
    char *quoted = lk_text_quote(program);
    lk_buffer_append_string(b, quoted != NULL ? quoted : "");
    b->failed |= quoted == NULL;
    lk_free(quoted);
    lk_buffer_append_format(b, "\nstrict=%s\nlitekeep() {\n\t\"$program\"", options->strict ? "yes" : "");
    if (!lk->store_is_default && (status = lk_guard_path(lk->store_path, &path, err)) == LK_OK) {
        lk_buffer_append_string(b, " --store");
        add_word(b, path);
        lk_free(path);
    }
    if (status == LK_OK && lk->config_named != NULL) {
        path = NULL;
        if (lk->config_named[0] == '\0')
            lk_buffer_append_string(b, " --config /dev/null"); /* the option takes no empty value */
        else if ((status = lk_guard_path(lk->config_named, &path, err)) == LK_OK) {
            lk_buffer_append_string(b, " --config");
            add_word(b, path);
        }
        lk_free(path);
    }
    lk_buffer_append_string(b, " --quiet guard \"$@\"");
    if (options->if_older_than > 0)
        lk_buffer_append_format(b, " --if-older-than %lldms",
                                (long long)((options->if_older_than + 999999) / 1000000));
    lk_buffer_append_string(b, "\n}\n");
    return status;
}

static enum lk_status make_script(struct litekeep *lk, const struct litekeep_guard_options *options,
                                  const char *program, const char *hook, struct lk_buffer *b,
                                  struct lk_error *err)
{
    lk_buffer_append_string(b, script_start);
    enum lk_status status = add_command(lk, options, program, b, err);
    lk_buffer_append_string(b, script_functions);
    lk_buffer_append_string(b, strcmp(hook, "pre-rebase") == 0  ? script_pre_rebase
                               : strncmp(hook, "post-", 5) == 0 ? script_post
                                                                : script_reference_transaction);
    if (status == LK_OK)
        status = lk_buffer_check(b, "writing a Git hook", err);
    return status;
}

enum kind { NOTHING, GUARD, OWN };

/* What stands under this name? `text` (may be NULL) gets the start of it. */
static enum kind look_at(const struct lk_dir *folder, const char *name, struct lk_buffer *text)
{
    struct lk_buffer own = {0};
    struct lk_buffer *to = text != NULL ? text : &own;
    struct stat st;
    enum kind kind = OWN;
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return NOTHING;
    /* Through a link, too: Git runs what it names. */
    const int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint8_t *at = fd >= 0 ? lk_buffer_extend(to, MOST_HOOK) : NULL;
    if (at != NULL) {
        const ssize_t got = pread(fd, at, MOST_HOOK, 0);
        to->len = got > 0 ? (size_t)got : 0;
        if (S_ISREG(st.st_mode) &&
            memmem(to->data, to->len, "\n" LK_GIT_HOOK_MARK, strlen("\n" LK_GIT_HOOK_MARK)) != NULL)
            kind = GUARD;
    }
    if (fd >= 0)
        close(fd);
    lk_buffer_reset(&own);
    return kind;
}

static bool mentions(const struct lk_buffer *text, const char *word)
{
    return text->len > 0 && memmem(text->data, text->len, word, strlen(word)) != NULL;
}

/* A hook that looks at the name it is called by would do something else, or nothing, under another. */
static enum lk_status check_own(const struct lk_dir *folder, const char *hook, struct lk_error *err)
{
    static const char *const words[] = {"basename", "${0##", "argv[0]", "__file__", "PROGRAM_NAME", "$0:t"};
    struct lk_buffer text = {0};
    struct stat st, saved;
    char aside[64];
    enum lk_status status = LK_OK;
    (void)snprintf(aside, sizeof aside, "%s" LK_GIT_HOOK_SAVED, hook);
    const enum kind kind = look_at(folder, hook, &text);
    bool by_name = mentions(&text, "\x7f"
                                   "ELF");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        by_name = by_name || mentions(&text, words[i]);
    if (kind == OWN && by_name)
        status = lk_fail(err, LK_REFUSED,
                         "%s/%s goes by its own name, so it cannot be called under another; add the line "
                         "`litekeep guard %s .` to it by hand",
                         folder->path, hook, strncmp(hook, "post-", 5) == 0 ? "check" : "backup");
    else if (kind == OWN && fstatat(folder->fd, aside, &saved, AT_SYMLINK_NOFOLLOW) == 0 &&
             fstatat(folder->fd, hook, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino != saved.st_ino)
        status =
            lk_fail(err, LK_REFUSED,
                    "%s: both %s and %s are there: another program has written its hook over the guard's; "
                    "put them together by hand, remove %s, and install again",
                    folder->path, hook, aside, aside);
    lk_buffer_reset(&text);
    return status;
}

/* Put the hook that is there aside; it stays in force until it is replaced. */
static enum lk_status put_aside(const struct lk_dir *folder, const char *hook, struct lk_error *err)
{
    char aside[64];
    (void)snprintf(aside, sizeof aside, "%s" LK_GIT_HOOK_SAVED, hook);
    if (linkat(folder->fd, hook, folder->fd, aside, 0) == 0 || errno == EEXIST ||
        renameat(folder->fd, hook, folder->fd, aside) == 0)
        return LK_OK;
    return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot be renamed", folder->path, hook);
}

static enum lk_status install_hook(struct lk_guard *g, const struct lk_dir *folder, const char *hook,
                                   const struct lk_buffer *script, bool dry_run, struct lk_error *err)
{
    struct lk_buffer text = {0};
    struct stat st;
    const enum kind kind = look_at(folder, hook, &text);
    const bool same = kind == GUARD && text.len == script->len &&
                      memcmp(text.data, script->data, text.len) == 0 &&
                      fstatat(folder->fd, hook, &st, 0) == 0 && (st.st_mode & 0111) == 0111;
    enum lk_status status = LK_OK;
    lk_buffer_reset(&text);
    if (same)
        return LK_OK;
    g->guard.changed = true;
    if (!dry_run && kind == OWN)
        status = put_aside(folder, hook, err);
    if (!dry_run && status == LK_OK)
        status = lk_file_write(folder, hook, lk_buffer_bytes(script), 0755, true, err);
    /* root may install for another user, who has to be able to take it away. */
    if (!dry_run && status == LK_OK && fstat(folder->fd, &st) == 0 && st.st_uid != geteuid() &&
        fchownat(folder->fd, hook, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        errno = 0;
    lk_guard_say(g, &g->done, "%s/%s: %s%s", folder->path, hook, dry_run ? "would be written" : "written",
                 kind == OWN ? "; the one that is there is kept beside it, and called" : "");
    return status;
}

/* Open the hooks' folder, made where it is missing. LK_NOT_FOUND: it is missing, and `make` is false. */
static enum lk_status open_folder(const char *path, bool make, struct lk_dir *out, struct lk_error *err)
{
    if (make && mkdir(path, 0755) != 0 && errno != EEXIST)
        return lk_fail_errno(err, LK_FAILED, errno, "%s: cannot be made", path);
    return lk_dir_open(path, out, err);
}

static enum lk_status install_all(struct litekeep *lk, struct lk_guard *g, const char *path,
                                  const struct litekeep_guard_options *options, const char *program,
                                  struct lk_error *err)
{
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error none = {0};
    enum lk_status status = open_folder(path, !options->dry_run, &folder, options->dry_run ? &none : err);
    const bool missing = options->dry_run && status == LK_NOT_FOUND;
    if (missing)
        status = LK_OK;
    else if (status != LK_OK && options->dry_run)
        *err = none;
    for (size_t i = 0; !missing && status == LK_OK && i < HOOKS; i++)
        status = check_own(&folder, hooks[i], err);
    for (size_t i = 0; status == LK_OK && i < HOOKS; i++) {
        struct lk_buffer script = {0};
        status = make_script(lk, options, program, hooks[i], &script, err);
        if (missing)
            lk_guard_say(g, &g->done, "%s/%s: would be written", path, hooks[i]);
        else if (status == LK_OK)
            status = install_hook(g, &folder, hooks[i], &script, options->dry_run, err);
        lk_buffer_reset(&script);
    }
    g->guard.changed |= missing;
    lk_dir_close(&folder);
    return status;
}

/* `now`: the hooks are in place; else it is what they would do. */
static void note_coverage(struct lk_guard *g, bool now)
{
    static const char *const notes[] = {
        "a backup comes before: merge, pull, rebase, stash",
        "only a look afterwards, which says what was lost since the last backup: checkout, switch, restore, "
        "reset --hard, and rebase or pull --rebase with --autostash (Git has no hook before them)",
        "not seen at all: clean, cherry-pick, revert, am, apply, programs that use Git's files without its "
        "hooks, and other clones of this repository",
        "before a command that has no hook: litekeep run . -- git checkout ...",
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
        lk_guard_say(g, &g->notes, "%s%s", now || i == 3 ? "" : "once installed: ", notes[i]);
    if (g->databases.count == 0)
        lk_guard_say(g, &g->notes, "Git tracks no SQLite database here now; the hooks look anew each time");
}

/* The repository's hooks folder and what it tracks. */
static enum lk_status find(struct lk_guard *g, const char *path, char **folder, char **tree,
                           struct lk_error *err)
{
    char *real = NULL;
    *tree = NULL;
    enum lk_status status = lk_guard_path(path, &real, err);
    if (status == LK_OK)
        status = lk_git_hooks(real, folder, tree, err);
    if (status == LK_OK) {
        g->guard.repository = lk_arena_shown_string(&g->arena, *tree);
        status = lk_guard_find_tracked(g, *tree, err);
    }
    lk_free(real);
    return status;
}

enum lk_status litekeep_guard_install(struct litekeep *lk, const struct litekeep_guard_options *options,
                                      struct litekeep_guard **out, struct lk_error *err)
{
    struct lk_guard *g = NULL;
    char *folder = NULL, *tree = NULL;
    char *program = options->program != NULL ? lk_copy_string(options->program) : lk_process_self();
    enum lk_status status = lk_guard_new(&g, err);
    if (status != LK_OK) {
        lk_free(program);
        return status;
    }
    lk_git_start();
    if (program == NULL)
        status = lk_fail(err, LK_FAILED, "this program's own path is not known; name it with --program");
    else if (program[0] != '/' || access(program, X_OK) != 0)
        status = lk_fail(err, LK_USAGE, "%s: no absolute path of a program", program);
    if (status == LK_OK)
        status = find(g, options->path, &folder, &tree, err);
    if (status == LK_OK)
        status = install_all(lk, g, folder, options, program, err);
    if (status == LK_OK)
        note_coverage(g, !options->dry_run);
    lk_git_end();
    lk_free(program);
    lk_free(folder);
    lk_free(tree);
    return lk_guard_finish(g, status, out, err);
}

static enum lk_status remove_hook(struct lk_guard *g, const struct lk_dir *folder, const char *hook,
                                  bool dry_run, struct lk_error *err)
{
    char aside[64];
    (void)snprintf(aside, sizeof aside, "%s" LK_GIT_HOOK_SAVED, hook);
    const bool saved = look_at(folder, aside, NULL) != NOTHING;
    if (look_at(folder, hook, NULL) != GUARD) {
        if (saved)
            lk_guard_say(g, &g->notes, "%s/%s is not the guard's any more, so %s is left there", folder->path,
                         hook, aside);
        return LK_OK;
    }
    const int failed = dry_run ? 0
                       : saved ? renameat(folder->fd, aside, folder->fd, hook)
                               : unlinkat(folder->fd, hook, 0);
    if (failed != 0)
        return lk_fail_errno(err, LK_FAILED, errno, "%s/%s: cannot be removed", folder->path, hook);
    g->guard.changed = true;
    lk_guard_say(g, &g->done, "%s/%s: %s%s", folder->path, hook, dry_run ? "would be removed" : "removed",
                 saved ? "; the repository's own is back" : "");
    return LK_OK;
}

enum lk_status litekeep_guard_remove(struct litekeep *lk, const char *path, bool dry_run,
                                     struct litekeep_guard **out, struct lk_error *err)
{
    struct lk_guard *g = NULL;
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error none = {0};
    char *where = NULL, *tree = NULL;
    (void)lk;
    enum lk_status status = lk_guard_new(&g, err);
    if (status != LK_OK)
        return status;
    lk_git_start();
    status = find(g, path, &where, &tree, err);
    if (status == LK_OK && (status = open_folder(where, false, &folder, &none)) != LK_OK) {
        if (status == LK_NOT_FOUND)
            status = LK_OK; /* no hook at all */
        else
            *err = none;
    } else {
        for (size_t i = 0; status == LK_OK && i < HOOKS; i++)
            status = remove_hook(g, &folder, hooks[i], dry_run, err);
        if (status == LK_OK && g->guard.changed && !dry_run)
            status = lk_dir_sync(&folder, err);
    }
    lk_git_end();
    lk_dir_close(&folder);
    lk_free(where);
    lk_free(tree);
    return lk_guard_finish(g, status, out, err);
}

/* Sources below the work tree that the store knows and that are there no more: Git deletes a tracked file
 * where another commit has none, and takes it out of the index too; or it puts there what the other commit
 * has, be it 0 bytes or a pointer of LFS. */
static enum lk_status add_lost(struct litekeep *lk, struct lk_guard *g, const char *tree,
                               struct lk_error *err)
{
    struct lk_database_list known = {0};
    struct lk_error none = {0};
    /* A store that is not there, or cannot be read, is told of by whoever uses it. */
    if (lk_session_store(lk, false, &none) != LK_OK)
        return LK_OK;
    const enum lk_status status = lk_database_list_all(lk->store, lk_session_warn(lk), &known, &none);
    if (status != LK_OK)
        *err = none;
    for (size_t i = 0; status == LK_OK && i < known.count; i++) {
        const char *path = lk_database_current_path(known.database[i]);
        if (path != NULL && strncmp(path, tree, strlen(tree)) == 0 && !lk_guard_is_database(path))
            lk_guard_add_file(g, path, false);
    }
    lk_database_list_free(&known);
    return status;
}

enum lk_status litekeep_guard_show(struct litekeep *lk, const char *path, struct litekeep_guard **out,
                                   struct lk_error *err)
{
    struct lk_guard *g = NULL;
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error none = {0};
    char *where = NULL, *tree = NULL;
    size_t there = 0;
    enum lk_status status = lk_guard_new(&g, err);
    if (status != LK_OK)
        return status;
    lk_git_start();
    status = find(g, path, &where, &tree, err);
    if (status == LK_OK)
        status = add_lost(lk, g, tree, err);
    if (status == LK_OK && open_folder(where, false, &folder, &none) == LK_OK) {
        for (size_t i = 0; i < HOOKS; i++) {
            const bool ours = look_at(&folder, hooks[i], NULL) == GUARD;
            there += ours ? 1 : 0;
        }
        for (size_t i = 0; there > 0 && there < HOOKS && i < HOOKS; i++) {
            if (look_at(&folder, hooks[i], NULL) != GUARD)
                lk_guard_say(g, &g->notes, "the hook %s is missing, or another's: install again", hooks[i]);
        }
    }
    g->guard.installed = there == HOOKS;
    if (status == LK_OK)
        note_coverage(g, g->guard.installed);
    lk_git_end();
    lk_dir_close(&folder);
    lk_free(where);
    lk_free(tree);
    return lk_guard_finish(g, status, out, err);
}
