#include "runtime/store/migrator.h"

#include "bridge/bsatn/value.h"

/* A portion: enough that handing it over costs little, and small beside the table. */
#define ROWS 512
#define BYTES (4u << 20)

static oro_status
put_new(struct oro_migration *m, size_t i, size_t *at, struct oro_err *err)
{
    if (m->ends[i] == ORO_ROW_DROPPED) {
        m->dropped++;
        return ORO_OK;
    }
    struct oro_bytes row = oro_bytes(m->out.data + *at, m->ends[i] - *at);
    *at = m->ends[i];
    m->kept++;
    oro_status st = oro_value_check(m->now->row, row, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "table %s: a row of its @migration hook", m->now->name);
    return m->put(m->arg, row, err);
}

static oro_status
flush(struct oro_migration *m, struct oro_err *err)
{
    struct oro_bytes rows[ROWS];
    size_t starts = 0, at = 0;
    for (size_t i = 0; i < m->n; i++) {
        rows[i] = oro_bytes(m->in.data + starts, m->ends[i] - starts);
        starts = m->ends[i];
    }
    struct oro_map_rows portion = {.types = m->types,
                                   .old = m->old,
                                   .now = m->now,
                                   .rows = rows,
                                   .n = m->n,
                                   .first = !m->begun,
                                   .out = &m->out,
                                   .ends = m->ends};
    oro_bb_clear(&m->out);
    oro_status st = m->by->map(m->by->arg, &portion, err);
    for (size_t i = 0; st == ORO_OK && i < m->n; i++)
        st = put_new(m, i, &at, err);
    m->begun = true;
    m->n = 0;
    oro_bb_clear(&m->in);
    return st;
}

oro_status
oro_migration_add(struct oro_migration *m, struct oro_bytes row, struct oro_err *err)
{
    if (m->ends == NULL)
        m->ends = ORO_NEW_ARRAY(size_t, ROWS);
    oro_bb_put_bytes(&m->in, row);
    m->ends[m->n++] = m->in.len;
    return m->n == ROWS || m->in.len >= BYTES ? flush(m, err) : ORO_OK;
}

oro_status
oro_migration_end(struct oro_migration *m, struct oro_err *err)
{
    return m->n > 0 ? flush(m, err) : ORO_OK;
}

void
oro_migration_fini(struct oro_migration *m)
{
    oro_bb_fini(&m->in);
    oro_bb_fini(&m->out);
    oro_free(m->ends);
    m->ends = NULL;
}
