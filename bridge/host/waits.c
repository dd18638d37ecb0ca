/* bridge/host/waits.c - functions of C that may wait for ever, for a worker whose calls have a limit. An interruption (interp.c)
 * is an exception that the interpreter's loop raises, and C code that waits does not come to it. So a wait is cut into steps: the
 * function itself is called with a short time-out, or only when it would not wait, and between two steps it is looked whether
 * there is an interruption. What cannot be cut (a name that is looked up, a TLS handshake) is left to the watchdog. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "bridge/host/guard_priv.h"
#include "runtime/base/clock.h"

/* A limit is late by so much; more often costs a wake for each wait. */
#define STEP_US 20000
#define FOR_EVER INT64_MAX

/* Whether the author's code that runs on this thread has a limit. */
static bool
is_limited(void)
{
    return oro_py_here != NULL &&
           atomic_load_explicit(&oro_py_here->in_reducer, memory_order_relaxed);
}

static int
look(void)
{
    return oro_py_look(oro_py_here);
}

/* Seconds as Python gives them. False: not a number that such a function takes, which it says itself. */
static bool
seconds(PyObject *v, int64_t *us)
{
    if (v == NULL || v == Py_None) {
        *us = FOR_EVER;
        return true;
    }
    if (!PyFloat_Check(v) && !PyLong_Check(v))
        return false;
    double s = PyFloat_AsDouble(v);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    *us = s >= 1e12 ? FOR_EVER : (int64_t)(s * 1e6);
    return s == s; /* not a NaN */
}

static int64_t
end_of(int64_t us)
{
    int64_t end;
    return us == FOR_EVER || __builtin_add_overflow(oro_mono_us(), us, &end) ? FOR_EVER : end;
}

/* What is left of it, a step at most; 0: it is over. */
static int64_t
step_of(int64_t end)
{
    int64_t left = end == FOR_EVER ? STEP_US : end - oro_mono_us();
    return left < 0 ? 0 : left > STEP_US ? STEP_US : left;
}

/* 1: it is so; 0: not by end; -1: interrupted, with the exception. */
static int
wait_fd(int fd, short events, int64_t end)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t step = step_of(end);
        int n;
        Py_BEGIN_ALLOW_THREADS n = poll(&p, 1, (int)((step + 999) / 1000));
        Py_END_ALLOW_THREADS if (
            n > 0 ||
            (n < 0 &&
             errno !=
                 EINTR)) return 1; /* what is wrong with the descriptor the function says itself */
        if (look() < 0)
            return -1;
        if (step == 0)
            return 0;
    }
}

/* ---- time, locks, queues ---- */

PyObject *
oro_wait_sleep(struct oro_invoked *call)
{
    int64_t us;
    PyObject *v = oro_invoked_arg(call, 0, NULL);
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || v == NULL || !seconds(v, &us) || us <= STEP_US)
        return oro_invoked_go(call);
    for (int64_t end = end_of(us), step; (step = step_of(end)) > 0;) {
        PyObject *part = PyFloat_FromDouble((double)step / 1e6);
        PyObject *out = part != NULL ? oro_invoked_with(call, &part, 1) : NULL;
        Py_XDECREF(part);
        if (out == NULL || look() < 0) {
            Py_XDECREF(out);
            return NULL;
        }
        Py_DECREF(out);
    }
    Py_RETURN_NONE;
}

/* The function with (True, step). */
static PyObject *
blocking_step(struct oro_invoked *call, int64_t step)
{
    PyObject *args[] = {Py_True, PyFloat_FromDouble((double)step / 1e6)};
    PyObject *out = args[1] != NULL ? oro_invoked_with(call, args, 2) : NULL;
    Py_XDECREF(args[1]);
    return out;
}

/* acquire(blocking=True, timeout=-1). A lock that is free is taken as ever: logging takes some. */
PyObject *
oro_wait_lock(struct oro_invoked *call)
{
    PyObject *blocking = oro_invoked_arg(call, 0, "blocking"),
             *timeout = oro_invoked_arg(call, 1, "timeout"), *no = Py_False;
    int64_t us = FOR_EVER;
    if (!is_limited() || (blocking != NULL && blocking != Py_True) ||
        (timeout != NULL && !seconds(timeout, &us)) || us == 0)
        return oro_invoked_go(call);
    PyObject *out = oro_invoked_with(call, &no, 1);
    if (out != Py_False)
        return out;
    Py_DECREF(out);
    if (oro_guard_forbid("waiting for a lock", WHY_THREAD) < 0)
        return NULL;
    for (int64_t end = end_of(us < 0 ? FOR_EVER : us), step; (step = step_of(end)) > 0;) {
        out = blocking_step(call, step);
        if (out != Py_False)
            return out;
        Py_DECREF(out);
        if (look() < 0)
            return NULL;
    }
    Py_RETURN_FALSE;
}

