/* bridge/host/view_priv.h - the functions of a module that give rows. */
#ifndef ORO_HOST_VIEW_PRIV_H
#define ORO_HOST_VIEW_PRIV_H

#include "bridge/host/interp_priv.h"

/* spec: of a function whose definition is a view's. -1 with an exception. */
int oro_pyview_bind(struct oro_py *py, struct oro_pyreducer *r, PyObject *spec);
/* Appends the rows that the running call's function returned to the call's rows. -1 with an exception. */
int oro_pyview_rows(struct oro_py *py, const struct oro_pyreducer *r, PyObject *returned);
/* view_query.c: appends the plan of a Query to the call's rows. 1; 0: there is none for it; -1 with an exception. */
int oro_pyview_plan(struct oro_py *py, const struct oro_pyreducer *r, PyObject *query);

#endif
