/* What a commit changed, in v2's bytes (docs/wire.md#server-messages): the array of QuerySetUpdates.
 *
 * Nearly always it is one query of one set. Then what is written for each client is the count of the sets and the set's id,
 * and the rest is the change's own, for all who have it, whatever their ids:
 *
 *     [head: 1, id] [1 table, its name, 1 TableUpdateRows, the rows]
 *
 * Otherwise the whole array is put together, once for all who have the same sets. Rows that fill parts of their own are
 * linked into it. */
#include "runtime/proto/updates_priv.h"
#include "runtime/proto/v2_priv.h"

#include <string.h>

#define OWN_PART \
    ((size_t)32 * 1024) /* of rows: from here on they are linked into what is put together */

static size_t
rows_at(const struct oro_table_def *t)
{
    return 4 + 4 + strlen(t->name) + 4;
}

/* TableUpdateRows: 0 PersistentTable (inserts, deletes), 1 EventTable (events). */
static void
put_rows(const struct oro_subs_change *c, struct oro_parts *parts, struct oro_bb *bb)
{
    bool event = c->table->is_event;
    oro_bb_u8(bb, event ? 1 : 0);
    oro_row_list_spill(c->inserts, bb, parts);
    if (!event)
        oro_row_list_spill(c->deletes, bb, parts);
}

/* The change by itself, as the only one of its query set. */
static const struct oro_parts *
change_alone(struct oro_subs_change *c)
{
    struct oro_parts *made = &c->made[FORMAT_V2];
    struct oro_bb bb = {0};
    if (made->n > 0)
        return made;
    size_t rows = c->inserts->rows.len + c->deletes->rows.len;
    oro_bb_reserve(&bb, rows < ORO_PART ? rows + 256 : ORO_PART);
    oro_bb_u32(&bb, 1); /* tables */
    oro_bb_lenbytes(&bb, oro_bytes_str(c->table->name));
    oro_bb_u32(&bb, 1); /* TableUpdateRows */
    ORO_ASSERT(bb.len == rows_at(c->table));
    if (rows >= OWN_PART)
        oro_parts_cut(made, &bb);
    put_rows(c, made, &bb);
    oro_parts_close(made, &bb);
    return made->failed ? NULL : made;
}

/* False: no memory. */
static bool
put_change(struct oro_subs_change *c, struct oro_parts *to, struct oro_bb *bb)
{
    const struct oro_parts *made = change_alone(c);
    if (made == NULL)
        return false;
    struct oro_bytes first = oro_buf_bytes(made->bufs[0]);
    size_t skip = rows_at(c->table);
    oro_parts_put(to, bb, first.data + skip, first.len - skip);
    if (made->n > 1)
        oro_parts_cut(to, bb);
    for (size_t i = 1; i < made->n; i++)
        oro_parts_link(to, made->bufs[i]);
    return !to->failed;
}

/* How many notices from i on belong to the same set, and to the same table of it. */
static size_t
same(const struct oro_subs_notice *no, size_t n, size_t i, bool table)
{
    size_t k = i;
    while (k < n && no[k].query_set_id == no[i].query_set_id &&
           (!table || no[k].change->table == no[i].change->table))
        k++;
    return k - i;
}

/* Runs of one set, or of one table in it, among notices from..to. */
static uint32_t
runs(const struct oro_subs_notice *no, size_t from, size_t to, bool table)
{
    uint32_t count = 0;
    for (size_t i = from; i < to; i += same(no, to, i, table))
        count++;
    return count;
}

static bool
put_all(const struct oro_subs_notice *no, size_t n, struct oro_parts *to, struct oro_bb *bb)
{
    oro_bb_u32(bb, runs(no, 0, n, false));
    for (size_t set = 0, next; set < n; set = next) {
        next = set + same(no, n, set, false);
        oro_bb_u32(bb, no[set].query_set_id);
        oro_bb_u32(bb, runs(no, set, next, true));
        for (size_t i = set; i < next;) {
            uint32_t queries = (uint32_t)same(no, next, i, true);
            oro_bb_lenbytes(bb, oro_bytes_str(no[i].change->table->name));
            oro_bb_u32(bb, queries);
            for (uint32_t q = 0; q < queries; q++, i++)
                if (!put_change(no[i].change, to, bb))
                    return false;
        }
    }
    return true;
}

static const struct oro_parts *
several(struct oro_updates *u, const struct oro_subs_notice *notices, size_t n)
{
    struct oro_parts *made = updates_find(u, FORMAT_V2, notices, n);
    struct oro_bb bb = {0};
    if (made->n > 0)
        return made;
    if (!put_all(notices, n, made, &bb)) {
        oro_bb_fini(&bb);
        oro_parts_fini(made);
        return NULL;
    }
    oro_parts_close(made, &bb);
    return made->failed ? NULL : made;
}

const struct oro_parts *
v2_update(struct oro_updates *made, const struct oro_subs_notice *notices, size_t n,
          const struct oro_call_result *result, struct oro_bb *out)
{
    v2_update_head(out, result);
    if (n != 1)
        return several(made, notices, n);
    oro_bb_u32(out, 1);
    oro_bb_u32(out, notices[0].query_set_id);
    return change_alone(notices[0].change);
}

const struct oro_proto oro_proto_v2 = {
    .name = "v2.bsatn.spacetimedb",
    .framing = ORO_FRAMING_SINGLE,
    V2_MESSAGES,
};
