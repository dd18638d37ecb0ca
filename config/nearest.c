/* config/nearest.c - which setting or flag a word was meant to be that is none: the nearest by insertions, deletions, replacements and
 * exchanges of neighbours (optimal string alignment), if it takes few of them. */
#include <stdio.h>
#include <string.h>

#include "config/config_priv.h"

#define LONGEST 64 /* of a name that is compared; settings are shorter */

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned row[3][LONGEST + 1]; /* the last two lines of the table, and this one */
    for (unsigned j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = row[i % 3], *above = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = least(least(above[j], now[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

struct guess {
    const char *word;
    size_t len;
    const char *best;
    size_t best_len;
    unsigned far; /* more is too far */
};

static void
guess_try(struct guess *g, const char *name, size_t n)
{
    if (n == 0 || n > LONGEST || g->len > LONGEST)
        return;
    unsigned d = distance(g->word, g->len, name, n);
    if (d >= g->far)
        return;
    g->far = d;
    g->best = name;
    g->best_len = n;
}

static const char *
told(const struct guess *g, const char *before, char *out, size_t size)
{
    if (g->best == NULL)
        out[0] = '\0';
    else
        snprintf(out, size, "did you mean %s%.*s? ", before, (int)g->best_len, g->best);
    return out;
}

const char *
setting_meant(const char *name, char *out, size_t size)
{
    struct guess g = {.word = name, .len = strlen(name), .far = 4};
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].kind != SETTING_SECTION)
            guess_try(&g, settings[i].name, strlen(settings[i].name));
    return told(&g, "", out, size);
}

const char *
setting_meant_flag(const char *flag, char *out, size_t size)
{
    flag += strspn(flag, "-");
    struct guess g = {.word = flag, .len = strcspn(flag, "="), .far = 3};
    guess_try(&g, "config", 6);
    guess_try(&g, "env", 3);
    guess_try(&g, "help", 4);
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].kind != SETTING_SECTION)
            guess_try(&g, settings[i].flag != NULL ? settings[i].flag : "",
                      setting_flag_len(&settings[i]));
    return told(&g, "--", out, size);
}
