/* Opening and closing the files: the folder and its lock, the tables, the log beside them, and the schema of the file
 * brought to the module's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"
#include "runtime/tables/edits.h"

#define CHECKPOINT_BYTES (112u << 20)
#define CHECKPOINT_INTERVAL_S 60
#define UNIQUE_KEY "unique" /* of _orochi_meta: catalog_unique_text */

/* An empty file is made ours. */
static oro_status
check_format(struct oro_durable *d, struct oro_err *err)
{
    bool empty;
    oro_status st = data_format(d->tables, &empty, err);
    if (st != ORO_OK || !empty)
        return st;
    st = loss_of_database(d, err);
    if (st == ORO_OK)
        st = data_make(d->tables, err);
    return st;
}

static oro_status
open_tables(struct oro_durable *d, struct oro_err *err)
{
    /* Also where group commits need no sync: the log is dropped when the tables have it, so they have to be on disk. */
    const char *sync = d->mode == ORO_DURABLE_OFF ? "OFF" : "FULL";
    oro_status st = loss_in_wals(d, err);
    if (st == ORO_OK)
        st = data_open(d->path, sync, TABLES_PAGE, 32768, &d->tables, err);
    return st == ORO_OK ? check_format(d, err) : st;
}

/* ---- the schema of the file and the module's ---- */

/* Moves all of a log into the tables, with the types it was written with. */
static oro_status
apply_all(struct oro_durable *d, struct catalog *stored, struct oro_txlog *log, uint64_t *applied,
          struct oro_err *err)
{
    struct checkpoint k;
    bool more = true;
    oro_status st = ORO_OK;
    checkpoint_init(&k, stored, d->tables, log, *applied);
    while (st == ORO_OK && more)
        st = checkpoint_slice(&k, &more, err);
    *applied = k.applied;
    checkpoint_fini(&k);
    for (uint32_t i = 0; i < stored->n; i++)
        layout_unprepare(&stored->items[i]);
    return st;
}

#define MOST_REASONS 800

/* Reasons that do not all fit into err are told in the log. */
static oro_status
does_not_fit(const struct oro_durable *d, const struct oro_bb *reasons, struct oro_err *err)
{
    bool all = reasons->len <= MOST_REASONS;
    if (!all)
        oro_log(ORO_LOG_ERROR, "durable", "%s: the stored data does not fit the module: %.*s",
                d->path, (int)reasons->len, (const char *)reasons->data);
    return oro_err_set(err, ORO_EINVAL,
                       "the stored data does not fit the module: %.*s%s. Nothing was changed. "
                       "Change the module back, or start with --delete-data to begin empty",
                       all ? (int)reasons->len : MOST_REASONS, (const char *)reasons->data,
                       all ? "" : "...");
}

/* Changes the file for today's schema or says why that cannot be. */
static oro_status
fit_changed(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    struct oro_bb reasons = {0};
    oro_status st = apply_all(d, stored, d->log, applied, err);
    if (st == ORO_OK)
        st = catalog_reasons(d->tables, stored, d->schema, &reasons, d->mapped, err);
    if (st == ORO_OK)
        st = catalog_unique_reasons(d->tables, stored, d->schema, &reasons, err);
    if (st == ORO_OK && reasons.len > 0)
        st = does_not_fit(d, &reasons, err);
    oro_bb_fini(&reasons);
    return st;
}

static bool
has_all_tables(const struct catalog *stored, const struct oro_schema *schema)
{
    uint32_t want = 0;
    for (uint32_t i = 0; i < schema->ntables; i++)
        want += oro_table_is_kept(&schema->tables[i]);
    return want == stored->n;
}

/* The log that a backup has within the tables' file. */
static oro_status
apply_inner(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    struct oro_txlog *log;
    oro_status st = log_sqlite_within(d->tables, d->path, &log, err);
    if (st != ORO_OK)
        return st;
    if (oro_txlog_end(log) > 0)
        st = apply_all(d, stored, log, applied, err);
    oro_txlog_close(log, true);
    return st;
}

/* Opens the log, once what a backup or an earlier version has of it within the tables' file is in the tables. */
static oro_status
fit_log(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    int64_t at = 0;
    oro_status st =
        db_int(d->tables, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &at, err);
    *applied = (uint64_t)at;
    if (st == ORO_OK)
        st = apply_inner(d, stored, applied, err);
    if (st == ORO_OK)
        st = log_file_open(d, *applied, err);
    if (st == ORO_OK && *applied > 0) /* a crash came between the tables and this */
        st = oro_txlog_cut(d->log, *applied, err);
    d->is_new = st == ORO_OK && *applied == 0 && oro_txlog_end(d->log) == 0;
    return st;
}

