/* A file of the database was removed, cut or overwritten while the server runs: all rows are in memory still, and go into a
 * backup beside it, <name>.db.rescued. It is written when that is noticed, in case the process does not end in peace, and once
 * more at the end, with what came since. Nothing of the old files is read: what is left of them is not to be trusted. */
#include <stdio.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"

static oro_status
put_metas(struct oro_durable *d, struct db *db, struct oro_err *err)
{
    const struct oro_map_slot *slot;
    oro_status st = ORO_OK;
    pthread_mutex_lock(&d->meta_lock);
    for (size_t i = 0; st == ORO_OK && oro_map_next(&d->meta, &i, &slot);)
        st = meta_put(db, oro_bytes(slot->key, slot->key_len), slot->value, err);
    pthread_mutex_unlock(&d->meta_lock);
    if (st == ORO_OK && atomic_load(&d->initialized))
        st = db_exec(db, INITIALIZED_SQL, err);
    if (st == ORO_OK)
        st = meta_put(db, oro_bytes_str("_name"), d->name, err);
    return st == ORO_OK
               ? db_execf(db, err, "INSERT OR REPLACE INTO _orochi_meta VALUES ('_applied', %llu)",
                          (unsigned long long)oro_store_offset(d->store))
               : st;
}

/* ---- the tables ---- */

static oro_status
put_rows(struct db *db, struct layout *l, struct oro_session *se, struct oro_err *err)
{
    struct oro_rows rows;
    struct oro_bb key = {0};
    oro_status st = ORO_OK;
    oro_read_scan(se, l->def, &rows);
    for (size_t i = 0; st == ORO_OK && i < rows.n; i++) {
        oro_bb_clear(&key);
        layout_key(l, rows.rows[i], &key);
        st = layout_put(l, db, oro_bb_bytes(&key), rows.rows[i], err);
    }
    layout_unprepare(l);
    oro_bb_fini(&key);
    return st;
}

static oro_status
put_sequences(struct db *db, const struct layout *l, struct oro_store *store, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < l->def->nsequences; i++)
        st = db_execf(db, err, "INSERT OR REPLACE INTO _orochi_sequences VALUES (%u, %u, %lld)",
                      l->id, l->def->sequences[i].col,
                      (long long)oro_store_sequence(store, l->def, i));
    return st;
}

static oro_status
put_tables(struct oro_durable *d, struct db *db, struct catalog *c, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(d->store);
    oro_status st = ORO_OK;
    oro_read_begin(se);
    for (uint32_t i = 0; st == ORO_OK && i < c->n; i++) {
        if (c->items[i].id == 0)
            continue;
        st = put_rows(db, &c->items[i], se, err);
        if (st == ORO_OK)
            st = put_sequences(db, &c->items[i], d->store, err);
    }
    oro_read_end(se);
    oro_session_close(se);
    return st;
}

static oro_status
fill(struct oro_durable *d, struct db *db, struct oro_err *err)
{
    struct catalog nothing = {0}, c;
    struct catalog_hooks hooks = {0};
    oro_status st = db_exec(db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", err);
    if (st == ORO_OK)
        st = data_make(db, err);
    if (st == ORO_OK)
        st = catalog_migrate(db, &nothing, d->schema, &hooks, err);
    if (st == ORO_OK)
        st = catalog_bind(db, d->schema, &c, err);
    if (st != ORO_OK)
        return st;
    st = db_exec(db, "BEGIN IMMEDIATE", err);
    if (st == ORO_OK)
        st = put_tables(d, db, &c, err);
    if (st == ORO_OK)
        st = put_metas(d, db, err);
    if (st == ORO_OK)
        st = db_exec(db, "COMMIT", err);
    db_rollback(db);
    catalog_fini(&c);
    return st;
}

/* ---- the file ---- */

static oro_status
rescue_into(struct oro_durable *d, const char *part, const char *file, struct oro_err *err)
{
    struct db *db;
    oro_status st = data_delete(part, err);
    if (st == ORO_OK)
        st = db_open(part, &db, err);
    if (st != ORO_OK)
        return st;
    st = fill(d, db, err);
    db_close(db);
    if (st == ORO_OK)
        st = oro_file_sync(part, err);
    if (st == ORO_OK && rename(part, file) != 0)
        st = oro_err_set(err, ORO_EIO, "cannot rename %s to %s: %m", part, file);
    if (st == ORO_OK)
        return oro_file_sync_folder_of(file, err);
    (void)!data_delete(part, NULL);
    return st;
}

void
durable_rescue(struct oro_durable *d)
{
    struct oro_err err = {0};
    char *file = rescued_path_of(d->path), *part = oro_asprintf("%s.part", file);
    bool ends = atomic_load(&d->stopping);
    oro_status st = oro_dir_make(d->dir, &err);
    if (st == ORO_OK)
        st = rescue_into(d, part, file, &err);
    if (st == ORO_OK)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: a data file was removed or damaged while the server ran. All data%s is in %s: "
                "put it back with `orochi restore %s --data %s --name %s --force`",
                d->path, ends ? "" : " up to now", file, file, d->dir, d->name);
    else
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: a data file was removed or damaged while the server ran, and the data cannot "
                "be written to %s: %s. %s",
                d->path, file, err.text,
                ends
                    ? "Restore a backup (orochi restore)"
                    : "It is in memory still: make room, or mend the folder, then stop the server, "
                      "which tries once more");
    oro_free(part);
    oro_free(file);
}

void
rescued_hint(const char *dir, const char *name, oro_status st, struct oro_err *err)
{
    char *path = oro_asprintf("%s/%s.db", dir, name), *file = rescued_path_of(path);
    if (st == ORO_EMALFORMED && access(file, R_OK) == 0) {
        char *was = oro_strdup(err->text);
        oro_err_set(
            err, st,
            "a server that ran here noticed it and has put all of its data into %s: `orochi "
            "restore %s --data %s --name %s --force`. %s",
            file, file, dir, name, was);
        oro_free(was);
    }
    oro_free(file);
    oro_free(path);
}
