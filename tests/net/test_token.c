/* Identities and tokens, against the vectors of the specification. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/blake3.h"
#include "net/token.h"
#include "runtime/base/bytes.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

/* RFC 7515 A.3: the key that signed the vectors. */
static const char test_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";
static const char test_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";

static char dir[64];
static struct oro_keys *keys; /* with the key of the vectors */

static void
put_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void
setup(void)
{
    struct oro_err err = {0};
    strcpy(dir, "/tmp/orochi-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    put_file("id_ecdsa", test_private);
    put_file("id_ecdsa.pub", test_public);
    cr_assert_eq(oro_keys_open(dir, &keys, &err), ORO_OK, "%s", err.text);
}

static void
teardown(void)
{
    char command[128];
    oro_keys_close(keys);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(token, .init = setup, .fini = teardown, .timeout = 60);

static void
expect_identity(const char *iss, const char *sub, const char *hex)
{
    struct oro_identity id;
    char text[65];
    oro_identity_of(iss, sub, &id);
    oro_identity_text(&id, text);
    cr_assert_str_eq(text, hex, "%s | %s", iss, sub);
}

/* JSON of a test, and texts out of it, until vectors_end(). */
static struct oro_json parsed;
static char *parsed_text;
static char *texts[64];
static size_t ntexts;

static void
parse_json(const char *json)
{
    struct oro_err err;
    cr_assert_eq(oro_json_parse(&parsed, oro_bytes_str(json), ORO_JSON_MAX_DEPTH, &err), ORO_OK,
                 "%s", err.text);
}

/* identity.json: a list of objects. */
static void
vectors(void)
{
    const char *folder = getenv("ORO_VECTORS");
    char path[1000];
    size_t len;
    snprintf(path, sizeof(path), "%s/identity.json", folder != NULL ? folder : "tests/vectors");
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    parsed_text = oro_calloc(1, 1 << 16);
    len = fread(parsed_text, 1, (1 << 16) - 1, f);
    cr_assert(len > 0 && feof(f));
    fclose(f);
    parse_json(parsed_text);
}

static void
vectors_end(void)
{
    oro_json_fini(&parsed);
    oro_free(parsed_text);
    parsed_text = NULL;
    while (ntexts > 0)
        oro_free(texts[--ntexts]);
}

/* Member number i of the list. */
static uint32_t
nth(uint32_t i)
{
    uint32_t at = 1;
    cr_assert(i < parsed.nodes[0].count);
    while (i-- > 0)
        at = parsed.nodes[at].next;
    return at;
}

static const char *
text_in(uint32_t object, const char *name)
{
    struct oro_bb bb = {0};
    uint32_t v = oro_json_member(&parsed, object, name);
    cr_assert(v != 0 && parsed.nodes[v].kind == ORO_JSON_STRING, "%s", name);
    cr_assert(ntexts < ORO_ARRAY_LEN(texts));
    oro_json_unescape(&parsed, v, &bb);
    oro_bb_u8(&bb, '\0');
    return texts[ntexts++] = (char *)bb.data;
}

static int64_t
number_in(uint32_t object, const char *name)
{
    return strtoll(
        (const char *)oro_json_text(&parsed, oro_json_member(&parsed, object, name)).data, NULL,
        10);
}

Test(token, vectors)
{
    vectors();
    for (uint32_t i = 0; i < parsed.nodes[0].count; i++) {
        uint32_t v = nth(i);
        const char *iss = text_in(v, "iss"), *sub = text_in(v, "sub");
        expect_identity(iss, sub, text_in(v, "identity_hex_be"));

        char *input = oro_asprintf("%s|%s", iss, sub), hex[65];
        uint8_t hash[32];
        blake3_short(input, strlen(input), hash);
        oro_hex(oro_bytes(hash, 32), hex);
        cr_assert_str_eq(hex, text_in(v, "blake3_of_iss_bar_sub"));
        oro_free(input);

        struct oro_claims c;
        struct oro_err err = {0};
        cr_assert_eq(oro_token_check(keys, text_in(v, "jwt"), &c, &err), ORO_OK, "%u: %s", i,
                     err.text);
        cr_assert_str_eq(c.payload, text_in(v, "jwt_payload"));
        oro_hex(oro_bytes(c.identity.le, 32), hex);
        cr_assert_str_eq(hex, text_in(v, "bytes_le_hex"));
        oro_claims_fini(&c);
    }
    cr_assert(parsed.nodes[0].count >= 5);
    vectors_end();
    expect_identity("example.com", "123",
                    "c200ef884364c1a99be0298dc68f2004e6b97c09d1b1658b7db22f51fb662059");
}

/* From the test vectors that come with BLAKE3: the input is 0, 1, 2 ... 250, 0, 1 ... */
Test(token, blake3_of_short_inputs)
{
    static const struct {
        size_t len;
        const char *hex;
    } cases[] = {
        {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
        {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
        {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
        {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    };
    uint8_t input[1024], hash[32];
    char hex[65];
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)(i % 251);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        blake3_short(input, cases[i].len, hash);
        oro_hex(oro_bytes(hash, 32), hex);
        cr_assert_str_eq(hex, cases[i].hex, "%zu bytes", cases[i].len);
    }
}

Test(token, a_minted_token_has_the_shape_and_is_accepted)
{
    char *token;
    struct oro_claims minted, read;
    struct oro_err err = {0};
    char hex[65];
    cr_assert_eq(oro_token_mint(keys, &token, &minted, &err), ORO_OK, "%s", err.text);
    cr_assert(strncmp(token, "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.", 37) ==
              0); /* {"typ":"JWT","alg":"ES256"} */
    cr_assert_null(strpbrk(token, "=+/"));
    oro_identity_text(&minted.identity, hex);
    char *start = oro_asprintf("{\"hex_identity\":\"%s\",\"sub\":\"", hex);
    cr_assert(strncmp(minted.payload, start, strlen(start)) == 0, "%s", minted.payload);
    const char *sub = minted.payload + strlen(start);
    cr_assert(sub[8] == '-' && sub[14] == '4' && strchr("89ab", sub[19]) != NULL && sub[36] == '"',
              "%s", sub);
    cr_assert_not_null(
        strstr(minted.payload, "\"iss\":\"localhost\",\"aud\":[\"spacetimedb\"],\"iat\":1"));
    cr_assert_not_null(strstr(minted.payload, ",\"exp\":null}"));
    for (int i = 0; i < 3; i++) { /* from the cache the second time */
        cr_assert_eq(oro_token_check(keys, token, &read, &err), ORO_OK, "%s", err.text);
        cr_assert(oro_identity_eq(&read.identity, &minted.identity));
        cr_assert_str_eq(read.payload, minted.payload);
        oro_claims_fini(&read);
    }
    oro_free(start);
    oro_free(token);
    oro_claims_fini(&minted);
}

Test(token, resigning_keeps_the_claims_and_sets_the_times)
{
    vectors();
    const char *foreign = text_in(nth(3), "jwt"); /* issuer of somebody else, one more claim */
    struct oro_claims a, b;
    struct oro_err err = {0};
    char *token;
    cr_assert_eq(oro_token_check(keys, foreign, &a, &err), ORO_OK);
    cr_assert_eq(oro_token_resign(keys, &a, &token, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_token_check(keys, token, &b, &err), ORO_OK, "%s", err.text);
    cr_assert(oro_identity_eq(&a.identity, &b.identity));
    vectors_end();
    parse_json(b.payload);
    int64_t now = oro_wall_us() / 1000000, exp = number_in(0, "exp");
    cr_assert(exp >= now + 58 && exp <= now + 62);
    cr_assert_eq(number_in(0, "iat"), exp - 60);
    cr_assert_str_eq(text_in(0, "iss"), "https://idp.example.com/");
    cr_assert_str_eq(text_in(0, "azp"), "client-1");
    cr_assert_eq(parsed.nodes[oro_json_member(&parsed, 0, "aud")].count, 2);
    vectors_end();
    oro_free(token);
    oro_claims_fini(&a);
    oro_claims_fini(&b);
}

/* ---- what is refused ---- */

/* base64url without padding. */
static char *
b64url(const void *bytes, size_t n)
{
    unsigned char *out = calloc(1, n / 3 * 4 + 8);
    EVP_EncodeBlock(out, bytes, (int)n);
    for (unsigned char *p = out; *p != 0; p++) {
        if (*p == '+')
            *p = '-';
        else if (*p == '/')
            *p = '_';
        else if (*p == '=')
            *p = 0;
    }
    return (char *)out;
}

/* The DER form is 30 len 02 len r 02 len s, with numbers that are shorter or have a zero in front. */
static void
raw_of(const unsigned char *der, unsigned char raw[64])
{
    const unsigned char *p = der + 2;
    memset(raw, 0, 64);
    for (int i = 0; i < 2; i++) {
        size_t n = p[1];
        p += 2;
        for (; n > 32; n--)
            p++;
        memcpy(raw + 32 * (i + 1) - n, p, n);
        p += n;
    }
}

/* Signs any header and claims with the test key. */
static char *
sign_with(const char *header, const char *claims)
{
    char *a = b64url(header, strlen(header)), *b = b64url(claims, strlen(claims));
    char *text = oro_asprintf("%s.%s", a, b);
    BIO *bio = BIO_new_mem_buf(test_private, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[128], raw[64];
    size_t len = sizeof(der);
    cr_assert_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    cr_assert_eq(EVP_DigestSign(ctx, der, &len, (unsigned char *)text, strlen(text)), 1);
    raw_of(der, raw);
    char *c = b64url(raw, sizeof(raw)), *token = oro_asprintf("%s.%s", text, c);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    BIO_free(bio);
    oro_free(text);
    free(a);
    free(b);
    free(c);
    return token;
}

static char *
sign(const char *claims)
{
    return sign_with("{\"alg\":\"ES256\",\"typ\":\"JWT\"}", claims);
}

static void
expect_refused(const char *token, const char *why)
{
    struct oro_claims c = {0};
    struct oro_err err = {0};
    cr_assert_eq(oro_token_check(keys, token, &c, &err), ORO_EREFUSED, "accepted: %s", token);
    cr_assert_null(c.payload);
    cr_assert_not_null(strstr(err.text, why), "\"%s\" instead of \"%s\"", err.text, why);
}

Test(token, claims_are_checked)
{
    static const struct {
        const char *claims, *why; /* NULL: accepted */
    } cases[] = {
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":null}", NULL},
        {"{\"iss\":\"https://elsewhere\",\"sub\":\"a\",\"iat\":1,\"aud\":\"one\"}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":4102444800.5}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":1000}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":null}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":4102444800}", "ImmatureSignature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":4102444800.5}", "Immature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":1e300}", "Immature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":9223372036854775807}", "Immature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":\"1000\"}", "nbf"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":true}", "nbf"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"nbf\":[1]}", "nbf"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":-1}", "ExpiredSignature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":false}", "exp"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"sub\":\"b\",\"iat\":1}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"x\":{\"y\":1,\"y\":2}}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"s\\u0075b\":\"b\"}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"x\\u0000\":1}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"x\":[{},{\"\":1,\"\":2}]}",
         "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"x\":[{\"y\":1},{\"y\":2}]}", NULL},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":99999999999999999999}", "iat"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1e0}", "iat"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1} x", "InvalidToken"},
        {"[{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1}]", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"\xff\",\"iat\":1}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\\u0000\",\"iat\":1}", "InvalidToken"},
        {"{\"iss\":\"localhost\",\"iat\":1}", "Missing required claim: sub"},
        {"{\"sub\":\"a\",\"iat\":1}", "Missing required claim: iss"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\"}", "Missing required claim: iat"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1.5}", "iat"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":\"1\"}", "iat"},
        {"{\"iss\":\"localhost\",\"sub\":7,\"iat\":1}", "sub"},
        {"{\"iss\":\"localhost\",\"sub\":\"\",\"iat\":1}", "1 to 128 bytes"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":1000}", "ExpiredSignature"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":\"soon\"}", "exp"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"aud\":[1]}", "aud"},
        {"{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"hex_identity\":"
         "\"c200fe02ebe7d75ecbb0a80c12bab105a9c55dd0a80ffd8f3eea46506114bf93\"}",
         "hex_identity"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *token = sign(cases[i].claims);
        struct oro_claims c;
        struct oro_err err = {0};
        if (cases[i].why != NULL) {
            expect_refused(token, cases[i].why);
        } else {
            cr_assert_eq(oro_token_check(keys, token, &c, &err), ORO_OK, "case %zu: %s", i,
                         err.text);
            oro_claims_fini(&c);
        }
        oro_free(token);
    }
    char sub[400];
    memset(sub, 's', sizeof(sub));
    for (int n = 128; n <= 129; n++) {
        char *claims = oro_asprintf("{\"iss\":\"localhost\",\"sub\":\"%.*s\",\"iat\":1}", n, sub),
             *token = sign(claims);
        struct oro_claims c;
        struct oro_err err = {0};
        cr_assert_eq(oro_token_check(keys, token, &c, &err), n == 128 ? ORO_OK : ORO_EREFUSED);
        if (n == 128)
            oro_claims_fini(&c);
        oro_free(claims);
        oro_free(token);
    }
}

