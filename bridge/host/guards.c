/* bridge/host/guards.c - the functions of C that reducers, or modules at all, may not call, or that may wait (waits.c), where
 * CPython's audit events say nothing of it or come too late.
 *
 * A function of CPython stays the object that it is: with its type, name, signature and place in its module, not bound as a
 * method of a class, pickled by name, and a class stays a class. What is changed is the entry of CPython's own static
 * method table that says which C function is called: it then calls ours, of the same form, which asks and calls the first one.
 * The tables belong to the process, so this is done once at start, in the main interpreter. Interpreters made later, a
 * module that is imported a second time, names taken before (`from time import sleep`) and methods of objects that exist have
 * it, too. On threads that run no module of an author's nothing is asked.
 *
 * The list was made by going through every built-in function of the standard library on Linux for what changes the process for
 * others, ends it, or waits without bound. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/host/guard_priv.h"

/* ---- guards ---- */

static PyObject *
io(struct oro_invoked *call)
{
    return oro_guard_forbid(call->g->what, call->g->why) == 0 ? oro_invoked_go(call) : NULL;
}

static PyObject *
never(struct oro_invoked *call)
{
    return oro_guard_never(call->g->what, call->g->why) == 0 ? oro_invoked_go(call) : NULL;
}

/* True: an argument that would change something is given, at this place. */
static bool
is_given(struct oro_invoked *call, Py_ssize_t at, const char *name)
{
    PyObject *v = oro_invoked_arg(call, at, name);
    return v != NULL && v != Py_None;
}

/* setlocale(category, locale=None) without a locale only asks; numbers in the server's own texts would change. */
static PyObject *
sets_locale(struct oro_invoked *call)
{
    return is_given(call, 1, "locale") ? never(call) : oro_invoked_go(call);
}

/* prlimit(pid, resource, limits) */
static PyObject *
sets_limit(struct oro_invoked *call)
{
    return is_given(call, 2, NULL) ? never(call) : io(call);
}

/* kill(pid, signal), killpg(group, signal): never the server itself. */
static PyObject *
kills(struct oro_invoked *call)
{
    PyObject *v = oro_invoked_arg(call, 0, NULL), *sig = oro_invoked_arg(call, 1, NULL);
    long pid = v != NULL && PyLong_Check(v) ? PyLong_AsLong(v) : 1;
    long number = sig != NULL && PyLong_Check(sig) ? PyLong_AsLong(sig) : 1;
    PyErr_Clear();
    bool group = strstr(call->g->path, "pg") != NULL;
    bool own = group ? pid == 0 || pid == getpgrp()
                     : pid == 0 || pid == -1 || pid == getpid() || pid == -getpgrp();
    return own && number != 0 ? never(call) : io(call);
}

/* ---- descriptors: a module may close those that it has opened by number ---- */

#define FDS 65536
/* What the module's descriptor of that number refers to; 0: it has none. A number alone would not do: when the module's is
 * closed by the end of an object, the server's next one gets it. */
static _Atomic uint64_t own_fds[FDS];

/* 0: not open. */
static uint64_t
referred(long fd)
{
    struct stat st;
    if (fd < 0 || fd >= FDS || fstat((int)fd, &st) != 0)
        return 0;
    return (((uint64_t)st.st_dev << 40) ^ ((uint64_t)st.st_ino * 0x9e3779b97f4a7c15ull)) | 1;
}

static void
own_set(PyObject *v, bool own)
{
    long fd = PyLong_Check(v) ? PyLong_AsLong(v) : -1;
    PyErr_Clear();
    if (fd >= 0 && fd < FDS)
        atomic_store(&own_fds[fd], own ? referred(fd) : 0);
}

/* Gives one descriptor, or a tuple of two. */
static PyObject *
opens(struct oro_invoked *call)
{
    PyObject *out = io(call);
    if (out == NULL)
        return NULL;
    if (!PyTuple_Check(out))
        own_set(out, true);
    for (Py_ssize_t i = 0; PyTuple_Check(out) && i < PyTuple_GET_SIZE(out); i++)
        own_set(PyTuple_GET_ITEM(out, i), true);
    return out;
}

