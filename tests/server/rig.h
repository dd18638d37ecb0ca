/* tests/server/rig.h - a server with a stub interpreter, a net without sockets, and a disk that can be held. */
#ifndef ORO_TESTS_SERVER_RIG_H
#define ORO_TESTS_SERVER_RIG_H

#include "tests/server/module.h"
#include "tests/server/net.h"

#define RIG_SHARDS 2

struct rig {
    struct oro_server *server;
    struct fake_net *net;
    char *dir; /* NULL: in memory */
};

struct rig_options {
    bool on_disk;
    unsigned workers;  /* 0: 4 */
    unsigned shards;   /* 0: RIG_SHARDS */
    uint64_t steps;    /* of one query; 0: plenty */
    unsigned incoming; /* calls of one client that wait; 0: 64 */
};

void rig_start(struct rig *rig, const struct rig_options *opt); /* asserts that it does */
/* Everybody goes, what is queued is run. */
void rig_stop(struct rig *rig);

/* Asks one thing and waits for the answer. request_id: c's next. */
void rig_call(struct fake_client *c, uint32_t request_id, const char *name);
/* Waits until client_disconnected has run for everybody. */
void rig_wait_nobody(struct rig *rig);

#endif
