#include "runtime/timers/last_run.h"

#include "runtime/base/mem.h"

struct last_run {
    int64_t at_us;
};

struct timer_id {
    uint64_t table, key;
};

/* Rows that went without a last run leave their entry behind; nobody misses one that is old. */
#define SWEEP_EVERY 65536
#define OLD_US (600 * 1000000ll)

void
oro_last_runs_init(struct oro_last_runs *l)
{
    *l = (struct oro_last_runs){0};
    pthread_mutex_init(&l->lock, NULL);
}

void
oro_last_runs_clear(struct oro_last_runs *l)
{
    const struct oro_map_slot *slot;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; oro_map_next(&l->at, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&l->at);
    l->at = (struct oro_map){0};
    pthread_mutex_unlock(&l->lock);
}

void
oro_last_runs_fini(struct oro_last_runs *l)
{
    oro_last_runs_clear(l);
    pthread_mutex_destroy(&l->lock);
}

static void
sweep(struct oro_last_runs *l, int64_t now_us)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&l->at, &i, &slot);) {
        struct last_run *last = slot->value;
        if (now_us - last->at_us < OLD_US)
            continue;
        oro_map_del(&l->at, oro_bytes(slot->key, slot->key_len));
        oro_free(last);
    }
}

double
oro_last_runs_step(struct oro_last_runs *l, uint64_t table, uint64_t key, int64_t now_us)
{
    struct timer_id id = {table, key};
    pthread_mutex_lock(&l->lock);
    struct last_run *last = oro_map_get(&l->at, oro_bytes(&id, sizeof(id)));
    if (last == NULL) {
        if (oro_map_len(&l->at) % SWEEP_EVERY == SWEEP_EVERY - 1)
            sweep(l, now_us);
        last = ORO_NEW(struct last_run);
        last->at_us = now_us;
        oro_map_put(&l->at, oro_bytes(&id, sizeof(id)), last);
    }
    double dt = (double)(now_us - last->at_us) / 1e6;
    last->at_us = now_us;
    pthread_mutex_unlock(&l->lock);
    return dt < 0 ? 0 : dt;
}

void
oro_last_runs_forget(struct oro_last_runs *l, uint64_t table, uint64_t key)
{
    struct timer_id id = {table, key};
    pthread_mutex_lock(&l->lock);
    oro_free(oro_map_del(&l->at, oro_bytes(&id, sizeof(id))));
    pthread_mutex_unlock(&l->lock);
}
