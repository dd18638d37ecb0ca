/* net/token_priv.h - shared by token.c, which makes keys and tokens, and token_check.c, which reads tokens. */
#ifndef ORO_NET_TOKEN_PRIV_H
#define ORO_NET_TOKEN_PRIV_H

#include <openssl/evp.h>
#include <pthread.h>

#include "net/token.h"

#define LOCAL_ISSUER "localhost"
#define NAME_MAX_BYTES 128 /* of iss and of sub */
#define CACHE_SLOTS 512

/* Seconds of the wall clock between which a token is good; INT64_MIN and INT64_MAX: no limit. */
struct oro_token_times {
    int64_t from_s, until_s;
};

struct cached {
    char *token; /* owned; NULL: free */
    char *payload;
    struct oro_identity identity;
    struct oro_token_times times;
};

struct oro_keys {
    EVP_PKEY *pair;
    char *public_pem;
    pthread_mutex_t lock; /* guards cache */
    struct cached cache[CACHE_SLOTS];
};

#endif
