/* net/token_check.c - is a token one of ours, and who does it speak for (docs/http.md#what-a-token-must-be).
 *
 * A token is three texts of base64url with two dots between, and there is one way to write each: no padding, no blank, no
 * other alphabet, no bits left over at an end, 86 characters of signature. It is echoed in a header, and it is the name under
 * which the cache knows it: what a lenient decoder would skip is refused before anything is decoded.
 *
 * An ECDSA verification takes about 100 us, a connection brings its token two or three times:
 * the last tokens that were good are kept, in a table of fixed size where a newer one takes the
 * place of an older one. */
#include "net/token_priv.h"

#include <errno.h>
#include <openssl/ec.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/bytes.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

#define GRACE_S 60
#define TOKEN_MAX ((size_t)8192)
#define SIGNATURE_CHARS 86 /* of 64 bytes */
#define CLAIMS_DEPTH 64

static oro_status
refuse(struct oro_err *err, const char *why)
{
    return oro_err_set(err, ORO_EREFUSED, "Invalid token: %s", why);
}

/* ---- base64url ---- */

static int
b64url_digit(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    if (ch >= 'a' && ch <= 'z')
        return ch - 'a' + 26;
    if (ch >= '0' && ch <= '9')
        return ch - '0' + 52;
    return ch == '-' ? 62 : ch == '_' ? 63 : -1;
}

/* Decodes n characters into `to`, which has room for n * 3 / 4 bytes. False: they are not the one way to write some bytes. */
static bool
b64url_decode(const char *p, size_t n, uint8_t *to)
{
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        int d = b64url_digit(p[i]);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (uint8_t)(v >> bits);
        }
    }
    return bits != 6 && (v & ((1u << bits) - 1)) == 0;
}

/* The decoded text, terminated; NULL when it is not base64url or holds a zero byte. Gives
 * memory. */
static char *
b64url_text(const char *p, size_t n)
{
    size_t len = n * 3 / 4;
    char *out = oro_alloc(len + 1);
    if (n == 0 || !b64url_decode(p, n, (uint8_t *)out) || memchr(out, '\0', len) != NULL) {
        oro_free(out);
        return NULL;
    }
    out[len] = '\0';
    return out;
}

/* ---- claims ---- */

/* One JSON object that everybody reads alike. Borrows text until oro_json_fini, which must follow a success. */
static bool
object_parse(struct oro_json *j, const char *text)
{
    if (text == NULL || oro_json_parse(j, oro_bytes_str(text), CLAIMS_DEPTH, NULL) != ORO_OK)
        return false;
    if (j->nodes[0].kind == ORO_JSON_OBJECT && oro_json_unambiguous(j))
        return true;
    oro_json_fini(j);
    return false;
}

/* A name claim: present, a string, 1 to 128 bytes. */
static oro_status
name_claim(const struct oro_json *claims, const char *name, char out[NAME_MAX_BYTES + 1],
           struct oro_err *err)
{
    uint32_t v = oro_json_member(claims, 0, name);
    if (v == 0)
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: Missing required claim: %s", name);
    if (claims->nodes[v].kind != ORO_JSON_STRING)
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: the claim %s is not a string", name);
    struct oro_bb text = {0};
    oro_json_unescape(claims, v, &text);
    bool fits = text.len >= 1 && text.len <= NAME_MAX_BYTES;
    if (fits) {
        memcpy(out, text.data, text.len);
        out[text.len] = '\0';
    }
    oro_bb_fini(&text);
    return fits ? ORO_OK
                : oro_err_set(err, ORO_EREFUSED,
                              "Invalid token: the claim %s must have 1 to %d bytes", name,
                              NAME_MAX_BYTES);
}

static oro_status
check_times(const struct oro_token_times *t, struct oro_err *err)
{
    int64_t now = oro_wall_us() / 1000000;
    if (t->until_s < now - GRACE_S)
        return refuse(err, "ExpiredSignature");
    return t->from_s > now + GRACE_S ? refuse(err, "ImmatureSignature: its nbf has not come")
                                     : ORO_OK;
}

static oro_status
audience_fits(const struct oro_json *claims, struct oro_err *err)
{
    uint32_t aud = oro_json_member(claims, 0, "aud");
    const struct oro_json_node *v = &claims->nodes[aud];
    bool fits = aud == 0 || v->kind == ORO_JSON_STRING || v->kind == ORO_JSON_ARRAY;
    for (uint32_t i = 0; fits && v->kind == ORO_JSON_ARRAY && i < v->count; i++)
        fits = claims->nodes[aud + 1 + i].kind == ORO_JSON_STRING;
    return fits ? ORO_OK : refuse(err, "the claim aud is neither a string nor a list of strings");
}

/* The text is terminated, and no number stands at its end. */
static bool
integer_of(const struct oro_json *j, uint32_t node, int64_t *out)
{
    struct oro_bytes text = oro_json_text(j, node);
    char *end;
    if (node == 0 || j->nodes[node].kind != ORO_JSON_NUMBER)
        return false;
    errno = 0;
    *out = strtoll((const char *)text.data, &end, 10);
    return errno == 0 && end == (const char *)text.data + text.len;
}

