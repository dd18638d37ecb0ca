/* runtime/http/http.h - the HTTP interface (docs/http.md) and the way in for websockets: which paths there are, who may, what
 * they answer. One table of routes (router.c); a file for each group of endpoints. Stands on runtime/server, which knows
 * clients; knows no sockets. Net threads. */
#ifndef ORO_HTTP_HTTP_H
#define ORO_HTTP_HTTP_H

#include "runtime/server/front.h"

extern const struct oro_server_front oro_http_front;

#endif
