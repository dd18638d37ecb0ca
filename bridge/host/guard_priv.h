/* bridge/host/guard_priv.h - shared by guard.c (what is refused, and in which words), audit.c, guards.c (the functions that are
 * guarded), invoked.c (one call of them) and waits.c (those that may wait). A worker's thread, with its GIL, unless a function says otherwise. */
#ifndef ORO_HOST_GUARD_PRIV_H
#define ORO_HOST_GUARD_PRIV_H

#include "bridge/host/interp_priv.h"

/* Why something is refused: the reason and the remedy in the message (guard.c). */
enum oro_guard_why {
    WHY_FILE,
    WHY_NET,
    WHY_PROCESS,
    WHY_THREAD,
    WHY_WAIT,
    WHY_STATE, /* of the interpreter, which later calls find */
    /* Refused to the whole module, whatever reducer.io_in_reducers says. */
    WHY_END,    /* the process would end, or become another */
    WHY_SIGNAL, /* the server's own, and process-wide timers */
    WHY_SERVER, /* a setting of the whole process */
    WHY_OTHERS, /* it reaches into other interpreters */
};

int oro_py_audit(const char *event, PyObject *args, void *data); /* audit.c: the hook */
extern enum oro_py_io oro_py_io_mode;                            /* set before the first open */

/* -1 with ForbiddenInReducer if a reducer runs on this thread and reducer.io_in_reducers denies it; "warn": logs it once. */
int oro_guard_forbid(const char *what, enum oro_guard_why why);
/* -1 with ForbiddenInReducer, always. why: one of the last four. */
int oro_guard_never(const char *what, enum oro_guard_why why);
/* -1 as above if v is the number of an open descriptor that this module neither opened nor was told of by an object of its own. */
int oro_guard_descriptor(PyObject *v, const char *what);
/* Says once in the log, with the author's line, that what() gives another result when the reducer runs again. Not when the
 * standard library asks, for a log record, say. */
void oro_guard_discourage(const char *what, const char *better);
/* The same, but where it was called by a function of random, secrets or uuid, that one is named. */
void oro_guard_discourage_chance(const char *what, const char *better);
/* Whether a file of this name may be read anywhere: Python's own, which imports and tracebacks read. */
bool oro_guard_harmless(PyObject *name);

struct oro_invoked;

/* A guarded function: `meth` is what CPython's own table had, and what a guard calls in the end. */
struct oro_guarded {
    const char *module, *path; /* where it is found: "_thread", "lock.acquire" */
    const char *what;          /* as an author knows it: "os.read" */
    enum oro_guard_why why;
    PyObject *(*guard)(struct oro_invoked *call);
    PyMethodDef *def;
    PyCFunction meth;
};

/* One call of it, in the form that its METH_ flags demand. All borrowed. */
struct oro_invoked {
    const struct oro_guarded *g;
    PyObject *self;
    PyTypeObject *cls;     /* METH_METHOD */
    PyObject *arg;         /* METH_O, METH_NOARGS: the argument; METH_VARARGS: a tuple */
    PyObject *kwargs;      /* METH_VARARGS | METH_KEYWORDS: a dict or NULL */
    PyObject *const *fast; /* METH_FASTCALL */
    Py_ssize_t nfast;
    PyObject *kwnames;
};

/* The bits of ml_flags that say how CPython calls a function; and a function of another form as it is stored. */
#define ORO_METH_FORM \
    (METH_VARARGS | METH_KEYWORDS | METH_NOARGS | METH_O | METH_FASTCALL | METH_METHOD)
#define ORO_METH_AS(type, fn) ((type)(void (*)(void))(fn))

/* invoked.c, guards.c */
extern _Thread_local bool oro_guard_looking; /* it is us who ask for the number */
PyObject *oro_guard_fileno(PyObject *o);     /* o.fileno(), without a right to close it by number */
void oro_guards_install(void); /* main interpreter, at start, before there is another one */
PyObject *oro_invoked_go(
    const struct oro_invoked *call); /* the function itself, as it was called */
/* The function itself with other arguments, positional ones. Borrows args. */
PyObject *oro_invoked_with(const struct oro_invoked *call, PyObject **args, Py_ssize_t n);
/* The argument at this position or of this name, borrowed; NULL: not given. name may be NULL. */
PyObject *oro_invoked_arg(const struct oro_invoked *call, Py_ssize_t at, const char *name);
Py_ssize_t oro_invoked_count(const struct oro_invoked *call); /* of positional arguments */

/* waits.c: guards of functions that may wait. In a reducer they are refused or warned about as its settings say. Where they
 * are allowed, and when a module is imported, they wait in steps and look in between whether they are to be interrupted. */
PyObject *oro_wait_sleep(struct oro_invoked *call);
PyObject *oro_wait_lock(struct oro_invoked *call);
PyObject *oro_wait_queue(struct oro_invoked *call);
PyObject *oro_wait_join(struct oro_invoked *call);
PyObject *oro_wait_select(struct oro_invoked *call);
PyObject *oro_wait_poll(struct oro_invoked *call);
PyObject *oro_wait_epoll(struct oro_invoked *call);
PyObject *oro_wait_read(struct oro_invoked *call); /* the first argument is a descriptor */
PyObject *oro_wait_write(struct oro_invoked *call);
PyObject *oro_wait_file_read(struct oro_invoked *call); /* self is an _io.FileIO */
PyObject *oro_wait_file_write(struct oro_invoked *call);
PyObject *oro_wait_receive(struct oro_invoked *call); /* self is a socket */
PyObject *oro_wait_send(struct oro_invoked *call);
PyObject *oro_wait_connect(struct oro_invoked *call);
PyObject *oro_wait_child(struct oro_invoked *call); /* waitpid, wait4: of one process */
PyObject *oro_wait_id(struct oro_invoked *call);    /* waitid */
PyObject *oro_wait_children(struct oro_invoked *call);
PyObject *oro_wait_flock(struct oro_invoked *call);

#endif
