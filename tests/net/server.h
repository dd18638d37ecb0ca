/* tests/net/server.h - a server for the tests of net: HTTP paths and websocket messages with
 * known answers.
 *
 *   GET /hello          200 "hello"
 *   any /echo           "METHOD path|query|body|authorization"
 *   any /status/N       status N
 *   GET /big/N          N bytes of 'x'
 *   GET /parts/N        N bytes by reference (test_part_byte), then "the end"
 *   GET /file/N         N zero bytes of a file; /short-file: of one that is shorter than it was
 *   any /burn           keeps the net thread busy for 200 us
 *   any /gate           keeps it until gate_open
 *   any /keep           kept until test_server_reply()
 *   GET /headers        no content type, what the request's headers said in extra headers
 *   GET /inject         extra headers that are no lines
 *   upgrade of /refuse  403 "no entry"
 *   upgrade of others   v3, v2, orochi.metrics.json, else 400
 *
 * A message is echoed, unless it is one of these texts: "close CODE REASON", "drop",
 * "burned" (how many /burn there were), "burst N SIZE" (N messages of SIZE bytes that begin with their number), "linked SIZE" and
 * "copied SIZE" (one message of test_part_byte, by reference or as bytes), "shared SIZE" (by reference the same parts for all who
 * ask, behind "head"), "several N SIZE" (by reference N parts of SIZE bytes, behind "head"), "pause". */
#ifndef TESTS_NET_SERVER_H
#define TESTS_NET_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/net.h"

struct test_server {
    struct oro_net *net;
    struct oro_sink sink;
    struct oro_net_options opt;
    int port;

    atomic_int burned, at_gate;
    bool gate_open; /* guarded by lock */
    atomic_int opened, closed, messages, abandoned, http_gone, ticks;
    atomic_int open_now[8]; /* by shard */
    int64_t bytes_in;       /* at the last turn of shard 0, */
    atomic_llong most_in;   /* and the most that came in one */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char cause[64];   /* of the last ws_close */
    oro_conn_id kept; /* the last kept request */
    unsigned kept_shard;
    oro_conn_id paused; /* the last connection that asked to be paused */
    unsigned paused_shard;
    char *post; /* what drain answers the kept request with; owned */
    bool resume;
    struct oro_parts
        shared; /* of the one net thread; given back when it is asked for 0 bytes, or at the end */
};

/* Defaults: one thread, 1 MiB messages, 64 KiB bodies, 4 MiB outgoing, ping 15 s, idle 30 s. */
uint8_t test_part_byte(size_t at);
void test_parts(size_t n, struct oro_parts *out);
void test_server_defaults(struct test_server *t);
void test_server_start(struct test_server *t);
void test_server_stop(struct test_server *t);
/* Answers the kept request from this thread: by way of wake and drain. */
void test_server_reply(struct test_server *t, const char *body);
void test_server_resume(struct test_server *t);
void test_server_wait_kept(struct test_server *t);
/* Waits until *counter is at least n. */
void test_server_wait(struct test_server *t, atomic_int *counter, int n);
void test_server_last_cause(struct test_server *t, char out[64]);

#endif
