/* bridge/host/runtime_priv.h - what the files share that start, make and end interpreters, and what the process knows of them all.
 * The main thread writes it before there is a worker, and after the last one; what changes meanwhile has a lock. */
#ifndef ORO_HOST_RUNTIME_PRIV_H
#define ORO_HOST_RUNTIME_PRIV_H

#include <pthread.h>

#include "bridge/host/interp_priv.h"

struct oro_py_runtime {
    PyThreadState *main;
    pthread_mutex_t making; /* interpreters, their import of the package, and their end */
    /* _PyEval_AddPendingCall; NULL: this Python has none */
    int (*add_pending)(PyInterpreterState *, int (*)(void *), void *, int);
    char *package_dir;
    bool adopted;            /* Python ran before us, and runs on after us */
    bool in_main;            /* modules run in the main interpreter */
    struct oro_py *was_main; /* one that did; its objects live as long as the interpreter */
    char **sites;            /* folders of packages, NULL-terminated; or NULL */
};
extern struct oro_py_runtime oro_py_rt;

oro_status oro_py_failed(struct oro_err *err, PyStatus st); /* "Python does not start: ..." */
/* The pending exception of an interpreter whose package may be missing, as an error: "what: class: text". Clears it. */
oro_status oro_py_raised(struct oro_err *err, oro_status st, const char *what);
int oro_py_add_path(void); /* of the package, on sys.path. -1 with an exception */
int oro_py_ready(
    void); /* imports the package, and what the C side needs of it. -1 with an exception */

/* Around an import, which takes a generation and can be interrupted as a reducer can. */
void oro_py_import_begin(struct oro_py *py);
void oro_py_import_end(struct oro_py *py);
ORO_NORETURN void oro_py_sleep_for_ever(void); /* for one that was abandoned */

#define ORO_PY_IMPORT_LATE                                                                     \
    "the import ran longer than server.import_timeout_ms: what takes long, or waits, belongs " \
    "into "                                                                                    \
    "@init, a scheduled function or another program"

#endif
