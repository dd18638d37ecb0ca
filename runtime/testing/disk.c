#include "runtime/testing/disk.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/thread.h"
#include "runtime/exec/writers/pool.h"
#include "runtime/store/apply.h"
#include "runtime/timers/install.h"

#define DATABASE_KEY "database" /* as a server calls them */
#define MODULE_KEY "module"
#define PATIENCE_US 10000000 /* for what is under way to the disk */

struct disk {
    struct oro_durable *durable;
    struct oro_store *store; /* borrowed */
    struct oro_wake moved;   /* the mark of what is durable */
    const struct oro_schema *schema;
    struct oro_identity database;
    bool *once_new; /* by position in schema->schedules */
    bool changed;
};

/* 1: nothing is reserved that a restart would skip. */
const struct oro_store_options testing_store_options = {.sequence_block = 1};

/* What a server says of its data at a start and a stop is no part of a test's output; that it is damaged is. */
static enum oro_log_level
hush(void)
{
    enum oro_log_level before = oro_log_level();
    if (before > ORO_LOG_WARN)
        oro_log_set_level(ORO_LOG_WARN);
    return before;
}

/* On the log thread. */
static void
on_durable(void *disk)
{
    struct disk *d = disk;
    oro_wake_broadcast(&d->moved);
}

/* Whether all that was published is on disk, or is within a time. */
static bool
written(struct disk *d)
{
    uint64_t seq = oro_store_seq(d->store);
    int64_t end = oro_mono_us() + PATIENCE_US, left;
    oro_durable_wake(d->durable);
    while (oro_durable_seq(d->durable) < seq && (left = end - oro_mono_us()) > 0) {
        unsigned seen = oro_wake_prepare(&d->moved);
        if (oro_durable_seq(d->durable) < seq)
            oro_wake_wait(&d->moved, seen, left);
    }
    return oro_durable_seq(d->durable) >= seq;
}

static oro_status
files_open(const struct disk_place *at, bool anew, struct disk *d, struct oro_err *err)
{
    struct oro_durable_options opt = {
        .dir = at->folder,
        .name = at->name,
        .mode = at->passing ? ORO_DURABLE_OFF : ORO_DURABLE_NORMAL,
        .delete_data = anew,
        .on_durable = on_durable,
        .arg = d,
        .migrator = at->migrator,
        .migrated = at->migrated,
    };
    return oro_durable_open(&opt, at->schema, &d->durable, err);
}

/* The data's own; new data has the one that is given. */
static oro_status
identity_keep(struct oro_durable *durable, const struct oro_identity *given,
              struct oro_identity *out, struct oro_err *err)
{
    char text[65], *kept = oro_durable_meta_get(durable, DATABASE_KEY);
    if (kept == NULL) {
        *out = *given;
        oro_identity_text(out, text);
        return oro_durable_meta_set(durable, DATABASE_KEY, text, err);
    }
    bool fine = oro_identity_parse(kept, out);
    oro_free(kept);
    return fine ? ORO_OK
                : oro_err_set(err, ORO_EMALFORMED, "the data file holds a damaged " DATABASE_KEY);
}

static bool
module_changed(struct oro_durable *durable, const struct oro_store *store,
               const struct oro_schema *schema)
{
    char *before = oro_durable_ran_get(durable, MODULE_KEY, store);
    bool same = before != NULL && schema->hash != NULL && strcmp(before, schema->hash) == 0;
    oro_free(before);
    return !same;
}

static oro_status
read_all(const struct disk_place *at, struct disk *d, struct oro_store *store, struct oro_err *err)
{
    oro_status st = oro_durable_recover(d->durable, store, err);
    if (st == ORO_OK)
        st = identity_keep(d->durable, at->database, &d->database, err);
    if (st != ORO_OK)
        return st;
    d->changed = module_changed(d->durable, store, at->schema);
    oro_schedules_look(at->schema, d->durable, &d->once_new);
    d->store = store;
    return oro_durable_start(d->durable, store, err);
}

static oro_status
open_all(const struct disk_place *at, struct disk *d, struct oro_store **store, struct oro_err *err)
{
    oro_status st = files_open(at, false, d, err);
    if (st != ORO_OK)
        return st;
    st = oro_store_create(at->schema, &testing_store_options, store, err);
    if (st == ORO_OK)
        st = read_all(at, d, *store, err);
    return st;
}

oro_status
testing_disk_open(const struct disk_place *at, struct disk **out, struct oro_store **store,
                  struct oro_err *err)
{
    enum oro_log_level before = hush();
    struct disk *d = ORO_NEW(struct disk);
    d->schema = at->schema;
    *store = NULL;
    oro_status st = open_all(at, d, store, err);
    if (st != ORO_OK) {
        (void)!testing_disk_close(d); /* nothing was to be written */
        if (*store != NULL)
            oro_store_destroy(*store);
        *store = NULL;
        d = NULL;
    }
    oro_log_set_level(before);
    *out = d;
    return st;
}

