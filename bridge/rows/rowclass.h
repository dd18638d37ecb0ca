/* bridge/rows/rowclass.h - classes of @table: how the columns of one lie in its rows, and their spare rows. */
#ifndef ORO_ROWS_ROWCLASS_H
#define ORO_ROWS_ROWCLASS_H

#include "bridge/rows/rowspace.h"

#define ORO_ROW_COLS_MAX 512

enum oro_default_kind { DEFAULT_NONE, DEFAULT_VALUE, DEFAULT_COPY, DEFAULT_FACTORY };

struct oro_rowcol {
    PyObject *name; /* owned, interned */
    PyObject *dflt; /* owned or NULL */
    uint8_t dkind;
    const struct oro_codec *codec; /* set by bind */
    uint32_t off;                  /* in the row, or ORO_VARIABLE */
    bool auto_inc;                 /* None means 0 */
    bool floats; /* its values may hold floats: compared as encoded (bridge/db/match.c) */
};

struct oro_row;
struct oro_rowspace;
struct oro_rowclass {
    struct oro_rowclass *next;
    struct oro_rowspace *space;
    struct oro_codecs *codecs; /* of space */
    PyTypeObject *type;        /* borrowed: the type's dict holds the capsule that owns us */
    const char *table;         /* wire name for messages; of the class until bound */
    char *name;
    unsigned ncols, nfixed; /* columns whose offset is fixed; they come first */
    uint64_t patchable; /* columns of fixed offset and size: an update overwrites them in place */
    uint64_t
        changeable; /* columns whose values may change behind our back (lists ...) once somebody has them */
    uint64_t auto_inc;
    bool has_post_init, bound;
    bool retired; /* of a version of the module that runs no more: keeps no rows */
    struct oro_tally tally;
    unsigned npool, limit; /* spare rows, and how many there may be */
    unsigned low;          /* fewest spare rows since the pool was looked at last */
    struct oro_row *pool[ORO_POOL_MAX];
    struct oro_rowcol cols[];
};

PyObject *oro_pyrow_class(PyObject *module, PyObject *args); /* _orochi.row_class */
/* An instance layout for the author's class, and the descriptor of one column in it (row.c). */
PyObject *oro_pyrow_make_type(PyObject *module, PyObject *cls, PyObject *bases, unsigned ncols,
                              const char *name);
int oro_pyrow_add_column(struct oro_rowspace *rs, PyObject *made, const struct oro_rowcol *col,
                         unsigned i);
/* Once for each class; codecs: one for each column. */
void oro_rowclass_bind(struct oro_rowclass *rc, const char *table,
                       const struct oro_codec *const *codecs, uint64_t auto_inc);
void oro_rowclass_drop_pool(struct oro_rowclass *rc, unsigned keep);  /* frees the others */
int oro_rowclass_find(const struct oro_rowclass *rc, PyObject *name); /* column or -1 */
/* The bytes of a column in a row's. -1: they are cut short. */
int oro_rowclass_column(struct oro_rowclass *rc, struct oro_bytes row, unsigned i,
                        struct oro_bytes *out);
/* A list of ints: each row's place in the order of the column, equal ones alike. New reference. */
PyObject *oro_pyvalue_ranks(struct oro_rowclass *rc, const struct oro_bytes *rows, Py_ssize_t n,
                            unsigned col);
/* Raises TypeError: `owner` has no column `name`, and which one may have been meant; advice: the function of _names.py that
 * writes the text. Always NULL. */
PyObject *oro_pyerr_no_column(const char *advice, const char *owner, const struct oro_rowclass *rc,
                              PyObject *name);

#endif
