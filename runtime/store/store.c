/* runtime/store/store.c - making a store from a schema, loading it, its numbers. */
#include "runtime/store/internal.h"

/* ---- tables ---- */

static enum oro_ix_kind
ix_kind(enum oro_index_kind k)
{
    return k == ORO_INDEX_HASH ? ORO_IX_HASH : ORO_IX_BTREE; /* direct: ranges work on it too */
}

static struct oro_index *
table_add_index(struct oro_store *s, struct oro_table *t, enum oro_ix_kind kind, bool unique,
                const struct oro_index_def *def, const uint16_t *cols, uint16_t ncols)
{
    struct oro_index *ix = &t->ix[t->nix];
    ix->link = t->nix++;
    ix->unique = unique;
    ix->at = t->nlinks;
    t->nlinks += unique ? 1 : 2;
    ix->table = t->def;
    ix->def = def;
    oro_index_init(ix, &s->cache, kind, &t->layout, cols, ncols);
    return ix;
}

static void
table_choose(struct oro_table *t)
{
    for (uint32_t i = 0; i < t->nix; i++) {
        struct oro_index *ix = &t->ix[i];
        bool is_pk = ix->unique && ix->plan.nparts == 1 && ix->plan.parts[0].col == t->def->pk;
        if (is_pk && t->pk == NULL)
            t->pk = ix;
        if (ix->unique && t->identity == NULL)
            t->identity = ix;
        if (ix->kind == ORO_IX_BTREE && (t->scan == NULL || (is_pk && t->pk == ix)))
            t->scan = ix;
    }
}

static void
table_init(struct oro_store *s, struct oro_table *t, const struct oro_table_def *def, uint32_t slot)
{
    t->def = def;
    t->slot = slot;
    t->mask = UINT64_C(1) << (slot % 64);
    oro_layout_init(&t->layout, def->row);
    t->ix = ORO_NEW_ARRAY(struct oro_index, def->nindexes + 2);
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *d = &def->indexes[i];
        ORO_ASSERT(d->slot == i);
        table_add_index(s, t, ix_kind(d->kind), d->unique, d, d->cols, d->ncols);
    }
    table_choose(t);
    if (def->pk >= 0 && t->pk == NULL) {
        uint16_t col = (uint16_t)def->pk;
        t->pk = table_add_index(s, t, ORO_IX_BTREE, true, NULL, &col, 1);
        t->scan = t->pk;
    }
    if (t->pk != NULL)
        t->identity = t->pk;
    if (t->identity == NULL)
        t->identity = table_add_index(s, t, ORO_IX_ROW, true, NULL, NULL, 0);
    if (t->scan == NULL)
        t->scan = table_add_index(s, t, ORO_IX_LIST, false, NULL, NULL, 0);
    t->seqs = ORO_NEW_ARRAY(struct oro_sequence, def->nsequences);
    for (uint32_t i = 0; i < def->nsequences; i++) {
        t->seqs[i].def = &def->sequences[i];
        t->seqs[i].max = oro_sequence_max(def->row->elems[def->sequences[i].col].type);
        atomic_init(&t->seqs[i].next, 1);
        atomic_init(&t->seqs[i].allocated, 1);
    }
}

/* Nothing is left but living rows. */
static void
table_free_rows(struct oro_store *s, struct oro_table *t)
{
    struct oro_row *r, *older;
    if (t->scan->kind == ORO_IX_LIST) {
        for (r = oro_head_row(&t->scan->list); r != NULL; r = older) {
            older = oro_row_older(r, t->scan->at);
            oro_row_free(&s->cache, r);
        }
        return;
    }
    struct oro_bt_at at = oro_btree_seek(&t->scan->btree, &(struct oro_bound){0});
    struct oro_key k;
    for (oro_head *cell; (cell = oro_btree_next(&t->scan->btree, &at, &k)) != NULL;) {
        for (r = oro_head_row(cell); r != NULL; r = older) {
            older = t->scan->unique ? NULL : oro_row_older(r, t->scan->at);
            oro_row_free(&s->cache, r);
        }
    }
}

