/* tests/server/net.h - a net without sockets: a thread for each shard that calls the server's sink as net does (net/net.c), and
 * clients who check what they are told while they are told it:
 *
 *   - each thing they ask is answered once, in the order it was asked;
 *   - rows that enter a subscription were not there, rows that leave it were there, and as they were;
 *   - nothing comes before the first message, or after the end.
 *
 * A broken rule aborts. What a test does to a client is done on its shard's thread, in order, and later. */
#ifndef ORO_TESTS_SERVER_NET_H
#define ORO_TESTS_SERVER_NET_H

#include "runtime/server/server.h"

struct fake_net;
struct fake_client;
struct fake_request;

struct fake_net *fake_net_start(struct oro_server *server, unsigned shards);
/* Every connection ends, and the threads; clients and requests stay until they are freed. */
void fake_net_end(struct fake_net *net);
void fake_net_free(struct fake_net *net); /* after the server, which may wake it */
/* From here on, one in so many charges and messages cuts its client off, as net does with whom it has no room for; 0: none. */
void fake_net_cuts(struct fake_net *net, unsigned one_in);
/* Returns when each shard has gone round with nothing to do. */
void fake_net_settle(struct fake_net *net);

/* ---- clients of a websocket ---- */

/* who: its identity's number; 0: it brings no token, and gets one. query: "" or what follows the `?`, without a token. single: the older protocol, one message in a
 * frame. Gives; ended by fake_client_free. NULL: refused. */
struct fake_client *fake_connect(struct fake_net *net, unsigned shard, uint32_t who,
                                 const char *query, bool single);
/* One frame; what was asked in it is counted by the messages' own numbers, which have to go on from 0. */
void fake_send(struct fake_client *c, struct oro_bytes messages, unsigned asked);
/* Its socket ends. said_so: with a Close. */
void fake_leave(struct fake_client *c, bool said_so);
void fake_half_close(struct fake_client *c); /* it sends no more */
void fake_client_free(struct fake_client *c);

/* These wait, and abort after a minute. */
void fake_wait_open(struct fake_client *c);
void fake_wait_answered(struct fake_client *c); /* everything, or it is closed */
void fake_wait_closed(struct fake_client *c);
void fake_wait_updates(struct fake_client *c, unsigned n); /* that came by themselves */
void fake_wait_row(struct fake_client *c, unsigned set, uint32_t id, int64_t n);

/* What a client knows now. */
unsigned fake_answered(struct fake_client *c);
unsigned fake_failed(struct fake_client *c); /* answers that said no */
int fake_close_code(struct fake_client *c);  /* 0: the server has not closed it */
bool fake_is_closed(struct fake_client *c);
size_t fake_rows(struct fake_client *c, unsigned set);
bool fake_has(struct fake_client *c, unsigned set, uint32_t id, int64_t n);
/* Both see the same. */
bool fake_same_rows(struct fake_client *a, struct fake_client *b, unsigned set);
/* Rows of the last one-off query that was answered; the sum of their numbers. */
size_t fake_query_rows(struct fake_client *c, int64_t *sum);
unsigned fake_when(
    struct fake_client *c); /* of its last answer, among those of all clients; 0: none */
int64_t fake_charged(struct fake_client *c); /* what the server says it keeps for it */

/* ---- HTTP requests ---- */

/* token NULL: none. body NULL: none; else JSON. Gives. */
struct fake_request *fake_ask(struct fake_net *net, unsigned shard, const char *method,
                              const char *path, const char *query, const char *token,
                              const char *body);
void fake_request_leave(struct fake_request *r); /* who asked has gone */
int fake_wait_answer(struct fake_request *r);    /* the status */
bool fake_is_answered(struct fake_request *r);
const char *fake_body(const struct fake_request *r);
const char *fake_headers(const struct fake_request *r);
void fake_request_free(struct fake_request *r);

/* ---- tokens: "t:" and the identity's number ---- */
extern const struct oro_server_auth fake_auth;
const char *fake_token(uint32_t who, char out[32]);

#endif
