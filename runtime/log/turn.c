#include "runtime/log/turn.h"

#include "runtime/base/assert.h"

void
turn_init(struct turn *t)
{
    *t = (struct turn){0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
}

void
turn_fini(struct turn *t)
{
    ORO_ASSERT(!t->busy && !t->log_waits);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
}

void
turn_take(struct turn *t, bool log)
{
    pthread_mutex_lock(&t->lock);
    if (log)
        t->log_waits = true;
    while (t->busy || (!log && t->log_waits))
        pthread_cond_wait(&t->changed, &t->lock);
    if (log)
        t->log_waits = false;
    t->busy = true;
    pthread_mutex_unlock(&t->lock);
}

void
turn_give(struct turn *t)
{
    pthread_mutex_lock(&t->lock);
    ORO_ASSERT(t->busy);
    t->busy = false;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