/* What is not open is not: the error is said as ever. */
static bool
is_open(PyObject *v, long *fd)
{
    *fd = v != NULL && PyLong_Check(v) ? PyLong_AsLong(v) : -1;
    PyErr_Clear();
    return *fd >= 0 && *fd <= INT32_MAX && fcntl((int)*fd, F_GETFD) >= 0;
}

int
oro_guard_descriptor(PyObject *v, const char *what)
{
    long fd;
    if (oro_py_here == NULL || !is_open(v, &fd) ||
        (fd < FDS && atomic_load(&own_fds[fd]) == referred(fd)))
        return 0;
    return oro_guard_never(what, WHY_SERVER);
}

static PyObject *
closes(struct oro_invoked *call)
{
    PyObject *v = oro_invoked_arg(call, 0, "fd");
    long fd;
    bool open = is_open(v, &fd);
    if (oro_guard_descriptor(v, "closing a descriptor that the module did not open") < 0)
        return NULL;
    PyObject *out = io(call);
    if (out != NULL && open)
        own_set(v, false);
    return out;
}

/* Makes an object of a number, which it closes at its end. */
static PyObject *
adopts(struct oro_invoked *call)
{
    PyObject *v = oro_invoked_arg(call, 0, "fd");
    return oro_guard_descriptor(v, "taking a descriptor that the module did not open") == 0
               ? io(call)
               : NULL;
}

/* FileIO.close(), by its end as well: the number is the server's next one perhaps. */
static PyObject *
ends_file(struct oro_invoked *call)
{
    if (oro_py_here == NULL)
        return oro_invoked_go(call);
    PyObject *raised = PyErr_GetRaisedException();
    PyObject *fd = oro_guard_fileno(call->self),
             *closes = fd != NULL ? PyObject_GetAttrString(call->self, "closefd") : NULL;
    if (closes == Py_True)
        own_set(fd, false);
    Py_XDECREF(fd);
    Py_XDECREF(closes);
    PyErr_SetRaisedException(raised);
    return oro_invoked_go(call);
}

/* The number of an object that is the module's own, so it may go on with that one. Not of the standard streams. */
static PyObject *
names_fd(struct oro_invoked *call)
{
    PyObject *out = oro_invoked_go(call);
    if (out != NULL && oro_py_here != NULL && !oro_guard_looking && PyLong_Check(out) &&
        PyLong_AsLong(out) > 2)
        own_set(out, true);
    return out;
}

/* ---- clocks and chance ---- */

static PyObject *
clock_read(struct oro_invoked *call)
{
    static _Thread_local bool reads; /* date.today() calls time.time() */
    if (!reads)
        oro_guard_discourage(call->g->what, "ctx.timestamp");
    bool outer = !reads;
    reads = true;
    PyObject *out = oro_invoked_go(call);
    reads = !outer;
    return out;
}

static PyObject *
clock_if_none(struct oro_invoked *call)
{
    return is_given(call, 0, NULL) ? oro_invoked_go(call) : clock_read(call);
}

/* What the system offers to secrets and uuid. */
static PyObject *
entropy(struct oro_invoked *call)
{
    oro_guard_discourage_chance(strcmp(call->g->path, "urandom") == 0 ? "os.urandom()"
                                                                      : "os.getrandom()",
                                "ctx.rng, or ctx.new_uuid4()");
    return oro_invoked_go(call);
}

/* Of the one generator behind the functions of the module random. */
static PyObject *
chance(struct oro_invoked *call)
{
    if (oro_py_here != NULL && oro_py_here->chance_of == call->self)
        oro_guard_discourage_chance("random.random()", "ctx.rng");
    return oro_invoked_go(call);
}

/* ---- the list: G(id, module, path, as an author knows it, guard, why) ---- */

