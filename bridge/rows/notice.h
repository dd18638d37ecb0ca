/* bridge/rows/notice.h - warnings about code of the author that raises nothing and still does not do what it says: each once
 * for each place in the process. */
#ifndef ORO_ROWS_NOTICE_H
#define ORO_ROWS_NOTICE_H

#include "bridge/codec/python.h"
#include "runtime/base/annot.h"
#include "runtime/base/bytes.h"

/* Where Python code runs. */
struct oro_place {
    PyObject *code; /* owned; NULL: nowhere */
    int at;
};

void oro_place_here(struct oro_place *out); /* ended by drop; raises nothing */
void oro_place_drop(struct oro_place *p);
/* True the first time in the process that this kind of thing is found at this file and line. May run in the middle of anything:
 * no Python code is run, nothing is raised. */
bool oro_place_first(const struct oro_place *p, const char *kind);
/* A WARN line with file and line; by: the reducer, or "module". */
void oro_place_warn(const char *by, const struct oro_place *p, const char *fmt, ...)
    ORO_PRINTF(3, 4);
void oro_py_notices_forget(void); /* another version of the module has other lines */

#endif
