/* runtime/tables/checkpoint.h - the way of what has changed into the tables. One thread. */
#ifndef ORO_TABLES_CHECKPOINT_H
#define ORO_TABLES_CHECKPOINT_H

#include <stdatomic.h>

#include "runtime/base/mem.h"
#include "runtime/log/log.h"
#include "runtime/log/record.h"
#include "runtime/store/store.h"
#include "runtime/tables/catalog.h"
#include "runtime/tables/changes.h"

#define INITIALIZED_SQL "INSERT OR REPLACE INTO _orochi_meta VALUES ('_initialized', 1)"

/* Moves transactions from the log into the tables. */
struct checkpoint {
    struct catalog *catalog;
    struct db *tables;
    struct oro_txlog *log; /* NULL: there is none, all comes from the store */
    uint64_t applied;
    uint64_t until;          /* not beyond this offset of the log; 0: all of it */
    const atomic_bool *stop; /* or NULL: give up when it is set */
    bool (*late)(void *arg); /* or NULL: the same, asked now and then */
    void (*look)(void *arg); /* or NULL: called now and then while it writes */
    void *arg;
    size_t limit;   /* rows of one SQL transaction */
    uint64_t freed; /* bytes of log that are in the tables now; the owner sets it to 0 */
    /* One slice. */
    struct oro_arena arena;
    struct checkpoint_slot *slots; /* a hash table by table and key */
    struct checkpoint_place *places;
    size_t nslots, n, bytes, read;
    const uint64_t *rows; /* by position in the schema; NULL: not known */
    struct checkpoint_sequence *sequences;
    size_t nseq, seq_cap;
    bool initializes; /* init's transaction is among them */
    uint64_t *
        marks; /* offsets to drop the log up to, one after the other; none left over: all is dropped */
    size_t nmarks, marks_cap;
};
void checkpoint_init(struct checkpoint *k, struct catalog *catalog, struct db *tables,
                     struct oro_txlog *log, uint64_t applied);
void checkpoint_fini(struct checkpoint *k);
/* *more: there may be more to move. On failure the tables have not changed, or the log has not and will shrink next time. */
ORO_MUST_CHECK oro_status checkpoint_slice(struct checkpoint *k, bool *more, struct oro_err *err);
/* Copies the rows that have changed, as they are at the session's snapshot, which nobody needs after that. */
void checkpoint_gather(struct checkpoint *k, const struct changes *changes,
                       const struct oro_schema *schema, struct oro_session *se);
/* Writes what was gathered; the tables are at `upto` then, and the log is cut at the marks. *written: the tables have changed;
 * it may be that, and the log not: that shrinks the next time. */
ORO_MUST_CHECK oro_status checkpoint_changes(struct checkpoint *k, const struct changes *changes,
                                             const uint64_t *rows, uint64_t upto, bool *written,
                                             struct oro_err *err);

#endif
