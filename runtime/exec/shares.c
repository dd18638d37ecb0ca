/* Whose part is counted together: an identity's, that of an address's newcomers, and that of an address. */
#include "runtime/exec/shares.h"

#include <pthread.h>
#include <string.h>

#include "runtime/base/assert.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

/* Of what is free, times this, an address may have. */
#define SOURCE_TIMES 3

enum holder_kind { HOLDER_IDENTITY, HOLDER_NEWCOMERS, HOLDER_SOURCE };

struct holder {
    uint64_t n;
    unsigned refs;
    uint8_t key[33];
};

struct oro_shares {
    pthread_mutex_t lock;
    uint64_t all, used;
    struct oro_map holders;
};

struct oro_share {
    struct oro_shares *of;
    struct holder *who, *source; /* source NULL: it comes from nowhere that others come from */
    uint64_t n;
};

struct oro_shares *
oro_shares_create(uint64_t all)
{
    struct oro_shares *s = ORO_NEW(struct oro_shares);
    pthread_mutex_init(&s->lock, NULL);
    s->all = all;
    return s;
}

void
oro_shares_destroy(struct oro_shares *s)
{
    if (s == NULL)
        return;
    ORO_ASSERT(s->used == 0 && oro_map_len(&s->holders) == 0);
    oro_map_fini(&s->holders);
    pthread_mutex_destroy(&s->lock);
    oro_free(s);
}

uint64_t
oro_shares_used(struct oro_shares *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t used = s->used;
    pthread_mutex_unlock(&s->lock);
    return used;
}

/* ---- who; the lock is held ---- */

static struct oro_bytes
key_of(const struct holder *h)
{
    return oro_bytes(h->key, sizeof(h->key));
}

static struct holder *
holder_join(struct oro_shares *s, enum holder_kind kind, const void *who, size_t len)
{
    struct holder new = {.key = {(uint8_t)kind}}, *h;
    memcpy(new.key + 1, who, len);
    h = oro_map_get(&s->holders, key_of(&new));
    if (h == NULL) {
        h = ORO_NEW(struct holder);
        *h = new;
        oro_map_put(&s->holders, key_of(h), h);
    }
    h->refs++;
    return h;
}

static void
holder_leave(struct oro_shares *s, struct holder *h)
{
    if (h == NULL || --h->refs > 0)
        return;
    ORO_ASSERT(h->n == 0);
    oro_map_del(&s->holders, key_of(h));
    oro_free(h);
}

static void
leave(struct oro_share *h)
{
    holder_leave(h->of, h->who);
    holder_leave(h->of, h->source);
}

static void
add(struct oro_share *h, uint64_t more)
{
    h->n += more;
    h->of->used += more;
    h->who->n += more;
    if (h->source != NULL)
        h->source->n += more;
}

static enum oro_share_room
grow(struct oro_share *h, uint64_t more)
{
    struct oro_shares *s = h->of;
    uint64_t left = s->all > s->used ? s->all - s->used : 0;
    if (more > left)
        return ORO_SHARE_FULL;
    if (h->who->n >= left || (h->source != NULL && h->source->n / SOURCE_TIMES >= left))
        return ORO_SHARE_OWN;
    add(h, more);
    return ORO_SHARE_TAKEN;
}

static void
shrink(struct oro_share *h, uint64_t less)
{
    ORO_ASSERT(less <= h->n && less <= h->who->n && less <= h->of->used);
    h->n -= less;
    h->of->used -= less;
    h->who->n -= less;
    if (h->source != NULL)
        h->source->n -= less;
}

/* ---- taking and giving ---- */

enum oro_share_room
oro_share_take(struct oro_shares *s, const struct oro_turns_of *of, uint64_t n,
               struct oro_share **out)
{
    ORO_ASSERT(n > 0);
    struct oro_share h = {.of = s};
    pthread_mutex_lock(&s->lock);
    h.who = of->known || of->source == 0
                ? holder_join(s, HOLDER_IDENTITY, of->identity.le, sizeof(of->identity.le))
                : holder_join(s, HOLDER_NEWCOMERS, &of->source, sizeof(of->source));
    if (of->source != 0)
        h.source = holder_join(s, HOLDER_SOURCE, &of->source, sizeof(of->source));
    enum oro_share_room room = grow(&h, n);
    if (room != ORO_SHARE_TAKEN)
        leave(&h);
    pthread_mutex_unlock(&s->lock);
    if (room != ORO_SHARE_TAKEN)
        return room;
    *out = ORO_NEW(struct oro_share);
    **out = h;
    return room;
}

enum oro_share_room
oro_share_set(struct oro_share *h, uint64_t n)
{
    ORO_ASSERT(n > 0);
    enum oro_share_room room = ORO_SHARE_TAKEN;
    pthread_mutex_lock(&h->of->lock);
    if (n > h->n)
        room = grow(h, n - h->n);
    else
        shrink(h, h->n - n);
    pthread_mutex_unlock(&h->of->lock);
    return room;
}

void
oro_share_is(struct oro_share *h, uint64_t n)
{
    ORO_ASSERT(n > 0);
    pthread_mutex_lock(&h->of->lock);
    if (n > h->n)
        add(h, n - h->n);
    else
        shrink(h, h->n - n);
    pthread_mutex_unlock(&h->of->lock);
}

void
oro_share_give(struct oro_share *h)
{
    if (h == NULL)
        return;
    pthread_mutex_t *lock = &h->of->lock;
    pthread_mutex_lock(lock);
    shrink(h, h->n);
    leave(h);
    pthread_mutex_unlock(lock);
    oro_free(h);
}
