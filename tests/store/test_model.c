/* Random schemas and operations against a model that is a plain list of rows, searched from end to
 * end. One session writes; a second one holds older snapshots; a replica is kept from the ring
 * alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/bsatn/value.h"
#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

struct mrow {
    uint8_t *data;
    size_t len;
};

struct mtable {
    const struct oro_table_def *def;
    struct mrow *rows;
    size_t n, cap;
};

static struct oro_bytes
bytes_of(struct mrow r)
{
    return oro_bytes(r.data, r.len);
}

static void
m_clear(struct mtable *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->rows[i].data);
    m->n = 0;
}

static void
m_fini(struct mtable *m)
{
    m_clear(m);
    free(m->rows);
}

static void
m_add(struct mtable *m, struct oro_bytes b)
{
    if (m->n == m->cap)
        m->rows = realloc(m->rows, (m->cap = m->cap * 2 + 8) * sizeof(*m->rows));
    struct mrow r = {malloc(b.len + 1), b.len};
    memcpy(r.data, b.data, b.len);
    m->rows[m->n++] = r;
}

static void
m_remove(struct mtable *m, size_t i)
{
    free(m->rows[i].data);
    m->rows[i] = m->rows[--m->n];
}

static void
m_copy(struct mtable *to, const struct mtable *from)
{
    m_clear(to);
    to->def = from->def;
    for (size_t i = 0; i < from->n; i++)
        m_add(to, bytes_of(from->rows[i]));
}

static size_t
m_index(const struct mtable *m, struct oro_bytes b)
{
    for (size_t i = 0; i < m->n; i++)
        if (oro_bytes_eq(bytes_of(m->rows[i]), b))
            return i;
    return SIZE_MAX;
}

/* The row with the same key in ix as `row`. */
static size_t
m_by_key(const struct mtable *m, const struct oro_index_def *ix, struct oro_bytes row)
{
    struct oro_bb want = {0}, have = {0};
    oro_index_key(m->def, ix, row.data, &want);
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < m->n && found == SIZE_MAX; i++) {
        oro_bb_clear(&have);
        oro_index_key(m->def, ix, m->rows[i].data, &have);
        if (oro_bytes_eq(oro_bb_bytes(&have), oro_bb_bytes(&want)))
            found = i;
    }
    oro_bb_fini(&want);
    oro_bb_fini(&have);
    return found;
}

static bool
m_collides(const struct mtable *m, struct oro_bytes row, size_t except)
{
    for (uint32_t i = 0; i < m->def->nindexes; i++) {
        if (!m->def->indexes[i].unique)
            continue;
        size_t at = m_by_key(m, &m->def->indexes[i], row);
        if (at != SIZE_MAX && at != except)
            return true;
    }
    return false;
}

static oro_status
m_insert(struct mtable *m, struct oro_bytes row)
{
    if (m_index(m, row) != SIZE_MAX)
        return ORO_OK;
    if (m_collides(m, row, SIZE_MAX))
        return ORO_EEXISTS;
    m_add(m, row);
    return ORO_OK;
}

static oro_status
m_update(struct mtable *m, const struct oro_index_def *ix, struct oro_bytes row, bool may_insert)
{
    size_t at = m_by_key(m, ix, row);
    if (at == SIZE_MAX)
        return may_insert ? m_insert(m, row) : ORO_ENOTFOUND;
    if (m_collides(m, row, at))
        return ORO_EEXISTS;
    m_remove(m, at);
    m_add(m, row);
    return ORO_OK;
}

/* ---- the world ---- */

struct world {
    uint64_t rng, domain;
    struct oro_schema *schema;
    struct oro_store *store;
    struct oro_session *se, *reader;
    struct oro_cursor *cur;
    struct oro_tx *tx;
    uint32_t nt;
    struct mtable committed[FX_TABLES], now[FX_TABLES], replica[FX_TABLES], seen[FX_TABLES];
    bool reading;
    struct oro_bb row, aux;
};

static uint64_t
pick(struct world *w, uint64_t n)
{
    return fx_rand(&w->rng) % n;
}

