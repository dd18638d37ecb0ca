/* runtime/sql/sql.h - full SQL over the live state: SQLite's engine over virtual tables that read the store at one snapshot.
 * What it accepts, how values look in it and what it refuses stands in docs/sql.md.
 *
 * An engine is a connection to an empty database in memory, with a virtual table for each table that whoever asks may see:
 * for strangers the others are not there at all. Engines are kept in a pool; one that is in use belongs to its thread.
 * Whoever lets strangers ask calls it on reader threads only. */
#ifndef ORO_SQL_SQL_H
#define ORO_SQL_SQL_H

#include <stdatomic.h>

#include "runtime/base/parts.h"
#include "runtime/store/store.h"

/* Before SQLite is used for anything in this process: from then on what an engine may take is limited. Later it does nothing.
 * Main thread. */
void oro_sql_init(void);

struct oro_sql_pool;
struct oro_sql_pool *oro_sql_pool_create(void);    /* Gives */
void oro_sql_pool_destroy(struct oro_sql_pool *p); /* Takes p, NULL is fine; no query may run */
/* The tables have changed: engines over the old ones go. Any thread; no query may run. */
void oro_sql_pool_reset(struct oro_sql_pool *p);

/* Who asks, what is read, and what it may cost. */
struct oro_sql_ask {
    const struct oro_schema *schema;
    struct oro_store *store;
    struct oro_session *session; /* its reading is open, and stays it */
    struct oro_identity sender;  /* :sender */
    bool is_owner;               /* sees private tables */
    uint64_t steps;  /* rows read and instructions of SQLite's machine, together; goes down */
    uint64_t memory; /* bytes that the engine may take; 0: any number */
    uint64_t bytes;  /* of the answer; 0: any number */
    const atomic_bool *stop; /* NULL, or set by whoever wants it to end; seen soon */
    struct oro_tx *tx; /* NULL: it only reads; else what it reads and writes in, of the session */
    uint64_t tx_bytes; /* that the transaction may hold; 0: any number */
    bool spent;        /* the steps did not suffice */
    uint64_t inserted, deleted, updated; /* rows, by the statement that ran last */
    uint64_t rows; /* rows of our tables that were looked at: for tests, goes up */
};

/* Answers the statements of text, separated by `;`, as POST /sql does (docs/sql.md): appends a JSON array with one element for
 * each. Whole parts go to parts (NULL: to nowhere), the rest to out. ORO_EMALFORMED: the text names the place; ORO_EFULL: a
 * limit was reached; ORO_ETIMEOUT: stopped; ORO_ENOMEM. On failure what was appended is of no use. */
ORO_MUST_CHECK oro_status oro_sql_query(struct oro_sql_pool *p, struct oro_sql_ask *ask,
                                        struct oro_bytes text, struct oro_bb *out,
                                        struct oro_parts *parts, struct oro_err *err);

/* Whether a statement of the text begins as one that writes: it wants a transaction. */
bool oro_sql_writes(struct oro_bytes text);

#endif
