#include "runtime/log/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

#define HEAD 32u
#define FRAME_HEAD 24u
#define MAGIC 0x377f0682u /* or with the lowest bit set: sums over big-endian words */

struct sum {
    uint32_t a, b;
};

struct reader {
    int fd;
    uint32_t page_size;
    bool big_endian;
    uint8_t *frame; /* head and page */
    uint8_t salts[8];
};

static uint32_t
be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static struct sum
sum_over(struct sum s, const uint8_t *p, size_t len, bool big_endian)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        s.a += (big_endian ? be32(p + i) : le32(p + i)) + s.b;
        s.b += (big_endian ? be32(p + i + 4) : le32(p + i + 4)) + s.a;
    }
    return s;
}

static struct sum
sum_in(const uint8_t *p)
{
    return (struct sum){be32(p), be32(p + 4)};
}

static bool
sum_eq(struct sum x, struct sum y)
{
    return x.a == y.a && x.b == y.b;
}

static uint64_t
frame_at(const struct reader *r, uint64_t n)
{
    return HEAD + n * (FRAME_HEAD + (uint64_t)r->page_size);
}

/* False: the file ends before, or in it. */
static bool
frame_read(struct reader *r, uint64_t n)
{
    size_t len = FRAME_HEAD + (size_t)r->page_size;
    return pread(r->fd, r->frame, len, (off_t)frame_at(r, n)) == (ssize_t)len;
}

/* The frame at hand has the sum that follows from the one before. */
static bool
frame_fits(const struct reader *r, struct sum before)
{
    struct sum s = sum_over(before, r->frame, 8, r->big_endian);
    s = sum_over(s, r->frame + FRAME_HEAD, r->page_size, r->big_endian);
    return sum_eq(s, sum_in(r->frame + 16)) && be32(r->frame) != 0;
}

static bool
frame_is_ours(const struct reader *r)
{
    return memcmp(r->frame + 8, r->salts, sizeof(r->salts)) == 0;
}

/* What begins there is a frame of this WAL, as far as it goes: the salts are its own but for some wrong bits (those of an earlier
 * WAL are others altogether), or its head was never written. */
static bool
begins_here(const struct reader *r, uint64_t n)
{
    uint8_t head[FRAME_HEAD];
    unsigned wrong = 0, set = 0;
    if (pread(r->fd, head, sizeof(head), (off_t)frame_at(r, n)) != (ssize_t)sizeof(head))
        return false;
    for (size_t i = 0; i < sizeof(r->salts); i++)
        wrong += (unsigned)__builtin_popcount(head[8 + i] ^ r->salts[i]);
    for (size_t i = 0; i < sizeof(head); i++)
        set += head[i] != 0;
    return wrong <= 4 || set == 0;
}

static bool
frame_commits(const struct reader *r)
{
    return be32(r->frame + 4) != 0;
}

/* From a frame that does not fit on: more than one transaction's? */
static bool
goes_on(struct reader *r, uint64_t from)
{
    bool committed = false;
    for (uint64_t n = from; frame_read(r, n); n++) {
        if (!frame_is_ours(r))
            continue;
        if (committed)
            return true;
        committed = frame_commits(r);
    }
    return false;
}

static void
frames_read(struct reader *r, struct sum sum, struct wal *out)
{
    uint64_t n = 0;
    for (; frame_read(r, n) && frame_is_ours(r) && frame_fits(r, sum); n++) {
        sum = sum_in(r->frame + 16);
        if (frame_commits(r))
            out->frames = n + 1;
    }
    out->damaged = goes_on(r, n);
    out->torn = n > out->frames || begins_here(r, n);
    out->bad_at = frame_at(r, n);
}

/* The head does not fit: do frames, one by another or the first by what the head should be? */
static bool
frames_without_head(struct reader *r, const uint8_t *head)
{
    for (int big = 0; big < 2; big++) {
        struct sum before = {0};
        r->big_endian = big != 0;
        for (uint64_t n = 0; n < 3 && frame_read(r, n); n++) {
            struct sum made = sum_over((struct sum){0}, head, 24, r->big_endian);
            bool fits = n == 0 ? frame_fits(r, made) || frame_fits(r, sum_in(head + 24))
                               : frame_fits(r, before);
            if (fits)
                return true;
            before = sum_in(r->frame + 16);
        }
    }
    return false;
}

static bool
head_fits(const uint8_t *head, struct reader *r)
{
    uint32_t size = be32(head + 8);
    if ((be32(head) & ~1u) != MAGIC || size < 512 || size > 65536 || (size & (size - 1)) != 0)
        return false;
    r->big_endian = (be32(head) & 1u) != 0;
    if (!sum_eq(sum_over((struct sum){0}, head, 24, r->big_endian), sum_in(head + 24)))
        return false;
    r->page_size = size;
    memcpy(r->salts, head + 16, sizeof(r->salts));
    return true;
}

oro_status
wal_read(const char *path, uint32_t page_size, struct wal *out, struct oro_err *err)
{
    struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC), .page_size = page_size};
    uint8_t head[HEAD];
    *out = (struct wal){0};
    if (r.fd < 0)
        return errno == ENOENT
                   ? ORO_OK
                   : oro_err_set(err, ORO_EIO, "cannot read %s: %s", path, strerror(errno));
    if (pread(r.fd, head, sizeof(head), 0) == (ssize_t)sizeof(head)) {
        bool fits = head_fits(head, &r);
        r.frame = oro_alloc(FRAME_HEAD + (size_t)r.page_size);
        if (fits)
            frames_read(&r, sum_in(head + 24), out);
        else
            out->damaged = frames_without_head(&r, head);
        oro_free(r.frame);
    }
    close(r.fd);
    return ORO_OK;
}
