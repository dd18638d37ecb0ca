/* runtime/auth.h - tokens as runtime/server sees them, which does not know net. */
#ifndef ORO_AUTH_H
#define ORO_AUTH_H

#include "net/token.h"
#include "runtime/server/server.h"

/* Borrows keys as long as the server lives; NULL: nobody will ask. */
struct oro_server_auth oro_auth_of(struct oro_keys *keys);

#endif
