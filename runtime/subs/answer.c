/* Answers piece by piece: measuring, and where one stands. */
#include "runtime/subs/answer.h"

#include "runtime/base/clock.h"
#include "runtime/subs/batch_priv.h"
#include "runtime/subs/set_rows_priv.h"
#include "runtime/subs/query_priv.h"

#define KEPT_MOST \
    16384 /* rows, by address, so that what is found with much effort and is little is looked for once */
#define CHEAP_STEPS 100000
#define OFFSET_SIZE 8
enum { FIXED_SIZE, ROW_OFFSETS }; /* RowSizeHint (docs/wire.md#rows) */

/* What a query finds. */
struct found {
    struct oro_query *query; /* a reference */
    struct oro_bytes text;   /* for errors; borrowed, while it is measured */
    uint64_t rows, bytes;
    uint32_t row_len; /* of each row, if same_len */
    bool same_len;
    bool kept;       /* its rows are answer->kept[kept_at ...] */
    bool unmeasured; /* JSON needs no numbers, and all of it may be read */
    size_t kept_at;
    uint32_t set;     /* of a batch: whose it is, */
    size_t heads_end; /* and what stands before it */
};

enum step { BEGIN, OFFSETS, LENGTH, ROWS, TAIL, ENDED };

struct oro_answer {
    bool json;
    struct found *found;
    uint32_t n;
    struct oro_bytes *kept;
    size_t nkept, kept_cap;
    bool keeps;
    int64_t begun_us, took_us;
    struct oro_batch *batch; /* while it is measured */
    struct oro_bb heads; /* then: the beginnings of its sets, and sets that are refused whole; or what an answer ends with */
    bool tailed;         /* there are some */
    enum oro_rows_form form;
    bool deletes; /* of that form: the rows are told as such */
    /* Where it is. */
    size_t heads_at;
    bool headed;
    uint32_t at; /* of found */
    enum step step;
    uint64_t row;             /* of this query: the next one, */
    uint64_t offset;          /* and the bytes before it */
    size_t row_at;            /* bytes of the row that are there already */
    struct oro_bytes current; /* the row; len 0: to be fetched */
    bool has_current;
    struct oro_query_cursor cursor;
};

static struct oro_answer *
answer_new(uint32_t n)
{
    struct oro_answer *a = oro_try_alloc(sizeof(*a));
    struct found *found = a != NULL ? oro_try_alloc((n + 1) * sizeof(*found)) : NULL;
    if (found == NULL) {
        oro_free(a);
        return NULL;
    }
    memset(a, 0, sizeof(*a));
    a->found = found;
    a->keeps = true;
    a->begun_us = oro_mono_us();
    return a;
}

static void
add(struct oro_answer *a, struct oro_query *q, struct oro_bytes text)
{
    a->found[a->n++] = (struct found){.query = oro_query_ref(q), .text = text};
}

/* Event tables have no entry: there is never a row. */
struct oro_answer *
oro_answer_of_set(const struct oro_prepared *p)
{
    struct oro_answer *a = answer_new(p->n);
    for (uint32_t i = 0; a != NULL && i < p->n; i++)
        if (!oro_query_table(p->queries[i].query)->is_event && !p->queries[i].held)
            add(a, p->queries[i].query, p->queries[i].text);
    return a;
}

struct oro_answer *
oro_answer_of_batch(struct oro_batch *b)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < b->n; s++)
        n += b->sets[s].prepared != NULL ? b->sets[s].prepared->n : 0;
    struct oro_answer *a = answer_new(n);
    for (uint32_t s = 0; a != NULL && s < b->n; s++) {
        const struct oro_prepared *p = b->sets[s].prepared;
        uint32_t from = a->n;
        for (uint32_t i = 0; p != NULL && i < p->n; i++)
            if (!oro_query_table(p->queries[i].query)->is_event)
                add(a, p->queries[i].query, p->queries[i].text);
        for (; from < a->n; from++)
            a->found[from].set = s;
    }
    if (a != NULL) {
        a->batch = b;
        a->tailed = a->headed = true;
    }
    return a;
}

struct oro_answer *
oro_answer_of_query(struct oro_query *q)
{
    struct oro_answer *a = answer_new(1);
    if (a != NULL)
        add(a, q, (struct oro_bytes){0});
    return a;
}

struct oro_answer *
oro_answer_of_sql(struct oro_query *q)
{
    struct oro_answer *a = oro_answer_of_query(q);
    if (a != NULL)
        a->json = true;
    return a;
}

void
oro_answer_form(struct oro_answer *a, enum oro_rows_form form, bool deletes)
{
    a->form = form;
    a->deletes = deletes;
}

