#include "cli/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The character at *text, which is moved behind it. UTF-8 is taken as valid: the tables are. */
static uint32_t next(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    const unsigned more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 0 ? p[0] : p[0] & (0x3fU >> more);
    *text += 1;
    for (unsigned i = 0; i < more && **text != '\0'; i++)
        c = c << 6 | ((unsigned char)*(*text)++ & 0x3fU);
    return c;
}

/* How a character is written that roff would take for something else; NULL: as it is. */
static const char *spelled(uint32_t c)
{
    switch (c) {
    case '\\':
        return "\\(rs";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '"':
        return "\\(dq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    default:
        return NULL;
    }
}

void lk_roff_text(FILE *to, const char *text, int start)
{
    bool fresh = start != 0;
    while (*text != '\0') {
        const uint32_t c = next(&text);
        /* An apostrophe never stands in the source, so a point is the only control character. */
        if (fresh && c == '.')
            fputs("\\&", to);
        fresh = c == '\n';
        const char *special = spelled(c);
        if (special != NULL)
            fputs(special, to);
        else if (c >= 0x80)
            fprintf(to, "\\[u%04X]", (unsigned)c);
        else
            fputc((int)c, to);
    }
}

void lk_roff_bold(FILE *to, const char *text)
{
    fputs("\\fB", to);
    lk_roff_text(to, text, 0);
    fputs("\\fR", to);
}

void lk_roff_italic(FILE *to, const char *text)
{
    fputs("\\fI", to);
    lk_roff_text(to, text, 0);
    fputs("\\fR", to);
}

void lk_roff_usage(FILE *to, const char *usage)
{
    char run[128];
    while (*usage != '\0') {
        size_t len = strcspn(usage, "[]|. =@:,/");
        const bool plain = len == 0;
        if (plain)
            len = 1;
        if (len >= sizeof run)
            len = sizeof run - 1;
        memcpy(run, usage, len);
        run[len] = '\0';
        usage += len;
        if (plain)
            lk_roff_text(to, run, 0);
        else if (isupper((unsigned char)run[0]))
            lk_roff_italic(to, run);
        else
            lk_roff_bold(to, run);
    }
}

void lk_roff_sentence(FILE *to, const char *text, char end)
{
    /* The program's own name and what is no plain word ("~/data", "a,b") keep their spelling. */
    const size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    char capital[2] = {0};
    if (word > 0 && strchr(" ,;:'", text[word]) != NULL && strncmp(text, "litekeep", 8) != 0)
        capital[0] = (char)toupper((unsigned char)*text++);
    lk_roff_text(to, capital, 1);
    lk_roff_text(to, text, capital[0] == '\0');
    const size_t len = strlen(text);
    if (len == 0 || strchr(".!?", text[len - 1]) == NULL)
        fputc(end, to);
    fputc('\n', to);
}

void lk_roff_verbatim(FILE *to, const char *text)
{
    fputs(".RS 4\n.nf\n", to);
    lk_roff_text(to, text, 1);
    fputs("\n.fi\n.RE\n", to);
}
