/* runtime/exec/writers/map_rows.h - rows on their way to a @migration hook: what the store asks (runtime/store/migrator.h), as the bridge,
 * which knows no store, is asked (bridge/host/bridge.h). Pure. */
#ifndef ORO_WRITERS_MAP_ROWS_H
#define ORO_WRITERS_MAP_ROWS_H

#include "bridge/host/bridge.h"
#include "runtime/store/migrator.h"

_Static_assert(ORO_PY_ROW_DROPPED == ORO_ROW_DROPPED, "handed through");

/* Borrows what m does. staged: of the version that is staged. */
static inline struct oro_py_map
oro_map_rows_asked(const struct oro_map_rows *m, bool staged)
{
    return (struct oro_py_map){.staged = staged,
                               .types = m->types,
                               .old = m->old,
                               .now = m->now,
                               .rows = m->rows,
                               .n = m->n,
                               .first = m->first,
                               .out = m->out,
                               .ends = m->ends};
}

#endif