bool
testing_disk_close(struct disk *d)
{
    if (d == NULL)
        return true;
    enum oro_log_level before = hush();
    bool all = oro_durable_stop(d->durable);
    oro_log_set_level(before);
    oro_free(d->once_new);
    oro_free(d);
    return all;
}

void
testing_disk_tell(struct disk *d)
{
    if (d == NULL)
        return;
    oro_durable_wake(d->durable);
    oro_durable_throttle(d->durable);
}

/* ---- a whole store ---- */

struct list {
    struct oro_change *items;
    size_t n, cap;
};

static struct oro_change *
add(struct list *l, enum oro_change_kind kind, const struct oro_table_def *t)
{
    l->items = oro_grow(l->items, l->n, &l->cap, sizeof(*l->items));
    struct oro_change *c = &l->items[l->n++];
    *c = (struct oro_change){.kind = kind, .table = t};
    return c;
}

/* The rows and sequences of a table, as those of the table of that name in the other schema, which is the same. */
static void
add_table(struct list *l, struct oro_store *from, struct oro_session *se,
          const struct oro_table_def *t, const struct oro_table_def *as)
{
    struct oro_rows rows;
    oro_read_scan(se, t, &rows);
    for (size_t i = 0; i < rows.n; i++)
        add(l, ORO_CHANGE_INSERT, as)->bytes = rows.rows[i];
    for (uint32_t i = 0; i < t->nsequences; i++) {
        struct oro_change *c = add(l, ORO_CHANGE_SEQUENCE, as);
        c->sequence = i;
        c->allocated = oro_store_sequence(from, t, i);
    }
}

static oro_status
copy_rows(struct oro_store *from, struct oro_store *to, struct oro_err *err)
{
    const struct oro_schema *was = oro_store_schema(from), *now = oro_store_schema(to);
    struct oro_session *reader = oro_session_open(from), *writer = oro_session_open(to);
    struct oro_origin origin = {
        .kind = ORO_ORIGIN_INTERNAL, .reducer = UINT32_MAX, .initializes = true};
    struct list all = {0};
    uint64_t seq;
    (void)oro_read_begin(reader);
    for (uint32_t i = 0; i < was->ntables; i++) {
        const struct oro_table_def *as = oro_schema_table(now, oro_bytes_str(was->tables[i].name));
        if (as != NULL)
            add_table(&all, from, reader, &was->tables[i], as);
    }
    oro_status st = oro_apply_commit(writer, all.items, all.n, &origin, &seq, err);
    oro_read_end(reader);
    oro_session_close(reader);
    oro_session_close(writer);
    oro_free(all.items);
    return st;
}

static oro_status
write_all(const struct disk_place *at, struct oro_store *from, struct disk *d,
          struct oro_store **store, struct oro_err *err)
{
    oro_status st = files_open(at, true, d, err);
    if (st == ORO_OK)
        st = oro_store_create(at->schema, &testing_store_options, store, err);
    if (st == ORO_OK)
        st = read_all(at, d, *store, err);
    if (st == ORO_OK)
        st = copy_rows(from, *store, err);
    return st == ORO_OK ? testing_disk_settle(d, err) : st;
}

oro_status
testing_disk_write(const struct disk_place *at, struct oro_store *from, struct oro_err *err)
{
    enum oro_log_level before = hush();
    struct disk *d = ORO_NEW(struct disk);
    struct oro_store *store = NULL;
    d->schema = at->schema;
    oro_status st = write_all(at, from, d, &store, err);
    if (!testing_disk_close(d) && st == ORO_OK)
        st = oro_err_set(err, ORO_EIO, "not all could be written to %s", at->folder);
    if (store != NULL)
        oro_store_destroy(store);
    oro_log_set_level(before);
    return st;
}

/* ---- what a start finds ---- */

bool
testing_disk_needs_init(const struct disk *d)
{
    return oro_durable_needs_init(d->durable);
}

bool
testing_disk_changed(const struct disk *d)
{
    return d->changed;
}

bool
testing_disk_once_new(const struct disk *d, uint32_t schedule)
{
    return d->once_new[schedule];
}

const struct oro_identity *
testing_disk_database(const struct disk *d)
{
    return &d->database;
}

oro_status
testing_disk_settle(struct disk *d, struct oro_err *err)
{
    if (!written(d))
        return oro_err_set(err, ORO_EIO, "the disk does not take what was written");
    oro_status st = oro_durable_set_initialized(d->durable, err);
    if (st == ORO_OK)
        st = oro_schedules_note(d->schema, d->durable, d->once_new, err);
    if (st == ORO_OK && d->schema->hash != NULL)
        st = oro_durable_meta_note(d->durable, MODULE_KEY, d->schema->hash, err);
    d->changed = false;
    return st;
}
