/* Clients of a websocket, who check what they are told. */
#include "tests/server/net_priv.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/server/reply.h"

/* ---- what it is told ---- */

static void
reply_take(void *arg, const struct reply *r)
{
    struct fake_client *c = arg;
    ORO_ASSERT(c->hello == (r->tag != REPLY_HELLO));
    if (r->tag == REPLY_HELLO) {
        c->hello = true;
    } else if (r->tag == REPLY_UPDATE) {
        c->updates++;
    } else {
        ORO_ASSERT(r->request_id == c->answered && c->answered < c->asked);
        c->answered++;
        c->when = atomic_fetch_add(&c->sh->net->answers, 1) + 1;
        c->failed += r->failed;
    }
    if (r->tag == REPLY_ONE_OFF && !r->failed) {
        c->query_rows = r->nrows;
        c->query_sum = r->sum;
    }
    if (r->tag == REPLY_UNAPPLIED && r->nrows > 0)
        ORO_ASSERT(oro_map_len(&c->sets[r->query_set]) == 0);
    if (r->tag == REPLY_UNAPPLIED)
        oro_map_fini(&c->sets[r->query_set]);
}

/* A value of the map is never NULL. */
static void *
value_of(int64_t n)
{
    return (void *)(uintptr_t)((uint64_t)n + (1ull << 40));
}

static void
row_take(void *arg, uint32_t set, uint32_t id, int64_t n, bool enters)
{
    struct fake_client *c = arg;
    ORO_ASSERT(set < SETS);
    void *before = enters ? oro_map_put_u64(&c->sets[set], id, value_of(n))
                          : oro_map_del_u64(&c->sets[set], id);
    ORO_ASSERT(before == (enters ? NULL : value_of(n)));
}

