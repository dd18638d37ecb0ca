/* The mark that init has run. Init's transaction carries it into the log and the tables (RECORD_INIT); where init stores nothing
 * it is written by itself. A connection of its own: the others belong to threads by now. */
#include "runtime/durable/durable_priv.h"

bool
oro_durable_needs_init(const struct oro_durable *d)
{
    return !atomic_load(&d->initialized);
}

oro_status
oro_durable_set_initialized(struct oro_durable *d, struct oro_err *err)
{
    struct db *db;
    oro_status st = db_open(d->path, &db, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "%s", d->path);
    st = db_exec(db, "PRAGMA wal_autocheckpoint = 0;" INITIALIZED_SQL, err);
    db_close(db);
    if (st == ORO_OK)
        atomic_store(&d->initialized, true);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "%s", d->path);
}
