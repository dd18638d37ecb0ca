/* Requests that follow the log (GET .../logs?follow=true): an answer in pieces that never ends. A line that is kept wakes the
 * shards that have such requests; each then hands over what is new. Who does not read loses lines: beyond BEHIND bytes that wait for
 * his socket none are added. */
#include "runtime/server/server_priv.h"

#include "bridge/bsatn/value.h"
#include "runtime/base/log_kept.h"
#include "runtime/base/utf8.h"

#include <string.h>

#define BEHIND ((size_t)1 << 20)
#define AT_ONCE 64

struct follower {
    struct follower *next;
    oro_conn_id req_id;
    uint64_t from; /* the next line's number */
    char *headers; /* of the answer that has not begun; or NULL */
};

static const char *const level_names[] = {"Error", "Warn", "Info", "Debug", "Trace"};

/* What is no UTF-8 is made ASCII: JSON holds nothing else. */
static void
put_string(struct oro_bb *out, struct oro_bytes text)
{
    if (oro_utf8_valid(text)) {
        oro_json_string(text, out);
        return;
    }
    struct oro_bb plain = {0};
    for (size_t i = 0; i < text.len; i++)
        oro_bb_u8(&plain, text.data[i] < 0x80 ? text.data[i] : '?');
    oro_json_string(oro_bb_bytes(&plain), out);
    oro_bb_fini(&plain);
}

static void
put_line(struct oro_bb *out, const struct oro_log_line *line)
{
    struct oro_bytes all = oro_buf_bytes(line->text);
    size_t part = strlen((const char *)all.data);
    oro_bb_printf(out, "{\"level\":\"%s\",\"ts\":%lld,\"target\":", level_names[line->level],
                  (long long)line->ts_us);
    put_string(out, oro_bytes(all.data, part));
    oro_bb_printf(out, ",\"message\":");
    put_string(out, oro_bytes(all.data + part + 1, all.len - part - 1));
    oro_bb_printf(out, "}\n");
}

uint64_t
oro_server_log_lines(uint64_t from, uint64_t until, size_t most, struct oro_bb *out)
{
    struct oro_log_line lines[AT_ONCE];
    size_t n = 1;
    while (n > 0 && out->len < most && from < until) {
        n = oro_log_kept_read(&from, lines,
                              until - from < AT_ONCE ? (size_t)(until - from) : AT_ONCE);
        for (size_t i = 0; i < n; i++) {
            put_line(out, &lines[i]);
            oro_buf_unref(lines[i].text);
        }
    }
    return from;
}

/* ---- those that follow ---- */

static void
wake_followers(void *arg)
{
    struct oro_server *s = arg;
    for (unsigned i = 0; i < s->opt.shards; i++)
        if (atomic_load(&s->shards[i].following_log) > 0)
            s->net.wake(s->net.net, i);
}

void
oro_follow_watch(struct oro_server *s, bool on)
{
    oro_log_kept_watch(on ? wake_followers : NULL, s);
}

void
oro_server_http_follow(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                       const char *headers, uint64_t from)
{
    struct shard *sh = &s->shards[shard];
    ORO_ASSERT_OWNER(&sh->owner);
    struct follower *f = ORO_NEW(struct follower);
    *f = (struct follower){
        .next = sh->followers, .req_id = req_id, .from = from, .headers = oro_strdup(headers)};
    sh->followers = f;
    atomic_fetch_add(&sh->following_log, 1);
    s->net.wake(s->net.net, shard); /* the answer begins outside of the question */
}

static void
begin(struct shard *sh, struct follower *f)
{
    struct oro_http_response res = {
        .status = 200, .content_type = "application/x-ndjson", .in_pieces = true};
    strcpy(res.extra_headers, f->headers); /* of one of the same size */
    oro_free(f->headers);
    f->headers = NULL;
    sh->server->net.http_reply(sh->server->net.net, sh->number, f->req_id, &res);
}

static void
hand_over(struct shard *sh, struct follower *f)
{
    struct oro_server_net *net = &sh->server->net;
    if (net->waiting(net->net, sh->number, f->req_id) > BEHIND)
        return;
    struct oro_bb text = {0};
    f->from = oro_server_log_lines(f->from, UINT64_MAX, BEHIND, &text);
    if (text.len > 0) {
        struct oro_buf *piece = oro_buf_copy(oro_bb_bytes(&text));
        (void)net->http_piece(net->net, sh->number, f->req_id, piece,
                              false); /* gone: we are told */
        oro_buf_unref(piece);
    }
    oro_bb_fini(&text);
}

void
oro_follow_look(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    for (struct follower *f = sh->followers; f != NULL; f = f->next) {
        if (f->headers != NULL)
            begin(sh, f);
        hand_over(sh, f);
    }
}

static void
follower_free(struct follower *f)
{
    oro_free(f->headers);
    oro_free(f);
}

bool
oro_follow_gone(struct shard *sh, oro_conn_id req_id)
{
    for (struct follower **p = &sh->followers; *p != NULL; p = &(*p)->next) {
        struct follower *f = *p;
        if (f->req_id != req_id)
            continue;
        *p = f->next;
        follower_free(f);
        atomic_fetch_sub(&sh->following_log, 1);
        return true;
    }
    return false;
}

void
oro_follow_close(struct shard *sh)
{
    for (struct follower *f; (f = sh->followers) != NULL;) {
        sh->followers = f->next;
        follower_free(f);
    }
}