static void
put_random(struct world *w, const struct oro_type *t, struct oro_bb *out)
{
    t = oro_type_resolve(t);
    uint64_t v = pick(w, w->domain);
    if (t->kind == ORO_STRING) {
        /* Long common prefixes, prefixes of each other, and a NUL now and then. */
        char text[64];
        static const char *heads[] = {"", "a", "player_number_", "player_number_\1"};
        int n = snprintf(text, sizeof(text), "%s%d", heads[v % 4], (int)(v / 4));
        if (v % 7 == 0)
            text[n++] = '\0';
        oro_bb_lenbytes(out, oro_bytes(text, (size_t)n));
        return;
    }
    if (t->kind == ORO_BOOL)
        v &= 1;
    int64_t s = (int64_t)v + 1;
    if (v % 3 == 0 && (t->kind == ORO_I8 || t->kind == ORO_I16 || t->kind == ORO_I32 ||
                       t->kind == ORO_I64 || t->kind == ORO_I128))
        s = -s;
    if (t->kind != ORO_BOOL)
        v = (uint64_t)s;
    for (uint32_t i = 0; i < t->fixed_size; i++)
        oro_bb_u8(out, i < 8 ? (uint8_t)(v >> 8 * i) : s < 0 && t->kind == ORO_I128 ? 0xff : 0);
}

static struct oro_bytes
random_row(struct world *w, const struct oro_table_def *t)
{
    oro_bb_clear(&w->row);
    oro_bb_reserve(&w->row, 1);
    for (uint32_t i = 0; i < t->row->nelems; i++)
        put_random(w, t->row->elems[i].type, &w->row);
    return oro_bb_bytes(&w->row);
}

/* A row that is there, or a random one. */
static struct oro_bytes
likely_row(struct world *w, uint32_t t)
{
    if (w->now[t].n > 0 && pick(w, 4) > 0) {
        struct mrow r = w->now[t].rows[pick(w, w->now[t].n)];
        oro_bb_clear(&w->row);
        oro_bb_put_bytes(&w->row, bytes_of(r));
        return oro_bb_bytes(&w->row);
    }
    return random_row(w, w->now[t].def);
}

/* The BSATN values of an index's columns first..first+n, cut from a row. */
static struct oro_bytes
values_of(const struct oro_table_def *t, const struct oro_index_def *ix, unsigned first, unsigned n,
          const uint8_t *row, struct oro_bb *out)
{
    oro_bb_clear(out);
    oro_bb_reserve(out, 1);
    for (unsigned i = first; i < first + n; i++) {
        const uint8_t *p = row;
        for (unsigned c = 0; c < ix->cols[i]; c++)
            p += oro_value_len_trusted(t->row->elems[c].type, p);
        oro_bb_put(out, p, oro_value_len_trusted(t->row->elems[ix->cols[i]].type, p));
    }
    return oro_bb_bytes(out);
}

static void
random_table(struct world *w)
{
    static const char *kinds[] = {"bool", "i8",  "u8",   "i16",  "u16",  "i32",    "u32",
                                  "i64",  "u64", "i128", "u128", "u256", "string", "string"};
    static char names[FX_TABLES][4];
    char cols[256] = "";
    unsigned ncols = 1 + (unsigned)pick(w, 5);
    for (unsigned i = 0; i < ncols; i++)
        snprintf(cols + strlen(cols), sizeof(cols) - strlen(cols), "c%u:%s ", i,
                 kinds[pick(w, ORO_ARRAY_LEN(kinds))]);
    snprintf(names[w->nt], sizeof(names[0]), "t%u", w->nt);
    bool has_pk = pick(w, 3) > 0;
    struct oro_table_def *t = fx_table(w->schema, names[w->nt], cols, has_pk ? 0 : -1);
    if (has_pk)
        fx_index(t, (enum oro_index_kind)pick(w, 3), true, "0");
    unsigned nix = (unsigned)pick(w, 4);
    for (unsigned i = 0; i < nix; i++) {
        char list[32] = "";
        unsigned n = 1 + (unsigned)pick(w, ncols);
        for (unsigned j = 0; j < n; j++)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%u", j > 0 ? "," : "",
                     (unsigned)pick(w, ncols));
        fx_index(t, (enum oro_index_kind)pick(w, 2), pick(w, 4) == 0, list);
    }
    w->nt++;
}