/* What somebody has edited in the tables, on top of what the log has for them. */
static oro_status
fit_edits(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    struct edits edits;
    oro_status st = edits_read(d->tables, stored, &edits, err);
    if (st == ORO_OK && edits.n > 0)
        st = apply_all(d, stored, d->log, applied, err);
    if (st == ORO_OK && edits.n > 0)
        st = edits_write(d->tables, &edits, err);
    edits_fini(&edits);
    return st;
}

/* Files of an earlier format, once all that the log has is read with what they say. */
static oro_status
upgrade(struct oro_durable *d, struct oro_err *err)
{
    int64_t format = 0, marked = 0;
    oro_status st = db_int(d->tables, "PRAGMA user_version", &format, err);
    if (st == ORO_OK && format < FORMAT_VERSION)
        st = db_execf(d->tables, err, "BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT",
                      d->is_new || format >= 4 ? "" : INITIALIZED_SQL, FORMAT_VERSION);
    db_rollback(d->tables);
    if (st == ORO_OK && format < FORMAT_VERSION && !d->rehearsal)
        oro_log(ORO_LOG_INFO, "durable", "%s: brought from format %lld to %d", d->path,
                (long long)format, FORMAT_VERSION);
    if (st == ORO_OK)
        st = db_int(d->tables, "SELECT count(*) FROM _orochi_meta WHERE key = '_initialized'",
                    &marked, err);
    atomic_store(&d->initialized, marked > 0);
    return st;
}

static bool
any_mapped(const struct oro_durable *d)
{
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        if (d->mapped[i])
            return true;
    return false;
}

/* Columns whose values the module gives up, rows that its hooks change: what was there is kept beside, as a backup. */
static oro_status
keep_before(struct oro_durable *d, const struct catalog *stored, uint64_t applied,
            struct oro_err *err)
{
    if (d->rehearsal || (!catalog_gives_up(stored, d->schema) && !any_mapped(d)))
        return ORO_OK;
    char *file = oro_asprintf("%s.before-%llu", d->path, (unsigned long long)applied);
    /* A second try at the same data may not take the place of the first one's copy. */
    for (unsigned i = 2; access(file, F_OK) == 0; i++) {
        oro_free(file);
        file = oro_asprintf("%s.before-%llu-%u", d->path, (unsigned long long)applied, i);
    }
    oro_status st = backup_of_open(d->tables, NULL, file, d->name, err);
    if (st == ORO_OK)
        oro_log(ORO_LOG_WARN, "durable",
                "%s: the module changes stored rows; the data as it was is in %s (orochi restore)",
                d->path, file);
    oro_free(file);
    return st;
}

/* Each of the lines that were told. */
static void
log_told(const struct oro_durable *d, const struct oro_bb *told)
{
    struct oro_bytes rest = oro_bb_bytes(told);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t n = end != NULL ? (size_t)(end - rest.data) : rest.len;
        oro_log(ORO_LOG_INFO, "durable", "%s: %.*s", d->path, (int)n, (const char *)rest.data);
        rest = oro_bytes(rest.data + n, rest.len - n);
        if (end != NULL)
            rest = oro_bytes(rest.data + 1, rest.len - 1);
    }
}

static oro_status
fit_tables(struct oro_durable *d, const struct catalog *stored, struct oro_err *err)
{
    struct oro_bb told = {0};
    struct catalog_hooks hooks = {d->mapped, d->migrator, d->migrated, &told};
    catalog_tell(stored, d->schema, d->mapped, &told);
    oro_status st = catalog_migrate(d->tables, stored, d->schema, &hooks, err);
    if (st == ORO_OK && !d->is_new && !d->rehearsal)
        log_told(d, &told);
    if (st == ORO_OK && d->told != NULL)
        oro_bb_put_bytes(d->told, oro_bb_bytes(&told));
    oro_bb_fini(&told);
    return st;
}

