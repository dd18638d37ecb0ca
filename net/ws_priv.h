/* net/ws_priv.h - websockets: messages in frames, both ways. */
#ifndef ORO_NET_WS_PRIV_H
#define ORO_NET_WS_PRIV_H

#include "net/net.h"

struct conn;

void ws_opened(struct conn *c);
int ws_rx(struct conn *c, uint8_t *data, size_t len);
/* False if it was cut. */
bool ws_send(struct conn *c, struct oro_bytes msg);
bool ws_send_parts(struct conn *c, struct oro_bytes head, const struct oro_parts *body);
bool ws_send_piece(struct conn *c, struct oro_buf *piece, bool first, bool last);
void ws_ping(struct conn *c);
void ws_close(struct conn *c, int code, const char *reason, size_t reason_len);
/* Queues a Close frame, nothing more. */
bool ws_put_close(struct conn *c, int code, const char *reason, size_t len);
/* base64 of SHA-1 of key and the GUID of RFC 6455; out has room for 29. */
void ws_accept_key(const char *key, char out[29]);

/* Larger messages go out in fragments of this size, between which there is room for a Ping or a Close. */
#define FRAGMENT ORO_PART

#endif
