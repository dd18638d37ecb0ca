/* runtime/timers/phase.h - where the beats of repeating rows lie, kept in st_phase so that the next start goes on with them. The
 * scheduler's thread notes what it has armed, and writes it a moment later in transactions of its own: a process that is killed in
 * between has that row begin anew. All on that thread, but where it says otherwise. */
#ifndef ORO_TIMERS_PHASE_H
#define ORO_TIMERS_PHASE_H

#include <pthread.h>

#include "bridge/bsatn/scheduled_call.h"
#include "runtime/base/map.h"
#include "runtime/store/store.h"

struct oro_phases {
    struct oro_store *store;
    const struct oro_table_def *table; /* NULL: the schema has none (tests) */
    uint8_t kind;                      /* of their records */
    struct oro_map known;              /* by "table/key" */
    struct phase_write *writes;        /* not yet written */
    size_t nwrites, cap;
    pthread_mutex_t lock; /* for what follows; held while writing */
    bool held;
};

void oro_phases_init(struct oro_phases *p, const struct oro_schema *schema, struct oro_store *store,
                     uint8_t kind);
void oro_phases_fini(struct oro_phases *p);
/* Those that are stored. se: within a read. */
void oro_phases_load(struct oro_phases *p, struct oro_session *se);
/* A row that another transaction has written. */
void oro_phases_told(struct oro_phases *p, struct oro_bytes row);
/* A beat of the row on the wall clock; false: unknown, or of another interval. */
bool oro_phases_get(struct oro_phases *p, const struct oro_table_def *t, uint64_t key,
                    int64_t interval_us, int64_t *beat_us);
void oro_phases_set(struct oro_phases *p, const struct oro_table_def *t, uint64_t key,
                    int64_t interval_us, int64_t beat_us);
void oro_phases_drop(struct oro_phases *p, const struct oro_table_def *t, uint64_t key);
/* Drops those that nobody has asked for since the load: their rows went while no timers ran. */
void oro_phases_sweep(struct oro_phases *p);
/* Some of what is to be written, in one transaction. True: something was. */
bool oro_phases_write(struct oro_phases *p);
/* Any thread: from the return on nothing is written, until it is let go. */
void oro_phases_hold(struct oro_phases *p, bool held);

#endif
