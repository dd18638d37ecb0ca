/* bridge/host/retries.c - a warning about a reducer whose calls keep running into each other. */
#include "bridge/host/interp_priv.h"
#include "bridge/rows/notice.h"

bool oro_py_warn_retries = true;

void
oro_py_warn_of_retries(struct oro_py *py, const struct oro_reducer_def *def, unsigned calls,
                       const char *why)
{
    PyObject *fn = def->id < py->nreducers ? py->reducers[def->id].fn : NULL;
    struct oro_place place = {NULL, -1}; /* the line of def */
    if (!oro_py_warn_retries || fn == NULL)
        return;
    if (PyFunction_Check(fn))
        place.code = Py_NewRef(PyFunction_GET_CODE(fn));
    if (oro_place_first(&place, "retries"))
        oro_place_warn(def->name, &place,
                       "%u calls in ten seconds had to run a third time, and alone: %s "
                       "(reducer.warn_retries)",
                       calls, why);
    oro_place_drop(&place);
}