static void
table_fini(struct oro_store *s, struct oro_table *t)
{
    table_free_rows(s, t);
    for (uint32_t i = 0; i < t->nix; i++)
        oro_index_fini(&t->ix[i]);
    oro_free(t->ix);
    oro_free(t->seqs);
    oro_layout_fini(&t->layout);
}

/* ---- the store ---- */

oro_status
oro_store_create(const struct oro_schema *schema, const struct oro_store_options *opt,
                 struct oro_store **out, struct oro_err *err)
{
    (void)err; /* what a schema can get wrong was refused when it was parsed */
    struct oro_store *s = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*s));
    s->schema = schema;
    oro_pool_init(&s->pool);
    oro_pool_cache_init(&s->cache, &s->pool);
    s->sequence_block = opt != NULL && opt->sequence_block > 0 ? opt->sequence_block : 4096;
    s->ntables = schema->ntables;
    s->tables = ORO_NEW_ARRAY(struct oro_table, s->ntables);
    uint32_t id = 0;
    for (uint32_t i = 0; i < s->ntables; i++) {
        table_init(s, &s->tables[i], &schema->tables[i], i);
        for (uint32_t j = 0; j < s->tables[i].nix; j++)
            s->tables[i].ix[j].id = id++;
    }
    struct oro_record *zero = oro_record_new(&s->cache, 0, NULL);
    zero->pub.offset = opt != NULL ? opt->first_offset : 0;
    zero->pub.seq = opt != NULL ? opt->first_seq : 0;
    s->first = s->unlinked = &zero->pub;
    atomic_init(&s->head, &zero->pub);
    atomic_init(&s->offset, zero->pub.offset);
    atomic_init(&s->seq, zero->pub.seq);
    atomic_init(&s->records, 1);
    oro_views_init(s);
    *out = s;
    return ORO_OK;
}

void
oro_store_destroy(struct oro_store *s)
{
    if (s == NULL)
        return;
    ORO_ASSERT(s->sessions == NULL && s->cursors == NULL && s->pins == NULL);
    oro_ring_free_all(s);
    oro_views_fini(s);
    for (uint32_t i = 0; i < s->ntables; i++)
        table_fini(s, &s->tables[i]);
    oro_free(s->tables);
    oro_pool_cache_fini(&s->cache);
    oro_pool_fini(&s->pool);
    oro_bb_fini(&s->scratch);
    oro_free(s);
}

const struct oro_schema *
oro_store_schema(const struct oro_store *s)
{
    return s->schema;
}

/* ---- loading: one thread, nobody else ---- */

static struct oro_row *
load_find(struct oro_store *s, const struct oro_index *ix, struct oro_bytes row)
{
    struct oro_key k;
    oro_bb_clear(&s->scratch);
    oro_index_key_of_bytes(ix, row, &s->scratch, &k);
    return oro_index_visible(ix, &k, ORO_LIVING);
}

static void
load_account(struct oro_store *s, struct oro_table *t, const struct oro_row *row, int sign)
{
    s->versions += (uint64_t)(int64_t)sign;
    atomic_fetch_add_explicit(&t->rows, (uint64_t)(int64_t)sign, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->bytes, (uint64_t)(sign * (int64_t)row->len),
                              memory_order_relaxed);
}

static void
load_remove(struct oro_store *s, struct oro_table *t, struct oro_row *row)
{
    load_account(s, t, row, -1);
    oro_unlink(t, row, &s->scratch);
    oro_row_free(&s->cache, row);
}

