/* Marks that are set while the server runs. The one that init has run: Init's transaction carries it into the log and the tables (RECORD_INIT); where init stores nothing
 * it is written by itself. A connection of its own: the others belong to threads by now. */
#include "runtime/durable/durable_priv.h"

#include <stdlib.h>
#include <string.h>

bool
oro_durable_needs_init(const struct oro_durable *d)
{
    return !atomic_load(&d->initialized);
}

static oro_status
note(struct oro_durable *d, const char *key, const char *value, struct oro_err *err)
{
    struct db *db;
    oro_status st = db_open(d->path, &db, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "%s", d->path);
    st = db_exec(db, "PRAGMA wal_autocheckpoint = 0", err);
    if (st == ORO_OK)
        st = meta_put(db, oro_bytes_str(key), value, err);
    db_close(db);
    if (st == ORO_OK)
        meta_remember(d, key, value);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "%s", d->path);
}

oro_status
oro_durable_set_initialized(struct oro_durable *d, struct oro_err *err)
{
    oro_status st = note(d, "_initialized", "1", err);
    if (st == ORO_OK)
        atomic_store(&d->initialized, true);
    return st;
}

oro_status
oro_durable_meta_note(struct oro_durable *d, const char *key, const char *value,
                      struct oro_err *err)
{
    ORO_ASSERT(key[0] != '_');
    return note(d, key, value, err);
}

/* "<value>@<offset>": of the transaction before it. */
oro_status
oro_durable_will_run(struct oro_durable *d, const char *key, const char *value,
                     const struct oro_store *store, struct oro_err *err)
{
    char *text = oro_asprintf("%s@%llu", value, (unsigned long long)oro_store_offset(store));
    oro_status st = oro_durable_meta_note(d, key, text, err);
    oro_free(text);
    return st;
}

char *
oro_durable_ran_get(struct oro_durable *d, const char *key, const struct oro_store *store)
{
    char *text = oro_durable_meta_get(d, key), *at = text != NULL ? strrchr(text, '@') : NULL;
    if (at == NULL)
        return text;
    bool is_there = oro_store_offset(store) > strtoull(at + 1, NULL, 10);
    *at = '\0';
    if (is_there) { /* said plainly from now on: a repaired log may be shorter */
        (void)!oro_durable_meta_set(d, key, text, NULL);
        return text;
    }
    oro_free(text);
    return NULL;
}
