/* net/token.c - keys and the making of identity tokens (docs/http.md#tokens); token_check.c reads them.
 *
 * OpenSSL signs: a library for JWT would sort the claims, and clients see them in the order of docs/http.md#tokens. */
#include "net/token_priv.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/blake3.h"
#include "runtime/base/assert.h"
#include "runtime/base/bytes.h"
#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

#define PEM_MAX ((size_t)8192)

/* ---- keys ---- */

static char *
bio_text(BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    return oro_strndup(data, (size_t)n);
}

static char *
pem_of(EVP_PKEY *key, bool private_too)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ORO_ASSERT(bio != NULL);
    int ok = private_too ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                         : PEM_write_bio_PUBKEY(bio, key);
    ORO_ASSERT(ok == 1);
    char *text = bio_text(bio);
    BIO_free(bio);
    return text;
}

static bool
is_p256(EVP_PKEY *key)
{
    char group[64];
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

/* Tokens that were given out are good as long as the pair is the same, so nothing is made anew behind anybody's back. */
#define KEY_REMEDY                                                                                \
    "put the file back from a copy, or remove id_ecdsa and id_ecdsa.pub to have a new pair made " \
    "(tokens that clients hold are void then)"

/* Reads a PEM file; NULL and ORO_OK: there is none. Gives *out. */
static oro_status
pem_read(const char *path, char **out, struct oro_err *err)
{
    struct oro_err mine = {0};
    *out = NULL;
    oro_status st = oro_file_get(path, PEM_MAX, out, &mine);
    if (st == ORO_OK || st == ORO_ENOTFOUND)
        return ORO_OK;
    if (st == ORO_EFULL)
        return oro_err_set(err, ORO_EINVAL, "cannot read the key file %s: not a PEM file", path);
    return oro_err_set(err, st, "%s; " KEY_REMEDY, mine.text);
}

/* OpenSSL reads a private key without comparing it with the public one beside it. */
static bool
is_consistent(EVP_PKEY *key)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool fine = c != NULL && EVP_PKEY_pairwise_check(c) == 1;
    EVP_PKEY_CTX_free(c);
    return fine;
}

static oro_status
private_parse(const char *path, const char *text, EVP_PKEY **out, struct oro_err *err)
{
    if (strstr(text, "-----BEGIN") == NULL || strstr(text, "-----END") == NULL)
        return oro_err_set(err, ORO_EINVAL, "%s is empty or cut off: " KEY_REMEDY, path);
    if (strstr(text, "-----BEGIN PRIVATE KEY-----") == NULL)
        return oro_err_set(err, ORO_EINVAL,
                           "%s is not an unencrypted PKCS#8 key (\"BEGIN PRIVATE KEY\"): convert "
                           "it with `openssl pkcs8 -topk8 -nocrypt`",
                           path);
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *pair = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (pair == NULL || !is_p256(pair) || !is_consistent(pair)) {
        EVP_PKEY_free(pair);
        return oro_err_set(err, ORO_EINVAL, "%s does not hold an ECDSA P-256 key: " KEY_REMEDY,
                           path);
    }
    *out = pair;
    return ORO_OK;
}

/* The public key is in the private one: a file that is missing, empty or cut off is written again. One that holds another key
 * is a mistake of somebody's. */
static oro_status
public_check(const char *priv, const char *pub, EVP_PKEY *pair, struct oro_err *err)
{
    char *text = NULL;
    oro_status st = pem_read(pub, &text, err);
    if (st != ORO_OK)
        return st;
    bool whole = text != NULL && strstr(text, "-----END") != NULL;
    BIO *bio = BIO_new_mem_buf(whole ? text : "", -1);
    EVP_PKEY *half = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (whole && (half == NULL || EVP_PKEY_eq(pair, half) != 1))
        st = oro_err_set(err, ORO_EINVAL,
                         "%s is not the public key of %s: remove it, and it is made from the "
                         "private one",
                         pub, priv);
    EVP_PKEY_free(half);
    oro_free(text);
    if (st != ORO_OK || whole)
        return st;
    text = pem_of(pair, false);
    st = oro_file_put(pub, oro_bytes_str(text), err);
    oro_free(text);
    return st;
}

static oro_status
read_pair(const char *priv, const char *pub, const char *priv_text, EVP_PKEY **out,
          struct oro_err *err)
{
    EVP_PKEY *pair = NULL;
    oro_status st = private_parse(priv, priv_text, &pair, err);
    if (st == ORO_OK)
        st = public_check(priv, pub, pair, err);
    if (st == ORO_OK)
        *out = pair;
    else
        EVP_PKEY_free(pair);
    oro_file_hide(priv);
    oro_file_hide(pub);
    return st;
}

