/* Sessions (docs/wire.md#sessions): a client that connects anew under the name it has chosen takes the place of its earlier
 * connection, which it may have lost without the server's knowing. One lock for all shards: it is taken as often as clients of
 * that kind come and go. */
#include "runtime/server/server_priv.h"

#include "runtime/base/mem.h"

#define BUSY 4000 /* Close: come again shortly, and do not count this as a failure */

/* Who has it, until its client_disconnected has run. Guarded by the lock. */
struct holder {
    unsigned shard;
    oro_conn_id conn;
    bool told; /* that it has to go */
};

struct superseded {
    struct superseded *next;
    oro_conn_id conn;
};

static struct oro_bytes
key_of(const struct client *c, uint8_t out[48])
{
    memcpy(out, c->who->identity.le, 32);
    memcpy(out + 32, c->session.le, 16);
    return oro_bytes(out, 48);
}

static void
tell(struct oro_server *s, const struct holder *h)
{
    struct superseded *e = ORO_NEW(struct superseded);
    struct shard *sh = &s->shards[h->shard];
    e->conn = h->conn;
    e->next = atomic_load(&sh->superseded);
    while (!atomic_compare_exchange_weak(&sh->superseded, &e->next, e))
        ;
    s->net.wake(s->net.net, h->shard);
}

bool
oro_session_enter(struct shard *sh, struct client *c)
{
    struct oro_server *s = sh->server;
    uint8_t bytes[48];
    ORO_ASSERT_OWNER(&sh->owner);
    if (!c->has_session)
        return true;
    pthread_mutex_lock(&s->sessions.lock);
    struct holder *h = oro_map_get(&s->sessions.holders, key_of(c, bytes));
    bool busy = h != NULL;
    if (!busy) {
        h = ORO_NEW(struct holder);
        *h = (struct holder){.shard = sh->number, .conn = c->conn};
        oro_map_put(&s->sessions.holders, key_of(c, bytes), h);
    } else if (!h->told) {
        h->told = true;
        tell(s, h);
    }
    pthread_mutex_unlock(&s->sessions.lock);
    if (!busy)
        return true;
    c->has_session = false; /* it is another's */
    oro_metric_add(
        oro_metric(ORO_METRIC_COUNTER, "orochi_sessions_busy_total", "",
                   "Connections refused because an earlier one of their session had not ended."),
        1);
    oro_client_close(sh, c, BUSY,
                     "an earlier connection of this session is being ended: connect again");
    return false;
}

void
oro_session_leave(struct shard *sh, struct client *c)
{
    struct oro_server *s = sh->server;
    uint8_t bytes[48];
    if (!c->has_session)
        return;
    c->has_session = false;
    pthread_mutex_lock(&s->sessions.lock);
    struct holder *h = oro_map_del(&s->sessions.holders, key_of(c, bytes));
    pthread_mutex_unlock(&s->sessions.lock);
    ORO_ASSERT(h != NULL && h->conn == c->conn && h->shard == sh->number);
    oro_free(h);
}

/* It may not have been let in yet, and who is refused is not to send another one away: it stays. */
static void
stays(struct oro_server *s, const struct client *c)
{
    uint8_t bytes[48];
    pthread_mutex_lock(&s->sessions.lock);
    struct holder *h = oro_map_get(&s->sessions.holders, key_of(c, bytes));
    h->told = false;
    pthread_mutex_unlock(&s->sessions.lock);
}

void
oro_sessions_look(struct shard *sh)
{
    struct oro_server_net *net = &sh->server->net;
    ORO_ASSERT_OWNER(&sh->owner);
    struct superseded *e = atomic_exchange(&sh->superseded, NULL);
    for (struct superseded *next; e != NULL; e = next) {
        struct client *c = oro_client_find(sh, e->conn);
        next = e->next;
        oro_free(e);
        if (c == NULL || !c->has_session)
            continue;
        if (c->state == CLIENT_CONNECTING)
            stays(sh->server, c);
        else
            net->close(net->net, sh->number, c->conn, 0, NULL);
    }
}

void
oro_sessions_free(struct oro_server *s)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->sessions.holders, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&s->sessions.holders);
    pthread_mutex_destroy(&s->sessions.lock);
    for (unsigned i = 0; s->shards != NULL && i < s->opt.shards; i++)
        for (struct superseded *e = atomic_load(&s->shards[i].superseded), *next; e != NULL;
             e = next) {
            next = e->next;
            oro_free(e);
        }
}