/* Whole seconds of a NumericDate; one that no clock reaches is never. Absent or null leaves *out as it is. */
static oro_status
time_claim(const struct oro_json *claims, const char *name, int64_t *out, struct oro_err *err)
{
    uint32_t v = oro_json_member(claims, 0, name);
    if (v == 0 || claims->nodes[v].kind == ORO_JSON_NULL)
        return ORO_OK;
    if (claims->nodes[v].kind != ORO_JSON_NUMBER)
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: the claim %s is not a number", name);
    if (integer_of(claims, v, out))
        return ORO_OK;
    double s = strtod((const char *)oro_json_text(claims, v).data, NULL);
    *out = s >= 9e15 ? INT64_MAX : s <= 0 ? 0 : (int64_t)s;
    return ORO_OK;
}

static oro_status
times_of(const struct oro_json *claims, struct oro_token_times *out, struct oro_err *err)
{
    uint32_t iat = oro_json_member(claims, 0, "iat");
    int64_t made_s;
    *out = (struct oro_token_times){INT64_MIN, INT64_MAX};
    if (iat == 0)
        return refuse(err, "Missing required claim: iat");
    if (!integer_of(claims, iat, &made_s))
        return refuse(err, "the claim iat is not an integer");
    oro_status st = time_claim(claims, "exp", &out->until_s, err);
    if (st == ORO_OK)
        st = time_claim(claims, "nbf", &out->from_s, err);
    return st == ORO_OK ? check_times(out, err) : st;
}

static oro_status
check_hex_identity(const struct oro_json *claims, const struct oro_identity *id,
                   struct oro_err *err)
{
    uint32_t hex = oro_json_member(claims, 0, "hex_identity");
    char text[65];
    oro_identity_text(id, text);
    if (hex == 0 || claims->nodes[hex].kind == ORO_JSON_NULL)
        return ORO_OK;
    struct oro_bytes said = oro_json_text(claims, hex);
    struct oro_identity other;
    if (claims->nodes[hex].kind != ORO_JSON_STRING || said.len != 64)
        return refuse(err, "hex_identity is not the identity of iss and sub");
    memcpy(text, said.data, 64);
    return oro_identity_parse(text, &other) && oro_identity_eq(&other, id)
               ? ORO_OK
               : refuse(err, "hex_identity is not the identity of iss and sub");
}

/* Everything that docs/http.md#what-a-token-must-be asks of claims. iss is "" where there is none that is legal. */
static oro_status
check_claims(const struct oro_json *claims, char iss[NAME_MAX_BYTES + 1], struct oro_identity *id,
             struct oro_token_times *times, struct oro_err *err)
{
    char sub[NAME_MAX_BYTES + 1];
    iss[0] = '\0';
    oro_status st = name_claim(claims, "sub", sub, err);
    if (st == ORO_OK)
        st = name_claim(claims, "iss", iss, err);
    if (st == ORO_OK)
        st = audience_fits(claims, err);
    if (st == ORO_OK)
        st = times_of(claims, times, err);
    if (st != ORO_OK)
        return st;
    oro_identity_of(iss, sub, id);
    return check_hex_identity(claims, id, err);
}

/* ---- header and signature ---- */

/* ORO_OK, or why the header is not one of ours. What asks for another way to read the token is refused; a name of a key is not
 * looked at, since there is one. */
static oro_status
header_fits(const struct oro_json *head, struct oro_err *err)
{
    static const char *const extensions[] = {"crit", "b64", "zip"};
    uint32_t alg = oro_json_member(head, 0, "alg"), typ = oro_json_member(head, 0, "typ");
    if (alg == 0 || head->nodes[alg].kind != ORO_JSON_STRING)
        return refuse(err, "InvalidToken");
    if (!oro_json_string_is(head, alg, "ES256"))
        return refuse(err, "InvalidAlgorithm");
    struct oro_bytes name = oro_json_text(head, typ); /* with escapes it is none that we know */
    if (typ != 0 && (head->nodes[typ].kind != ORO_JSON_STRING || name.len != 3 ||
                     strncasecmp((const char *)name.data, "JWT", 3) != 0))
        return refuse(err, "its header has a typ other than JWT");
    for (size_t i = 0; i < ORO_ARRAY_LEN(extensions); i++)
        if (oro_json_member(head, 0, extensions[i]) != 0)
            return refuse(err, "its header asks for an extension");
    return ORO_OK;
}

static oro_status
check_header(const char *text, struct oro_err *err)
{
    struct oro_json head;
    if (!object_parse(&head, text))
        return refuse(err, "InvalidToken");
    oro_status st = header_fits(&head, err);
    oro_json_fini(&head);
    return st;
}

