/* net/io_priv.h - sockets, by libwebsockets: the context of a shard, adoption, TLS, reading, readiness (lws.c). */
#ifndef ORO_NET_IO_PRIV_H
#define ORO_NET_IO_PRIV_H

#include <ev.h>
#include <sys/uio.h>

#include "net/net.h"

struct conn;
struct io_context;

/* What the loop tells of a connection: >= 0 to go on, -1 to have the socket closed. */
struct io_events {
    int (*rx)(struct conn *c, uint8_t *data, size_t len);
    int (*writable)(struct conn *c);
    int (*end)(struct conn *c);   /* the peer will send no more */
    void (*gone)(struct conn *c); /* frees it */
};

/* Borrows opt until return, and on. Gives *out, ended by io_context_destroy on the thread that runs the
 * loop. */
ORO_MUST_CHECK oro_status io_context_create(const struct oro_net_options *opt, struct ev_loop *loop,
                                            const struct io_events *on, struct io_context **out,
                                            struct oro_err *err);
void io_context_destroy(struct io_context *io);
/* Takes fd, on failure too. The connection then gets events. False: `gone` was or will not
 * be called. */
bool io_adopt(struct io_context *io, int fd, struct conn *c);
/* Bytes taken, 0 when the socket is full (io_want_write then says when not), -1 when it is
 * broken. */
ssize_t io_write(struct conn *c, struct iovec *v, int n);
void io_want_write(struct conn *c);
void io_set_reading(struct conn *c, bool on);
/* False: the peer has ended his side. *there: he may still take what we send. It asks the kernel, for use while nothing is read. */
bool io_peer_sends(const struct conn *c, bool *there);
/* A number for the address at the other end, of IPv6 for its /64, since whoever has one has them all; never 0. */
uint64_t io_peer(const struct conn *c);
void io_end_writing(struct conn *c); /* FIN: the peer sees the end of what was sent */
void io_close(struct conn *c);       /* now; conn_gone runs inside */
/* Bytes given to the socket that the peer's system has not taken. */
size_t io_untaken(const struct conn *c);

#endif
