/* What a question has left. */
#include "runtime/sql/sql_priv.h"

bool
sql_engine_pay(struct sql_engine *e, uint64_t n)
{
    struct oro_sql_ask *ask = e->ask;
    if (ask->stop != NULL && atomic_load_explicit(ask->stop, memory_order_relaxed)) {
        e->stopped = true;
        return false;
    }
    if (n > ask->steps) {
        ask->steps = 0;
        ask->spent = true;
        return false;
    }
    ask->steps -= n;
    return true;
}