/* ORO_EEXISTS: another process has made one in this moment. */
static oro_status
write_private(const char *priv, EVP_PKEY *pair, struct oro_err *err)
{
    char *text = pem_of(pair, true);
    oro_status st = oro_file_create(priv, oro_bytes_str(text), err);
    OPENSSL_cleanse(text, strlen(text));
    oro_free(text);
    return st;
}

static oro_status
make_pair(const char *dir, const char *priv, EVP_PKEY **out, struct oro_err *err)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    if (pair == NULL)
        return oro_err_set(err, ORO_EINTERNAL, "OpenSSL cannot make an ECDSA P-256 key");
    oro_status st = ORO_OK;
    if (dir != NULL)
        st = oro_dir_make(dir, err);
    if (st == ORO_OK && dir != NULL)
        st = write_private(priv, pair, err);
    if (st == ORO_OK)
        *out = pair;
    else
        EVP_PKEY_free(pair);
    return st;
}

/* The pair in the folder; made where there is none of it. */
static oro_status
pair_of(const char *dir, const char *priv, const char *pub, EVP_PKEY **out, struct oro_err *err)
{
    char *text, *pub_text = NULL;
    EVP_PKEY *pair = NULL;
    oro_status st = pem_read(priv, &text, err);
    if (st == ORO_OK && text == NULL)
        st = pem_read(pub, &pub_text, err);
    if (st == ORO_OK && pub_text != NULL)
        st = oro_err_set(err, ORO_EINVAL, "%s is there and %s is not: " KEY_REMEDY, pub, priv);
    if (st == ORO_OK && text == NULL) {
        st = make_pair(dir, priv, &pair, err);
        if (st == ORO_OK || st == ORO_EEXISTS)
            st = pem_read(priv, &text, err);
        EVP_PKEY_free(pair);
    }
    if (st == ORO_OK && text == NULL)
        st = oro_err_set(err, ORO_EIO, "%s was removed in this moment", priv);
    if (st == ORO_OK)
        st = read_pair(priv, pub, text, out, err);
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    oro_free(text);
    oro_free(pub_text);
    return st;
}

oro_status
oro_keys_open(const char *dir, struct oro_keys **out, struct oro_err *err)
{
    EVP_PKEY *pair = NULL;
    oro_status st;
    if (dir != NULL) {
        char *priv = oro_asprintf("%s/id_ecdsa", dir), *pub = oro_asprintf("%s.pub", priv);
        st = pair_of(dir, priv, pub, &pair, err);
        oro_free(priv);
        oro_free(pub);
    } else {
        st = make_pair(NULL, NULL, &pair, err);
    }
    if (st != ORO_OK)
        return st;
    struct oro_keys *k = ORO_NEW(struct oro_keys);
    k->pair = pair;
    k->public_pem = pem_of(pair, false);
    pthread_mutex_init(&k->lock, NULL);
    *out = k;
    return ORO_OK;
}

void
oro_keys_close(struct oro_keys *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        oro_free(k->cache[i].token);
        oro_free(k->cache[i].payload);
    }
    pthread_mutex_destroy(&k->lock);
    EVP_PKEY_free(k->pair);
    oro_free(k->public_pem);
    oro_free(k);
}

const char *
oro_keys_public_pem(const struct oro_keys *k)
{
    return k->public_pem;
}

void
oro_claims_fini(struct oro_claims *c)
{
    if (c == NULL)
        return;
    oro_free(c->payload);
    *c = (struct oro_claims){0};
}

/* ---- identity ---- */

void
oro_identity_of(const char *iss, const char *sub, struct oro_identity *out)
{
    uint8_t input[2 * NAME_MAX_BYTES + 1], be[32], sum_input[28], h[32];
    size_t a = strlen(iss), b = strlen(sub);
    ORO_ASSERT(a <= NAME_MAX_BYTES && b <= NAME_MAX_BYTES);
    memcpy(input, iss, a);
    input[a] = '|';
    memcpy(input + a + 1, sub, b);
    blake3_short(input, a + 1 + b, h);
    sum_input[0] = 0xc2;
    sum_input[1] = 0x00;
    memcpy(sum_input + 2, h, 26);
    be[0] = 0xc2;
    be[1] = 0x00;
    memcpy(be + 6, h, 26);
    blake3_short(sum_input, sizeof(sum_input), h);
    memcpy(be + 2, h, 4);
    for (int i = 0; i < 32; i++)
        out->le[i] = be[31 - i];
}

/* ---- base64url ---- */

static char *
b64url_encode(char *to, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0);
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        if (i + 1 < n)
            *to++ = digits[v >> 6 & 63];
        if (i + 2 < n)
            *to++ = digits[v & 63];
    }
    *to = '\0';
    return to;
}

/* ---- signing ---- */

/* ES256: the two numbers of the signature, 32 bytes each, not their DER form. */
static bool
sign_raw(EVP_PKEY *key, const char *text, size_t len, uint8_t raw[64])
{
    uint8_t der[128];
    size_t der_len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL &&
              EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, der, &der_len, (const uint8_t *)text, len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return false;
    const uint8_t *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der_len);
    ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    return ok;
}