void
fake_take(struct fake_client *c, struct oro_bytes messages)
{
    pthread_mutex_lock(&c->lock);
    unsigned n = replies_read(messages, reply_take, row_take, c);
    ORO_ASSERT(n == 1 || !c->single);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* ---- clients ---- */

static void
client_post(struct fake_client *c, void (*run)(void *), void *arg)
{
    atomic_fetch_add(&c->posted, 1);
    fake_post(c->sh, run, arg);
}

/* The last thing that an operation does: then the client may be freed. */
static void
ran(struct fake_client *c)
{
    atomic_fetch_sub(&c->posted, 1);
}

static void
connect_run(void *arg)
{
    struct fake_client *c = arg;
    const struct oro_sink *sink = c->sh->net->sink;
    char token[32], query[256];
    if (c->who == 0)
        snprintf(query, sizeof(query), "%s", c->query);
    else
        snprintf(query, sizeof(query), "token=%s%s%s", fake_token(c->who, token),
                 c->query[0] != '\0' ? "&" : "", c->query);
    struct oro_http_request req = {.method = "GET",
                                   .path = "/v1/database/game/subscribe",
                                   .host = "127.0.0.1",
                                   .query = query,
                                   .protocols =
                                       c->single ? "v2.bsatn.spacetimedb" : "v3.bsatn.spacetimedb",
                                   .websocket = true,
                                   .peer = c->who == 0 ? 1 : 2};
    struct oro_http_response *res = ORO_NEW(struct oro_http_response);
    struct oro_ws_accept *acc = ORO_NEW(struct oro_ws_accept);
    bool accepted = sink->ws_request(sink->self, c->sh->number, &req, acc, res);
    if (accepted) {
        c->user = acc->user;
        oro_map_put_u64(&c->sh->clients, c->id, c);
        sink->ws_open(sink->self, c->sh->number, c->id, c->user);
    }
    oro_bb_fini(&res->body);
    oro_free(res);
    oro_free(acc);
    pthread_mutex_lock(&c->lock);
    c->refused = !accepted;
    if (!accepted)
        c->end = END_GONE;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    ran(c);
}

struct fake_client *
fake_connect(struct fake_net *net, unsigned shard, uint32_t who, const char *query, bool single)
{
    struct fake_client *c = ORO_NEW(struct fake_client);
    *c = (struct fake_client){
        .sh = &net->shards[shard], .single = single, .query = query, .who = who};
    c->id = atomic_fetch_add(&net->next_id, 1) + 1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    client_post(c, connect_run, c);
    return c;
}

struct frame {
    struct fake_client *c;
    struct oro_buf *buf;
    unsigned asked;
};

static void
send_run(void *arg)
{
    struct frame *f = arg;
    const struct oro_sink *sink = f->c->sh->net->sink;
    if (f->c->end == END_NOT) {
        pthread_mutex_lock(&f->c->lock);
        f->c->asked += f->asked;
        pthread_mutex_unlock(&f->c->lock);
        sink->ws_message(sink->self, f->c->sh->number, f->c->id, f->c->user, f->buf, true);
    }
    oro_buf_unref(f->buf);
    ran(f->c);
    oro_free(f);
}

void
fake_send(struct fake_client *c, struct oro_bytes messages, unsigned asked)
{
    struct frame *f = ORO_NEW(struct frame);
    *f = (struct frame){c, oro_buf_copy(messages), asked};
    client_post(c, send_run, f);
}

static void
leave_run(void *arg)
{
    struct fake_client *c = arg;
    fake_doom(c, "io");
    ran(c);
}

static void
say_leave_run(void *arg)
{
    struct fake_client *c = arg;
    fake_doom(c, "client_close");
    ran(c);
}

void
fake_leave(struct fake_client *c, bool said_so)
{
    client_post(c, said_so ? say_leave_run : leave_run, c);
}

static void
half_close_run(void *arg)
{
    struct fake_client *c = arg;
    const struct oro_sink *sink = c->sh->net->sink;
    if (c->end == END_NOT && !sink->ws_ended(sink->self, c->sh->number, c->id, c->user))
        fake_doom(c, "io");
    ran(c);
}

void
fake_half_close(struct fake_client *c)
{
    client_post(c, half_close_run, c);
}

void
fake_client_free(struct fake_client *c)
{
    while (atomic_load(&c->posted) > 0)
        sched_yield();
    for (unsigned i = 0; i < SETS; i++)
        oro_map_fini(&c->sets[i]);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    oro_bb_fini(&c->piece);
    oro_free(c);
}

/* ---- waiting ---- */

struct timespec
fake_patience(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    return end;
}

void
fake_change_wait(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *end)
{
    int rc = pthread_cond_timedwait(changed, lock, end);
    ORO_ASSERT(rc == 0);
}

/* What did not come is told, and ends the test. */
static void
give_up(const struct fake_client *c, const char *condition)
{
    fprintf(
        stderr,
        "client %llu waits in vain for: %s (end %d, hello %d, close code %d, asked %u, answered "
        "%u, updates %u)\n",
        (unsigned long long)c->id, condition, c->end, c->hello, c->code, c->asked, c->answered,
        c->updates);
    abort();
}

#define WAIT(c, condition)                                                     \
    do {                                                                       \
        struct timespec end_ = fake_patience();                                \
        pthread_mutex_lock(&(c)->lock);                                        \
        while (!(condition) && (c)->end != END_GONE)                           \
            if (pthread_cond_timedwait(&(c)->changed, &(c)->lock, &end_) != 0) \
                give_up(c, #condition);                                        \
        pthread_mutex_unlock(&(c)->lock);                                      \
    } while (0)

void
fake_wait_open(struct fake_client *c)
{
    WAIT(c, c->hello);
}

/* All that has been posted is asked. */
static void
sent_wait(struct fake_client *c)
{
    struct fake_shard *sh = c->sh;
    for (bool sent = false; !sent; sched_yield()) {
        pthread_mutex_lock(&sh->lock);
        sent = sh->ops == NULL;
        pthread_mutex_unlock(&sh->lock);
    }
    unsigned seen = atomic_load(&sh->idle);
    while (atomic_load(&sh->idle) == seen) { /* ... and what was taken has been run */
        oro_wake_signal(&sh->wake);
        sched_yield();
    }
}

void
fake_wait_answered(struct fake_client *c)
{
    sent_wait(c);
    WAIT(c, c->hello && c->answered == c->asked);
}

void
fake_wait_closed(struct fake_client *c)
{
    WAIT(c, c->end == END_GONE);
}

void
fake_wait_updates(struct fake_client *c, unsigned n)
{
    WAIT(c, c->updates >= n);
}

void
fake_wait_row(struct fake_client *c, unsigned set, uint32_t id, int64_t n)
{
    WAIT(c, oro_map_get_u64(&c->sets[set], id) == value_of(n));
}

/* ---- what it knows ---- */

unsigned
fake_answered(struct fake_client *c)
{
    READ(c, unsigned, c->answered);
}

unsigned
fake_failed(struct fake_client *c)
{
    READ(c, unsigned, c->failed);
}

int
fake_close_code(struct fake_client *c)
{
    READ(c, int, c->code);
}

bool
fake_is_closed(struct fake_client *c)
{
    READ(c, bool, c->end == END_GONE);
}

size_t
fake_rows(struct fake_client *c, unsigned set)
{
    READ(c, size_t, oro_map_len(&c->sets[set]));
}

bool
fake_has(struct fake_client *c, unsigned set, uint32_t id, int64_t n)
{
    READ(c, bool, oro_map_get_u64(&c->sets[set], id) == value_of(n));
}

unsigned
fake_when(struct fake_client *c)
{
    READ(c, unsigned, c->when);
}

int64_t
fake_charged(struct fake_client *c)
{
    READ(c, int64_t, c->charged);
}

size_t
fake_query_rows(struct fake_client *c, int64_t *sum)
{
    pthread_mutex_lock(&c->lock);
    *sum = c->query_sum;
    size_t n = c->query_rows;
    pthread_mutex_unlock(&c->lock);
    return n;
}

bool
fake_same_rows(struct fake_client *a, struct fake_client *b, unsigned set)
{
    const struct oro_map_slot *slot;
    if (a == b)
        return true;
    pthread_mutex_lock(&a->lock);
    pthread_mutex_lock(&b->lock);
    bool same = oro_map_len(&a->sets[set]) == oro_map_len(&b->sets[set]);
    for (size_t i = 0; same && oro_map_next(&a->sets[set], &i, &slot);)
        same = oro_map_get_u64(&b->sets[set], slot->key_len) == slot->value;
    pthread_mutex_unlock(&b->lock);
    pthread_mutex_unlock(&a->lock);
    return same;
}
