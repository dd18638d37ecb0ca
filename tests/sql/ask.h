/* tests/sql/ask.h - a store with rows written as JSON, and questions to it. */
#ifndef ORO_TESTS_SQL_ASK_H
#define ORO_TESTS_SQL_ASK_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "runtime/sql/sql.h"
#include "bridge/bsatn/value.h"
#include "tests/subs/db.h"

struct asked {
    struct db db;
    struct oro_sql_pool *pool;
    struct oro_sql_ask ask; /* as it will be asked; rows and spent as it was */
    struct oro_bb out;
    struct oro_err err;
};

static inline struct asked
ask_open(const char *const *lines)
{
    oro_sql_init();
    struct asked a = {.db = db_open(lines), .pool = oro_sql_pool_create()};
    a.ask = (struct oro_sql_ask){.schema = a.db.schema,
                                 .store = a.db.store,
                                 .session = a.db.se,
                                 .sender = fixture_identity(7),
                                 .is_owner = true,
                                 .steps = 100000000,
                                 .memory = 64 << 20};
    return a;
}

static inline void
ask_close(struct asked *a)
{
    oro_bb_fini(&a->out);
    oro_sql_pool_destroy(a->pool);
    db_close(&a->db);
}

/* Rows as JSON arrays. */
static inline void
put_rows(struct asked *a, const char *table, const char *const *rows, size_t n)
{
    const struct oro_table_def *t = fixture_table(a->db.schema, table);
    db_begin(&a->db);
    for (size_t i = 0; i < n; i++) {
        struct oro_bb bb = {0};
        struct oro_bytes row;
        oro_status st = oro_value_from_json(t->row, oro_bytes_str(rows[i]), &bb, &a->err);
        if (st == ORO_OK)
            st = oro_tx_insert(a->db.tx, t, oro_bb_bytes(&bb), &row, &a->err);
        cr_assert_eq(st, ORO_OK, "%s: %s", rows[i], a->err.text);
        oro_bb_fini(&bb);
    }
    db_commit(&a->db);
}

static inline oro_status
ask_in_tx(struct asked *a, const char *sql)
{
    struct oro_sql_ask q = a->ask;
    oro_bb_clear(&a->out);
    a->err = (struct oro_err){0};
    db_begin(&a->db);
    q.tx = a->db.tx;
    oro_status st = oro_sql_query(a->pool, &q, oro_bytes_str(sql), &a->out, NULL, &a->err);
    struct oro_origin origin = {.reducer = UINT32_MAX};
    uint64_t seq;
    if (st == ORO_OK)
        st = oro_tx_commit(a->db.tx, &origin, &seq);
    else
        oro_tx_abort(a->db.tx);
    while (oro_cursor_next(a->db.cursor) != NULL)
        ;
    oro_bb_u8(&a->out, 0);
    a->out.len--;
    return st;
}

static inline oro_status
ask(struct asked *a, const char *sql)
{
    struct oro_sql_ask q = a->ask;
    oro_bb_clear(&a->out);
    a->err = (struct oro_err){0};
    oro_read_begin(a->db.se);
    oro_status st = oro_sql_query(a->pool, &q, oro_bytes_str(sql), &a->out, NULL, &a->err);
    oro_read_end(a->db.se);
    oro_bb_u8(&a->out, 0);
    a->out.len--;
    a->ask.rows = q.rows;
    a->ask.spent = q.spent;
    return st;
}

/* Between "rows": and what follows, of the first statement. */
static inline const char *
rows_of(struct asked *a, const char *sql)
{
    oro_status st = ask(a, sql);
    if (st != ORO_OK)
        return a->err.text;
    char *from = strstr((char *)a->out.data, "\"rows\":") + 7;
    *strstr(from, ",\"total_duration") = '\0';
    return from;
}

#endif
