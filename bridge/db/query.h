/* bridge/db/query.h - conditions, and the rows that meet them (query.c, match.c, where.c). */
#ifndef ORO_DB_QUERY_H
#define ORO_DB_QUERY_H

#include "bridge/db/table.h"

/* A condition on a column. The value is borrowed. */
struct oro_cond {
    unsigned col;
    uint8_t lookup;
    PyObject *v;
};
#define ORO_CONDS_MAX 32

enum oro_lookup {
    LOOKUP_EQ,
    LOOKUP_NE,
    LOOKUP_GT,
    LOOKUP_GTE,
    LOOKUP_LT,
    LOOKUP_LTE,
    LOOKUP_IN,
    LOOKUP_NOT_IN,
    LOOKUP_BETWEEN
};

/* keyword arguments to conditions; number or -1 */
int oro_pyquery_parse(struct oro_db *db, struct oro_pytable *t, PyObject *const *values,
                      PyObject *kwnames, struct oro_cond *out);
/* The rows that meet all conditions, by the best index; `by` (may be NULL) fixes index and order. limit: so many are
 * enough; 0: all. New reference. */
PyObject *oro_pyquery_run(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *by,
                          const struct oro_cond *conds, unsigned n, size_t limit);
/* The rows for which a function of the columns holds, `lambda p: (p.score >= 10) | (p.team == 3)`, each once: in the order of the
 * index where one index answers it, otherwise in none that means anything. TypeError for what is no condition; otherwise raises
 * what oro_pyquery_run() does. New reference. (where.c) */
PyObject *oro_pyquery_where(struct oro_db *db, struct oro_pytable *t, PyObject *function);
/* Of these rows the first ones (limit 0: all) that meet the conditions that are not answered. New reference. */
PyObject *oro_pyquery_sift(struct oro_db *db, struct oro_pytable *t, const struct oro_bytes *rows,
                           size_t nrows, const struct oro_cond *conds, unsigned n,
                           uint32_t answered, size_t limit);
/* "id = 7, score > 3"; new reference */
PyObject *oro_pyquery_text(struct oro_pytable *t, const struct oro_cond *conds, unsigned n);
/* Appends the value as BSATN of the column. An int that the column's type cannot hold lies beyond every row. ERROR: raised. */
enum oro_query_end { ORO_END_ERROR, ORO_END_OK, ORO_END_BELOW, ORO_END_ABOVE };
enum oro_query_end oro_pyquery_encode_end(struct oro_db *db, struct oro_pytable *t, unsigned col,
                                          PyObject *v, struct oro_bb *out);

#endif
