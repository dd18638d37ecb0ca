/* Identity tokens (net/token.c): base64, JSON of strangers, claims. The first byte chooses:
 *
 *   even  the rest is a token. None is accepted, since none is signed
 *   odd   the rest is claims; above 0xf0 we sign them (a fuzzer does for one in 64): the token is accepted exactly if the
 *         claims are, and can be signed again. Otherwise the token has a wrong signature, or the header that stands before the
 *         first line break */
#include "net/token.c"
#include "net/token_check.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct oro_keys *keys;
static unsigned long runs;
static unsigned sign_every = 1;

/* Only as a fuzzer: a signature and its check take as long as a hundred other inputs. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    sign_every = 64;
    return 0;
}

static void
refused(const char *token)
{
    struct oro_claims c = {0};
    struct oro_err err = {0};
    oro_status st = oro_token_check(keys, token, &c, &err);
    ORO_ASSERT(st == ORO_EREFUSED && err.text[0] != '\0' && c.payload == NULL);
}

static void
with_signature(const char *payload)
{
    struct oro_claims c = {0};
    struct oro_err err = {0};
    char *token, *again;
    struct oro_token_times times;
    char iss[NAME_MAX_BYTES + 1];
    struct oro_identity id;
    struct oro_json claims;
    bool legal = object_parse(&claims, payload);
    bool good = legal && check_claims(&claims, iss, &id, &times, NULL) == ORO_OK;
    if (legal)
        oro_json_fini(&claims);
    ORO_ASSERT(sign_payload(keys, payload, &token, &err) == ORO_OK);
    oro_status st = oro_token_check(keys, token, &c, &err);
    ORO_ASSERT(st == (good && strlen(token) <= TOKEN_MAX ? ORO_OK : ORO_EREFUSED));
    if (st == ORO_OK) {
        ORO_ASSERT(oro_identity_eq(&c.identity, &id) && strcmp(c.payload, payload) == 0);
        ORO_ASSERT(oro_token_resign(keys, &c, &again, &err) == ORO_OK);
        oro_claims_fini(&c);
        if (strlen(again) <= TOKEN_MAX) {
            ORO_ASSERT(oro_token_check(keys, again, &c, &err) == ORO_OK);
            ORO_ASSERT(oro_identity_eq(&c.identity, &id));
            oro_claims_fini(&c);
        }
        oro_free(again);
    }
    oro_free(token);
}

static void
without_signature(const char *text, size_t len)
{
    static const char usual[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";
    const char *line = memchr(text, '\n', len), *head = line != NULL ? text : usual;
    size_t head_len = line != NULL ? (size_t)(line - text) : strlen(usual);
    const char *payload = line != NULL ? line + 1 : text;
    size_t payload_len = (size_t)(text + len - payload);
    char *token = oro_alloc((head_len + payload_len) * 2 + 32), *at = token;
    at = b64url_encode(at, (const uint8_t *)head, head_len);
    *at++ = '.';
    at = b64url_encode(at, (const uint8_t *)payload, payload_len);
    memcpy(at, ".AAAA", 6);
    refused(token);
    oro_free(token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oro_err err;
    if (keys == NULL)
        ORO_ASSERT(oro_keys_open(NULL, &keys, &err) == ORO_OK);
    if (size < 1)
        return 0;
    char *text = oro_strndup((const char *)data + 1, size - 1);
    if (data[0] % 2 == 0)
        refused(text);
    else if (data[0] > 0xf0 && runs++ % sign_every == 0)
        with_signature(text);
    else
        without_signature((const char *)data + 1, size - 1);
    oro_free(text);
    return 0;
}