#define P(name, guard, why) G(posix_##name, "posix", #name, "os." #name, guard, why)
#define S(name, guard, why) G(signal_##name, "_signal", #name, "signal." #name, guard, why)
#define SOCK(name, guard) \
    G(socket_##name, "_socket", "socket." #name, "socket." #name, guard, WHY_NET)
#define SSL(name) G(ssl_##name, "_ssl", "_SSLSocket." #name, "ssl " #name, io, WHY_NET)
#define FAULT(name) \
    G(faulthandler_##name, "faulthandler", #name, "faulthandler." #name, never, WHY_END)
#define SYS(name) G(sys_##name, "sys", #name, "sys." #name, io, WHY_STATE)
/* It looks into other interpreters, whose threads run meanwhile. */
#define OTHERS(name) G(sys_##name, "sys", #name, "sys." #name, never, WHY_OTHERS)
#define INTERP(name) \
    G(interp_##name, "_interpreters", #name, "_interpreters." #name, never, WHY_OTHERS)
#define MON(name) G(mon_##name, "sys", "monitoring." #name, "sys.monitoring." #name, io, WHY_STATE)
#define ATEXIT(name) G(atexit_##name, "atexit", #name, "atexit." #name, io, WHY_STATE)
/* Where they are given no time, they read the clock. */
#define NOW(name) G(now_##name, "time", #name, "time." #name "()", clock_if_none, WHY_STATE)
#define GC(name) G(gc_##name, "gc", #name, "gc." #name, io, WHY_STATE)
#define TERM(name) G(termios_##name, "termios", #name, "termios." #name, io, WHY_FILE)
#define LOCK(type, name) \
    G(type##_##name, "_thread", #type "." #name, "waiting for a lock", oro_wait_lock, WHY_THREAD)
#define FILE_IO(name, guard) \
    G(file_##name, "_io", "FileIO." #name, "FileIO." #name, guard, WHY_FILE)

/* clang-format off: it makes stairs of this. */
#define GUARDS                                                                                          \
    /* ends the process, or makes it another one */                                                     \
    P(_exit, never, WHY_END) P(abort, never, WHY_END) P(fork, never, WHY_END)                           \
    P(forkpty, never, WHY_END) P(execv, never, WHY_END) P(execve, never, WHY_END)                       \
    P(kill, kills, WHY_END) P(killpg, kills, WHY_END)                                                   \
    S(raise_signal, never, WHY_END) S(pthread_kill, never, WHY_END)                                     \
    S(pidfd_send_signal, io, WHY_PROCESS)                                                               \
    G(interrupt_main, "_thread", "interrupt_main", "_thread.interrupt_main", never, WHY_END)            \
    FAULT(_fatal_error_c_thread) FAULT(_read_null) FAULT(_sigabrt) FAULT(_sigfpe)                       \
    FAULT(_sigsegv) FAULT(_stack_overflow) FAULT(dump_traceback_later) FAULT(register)                  \
    FAULT(enable)                                                                                       \
    /* signals and timers of the process */                                                             \
    S(alarm, never, WHY_SIGNAL) S(setitimer, never, WHY_SIGNAL) S(pause, never, WHY_SIGNAL)             \
    S(sigwait, never, WHY_SIGNAL) S(sigwaitinfo, never, WHY_SIGNAL)                                     \
    S(sigtimedwait, never, WHY_SIGNAL) S(pthread_sigmask, never, WHY_SIGNAL)                            \
    S(siginterrupt, never, WHY_SIGNAL)                                                                  \
    /* settings of the process */                                                                       \
    P(chdir, never, WHY_SERVER) P(fchdir, never, WHY_SERVER) P(chroot, never, WHY_SERVER)               \
    P(umask, never, WHY_SERVER) P(nice, never, WHY_SERVER) P(closerange, never, WHY_SERVER)             \
    P(dup2, never, WHY_SERVER) P(setuid, never, WHY_SERVER) P(seteuid, never, WHY_SERVER)               \
    P(setreuid, never, WHY_SERVER) P(setresuid, never, WHY_SERVER) P(setgid, never, WHY_SERVER)         \
    P(setegid, never, WHY_SERVER) P(setregid, never, WHY_SERVER) P(setresgid, never, WHY_SERVER)        \
    P(setgroups, never, WHY_SERVER) P(initgroups, never, WHY_SERVER) P(setns, never, WHY_SERVER)        \
    P(unshare, never, WHY_SERVER) P(setsid, never, WHY_SERVER) P(setpgid, never, WHY_SERVER)            \
    P(setpgrp, never, WHY_SERVER) P(setpriority, never, WHY_SERVER)                                     \
    P(sched_setaffinity, never, WHY_SERVER) P(sched_setparam, never, WHY_SERVER)                        \
    P(sched_setscheduler, never, WHY_SERVER) P(tcsetpgrp, never, WHY_SERVER)                            \
    P(login_tty, never, WHY_SERVER)                                                                     \
    P(close, closes, WHY_FILE)                                                                          \
    G(setlocale, "_locale", "setlocale", "locale.setlocale", sets_locale, WHY_SERVER)                   \
    G(bindtextdomain, "_locale", "bindtextdomain", "locale.bindtextdomain", io, WHY_STATE)              \
    G(textdomain, "_locale", "textdomain", "locale.textdomain", io, WHY_STATE)                          \
    G(tzset, "time", "tzset", "time.tzset", never, WHY_SERVER)                                          \
    G(clock_settime, "time", "clock_settime", "time.clock_settime", never, WHY_SERVER)                  \
    G(clock_settime_ns, "time", "clock_settime_ns", "time.clock_settime_ns", never, WHY_SERVER)         \
    G(setrlimit, "resource", "setrlimit", "resource.setrlimit", never, WHY_SERVER)                      \
    G(prlimit, "resource", "prlimit", "resource.prlimit", sets_limit, WHY_SERVER)                       \
    G(sethostname, "_socket", "sethostname", "socket.sethostname", never, WHY_SERVER)                   \
    G(setdefaulttimeout, "_socket", "setdefaulttimeout", "socket.setdefaulttimeout", io, WHY_STATE)     \
    INTERP(create) INTERP(destroy) INTERP(exec) INTERP(call) INTERP(run_func) INTERP(run_string)        \
    INTERP(set___main___attrs)                                                                          \
    OTHERS(_current_frames) OTHERS(_current_exceptions)                                                 \
    /* the interpreter, as later calls find it */                                                       \
    P(putenv, io, WHY_STATE) P(unsetenv, io, WHY_STATE)                                                 \
    SYS(setrecursionlimit) SYS(setswitchinterval) SYS(settrace) SYS(setprofile)                         \
    SYS(_setprofileallthreads) SYS(_settraceallthreads) SYS(addaudithook) SYS(setdlopenflags)           \
    SYS(set_int_max_str_digits) SYS(set_asyncgen_hooks) SYS(activate_stack_trampoline)                  \
    SYS(set_coroutine_origin_tracking_depth)                                                            \
    GC(freeze) GC(unfreeze) GC(disable) GC(enable) GC(set_threshold) GC(set_debug)                      \
    FAULT(disable) FAULT(unregister)                                                                    \
    G(stack_size, "_thread", "stack_size", "threading.stack_size", io, WHY_STATE)                       \
    /* files */                                                                                         \
    P(open, opens, WHY_FILE) P(dup, opens, WHY_FILE) P(pipe, opens, WHY_FILE)                           \
    P(pipe2, opens, WHY_FILE) P(eventfd, opens, WHY_FILE) P(memfd_create, opens, WHY_FILE)              \
    P(openpty, opens, WHY_FILE) P(posix_openpt, opens, WHY_FILE)                                        \
    P(timerfd_create, opens, WHY_FILE)                                                                  \
    P(pidfd_open, opens, WHY_PROCESS)                                                                   \
    G(socket_detach, "_socket", "socket.detach", "socket.detach", opens, WHY_NET)                       \
    G(socket_dup, "_socket", "dup", "socket.dup", opens, WHY_NET)                                       \
    P(read, oro_wait_read, WHY_FILE) P(readv, oro_wait_read, WHY_FILE)                                  \
    P(pread, oro_wait_read, WHY_FILE) P(preadv, oro_wait_read, WHY_FILE)                                \
    P(eventfd_read, oro_wait_read, WHY_FILE) P(write, oro_wait_write, WHY_FILE)                         \
    P(writev, oro_wait_write, WHY_FILE) P(pwrite, oro_wait_write, WHY_FILE)                             \
    P(pwritev, oro_wait_write, WHY_FILE) P(eventfd_write, oro_wait_write, WHY_FILE)                     \
    P(sendfile, oro_wait_write, WHY_FILE) P(splice, oro_wait_read, WHY_FILE)                            \
    P(copy_file_range, io, WHY_FILE) P(lseek, io, WHY_FILE) P(fsync, io, WHY_FILE)                      \
    P(fdatasync, io, WHY_FILE) P(sync, io, WHY_FILE) P(ftruncate, io, WHY_FILE)                         \
    P(truncate, io, WHY_FILE) P(posix_fallocate, io, WHY_FILE) P(posix_fadvise, io, WHY_FILE)           \
    P(mkfifo, io, WHY_FILE) P(mknod, io, WHY_FILE) P(fchmod, io, WHY_FILE)                              \
    P(fchown, io, WHY_FILE) P(set_blocking, io, WHY_FILE) P(set_inheritable, io, WHY_FILE)              \
    P(timerfd_settime, io, WHY_FILE) P(timerfd_settime_ns, io, WHY_FILE)                                \
    P(grantpt, io, WHY_FILE) P(unlockpt, io, WHY_FILE) P(lockf, io, WHY_FILE)                           \
    G(flock, "fcntl", "flock", "fcntl.flock", oro_wait_flock, WHY_FILE)                                 \
    G(fcntl_lockf, "fcntl", "lockf", "fcntl.lockf", oro_wait_flock, WHY_FILE)                           \
    G(fcntl_fcntl, "fcntl", "fcntl", "fcntl.fcntl", io, WHY_FILE)                                       \
    G(fcntl_ioctl, "fcntl", "ioctl", "fcntl.ioctl", io, WHY_FILE)                                       \
    G(shm_open, "_posixshmem", "shm_open", "shared memory", io, WHY_FILE)                               \
    G(shm_unlink, "_posixshmem", "shm_unlink", "shared memory", io, WHY_FILE)                           \
    FILE_IO(read, oro_wait_file_read) FILE_IO(readall, oro_wait_file_read)                              \
    FILE_IO(readinto, oro_wait_file_read) FILE_IO(write, oro_wait_file_write)                           \
    FILE_IO(truncate, oro_wait_file_write)                                                              \
    TERM(tcdrain) TERM(tcflow) TERM(tcflush) TERM(tcsendbreak) TERM(tcsetattr)                          \
    /* processes */                                                                                     \
    P(waitpid, oro_wait_child, WHY_PROCESS) P(wait4, oro_wait_child, WHY_PROCESS)                       \
    P(waitid, oro_wait_id, WHY_PROCESS) P(wait, oro_wait_children, WHY_PROCESS)                         \
    P(wait3, oro_wait_children, WHY_PROCESS) P(system, io, WHY_PROCESS)                                 \
    P(posix_spawn, io, WHY_PROCESS) P(posix_spawnp, io, WHY_PROCESS)                                    \
    G(fork_exec, "_posixsubprocess", "fork_exec", "subprocess.Popen", io, WHY_PROCESS)                  \
    /* waits */                                                                                         \
    G(sleep, "time", "sleep", "time.sleep", oro_wait_sleep, WHY_WAIT)                                   \
    P(sched_yield, io, WHY_WAIT)                                                                        \
    LOCK(lock, acquire) LOCK(lock, acquire_lock) LOCK(lock, __enter__) LOCK(RLock, acquire)             \
    LOCK(RLock, __enter__)                                                                              \
    G(thread_join, "_thread", "_ThreadHandle.join", "threading.Thread.join", oro_wait_join, WHY_THREAD) \
    G(thread_shutdown, "_thread", "_shutdown", "threading._shutdown", io, WHY_THREAD)                   \
    G(queue_get, "_queue", "SimpleQueue.get", "waiting for a queue", oro_wait_queue, WHY_THREAD)        \
    G(select_select, "select", "select", "select.select", oro_wait_select, WHY_WAIT)                    \
    G(select_poll, "select", "poll().poll", "select.poll", oro_wait_poll, WHY_WAIT)                     \
    G(select_fromfd, "select", "epoll.fromfd", "select.epoll.fromfd", adopts, WHY_FILE)                 \
    G(file_fileno, "_io", "FileIO.fileno", "FileIO.fileno", names_fd, WHY_FILE)                         \
    FILE_IO(close, ends_file)                                                                           \
    SOCK(fileno, names_fd)                                                                              \
    G(select_epoll, "select", "epoll.poll", "select.epoll", oro_wait_epoll, WHY_WAIT)                   \
    /* the network */                                                                                   \
    SOCK(connect, oro_wait_connect) SOCK(connect_ex, oro_wait_connect)                                  \
    SOCK(_accept, oro_wait_receive) SOCK(recv, oro_wait_receive)                                        \
    SOCK(recv_into, oro_wait_receive) SOCK(recvfrom, oro_wait_receive)                                  \
    SOCK(recvfrom_into, oro_wait_receive) SOCK(recvmsg, oro_wait_receive)                               \
    SOCK(recvmsg_into, oro_wait_receive) SOCK(send, oro_wait_send) SOCK(sendall, oro_wait_send)         \
    SOCK(sendto, oro_wait_send) SOCK(sendmsg, oro_wait_send) SOCK(sendmsg_afalg, oro_wait_send)         \
    SOCK(bind, io) SOCK(listen, io) SOCK(shutdown, io)                                                  \
    G(socketpair, "_socket", "socketpair", "socket.socketpair", io, WHY_NET)                            \
    G(socket_close, "_socket", "close", "socket.close", closes, WHY_FILE)                               \
    SSL(read) SSL(write) SSL(do_handshake) SSL(shutdown)                                                \
    /* what gives another result when a reducer runs again */                                           \
    G(time_time, "time", "time", "time.time()", clock_read, WHY_STATE)                                  \
    G(time_time_ns, "time", "time_ns", "time.time_ns()", clock_read, WHY_STATE)                         \
    NOW(gmtime) NOW(localtime) NOW(ctime)                                                               \
    G(monotonic, "time", "monotonic", "time.monotonic()", clock_read, WHY_STATE)                        \
    G(monotonic_ns, "time", "monotonic_ns", "time.monotonic_ns()", clock_read, WHY_STATE)               \
    G(datetime_now, "_datetime", "datetime.now", "datetime.now()", clock_read, WHY_STATE)               \
    G(datetime_utcnow, "_datetime", "datetime.utcnow", "datetime.utcnow()", clock_read, WHY_STATE)      \
    G(date_today, "_datetime", "date.today", "date.today()", clock_read, WHY_STATE)                     \
    P(urandom, entropy, WHY_STATE) P(getrandom, entropy, WHY_STATE)                                     \
    G(random_random, "_random", "Random.random", "random", chance, WHY_STATE)                           \
    G(random_bits, "_random", "Random.getrandbits", "random", chance, WHY_STATE)                        \
    MON(use_tool_id) MON(free_tool_id) MON(register_callback) MON(set_events)                           \
    MON(set_local_events) MON(restart_events)                                                           \
    ATEXIT(_clear) ATEXIT(_run_exitfuncs)
/* clang-format on */

#define G(id, ...) GUARD_##id,
enum guard_id { GUARDS GUARD_COUNT };
#undef G

#define G(id, module_, path_, what_, guard_, why_) \
    [GUARD_##id] = {.module = module_, .path = path_, .what = what_, .why = why_, .guard = guard_},
static struct oro_guarded guards[GUARD_COUNT] = {GUARDS};
#undef G

/* ---- what CPython's tables call: one set for each function, since a C function is not told which entry it is ---- */

static PyObject *
ask(struct oro_invoked call)
{
    return call.g->guard(&call);
}

#define G(id, ...)                                                                                \
    static PyObject *id##_one(PyObject *self, PyObject *arg)                                      \
    {                                                                                             \
        return ask((struct oro_invoked){.g = &guards[GUARD_##id], .self = self, .arg = arg});     \
    }                                                                                             \
    static PyObject *id##_kw(PyObject *self, PyObject *arg, PyObject *kwargs)                     \
    {                                                                                             \
        return ask((struct oro_invoked){                                                          \
            .g = &guards[GUARD_##id], .self = self, .arg = arg, .kwargs = kwargs});               \
    }                                                                                             \
    static PyObject *id##_fast(PyObject *self, PyObject *const *fast, Py_ssize_t n)               \
    {                                                                                             \
        return ask((struct oro_invoked){                                                          \
            .g = &guards[GUARD_##id], .self = self, .fast = fast, .nfast = n});                   \
    }                                                                                             \
    static PyObject *id##_fastkw(PyObject *self, PyObject *const *fast, Py_ssize_t n,             \
                                 PyObject *names)                                                 \
    {                                                                                             \
        return ask((struct oro_invoked){                                                          \
            .g = &guards[GUARD_##id], .self = self, .fast = fast, .nfast = n, .kwnames = names}); \
    }                                                                                             \
    static PyObject *id##_method(PyObject *self, PyTypeObject *cls, PyObject *const *fast,        \
                                 size_t n, PyObject *names)                                       \
    {                                                                                             \
        return ask((struct oro_invoked){.g = &guards[GUARD_##id],                                 \
                                        .self = self,                                             \
                                        .cls = cls,                                               \
                                        .fast = fast,                                             \
                                        .nfast = n,                                               \
                                        .kwnames = names});                                       \
    }
GUARDS
#undef G

struct forms {
    PyCFunction one, kw, fast, fastkw, method;
};

#define G(id, ...)                                                                              \
    [GUARD_##id] = {id##_one, ORO_METH_AS(PyCFunction, id##_kw),                                \
                    ORO_METH_AS(PyCFunction, id##_fast), ORO_METH_AS(PyCFunction, id##_fastkw), \
                    ORO_METH_AS(PyCFunction, id##_method)},
static const struct forms forms[GUARD_COUNT] = {GUARDS};
#undef G

static PyCFunction
form_of(enum guard_id id, int flags)
{
    const struct forms *f = &forms[id];
    switch (flags & ORO_METH_FORM) {
    case METH_NOARGS:
    case METH_O:
    case METH_VARARGS:
        return f->one;
    case METH_VARARGS | METH_KEYWORDS:
        return f->kw;
    case METH_FASTCALL:
        return f->fast;
    case METH_FASTCALL | METH_KEYWORDS:
        return f->fastkw;
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS:
        return f->method;
    default:
        return NULL;
    }
}

/* ---- at start ---- */

/* "socket.recv", "poll().poll": a part that ends in () is called, and its type taken. */
static PyObject *
owner_of(PyObject *module, const char *path, const char **last)
{
    PyObject *at = Py_NewRef(module);
    for (const char *dot; at != NULL && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        char part[64];
        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        char *call = strstr(part, "()");
        if (call != NULL)
            *call = 0;
        Py_SETREF(at, PyObject_GetAttrString(at, part));
        if (at != NULL && call != NULL)
            Py_SETREF(at, PyObject_CallNoArgs(at));
        if (at != NULL && call != NULL)
            Py_SETREF(at, PyObject_Type(at));
    }
    *last = path;
    return at;
}

/* Its entry in CPython's table; NULL: this Python was built without it, or it is none of C. */
static PyMethodDef *
find(const struct oro_guarded *g)
{
    const char *name = NULL;
    PyMethodDef *def = NULL;
    PyObject *module = PyImport_ImportModule(g->module);
    PyObject *owner = module != NULL ? owner_of(module, g->path, &name) : NULL;
    PyObject *fn = owner != NULL ? PyObject_GetAttrString(owner, name) : NULL;
    if (fn != NULL && PyCFunction_Check(fn))
        def = ((PyCFunctionObject *)fn)->m_ml;
    else if (fn != NULL && Py_IS_TYPE(fn, &PyMethodDescr_Type))
        def = ((PyMethodDescrObject *)fn)->d_method;
    PyErr_Clear();
    Py_XDECREF(fn);
    Py_XDECREF(owner);
    Py_XDECREF(module);
    return def;
}

void
oro_guards_install(void)
{
    for (unsigned i = 0; i < GUARD_COUNT; i++) {
        struct oro_guarded *g = &guards[i];
        PyMethodDef *def = g->def == NULL ? find(g) : NULL; /* tables outlive an interpreter */
        PyCFunction ours = def != NULL ? form_of(i, def->ml_flags) : NULL;
        if (ours == NULL)
            continue;
        g->def = def;
        g->meth = def->ml_meth;
        def->ml_meth = ours;
    }
}