static void
world_open(struct world *w, uint64_t seed, uint64_t domain)
{
    *w = (struct world){.rng = seed, .domain = domain, .schema = fx_schema()};
    for (int i = 0; i < 3; i++)
        random_table(w);
    struct oro_err err;
    cr_assert_eq(oro_store_create(w->schema, NULL, &w->store, &err), ORO_OK);
    w->se = oro_session_open(w->store);
    w->reader = oro_session_open(w->store);
    w->cur = oro_cursor_open(w->store);
    for (uint32_t i = 0; i < w->nt; i++)
        w->committed[i].def = w->now[i].def = w->replica[i].def = w->seen[i].def =
            &w->schema->tables[i];
}

static void
world_close(struct world *w)
{
    for (uint32_t i = 0; i < w->nt; i++) {
        m_fini(&w->committed[i]);
        m_fini(&w->now[i]);
        m_fini(&w->replica[i]);
        m_fini(&w->seen[i]);
    }
    if (w->reading)
        oro_read_end(w->reader);
    oro_cursor_close(w->cur);
    oro_session_close(w->se);
    oro_session_close(w->reader);
    oro_store_destroy(w->store);
    fx_schema_free(w->schema);
    oro_bb_fini(&w->row);
    oro_bb_fini(&w->aux);
}

/* ---- comparing ---- */

static void
same_set(const struct mtable *m, const struct oro_rows *rows)
{
    cr_assert_eq(rows->n, m->n, "%zu rows instead of %zu", rows->n, m->n);
    for (size_t i = 0; i < rows->n; i++)
        cr_assert_neq(m_index(m, rows->rows[i]), SIZE_MAX);
}

static bool
in_range(const struct oro_table_def *t, const struct oro_index_def *ix, const struct oro_range *r,
         struct oro_bytes row)
{
    struct oro_bb have = {0}, want = {0}, v = {0};
    bool in = true;
    const struct oro_type *row_type = t->row;
    size_t at = 0;
    for (unsigned i = 0; i < r->nprefix && in; i++) {
        const struct oro_type *ct = row_type->elems[ix->cols[i]].type;
        oro_bb_clear(&have);
        oro_bb_clear(&want);
        oro_key_append(ct, values_of(t, ix, i, 1, row.data, &v).data, &have);
        at += oro_key_append(ct, r->prefix.data + at, &want);
        in = oro_bytes_eq(oro_bb_bytes(&have), oro_bb_bytes(&want));
    }
    for (int side = 0; side < 2 && in; side++) {
        if (!(side == 0 ? r->has_lo : r->has_hi))
            continue;
        const struct oro_type *ct = row_type->elems[ix->cols[r->nprefix]].type;
        oro_bb_clear(&have);
        oro_bb_clear(&want);
        oro_key_append(ct, values_of(t, ix, r->nprefix, 1, row.data, &v).data, &have);
        oro_key_append(ct, (side == 0 ? r->lo : r->hi).data, &want);
        int c = oro_bytes_cmp(oro_bb_bytes(&have), oro_bb_bytes(&want));
        if (side == 0)
            in = r->lo_open ? c > 0 : c >= 0;
        else
            in = r->hi_open ? c < 0 : c <= 0;
    }
    oro_bb_fini(&have);
    oro_bb_fini(&want);
    oro_bb_fini(&v);
    return in;
}

static void
same_range(const struct mtable *m, const struct oro_index_def *ix, const struct oro_range *r,
           const struct oro_rows *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += in_range(m->def, ix, r, bytes_of(m->rows[i]));
    if (r->limit != 0 && n > r->limit)
        n = r->limit;
    cr_assert_eq(rows->n, n, "%zu rows in range instead of %zu", rows->n, n);
    struct oro_bb before = {0}, key = {0};
    for (size_t i = 0; i < rows->n; i++) {
        cr_assert(in_range(m->def, ix, r, rows->rows[i]));
        cr_assert_neq(m_index(m, rows->rows[i]), SIZE_MAX);
        oro_bb_clear(&key);
        oro_index_key(m->def, ix, rows->rows[i].data, &key);
        int c = oro_bytes_cmp(oro_bb_bytes(&before), oro_bb_bytes(&key));
        if (i > 0 && ix->kind != ORO_INDEX_HASH)
            cr_assert(r->reverse ? c >= 0 : c <= 0);
        oro_bb_clear(&before);
        oro_bb_put_bytes(&before, oro_bb_bytes(&key));
    }
    oro_bb_fini(&before);
    oro_bb_fini(&key);
}

