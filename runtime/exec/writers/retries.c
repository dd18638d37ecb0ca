/* runtime/exec/writers/retries.c - calls that had to run alone, since others changed twice what they read: counted for each reducer,
 * and its author is told when they are many. That they run at all is the matter of attempt.c. */
#include "runtime/exec/writers/attempt.h"

#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#define RETRIES_MANY 20
#define RETRIES_US 10000000 /* in so long; a burst at a start or a reload is none */

static void
tell(struct worker *w, const struct oro_reducer_def *reducer, unsigned calls)
{
    struct oro_clash clash = oro_session_clash(w->session);
    const char *table = clash.table != NULL ? clash.table->name : "a table";
    char *why;
    if (clash.kind == ORO_CLASH_TABLE)
        why = oro_asprintf(
            "it reads all of %s, which other calls change meanwhile; find(key) or filter() "
            "on an index reads less, and len() as much",
            table);
    else if (clash.kind == ORO_CLASH_RANGE)
        why = oro_asprintf(
            "it reads a range of %s, in which other calls change rows meanwhile; ask for a "
            "narrower one, or keep the sum in a row of its own",
            table);
    else
        why = oro_asprintf(
            "it changes a row of %s that other calls change too; give each caller a row "
            "of its own, and add them up where they are read",
            table);
    oro_py_warn_of_retries(w->py, reducer, calls, why);
    oro_free(why);
}

void
retries_note(struct worker *w, const struct oro_reducer_def *reducer)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct retries *r = &w->pool->metrics[reducer->id].retries;
    int64_t now = oro_mono_us();
    /* Two workers may both begin anew: a count is lost, or one too many. */
    if (now - atomic_load_explicit(&r->since_us, memory_order_relaxed) > RETRIES_US) {
        atomic_store_explicit(&r->since_us, now, memory_order_relaxed);
        atomic_store_explicit(&r->n, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed) + 1 == RETRIES_MANY)
        tell(w, reducer, RETRIES_MANY);
}
