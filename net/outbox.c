/* net/outbox.c - what waits to be sent to a connection: pieces of bytes, in order.
 *
 * oro_net_send puts bytes into the last piece and marks the connection dirty. Once a turn of the loop, after everything was
 * handled, each dirty connection is written with one system call. Pieces are freed as they are sent, so an idle connection
 * holds none, and a large message, which is in fragments, becomes smaller while it is taken. */
#include "net/net_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net/budget_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_frame.h"

#define FILE_PART ((size_t)64 * 1024) /* of a file, in memory for each download */
#define FILE_TURN 16                  /* parts, before it is the others' turn */
#define PIECE_MIN_LOG2 8
#define PIECE_MAX_LOG2 16
#define OVERHEAD ((int64_t)sizeof(struct piece) + 32) /* with the allocator's */

static int64_t
cost(const struct piece *p)
{
    return (int64_t)p->cap + OVERHEAD;
}

static void
piece_free(struct conn *c, struct piece *p)
{
    budget_charge(c, -cost(p));
    if (p->is_file) {
        close(p->file);
        c->files--;
        atomic_fetch_sub_explicit(&c->shard->net->open_sockets, 1, memory_order_relaxed);
    }
    if (p->buf != NULL)
        budget_unlink(c->shard, c, p->buf);
    oro_buf_unref(p->buf);
    oro_free(p->data);
    oro_free(p);
}

void
out_clear(struct conn *c)
{
    ASSERT_HERE(c);
    while (c->out_head != NULL) {
        struct piece *p = c->out_head;
        c->out_head = p->next;
        piece_free(c, p);
    }
    c->out_tail = c->control = NULL;
    c->out_bytes = 0;
}

bool
out_trim(struct conn *c)
{
    ASSERT_HERE(c);
    struct piece *keep = c->out_head, *last = keep;
    if (keep == NULL || !(keep->started || keep->inside)) {
        out_clear(c);
        return true;
    }
    size_t bytes = keep->len - keep->off, cap = keep->cap;
    for (; last->goes_on && last->next != NULL; bytes += last->len) {
        last = last->next;
        cap += last->cap;
    }
    c->out_head = last->next;
    out_clear(c);
    last->next = NULL;
    c->out_head = keep;
    c->out_tail = last;
    c->out_bytes = bytes;
    return cap <= 2 * STREAM_BODY_MAX;
}

struct piece *
out_new(struct conn *c, size_t cap)
{
    struct piece *p = oro_try_alloc(sizeof(*p));
    uint8_t *data = p != NULL ? oro_try_alloc(cap) : NULL;
    if (data == NULL) {
        oro_free(p);
        return NULL;
    }
    *p = (struct piece){.data = data, .cap = cap};
    budget_charge(c, cost(p));
    return p;
}

struct piece *
out_take(struct conn *c, struct oro_bb *bb)
{
    struct piece *p = oro_try_alloc(sizeof(*p));
    if (p == NULL)
        return NULL;
    *p = (struct piece){.data = bb->data, .len = bb->len, .cap = bb->cap};
    *bb = (struct oro_bb){0};
    budget_charge(c, cost(p));
    return p;
}

struct piece *
out_link(struct conn *c, struct oro_buf *buf, const uint8_t *head, size_t head_len)
{
    struct piece *p = oro_try_alloc(sizeof(*p));
    ORO_ASSERT(head_len <= sizeof(p->head) && buf->len > 0);
    if (p == NULL)
        return NULL;
    *p = (struct piece){
        .buf = oro_buf_ref(buf), .head_len = (uint8_t)head_len, .len = head_len + buf->len};
    if (head_len > 0)
        memcpy(p->head, head, head_len);
    budget_charge(c, cost(p));
    budget_link(c->shard, c, buf);
    out_append(c, p);
    return p;
}

bool
out_file(struct conn *c, int file, uint64_t len)
{
    struct oro_net *net = c->shard->net;
    /* They are descriptors like the sockets, and leave free what those do. */
    unsigned open = atomic_fetch_add_explicit(&net->open_sockets, 1, memory_order_relaxed);
    struct piece *p =
        open < net->max_sockets ? out_new(c, len < FILE_PART ? (size_t)len : FILE_PART) : NULL;
    if (p == NULL) {
        atomic_fetch_sub_explicit(&net->open_sockets, 1, memory_order_relaxed);
        close(file);
        return false;
    }
    p->is_file = p->pinned = true;
    p->file = file;
    p->left = len;
    c->files++;
    out_append(c, p);
    return true;
}

/* Reads the next part. False: it is not what it was, so the answer cannot be finished. */
static bool
file_part(struct piece *p)
{
    size_t want = p->left < p->cap ? (size_t)p->left : p->cap;
    ssize_t n;
    do
        n = read(p->file, p->data, want);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    p->off = 0;
    p->len = (size_t)n;
    p->left -= (uint64_t)n;
    return true;
}

void
out_append(struct conn *c, struct piece *p)
{
    ASSERT_HERE(c);
    ORO_ASSERT(p->next == NULL && (c->out_tail == NULL) == (c->out_head == NULL));
    if (c->out_tail != NULL)
        c->out_tail->next = p;
    else
        c->out_head = p;
    c->out_tail = p;
    c->out_bytes += p->len - p->off;
    conn_touch(c);
}

