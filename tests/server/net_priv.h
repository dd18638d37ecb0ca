/* tests/server/net_priv.h - shared by net.c (shards), client.c and request.c (what a test does on them). */
#ifndef ORO_TESTS_SERVER_NET_PRIV_H
#define ORO_TESTS_SERVER_NET_PRIV_H

#include <pthread.h>
#include <time.h>

#include "runtime/base/map.h"
#include "runtime/base/thread.h"
#include "tests/server/net.h"

#define SHARDS 8
#define SETS 4
#define PATIENCE_S 60
#define TICK_US 20000

struct op {
    struct op *next;
    void (*run)(void *arg);
    void *arg;
};

struct fake_shard {
    struct fake_net *net;
    unsigned number;
    pthread_t thread;
    struct oro_wake wake;
    pthread_mutex_t lock;
    struct op *ops, **ops_end;
    struct oro_map clients, requests; /* the shard's */
    struct fake_client *doomed;       /* the shard's: ws_close follows */
    uint64_t rng;
    atomic_uint idle; /* rounds with nothing to do */
};

struct fake_net {
    struct oro_server *server;
    const struct oro_sink *sink;
    unsigned nshards;
    struct fake_shard shards[SHARDS];
    atomic_bool ends;
    atomic_uint cuts;
    atomic_ullong next_id;
    atomic_uint answers; /* of all clients */
};

enum end { END_NOT, END_DOOMED, END_GONE };

/* What the shard writes and a test reads is guarded by lock. */
struct fake_client {
    struct fake_shard *sh;
    oro_conn_id id;
    void *user;         /* the server's; the shard's thread */
    atomic_uint posted; /* of what a test does to it, not yet run */
    struct fake_client *next_doomed;
    const char *cause;
    bool single;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum end end;
    bool refused, hello;
    int code;
    unsigned asked, answered, failed, updates, when;
    struct oro_map sets[SETS];
    struct oro_bb piece; /* the shard's: of a message that is not complete */
    size_t waiting;      /* bytes that the socket has not taken */
    bool watched;
    size_t query_rows;
    int64_t query_sum, charged;
    /* Of fake_connect. */
    const char *query;
    uint32_t who;
};

struct fake_request {
    struct fake_shard *sh;
    oro_conn_id id;
    char *method, *path, *query, *token, *body;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool answered, left;
    int status;
    struct oro_bb answer;
    char headers[8192];
    bool in_pieces, watched; /* the shard's */
    size_t waiting;
};

/* Runs it on the shard's thread, behind what was posted before. */
void fake_post(struct fake_shard *sh, void (*run)(void *arg), void *arg);
/* Its socket ends with this round. */
void fake_doom(struct fake_client *c, const char *cause);
/* What came for it. */
void fake_take(struct fake_client *c, struct oro_bytes messages);
void fake_answer(struct fake_request *r, struct oro_http_response *res);
void fake_answer_piece(struct fake_request *r, struct oro_bytes piece, bool last);

/* Waiting has an end, at which the test aborts. */
struct timespec fake_patience(void);
void fake_change_wait(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *end);

#define READ(c, type, expression)         \
    do {                                  \
        pthread_mutex_lock(&(c)->lock);   \
        type value = (expression);        \
        pthread_mutex_unlock(&(c)->lock); \
        return value;                     \
    } while (0)

#endif
