/* How a call's failure is told over HTTP. The body is the text, as in the reference; what else a ReducerError carries stands in
 * the header `orochi-error`, {"code": ..., "data": ...}. Who asks for JSON gets all three as the body. */
#include "runtime/http/http_priv.h"

#include "bridge/bsatn/value.h"
#include "runtime/base/header.h"

#include <string.h>

#define HEADER_MOST 2048 /* beside a token, in a head that clients and proxies take */

/* axios, for one, asks for JSON and plain text alike, and expects what the reference sends. */
bool
oro_http_wants_json(const char *accept)
{
    return accept != NULL && strstr(accept, "application/json") != NULL &&
           strstr(accept, "text/plain") == NULL && strstr(accept, "*/*") == NULL;
}

/* JSON in a header: what is no ASCII becomes an escape, so nothing of the author's can end the line. */
static void
put_ascii(struct oro_bb *out, struct oro_bytes json)
{
    for (size_t i = 0; i < json.len;) {
        uint32_t c = json.data[i++];
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        c &= more > 0 ? 0x3fu >> more : 0x7f;
        for (; more > 0 && i < json.len; more--)
            c = c << 6 | (json.data[i++] & 0x3f);
        if (c >= 0x10000)
            oro_bb_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
        else if (c >= 0x7f || c < 0x20)
            oro_bb_printf(out, "\\u%04x", c);
        else
            oro_bb_u8(out, (uint8_t)c);
    }
    oro_bb_u8(out, 0);
}

static void
detail_header(struct oro_http_response *res, const struct oro_buf *detail)
{
    struct oro_bb ascii = {0};
    put_ascii(&ascii, oro_buf_bytes(detail));
    if (ascii.len <= HEADER_MOST && oro_header_add(res->extra_headers, sizeof(res->extra_headers),
                                                   "orochi-error", (const char *)ascii.data))
        (void)oro_header_add(res->extra_headers, sizeof(res->extra_headers),
                             "access-control-expose-headers", "orochi-error");
    oro_bb_fini(&ascii);
}

static void
put_object(struct oro_bb *out, struct oro_bytes text, struct oro_bytes detail)
{
    oro_bb_printf(out, "{\"error\":");
    oro_json_string(text, out);
    if (detail.len > 2) /* behind its { stand code and data */
        oro_bb_printf(out, ",%.*s", (int)detail.len - 1, (const char *)detail.data + 1);
    else
        oro_bb_printf(out, ",\"code\":null,\"data\":null}");
}

void
oro_http_refusal(struct oro_http_response *res, int status, const struct oro_origin *o, bool json)
{
    struct oro_bytes text = o->text != NULL ? oro_buf_bytes(o->text) : (struct oro_bytes){0};
    res->status = status;
    res->content_type = json ? "application/json" : "text/plain; charset=utf-8";
    oro_bb_clear(&res->body);
    if (json)
        put_object(&res->body, text,
                   o->detail != NULL ? oro_buf_bytes(o->detail) : (struct oro_bytes){0});
    else
        oro_bb_put_bytes(&res->body, text);
    if (o->detail != NULL)
        detail_header(res, o->detail);
}