/* Whether rows may be in the way of a constraint that only a hook can mend: looked for once for each set of them. */
static bool
unique_changed(struct oro_durable *d)
{
    bool hooked = false, changed = false;
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        hooked |= d->schema->tables[i].migration != NULL;
    if (!hooked)
        return false;
    struct oro_bb text = {0};
    char *was = oro_durable_meta_get(d, UNIQUE_KEY);
    catalog_unique_text(d->schema, &text);
    oro_bb_u8(&text, 0);
    changed = was == NULL || strcmp(was, (const char *)text.data) != 0;
    oro_bb_fini(&text);
    oro_free(was);
    return changed;
}

static oro_status
unique_keep(struct oro_durable *d, struct oro_err *err)
{
    struct oro_bb text = {0};
    catalog_unique_text(d->schema, &text);
    oro_bb_u8(&text, 0);
    oro_status st = oro_durable_meta_set(d, UNIQUE_KEY, (const char *)text.data, err);
    oro_bb_fini(&text);
    return st;
}

static oro_status
fit_schema(struct oro_durable *d, struct oro_err *err)
{
    struct catalog stored;
    uint64_t at;
    oro_status st = catalog_read(d->tables, &stored, err);
    if (st != ORO_OK)
        return st;
    st = catalog_check_tables(d->tables, &stored, err);
    if (st == ORO_OK)
        st = fit_log(d, &stored, &at, err);
    if (st == ORO_OK)
        st = fit_edits(d, &stored, &at, err);
    bool unique = st == ORO_OK && unique_changed(d);
    bool same = st == ORO_OK && catalog_unchanged(&stored, d->schema) && !unique;
    if (st == ORO_OK && !same)
        st = fit_changed(d, &stored, &at, err);
    else if (st == ORO_OK &&
             d->migrated != NULL) /* a reload: nobody replays what is in the log only */
        st = apply_all(d, &stored, d->log, &at, err);
    if (st == ORO_OK && !same) /* ids of tables that go may be used again */
        st = db_exec(d->tables, "DELETE FROM _orochi_rows", err);
    if (st == ORO_OK)
        st = upgrade(d, err);
    bool migrates = !(same && has_all_tables(&stored, d->schema));
    if (st == ORO_OK && migrates)
        st = keep_before(d, &stored, at, err);
    if (st == ORO_OK && migrates)
        st = fit_tables(d, &stored, err);
    if (st == ORO_OK && unique)
        st = unique_keep(d, err);
    catalog_fini(&stored);
    if (st == ORO_OK)
        st = catalog_bind(d->tables, d->schema, &d->catalog, err);
    if (st == ORO_OK)
        st = edits_watch(d->tables, &d->catalog, err);
    if (st != ORO_OK)
        return st;
    checkpoint_init(&d->checkpoint, &d->catalog, d->tables, d->log, at);
    d->checkpoint.look = log_look;
    d->checkpoint.stop = &d->stopping;
    d->checkpoint.arg = d;
    d->ids = ORO_NEW_ARRAY(uint32_t, d->schema->ntables + 1);
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        d->ids[i] = d->catalog.items[i].id;
    return ORO_OK;
}

/* Files that were not opened as they should be, or that were removed, are left as they are: closing the last connection would
 * copy the WAL into the file and delete what has its name now. */
static void
files_close(struct oro_durable *d)
{
    bool as_is = !d->was_started || atomic_load(&d->gone);
    oro_txlog_close(d->log, as_is);
    if (d->tables != NULL && as_is)
        db_close_as_is(d->tables);
    else
        db_close(d->tables);
    presence_end(&d->presence);
}

void
durable_free(struct oro_durable *d)
{
    if (d->catalog.items != NULL) {
        checkpoint_fini(&d->checkpoint);
        catalog_fini(&d->catalog);
    }
    files_close(d);
    if (d->log_ended)
        log_file_remove(d);
    data_unlock(&d->locks);
    changes_fini(&d->changes);
    changes_fini(&d->cut_changes);
    changes_fini(&d->pending);
    record_fini(&d->batch);
    oro_free(d->mapped);
    meta_forget(d);
    oro_free(d->rows);
    oro_free(d->cut_rows);
    oro_free(d->ids);
    oro_free(d->name);
    oro_free(d->path);
    oro_free(d->log_path);
    oro_free(d->log_id);
    oro_free(d->confirmed_path);
    oro_free(d->dir);
    oro_free(d);
}

static oro_status
delete_confirmed(struct oro_durable *d, struct oro_err *err)
{
    d->locks.held_data = false;
    return unlink(d->confirmed_path) == 0 || errno == ENOENT
               ? ORO_OK
               : oro_err_set(err, ORO_EIO, "cannot delete %s: %m", d->confirmed_path);
}