static bool
piece_reserve(struct conn *c, struct piece *p, size_t need)
{
    if (p->cap - p->len >= need)
        return true;
    size_t cap = p->cap * 2;
    if (cap < p->len + need)
        cap = p->len + need;
    uint8_t *data = oro_try_realloc(p->data, cap);
    if (data == NULL)
        return false;
    budget_charge(c, (int64_t)(cap - p->cap));
    p->data = data;
    p->cap = cap;
    return true;
}

/* Control frames that wait are one piece: a flood of pings to one who does not read costs its bytes and no more. */
struct piece *
out_control(struct conn *c, size_t need)
{
    conn_touch(c);
    if (c->control != NULL)
        return piece_reserve(c, c->control, need) ? c->control : NULL;
    struct piece **at = &c->out_head, *p = out_new(c, need);
    if (p == NULL)
        return NULL;
    p->pinned = true;
    while (*at != NULL && ((*at)->started || (*at)->pinned || (*at)->inside))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (p->next == NULL)
        c->out_tail = p;
    c->control = p;
    return p;
}

/* The piece that takes `need` more bytes of whole frames: the last one if it is of that kind and
 * not too big yet. */
struct piece *
out_room(struct conn *c, size_t need)
{
    struct piece *p = c->out_tail;
    if (p != NULL && (p->open || (p->joinable && p->len < ((size_t)1 << PIECE_MAX_LOG2))))
        return piece_reserve(c, p, need) ? p : NULL;
    size_t cap = (size_t)1 << c->out_hint;
    p = out_new(c, cap < need ? need : cap);
    if (p != NULL)
        out_append(c, p);
    return p;
}

/* The next piece of this connection starts about as large as this one became, within bounds. */
static void
learn_size(struct conn *c, size_t len)
{
    uint8_t want = PIECE_MIN_LOG2;
    while (want < PIECE_MAX_LOG2 && ((size_t)1 << want) < len)
        want++;
    if (want > c->out_hint)
        c->out_hint = want;
    else if (want < c->out_hint)
        c->out_hint--;
}

static void
out_sent(struct conn *c, size_t n)
{
    ASSERT_HERE(c);
    ORO_ASSERT(n <= c->out_bytes);
    c->out_bytes -= n;
    c->sent += n;
    conn_counters(c)->bytes_out += (int64_t)n;
    while (c->out_head != NULL) {
        struct piece *p = c->out_head;
        size_t left = p->len - p->off;
        if (n < left) {
            p->off += n;
            return;
        }
        n -= left;
        if (p->is_file && p->left > 0) {
            p->off = p->len = 0;
            return; /* nothing behind it was handed over */
        }
        c->out_head = p->next;
        if (p->buf == NULL)
            learn_size(c, p->len);
        piece_free(c, p);
    }
    c->out_tail = NULL;
}

#define WRITE_MAX 32 /* entries of a write; a piece has two at most */

/* What is left of a piece: gives the number of entries. */
static int
piece_left(const struct piece *p, struct iovec v[2])
{
    int n = 0;
    if (p->buf == NULL) {
        v[n++] = (struct iovec){p->data + p->off, p->len - p->off};
        return n;
    }
    size_t of_head = p->off < p->head_len ? p->head_len - p->off : 0,
           at = of_head > 0 ? 0 : p->off - p->head_len;
    if (of_head > 0)
        v[n++] = (struct iovec){(void *)(uintptr_t)(p->head + p->off), of_head};
    v[n++] = (struct iovec){p->buf->data + at, p->buf->len - at};
    return n;
}

void
out_seal(struct conn *c, struct piece *p)
{
    size_t payload = p->len - ORO_WS_SERVER_HEAD_MAX;
    p->off = ORO_WS_SERVER_HEAD_MAX - oro_ws_head_len(payload, false);
    c->out_bytes -= p->off;
    oro_ws_head_put(p->data + p->off, ORO_WS_FIN | ORO_WS_BINARY, payload, NULL);
    p->open = false;
}

/* What goes into the next write: gives the number of entries, 0 if a file cannot be read. */
static int
gather(struct conn *c, struct iovec v[WRITE_MAX], size_t *sum)
{
    int n = 0;
    if (c->out_head->open)
        out_seal(c, c->out_head);
    /* An open frame behind others stays open, so that it takes what comes while the socket
     * is full. */
    for (struct piece *p = c->out_head; p != NULL && !p->open && n + 2 <= WRITE_MAX; p = p->next) {
        if (p->is_file && p->off == p->len) {
            if (!file_part(p))
                return 0;
            c->out_bytes += p->len;
        }
        n += piece_left(p, v + n);
        *sum += p->len - p->off;
        p->started = true;
        if (p == c->control)
            c->control = NULL;
        if (p->is_file && p->left > 0)
            break;
    }
    return n;
}

bool
out_flush(struct conn *c)
{
    ASSERT_HERE(c);
    for (int turn = 0; c->out_head != NULL && !c->blocked; turn++) {
        struct iovec v[WRITE_MAX];
        size_t sum = 0;
        int n = gather(c, v, &sum);
        ssize_t done = n > 0 ? io_write(c, v, n) : -1;
        if (done < 0)
            return false;
        out_sent(c, (size_t)done);
        if ((size_t)done < sum || (c->files > 0 && turn == FILE_TURN)) {
            c->blocked = true;
            io_want_write(c);
        }
    }
    return true;
}
