/* Rows on pages that nothing leads to any more: where the root of a table, or a page inside of its tree, is gone, the pages below it
 * are still there. Each page of the file that looks like one of a table without ROWID (as all of ours are) is read by SQLite's file
 * format (https://sqlite.org/fileformat2.html#b_tree_pages) without SQLite. What is found has a checksum, a key that
 * fits, and the type of one table that has lost something and of no other; a page that was freed may hold rows that had been
 * deleted or changed since, so nothing replaces what was found through the tree. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bsatn/value.h"
#include "runtime/durable/durable_priv.h"

#define PAGE ((size_t)TABLES_PAGE)
#define INTERIOR 0x02 /* page types: of an index, as tables without ROWID are */
#define LEAF 0x0a
#define DEPTH 20
#define COLUMNS 2000

struct file {
    const uint8_t *bytes;
    size_t pages;
    uint8_t *seen; /* by page: a table that is whole has it, or it is free */
};

struct orphans {
    struct file f;
    struct db *to;
    struct catalog *c;
    const bool *lost; /* by table: something of it is */
    uint64_t *found;
    struct oro_bb payload, key;
};

static uint32_t
big(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;
    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

/* Bytes read, 0: there are not so many. */
static size_t
varint(const uint8_t *p, size_t left, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 9 && i < left; i++) {
        v = i < 8 ? v << 7 | (p[i] & 0x7f) : v << 8 | p[i];
        if (i == 8 || p[i] < 0x80) {
            *out = v;
            return i + 1;
        }
    }
    return 0;
}

/* ---- pages of tables that are whole ---- */

static const uint8_t *
page_of(const struct file *f, uint32_t number)
{
    return number >= 1 && number <= f->pages ? f->bytes + (number - 1) * PAGE : NULL;
}

static void
mark_tree(struct file *f, uint32_t number, unsigned depth)
{
    const uint8_t *p = page_of(f, number);
    if (p == NULL || depth > DEPTH || number == 1 || f->seen[number - 1])
        return;
    f->seen[number - 1] = 1;
    if (p[0] != INTERIOR)
        return;
    unsigned n = big(p + 3, 2);
    for (unsigned i = 0; i < n && 12 + 2 * i + 2 <= PAGE; i++) {
        unsigned at = big(p + 12 + 2 * i, 2);
        if (at + 4 <= PAGE)
            mark_tree(f, big(p + at, 4), depth + 1);
    }
    mark_tree(f, big(p + 8, 4), depth + 1);
}

static void
mark_free(struct file *f)
{
    uint32_t trunk = big(f->bytes + 32, 4);
    for (size_t i = 0; i < f->pages && page_of(f, trunk) != NULL; i++) {
        const uint8_t *p = page_of(f, trunk);
        uint32_t n = big(p + 4, 4);
        f->seen[trunk - 1] = 1;
        for (uint32_t k = 0; k < n && 8 + 4 * (size_t)k + 4 <= PAGE; k++)
            if (page_of(f, big(p + 8 + 4 * k, 4)) != NULL)
                f->seen[big(p + 8 + 4 * k, 4) - 1] = 1;
        trunk = big(p, 4);
    }
}

static void
mark_whole(struct orphans *o, struct db *from)
{
    for (uint32_t i = 0; i < o->c->n; i++) {
        struct db_stmt *s;
        bool row;
        if (o->lost[i] || db_prepare(from, "SELECT rootpage FROM sqlite_schema WHERE name = ?", &s,
                                     NULL) != ORO_OK)
            continue;
        db_bind_text(s, 1, oro_bytes_str(o->c->items[i].sql_name));
        if (db_step(s, &row, NULL) == ORO_OK && row)
            mark_tree(&o->f, (uint32_t)db_column_int(s, 0), 0);
        db_finalize(s);
    }
    mark_free(&o->f);
}

/* ---- one row ---- */

/* This table's, if it is one. */
static bool
row_fits(struct orphans *o, struct layout *l, struct oro_bytes key, struct oro_bytes row)
{
    if (oro_value_check(l->def->row, row, NULL) != ORO_OK)
        return false;
    oro_bb_clear(&o->key);
    layout_key(l, row, &o->key);
    return l->def->pk < 0 || oro_bytes_eq(oro_bb_bytes(&o->key), key);
}

