/* What POST /sql answers (docs/http.md#sql): the schema of the result and its rows, as JSON. */
#include "runtime/subs/query_priv.h"

#include <string.h>

#include "runtime/base/clock.h"

static void
put_text(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

static void
put_schema_column(struct oro_bb *out, struct oro_bytes name, const struct oro_type *t)
{
    put_text(out, "{\"name\":{\"some\":");
    oro_json_string(name, out);
    put_text(out, "},\"algebraic_type\":");
    /* A recursive type cannot be written without Refs; clients then see the Ref. */
    size_t at = out->len;
    if (t == NULL) {
        put_text(out, "{\"U64\":[]}");
    } else if (oro_type_to_json_inline(t, out, NULL) != ORO_OK) {
        out->len = at;
        oro_type_to_json(t, out);
    }
    oro_bb_u8(out, '}');
}

static void
put_schema(const struct oro_query *q, struct oro_bb *out)
{
    const struct oro_type *row = oro_table_shown(q->table);
    put_text(out, "{\"elements\":[");
    if (q->count) {
        put_schema_column(out, q->count_name, NULL);
    } else if (q->columns != NULL) {
        for (uint16_t i = 0; i < q->ncolumns; i++) {
            if (i > 0)
                oro_bb_u8(out, ',');
            put_schema_column(out, q->columns[i].name, row->elems[q->columns[i].col].type);
        }
    } else {
        for (uint32_t i = 0; i < row->nelems; i++) {
            if (i > 0)
                oro_bb_u8(out, ',');
            put_schema_column(out, oro_bytes_str(row->elems[i].name), row->elems[i].type);
        }
    }
    put_text(out, "]}");
}

void
query_json_row(const struct oro_query *q, struct oro_bytes row, struct oro_bb *out)
{
    if (q->columns == NULL) {
        oro_value_to_json(oro_table_shown(q->table), row.data, ORO_JSON_POSITIONAL, out);
        return;
    }
    oro_bb_u8(out, '[');
    for (uint16_t i = 0; i < q->ncolumns; i++) {
        uint16_t col = q->columns[i].col;
        if (i > 0)
            oro_bb_u8(out, ',');
        oro_value_to_json(q->table->row->elems[col].type, query_column_at(q, row.data, col),
                          ORO_JSON_POSITIONAL, out);
    }
    oro_bb_u8(out, ']');
}

static bool
count_row(void *arg, struct oro_bytes row)
{
    (void)row;
    ++*(uint64_t *)arg;
    return true;
}

static oro_status
put_count(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
          struct oro_bb *out, struct oro_err *err)
{
    uint64_t n = 0;
    if (!query_shows_count(q))
        return ORO_OK;
    oro_status st = oro_query_each(q, se, budget, count_row, &n, err);
    if (st == ORO_OK)
        oro_bb_printf(out, "[%llu]", (unsigned long long)n);
    return st;
}

static oro_status
put_rows(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
         struct oro_bb *out, struct oro_err *err)
{
    struct oro_found found;
    oro_status st = oro_query_run(q, se, budget, &found, err);
    if (st != ORO_OK)
        return st;
    for (size_t i = 0; i < found.n; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        query_json_row(q, found.rows[i], out);
    }
    oro_found_fini(&found);
    return ORO_OK;
}

void
query_json_begin(const struct oro_query *q, struct oro_bb *out)
{
    put_text(out, "[{\"schema\":");
    put_schema(q, out);
    put_text(out, ",\"rows\":[");
}

void
query_json_end(int64_t took_us, struct oro_bb *out)
{
    oro_bb_printf(out,
                  "],\"total_duration_micros\":%lld,"
                  "\"stats\":{\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":0}}]",
                  (long long)took_us);
}

oro_status
oro_query_sql_json(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
                   struct oro_bb *out, int64_t *took_us, struct oro_err *err)
{
    int64_t begin = oro_mono_us();
    query_json_begin(q, out);
    oro_status st =
        q->count ? put_count(q, se, budget, out, err) : put_rows(q, se, budget, out, err);
    if (st != ORO_OK)
        return st;
    int64_t took = oro_mono_us() - begin;
    query_json_end(took, out);
    if (took_us != NULL)
        *took_us = took;
    return ORO_OK;
}
