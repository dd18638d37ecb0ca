/* bridge/rows/row_priv.h - what row.c (objects) and row_bytes.c share. */
#ifndef ORO_ROWS_ROW_PRIV_H
#define ORO_ROWS_ROW_PRIV_H

#include "bridge/rows/row.h"

/* The collector is to know the row from now on if v is of its concern. */
static inline void
oro_pyrow_track(struct oro_row *r, PyObject *v)
{
    if (PyObject_IS_GC(v) && !PyObject_GC_IsTracked((PyObject *)r))
        PyObject_GC_Track(r);
}

/* Its bytes are a copy of b; what is decoded stays. -1: MemoryError. */
static inline int
oro_pyrow_set_bytes(struct oro_row *r, struct oro_bytes b)
{
    if (oro_pyrow_reserve(r, b.len) < 0)
        return -1;
    if (b.len > 0)
        memcpy(r->data, b.data, b.len);
    r->len = (uint32_t)b.len;
    r->has_bytes = true;
    return 0;
}

#endif
