/* The mark that init has run, for modules whose init stores nothing. A connection of its own: the others belong to threads by
 * now. */
#include "runtime/durable/durable_priv.h"

bool
oro_durable_needs_init(const struct oro_durable *d)
{
    struct db *db;
    int64_t marked = 0;
    if (!d->is_new)
        return false;
    if (db_open_reading(d->path, &db, NULL) != ORO_OK)
        return true; /* whoever writes there next says why */
    oro_status st =
        db_int(db, "SELECT count(*) FROM _orochi_meta WHERE key = '_initialized'", &marked, NULL);
    db_close(db);
    return st != ORO_OK || marked == 0;
}

oro_status
oro_durable_set_initialized(struct oro_durable *d, struct oro_err *err)
{
    struct db *db;
    oro_status st = db_open(d->path, &db, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "%s", d->path);
    st = db_exec(db,
                 "PRAGMA wal_autocheckpoint = 0;"
                 "INSERT OR REPLACE INTO _orochi_meta VALUES ('_initialized', 1)",
                 err);
    db_close(db);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "%s", d->path);
}
