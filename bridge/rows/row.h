/* bridge/rows/row.h - rows as objects. */
#ifndef ORO_ROWS_ROW_H
#define ORO_ROWS_ROW_H

#include "bridge/rows/notice.h"
#include "bridge/rows/rowclass.h"

/* A row: columns as objects, as bytes, or both. dirty: columns whose object may differ from the bytes (all when there are no
 * bytes). A column with cols[i] == NULL is in the bytes. Columns from 63 on share bit 63. */
struct oro_row {
    PyObject_HEAD struct oro_rowclass *rc;
    uint8_t *data;
    uint32_t len, cap; /* cap 0: no bytes; len is meaningful only when has_bytes */
    bool has_bytes;
    /* Set since the row was read or written, and not looked at since then (bridge/db/lost.c); where the first of them was. */
    uint64_t unsaved;
    struct oro_place set_at;
    bool pinned; /* data is being read: who writes leaves it alone and takes another buffer */
    uint64_t dirty;
    PyObject *cols[];
};

static inline uint64_t
oro_pyrow_bit(unsigned i)
{
    return 1ull << (i < 63 ? i : 63);
}

/* A row over a copy of the bytes. NULL with an exception. */
PyObject *oro_pyrow_from_bytes(struct oro_rowclass *rc, struct oro_bytes b);
struct oro_row *oro_pyrow_alloc(struct oro_rowclass *rc); /* no columns yet */
PyObject *oro_pyrow_make(struct oro_rowclass *rc, PyObject *const *values,
                         PyObject *kwnames);               /* keyword arguments only */
PyObject *oro_pyrow_decode(struct oro_row *r, unsigned i); /* for oro_pyrow_col */
/* Borrowed column value, decoded if need be; NULL with an exception. */
static inline PyObject *
oro_pyrow_col(struct oro_row *r, unsigned i)
{
    PyObject *v = r->cols[i];
    return ORO_LIKELY(v != NULL) ? v : oro_pyrow_decode(r, i);
}
int oro_pyrow_set(struct oro_row *r, unsigned i, PyObject *v); /* borrows v */
/* Appends the whole row. depth: of its columns, 1 unless it is part of another value. -1: cerr or exception. */
int oro_pyrow_encode(struct oro_row *r, struct oro_bb *out, unsigned depth);
/* Room for a row's bytes, so that oro_pyrow_stored cannot fail. -1: MemoryError. */
int oro_pyrow_make_room(struct oro_row *r, size_t len);
static inline int
oro_pyrow_reserve(struct oro_row *r, size_t len)
{
    return ORO_LIKELY(len <= r->cap && !r->pinned) ? 0 : oro_pyrow_make_room(r, len);
}
/* The row is now what the store holds: keeps the bytes, forgets what was dirty, reads the columns in `refresh` anew. */
int oro_pyrow_stored(struct oro_row *r, struct oro_bytes b, uint64_t refresh);

extern const struct oro_row_hooks oro_pyrow_hooks; /* for codecs; by the rowspace */
int oro_pyrow_types(struct oro_rowspace *rs, PyObject *module);

/* Its columns `cols` served for something: what was set in them is not lost. */
static inline void
oro_pyrow_looked(struct oro_row *r, uint64_t cols)
{
    if (ORO_UNLIKELY(r->unsaved != 0))
        r->unsaved &= ~cols;
}

static inline bool
oro_pyrow_is(struct oro_rowclass *rc, PyObject *o)
{
    /* Its __class__ may have been set to one of our classes. */
    return (Py_TYPE(o) == rc->type || PyObject_TypeCheck(o, rc->type)) &&
           ((struct oro_row *)o)->rc == rc;
}

#endif
