/* runtime/exec/writers/turns.h - whose turn it is: the run queue of mailboxes that have work.
 *
 * Turns go round by identity: however many connections one has, it has one turn in a round, and its mailboxes take theirs one
 * after another. Identities cost nothing, addresses do: those of one address (`source`) who came less than a minute ago, with a
 * token that is no older, have one turn of a round together, and all others of it at most SOURCE_TURNS. Whoever is alone at
 * his address has his own either way, and where all have one address, behind a proxy, the round is by identity alone. Whose turns are short goes before the others, who have one of OTHERS_EVERY meanwhile: so a player with short
 * calls does not wait for a crowd with long ones, and who comes is one of the others until he has had some. Mailboxes
 * whose clients have left stand in a lane of their own, which has a turn when nobody present waits, and one of LEFT_EVERY
 * otherwise. Timers and lifecycle calls stand in front, and have at most two turns of three.
 *
 * Where a turn may last minutes, since a procedure has its worker while it waits, `most` says how many workers one identity, or the
 * newcomers of one address, may have at once: the others are for whoever comes.
 *
 * All of it is guarded by the caller's lock, but for the register of identities and sources, which has its own. */
#ifndef ORO_WORKER_TURNS_H
#define ORO_WORKER_TURNS_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/id.h"
#include "runtime/base/map.h"
#include "runtime/base/thread.h"

struct oro_mailbox;
struct oro_turns_of;

struct run_queue {
    struct oro_mailbox *head, *tail;
};

enum lane { LANE_SHORT, LANE_OTHERS, LANE_LEFT, LANES };

/* Identities that are taken together: their turns in one round, in each lane. */
struct group {
    unsigned turns; /* of a round, if so many wait */
    bool fresh;
    unsigned busy; /* workers that have one of its mailboxes, if there is a limit */
    struct {
        struct oro_sharer *head, *tail;
        unsigned n;         /* who wait */
        unsigned left;      /* turns of this round */
        struct group *next; /* in the lane, if n > 0 */
    } lanes[LANES];
};

/* Where identities come from. */
struct source {
    uint64_t number; /* 0: of one identity */
    unsigned refs;   /* guarded by the register's lock */
    struct group fresh, known;
};

/* One identity's mailboxes. */
struct oro_sharer {
    struct oro_identity identity;
    struct source *source;
    unsigned refs;           /* mailboxes of it; guarded by the register's lock */
    int64_t since_us;        /* it is here; INT64_MIN: and was known before */
    _Atomic int64_t turn_us; /* what its turns take, a running mean */
    struct run_queue waiting[LANES];
    struct oro_sharer *next[LANES];
    bool queued[LANES];
    unsigned busy; /* as of its group */
};

struct turns {
    struct oro_spin *lock; /* the caller's, to be asserted; set behind turns_init */
    unsigned most;         /* workers at once; 0: no limit. The same */
    struct run_queue front;
    struct {
        struct group *head, *tail;
    } lanes[LANES];
    unsigned front_run;   /* taken from front since the last one of a lane */
    unsigned short_run;   /* taken from the short ones since the last one of the others */
    unsigned present_run; /* taken from the present since the last one that has left */
    pthread_mutex_t register_lock;
    struct oro_map sharers; /* by identity */
    struct oro_map sources; /* by number, or the one identity */
};

void turns_init(struct turns *t);
void turns_fini(struct turns *t); /* nobody waits and no mailbox is left */
/* A mailbox of this identity comes, or goes. Any thread, without the caller's lock. Of an identity that has some, the source stays. */
struct oro_sharer *turns_join(struct turns *t, const struct oro_turns_of *of);
void turns_leave(struct turns *t, struct oro_sharer *s);

/* A turn of this mailbox took so long. Any thread, before it is pushed again. */
void turns_used(struct oro_mailbox *m, int64_t us);
void turns_push_front(struct turns *t, struct oro_mailbox *m);
void turns_push(struct turns *t, struct oro_mailbox *m); /* at the end of its lane */
struct oro_mailbox *turns_pop(struct turns *t); /* NULL: nobody waits, or may have one more */
/* The turn of a mailbox that was popped is over, if there is a limit; before it is pushed again. */
void turns_end(struct turns *t, struct oro_mailbox *m);
/* Calls fn for each mailbox that waits. */
void turns_each(struct turns *t, void (*fn)(struct oro_mailbox *m, void *arg), void *arg);

#endif
