/* What can be read of a file of tables of which pages are gone: into a new file, row by row. SQLite ends a scan at the first page
 * that it cannot read, so rows are looked for from both ends of a gap, and then from its middle, as keys go: each probe comes
 * down at another page. A row has a checksum of its own, so what is found is right. */
#include <stdio.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/durable/durable_priv.h"

#define DEPTH 12     /* halvings of a gap */
#define PROBES 20000 /* of a table */

struct salvage {
    struct db *from, *to;
    struct layout *l;
    unsigned probes;
    uint64_t bad; /* rows with a wrong checksum */
    bool lost;    /* not all of the table could be gone through */
};

static void
take_row(struct salvage *s, struct oro_bytes stored)
{
    struct oro_bytes row;
    struct oro_bb key = {0};
    if (layout_row(stored, &row, NULL) != ORO_OK ||
        oro_value_check(s->l->def->row, row, NULL) != ORO_OK) {
        s->bad++;
        return;
    }
    layout_key(s->l, row, &key);
    if (layout_put(s->l, s->to, oro_bb_bytes(&key), row, NULL) != ORO_OK)
        s->bad++;
    oro_bb_fini(&key);
}

static void
copy_key(struct oro_bb *to, struct oro_bytes key)
{
    oro_bb_clear(to);
    oro_bb_put_bytes(to, key);
}

/* The rows between two keys, neither included (no bytes: there is none), from one end on; *last: the key of the last one that was
 * found. True: that was all of them. */
static bool
scan(struct salvage *s, struct oro_bytes lo, struct oro_bytes hi, bool down, struct oro_bb *last)
{
    const char *key = s->l->def->pk >= 0 ? "_key" : "_row";
    struct oro_bb sql = {0};
    struct db_stmt *get = NULL;
    bool row = true;
    s->probes++;
    oro_bb_printf(&sql, "SELECT %s, _row FROM ", key);
    db_put_name(&sql, s->l->sql_name);
    oro_bb_printf(&sql, " WHERE %s > ?1%s%s%s ORDER BY %s%s", key, hi.len > 0 ? " AND " : "",
                  hi.len > 0 ? key : "", hi.len > 0 ? " < ?2" : "", key, down ? " DESC" : "");
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(s->from, (const char *)sql.data, &get, NULL);
    oro_bb_fini(&sql);
    if (st != ORO_OK)
        return false;
    db_bind_blob(get, 1, oro_bytes(lo.len > 0 ? lo.data : (const uint8_t *)"", lo.len));
    if (hi.len > 0)
        db_bind_blob(get, 2, hi);
    while ((st = db_step(get, &row, NULL)) == ORO_OK && row) {
        copy_key(last, db_column_bytes(get, 0));
        take_row(s, db_column_bytes(get, 1));
    }
    db_finalize(get);
    return st == ORO_OK;
}

/* A key half way, as a number of many digits. */
static void
middle(struct oro_bytes lo, struct oro_bytes hi, struct oro_bb *out)
{
    size_t n = (lo.len > hi.len ? lo.len : hi.len) + 2;
    uint8_t *digits = oro_calloc(n, 1);
    unsigned carry = 0;
    for (size_t i = n; i-- > 0;) {
        unsigned a = i < lo.len ? lo.data[i] : 0;
        unsigned b = i < hi.len ? hi.data[i] : hi.len == 0 ? 255 : 0;
        carry += a + b;
        digits[i] = (uint8_t)carry;
        carry >>= 8;
    }
    for (size_t i = 0; i < n; i++) { /* halved */
        unsigned v = digits[i] | carry << 8;
        carry = v & 1;
        digits[i] = (uint8_t)(v >> 1);
    }
    oro_bb_clear(out);
    oro_bb_put(out, digits, n);
    oro_free(digits);
}