/* The range cut off: the beginning of all its rows. */
static void
same_beginning(struct world *w, const struct mtable *m, const struct oro_index_def *ix,
               struct oro_range *r, const struct oro_rows *all, bool in_tx)
{
    struct oro_rows rows;
    r->limit = 1 + pick(w, all->n + 2);
    cr_assert_eq(in_tx ? oro_tx_range(w->tx, m->def, ix, r, &rows)
                       : oro_read_range(w->reader, m->def, ix, r, &rows),
                 ORO_OK);
    same_range(m, ix, r, &rows);
    for (size_t i = 0; i < rows.n; i++)
        cr_assert(oro_bytes_eq(rows.rows[i], all->rows[i]));
}

/* A random range over a random index, against the transaction or (tx false) the reader's snapshot.
 */
static void
try_range(struct world *w, uint32_t t, bool in_tx)
{
    const struct oro_table_def *def = w->now[t].def;
    if (def->nindexes == 0)
        return;
    const struct oro_index_def *ix = &def->indexes[pick(w, def->nindexes)];
    struct oro_bb prefix = {0}, lo = {0}, hi = {0};
    struct oro_range r = {.nprefix = (unsigned)pick(w, ix->ncols + 1u), .reverse = pick(w, 2)};
    r.prefix = values_of(def, ix, 0, r.nprefix, likely_row(w, t).data, &prefix);
    if (r.nprefix < ix->ncols) {
        r.has_lo = pick(w, 2);
        r.has_hi = pick(w, 2);
        r.lo_open = pick(w, 2);
        r.hi_open = pick(w, 2);
        r.lo = values_of(def, ix, r.nprefix, 1, likely_row(w, t).data, &lo);
        r.hi = values_of(def, ix, r.nprefix, 1, likely_row(w, t).data, &hi);
    }
    struct oro_rows rows;
    oro_status st = in_tx ? oro_tx_range(w->tx, def, ix, &r, &rows)
                          : oro_read_range(w->reader, def, ix, &r, &rows);
    if (ix->kind == ORO_INDEX_HASH && r.nprefix < ix->ncols) {
        cr_assert_eq(st, ORO_ETYPE);
    } else {
        cr_assert_eq(st, ORO_OK);
        same_range(in_tx ? &w->now[t] : &w->seen[t], ix, &r, &rows);
        same_beginning(w, in_tx ? &w->now[t] : &w->seen[t], ix, &r, &rows, in_tx);
    }
    oro_bb_fini(&prefix);
    oro_bb_fini(&lo);
    oro_bb_fini(&hi);
}

static void
check_reader(struct world *w)
{
    uint32_t t = (uint32_t)pick(w, w->nt);
    struct oro_rows rows;
    oro_read_scan(w->reader, w->seen[t].def, &rows);
    same_set(&w->seen[t], &rows);
    try_range(w, t, false);
}

/* ---- operations ---- */

static void
op_find(struct world *w, uint32_t t, const struct oro_index_def *ix)
{
    const struct oro_table_def *def = w->now[t].def;
    struct oro_bytes like = likely_row(w, t), row = {0};
    size_t at = m_by_key(&w->now[t], ix, like);
    oro_status st =
        oro_tx_find(w->tx, def, ix, values_of(def, ix, 0, ix->ncols, like.data, &w->aux), &row);
    cr_assert_eq(st, at == SIZE_MAX ? ORO_ENOTFOUND : ORO_OK);
    if (at != SIZE_MAX)
        cr_assert(oro_bytes_eq(row, bytes_of(w->now[t].rows[at])));
}

