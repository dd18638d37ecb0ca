/* runtime/views/groups_priv.h - the sums of a group (groups.c), and what is made of them (groups_row.c, groups_best.c). */
#ifndef ORO_VIEWS_GROUPS_PRIV_H
#define ORO_VIEWS_GROUPS_PRIV_H

#include <math.h>
#include <string.h>

#include "runtime/base/exact.h"
#include "runtime/views/views_priv.h"

/* Of one column of the view's row. */
struct acc {
    uint64_t n; /* values that are not NULL */
    /* sum, avg. What is not finite is counted: it could not be taken away again. */
    __int128 whole;
    struct oro_exact real;
    uint64_t nans, ups, downs;
    struct oro_bb best; /* min, max: the value; empty: none */
    bool stale;         /* it has gone */
};

struct group {
    uint64_t number; /* another one with each commit that changes it; 0: there is none */
    uint64_t rows;
    struct acc accs[];
};

struct staged_group {
    struct group *before, *now;
    bool was, is; /* shown */
    struct oro_bb row_before, row;
};
struct staged {
    struct live *l; /* borrowed: the change that has this holds it */
    struct oro_map groups;
};

/* groups_row.c: what clients see of a group. ORO_EINVAL: a sum does not fit. */
oro_status groups_row(const struct live *l, struct oro_bytes key, const struct group *g,
                      struct oro_bb *out, struct oro_err *err);
struct oro_bytes groups_key_value(struct oro_bytes key, unsigned n); /* of its n-th column */
__int128 groups_integer(const struct oro_type *t, const uint8_t *value);
double groups_double(const struct oro_type *t, const uint8_t *value);
/* groups_best.c: looks for the values that have gone. ORO_EFULL. */
oro_status groups_find_best(struct following *f, struct oro_bytes key, struct group *g,
                            struct oro_err *err);

#endif