/* Between two keys of which both sides cannot be read on. */
static void
gap(struct salvage *s, struct oro_bytes lo, struct oro_bytes hi, unsigned depth)
{
    struct oro_bb mid = {0}, up = {0}, down = {0};
    if (depth == DEPTH || s->probes > PROBES)
        return;
    middle(lo, hi, &mid);
    copy_key(&up, oro_bb_bytes(&mid));
    copy_key(&down, oro_bb_bytes(&mid));
    bool above = scan(s, oro_bb_bytes(&mid), hi, false, &up);
    bool below = scan(s, lo, oro_bb_bytes(&mid), true, &down);
    if (!below)
        gap(s, lo, oro_bb_bytes(&down), depth + 1);
    if (!above)
        gap(s, oro_bb_bytes(&up), hi, depth + 1);
    oro_bb_fini(&mid);
    oro_bb_fini(&up);
    oro_bb_fini(&down);
}

static oro_status
salvage_table(struct salvage *s, struct oro_err *err)
{
    struct oro_bb first = {0}, last = {0};
    struct oro_bytes none = {0};
    oro_status st = layout_create(s->l, s->to, err);
    if (st != ORO_OK)
        return st;
    s->lost = !scan(s, none, none, false, &first);
    if (s->lost && !scan(s, oro_bb_bytes(&first), none, true, &last))
        gap(s, oro_bb_bytes(&first), oro_bb_bytes(&last), 0);
    layout_unprepare(s->l);
    oro_bb_fini(&first);
    oro_bb_fini(&last);
    return ORO_OK;
}

static oro_status
report_table(const struct salvage *s, uint64_t orphans, struct oro_bb *report, struct oro_err *err)
{
    int64_t want = -1, got = 0;
    char *sql = oro_asprintf(
        "SELECT coalesce((SELECT rows FROM _orochi_rows WHERE table_id = %u), -1)", s->l->id);
    if (db_int(s->from, sql, &want, NULL) != ORO_OK)
        want = -1;
    oro_free(sql);
    struct oro_bb count = {0};
    oro_bb_printf(&count, "SELECT count(*) FROM ");
    db_put_name(&count, s->l->sql_name);
    oro_bb_u8(&count, 0);
    oro_status st = db_int(s->to, (const char *)count.data, &got, err);
    oro_bb_fini(&count);
    if (want >= 0)
        oro_bb_printf(report, "table %s: %lld of %lld rows are saved, %lld are lost\n",
                      s->l->sql_name, (long long)got, (long long)want,
                      (long long)(want > got ? want - got : 0));
    else
        oro_bb_printf(report, "table %s: %lld rows are saved; how many there were cannot be told\n",
                      s->l->sql_name, (long long)got);
    if (orphans > 0)
        oro_bb_printf(report,
                      "table %s: %llu of them were on pages that nothing leads to: rows that had "
                      "been deleted, or as they were before a change, may be among those\n",
                      s->l->sql_name, (unsigned long long)orphans);
    if (s->bad > 0)
        oro_bb_printf(report, "table %s: %llu damaged rows are left out\n", s->l->sql_name,
                      (unsigned long long)s->bad);
    return st;
}

/* All tables of the catalog, which `to` has. */
static oro_status
salvage_each(const char *path, struct db *from, struct db *to, struct catalog *c,
             struct oro_bb *report, struct oro_err *err)
{
    struct salvage *all = ORO_NEW_ARRAY(struct salvage, c->n + 1);
    bool *lost = ORO_NEW_ARRAY(bool, c->n + 1), any = false;
    uint64_t *found = ORO_NEW_ARRAY(uint64_t, c->n + 1);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < c->n; i++) {
        all[i] = (struct salvage){.from = from, .to = to, .l = &c->items[i]};
        st = salvage_table(&all[i], err);
        lost[i] = all[i].lost;
        any |= lost[i];
    }
    if (st == ORO_OK && any)
        salvage_orphans(path, from, to, c, lost, found);
    for (uint32_t i = 0; st == ORO_OK && i < c->n; i++)
        st = report_table(&all[i], found[i], report, err);
    oro_free(found);
    oro_free(lost);
    oro_free(all);
    return st;
}