static bool
is_empty_error(void)
{
    PyObject *error = PyErr_Occurred();
    return error != NULL && strcmp(((PyTypeObject *)error)->tp_name, "Empty") == 0;
}

/* SimpleQueue.get(block=True, timeout=None): raises Empty. */
PyObject *
oro_wait_queue(struct oro_invoked *call)
{
    PyObject *block = oro_invoked_arg(call, 0, "block"),
             *timeout = oro_invoked_arg(call, 1, "timeout"), *no = Py_False;
    int64_t us;
    if (!is_limited() || (block != NULL && block != Py_True) || !seconds(timeout, &us) || us < 0)
        return oro_invoked_go(call);
    PyObject *out = oro_invoked_with(call, &no, 1);
    int64_t end = end_of(us), step;
    if (out != NULL || !is_empty_error())
        return out;
    PyObject *empty = PyErr_GetRaisedException();
    if (oro_guard_forbid("waiting for a queue", WHY_THREAD) < 0)
        goto out;
    while ((step = step_of(end)) > 0) {
        out = blocking_step(call, step);
        if (out != NULL || !is_empty_error())
            goto out;
        PyErr_Clear();
        if (look() < 0)
            goto out;
    }
    PyErr_SetRaisedException(Py_NewRef(empty));
out:
    Py_DECREF(empty);
    return out;
}

/* _ThreadHandle.join(timeout=None): None, whether the thread has ended or not. */
PyObject *
oro_wait_join(struct oro_invoked *call)
{
    int64_t us;
    PyObject *v = oro_invoked_arg(call, 0, NULL);
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || !seconds(v, &us))
        return oro_invoked_go(call);
    for (int64_t end = end_of(us < 0 ? FOR_EVER : us), step; (step = step_of(end)) > 0;) {
        PyObject *part = PyFloat_FromDouble((double)step / 1e6);
        PyObject *out = part != NULL ? oro_invoked_with(call, &part, 1) : NULL;
        Py_XDECREF(part);
        PyObject *done = out != NULL ? PyObject_CallMethod(call->self, "is_done", NULL) : NULL;
        Py_XDECREF(out);
        if (done == NULL || done == Py_True || look() < 0) {
            bool ended = done == Py_True;
            Py_XDECREF(done);
            return ended ? Py_NewRef(Py_None) : NULL;
        }
        Py_DECREF(done);
    }
    Py_RETURN_NONE;
}

/* ---- many descriptors ---- */

static bool
is_nothing(PyObject *out)
{
    if (PyList_Check(out))
        return PyList_GET_SIZE(out) == 0;
    for (Py_ssize_t i = 0; PyTuple_Check(out) && i < PyTuple_GET_SIZE(out); i++) {
        PyObject *part = PyTuple_GET_ITEM(out, i);
        if (!PyList_Check(part) || PyList_GET_SIZE(part) > 0)
            return false;
    }
    return PyTuple_Check(out);
}

/* Again and again with the argument `at` a step, until the result is not empty or the time is over. */
static PyObject *
in_steps(struct oro_invoked *call, PyObject **args, Py_ssize_t n, Py_ssize_t at, int64_t us,
         double unit)
{
    for (int64_t end = end_of(us);;) {
        int64_t step = step_of(end);
        args[at] = PyFloat_FromDouble((double)step / unit);
        PyObject *out = args[at] != NULL ? oro_invoked_with(call, args, n) : NULL;
        Py_XDECREF(args[at]);
        if (out == NULL || step == 0 || !is_nothing(out))
            return out;
        Py_DECREF(out);
        if (look() < 0)
            return NULL;
    }
}

PyObject *
oro_wait_select(struct oro_invoked *call)
{
    PyObject *args[4];
    int64_t us;
    Py_ssize_t n = oro_invoked_count(call);
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || n < 3 || n > 4 || !seconds(oro_invoked_arg(call, 3, NULL), &us) || us < 0)
        return oro_invoked_go(call);
    for (Py_ssize_t i = 0; i < 3; i++)
        args[i] = oro_invoked_arg(call, i, NULL);
    return in_steps(call, args, 4, 3, us, 1e6);
}

