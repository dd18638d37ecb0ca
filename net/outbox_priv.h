/* net/outbox_priv.h - what waits to be sent on a connection: a list of pieces of bytes, sent in order. */
#ifndef ORO_NET_OUTBOX_PRIV_H
#define ORO_NET_OUTBOX_PRIV_H

#include "net/net.h"

struct conn;

#define LINK_HEAD (ORO_NET_HEAD + 11) /* of a message, with a frame's head and the byte before it */
struct piece {
    struct piece *next;
    uint8_t *data;        /* owned; NULL if there is a buf */
    size_t off, len, cap; /* data[off..len) is still to be sent */
    /* Or a counted buffer, of which we hold a reference, behind the first bytes in head: off and len go over both. */
    struct oro_buf *buf;
    uint8_t head[LINK_HEAD], head_len;
    bool open; /* a v3 frame that still takes messages: its header is written when it is sealed */
    bool started;  /* some of it may have gone to the socket: nothing may come before the rest */
    bool pinned;   /* HTTP or a control frame: control frames do not overtake it */
    bool joinable; /* whole frames, to which more may be appended */
    bool goes_on;  /* its frame ends in a later piece, */
    bool inside;   /* or has begun in an earlier one: nothing comes between them */
    bool is_file;  /* data is the part of a file that is on its way */
    int file;      /* owned */
    uint64_t left; /* bytes of it that are not read yet */
};

/* Room for `need` bytes in a piece at the end of the outbox, which the caller fills: data + len. Here as below NULL: there is
 * no memory. */
struct piece *out_room(struct conn *c, size_t need);
struct piece *out_new(struct conn *c, size_t cap);
/* A piece that owns the builder's memory. */
struct piece *out_take(struct conn *c, struct oro_bb *bb);
/* Appends head[0..head_len), at most LINK_HEAD bytes, and buf, not empty, by reference. */
struct piece *out_link(struct conn *c, struct oro_buf *buf, const uint8_t *head, size_t head_len);
/* Appends `len` bytes of a file, of which a small part is in memory at a time. Takes file, on failure too. False: there are too
 * many descriptors or no memory. */
bool out_file(struct conn *c, int file, uint64_t len);
void out_append(struct conn *c, struct piece *p);
/* An open piece is: room for the longest header of a frame, a byte 0 (no compression), messages. Sealing puts the header right
 * before the byte 0 and skips what is left over. */
void out_seal(struct conn *c, struct piece *p);
/* Room for a control frame, ahead of what may be overtaken; the caller fills it and counts its bytes in out_bytes. */
struct piece *out_control(struct conn *c, size_t need);
void out_clear(struct conn *c);
/* Leaves only what the socket has some of. False: that is too much to be kept. */
bool out_trim(struct conn *c);
bool out_flush(struct conn *c); /* False if the socket is broken. */

#endif
