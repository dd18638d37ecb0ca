/* bridge/rows/rank.c - rows in the order of a column whose values Python orders otherwise than indexes do. */
#include <stdlib.h>

#include "bridge/rows/rowclass.h"
#include "runtime/base/mem.h"

struct ranked {
    const struct oro_codec *codec;
    struct oro_bytes x;
    Py_ssize_t at;
};

static int
cmp_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    struct oro_reader p = oro_reader(x->x), q = oro_reader(y->x);
    return oro_codec_cmp(x->codec, &p, &q);
}

PyObject *
oro_pyvalue_ranks(struct oro_rowclass *rc, const struct oro_bytes *rows, Py_ssize_t n, unsigned col)
{
    PyObject *ranks = PyList_New(n);
    struct ranked *all = oro_alloc(((size_t)n + 1) * sizeof(*all));
    Py_ssize_t rank = 0, i;
    for (i = 0; ranks != NULL && i < n; i++) {
        all[i] = (struct ranked){.codec = oro_codec_bare(rc->cols[col].codec), .at = i};
        if (oro_rowclass_column(rc, rows[i], col, &all[i].x) < 0) {
            PyErr_Format(rc->codecs->e_decode, "%s: the row's bytes are cut short", rc->table);
            Py_CLEAR(ranks);
        }
    }
    if (ranks != NULL && n > 1)
        qsort(all, (size_t)n, sizeof(*all), cmp_ranked);
    for (i = 0; ranks != NULL && i < n; i++) {
        rank += i > 0 && cmp_ranked(&all[i - 1], &all[i]) != 0;
        PyObject *v = PyLong_FromSsize_t(rank);
        if (v == NULL)
            Py_CLEAR(ranks);
        else
            PyList_SET_ITEM(ranks, all[i].at, v);
    }
    oro_free(all);
    return ranks;
}
