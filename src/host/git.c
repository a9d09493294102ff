#include "host/git.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "host/git_repository.h"

/* More is not read to find out whether a file is Git's version of it. */
#define MOST_HASHED (INT64_C(1) << 30)

void lk_git_start(void)
{
    lk_git_repository_start();
}

void lk_git_end(void)
{
    lk_git_repository_end();
}

bool lk_git_available(void)
{
    return true;
}

/* The entry of `name`, or that of a side of a merge that has a conflict there. */
static const git_index_entry *find_entry(git_index *index, const char *name)
{
    const git_index_entry *entry = NULL;
    for (int stage = 0; stage <= 3 && entry == NULL; stage++)
        entry = git_index_get_bypath(index, name, stage);
    return entry;
}

/* What HEAD has under `name`: the id of a blob. */
static bool find_in_head(git_repository *handle, const char *name, git_oid *out)
{
    git_reference *head = NULL;
    git_object *tree = NULL;
    git_tree_entry *entry = NULL;
    const bool found = git_repository_head(&head, handle) == 0 &&
                       git_reference_peel(&tree, head, GIT_OBJECT_TREE) == 0 &&
                       git_tree_entry_bypath(&entry, (const git_tree *)tree, name) == 0 &&
                       git_tree_entry_type(entry) == GIT_OBJECT_BLOB;
    if (found)
        *out = *git_tree_entry_id(entry);
    git_tree_entry_free(entry);
    git_object_free(tree);
    git_reference_free(head);
    return found;
}

/* Did the guard write this hook? */
static bool is_guard(const struct lk_dir *folder, const char *name)
{
    struct lk_buffer text = {0};
    struct lk_error none = {0};
    const bool ours = lk_file_read(folder, name, 65536, &text, &none) == LK_OK &&
                      lk_buffer_string(&text) != NULL &&
                      strstr((const char *)text.data, "\n" LK_GIT_HOOK_MARK) != NULL;
    lk_buffer_reset(&text);
    return ours;
}

