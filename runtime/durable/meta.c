/* The small texts of _orochi_meta, which are in no table of the store: remembered from the start on, for a file that is to be made without
 * the old one. */
#include "runtime/durable/durable_priv.h"

oro_status
meta_put(struct db *db, struct oro_bytes key, const char *value, struct oro_err *err)
{
    struct db_stmt *s;
    oro_status st = db_prepare(db, "INSERT OR REPLACE INTO _orochi_meta VALUES (?, ?)", &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_text(s, 1, key);
    db_bind_text(s, 2, oro_bytes_str(value));
    st = db_run(s, err);
    db_finalize(s);
    return st;
}

oro_status
meta_remember_all(struct oro_durable *d, struct oro_err *err)
{
    struct db_stmt *s;
    bool row;
    oro_status st = db_prepare(d->tables,
                               "SELECT key, value FROM _orochi_meta WHERE key NOT IN ('_log', "
                               "'_log_gone', '_applied')",
                               &s, err);
    if (st != ORO_OK)
        return st;
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        char *key = db_column_str(s, 0), *value = db_column_str(s, 1);
        meta_remember(d, key, value);
        oro_free(key);
        oro_free(value);
    }
    db_finalize(s);
    return st;
}

void
meta_remember(struct oro_durable *d, const char *key, const char *value)
{
    pthread_mutex_lock(&d->meta_lock);
    oro_free(oro_map_put(&d->meta, oro_bytes_str(key), oro_strdup(value)));
    pthread_mutex_unlock(&d->meta_lock);
}

void
meta_forget(struct oro_durable *d)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&d->meta, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&d->meta);
    pthread_mutex_destroy(&d->meta_lock);
}
