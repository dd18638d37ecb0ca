#include "runtime/timers/phase.h"

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/store/tx.h"

#define WRITES_MOST 1024 /* of one transaction, which holds the commit lock */

struct phase {
    int64_t interval_us, beat_us;
    bool asked;
};

struct phase_write {
    struct oro_bb row; /* as it is to be; of one that goes, only its name counts */
    bool goes;
};

void
oro_phases_init(struct oro_phases *p, const struct oro_schema *schema, struct oro_store *store,
                uint8_t kind)
{
    *p = (struct oro_phases){
        .store = store, .table = oro_schema_table_by_id(schema, ORO_ST_PHASE), .kind = kind};
    pthread_mutex_init(&p->lock, NULL);
}

void
oro_phases_fini(struct oro_phases *p)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&p->known, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&p->known);
    for (size_t i = 0; i < p->nwrites; i++)
        oro_bb_fini(&p->writes[i].row);
    oro_free(p->writes);
    pthread_mutex_destroy(&p->lock);
}

/* The row's whole bytes; its first column is the name. */
static struct oro_bytes
name_of(const struct oro_bb *row)
{
    struct oro_phase read;
    oro_phase_read(oro_bb_bytes(row), &read);
    return read.row;
}

static struct phase *
put(struct oro_phases *p, struct oro_bytes name)
{
    struct phase *at = oro_map_get(&p->known, name);
    if (at == NULL) {
        at = ORO_NEW(struct phase);
        oro_map_put(&p->known, name, at);
    }
    return at;
}

void
oro_phases_told(struct oro_phases *p, struct oro_bytes row)
{
    struct oro_phase read;
    oro_phase_read(row, &read);
    *put(p, read.row) = (struct phase){read.interval_us, read.beat_us, false};
}

void
oro_phases_load(struct oro_phases *p, struct oro_session *se)
{
    struct oro_rows rows = {0};
    if (p->table != NULL)
        oro_read_scan(se, p->table, &rows);
    for (size_t i = 0; i < rows.n; i++)
        oro_phases_told(p, rows.rows[i]);
}

static void
later(struct oro_phases *p, struct oro_bb row, bool goes)
{
    p->writes = oro_grow(p->writes, p->nwrites, &p->cap, sizeof(*p->writes));
    p->writes[p->nwrites++] = (struct phase_write){row, goes};
}

bool
oro_phases_get(struct oro_phases *p, const struct oro_table_def *t, uint64_t key,
               int64_t interval_us, int64_t *beat_us)
{
    struct oro_bb row = {0};
    oro_phase_write(t->name, key, 0, 0, &row);
    struct phase *at = oro_map_get(&p->known, name_of(&row));
    oro_bb_fini(&row);
    if (at == NULL || at->interval_us != interval_us)
        return false;
    at->asked = true;
    *beat_us = at->beat_us;
    return true;
}

void
oro_phases_set(struct oro_phases *p, const struct oro_table_def *t, uint64_t key,
               int64_t interval_us, int64_t beat_us)
{
    if (p->table == NULL)
        return;
    struct oro_bb row = {0};
    oro_phase_write(t->name, key, interval_us, beat_us, &row);
    *put(p, name_of(&row)) = (struct phase){interval_us, beat_us, true};
    later(p, row, false);
}

void
oro_phases_drop(struct oro_phases *p, const struct oro_table_def *t, uint64_t key)
{
    struct oro_bb row = {0};
    oro_phase_write(t->name, key, 0, 0, &row);
    struct phase *at = oro_map_del(&p->known, name_of(&row));
    if (at != NULL)
        later(p, row, true);
    else
        oro_bb_fini(&row);
    oro_free(at);
}

void
oro_phases_sweep(struct oro_phases *p)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&p->known, &i, &slot);) {
        struct phase *at = slot->value;
        if (at->asked)
            continue;
        struct oro_bb row = {0};
        oro_bb_lenbytes(&row, oro_bytes(slot->key, slot->key_len));
        oro_bb_u64(&row, 0);
        oro_bb_u64(&row, 0);
        oro_map_del(&p->known, name_of(&row));
        oro_free(at);
        later(p, row, true);
    }
}

static oro_status
write_one(struct oro_tx *tx, const struct oro_phases *p, const struct phase_write *w,
          struct oro_err *err)
{
    const struct oro_index_def *ix = oro_table_primary_index(p->table);
    if (!w->goes)
        return oro_tx_upsert(tx, p->table, ix, oro_bb_bytes(&w->row), NULL, err);
    struct oro_bytes name = name_of(&w->row);
    oro_status st =
        oro_tx_delete(tx, p->table, ix, oro_bytes(w->row.data, sizeof(uint32_t) + name.len));
    return st == ORO_ENOTFOUND ? ORO_OK : st;
}

/* Lock held. */
static bool
write_some(struct oro_phases *p, size_t n)
{
    struct oro_err err = {0};
    struct oro_session *se = oro_session_open(p->store);
    struct oro_tx *tx = oro_tx_begin(se, true);
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        st = write_one(tx, p, &p->writes[i], &err);
    uint64_t seq;
    struct oro_origin origin = {
        .kind = p->kind, .reducer = UINT32_MAX, .timestamp_us = oro_wall_us()};
    if (st == ORO_OK)
        st = oro_tx_commit(tx, &origin, &seq);
    else
        oro_tx_abort(tx);
    oro_session_close(se);
    if (st != ORO_OK)
        oro_log_limited(ORO_LOG_WARN, "timers",
                        "st_phase: %s: some timers will begin anew at the next start",
                        err.text[0] != '\0' ? err.text : oro_status_name(st));
    return st == ORO_OK;
}

bool
oro_phases_write(struct oro_phases *p)
{
    size_t n = p->nwrites < WRITES_MOST ? p->nwrites : WRITES_MOST;
    pthread_mutex_lock(&p->lock);
    bool held = p->held || n == 0, written = !held && write_some(p, n);
    pthread_mutex_unlock(&p->lock);
    if (held)
        return false;
    for (size_t i = 0; i < n; i++)
        oro_bb_fini(&p->writes[i].row);
    p->nwrites -= n;
    memmove(p->writes, p->writes + n, p->nwrites * sizeof(*p->writes));
    return written;
}

void
oro_phases_hold(struct oro_phases *p, bool held)
{
    pthread_mutex_lock(&p->lock);
    p->held = held;
    pthread_mutex_unlock(&p->lock);
}
