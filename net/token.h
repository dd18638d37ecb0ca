/* net/token.h - identity tokens: JWT signed with ES256 (docs/http.md#tokens) and
 * verified by OpenSSL. Any thread: the keys do not change after open. */
#ifndef ORO_NET_TOKEN_H
#define ORO_NET_TOKEN_H

#include <stdint.h>

#include "runtime/base/id.h"
#include "runtime/base/status.h"

struct oro_keys;

/* Reads id_ecdsa and id_ecdsa.pub (PEM, PKCS#8 and SPKI) from the folder, or makes both when
 * both are missing (mode 0600, each whole or not there). A public key that is missing or cut off is
 * made from the private one. dir NULL: a pair that lives in memory only. Gives *out. */
ORO_MUST_CHECK oro_status oro_keys_open(const char *dir, struct oro_keys **out,
                                        struct oro_err *err);
void oro_keys_close(struct oro_keys *k);
const char *oro_keys_public_pem(const struct oro_keys *k);

/* Who a token speaks for. */
struct oro_claims {
    struct oro_identity identity;
    char *payload; /* owned: the JSON text of the claims as presented */
};
void oro_claims_fini(struct oro_claims *c);

/* identity = function of issuer and subject, BLAKE3 (docs/http.md#identities). */
void oro_identity_of(const char *iss, const char *sub, struct oro_identity *out);

/* Mints a new anonymous identity (issuer localhost, random UUID subject, exp null). Gives *token
 * (malloc'd, oro_free); NULL: the claims are not signed, which is most of the work. */
ORO_MUST_CHECK oro_status oro_token_mint(const struct oro_keys *k, char **token,
                                         struct oro_claims *claims, struct oro_err *err);
/* Signs the claims again with exp = now + 60 s (POST /v1/identity/websocket-token). */
ORO_MUST_CHECK oro_status oro_token_resign(const struct oro_keys *k,
                                           const struct oro_claims *claims, char **token,
                                           struct oro_err *err);
/* ORO_EREFUSED with "Invalid token: InvalidSignature" and the like. */
ORO_MUST_CHECK oro_status oro_token_check(const struct oro_keys *k, const char *token,
                                          struct oro_claims *out, struct oro_err *err);

#endif