void
oro_answer_end_with(struct oro_answer *a, struct oro_bytes tail)
{
    oro_bb_put_bytes(&a->heads, tail);
    a->tailed = tail.len > 0;
}

static void
forget_kept(struct oro_answer *a)
{
    oro_free(a->kept);
    a->kept = NULL;
    a->nkept = a->kept_cap = 0;
    a->keeps = false;
    for (uint32_t i = 0; i < a->n; i++)
        a->found[i].kept = false;
}

void
oro_answer_free(struct oro_answer *a)
{
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->n; i++)
        oro_query_free(a->found[i].query);
    oro_bb_fini(&a->heads);
    oro_free(a->found);
    oro_free(a->kept);
    oro_free(a);
}

/* ---- measuring ---- */

static bool
is_whole_table(const struct oro_query *q)
{
    return !oro_query_has_condition(q) && !q->has_limit && !q->never;
}

/* Without looking at a row. Of rows that may differ in length it is not known whether they do: if they are many, they are
 * written as if. True: that is all. */
static bool
measure_whole(struct found *f, struct oro_session *se)
{
    const struct oro_query *q = f->query;
    uint32_t fixed = q->table->row->fixed_size;
    if (!is_whole_table(q))
        return false;
    oro_read_totals(se, q->table, &f->rows, &f->bytes);
    f->same_len = f->rows > 0 && fixed > 0 && fixed <= UINT16_MAX;
    f->row_len = f->same_len ? fixed : 0;
    ORO_ASSERT(!f->same_len || f->bytes == f->rows * fixed);
    return f->same_len || f->rows > KEPT_MOST || f->rows == 0 || q->count;
}

/* JSON has no counts before the rows; whether they cost too much can be known from their number. What costs much is looked for
 * before anything is said, since it may have to be said that it was in vain. */
static bool
is_cheap(const struct found *f, struct oro_session *se, const struct oro_budget *budget)
{
    const struct oro_query *q = f->query;
    uint64_t rows, bytes, steps;
    oro_read_totals(se, q->table, &rows, &bytes);
    steps = rows * q->weight + (bytes >> 8) * q->byte_weight;
    return q->points == NULL && q->join == NULL && steps <= CHEAP_STEPS && steps <= budget->left;
}

static void
keep(struct oro_answer *a, struct found *f, struct oro_bytes row)
{
    void *kept = a->kept;
    if (!a->keeps)
        return;
    bool room =
        a->nkept < KEPT_MOST && oro_try_grow(&kept, a->nkept, &a->kept_cap, sizeof(*a->kept));
    a->kept = kept;
    if (!room) {
        forget_kept(a);
        return;
    }
    f->kept = true;
    a->kept[a->nkept++] = row;
}

static oro_status
measure_rows(struct oro_answer *a, struct found *f, struct oro_session *se,
             struct oro_budget *budget, struct oro_err *err)
{
    struct oro_query_cursor *c = &a->cursor;
    struct oro_bytes row;
    bool more;
    f->rows = f->bytes = 0;
    f->kept_at = a->nkept;
    oro_query_cursor_init(c, f->query);
    for (;;) {
        oro_status st = oro_query_next(c, se, budget, &row, &more, err);
        if (st != ORO_OK || !more)
            return st;
        if (f->rows++ == 0) {
            f->row_len = (uint32_t)row.len;
            f->same_len = row.len > 0 && row.len <= UINT16_MAX;
        }
        f->same_len = f->same_len && row.len == f->row_len;
        f->bytes += row.len;
        if (f->query->count)
            continue;
        keep(a, f, row);
        st = query_bytes_fit(f->bytes, err);
        if (st != ORO_OK)
            return st;
    }
}

static oro_status
measure_one(struct oro_answer *a, struct found *f, struct oro_session *se, uint64_t most,
            struct oro_budget *budget, struct oro_err *err)
{
    oro_status st = query_may_go_on(budget, err);
    if (st != ORO_OK)
        return st;
    if (measure_whole(f, se))
        return f->rows > most ? query_fail_steps(err)
               : a->json      ? ORO_OK
                              : query_bytes_fit(f->bytes, err);
    f->unmeasured = a->json && !f->query->count && is_cheap(f, se, budget);
    return f->unmeasured ? ORO_OK : measure_rows(a, f, se, budget, err);
}

static oro_status
measure_told(struct oro_answer *a, struct found *f, struct oro_session *se, uint64_t most,
             struct oro_budget *budget, struct oro_err *err)
{
    struct oro_err why = {0};
    oro_status st = measure_one(a, f, se, most, budget, &why);
    if (st != ORO_OK && f->text.data != NULL)
        return subs_fail_query(err, st, &why, f->text);
    if (st != ORO_OK)
        return oro_err_set(err, st, "%s", why.text);
    f->text = (struct oro_bytes){0};
    return ORO_OK;
}

