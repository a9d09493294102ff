#include "base/text.h"

#define LONGEST_NAME 31

/* Edit distance with swaps of neighbours (optimal string alignment), of words of at most LONGEST_NAME bytes.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[3][LONGEST_NAME + 1] = {{0}};
    for (size_t j = 0; j <= b_len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *const now = row[i % 3];
        const size_t *const last = row[(i + 2) % 3];
        const size_t *const before_last = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before_last[j - 2] + 1 < best)
                best = before_last[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a_len % 3][b_len];
}

const char *lk_text_nearest(const char *word, const char *const *names, size_t count)
{
    const size_t len = strlen(word);
    if (len < 2 || len > LONGEST_NAME)
        return NULL;
    const char *begun = NULL, *best = NULL;
    size_t beginnings = 0;
    size_t best_distance = 1 + len / 3; /* two letters wrong in a short word make another word */
    for (size_t i = 0; i < count; i++) {
        const size_t name_len = strlen(names[i]);
        if (name_len > LONGEST_NAME)
            continue;
        if (strncmp(word, names[i], len) == 0) {
            begun = names[i];
            beginnings++;
        }
        const size_t d = distance(word, len, names[i], name_len);
        if (d <= best_distance && (best == NULL || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return beginnings == 1 ? begun : best;
}
