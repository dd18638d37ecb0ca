/* net/token_check.c - is a token one of ours, and who does it speak for (spec/http.md 4.3).
 *
 * A token is three texts of base64url with two dots between, and there is one way to write each: no padding, no blank, no
 * other alphabet, no bits left over at an end, 86 characters of signature. It is echoed in a header, and it is the name under
 * which the cache knows it: what a lenient decoder would skip is refused before anything is decoded.
 *
 * An ECDSA verification takes about 100 us, a connection brings its token two or three times:
 * the last tokens that were good are kept, in a table of fixed size where a newer one takes the
 * place of an older one. */
#include "net/token_priv.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/bytes.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

#define GRACE_S 60
#define TOKEN_MAX ((size_t)8192)
#define SIGNATURE_CHARS 86 /* of 64 bytes */

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

/* A name claim: present, a string, 1 to 128 bytes. */
static oro_status
name_claim(json_t *claims, const char *name, const char **out, struct oro_err *err)
{
    json_t *v = json_object_get(claims, name);
    if (v == NULL)
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: Missing required claim: %s", name);
    if (!json_is_string(v))
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: the claim %s is not a string", name);
    size_t n = json_string_length(v);
    if (n < 1 || n > NAME_MAX_BYTES || strlen(json_string_value(v)) != n)
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: the claim %s must have 1 to %d bytes",
                           name, NAME_MAX_BYTES);
    *out = json_string_value(v);
    return ORO_OK;
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
audience_fits(json_t *aud, struct oro_err *err)
{
    size_t i;
    json_t *item;
    if (aud == NULL || json_is_string(aud))
        return ORO_OK;
    if (!json_is_array(aud))
        return refuse(err, "the claim aud is neither a string nor a list of strings");
    json_array_foreach(aud, i, item) if (!json_is_string(item)) return refuse(
        err, "the claim aud is neither a string nor a list of strings");
    return ORO_OK;
}

/* Whole seconds of a NumericDate; one that no clock reaches is never. Absent or null leaves *out as it is. */
static oro_status
time_claim(json_t *claims, const char *name, int64_t *out, struct oro_err *err)
{
    json_t *v = json_object_get(claims, name);
    if (v == NULL || json_is_null(v))
        return ORO_OK;
    if (!json_is_number(v))
        return oro_err_set(err, ORO_EREFUSED, "Invalid token: the claim %s is not a number", name);
    double s = json_number_value(v);
    if (json_is_integer(v))
        *out = json_integer_value(v);
    else
        *out = s >= 9e15 ? INT64_MAX : s <= 0 ? 0 : (int64_t)s;
    return ORO_OK;
}

static oro_status
times_of(json_t *claims, struct oro_token_times *out, struct oro_err *err)
{
    json_t *iat = json_object_get(claims, "iat");
    *out = (struct oro_token_times){INT64_MIN, INT64_MAX};
    if (iat == NULL)
        return refuse(err, "Missing required claim: iat");
    if (!json_is_integer(iat))
        return refuse(err, "the claim iat is not an integer");
    oro_status st = time_claim(claims, "exp", &out->until_s, err);
    if (st == ORO_OK)
        st = time_claim(claims, "nbf", &out->from_s, err);
    return st == ORO_OK ? check_times(out, err) : st;
}

/* Everything that section 4.3 asks of claims. The strings are borrowed from claims. */
static oro_status
check_claims(json_t *claims, const char **iss, struct oro_identity *id,
             struct oro_token_times *times, struct oro_err *err)
{
    const char *sub;
    oro_status st = name_claim(claims, "sub", &sub, err);
    if (st == ORO_OK)
        st = name_claim(claims, "iss", iss, err);
    if (st == ORO_OK)
        st = audience_fits(json_object_get(claims, "aud"), err);
    if (st == ORO_OK)
        st = times_of(claims, times, err);
    if (st != ORO_OK)
        return st;
    oro_identity_of(*iss, sub, id);
    json_t *hex = json_object_get(claims, "hex_identity");
    struct oro_identity said;
    if (hex == NULL || json_is_null(hex))
        return ORO_OK;
    if (!json_is_string(hex) || json_string_length(hex) != 64 ||
        !oro_identity_parse(json_string_value(hex), &said) || !oro_identity_eq(&said, id))
        return refuse(err, "hex_identity is not the identity of iss and sub");
    return ORO_OK;
}

/* ---- header and signature ---- */

/* ORO_OK, or why the header is not one of ours. What asks for another way to read the token is refused; a name of a key is not
 * looked at, since there is one. */
static oro_status
check_header(const char *text, struct oro_err *err)
{
    json_t *head = json_loads(text, JSON_REJECT_DUPLICATES, NULL),
           *typ = json_object_get(head, "typ");
    const char *alg = json_string_value(json_object_get(head, "alg"));
    oro_status st = ORO_OK;
    if (!json_is_object(head) || alg == NULL)
        st = refuse(err, "InvalidToken");
    else if (strcmp(alg, "ES256") != 0)
        st = refuse(err, "InvalidAlgorithm");
    else if (typ != NULL &&
             (!json_is_string(typ) || strcasecmp(json_string_value(typ), "JWT") != 0))
        st = refuse(err, "its header has a typ other than JWT");
    else if (json_object_get(head, "crit") != NULL || json_object_get(head, "b64") != NULL ||
             json_object_get(head, "zip") != NULL)
        st = refuse(err, "its header asks for an extension");
    json_decref(head);
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
            json_t *claims, struct cached *out, struct oro_err *err)
{
    const char *iss = NULL;
    struct oro_err claims_err;
    oro_status st = check_header(head, err);
    if (st == ORO_OK && !signature_good(k, token, signed_len))
        st = refuse(err, "InvalidSignature");
    oro_status claims_st = check_claims(claims, &iss, &out->identity, &out->times, &claims_err);
    if (st != ORO_OK && iss != NULL)
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
    json_t *claims = payload != NULL ? json_loads(payload, JSON_REJECT_DUPLICATES, NULL) : NULL;
    oro_status st = head != NULL && json_is_object(claims)
                        ? check_parts(k, token, (size_t)(dot2 - token), head, claims, out, err)
                        : refuse(err, "InvalidToken");
    if (st == ORO_OK) {
        out->payload = payload;
        payload = NULL;
    }
    json_decref(claims);
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
