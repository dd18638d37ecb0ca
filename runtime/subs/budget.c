/* What a query may cost: steps, bytes, and until when. */
#include "runtime/subs/query_priv.h"

#define FOUND_BYTES ((uint64_t)1 << 30) /* of one query's rows: a length of the wire has 32 bits */

oro_status
query_fail_steps(struct oro_err *err)
{
    return oro_err_set(err, ORO_EFULL,
                       "the query is too expensive: it would look at too many rows with too many "
                       "terms. An index on a column that it compares with `=`, fewer terms or a "
                       "LIMIT make it cheaper (query.max_steps)");
}

oro_status
query_spend(struct oro_budget *b, uint64_t steps, struct oro_err *err)
{
    if (steps > b->left) {
        b->spent = true;
        return query_fail_steps(err);
    }
    b->left -= steps;
    return ORO_OK;
}

oro_status
query_may_go_on(const struct oro_budget *b, struct oro_err *err)
{
    if (b->stop != NULL && atomic_load_explicit(b->stop, memory_order_relaxed))
        return oro_err_set(err, ORO_ETIMEOUT, "the query was interrupted: ask again");
    return ORO_OK;
}

oro_status
query_bytes_fit(uint64_t bytes, struct oro_err *err)
{
    if (bytes <= FOUND_BYTES)
        return ORO_OK;
    return oro_err_set(err, ORO_EFULL,
                       "the query finds more than 1 GiB of rows: ask for fewer at a time");
}
