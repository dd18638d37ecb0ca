/* runtime/log/turn.h - a lock that one of two threads has the right of way at. */
#ifndef ORO_LOG_TURN_H
#define ORO_LOG_TURN_H

#include <pthread.h>
#include <stdbool.h>

/* Who may write into the log. The log thread goes first: the checkpointer waits while it does. */
struct turn {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy, log_waits;
};

void turn_init(struct turn *t);
void turn_fini(struct turn *t);
void turn_take(struct turn *t, bool log);
void turn_give(struct turn *t);

#endif
