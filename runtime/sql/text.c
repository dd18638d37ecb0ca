/* A text as SQLite gets it, and where in the one that was asked each part of it comes from. */
#include "runtime/sql/sql_priv.h"

void
sql_text_fini(struct sql_text *t)
{
    oro_bb_fini(&t->bb);
    oro_free(t->shifts);
    *t = (struct sql_text){0};
}

size_t
sql_text_origin(const struct sql_text *t, size_t at)
{
    struct sql_shift last = {0};
    size_t i = 0;
    for (; i < t->nshifts && t->shifts[i].here <= at; i++)
        last = t->shifts[i];
    size_t there = last.there + (at - last.here);
    if (i < t->nshifts && there > t->shifts[i].there)
        there = t->shifts[i].there; /* within what was put in its place */
    return there;
}