static struct oro_durable *
durable_new(const struct oro_durable_options *opt, const struct oro_schema *schema)
{
    static const char *const sync[] = {"FULL", "NORMAL", "OFF"};
    struct oro_durable *d = ORO_NEW(struct oro_durable);
    *d = (struct oro_durable){
        .locks = DATA_LOCKS_NONE,
        .mode = opt->mode,
        .sync = sync[opt->mode],
        .schema = schema,
        .checkpoint_bytes = opt->checkpoint_bytes != 0 ? opt->checkpoint_bytes : CHECKPOINT_BYTES,
        .checkpoint_interval_s =
            opt->checkpoint_interval_s != 0 ? opt->checkpoint_interval_s : CHECKPOINT_INTERVAL_S,
        .on_durable = opt->on_durable,
        .arg = opt->arg,
        .migrator = opt->migrator,
        .migrated = opt->migrated,
        .told = opt->told,
    };
    d->mapped = ORO_NEW_ARRAY(bool, schema->ntables + 1);
    pthread_mutex_init(&d->meta_lock, NULL);
    pressure_init(d);
    d->name = oro_strdup(opt->name);
    d->path = oro_asprintf("%s/%s.db", opt->dir, opt->name);
    d->log_path = log_path_of(d->path);
    d->confirmed_path = confirmed_path_of(d->path);
    d->begins_empty = opt->delete_data;
    d->rehearsal = opt->rehearsal;
    d->dir = oro_strdup(opt->dir);
    return d;
}

static oro_status
data_forget(struct oro_durable *d, struct oro_err *err)
{
    oro_status st = data_delete(d->path, err);
    if (st == ORO_OK)
        st = data_delete(d->log_path, err);
    return st == ORO_OK ? delete_confirmed(d, err) : st;
}

/* The folder and its locks; the data goes, if that is wanted. */
static oro_status
data_take(struct oro_durable *d, struct oro_err *err)
{
    oro_status st = oro_dir_make(d->dir, err);
    if (st == ORO_OK)
        st = data_check_files(d->dir, d->name, false, err);
    if (st == ORO_OK)
        st = data_lock(&d->locks, d->dir, d->name, err);
    if (st == ORO_OK)
        data_hide(d->dir, d->name);
    if (st == ORO_OK && d->begins_empty)
        st = data_forget(d, err);
    if (st == ORO_OK)
        st = loss_at_first_sight(d, err);
    return st == ORO_OK ? data_lock_database(&d->locks, d->path, err) : st;
}

oro_status
oro_durable_open(const struct oro_durable_options *opt, const struct oro_schema *schema,
                 struct oro_durable **out, struct oro_err *err)
{
    struct oro_err mine = {0};
    struct oro_durable *d = durable_new(opt, schema);
    oro_status st = data_take(d, err);
    if (st == ORO_OK) {
        st = open_tables(d, &mine);
        if (st == ORO_OK)
            st = fit_schema(d, &mine);
        if (st != ORO_OK) {
            oro_err_wrap(&mine, "%s", d->path);
            damaged_advise(d->path, st, &mine, err);
        }
    }
    if (st != ORO_OK) {
        rescued_hint(opt->dir, opt->name, st, err);
        durable_free(d);
        return st;
    }
    frame_keep(d);
    data_lock_note(&d->locks);
    *out = d;
    return ORO_OK;
}

void
oro_durable_reasons(struct oro_store *store, const struct oro_schema *schema,
                    struct oro_bb *reasons, bool *mapped)
{
    catalog_store_reasons(store, schema, reasons, mapped);
}

bool
oro_durable_is_new(const struct oro_durable *d)
{
    return d->is_new;
}

char *
oro_durable_meta_get(struct oro_durable *d, const char *key)
{
    struct db_stmt *s;
    bool row = false;
    char *value = NULL;
    if (db_prepare(d->tables, "SELECT value FROM _orochi_meta WHERE key = ?", &s, NULL) != ORO_OK)
        return NULL;
    db_bind_text(s, 1, oro_bytes_str(key));
    if (db_step(s, &row, NULL) == ORO_OK && row)
        value = db_column_str(s, 0);
    db_finalize(s);
    return value;
}

oro_status
oro_durable_meta_set(struct oro_durable *d, const char *key, const char *value, struct oro_err *err)
{
    ORO_ASSERT(!d->started && key[0] != '_');
    return meta_put(d->tables, oro_bytes_str(key), value, err);
}
