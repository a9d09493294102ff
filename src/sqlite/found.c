#include "sqlite/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Of two paths of one file, which is to be read? The one whose -wal or -journal SQLite would find; then the
 * known one. */
static int rank(const struct lk_found *f)
{
    return (f->wal_bytes > 0 || f->journal_bytes > 0 ? 4 : 0) + (f->known ? 2 : 0) + (f->named ? 1 : 0);
}

static int by_file(const void *left, const void *right)
{
    const struct lk_found *a = left;
    const struct lk_found *b = right;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    if (rank(a) != rank(b))
        return rank(a) > rank(b) ? -1 : 1;
    return strcmp(a->path, b->path);
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const struct lk_found *)left)->path, ((const struct lk_found *)right)->path);
}

static int problem_by_path(const void *left, const void *right)
{
    const struct lk_problem *a = left;
    const struct lk_problem *b = right;
    const int order = strcmp(a->path, b->path);
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static int by_string(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool has_path(const struct lk_found *f, const char *path)
{
    if (strcmp(f->path, path) == 0)
        return true;
    for (size_t i = 0; i < f->twins; i++)
        if (strcmp(f->twin[i], path) == 0)
            return true;
    return false;
}

/* Make one entry of all paths of a file: sorted by file, they follow one another, the best first. */
static bool join_twins(struct lk_discovery *r)
{
    bool whole = true;
    if (r->found_count == 0)
        return true;
    qsort(r->found, r->found_count, sizeof *r->found, by_file);
    size_t kept = 1;
    for (size_t i = 1; i < r->found_count; i++) {
        struct lk_found *last = &r->found[kept - 1];
        struct lk_found *f = &r->found[i];
        if (f->device != last->device || f->inode != last->inode) {
            r->found[kept++] = *f;
            continue;
        }
        last->known |= f->known;
        last->named |= f->named;
        if (!has_path(last, f->path)) {
            char **grown = lk_reallocate(last->twin, (last->twins + 1) * sizeof *grown);
            if (grown != NULL) {
                last->twin = grown;
                last->twin[last->twins++] = f->path;
                f->path = NULL;
            } else {
                whole = false;
            }
        }
        lk_free(f->path);
    }
    r->found_count = kept;
    for (size_t i = 0; i < kept; i++)
        if (r->found[i].twins > 1)
            qsort(r->found[i].twin, r->found[i].twins, sizeof(char *), by_string);
    return whole;
}

/* The same trouble met twice, by overlapping paths, is one. */
static void join_problems(struct lk_discovery *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->problem_count; i++) {
        struct lk_problem *p = &r->problem[i];
        if (kept > 0 && r->problem[kept - 1].kind == p->kind &&
            strcmp(r->problem[kept - 1].path, p->path) == 0) {
            r->problem[kept - 1].named |= p->named;
            lk_free(p->path);
            lk_free(p->reason);
        } else {
            r->problem[kept++] = *p;
        }
    }
    r->problem_count = kept;
}

/* A store met by two paths is one. */
static void join_stores(struct lk_discovery *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->store_count; i++) {
        if (kept > 0 && strcmp(r->store[kept - 1], r->store[i]) == 0)
            lk_free(r->store[i]);
        else
            r->store[kept++] = r->store[i];
    }
    r->store_count = kept;
}

bool lk_found_tidy(struct lk_discovery *r)
{
    const bool whole = join_twins(r);
    if (r->found_count > 0)
        qsort(r->found, r->found_count, sizeof *r->found, by_path);
    if (r->problem_count > 0)
        qsort(r->problem, r->problem_count, sizeof *r->problem, problem_by_path);
    join_problems(r);
    if (r->store_count > 0)
        qsort(r->store, r->store_count, sizeof *r->store, by_string);
    join_stores(r);
    return whole;
}