static void
op_write_by_key(struct world *w, uint32_t t, const struct oro_index_def *ix)
{
    const struct oro_table_def *def = w->now[t].def;
    struct mtable *m = &w->now[t];
    struct oro_bytes row = pick(w, 3) == 0 ? likely_row(w, t) : random_row(w, def), stored = {0};
    unsigned what = (unsigned)pick(w, 3);
    if (what == 0) {
        row = likely_row(w, t);
        size_t at = m_by_key(m, ix, row);
        oro_status st =
            oro_tx_delete(w->tx, def, ix, values_of(def, ix, 0, ix->ncols, row.data, &w->aux));
        cr_assert_eq(st, at == SIZE_MAX ? ORO_ENOTFOUND : ORO_OK);
        if (at != SIZE_MAX)
            m_remove(m, at);
        return;
    }
    oro_status want = m_update(m, ix, row, what == 2);
    oro_status st = what == 1 ? oro_tx_update(w->tx, def, ix, row, &stored, NULL)
                              : oro_tx_upsert(w->tx, def, ix, row, &stored, NULL);
    cr_assert_eq(st, want, "%s instead of %s", oro_status_name(st), oro_status_name(want));
    if (st == ORO_OK)
        cr_assert(oro_bytes_eq(stored, row));
}

static void
op_write(struct world *w, uint32_t t)
{
    const struct oro_table_def *def = w->now[t].def;
    struct mtable *m = &w->now[t];
    if (pick(w, 3) > 0) {
        struct oro_bytes row = pick(w, 8) == 0 ? likely_row(w, t) : random_row(w, def),
                         stored = {0};
        oro_status want = m_insert(m, row);
        cr_assert_eq(oro_tx_insert(w->tx, def, row, &stored, NULL), want);
        if (want == ORO_OK)
            cr_assert(oro_bytes_eq(stored, row));
        return;
    }
    struct oro_bytes row = likely_row(w, t);
    size_t at = m_index(m, row);
    cr_assert_eq(oro_tx_delete_row(w->tx, def, row), at == SIZE_MAX ? ORO_ENOTFOUND : ORO_OK);
    if (at != SIZE_MAX)
        m_remove(m, at);
}

static void
op_any(struct world *w)
{
    uint32_t t = (uint32_t)pick(w, w->nt);
    const struct oro_table_def *def = w->now[t].def;
    const struct oro_index_def *unique = NULL;
    if (def->nindexes > 0) {
        unique = &def->indexes[pick(w, def->nindexes)];
        unique = unique->unique ? unique : NULL;
    }
    struct oro_rows rows;
    switch (pick(w, 40)) {
    case 0:
        oro_tx_scan(w->tx, def, &rows);
        same_set(&w->now[t], &rows);
        break;
    case 1:
        if (pick(w, 10) == 0) {
            cr_assert_eq(oro_tx_clear(w->tx, def), w->now[t].n);
            m_clear(&w->now[t]);
        }
        break;
    case 2:
    case 3:
        try_range(w, t, true);
        break;
    case 4:
        cr_assert_eq(oro_tx_count(w->tx, def), w->now[t].n);
        break;
    default:
        if (unique != NULL && pick(w, 2) == 0)
            op_write_by_key(w, t, unique);
        else
            op_write(w, t);
        if (unique != NULL && pick(w, 3) == 0)
            op_find(w, t, unique);
        break;
    }
}

/* ---- the ring: net effects, and enough to rebuild everything ---- */

static bool
same_pk(const struct oro_table_def *t, struct oro_bytes a, struct oro_bytes b)
{
    if (t->pk < 0)
        return false;
    struct oro_bb x = {0}, y = {0};
    oro_index_key(t, &t->indexes[0], a.data, &x);
    oro_index_key(t, &t->indexes[0], b.data, &y);
    bool eq = oro_bytes_eq(oro_bb_bytes(&x), oro_bb_bytes(&y));
    oro_bb_fini(&x);
    oro_bb_fini(&y);
    return eq;
}

static void
check_pairs(const struct oro_commit *c)
{
    for (uint32_t i = 0; i < c->nops && c->nops < 200; i++) {
        if (c->ops[i].kind != ORO_OP_DELETE)
            continue;
        for (uint32_t j = 0; j < c->nops; j++) {
            if (c->ops[j].kind != ORO_OP_INSERT || c->ops[j].table != c->ops[i].table)
                continue;
            struct oro_bytes a = oro_row_bytes(c->ops[i].row), b = oro_row_bytes(c->ops[j].row);
            cr_assert_not(oro_bytes_eq(a, b), "not a net effect");
            if (same_pk(c->ops[i].table, a, b))
                cr_assert_eq(j, i + 1, "an update whose halves are apart");
        }
    }
}

