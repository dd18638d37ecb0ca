/* What a commit changed, in v1's bytes (docs/wire.md#v1): the array of TableUpdates.
 *
 * A query counts once for a client, in however many of its sets it is, and the changes of a table stand together. Nearly always it
 * is one query; then all who have it are linked to the change's own:
 *
 *     [head: 1] [table's id, name, rows, 1 update, deletes, inserts]
 *
 * Otherwise, and for the caller, whose message goes on behind the tables, the array is put together from those. */
#include "runtime/proto/updates_priv.h"
#include "runtime/proto/v1_priv.h"

#include <stdlib.h>
#include <string.h>

#define OWN_PART \
    ((size_t)32 * 1024) /* of rows: from here on they are linked into what is put together */
enum { UNCOMPRESSED };  /* CompressableQueryUpdate */

static void
table_head(struct oro_bb *bb, const struct oro_table_def *t, uint64_t rows, uint32_t updates)
{
    oro_bb_u32(bb, t->id);
    oro_bb_lenbytes(bb, oro_bytes_str(t->name));
    oro_bb_u64(bb, rows);
    oro_bb_u32(bb, updates);
}

static size_t
head_size(const struct oro_table_def *t)
{
    return 4 + 4 + strlen(t->name) + 8 + 4;
}

static uint64_t
rows_of(const struct oro_subs_change *c)
{
    return c->inserts->n + c->deletes->n;
}

/* The change by itself, as the only one of its table. NULL: no memory. */
static const struct oro_parts *
change_alone(struct oro_subs_change *c)
{
    struct oro_parts *made = &c->made[FORMAT_V1];
    struct oro_bb bb = {0};
    if (made->n > 0)
        return made;
    size_t rows = c->inserts->rows.len + c->deletes->rows.len;
    oro_bb_reserve(&bb, rows < ORO_PART ? rows + 256 : ORO_PART);
    table_head(&bb, c->table, rows_of(c), 1);
    ORO_ASSERT(bb.len == head_size(c->table));
    if (rows >= OWN_PART)
        oro_parts_cut(made, &bb);
    oro_bb_u8(&bb, UNCOMPRESSED);
    oro_row_list_spill(c->deletes, &bb, made);
    oro_row_list_spill(c->inserts, &bb, made);
    oro_parts_close(made, &bb);
    return made->failed ? NULL : made;
}

/* Without the table's head. False: no memory. */
static bool
put_change(struct oro_subs_change *c, struct oro_parts *to, struct oro_bb *bb)
{
    const struct oro_parts *made = change_alone(c);
    if (made == NULL)
        return false;
    struct oro_bytes first = oro_buf_bytes(made->bufs[0]);
    size_t skip = head_size(c->table);
    oro_parts_put(to, bb, first.data + skip, first.len - skip);
    if (made->n > 1)
        oro_parts_cut(to, bb);
    for (size_t i = 1; i < made->n; i++)
        oro_parts_link(to, made->bufs[i]);
    return !to->failed;
}

/* ---- several ---- */

static int
compare_addresses(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return (x > y) - (x < y);
}

/* By table; equal ones beside each other. */
static int
compare_changes(const void *a, const void *b)
{
    const struct oro_subs_change *const *x = a, *const *y = b;
    int order = compare_addresses((*x)->table, (*y)->table);
    return order != 0 ? order : compare_addresses(*x, *y);
}

/* Each change that is noticed once, those of a table together. Gives; NULL: no memory. */
static struct oro_subs_change **
changes_of(const struct oro_subs_notice *notices, size_t n, size_t *count)
{
    struct oro_subs_change **all = oro_try_alloc((n + 1) * sizeof(struct oro_subs_change *));
    size_t k = 0;
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        all[i] = notices[i].change;
    qsort(all, n, sizeof(struct oro_subs_change *), compare_changes);
    for (size_t i = 0; i < n; i++)
        if (k == 0 || all[k - 1] != all[i])
            all[k++] = all[i];
    *count = k;
    return all;
}

/* How many of the changes from i on are of one table, and the rows in them. */
static size_t
same_table(struct oro_subs_change *const *all, size_t n, size_t i, uint64_t *rows)
{
    size_t k = i;
    for (*rows = 0; k < n && all[k]->table == all[i]->table; k++)
        *rows += rows_of(all[k]);
    return k - i;
}

static bool
put_tables(struct oro_subs_change *const *all, size_t n, struct oro_parts *to, struct oro_bb *bb)
{
    uint32_t tables = 0;
    uint64_t rows;
    for (size_t i = 0; i < n; i += same_table(all, n, i, &rows))
        tables++;
    oro_bb_u32(bb, tables);
    for (size_t i = 0; i < n;) {
        size_t updates = same_table(all, n, i, &rows);
        table_head(bb, all[i]->table, rows, (uint32_t)updates);
        for (; updates > 0; updates--, i++)
            if (!put_change(all[i], to, bb))
                return false;
    }
    return true;
}

/* The array, and behind it what the caller gets beside it, if result is one's. NULL: no memory. */
static const struct oro_parts *
several(struct oro_parts *made, const struct oro_subs_notice *notices, size_t n,
        const struct oro_call_result *result)
{
    struct oro_bb bb = {0};
    size_t count;
    if (made->n > 0)
        return made;
    struct oro_subs_change **all = changes_of(notices, n, &count);
    bool put = all != NULL && put_tables(all, count, made, &bb);
    oro_free(all);
    if (!put) {
        oro_bb_fini(&bb);
        oro_parts_fini(made);
        return NULL;
    }
    if (result != NULL)
        v1_call_tail(&bb, result);
    oro_parts_close(made, &bb);
    return made->failed ? NULL : made;
}

const struct oro_parts *
v1_update(struct oro_updates *made, const struct oro_subs_notice *notices, size_t n,
          const struct oro_call_result *result, struct oro_bb *out)
{
    if (result != NULL && !v1_is_quiet(result)) {
        v1_committed_head(out);
        return several(updates_find(made, FORMAT_V1_CALLER, notices, n), notices, n, result);
    }
    v1_light_head(out);
    if (n > 1)
        return several(updates_find(made, FORMAT_V1, notices, n), notices, n, NULL);
    oro_bb_u32(out, 1);
    return change_alone(notices[0].change);
}

const struct oro_proto oro_proto_v1 = {
    .name = "v1.bsatn.spacetimedb",
    .framing = ORO_FRAMING_SINGLE,
    .echoes = true,
    .rows = ORO_ROWS_UPDATES,
    .read = v1_read,
    .connected = v1_connected,
    .result = v1_result,
    .returned = v1_returned,
    .applied = v1_applied,
    .tail = v1_tail,
    .error = v1_error,
    .update = v1_update,
};