/* Of the small tables each row. */
static oro_status
copy_small(struct db *from, struct db *to, const char *table, unsigned columns, struct oro_err *err)
{
    static const char marks[] = "?, ?, ?, ?, ?";
    struct db_stmt *get = NULL, *put = NULL;
    bool row;
    char *sql = oro_asprintf("SELECT * FROM %s", table),
         *into = oro_asprintf("INSERT OR REPLACE INTO %s VALUES (%.*s)", table,
                              (int)(columns * 3 - 2), marks);
    oro_status st = db_prepare(from, sql, &get, err);
    if (st == ORO_OK)
        st = db_prepare(to, into, &put, err);
    while (st == ORO_OK && (st = db_step(get, &row, err)) == ORO_OK && row) {
        for (unsigned i = 0; i < columns; i++)
            db_bind_copy(put, (int)i + 1, get, (int)i);
        st = db_run(put, err);
    }
    db_finalize(get);
    db_finalize(put);
    oro_free(sql);
    oro_free(into);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "%s", table);
}

static oro_status
copy_frame(struct db *from, struct db *to, const struct catalog *c, struct oro_err *err)
{
    oro_status st = copy_small(from, to, "_orochi_meta", 2, err);
    if (st == ORO_OK)
        st = copy_small(from, to, "_orochi_schema", 4, err);
    if (st == ORO_OK &&
        !c->has_initial) /* an older file: as it was, the next start brings it up to date */
        st = db_exec(to, "ALTER TABLE _orochi_columns DROP COLUMN initial", err);
    if (st == ORO_OK)
        st = copy_small(from, to, "_orochi_columns", c->has_initial ? 5 : 4, err);
    if (st == ORO_OK)
        st = copy_small(from, to, "_orochi_types", 2, err);
    return st == ORO_OK ? copy_small(from, to, "_orochi_sequences", 3, err) : st;
}

/* Of the catalog that was kept beside the file, and what there is in the file of what changes. */
static oro_status
take_frame(struct db *from, struct db *to, const char *catalog, struct oro_bb *report,
           struct oro_err *err)
{
    oro_status st = db_exec(to, catalog, err);
    oro_bb_printf(report, "what the tables are stands in no page that can be read: taken from what "
                          "is kept beside them\n");
    if (st == ORO_OK && copy_small(from, to, "_orochi_meta", 2, NULL) != ORO_OK)
        oro_bb_printf(report, "up to which transaction they are: as kept at the last checkpoint\n");
    if (st == ORO_OK && copy_small(from, to, "_orochi_sequences", 3, NULL) != ORO_OK)
        oro_bb_printf(report, "the counters of AutoKey and AutoInc go on behind the largest "
                              "numbers that were saved\n");
    return st;
}

/* Gives *c. */
static oro_status
make_frame(struct db *from, struct db *to, const char *catalog, struct catalog *c,
           struct oro_bb *report, struct oro_err *err)
{
    struct oro_err mine = {0};
    oro_status st = catalog_read(from, c, &mine);
    bool known = st == ORO_OK;
    if (known)
        st = copy_frame(from, to, c, &mine);
    if (st == ORO_OK)
        return ORO_OK;
    if (known)
        catalog_fini(c);
    if (catalog == NULL)
        return oro_err_set(err, st, "%s", mine.text);
    st = db_exec(to,
                 "DELETE FROM _orochi_meta; DELETE FROM _orochi_schema; DELETE FROM "
                 "_orochi_columns; DELETE FROM _orochi_types; DELETE FROM _orochi_sequences",
                 err);
    if (st == ORO_OK)
        st = take_frame(from, to, catalog, report, err);
    return st == ORO_OK ? catalog_read(to, c, err) : st;
}

oro_status
salvage_tables(const char *path, struct db *from, struct db *to, const char *catalog,
               struct oro_bb *report, struct oro_err *err)
{
    struct catalog c;
    oro_status st = db_exec(to, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", err);
    if (st == ORO_OK)
        st = data_make(to, err);
    if (st == ORO_OK)
        st = db_exec(to, "BEGIN IMMEDIATE", err);
    if (st == ORO_OK)
        st = make_frame(from, to, catalog, &c, report, err);
    if (st != ORO_OK) {
        db_rollback(to);
        return st;
    }
    st = salvage_each(path, from, to, &c, report, err);
    if (st == ORO_OK)
        st = db_exec(to, "COMMIT", err);
    db_rollback(to);
    catalog_fini(&c);
    return st;
}
