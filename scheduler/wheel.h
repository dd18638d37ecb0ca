/* scheduler/wheel.h - a hierarchical timer wheel: insert and cancel in O(1). A pure data structure: time is an
 * argument, so a test walks a month in a millisecond. One thread at a time. */
#ifndef ORO_SCHEDULER_WHEEL_H
#define ORO_SCHEDULER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

/* Embedded in the owner's struct; zeroed = not armed. */
struct oro_timer {
    struct oro_timer *next, *prev;
    int64_t due_us;
    uint64_t order; /* equal due times fire in the order they were armed */
    unsigned level, slot;
    bool armed;
};

struct oro_wheel;

struct oro_wheel *oro_wheel_create(
    int64_t now_us);                         /* Gives; resolution 1 ms, due times of any distance */
void oro_wheel_destroy(struct oro_wheel *w); /* Takes w; armed timers are forgotten */
/* Borrows t until it fires or is cancelled. A due time in the past fires at the next advance. Re-arming moves it. */
void oro_wheel_arm(struct oro_wheel *w, struct oro_timer *t, int64_t due_us);
/* The same for one that is or was armed, which keeps its place among those that are due with it. */
void oro_wheel_move(struct oro_wheel *w, struct oro_timer *t, int64_t due_us);
void oro_wheel_cancel(struct oro_wheel *w, struct oro_timer *t);
/* Time of the earliest thing to do (exact or earlier than the first due time), or INT64_MAX. */
int64_t oro_wheel_next(const struct oro_wheel *w);
/* Moves to now_us and unlinks the timers that are due, in order of due time; returns them one by one, NULL at the end. */
struct oro_timer *oro_wheel_expire(struct oro_wheel *w, int64_t now_us);

#endif