/* Without the entries of sets that are refused: what stands before each of the others, and behind all of them. */
static void
put_heads(struct oro_answer *a)
{
    const struct oro_batch *b = a->batch;
    uint32_t kept = 0, at = 0;
    for (uint32_t s = 0; s < b->n; s++) {
        const struct batch_set *set = &b->sets[s];
        uint32_t first = kept;
        for (; at < a->n && a->found[at].set == s; at++) {
            if (set->error == NULL)
                a->found[kept++] = a->found[at];
            else
                oro_query_free(a->found[at].query);
        }
        if (set->error != NULL) {
            oro_batch_put_error(&a->heads, set->asked.query_set_id, oro_bytes_str(set->error));
            continue;
        }
        oro_batch_put_applied(&a->heads, set->asked.query_set_id);
        oro_bb_u32(&a->heads, kept - first);
        if (kept > first)
            a->found[first].heads_end = a->heads.len;
    }
    a->n = kept;
    a->step = kept > 0 ? BEGIN : TAIL;
}

static oro_status
measure_batch(struct oro_answer *a, struct oro_session *se, uint64_t most,
              struct oro_budget *budget, struct oro_err *err)
{
    for (uint32_t i = 0; i < a->n; i++) {
        struct found *f = &a->found[i];
        struct batch_set *set = &a->batch->sets[f->set];
        struct oro_err why = {0};
        oro_status st = set->error == NULL ? measure_told(a, f, se, most, budget, &why) : ORO_OK;
        if (st == ORO_ETIMEOUT)
            return oro_err_set(err, st, "%s", why.text);
        if (st != ORO_OK)
            batch_refuse(set, why.text);
    }
    put_heads(a);
    a->batch = NULL;
    return ORO_OK;
}

