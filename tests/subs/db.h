/* tests/subs/db.h - a store with one session and one cursor, and one-line transactions on it. */
#ifndef ORO_TESTS_SUBS_DB_H
#define ORO_TESTS_SUBS_DB_H

#include "runtime/store/tx.h"
#include "tests/subs/fixture.h"

struct db {
    struct oro_schema *schema;
    struct oro_store *store;
    struct oro_session *se;
    struct oro_cursor *cursor;
    struct oro_tx *tx;
};

static inline struct db
db_open(const char *const *lines)
{
    struct db d = {.schema = fixture_schema(lines)};
    struct oro_store_options opt = {0};
    struct oro_err err;
    oro_status st = oro_store_create(d.schema, &opt, &d.store, &err);
    ORO_ASSERT(st == ORO_OK);
    d.se = oro_session_open(d.store);
    d.cursor = oro_cursor_open(d.store);
    return d;
}

static inline void
db_close(struct db *d)
{
    oro_cursor_close(d->cursor);
    oro_session_close(d->se);
    oro_store_destroy(d->store);
    fixture_schema_free(d->schema);
}

static inline void
db_begin(struct db *d)
{
    d->tx = oro_tx_begin(d->se, false);
}

static inline const struct oro_commit *
db_commit(struct db *d)
{
    struct oro_origin origin = {.reducer = UINT32_MAX};
    uint64_t seq;
    oro_status st = oro_tx_commit(d->tx, &origin, &seq);
    ORO_ASSERT(st == ORO_OK);
    const struct oro_commit *c = oro_cursor_next(d->cursor);
    ORO_ASSERT(c != NULL && c->seq == seq);
    return c;
}

#endif
