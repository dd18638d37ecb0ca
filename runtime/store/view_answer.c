/* The answers of views, by their keys, and what each costs. The registry has a lock of its own, taken within the commit lock or
 * alone. */
#include "runtime/store/view_priv.h"

static uint64_t
key_hash(const struct oro_view_key *key)
{
    uint64_t parts[3] = {oro_bytes_hash(key->args), oro_bytes_hash(oro_bytes_str(key->def->name))};
    parts[2] = oro_bytes_hash(oro_bytes(key->sender.le, sizeof(key->sender.le)));
    return oro_bytes_hash(oro_bytes(parts, sizeof(parts)));
}

static bool
key_eq(const struct oro_view_key *a, const struct oro_view_key *b)
{
    return strcmp(a->def->name, b->def->name) == 0 && oro_identity_eq(&a->sender, &b->sender) &&
           oro_bytes_eq(a->args, b->args);
}

/* Registry locked. Nothing is copied for it: the arguments may be long. */
static struct oro_view *
listed(const struct oro_views *vs, const struct oro_view_key *key, uint64_t hash)
{
    struct oro_view *v = oro_map_get_u64(&vs->by_hash, hash);
    while (v != NULL && !key_eq(&v->key, key))
        v = v->same;
    return v;
}

/* NULL: no memory. */
static struct oro_view *
view_new(const struct oro_view_key *key, uint64_t hash)
{
    struct oro_view *v = oro_try_alloc(sizeof(*v) + key->args.len);
    if (v == NULL)
        return NULL;
    *v = (struct oro_view){.key = *key, .hash = hash, .room = 1};
    if (key->args.len > 0)
        memcpy(v->args, key->args.data, key->args.len);
    v->key.args = oro_bytes(v->args, key->args.len);
    atomic_init(&v->refs, 1); /* the registry's */
    return v;
}

/* Registry locked. */
static void
list_view(struct oro_views *vs, struct oro_view *v)
{
    v->number = ++vs->next;
    v->listed = true;
    v->same = oro_map_put_u64(&vs->by_hash, v->hash, v);
    atomic_fetch_add_explicit(&vs->n, 1, memory_order_relaxed);
}

/* Registry locked. */
void
view_unlist(struct oro_views *vs, struct oro_view *v)
{
    struct oro_view *first = oro_map_get_u64(&vs->by_hash, v->hash), **at = &first;
    while (*at != v)
        at = &(*at)->same;
    *at = v->same;
    if (first == NULL)
        oro_map_del_u64(&vs->by_hash, v->hash);
    else
        oro_map_put_u64(&vs->by_hash, v->hash, first);
    v->listed = false;
    atomic_fetch_sub_explicit(&vs->n, 1, memory_order_relaxed);
}

struct oro_view *
oro_view_use(struct oro_store *s, const struct oro_view_key *key)
{
    struct oro_views *vs = &s->views;
    uint64_t hash = key_hash(key);
    struct oro_view *made = NULL, *v;
    for (;;) {
        oro_spin_lock(&vs->lock);
        v = listed(vs, key, hash);
        if (v == NULL && made != NULL) {
            list_view(vs, v = made);
            made = NULL;
        }
        if (v != NULL) {
            v->uses++;
            oro_view_ref(v);
        }
        oro_spin_unlock(&vs->lock);
        if (v != NULL || (made = view_new(key, hash)) == NULL)
            break;
    }
    oro_view_unref(made); /* somebody else was faster */
    return v;
}

bool
oro_view_leave(struct oro_store *s, struct oro_view *v)
{
    oro_spin_lock(&s->views.lock);
    ORO_ASSERT(v->uses > 0);
    bool last = --v->uses == 0;
    oro_spin_unlock(&s->views.lock);
    oro_view_unref(v);
    return last;
}

struct oro_view *
oro_view_ref(struct oro_view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void
oro_view_unref(struct oro_view *v)
{
    /* Pairs with itself: what the others have read, they have read before. */
    if (v == NULL || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) > 1)
        return;
    void *payer = oro_view_payer(v);
    if (payer != NULL)
        v->payer_end(payer);
    oro_view_reads_free(v->reads);
    oro_view_reads_free(v->places);
    view_live_unref(v->live);
    oro_free(v);
}

/* ---- what it costs, and whom ---- */

uint64_t
oro_view_room(const struct oro_view *v)
{
    return atomic_load_explicit(&v->room, memory_order_relaxed);
}

bool
oro_view_pay(struct oro_view *v, void *payer, void (*end)(void *payer))
{
    void *nobody = NULL;
    if (!atomic_compare_exchange_strong(&v->payer, &nobody, payer))
        return false;
    v->payer_end = end; /* read with the last reference, which comes behind the caller's */
    return true;
}

void *
oro_view_payer(const struct oro_view *v)
{
    return atomic_load_explicit(&v->payer, memory_order_acquire);
}

void
oro_view_took(struct oro_view *v, int64_t us)
{
    atomic_store_explicit(&v->cost_us, us, memory_order_relaxed);
}

int64_t
oro_view_cost_us(const struct oro_view *v)
{
    return atomic_load_explicit(&v->cost_us, memory_order_relaxed);
}

bool
oro_view_is_due(struct oro_view *v)
{
    return !atomic_exchange(&v->due, true);
}

void
oro_view_begin(struct oro_view *v)
{
    atomic_store(&v->due, false);
}

/* ---- by key, or all ---- */

uint64_t
oro_view_find(struct oro_store *s, const struct oro_view_key *key)
{
    if (atomic_load_explicit(&s->views.n, memory_order_acquire) == 0)
        return 0;
    uint64_t hash = key_hash(key);
    oro_spin_lock(&s->views.lock);
    struct oro_view *v = listed(&s->views, key, hash);
    uint64_t number = v != NULL ? v->number : 0;
    oro_spin_unlock(&s->views.lock);
    return number;
}

const struct oro_view_key *
oro_view_key(const struct oro_view *v)
{
    return &v->key;
}

uint64_t
oro_view_number(const struct oro_view *v)
{
    return v->number;
}

bool
oro_view_is_ready(const struct oro_view *v)
{
    return atomic_load_explicit(&v->ready, memory_order_acquire);
}

void
oro_view_spoil(struct oro_view *v)
{
    atomic_store_explicit(&v->ready, false, memory_order_release);
}

bool
oro_view_is_orphan(const struct oro_view *v)
{
    return v->orphan;
}

bool
oro_view_is_listed(struct oro_store *s, const struct oro_view *v)
{
    oro_spin_lock(&s->views.lock);
    bool is = v->listed;
    oro_spin_unlock(&s->views.lock);
    return is;
}

uint64_t
oro_view_count(const struct oro_store *s)
{
    return atomic_load_explicit(&s->views.n, memory_order_relaxed);
}

struct oro_view **
oro_view_all(struct oro_store *s, size_t *n)
{
    const struct oro_map_slot *slot;
    oro_spin_lock(&s->views.lock);
    struct oro_view **all = ORO_NEW_ARRAY(struct oro_view *, oro_view_count(s) + 1);
    *n = 0;
    for (size_t i = 0; oro_map_next(&s->views.by_hash, &i, &slot);)
        for (struct oro_view *v = slot->value; v != NULL; v = v->same)
            all[(*n)++] = oro_view_ref(v);
    oro_spin_unlock(&s->views.lock);
    return all;
}
