/* tests/py/words.h - what a reducer says on standard error, where warnings about places of the module go. */
#ifndef ORO_TESTS_PY_WORDS_H
#define ORO_TESTS_PY_WORDS_H

#include "tests/py/fixture.h"

/* Given. The call ends with st. */
static inline char *
words_of(struct fixture *f, const char *reducer, oro_status st)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/words", f->dir);
    FILE *file = fopen(path, "w+");
    cr_assert_not_null(file);
    int kept = dup(2);
    dup2(fileno(file), 2);
    oro_status got = fixture_call(f, reducer, "[]");
    dup2(kept, 2);
    close(kept);
    cr_assert_eq(got, st, "%s: %s", reducer, fixture_text(f));
    char *text = calloc(1, 1 << 16);
    rewind(file);
    (void)!fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    return text;
}

static inline unsigned
words_count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

#endif
