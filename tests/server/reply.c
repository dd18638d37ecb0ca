#include "tests/server/reply.h"

#include <string.h>

#include "bridge/bsatn/reader.h"
#include "runtime/base/assert.h"

#define ROW_SIZE 12

struct reading {
    struct oro_reader r;
    struct reply reply;
    void (*row)(void *arg, uint32_t query_set, uint32_t id, int64_t n, bool enters);
    void *arg;
};

enum rows { ROWS_COUNT, ROWS_ENTER, ROWS_LEAVE };

static uint32_t
u32(struct reading *m)
{
    uint32_t v;
    oro_status st = oro_rd_u32(&m->r, &v);
    ORO_ASSERT(st == ORO_OK);
    return v;
}

static uint8_t
u8(struct reading *m)
{
    uint8_t v;
    oro_status st = oro_rd_u8(&m->r, &v);
    ORO_ASSERT(st == ORO_OK);
    return v;
}

static struct oro_bytes
raw(struct reading *m, size_t n)
{
    struct oro_bytes v;
    oro_status st = oro_rd_raw(&m->r, n, &v);
    ORO_ASSERT(st == ORO_OK);
    return v;
}

static struct oro_bytes
text(struct reading *m)
{
    return raw(m, u32(m));
}

/* BsatnRowList */
static void
read_rows(struct reading *m, enum rows what)
{
    if (u8(m) == 0) {
        uint16_t size;
        memcpy(&size, raw(m, 2).data, 2);
        ORO_ASSERT(size == ROW_SIZE);
    } else {
        (void)raw(m, (size_t)u32(m) * 8);
    }
    struct oro_bytes data = text(m);
    ORO_ASSERT(data.len % ROW_SIZE == 0);
    for (size_t at = 0; at < data.len; at += ROW_SIZE) {
        uint32_t id;
        int64_t n;
        memcpy(&id, data.data + at, sizeof(id));
        memcpy(&n, data.data + at + sizeof(id), sizeof(n));
        m->reply.nrows++;
        m->reply.sum += n;
        if (what != ROWS_COUNT)
            m->row(m->arg, m->reply.query_set, id, n, what == ROWS_ENTER);
    }
}

/* QueryRows */
static void
read_tables(struct reading *m, enum rows what)
{
    for (uint32_t n = u32(m); n > 0; n--) {
        (void)text(m);
        read_rows(m, what);
    }
}

/* Rows that leave stand behind those that enter, and an updated row does both. */
static void
read_change(struct reading *m)
{
    uint8_t event = u8(m);
    ORO_ASSERT(event == 0);
    struct oro_reader inserts = m->r;
    read_rows(m, ROWS_COUNT);
    read_rows(m, ROWS_LEAVE);
    struct oro_reader end = m->r;
    m->r = inserts;
    read_rows(m, ROWS_ENTER);
    m->r = end;
}

/* array<QuerySetUpdate> */
static void
read_update(struct reading *m)
{
    for (uint32_t sets = u32(m); sets > 0; sets--) {
        m->reply.query_set = u32(m);
        for (uint32_t tables = u32(m); tables > 0; tables--) {
            (void)text(m);
            for (uint32_t n = u32(m); n > 0; n--)
                read_change(m);
        }
    }
}

static void
read_result(struct reading *m)
{
    (void)raw(m, 8); /* timestamp */
    uint8_t outcome = u8(m);
    m->reply.failed = outcome >= 2;
    if (outcome == 0) {
        (void)text(m);
        read_update(m);
    } else if (outcome >= 2) {
        (void)text(m);
    }
}

static void
read_sets(struct reading *m)
{
    for (uint32_t n = u32(m); n > 0; n--) {
        m->reply.query_set = u32(m);
        if (u8(m) == 0)
            read_tables(m, ROWS_ENTER);
        else
            (void)text(m);
    }
}

static void
read_one(struct reading *m)
{
    uint8_t tag = u8(m);
    m->reply = (struct reply){.tag = tag};
    if (tag != REPLY_HELLO && tag != REPLY_UPDATE && tag != REPLY_SUB_ERROR)
        m->reply.request_id = u32(m);
    switch (tag) {
    case REPLY_HELLO:
        (void)raw(m, 32 + 16);
        (void)text(m);
        break;
    case REPLY_APPLIED:
        m->reply.query_set = u32(m);
        read_tables(m, ROWS_ENTER);
        break;
    case REPLY_UNAPPLIED:
        m->reply.query_set = u32(m);
        if (u8(m) == 0)
            read_tables(m, ROWS_LEAVE);
        break;
    case REPLY_SUB_ERROR:
        m->reply.failed = true;
        if (u8(m) == 0)
            m->reply.request_id = u32(m);
        m->reply.query_set = u32(m);
        (void)text(m);
        break;
    case REPLY_UPDATE:
        read_update(m);
        break;
    case REPLY_ONE_OFF:
        m->reply.failed = u8(m) != 0;
        if (m->reply.failed)
            (void)text(m);
        else
            read_tables(m, ROWS_COUNT);
        break;
    case REPLY_RESULT:
        read_result(m);
        break;
    case REPLY_BATCH:
        read_sets(m);
        break;
    default:
        ORO_ASSERT(!"a message that nobody asked for");
    }
}

unsigned
replies_read(struct oro_bytes bytes, void (*take)(void *, const struct reply *),
             void (*row)(void *, uint32_t, uint32_t, int64_t, bool), void *arg)
{
    struct reading m = {.r = oro_reader(bytes), .row = row, .arg = arg};
    unsigned n = 0;
    for (; oro_rd_left(&m.r) > 0; n++) {
        read_one(&m);
        take(arg, &m.reply);
    }
    ORO_ASSERT(n > 0);
    return n;
}