oro_status
oro_store_load(struct oro_store *s, const struct oro_table_def *def, struct oro_bytes bytes,
               bool replace, struct oro_err *err)
{
    struct oro_table *t = oro_table_of(s, def);
    ORO_ASSERT(s->sessions == NULL && s->cursors == NULL && s->pins == NULL && !def->is_event);
    struct oro_row *old = load_find(s, t->identity, bytes);
    if (old != NULL && replace && (t->pk != NULL || oro_row_same(old, bytes)))
        load_remove(s, t, old);
    struct oro_row *row = oro_row_new(&s->cache, bytes, t->nlinks);
    for (uint32_t i = 0; i < t->nix; i++) {
        if (t->ix[i].unique && load_find(s, &t->ix[i], bytes) != NULL) {
            oro_status st =
                t->ix[i].kind == ORO_IX_ROW
                    ? oro_err_set(err, ORO_EEXISTS, "table '%s' has this row already", def->name)
                    : oro_unique_error(t, &t->ix[i], row, err);
            oro_row_free(&s->cache, row);
            return st;
        }
    }
    atomic_store_explicit(&row->begin, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < t->nix; i++) {
        struct oro_key k;
        oro_bb_clear(&s->scratch);
        oro_index_key_of_row(&t->ix[i], row, &s->scratch, &k);
        if (!oro_index_push(&t->ix[i], &k, row))
            oro_index_insert(&t->ix[i], &k, row);
    }
    load_account(s, t, row, 1);
    return ORO_OK;
}

oro_status
oro_store_unload(struct oro_store *s, const struct oro_table_def *def, struct oro_bytes key_or_row)
{
    struct oro_table *t = oro_table_of(s, def);
    ORO_ASSERT(s->sessions == NULL && s->cursors == NULL && s->pins == NULL);
    struct oro_row *row;
    if (t->pk != NULL) {
        struct oro_key k;
        oro_bb_clear(&s->scratch);
        oro_index_key_of_values(t->pk, key_or_row, &s->scratch, &k);
        row = oro_index_visible(t->pk, &k, ORO_LIVING);
    } else {
        row = load_find(s, t->identity, key_or_row);
        if (row != NULL && !oro_row_same(row, key_or_row))
            row = NULL;
    }
    if (row == NULL)
        return ORO_ENOTFOUND;
    load_remove(s, t, row);
    return ORO_OK;
}

void
oro_store_load_offset(struct oro_store *s, uint64_t offset)
{
    struct oro_commit *head = atomic_load(&s->head);
    ORO_ASSERT(head->seq == 0);
    head->offset = offset;
    atomic_store(&s->offset, offset);
}

/* ---- numbers ---- */

uint64_t
oro_store_seq(const struct oro_store *s)
{
    return atomic_load_explicit(&((struct oro_store *)(uintptr_t)s)->seq, memory_order_acquire);
}

uint64_t
oro_store_offset(const struct oro_store *s)
{
    return atomic_load_explicit(&((struct oro_store *)(uintptr_t)s)->offset, memory_order_acquire);
}

uint64_t
oro_store_written(const struct oro_store *s)
{
    return atomic_load_explicit(&((struct oro_store *)(uintptr_t)s)->written, memory_order_relaxed);
}

uint64_t
oro_store_row_count(const struct oro_store *s, const struct oro_table_def *t)
{
    return atomic_load_explicit(&oro_table_of(s, t)->rows, memory_order_relaxed);
}

uint64_t
oro_store_row_bytes(const struct oro_store *s, const struct oro_table_def *t)
{
    return atomic_load_explicit(&oro_table_of(s, t)->bytes, memory_order_relaxed);
}

uint64_t
oro_store_conflicts(const struct oro_store *s)
{
    return atomic_load_explicit(&((struct oro_store *)(uintptr_t)s)->conflicts,
                                memory_order_relaxed);
}

uint64_t
oro_store_versions(const struct oro_store *s)
{
    return s->versions;
}

uint64_t
oro_store_records(const struct oro_store *s)
{
    return atomic_load_explicit(&((struct oro_store *)(uintptr_t)s)->records, memory_order_relaxed);
}