static void
follow_ring(struct world *w)
{
    const struct oro_commit *c;
    while ((c = oro_cursor_next(w->cur)) != NULL) {
        check_pairs(c);
        for (uint32_t i = 0; i < c->nops; i++) {
            struct mtable *m = &w->replica[c->ops[i].table - w->schema->tables];
            struct oro_bytes b = oro_row_bytes(c->ops[i].row);
            size_t at = m_index(m, b);
            cr_assert_eq(at == SIZE_MAX, c->ops[i].kind == ORO_OP_INSERT);
            if (at == SIZE_MAX)
                m_add(m, b);
            else
                m_remove(m, at);
        }
    }
    for (uint32_t t = 0; t < w->nt; t++) {
        cr_assert_eq(w->replica[t].n, w->committed[t].n);
        for (size_t i = 0; i < w->replica[t].n; i++)
            cr_assert_neq(m_index(&w->committed[t], bytes_of(w->replica[t].rows[i])), SIZE_MAX);
    }
}

/* Some steps that may be taken back, with others inside of them. */
static void
op_savepoint(struct world *w, unsigned depth)
{
    struct mtable saved[64] = {0};
    cr_assert_leq(w->nt, ORO_ARRAY_LEN(saved));
    for (uint32_t t = 0; t < w->nt; t++)
        m_copy(&saved[t], &w->now[t]);
    struct oro_savepoint sp = oro_tx_save(w->tx);
    for (uint64_t n = pick(w, 5) == 0 ? pick(w, 60) : pick(w, 6); n > 0; n--) {
        if (depth < 3 && pick(w, 6) == 0)
            op_savepoint(w, depth + 1);
        else
            op_any(w);
    }
    if (pick(w, 3) > 0) {
        oro_tx_restore(w->tx, sp);
        for (uint32_t t = 0; t < w->nt; t++) {
            m_copy(&w->now[t], &saved[t]);
            struct oro_rows rows;
            oro_tx_scan(w->tx, w->now[t].def, &rows);
            same_set(&w->now[t], &rows);
            cr_assert_eq(oro_tx_count(w->tx, w->now[t].def), w->now[t].n);
        }
    } else {
        oro_tx_release(w->tx, sp);
    }
    for (uint32_t t = 0; t < w->nt; t++)
        m_fini(&saved[t]);
}

static void
one_transaction(struct world *w)
{
    w->tx = oro_tx_begin(w->se, pick(w, 8) == 0);
    for (uint32_t t = 0; t < w->nt; t++)
        m_copy(&w->now[t], &w->committed[t]);
    uint64_t n = pick(w, 6) == 0 ? pick(w, 120) : pick(w, 8);
    while (n-- > 0) {
        if (pick(w, 12) == 0)
            op_savepoint(w, 0);
        else
            op_any(w);
    }
    if (pick(w, 6) == 0) {
        if (pick(w, 2) == 0)
            oro_tx_abort(w->tx);
        else
            cr_assert_eq(oro_tx_validate_abort(w->tx), ORO_OK);
        return;
    }
    fx_commit(w->tx);
    for (uint32_t t = 0; t < w->nt; t++)
        m_copy(&w->committed[t], &w->now[t]);
}

static void
run(uint64_t seed, uint64_t domain, int transactions)
{
    struct world w;
    world_open(&w, seed, domain);
    for (int i = 0; i < transactions; i++) {
        one_transaction(&w);
        if (w.reading)
            check_reader(&w);
        if (pick(&w, 10) == 0) {
            if (w.reading)
                oro_read_end(w.reader);
            w.reading = !w.reading;
            if (w.reading) {
                oro_read_begin(w.reader);
                for (uint32_t t = 0; t < w.nt; t++)
                    m_copy(&w.seen[t], &w.committed[t]);
            }
        }
        if (pick(&w, 12) == 0)
            follow_ring(&w);
        if (pick(&w, 20) == 0)
            cr_assert(oro_store_check(w.store), "seed %lu, transaction %d", (unsigned long)seed, i);
    }
    follow_ring(&w);
    cr_assert(oro_store_check(w.store));
    world_close(&w);
}

Test(model, few_values_many_collisions)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        run(seed, 1 + seed % 13, 150);
}

Test(model, many_values_large_trees)
{
    for (uint64_t seed = 100; seed < 112; seed++)
        run(seed, 3000, 250);
}