/* poll.poll(timeout=None): milliseconds. */
PyObject *
oro_wait_poll(struct oro_invoked *call)
{
    PyObject *arg;
    int64_t us;
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || !seconds(oro_invoked_arg(call, 0, NULL), &us))
        return oro_invoked_go(call);
    return in_steps(call, &arg, 1, 0, us < 0 || us == FOR_EVER ? FOR_EVER : us / 1000, 1e3);
}

/* epoll.poll(timeout=None, maxevents=-1): seconds. */
PyObject *
oro_wait_epoll(struct oro_invoked *call)
{
    PyObject *most = oro_invoked_arg(call, 1, "maxevents"), *args[2] = {NULL, most};
    int64_t us;
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || !seconds(oro_invoked_arg(call, 0, "timeout"), &us))
        return oro_invoked_go(call);
    return in_steps(call, args, most != NULL ? 2 : 1, 0, us < 0 ? FOR_EVER : us, 1e6);
}

/* ---- one descriptor ---- */

static bool
may_block(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) == 0;
}

static PyObject *
when_ready(struct oro_invoked *call, PyObject *number, short events)
{
    if (is_limited() && number != NULL && PyLong_Check(number)) {
        int fd = (int)PyLong_AsLong(number);
        PyErr_Clear();
        if (may_block(fd) && wait_fd(fd, events, FOR_EVER) < 0)
            return NULL;
    }
    return oro_invoked_go(call);
}

/* NULL: there are too few arguments, which the function says itself, at once. */
static PyObject *
first_number(struct oro_invoked *call)
{
    Py_ssize_t least = strcmp(call->g->path, "eventfd_read") == 0 ? 1 : 2;
    return oro_invoked_count(call) >= least ? oro_invoked_arg(call, 0, NULL) : NULL;
}

PyObject *
oro_wait_read(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    return when_ready(call, first_number(call), POLLIN);
}

PyObject *
oro_wait_write(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    return when_ready(call, first_number(call), POLLOUT);
}

static PyObject *
number_of(PyObject *self)
{
    PyObject *number = oro_guard_fileno(self);
    if (number == NULL)
        PyErr_Clear(); /* it is closed, which the function says itself */
    return number;
}

static PyObject *
file_when_ready(struct oro_invoked *call, const char *what, short events)
{
    if (!is_limited())
        return oro_invoked_go(call);
    PyObject *name = PyObject_GetAttrString(call->self, "name");
    PyErr_Clear();
    int rc = name != NULL && oro_guard_harmless(name) ? 0 : oro_guard_forbid(what, WHY_FILE);
    Py_XDECREF(name);
    if (rc < 0)
        return NULL;
    PyObject *number = number_of(call->self), *out = when_ready(call, number, events);
    Py_XDECREF(number);
    return out;
}

PyObject *
oro_wait_file_read(struct oro_invoked *call)
{
    return file_when_ready(call, "reading a file", POLLIN);
}

PyObject *
oro_wait_file_write(struct oro_invoked *call)
{
    return file_when_ready(call, "writing a file", POLLOUT);
}

/* ---- sockets ---- */

/* FOR_EVER: none is set. */
static int64_t
timeout_of(PyObject *self)
{
    int64_t us = 0;
    PyObject *v = PyObject_CallMethod(self, "gettimeout", NULL);
    if (v == NULL || !seconds(v, &us))
        us = 0;
    PyErr_Clear();
    Py_XDECREF(v);
    return us;
}

/* 0: it is ready, or would not wait. */
static int
socket_wait(PyObject *self, short events)
{
    int64_t us = timeout_of(self);
    if (!is_limited() || us <= STEP_US)
        return 0;
    PyObject *number = number_of(self);
    if (number == NULL)
        return 0;
    int rc = wait_fd((int)PyLong_AsLong(number), events, end_of(us));
    Py_DECREF(number);
    if (rc == 0)
        PyErr_SetString(PyExc_TimeoutError, "timed out");
    return rc > 0 ? 0 : -1;
}

PyObject *
oro_wait_receive(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0 || socket_wait(call->self, POLLIN) < 0)
        return NULL;
    return oro_invoked_go(call);
}

PyObject *
oro_wait_send(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0 || socket_wait(call->self, POLLOUT) < 0)
        return NULL;
    return oro_invoked_go(call);
}

static bool
is_internet(PyObject *self)
{
    PyObject *family = PyObject_GetAttrString(self, "family");
    long n = family != NULL ? PyLong_AsLong(family) : 0;
    PyErr_Clear();
    Py_XDECREF(family);
    return n == 2 ||
           n == 10; /* AF_INET, AF_INET6: others cannot be asked whether they are connected */
}

