/* The registry: connections, their query sets, and the live queries they share. */
#include "runtime/subs/sql_lex.h"
#include "runtime/subs/set_rows_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- tables ---- */

static int
compare_names(const void *a, const void *b)
{
    const struct subs_table *const *x = a, *const *y = b;
    return strcmp((*x)->def->name, (*y)->def->name);
}

static void
rank_tables(struct oro_subs *s)
{
    uint32_t n = s->schema->ntables;
    struct subs_table **sorted = ORO_NEW_ARRAY(struct subs_table *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        s->tables[i].def = &s->schema->tables[i];
        sorted[i] = &s->tables[i];
    }
    qsort(sorted, n, sizeof(struct subs_table *), compare_names);
    for (uint32_t i = 0; i < n; i++)
        sorted[i]->rank = i;
    oro_free(sorted);
}

struct oro_subs *
oro_subs_create(const struct oro_schema *schema)
{
    struct oro_subs *s = ORO_NEW(struct oro_subs);
    s->schema = schema;
    s->most = UINT64_MAX;
    s->most_queries = SIZE_MAX;
    s->most_all = UINT64_MAX;
    s->tables = ORO_NEW_ARRAY(struct subs_table, schema->ntables + 1);
    rank_tables(s);
    return s;
}

void
oro_subs_limit(struct oro_subs *s, uint64_t terms, size_t queries)
{
    s->most = terms;
    s->most_queries = queries;
}

void
oro_subs_limit_all(struct oro_subs *s, uint64_t terms)
{
    s->most_all = terms;
}

/* ---- live queries ---- */

/* Keys: 'T' text, or 'S' sender text when the query uses :sender; the owner's, for whom row filters do not hold, in small letters. */
static void
put_key(struct oro_bb *out, bool is_owner, const struct oro_identity *sender, struct oro_bytes text)
{
    oro_bb_u8(out, (uint8_t)((sender != NULL ? 'S' : 'T') | (is_owner ? 0x20 : 0)));
    if (sender != NULL)
        oro_bb_put(out, sender->le, sizeof(sender->le));
    oro_bb_put_bytes(out, text);
}

/* NULL: not there, or the asker may not have it (then parsing says so). */
static struct live_query *
find_live(struct oro_subs *s, struct oro_bytes text, const struct oro_query_env *env)
{
    struct oro_bb key = {0};
    put_key(&key, env->is_owner, NULL, text);
    struct live_query *q = oro_map_get(&s->by_text, oro_bb_bytes(&key));
    if (q == NULL) {
        oro_bb_clear(&key);
        put_key(&key, env->is_owner, &env->sender, text);
        q = oro_map_get(&s->by_text, oro_bb_bytes(&key));
    }
    oro_bb_fini(&key);
    if (q != NULL && !q->table->def->is_public && !env->is_owner)
        return NULL;
    return q;
}

void
oro_subs_look_into(struct oro_subs *s, struct oro_store *store)
{
    ORO_ASSERT(s->njoins == 0);
    s->store = store;
}

bool
oro_subs_looks_up(const struct oro_subs *s)
{
    return s->njoins > 0;
}

void
oro_subs_on_lost(struct oro_subs *s, oro_subs_lost lost, void *arg)
{
    s->on_lost = lost;
    s->lost_arg = arg;
}

/* Takes query. */
static struct live_query *
live_new(struct oro_subs *s, struct oro_bytes text, const struct oro_query_env *env,
         struct oro_query *query)
{
    struct live_query *q = ORO_NEW(struct live_query);
    struct oro_bb key = {0};
    put_key(&key, env->is_owner, oro_query_uses_sender(query) ? &env->sender : NULL, text);
    q->query = query;
    q->key = oro_bb_bytes(&key); /* keeps the builder's memory */
    oro_map_put(&s->by_text, q->key, q);
    subs_places_open(s, q);
    s->weight += subs_live_weight(q);
    return q;
}

static oro_status
open_live(struct oro_subs *s, struct oro_bytes text, const struct oro_query_env *env,
          struct live_query **out, struct oro_err *err)
{
    *out = find_live(s, text, env);
    if (*out != NULL)
        return subs_form_takes(env->form, (*out)->table->def, err);
    struct oro_query *query;
    oro_status st = oro_query_parse(s->schema, text, ORO_QUERY_SUBSCRIBE, env, &query, err);
    if (st != ORO_OK)
        return st;
    st = subs_form_takes(env->form, oro_query_table(query), err);
    if (st != ORO_OK)
        oro_query_free(query);
    else
        *out = live_new(s, text, env, query);
    return st;
}

