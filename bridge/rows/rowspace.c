/* bridge/rows/rowspace.c - the life of a struct oro_rowspace, and the pools of its classes. */
#include "bridge/rows/rowspace.h"

#include "bridge/rows/row.h"

void
oro_rowspace_init(struct oro_rowspace *rs, struct oro_codecs *codecs)
{
    rs->codecs = codecs;
    codecs->rows = &oro_pyrow_hooks;
    codecs->rows_owner = rs;
}

static PyMethodDef functions[] = {
    {"row_class", oro_pyrow_class, METH_VARARGS,
     "row_class(cls, names, defaults): the class of a table's rows."},
    {0},
};

int
oro_rowspace_types(struct oro_rowspace *rs, PyObject *module)
{
    rs->zero = PyLong_FromLong(0);
    return rs->zero == NULL || oro_pyrow_types(rs, module) < 0
               ? -1
               : PyModule_AddFunctions(module, functions);
}

int
oro_rowspace_import(struct oro_rowspace *rs)
{
    const struct oro_wanted wanted[] = {{"copy", "deepcopy", &rs->deepcopy}};
    return oro_import_names(wanted, ORO_ARRAY_LEN(wanted));
}

int
oro_rowspace_traverse(struct oro_rowspace *rs, visitproc visit, void *arg)
{
#define VISIT(name) Py_VISIT(rs->name);
    ORO_ROW_OBJECTS(VISIT)
#undef VISIT
    for (struct oro_rowclass *rc = rs->classes; rc != NULL; rc = rc->next)
        for (unsigned i = 0; i < rc->ncols; i++)
            Py_VISIT(rc->cols[i].dflt);
    return 0;
}

void
oro_rowspace_drop_classes(struct oro_rowspace *rs)
{
    rs->auto_tune = false;
    oro_rowspace_pool_limit(rs, 0);
    for (struct oro_rowclass *rc = rs->classes; rc != NULL; rc = rc->next) {
        oro_rowclass_drop_pool(rc, 0);
        for (unsigned i = 0; i < rc->ncols; i++) {
            Py_CLEAR(rc->cols[i].dflt);
            rc->cols[i].dkind = DEFAULT_NONE;
        }
    }
}

void
oro_rowspace_clear(struct oro_rowspace *rs)
{
#define CLEAR(name) Py_CLEAR(rs->name);
    ORO_ROW_OBJECTS(CLEAR)
#undef CLEAR
}

void
oro_rowspace_fini(struct oro_rowspace *rs)
{
    for (struct oro_rowclass *rc = rs->classes, *next; rc != NULL; rc = next) {
        next = rc->next;
        oro_free(rc->name);
        oro_free(rc);
    }
    oro_map_fini(&rs->class_map);
}

/* ---- pools ---- */

void
oro_rowspace_pool_limit(struct oro_rowspace *rs, unsigned n)
{
    rs->max_pool = n < ORO_POOL_MAX ? n : ORO_POOL_MAX;
    for (struct oro_rowclass *rc = rs->classes; rc != NULL; rc = rc->next) {
        rc->limit = rs->max_pool;
        if (rc->npool > rc->limit)
            oro_rowclass_drop_pool(rc, rc->limit);
    }
}

void
oro_rowspace_pool_shrink(struct oro_rowspace *rs)
{
    for (struct oro_rowclass *rc = rs->classes; rc != NULL; rc = rc->next) {
        if (rc->limit > rs->max_pool && rc->low > rc->limit / 2) {
            rc->limit = rc->limit / 2 > rs->max_pool ? rc->limit / 2 : rs->max_pool;
            oro_rowclass_drop_pool(rc, rc->limit);
        }
        rc->low = rc->npool;
    }
}
