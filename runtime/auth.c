#include "runtime/auth.h"

static oro_status
auth_mint(void *keys, char **token, struct oro_identity *id, char **claims, struct oro_err *err)
{
    struct oro_claims c;
    oro_status st = oro_token_mint(keys, token, &c, err);
    if (st == ORO_OK) {
        *id = c.identity;
        *claims = c.payload;
    }
    return st;
}

static oro_status
auth_resign(void *keys, const struct oro_identity *id, const char *claims, char **token,
            struct oro_err *err)
{
    struct oro_claims c = {.identity = *id, .payload = (char *)claims};
    return oro_token_resign(keys, &c, token, err);
}

static oro_status
auth_check(void *keys, const char *token, struct oro_identity *id, char **claims,
           struct oro_err *err)
{
    struct oro_claims c;
    oro_status st = oro_token_check(keys, token, &c, err);
    if (st == ORO_OK) {
        *id = c.identity;
        *claims = c.payload;
    }
    return st;
}

struct oro_server_auth
oro_auth_of(struct oro_keys *keys)
{
    return (struct oro_server_auth){.keys = keys,
                                    .mint = auth_mint,
                                    .resign = auth_resign,
                                    .check = auth_check,
                                    .public_pem = keys != NULL ? oro_keys_public_pem(keys) : NULL};
}