/* ES256: the two numbers of the signature, 32 bytes each. Gives their DER form (OPENSSL_free), of *len bytes, or NULL. */
static uint8_t *
der_of(const uint8_t raw[64], int *len)
{
    uint8_t *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
    *len = -1;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* sig owns them */
        *len = i2d_ECDSA_SIG(sig, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return *len > 0 ? der : NULL;
}

/* token[0..signed_len), a dot, the signature. */
static bool
signature_good(const struct oro_keys *k, const char *token, size_t signed_len)
{
    const char *signature = token + signed_len + 1;
    uint8_t raw[64];
    int der_len;
    if (strlen(signature) != SIGNATURE_CHARS || !b64url_decode(signature, SIGNATURE_CHARS, raw))
        return false;
    uint8_t *der = der_of(raw, &der_len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        der != NULL && ctx != NULL &&
        EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, k->pair, NULL) == 1 &&
        EVP_DigestVerify(ctx, der, (size_t)der_len, (const uint8_t *)token, signed_len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return good;
}

/* ---- the whole ---- */

/* A token that we have not signed; its claims, if they are legal, say who has. */
static oro_status
refuse_foreign(const char *iss, oro_status claims_st, const struct oro_err *claims_err,
               struct oro_err *err)
{
    if (strcmp(iss, LOCAL_ISSUER) == 0)
        return ORO_EREFUSED; /* err has it */
    if (claims_st != ORO_OK)
        return oro_err_set(err, claims_st, "%s", claims_err->text);
    return oro_err_set(err, ORO_EREFUSED,
                       "Invalid token: it is from the issuer %s, and this server accepts only "
                       "tokens that it signed itself",
                       iss);
}

static oro_status
check_parts(const struct oro_keys *k, const char *token, size_t signed_len, const char *head,
            const struct oro_json *claims, struct cached *out, struct oro_err *err)
{
    char iss[NAME_MAX_BYTES + 1];
    struct oro_err claims_err;
    oro_status st = check_header(head, err);
    if (st == ORO_OK && !signature_good(k, token, signed_len))
        st = refuse(err, "InvalidSignature");
    oro_status claims_st = check_claims(claims, iss, &out->identity, &out->times, &claims_err);
    if (st != ORO_OK && iss[0] != '\0')
        return refuse_foreign(iss, claims_st, &claims_err, err);
    if (claims_st != ORO_OK)
        return oro_err_set(err, claims_st, "%s", claims_err.text);
    return st;
}

static oro_status
check_slow(const struct oro_keys *k, const char *token, struct cached *out, struct oro_err *err)
{
    if (strnlen(token, TOKEN_MAX + 1) > TOKEN_MAX)
        return refuse(err, "InvalidToken");
    const char *dot = strchr(token, '.'), *dot2 = dot != NULL ? strchr(dot + 1, '.') : NULL;
    if (dot2 == NULL || strchr(dot2 + 1, '.') != NULL)
        return refuse(err, "InvalidToken");
    char *head = b64url_text(token, (size_t)(dot - token));
    char *payload = b64url_text(dot + 1, (size_t)(dot2 - dot - 1));
    struct oro_json claims;
    bool legal = object_parse(&claims, payload);
    oro_status st = legal && head != NULL
                        ? check_parts(k, token, (size_t)(dot2 - token), head, &claims, out, err)
                        : refuse(err, "InvalidToken");
    if (legal)
        oro_json_fini(&claims);
    if (st == ORO_OK) {
        out->payload = payload;
        payload = NULL;
    }
    oro_free(head);
    oro_free(payload);
    return st;
}

static struct cached *
slot_of(struct oro_keys *k, const char *token)
{
    return &k->cache[oro_bytes_hash(oro_bytes_str(token)) % CACHE_SLOTS];
}

oro_status
oro_token_check(const struct oro_keys *keys, const char *token, struct oro_claims *out,
                struct oro_err *err)
{
    /* The cache is not part of what the keys are, and has its own lock. */
    struct oro_keys *k = (struct oro_keys *)(uintptr_t)keys;
    struct cached *slot = slot_of(k, token), fresh = {0};
    struct oro_token_times times;
    bool hit = false;
    pthread_mutex_lock(&k->lock);
    if (slot->token != NULL && strcmp(slot->token, token) == 0) {
        hit = true;
        times = slot->times;
        *out =
            (struct oro_claims){.identity = slot->identity, .payload = oro_strdup(slot->payload)};
    }
    pthread_mutex_unlock(&k->lock);
    if (hit) {
        oro_status st = check_times(&times, err);
        if (st != ORO_OK)
            oro_claims_fini(out);
        return st;
    }
    oro_status st = check_slow(k, token, &fresh, err);
    if (st != ORO_OK)
        return st;
    *out = (struct oro_claims){.identity = fresh.identity, .payload = oro_strdup(fresh.payload)};
    fresh.token = oro_strdup(token);
    pthread_mutex_lock(&k->lock);
    struct cached old = *slot;
    *slot = fresh;
    pthread_mutex_unlock(&k->lock);
    oro_free(old.token);
    oro_free(old.payload);
    return ORO_OK;
}