static oro_status
sign_payload(const struct oro_keys *k, const char *payload, char **token, struct oro_err *err)
{
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    uint8_t raw[64];
    size_t n = strlen(payload);
    char *out = oro_alloc(64 + n / 3 * 4 + 8 + 96), *at = out;
    at = b64url_encode(at, (const uint8_t *)head, sizeof(head) - 1);
    *at++ = '.';
    at = b64url_encode(at, (const uint8_t *)payload, n);
    if (!sign_raw(k->pair, out, (size_t)(at - out), raw)) {
        oro_free(out);
        return oro_err_set(err, ORO_EINTERNAL, "OpenSSL cannot sign a token");
    }
    *at++ = '.';
    b64url_encode(at, raw, sizeof(raw));
    *token = out;
    return ORO_OK;
}

static int64_t
now_s(void)
{
    return (oro_wall_us() + 500000) / 1000000;
}

oro_status
oro_token_mint(const struct oro_keys *k, char **token, struct oro_claims *claims,
               struct oro_err *err)
{
    uint8_t r[16];
    char sub[37], hex[65];
    struct oro_identity id;
    if (RAND_bytes(r, sizeof(r)) != 1)
        return oro_err_set(err, ORO_EINTERNAL, "OpenSSL has no random bytes");
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* a random UUID: version 4, variant 1 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    snprintf(sub, sizeof(sub),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
    oro_identity_of(LOCAL_ISSUER, sub, &id);
    oro_identity_text(&id, hex);
    char *payload = oro_asprintf("{\"hex_identity\":\"%s\",\"sub\":\"%s\",\"iss\":\"" LOCAL_ISSUER
                                 "\",\"aud\":[\"spacetimedb\"],\"iat\":%lld,\"exp\":null}",
                                 hex, sub, (long long)now_s());
    oro_status st = token != NULL ? sign_payload(k, payload, token, err) : ORO_OK;
    if (st != ORO_OK) {
        oro_free(payload);
        return st;
    }
    *claims = (struct oro_claims){.identity = id, .payload = payload};
    return ORO_OK;
}

/* The member as it stands there. */
static void
put_member(struct oro_bb *out, const struct oro_json *old, const char *name)
{
    uint32_t v = oro_json_member(old, 0, name);
    if (v == 0)
        return;
    oro_bb_printf(out, ",\"%s\":", name);
    oro_json_compact(old, v, out);
}

static void
put_audience(struct oro_bb *out, const struct oro_json *old)
{
    uint32_t v = oro_json_member(old, 0, "aud");
    bool list = v != 0 && old->nodes[v].kind == ORO_JSON_ARRAY;
    oro_bb_printf(out, list ? ",\"aud\":" : ",\"aud\":[");
    if (v != 0)
        oro_json_compact(old, v, out);
    if (!list)
        oro_bb_u8(out, ']');
}

/* Every member but those that are written otherwise. */
static void
put_rest(struct oro_bb *out, const struct oro_json *old)
{
    static const char *const written[] = {"hex_identity", "sub", "iss", "aud", "iat", "exp"};
    uint32_t at = 1;
    for (uint32_t i = 0; i < old->nodes[0].count; i++, at = old->nodes[at + 1].next) {
        bool done = false;
        for (size_t k = 0; k < ORO_ARRAY_LEN(written); k++)
            done |= oro_json_string_is(old, at, written[k]);
        if (done)
            continue;
        oro_bb_u8(out, ',');
        oro_json_compact(old, at, out);
        oro_bb_u8(out, ':');
        oro_json_compact(old, at + 1, out);
    }
}

oro_status
oro_token_resign(const struct oro_keys *k, const struct oro_claims *claims, char **token,
                 struct oro_err *err)
{
    char hex[65];
    struct oro_json old;
    struct oro_bb text = {0};
    oro_status st = oro_json_parse(&old, oro_bytes_str(claims->payload), ORO_JSON_MAX_DEPTH, err);
    if (st != ORO_OK)
        return st;
    ORO_ASSERT(old.nodes[0].kind == ORO_JSON_OBJECT); /* it was checked, or we made it */
    int64_t now = now_s();
    oro_identity_text(&claims->identity, hex);
    oro_bb_printf(&text, "{\"hex_identity\":\"%s\"", hex);
    put_member(&text, &old, "sub");
    put_member(&text, &old, "iss");
    put_audience(&text, &old);
    oro_bb_printf(&text, ",\"iat\":%lld,\"exp\":%lld", (long long)now, (long long)now + 60);
    put_rest(&text, &old);
    oro_bb_printf(&text, "}");
    oro_bb_u8(&text, '\0');
    oro_json_fini(&old);
    st = sign_payload(k, (const char *)text.data, token, err);
    oro_bb_fini(&text);
    return st;
}