static void
free_live(struct live_query *q)
{
    oro_query_free(q->query);
    oro_free((void *)q->key.data);
    oro_free(q->subs);
    oro_free(q);
}

static void
close_live_if_unused(struct oro_subs *s, struct live_query *q)
{
    if (q->nsubs > 0)
        return;
    oro_map_del(&s->by_text, q->key);
    for (size_t i = 0; i < s->nlosses; i++)
        if (s->losses[i] == q)
            s->losses[i] = NULL;
    s->weight -= subs_live_weight(q);
    subs_places_close(s, q);
    subs_forget_initial(s, q);
    free_live(q);
}

/* ---- query sets ---- */

/* Index of the set, or where it would have to be. */
static size_t
find_set(const struct subs_conn *c, uint32_t id, bool *found)
{
    size_t lo = 0, hi = c->nsets;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->sets[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < c->nsets && c->sets[lo]->id == id;
    return lo;
}

/* Counts a query of this client, and gives what it weighs. */
static uint32_t
weigh(struct subs_conn *c, const struct live_query *q)
{
    const struct eq_bucket *bucket = live_bucket(q);
    uint32_t weight = bucket != NULL ? oro_query_weight(q->query) : subs_live_weight(q);
    if (bucket != NULL) {
        uintptr_t before = (uintptr_t)oro_map_get_u64(&c->points, (uintptr_t)bucket);
        oro_map_put_u64(&c->points, (uintptr_t)bucket, (void *)(before + 1));
        weight -= before == 0;
    }
    c->weight += weight;
    c->nqueries++;
    if (c->counts) {
        uintptr_t sets = (uintptr_t)oro_map_get_u64(&c->held, (uintptr_t)q);
        oro_map_put_u64(&c->held, (uintptr_t)q, (void *)(sets + 1));
    }
    return weight;
}

static void
unweigh(struct subs_conn *c, const struct member *m)
{
    c->weight -= m->weight;
    c->nqueries--;
    if (c->counts) {
        uintptr_t sets = (uintptr_t)oro_map_del_u64(&c->held, (uintptr_t)m->live) - 1;
        if (sets > 0)
            oro_map_put_u64(&c->held, (uintptr_t)m->live, (void *)sets);
    }
    const struct eq_bucket *bucket = live_bucket(m->live);
    if (bucket == NULL)
        return;
    uintptr_t left = (uintptr_t)oro_map_del_u64(&c->points, (uintptr_t)bucket) - 1;
    if (left > 0)
        oro_map_put_u64(&c->points, (uintptr_t)bucket, (void *)left);
}

#define LITTLE 32 /* that part of what a client may have is granted even if all have too much */

static bool
is_too_much_for_all(const struct oro_subs *s, const struct subs_conn *c, const struct live_query *q)
{
    return s->weight > s->most_all && q->nsubs == 1 && subs_live_weight(q) > 0 &&
           c->weight > s->most / LITTLE;
}

static oro_status
set_add(struct oro_subs *s, struct query_set *set, struct live_query *q, size_t *cap,
        struct oro_err *err)
{
    /* equal texts count once. Nobody else subscribes while a set is filled, so this one would be the query's last. */
    if (q->nsubs > 0 && q->subs[q->nsubs - 1].set == set)
        return ORO_OK;
    uint32_t weight = weigh(set->conn, q);
    q->subs = oro_grow(q->subs, q->nsubs, &q->cap, sizeof(*q->subs));
    set->members = oro_grow(set->members, set->nmembers, cap, sizeof(*set->members));
    q->subs[q->nsubs] = (struct subscriber){set, set->nmembers};
    set->members[set->nmembers++] = (struct member){q, (uint32_t)q->nsubs++, weight};
    if (set->conn->nqueries > s->most_queries)
        return oro_err_set(
            err, ORO_EFULL,
            "this client has too many subscriptions: %zu queries are allowed "
            "(query.client_queries). Unsubscribe from what is not needed, or ask for "
            "more with each",
            s->most_queries);
    if (is_too_much_for_all(s, set->conn, q))
        return oro_err_set(
            err, ORO_EFULL,
            "the subscriptions of all clients are too expensive: each row that changes would be "
            "compared %llu times, and %llu are allowed (query.all_terms). `column = value` costs "
            "nothing, and neither does what another client is subscribed to, word by word; or "
            "try again later",
            (unsigned long long)s->weight, (unsigned long long)s->most_all);
    if (set->conn->weight <= s->most)
        return ORO_OK;
    return oro_err_set(
        err, ORO_EFULL,
        "this client's subscriptions are too expensive: each row that changes would "
        "be compared %llu times for them, and %llu are allowed (query.client_terms). "
        "`column = value` costs nothing; unsubscribe from what is not needed, or "
        "compare less beside it",
        (unsigned long long)set->conn->weight, (unsigned long long)s->most);
}

static void
set_free(struct oro_subs *s, struct query_set *set)
{
    for (uint32_t i = 0; i < set->nmembers; i++) {
        struct live_query *q = set->members[i].live;
        unweigh(set->conn, &set->members[i]);
        struct subscriber moved = q->subs[--q->nsubs];
        q->subs[set->members[i].sub] = moved;
        moved.set->members[moved.member].sub = set->members[i].sub;
        close_live_if_unused(s, q);
    }
    oro_free(set->members);
    oro_free(set);
}

/* Adds every user table that the asker may read; event tables have no rows to begin with and are left out. */
static oro_status
add_everything(struct oro_subs *s, struct query_set *set, size_t *cap,
               const struct oro_query_env *env, struct oro_err *err)
{
    struct oro_bb text = {0};
    oro_status st = ORO_OK;
    const struct oro_table_def *t;
    for (uint32_t i = 0; st == ORO_OK && (t = subs_everything_next(s->schema, env, &i)) != NULL;) {
        oro_bb_clear(&text);
        oro_bb_printf(&text, "SELECT * FROM \"%s\"", t->name);
        struct live_query *q;
        st = open_live(s, oro_bb_bytes(&text), env, &q, err);
        if (st == ORO_OK)
            st = set_add(s, set, q, cap, err);
    }
    oro_bb_fini(&text);
    return st;
}

static oro_status
fill_set(struct oro_subs *s, struct query_set *set, struct oro_bytes texts, uint32_t n,
         const struct oro_query_env *env, struct oro_err *err)
{
    struct oro_reader r = oro_reader(texts);
    size_t cap = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct oro_bytes text;
        oro_status st = oro_rd_string(&r, &text);
        if (st != ORO_OK)
            return oro_err_set(err, st, "query %u is not a string", i + 1);
        text = subs_trim(text);
        if (subs_is_everything(text)) {
            st = add_everything(s, set, &cap, env, err);
            if (st != ORO_OK)
                return st;
            continue;
        }
        struct live_query *q;
        st = open_live(s, text, env, &q, err);
        if (st == ORO_OK)
            st = set_add(s, set, q, &cap, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

/* ---- what callers do ---- */

static struct subs_conn *
open_conn(struct oro_subs *s, oro_conn_id id)
{
    struct subs_conn *c = oro_map_get_u64(&s->conns, id);
    if (c != NULL)
        return c;
    c = ORO_NEW(struct subs_conn);
    c->id = id;
    oro_map_put_u64(&s->conns, id, c);
    return c;
}

oro_status
oro_subs_fail_used(oro_conn_id conn, uint32_t query_set_id, struct oro_err *err)
{
    return oro_err_set(err, ORO_EEXISTS,
                       "Subscription with id %u already exists for client: %016llx", query_set_id,
                       (unsigned long long)conn);
}

/* An empty set with that id, not yet among the client's. */
static oro_status
set_new(struct oro_subs *s, oro_conn_id conn, uint32_t id, struct query_set **out,
        struct oro_err *err)
{
    ORO_ASSERT(!s->applying);
    if (oro_subs_has(s, conn, id))
        return oro_subs_fail_used(conn, id, err);
    struct query_set *set = ORO_NEW(struct query_set);
    set->conn = open_conn(s, conn);
    set->id = id;
    *out = set;
    return ORO_OK;
}

static void
set_insert(struct oro_subs *s, struct query_set *set)
{
    struct subs_conn *c = set->conn;
    bool used;
    size_t pos = find_set(c, set->id, &used);
    ORO_ASSERT(!used);
    c->sets = oro_grow(c->sets, c->nsets, &c->cap, sizeof(struct query_set *));
    memmove(&c->sets[pos + 1], &c->sets[pos], (c->nsets - pos) * sizeof(struct query_set *));
    c->sets[pos] = set;
    c->nsets++;
    s->nsets++;
}

bool
oro_subs_has(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id)
{
    const struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    bool used = false;
    if (c != NULL)
        (void)find_set(c, query_set_id, &used);
    return used;
}

oro_status
oro_subs_subscribe(struct oro_subs *s, struct oro_session *se, oro_conn_id conn,
                   uint32_t query_set_id, struct oro_bytes texts, uint32_t n,
                   const struct oro_query_env *env, struct oro_budget *budget, struct oro_bb *rows,
                   struct oro_parts *parts, struct oro_err *err)
{
    struct query_set *set;
    oro_status st = set_new(s, conn, query_set_id, &set, err);
    if (st != ORO_OK)
        return st;
    subs_pays(s, set->conn, &env->asker);
    set->conn->counts = env->form != ORO_ROWS_TABLES;
    st = fill_set(s, set, texts, n, env, err);
    struct set_rows_way way = {s, se, budget, env->form, false, rows, parts};
    if (st == ORO_OK && rows != NULL)
        st = subs_put_set_rows(&way, set, err);
    if (st == ORO_OK)
        set_insert(s, set);
    else
        set_free(s, set);
    return st;
}

oro_status
oro_subs_register(struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id,
                  struct oro_prepared *p, struct oro_err *err)
{
    struct query_set *set;
    size_t cap = 0;
    oro_status st = set_new(s, conn, query_set_id, &set, err);
    if (st != ORO_OK)
        return st;
    subs_pays(s, set->conn, &p->env.asker);
    set->conn->counts = p->env.form != ORO_ROWS_TABLES;
    for (uint32_t i = 0; st == ORO_OK && i < p->n; i++) {
        struct prepared_query *from = &p->queries[i];
        struct live_query *q = find_live(s, from->text, &p->env);
        if (q == NULL) {
            q = live_new(s, from->text, &p->env, from->query);
            from->query = NULL;
        }
        st = set_add(s, set, q, &cap, err);
    }
    if (st == ORO_OK)
        set_insert(s, set);
    else
        set_free(s, set);
    return st;
}

void
oro_subs_freeze(struct oro_subs *s, oro_conn_id conn, bool frozen)
{
    ORO_ASSERT(!s->applying);
    struct subs_conn *c = frozen ? open_conn(s, conn) : oro_map_get_u64(&s->conns, conn);
    if (c != NULL)
        c->frozen = frozen;
}

bool
oro_subs_texts(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id,
               struct oro_bb *texts, uint32_t *n)
{
    const struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    bool found = false;
    size_t pos = c != NULL ? find_set(c, query_set_id, &found) : 0;
    if (!found)
        return false;
    const struct query_set *set = c->sets[pos];
    *n = 0;
    for (uint32_t m = 0; m < set->nmembers; m++) {
        if (subs_is_held(set, set->members[m].live))
            continue;
        oro_bb_lenbytes(texts, subs_text_of(set->members[m].live));
        ++*n;
    }
    return true;
}

bool
oro_subs_has_own(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id)
{
    const struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    bool found = false, own = false;
    size_t pos = c != NULL ? find_set(c, query_set_id, &found) : 0;
    const struct query_set *set = found ? c->sets[pos] : NULL;
    for (uint32_t m = 0; found && !own && m < set->nmembers; m++)
        own = !subs_is_held(set, set->members[m].live);
    return own;
}

void
oro_subs_held(const struct oro_subs *s, oro_conn_id conn, struct oro_bb *texts)
{
    const struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    const struct oro_map_slot *slot;
    if (c == NULL || !c->counts)
        return;
    for (size_t i = 0; oro_map_next(&c->held, &i, &slot);)
        oro_bb_lenbytes(texts, subs_text_of((const struct live_query *)(uintptr_t)slot->key_len));
}

static void
set_remove(struct oro_subs *s, struct subs_conn *c, size_t pos)
{
    struct query_set *set = c->sets[pos];
    c->nsets--;
    memmove(&c->sets[pos], &c->sets[pos + 1], (c->nsets - pos) * sizeof(struct query_set *));
    s->nsets--;
    set_free(s, set);
}

oro_status
oro_subs_unsubscribe(struct oro_subs *s, struct oro_session *se, oro_conn_id conn,
                     uint32_t query_set_id, enum oro_rows_form form, struct oro_budget *budget,
                     struct oro_bb *rows, struct oro_err *err)
{
    ORO_ASSERT(!s->applying);
    struct subs_conn *c = oro_map_get_u64(&s->conns, conn);
    bool found = false;
    size_t pos = c != NULL ? find_set(c, query_set_id, &found) : 0;
    if (!found)
        return oro_err_set(err, ORO_ENOTFOUND, "Subscription not found: %u", query_set_id);
    struct query_set *set = c->sets[pos];
    struct set_rows_way way = {s, se, budget, form, true, rows, NULL};
    oro_status st = rows != NULL ? subs_put_set_rows(&way, set, err) : ORO_OK;
    if (st != ORO_OK)
        return st;
    set_remove(s, c, pos);
    return ORO_OK;
}

void
subs_conn_free(struct oro_subs *s, struct subs_conn *c)
{
    for (size_t i = 0; i < c->nsets; i++)
        set_free(s, c->sets[i]);
    s->nsets -= c->nsets;
    subs_pays_no_more(s, c);
    oro_map_fini(&c->points);
    oro_map_fini(&c->held);
    oro_free(c->sets);
    oro_free(c);
}

/* The first set with that query that can be told now. */
static struct query_set *
lost_set(const struct live_query *q, const struct subs_conn *only)
{
    for (size_t i = 0; i < q->nsubs; i++) {
        const struct subs_conn *c = q->subs[i].set->conn;
        if (!c->frozen || c == only)
            return q->subs[i].set;
    }
    return NULL;
}

static void
end_lost(struct oro_subs *s, struct query_set *set, const char *why)
{
    oro_conn_id conn = set->conn->id;
    uint32_t id = set->id;
    bool found;
    set_remove(s, set->conn, find_set(set->conn, id, &found));
    if (s->on_lost != NULL)
        s->on_lost(s->lost_arg, conn, id, why);
}

void
subs_end_lost(struct oro_subs *s, const struct subs_conn *only)
{
    struct query_set *set;
    for (size_t i = 0; i < s->nlosses; i++) {
        struct live_query *q = s->losses[i];
        char why[1024];
        if (q == NULL)
            continue;
        snprintf(why, sizeof(why), "%s, executing: `%.*s`", q->lost_why, sql_cut(subs_text_of(q), 200),
                 (const char *)subs_text_of(q).data);
        while (s->losses[i] != NULL && (set = lost_set(q, only)) != NULL)
            end_lost(s, set, why); /* with the last one the query goes, and what says it is lost */
        if (s->losses[i] != NULL)
            q->lost_why[0] = '\0';
    }
    s->nlosses = 0;
}

void
oro_subs_drop(struct oro_subs *s, oro_conn_id conn)
{
    struct subs_conn *c = oro_map_del_u64(&s->conns, conn);
    if (c == NULL)
        return;
    if (!s->applying) {
        subs_conn_free(s, c);
        return;
    }
    /* From within emit: the commit at hand still refers to it. */
    c->dropped = true;
    s->dropped = oro_grow(s->dropped, s->ndropped, &s->dropped_cap, sizeof(struct subs_conn *));
    s->dropped[s->ndropped++] = c;
}

void
oro_subs_each(const struct oro_subs *s, oro_subs_visit visit, void *arg)
{
    struct oro_bb texts = {0};
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->conns, &i, &slot);) {
        const struct subs_conn *c = slot->value;
        for (size_t k = 0; k < c->nsets; k++) {
            oro_bb_clear(&texts);
            for (uint32_t m = 0; m < c->sets[k]->nmembers; m++)
                oro_bb_lenbytes(&texts, subs_text_of(c->sets[k]->members[m].live));
            visit(arg, c->id, c->sets[k]->id, oro_bb_bytes(&texts), c->sets[k]->nmembers);
        }
    }
    oro_bb_fini(&texts);
}

void
oro_subs_stats(const struct oro_subs *s, struct oro_subs_stats *out)
{
    *out = (struct oro_subs_stats){
        .queries = oro_map_len(&s->by_text),
        .query_sets = s->nsets,
        .evaluated = s->evaluated,
        .matched = s->matched,
    };
}

static void
table_fini(struct subs_table *t)
{
    oro_free(t->plain.items);
    oro_free(t->filtered.items);
    for (size_t i = 0; i < t->neq; i++)
        oro_map_fini(&t->eq[i].buckets);
    oro_free(t->eq);
    oro_free(t->ranges);
}

void
oro_subs_destroy(struct oro_subs *s)
{
    if (s == NULL)
        return;
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->conns, &i, &slot);)
        subs_conn_free(s, slot->value);
    oro_map_fini(&s->conns);
    oro_map_fini(&s->payers);
    oro_map_fini(&s->by_text);
    for (uint32_t i = 0; i < s->schema->ntables; i++)
        table_fini(&s->tables[i]);
    for (size_t i = 0; i < s->changes_made; i++) {
        oro_row_list_fini(&s->changes[i].inserts);
        oro_row_list_fini(&s->changes[i].deletes);
    }
    oro_free(s->tables);
    oro_free(s->changes);
    oro_free(s->notices);
    oro_free(s->touched);
    oro_free(s->dropped);
    oro_free(s->sorted);
    oro_free(s->told);
    oro_free(s->touches);
    oro_free(s->joins);
    oro_free(s->tallies);
    oro_free(s->losses);
    oro_map_fini(&s->tally_of);
    oro_session_close(s->looks);
    oro_free(s);
}
