/* runtime/store/apply.h - what a transaction has changed, taken in as one: by recovery, for the tables of a new version of a module,
 * and by whoever follows the log of another store. The way in is one, so that all of them refuse the same. */
#ifndef ORO_STORE_APPLY_H
#define ORO_STORE_APPLY_H

#include "runtime/store/store.h"

enum oro_change_kind {
    ORO_CHANGE_INSERT, /* a row that is not there, by none of its unique keys */
    ORO_CHANGE_PUT,    /* the row there is now: new, or in place of the one with its primary key */
    ORO_CHANGE_DELETE, /* by primary key; by the whole row where the table has none */
    ORO_CHANGE_SEQUENCE, /* values below `allocated` are used up */
};

struct oro_change {
    enum oro_change_kind kind;
    unsigned sequence; /* of the table's */
    const struct oro_table_def *table;
    struct oro_bytes bytes; /* row or key, BSATN; borrowed until the call returns */
    uint64_t allocated;
};

/* Rows and keys are of their tables' types. ORO_EMALFORMED: err says which is not. For bytes that come from outside. */
ORO_MUST_CHECK oro_status oro_apply_check(const struct oro_change *changes, size_t n,
                                          struct oro_err *err);

/* Into a store that has neither sessions nor cursors; leaves no record. Deletions come first: a transaction may have exchanged
 * the values of a unique column. ORO_EMALFORMED: what it deletes is not there; ORO_EEXISTS: a unique key is taken. On failure
 * some of it may be in the store. One thread. */
ORO_MUST_CHECK oro_status oro_apply_load(struct oro_store *s, const struct oro_change *changes,
                                         size_t n, struct oro_err *err);

/* The same as one commit, whose record readers of the ring see; *seq is its seq. Sequences that were moved on have records of
 * their own before it. On failure the tables are as they were. The session's thread; waits for its turn. */
ORO_MUST_CHECK oro_status oro_apply_commit(struct oro_session *se, const struct oro_change *changes,
                                           size_t n, const struct oro_origin *origin, uint64_t *seq,
                                           struct oro_err *err);

#endif
