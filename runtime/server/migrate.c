/* The way of a row from the data to the module's @migration hook: runtime/tables asks, a worker's interpreter answers. */
#include "runtime/base/clock.h"
#include "runtime/exec/writers/map_rows.h"
#include "runtime/server/server_priv.h"

static oro_status
map(void *arg, const struct oro_map_rows *m, struct oro_err *err)
{
    struct server_hooks *h = arg;
    int64_t all = h->server->opt.init_timeout_us, now = oro_mono_us();
    const struct oro_py_map asked = oro_map_rows_asked(m, h->staged);
    if (h->end_us == 0 && all > 0)
        h->end_us = now + all;
    /* What is left; the last portion has a moment at least, so that it is interrupted by the one who knows the words. */
    int64_t left = all == 0 ? 0 : h->end_us > now ? h->end_us - now : 1;
    return oro_pool_map_rows(h->server->pool, &asked, left, err);
}

struct oro_migrator
oro_server_migrator(struct server_hooks *h)
{
    return (struct oro_migrator){map, h};
}
