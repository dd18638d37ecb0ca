/* runtime/subs/scratch.h - what a commit has touched, while it is applied; the memory is kept for the next one. */
#ifndef ORO_SUBS_SCRATCH_H
#define ORO_SUBS_SCRATCH_H

#include "runtime/subs/subs.h"

struct live_place;
struct live_query;
struct query_set;

struct touch { /* a changed row at a place of a join */
    const struct live_place *place;
    struct oro_bytes row;
    bool insert;
    uint32_t next; /* of the same live query; NOTICE_NONE: last */
};

struct tally { /* how much more or less often a row is in a join's result */
    struct oro_bytes row;
    int64_t more;
};

struct change { /* what a live query sees of the commit */
    struct live_query *live;
    struct oro_row_list inserts, deletes;
    struct oro_subs_change seen; /* of it, by those who are told */
};

struct notice { /* one change for one connection */
    struct query_set *set;
    uint32_t member;
    uint32_t change;
    uint32_t next; /* NOTICE_NONE: last */
};
#define NOTICE_NONE UINT32_MAX

#endif
