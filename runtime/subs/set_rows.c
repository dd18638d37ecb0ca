/* The rows that a client gets when a set of it begins or ends, and those of live queries that are kept for the next one. */
#include "runtime/subs/set_rows_priv.h"

/* Initial rows kept for the next subscriber: of one query, of all. */
#define INITIAL_MOST ORO_PART
#define INITIAL_ALL ((size_t)32 << 20)
#define INITIAL_LINKED ((size_t)8 * 1024) /* from here on they are not copied */

void
subs_forget_initial(struct oro_subs *s, struct live_query *q)
{
    if (q->initial == NULL)
        return;
    s->initial_bytes -= q->initial->len;
    oro_buf_unref(q->initial);
    q->initial = NULL;
}

/* Rows that others get as well: linked, or copied if they are few. */
static void
put_initial(struct oro_buf *initial, struct oro_bb *out, struct oro_parts *parts)
{
    if (parts == NULL || initial->len < INITIAL_LINKED) {
        oro_bb_put_bytes(out, oro_buf_bytes(initial));
        return;
    }
    oro_parts_cut(parts, out);
    oro_parts_link(parts, initial);
}

/* SingleTableRows, from what an earlier subscriber got if nothing has changed since: after a restart all clients come at once. */
static oro_status
put_live_rows(const struct set_rows_way *w, struct live_query *q, struct oro_bb *out,
              struct oro_parts *parts, struct oro_err *err)
{
    if (q->initial != NULL) {
        put_initial(q->initial, out, parts);
        return ORO_OK;
    }
    size_t at = out->len;
    struct oro_err why = {0};
    oro_status st = subs_put_table_rows(q->query, w->session, w->budget, out, NULL, &why);
    size_t n = out->len - at;
    if (st != ORO_OK)
        return subs_fail_query(err, st, &why, subs_text_of(q));
    if (q->nsubs < 2 || n > INITIAL_MOST || w->subs->initial_bytes + n > INITIAL_ALL)
        return ORO_OK;
    q->initial = oro_buf_copy(oro_bytes(out->data + at, n));
    w->subs->initial_bytes += n;
    out->len = at;
    put_initial(q->initial, out, parts);
    return ORO_OK;
}

/* ---- QueryRows ---- */

/* Event tables have no entry: there is never a row. */
static oro_status
put_tables(const struct set_rows_way *w, const struct query_set *set, struct oro_err *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->nmembers; i++)
        n += !set->members[i].live->table->def->is_event;
    oro_bb_u32(w->out, n);
    for (uint32_t i = 0; i < set->nmembers; i++) {
        struct live_query *q = set->members[i].live;
        if (q->table->def->is_event)
            continue;
        oro_status st = put_live_rows(w, q, w->out, w->parts, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

/* ---- TableUpdates ---- */

bool
subs_is_held(const struct query_set *set, const struct live_query *q)
{
    return set->conn->counts && (uintptr_t)oro_map_get_u64(&set->conn->held, (uintptr_t)q) > 1;
}

static oro_status
put_update(const struct set_rows_way *w, struct live_query *q, struct oro_err *err)
{
    struct oro_bb single = {0};
    oro_status st = put_live_rows(w, q, &single, NULL, err);
    if (st == ORO_OK)
        subs_put_table_update(w->out, q->table->def, oro_bb_bytes(&single),
                              w->form == ORO_ROWS_UPDATE, w->ends);
    oro_bb_fini(&single);
    return st;
}

static oro_status
put_updates(const struct set_rows_way *w, const struct query_set *set, struct oro_err *err)
{
    bool all = !w->ends && w->form != ORO_ROWS_UPDATES, one = w->form == ORO_ROWS_UPDATE;
    oro_status st = subs_form_fits(w->form, set->nmembers, err);
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->nmembers; i++)
        n += all || !subs_is_held(set, set->members[i].live);
    if (!one)
        oro_bb_u32(w->out, n);
    for (uint32_t i = 0; st == ORO_OK && i < set->nmembers; i++) {
        struct live_query *q = set->members[i].live;
        if (all || !subs_is_held(set, q)) {
            st = put_update(w, q, err);
        } else if (one) { /* it has its entry all the same */
            subs_table_update_head(w->out, q->table->def, 0, true, false);
            subs_table_update_tail(w->out, true);
        }
    }
    return st;
}

oro_status
subs_put_set_rows(const struct set_rows_way *w, const struct query_set *set, struct oro_err *err)
{
    return w->form == ORO_ROWS_TABLES ? put_tables(w, set, err) : put_updates(w, set, err);
}

/* The text within a live query's key (put_key in subs.c). */
struct oro_bytes
subs_text_of(const struct live_query *q)
{
    size_t at = (q->key.data[0] | 0x20) == 's' ? 1 + sizeof(struct oro_identity) : 1;
    return oro_bytes(q->key.data + at, q->key.len - at);
}