oro_status
oro_answer_measure(struct oro_answer *a, struct oro_session *se, uint64_t most,
                   struct oro_budget *budget, struct oro_err *err)
{
    if (a->batch != NULL)
        return measure_batch(a, se, most, budget, err);
    for (uint32_t i = 0; i < a->n; i++) {
        oro_status st = measure_told(a, &a->found[i], se, most, budget, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

/* ---- making ---- */

/* One call of oro_answer_more. */
struct making {
    struct oro_answer *a;
    struct oro_session *se;
    struct oro_budget budget;
    size_t want;
    struct oro_bb *bb;
    struct oro_parts *parts;
};

static size_t
room(const struct making *m)
{
    size_t have = (size_t)m->parts->bytes + m->bb->len;
    return have < m->want && !m->parts->failed ? m->want - have : 0;
}

static void
rows_begin(struct oro_answer *a, enum step step)
{
    struct found *f = &a->found[a->at];
    a->step = step;
    a->row = a->offset = 0;
    a->has_current = false;
    if (!f->kept)
        oro_query_cursor_init(&a->cursor, f->query);
}

/* The row at which it stands. False: there is none, or it is not the time to look for it. */
static bool
fetch(struct making *m)
{
    struct oro_answer *a = m->a;
    struct found *f = &a->found[a->at];
    if (a->has_current)
        return true;
    if (!f->unmeasured && a->row == f->rows)
        return false;
    a->row_at = 0;
    if (f->kept) {
        a->current = a->kept[f->kept_at + a->row];
        a->has_current = true;
        return true;
    }
    oro_status st =
        oro_query_next(&a->cursor, m->se, &m->budget, &a->current, &a->has_current, NULL);
    if (st != ORO_OK)
        m->want = 0; /* another time */
    return a->has_current;
}

static void
next_row(struct oro_answer *a)
{
    a->offset += a->current.len;
    a->row++;
    a->has_current = false;
}

static void
next_query(struct oro_answer *a)
{
    a->at++;
    a->step = a->at < a->n ? BEGIN : a->tailed ? TAIL : ENDED;
}

/* ---- QueryRows ---- */

/* The heads of a batch's sets. True: all of them up to there stand now. */
static bool
heads(struct making *m, size_t end)
{
    struct oro_answer *a = m->a;
    size_t left = room(m), n = a->heads_at < end ? end - a->heads_at : 0;
    n = n < left ? n : left;
    if (n > 0)
        oro_parts_put(m->parts, m->bb, a->heads.data + a->heads_at, n);
    a->heads_at += n;
    return a->heads_at >= end;
}

static void
table_begin(struct making *m)
{
    struct oro_answer *a = m->a;
    struct found *f = &a->found[a->at];
    if (a->form == ORO_ROWS_TABLES)
        oro_bb_lenbytes(m->bb, oro_bytes_str(f->query->table->name));
    else
        subs_table_update_head(m->bb, f->query->table, f->rows, a->form == ORO_ROWS_UPDATE,
                               a->deletes);
    if (f->rows > 0 && f->same_len) {
        oro_bb_u8(m->bb, FIXED_SIZE);
        oro_bb_u16(m->bb, (uint16_t)f->row_len);
        a->step = LENGTH;
        return;
    }
    oro_bb_u8(m->bb, ROW_OFFSETS);
    oro_bb_u32(m->bb, (uint32_t)f->rows);
    rows_begin(a, OFFSETS);
}

static void
offsets(struct making *m)
{
    struct oro_answer *a = m->a;
    while (room(m) > 0 && fetch(m)) {
        oro_parts_put(m->parts, m->bb, &a->offset, OFFSET_SIZE);
        next_row(a);
    }
    if (a->row == a->found[a->at].rows)
        a->step = LENGTH;
}

static void
rows(struct making *m)
{
    struct oro_answer *a = m->a;
    struct found *f = &a->found[a->at];
    size_t left;
    while ((left = room(m)) > 0 && fetch(m)) {
        size_t n = a->current.len - a->row_at < left ? a->current.len - a->row_at : left;
        oro_parts_put(m->parts, m->bb, a->current.data + a->row_at, n);
        a->row_at += n;
        if (a->row_at == a->current.len)
            next_row(a);
    }
    if (a->row < f->rows)
        return;
    ORO_ASSERT(a->offset == f->bytes); /* as it was told */
    if (a->form != ORO_ROWS_TABLES)
        subs_table_update_tail(m->bb, a->deletes);
    next_query(a);
}

static void
query_rows(struct making *m)
{
    struct oro_answer *a = m->a;
    if (!a->headed) {
        a->headed = true;
        if (a->form != ORO_ROWS_UPDATE)
            oro_bb_u32(m->bb, a->n);
        if (a->n == 0)
            a->step = a->tailed ? TAIL : ENDED;
    }
    while (a->step != ENDED && room(m) > 0) {
        if (a->step == BEGIN) {
            if (heads(m, a->found[a->at].heads_end))
                table_begin(m);
        } else if (a->step == TAIL) {
            if (heads(m, a->heads.len))
                a->step = ENDED;
        } else if (a->step == OFFSETS) {
            offsets(m);
        } else {
            if (a->step == LENGTH) {
                oro_bb_u32(m->bb, (uint32_t)a->found[a->at].bytes);
                rows_begin(a, ROWS);
            }
            rows(m); /* of a table without any the last byte stands there now */
        }
    }
}

/* ---- JSON ---- */

static void
json_rows(struct making *m)
{
    struct oro_answer *a = m->a;
    struct found *f = &a->found[a->at];
    while (room(m) > 0 && fetch(m)) {
        if (a->row > 0)
            oro_bb_u8(m->bb, ',');
        query_json_row(f->query, a->current, m->bb);
        oro_parts_spill(m->parts, m->bb);
        next_row(a);
    }
    bool all = f->unmeasured ? a->cursor.ended && !a->has_current : a->row == f->rows;
    if (!all)
        return;
    a->took_us = oro_mono_us() - a->begun_us;
    query_json_end(a->took_us, m->bb);
    next_query(a);
}

static void
json(struct making *m)
{
    struct oro_answer *a = m->a;
    struct found *f = &a->found[a->at];
    if (a->step == BEGIN) {
        query_json_begin(f->query, m->bb);
        rows_begin(a, ROWS);
        if (f->query->count) {
            if (query_shows_count(f->query))
                oro_bb_printf(m->bb, "[%llu]", (unsigned long long)f->rows);
            a->row = f->rows;
        }
    }
    if (a->step == ROWS)
        json_rows(m);
}

void
oro_answer_more(struct oro_answer *a, struct oro_session *se, size_t want, uint64_t steps,
                const atomic_bool *stop, struct oro_bb *bb, struct oro_parts *parts)
{
    /* One row may cost more than a run: then that run looks at nothing else. */
    uint64_t least = query_next_steps(&a->cursor);
    struct making m = {.a = a,
                       .se = se,
                       .budget = {.left = steps > least ? steps : least, .stop = stop},
                       .want = want,
                       .bb = bb,
                       .parts = parts};
    if (a->step != ENDED && a->json)
        json(&m);
    else if (a->step != ENDED)
        query_rows(&m);
}

bool
oro_answer_ended(const struct oro_answer *a)
{
    return a->step == ENDED;
}

int64_t
oro_answer_took_us(const struct oro_answer *a)
{
    return a->step == ENDED ? a->took_us : oro_mono_us() - a->begun_us;
}