static void
row_take(struct orphans *o, struct oro_bytes key, struct oro_bytes row)
{
    uint32_t fits = 0, which = 0;
    bool there = false;
    for (uint32_t i = 0; i < o->c->n; i++) {
        if (o->lost[i] && row_fits(o, &o->c->items[i], key, row)) {
            fits++;
            which = i;
        }
    }
    if (fits != 1) /* of no table; or of one of two that are alike, and who knows which */
        return;
    struct layout *l = &o->c->items[which];
    (void)row_fits(o, l, key, row); /* makes its key */
    if (l->def->pk >= 0 &&
        (layout_has(l, o->to, oro_bb_bytes(&o->key), &there, NULL) != ORO_OK || there))
        return;
    o->found[which] += layout_put(l, o->to, oro_bb_bytes(&o->key), row, NULL) == ORO_OK;
}

/* Columns of a record: the first is the key, one of them is the row with its sum. */
static void
record_take(struct orphans *o, struct oro_bytes rec)
{
    uint64_t head, type;
    size_t at = varint(rec.data, rec.len, &head);
    if (at == 0 || head > rec.len)
        return;
    size_t body = head;
    struct oro_bytes key = {0}, row;
    for (unsigned col = 0; at < head && col < COLUMNS; col++) {
        static const uint8_t sizes[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
        size_t step = varint(rec.data + at, head - at, &type);
        uint64_t n = step == 0 ? 0 : type < 12 ? sizes[type] : (type - 12) / 2;
        if (step == 0 || n > rec.len - body)
            return;
        struct oro_bytes v = oro_bytes(rec.data + body, n);
        if (col == 0)
            key = v;
        if (type >= 12 && type % 2 == 0 && n >= LAYOUT_SUM && layout_row(v, &row, NULL) == ORO_OK)
            row_take(o, key, row);
        at += step;
        body += n;
    }
}

/* ---- one page ---- */

/* The cell's content, with what is on overflow pages. False: it is not all there. */
static bool
payload_read(struct orphans *o, const uint8_t *page, size_t at)
{
    uint64_t len;
    size_t step = varint(page + at, PAGE - at, &len);
    size_t most = (PAGE - 12) * 64 / 255 - 23, least = (PAGE - 12) * 32 / 255 - 23, local = len;
    if (step == 0 || len > o->f.pages * PAGE)
        return false;
    if (len > most) {
        local = least + (len - least) % (PAGE - 4);
        local = local <= most ? local : least;
    }
    at += step;
    if (at + local + (len > local ? 4 : 0) > PAGE)
        return false;
    oro_bb_clear(&o->payload);
    oro_bb_put(&o->payload, page + at, local);
    uint32_t next = len > local ? big(page + at + local, 4) : 0;
    while (o->payload.len < len) {
        const uint8_t *p = page_of(&o->f, next);
        size_t left = len - o->payload.len;
        if (p == NULL)
            return false;
        oro_bb_put(&o->payload, p + 4, left < PAGE - 4 ? left : PAGE - 4);
        next = big(p, 4);
    }
    return true;
}

static void
page_take(struct orphans *o, const uint8_t *p)
{
    unsigned head = p[0] == LEAF ? 8 : 12, skip = p[0] == LEAF ? 0 : 4, n = big(p + 3, 2);
    for (unsigned i = 0; i < n && head + 2 * i + 2 <= PAGE; i++) {
        size_t at = big(p + head + 2 * i, 2) + skip;
        if (at < PAGE && payload_read(o, p, at))
            record_take(o, oro_bb_bytes(&o->payload));
    }
}

/* ---- all of them ---- */

static void
take_all(struct orphans *o, struct db *from)
{
    mark_whole(o, from);
    for (size_t i = 1; i < o->f.pages; i++) {
        const uint8_t *p = o->f.bytes + i * PAGE;
        if (!o->f.seen[i] && (p[0] == LEAF || p[0] == INTERIOR))
            page_take(o, p);
    }
}

void
salvage_orphans(const char *path, struct db *from, struct db *to, struct catalog *c,
                const bool *lost, uint64_t *found)
{
    struct orphans o = {.to = to, .c = c, .lost = lost, .found = found};
    struct stat s;
    int pages, done, fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)!db_wal_checkpoint(from, true, &pages, &done, NULL);
    if (fd >= 0 && fstat(fd, &s) == 0 && (size_t)s.st_size >= PAGE) {
        void *m = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m != MAP_FAILED && big((uint8_t *)m + 16, 2) == PAGE) {
            o.f =
                (struct file){m, (size_t)s.st_size / PAGE, oro_calloc((size_t)s.st_size / PAGE, 1)};
            take_all(&o, from);
            oro_free(o.f.seen);
        }
        if (m != MAP_FAILED)
            munmap(m, (size_t)s.st_size);
    }
    if (fd >= 0)
        close(fd);
    for (uint32_t i = 0; i < c->n; i++)
        layout_unprepare(&c->items[i]);
    oro_bb_fini(&o.payload);
    oro_bb_fini(&o.key);
}