static bool is_program(const struct lk_dir *folder, const char *name)
{
    struct stat st;
    return fstatat(folder->fd, name, &st, 0) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

static enum lk_status look_for_hooks(const char *path, struct lk_git_look *out, struct lk_error *err)
{
    static const char *const names[] = {
        "post-checkout",    "post-merge", "post-rewrite",   "post-commit",     "pre-commit",
        "pre-merge-commit", "pre-rebase", "pre-applypatch", "post-applypatch", "reference-transaction"};
    enum { NAMES = sizeof names / sizeof names[0] };
    struct lk_dir folder = LK_DIR_CLOSED;
    struct lk_error none = {0};
    char saved[64];
    if (lk_dir_open(path, &folder, &none) != LK_OK)
        return LK_OK;
    for (size_t i = 0; i < NAMES; i++) {
        if (!is_program(&folder, names[i]))
            continue;
        (void)snprintf(saved, sizeof saved, "%s" LK_GIT_HOOK_SAVED, names[i]);
        if (is_guard(&folder, names[i]) && !is_program(&folder, saved))
            continue;
        if (out->hook == NULL && (out->hook = lk_allocate_zeroed(NAMES, sizeof *out->hook)) == NULL) {
            lk_dir_close(&folder);
            return lk_fail_memory(err, "looking at Git hooks");
        }
        out->hook[out->hooks++] = names[i];
    }
    lk_dir_close(&folder);
    return LK_OK;
}

/* What .gitattributes and info/attributes say; looked up, never run. */
static enum lk_status look_for_attributes(git_repository *handle, struct lk_git_look *out,
                                          struct lk_error *err)
{
    const char *value = NULL;
    if (git_attr_get(&value, handle, GIT_ATTR_CHECK_FILE_THEN_INDEX, out->name, "text") == 0)
        out->text = git_attr_value(value) == GIT_ATTR_VALUE_TRUE;
    if (git_attr_get(&value, handle, GIT_ATTR_CHECK_FILE_THEN_INDEX, out->name, "filter") == 0 &&
        git_attr_value(value) == GIT_ATTR_VALUE_STRING && (out->filter = lk_copy_string(value)) == NULL)
        return lk_fail_memory(err, "looking at Git attributes");
    return LK_OK;
}

static enum lk_status look_inside(struct lk_git_repository *r, const char *name, struct lk_git_look *out,
                                  struct lk_error *err)
{
    git_oid id;
    int ignored = 0;
    git_index *index = lk_git_repository_index(r);
    if (index == NULL) { /* of a kind that this library does not know, or damaged */
        char *reason = lk_text_escaped(lk_bytes_of(lk_git_repository_reason()));
        char *top = lk_text_escaped(lk_bytes_of(r->top));
        if (reason != NULL && top != NULL)
            out->problem = lk_format("the index of the Git repository %s cannot be read: %s", top, reason);
        lk_free(reason);
        lk_free(top);
        return out->problem != NULL ? LK_OK : lk_fail_memory(err, "looking at a Git index");
    }
    out->tree = lk_copy_string(r->top);
    out->name = lk_copy_string(name);
    if (out->tree == NULL || out->name == NULL)
        return lk_fail_memory(err, "looking at a Git repository");
    out->tracked = find_entry(index, name) != NULL;
    out->in_head = !out->tracked && find_in_head(r->handle, name, &id);
    out->ignored = git_ignore_path_is_ignored(&ignored, r->handle, name) == 0 && ignored;
    enum lk_status status = look_for_attributes(r->handle, out, err);
    if (status == LK_OK)
        status = look_for_hooks(r->hooks, out, err);
    return status;
}

enum lk_status lk_git_look(const char *path, struct lk_git_look *out, struct lk_error *err)
{
    struct lk_git_repository *r;
    const char *name;
    *out = (struct lk_git_look){0};
    lk_git_repository_lock();
    enum lk_status status = lk_git_repository_of(path, &r, &name, err);
    if (status == LK_OK && r != NULL && r->handle == NULL) {
        out->untrusted = r->untrusted;
        if ((out->problem = lk_copy_string(r->problem)) == NULL)
            status = lk_fail_memory(err, "looking at a Git repository");
    } else if (status == LK_OK && r != NULL) {
        status = look_inside(r, name, out, err);
    }
    lk_git_repository_unlock();
    if (status != LK_OK)
        lk_git_look_reset(out);
    return status;
}

void lk_git_look_reset(struct lk_git_look *look)
{
    lk_free(look->tree);
    lk_free(look->name);
    lk_free(look->problem);
    lk_free(look->filter);
    lk_free(look->hook);
    *look = (struct lk_git_look){0};
}

/* The blob that Git has for the file: its id and size. */
static bool find_blob(struct lk_git_repository *r, const char *name, git_oid *id, size_t *size)
{
    git_index *index = lk_git_repository_index(r);
    const git_index_entry *entry = index != NULL ? git_index_get_bypath(index, name, 0) : NULL;
    git_odb *odb = NULL;
    git_object_t type = GIT_OBJECT_INVALID;
    if (entry != NULL)
        *id = entry->id;
    else if (!find_in_head(r->handle, name, id))
        return false;
    const bool found = git_repository_odb(&odb, r->handle) == 0 &&
                       git_odb_read_header(size, &type, odb, id) == 0 && type == GIT_OBJECT_BLOB;
    git_odb_free(odb);
    return found;
}

enum lk_status lk_git_matches(const char *path, bool *matches, struct lk_error *err)
{
    struct lk_git_repository *r;
    const char *name;
    struct stat st;
    git_oid id, own;
    size_t size = 0;
    *matches = false;
    lk_git_repository_lock();
    const enum lk_status status = lk_git_repository_of(path, &r, &name, err);
    const bool known = status == LK_OK && r != NULL && r->handle != NULL && find_blob(r, name, &id, &size);
    lk_git_repository_unlock();
    if (known && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= MOST_HASHED &&
        (size_t)st.st_size == size && git_odb_hashfile(&own, path, GIT_OBJECT_BLOB) == 0)
        *matches = git_oid_equal(&id, &own) != 0;
    return status;
}