Test(token, expiry_has_sixty_seconds_of_grace_also_from_the_cache)
{
    int64_t now = oro_wall_us() / 1000000;
    struct oro_claims c;
    struct oro_err err = {0};
    char *claims = oro_asprintf("{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1,\"exp\":%lld}",
                                (long long)now - 58);
    char *token = sign(claims);
    cr_assert_eq(oro_token_check(keys, token, &c, &err), ORO_OK, "%s", err.text);
    oro_claims_fini(&c);
    while (oro_wall_us() / 1000000 <= now + 3) /* until it is over, whatever the cache says */
        usleep(50000);
    expect_refused(token, "ExpiredSignature");
    oro_free(claims);
    oro_free(token);
}

Test(token, signatures_and_algorithms_are_checked)
{
    vectors();
    const char *good = text_in(nth(0), "jwt"), *dot = strrchr(good, '.');
    char *bad = oro_strdup(good);
    size_t at = (size_t)(dot - good) + 5;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    expect_refused(bad, "Invalid token: InvalidSignature");
    bad[at] = good[at];
    bad[60] = bad[60] == 'A' ? 'B' : 'A';
    expect_refused(bad, "Invalid token: Invalid");
    oro_free(bad);

    /* nothing signed: "none", and the same with an empty signature */
    const char *rest = strchr(good, '.');
    const char *nothing = "{\"typ\":\"JWT\",\"alg\":\"none\"}";
    char *none = b64url(nothing, strlen(nothing));
    char *t = oro_asprintf("%s%.*s", none, (int)(dot - rest) + 1, rest);
    expect_refused(t, "InvalidAlgorithm");
    oro_free(t);
    free(none);
    t = oro_asprintf("%.*s.", (int)(dot - good), good);
    expect_refused(t, "InvalidSignature");
    oro_free(t);

    /* an HMAC with the public key as its secret must never do */
    const char *hs = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}", *pem = oro_keys_public_pem(keys);
    char *head = b64url(hs, strlen(hs));
    t = oro_asprintf("%s%.*s", head, (int)(dot - rest), rest);
    unsigned char mac[32];
    unsigned len;
    HMAC(EVP_sha256(), pem, (int)strlen(pem), (unsigned char *)t, strlen(t), mac, &len);
    char *sum = b64url(mac, sizeof(mac)), *hmac = oro_asprintf("%s.%s", t, sum);
    expect_refused(hmac, "InvalidAlgorithm");
    oro_free(hmac);
    oro_free(t);
    free(sum);
    free(head);
    vectors_end();
}