/* It goes on in the background when the socket does not block; the second call finds how it ended, as Linux has it. */
PyObject *
oro_wait_connect(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    int64_t us = timeout_of(call->self);
    if (!is_limited() || us <= STEP_US || !is_internet(call->self))
        return oro_invoked_go(call);
    PyObject *old = PyObject_CallMethod(call->self, "gettimeout", NULL);
    PyObject *set = old != NULL ? PyObject_CallMethod(call->self, "settimeout", "i", 0) : NULL;
    PyObject *out = set != NULL ? oro_invoked_go(call) : NULL;
    bool waits = out == NULL ? PyErr_ExceptionMatches(PyExc_BlockingIOError)
                             : PyLong_Check(out) && PyLong_AsLong(out) == EINPROGRESS;
    if (waits) {
        PyErr_Clear();
        Py_CLEAR(out);
        PyObject *number = number_of(call->self);
        int rc = number != NULL ? wait_fd((int)PyLong_AsLong(number), POLLOUT, end_of(us)) : 1;
        Py_XDECREF(number);
        if (rc == 0)
            PyErr_SetString(PyExc_TimeoutError, "timed out");
        if (rc > 0)
            out = oro_invoked_go(call);
    }
    PyObject *error = PyErr_GetRaisedException();
    PyObject *back = set != NULL ? PyObject_CallMethod(call->self, "settimeout", "O", old) : NULL;
    if (error != NULL)
        PyErr_SetRaisedException(error); /* in place of one of settimeout's */
    Py_XDECREF(back);
    Py_XDECREF(set);
    Py_XDECREF(old);
    return out;
}

/* ---- processes, files that are locked ---- */

static void
nap(void)
{
    Py_BEGIN_ALLOW_THREADS(void) poll(NULL, 0, STEP_US / 1000);
    Py_END_ALLOW_THREADS
}

/* Until one of them has ended, which is left for the function itself to see. */
static int
wait_child(idtype_t type, id_t id, int options)
{
    int kinds = WEXITED | (options & WUNTRACED ? WSTOPPED : 0) | (options & WCONTINUED);
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(type, id, &info, kinds | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0)
            return 0;
        nap();
        if (look() < 0)
            return -1;
    }
}

static long
number_at(struct oro_invoked *call, Py_ssize_t at)
{
    PyObject *v = oro_invoked_arg(call, at, NULL);
    long n = v != NULL && PyLong_Check(v) ? PyLong_AsLong(v) : 0;
    PyErr_Clear();
    return n;
}

PyObject *
oro_wait_child(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    long pid = number_at(call, 0);
    int options = (int)number_at(call, 1);
    idtype_t type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID;
    id_t id = (id_t)(pid == 0 ? getpgrp() : pid < 0 ? -pid : pid);
    if (is_limited() && (options & WNOHANG) == 0 && wait_child(type, id, options) < 0)
        return NULL;
    return oro_invoked_go(call);
}

/* waitid(idtype, id, options). */
PyObject *
oro_wait_id(struct oro_invoked *call)
{
    int options = (int)number_at(call, 2);
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (is_limited() && oro_invoked_count(call) == 3 && (options & WNOHANG) == 0 &&
        wait_child((idtype_t)number_at(call, 0), (id_t)number_at(call, 1), options) < 0)
        return NULL;
    return oro_invoked_go(call);
}

PyObject *
oro_wait_children(struct oro_invoked *call)
{
    if (oro_guard_forbid(call->g->what, call->g->why) < 0 ||
        (is_limited() && wait_child(P_ALL, 0, 0) < 0))
        return NULL;
    return oro_invoked_go(call);
}

/* flock(fd, operation) and lockf(fd, cmd, ...). */
PyObject *
oro_wait_flock(struct oro_invoked *call)
{
    PyObject *args[5];
    Py_ssize_t n = oro_invoked_count(call);
    long how = number_at(call, 1);
    if (oro_guard_forbid(call->g->what, call->g->why) < 0)
        return NULL;
    if (!is_limited() || n < 2 || n > 5 || (how & (LOCK_NB | LOCK_UN)) != 0)
        return oro_invoked_go(call);
    for (Py_ssize_t i = 0; i < n; i++)
        args[i] = oro_invoked_arg(call, i, NULL);
    args[1] = PyLong_FromLong(how | LOCK_NB);
    PyObject *out = NULL;
    while (args[1] != NULL && (out = oro_invoked_with(call, args, n)) == NULL &&
           PyErr_ExceptionMatches(PyExc_BlockingIOError)) {
        PyErr_Clear();
        nap();
        if (look() < 0)
            break;
    }
    Py_XDECREF(args[1]);
    return out;
}