/* What a header may say. */
Test(token, headers_are_checked)
{
    static const struct {
        const char *header, *why; /* NULL: accepted */
    } cases[] = {
        {"{\"alg\":\"ES256\"}", NULL},
        {"{\"typ\":\"jwt\",\"alg\":\"ES256\",\"kid\":\"any\"}", NULL},
        {"{\"typ\":\"JOSE\",\"alg\":\"ES256\"}", "typ"},
        {"{\"typ\":7,\"alg\":\"ES256\"}", "typ"},
        {"{\"typ\":null,\"alg\":\"ES256\"}", "typ"},
        {"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", "extension"},
        {"{\"alg\":\"ES256\",\"zip\":\"DEF\"}", "extension"},
        {"{\"alg\":\"es256\"}", "InvalidAlgorithm"},
        {"{\"alg\":\"ES256 \"}", "InvalidAlgorithm"},
        {"{\"alg\":\"ES384\"}", "InvalidAlgorithm"},
        {"{\"alg\":\"\"}", "InvalidAlgorithm"},
        {"{\"alg\":[\"ES256\"]}", "InvalidToken"},
        {"{\"alg\":\"none\",\"alg\":\"ES256\"}", "InvalidToken"},
        {"{}", "InvalidToken"},
        {"\"ES256\"", "InvalidToken"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *t = sign_with(cases[i].header, "{\"iss\":\"localhost\",\"sub\":\"a\",\"iat\":1}");
        struct oro_claims c;
        struct oro_err err = {0};
        if (cases[i].why != NULL) {
            expect_refused(t, cases[i].why);
        } else {
            cr_assert_eq(oro_token_check(keys, t, &c, &err), ORO_OK, "case %zu: %s", i, err.text);
            oro_claims_fini(&c);
        }
        oro_free(t);
    }
}

/* There is one way to write a token: with any byte more, any other, or any fewer, it is none. One with line ends in its
 * signature was accepted once, and echoed in a header. */
Test(token, one_spelling)
{
    static const char *const more[] = {
        "\r\n\r\n!!!", "\n", "\r", " ",  "\t", "=", "==",   "%",    "%3d",      ".",
        "..",          "A",  "AA", "-",  "+",  "/", "\x7f", "\x01", "\xc3\xa4", "\xe2\x80\x8b",
        "\"",          ",",  ";",  "\\", "*",  "~", "#",    "?",    "&"};
    vectors();
    const char *good = text_in(nth(4), "jwt"); /* it has - and _ */
    size_t n = strlen(good);
    struct oro_claims c;
    struct oro_err err = {0};
    cr_assert_eq(oro_token_check(keys, good, &c, &err),
                 ORO_OK); /* it is in the cache from here on */
    oro_claims_fini(&c);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        for (size_t at = 0; at <= n; at++) {
            char *t = oro_asprintf("%.*s%s%s", (int)at, good, more[i], good + at);
            expect_refused(t, "Invalid token: ");
            oro_free(t);
        }
    char *t = oro_strdup(good);
    for (size_t at = 0; at < n; at++) {
        for (int ch = 1; ch < 256; ch++) {
            bool digit = isalnum(ch) || ch == '-' || ch == '_';
            if (digit && (size_t)ch % 16 != at % 16)
                continue; /* each costs a verification */
            t[at] = (char)ch;
            if (t[at] != good[at])
                expect_refused(t, "Invalid token: ");
        }
        t[at] = good[at];
    }
    for (size_t len = 0; len < n; len++) {
        char *cut = oro_strndup(good, len);
        expect_refused(cut, "Invalid token: ");
        oro_free(cut);
    }
    /* The other alphabet of base64, and padding. */
    for (char *p = t; *p != '\0'; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    cr_assert_str_neq(t, good);
    expect_refused(t, "Invalid token: ");
    oro_free(t);
    vectors_end();
}

Test(token, keys_of_others)
{
    struct oro_keys *other;
    struct oro_err err = {0};
    struct oro_claims c;
    char *token;
    cr_assert_eq(oro_keys_open(NULL, &other, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_token_mint(other, &token, &c, &err), ORO_OK);
    expect_refused(token, "Invalid token: InvalidSignature");
    oro_free(token);
    oro_claims_fini(&c);

    vectors(); /* signed by `keys`, foreign issuer: to `other` they are somebody's */
    cr_assert_eq(oro_token_check(other, text_in(nth(2), "jwt"), &c, &err), ORO_EREFUSED);
    cr_assert_not_null(strstr(err.text, "https://accounts.google.com"), "%s", err.text);
    vectors_end();
    oro_keys_close(other);
}

Test(token, garbage)
{
    static const char *const cases[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.e30.",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.W10.AA",
        "e30.e30.AA",
        "\xff\xfe.\xff.\xff",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.AAAA.AA",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refused(cases[i], "Invalid token: ");
    char *longest = malloc(100001);
    memset(longest, 'a', 100000);
    longest[100000] = '\0';
    longest[10] = longest[20] = '.';
    expect_refused(longest, "InvalidToken");
    free(longest);
}

/* ---- key files ---- */

static oro_status
open_in(const char *sub, struct oro_keys **out, struct oro_err *err)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, sub);
    return oro_keys_open(path, out, err);
}

Test(token, missing_keys_are_made_once)
{
    struct oro_keys *a = NULL, *b = NULL;
    struct oro_err err = {0};
    struct oro_claims c, d;
    struct stat st;
    char path[200], *token;
    cr_assert_eq(open_in("deep/er", &a, &err), ORO_OK, "%s", err.text);
    snprintf(path, sizeof(path), "%s/deep/er/id_ecdsa", dir);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(open_in("deep/er", &b, &err), ORO_OK, "%s", err.text);
    cr_assert_str_eq(oro_keys_public_pem(a), oro_keys_public_pem(b));
    cr_assert_eq(oro_token_mint(a, &token, &c, &err), ORO_OK);
    cr_assert_eq(oro_token_check(b, token, &d, &err), ORO_OK, "%s", err.text);
    oro_free(token);
    oro_claims_fini(&c);
    oro_claims_fini(&d);
    oro_keys_close(a);
    oro_keys_close(b);
}

static void
expect_no_keys(const char *word)
{
    struct oro_keys *k = NULL;
    struct oro_err err = {0};
    cr_assert_eq(oro_keys_open(dir, &k, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(err.text, word), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "remove"), "%s", err.text);
    cr_assert_null(k);
}

static void
remove_file(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    cr_assert_eq(unlink(path), 0);
}

Test(token, odd_key_files_stop_the_start)
{
    struct oro_keys *k = NULL;
    struct oro_err err = {0};
    put_file("id_ecdsa.pub", "-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----\n");
    expect_no_keys("not the public key of");
    put_file("id_ecdsa", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
    cr_assert_eq(oro_keys_open(dir, &k, &err), ORO_EINVAL);
    cr_assert_not_null(strstr(err.text, "PKCS#8"), "%s", err.text);
    remove_file("id_ecdsa");
    expect_no_keys("id_ecdsa is not");
}

/* A public key that is missing, empty or cut off follows from the private one. */
Test(token, a_public_key_is_derived)
{
    const char *const halves[] = {NULL, "", "-----BEGIN PUBLIC KEY-----\nMFkw"};
    for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
        struct oro_keys *k = NULL;
        struct oro_err err = {0};
        remove_file("id_ecdsa.pub");
        if (halves[i] != NULL)
            put_file("id_ecdsa.pub", halves[i]);
        cr_assert_eq(oro_keys_open(dir, &k, &err), ORO_OK, "%zu: %s", i, err.text);
        cr_assert_str_eq(oro_keys_public_pem(k), test_public);
        oro_keys_close(k);
    }
}

/* Wherever the private key is cut or one of its bits is wrong: the same key, or a refusal. */
Test(token, a_damaged_private_key_is_noticed)
{
    char text[sizeof(test_private)];
    for (size_t i = 0; i < 2 * (sizeof(text) - 1); i++) {
        struct oro_keys *k = NULL;
        struct oro_err err = {0};
        size_t at = i / 2;
        memcpy(text, test_private, sizeof(text));
        if (i % 2 == 0)
            text[at] = '\0';
        else
            text[at] ^= 1;
        put_file("id_ecdsa", text);
        put_file("id_ecdsa.pub", "");
        if (oro_keys_open(dir, &k, &err) != ORO_OK)
            cr_assert_not_null(strstr(err.text, "id_ecdsa"), "%s", err.text);
        else
            cr_assert_str_eq(oro_keys_public_pem(k), test_public, "byte %zu", at);
        oro_keys_close(k);
    }
}

/* ---- threads ---- */

static void *
checker(void *arg)
{
    const char *const *signed_before = arg;
    for (int i = 0; i < 50; i++) {
        struct oro_claims c;
        struct oro_err err;
        char *token;
        cr_assert_eq(oro_token_check(keys, signed_before[i % 5], &c, &err), ORO_OK);
        oro_claims_fini(&c);
        cr_assert_eq(oro_token_mint(keys, &token, &c, &err), ORO_OK);
        oro_claims_fini(&c);
        cr_assert_eq(oro_token_check(keys, token, &c, &err), ORO_OK);
        oro_claims_fini(&c);
        oro_free(token);
    }
    return NULL;
}

Test(token, several_threads_at_once)
{
    pthread_t t[4];
    const char *signed_before[5];
    vectors();
    for (uint32_t i = 0; i < 5; i++)
        signed_before[i] = text_in(nth(i), "jwt");
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, checker, signed_before);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    vectors_end();
}
