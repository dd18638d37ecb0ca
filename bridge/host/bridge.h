/* bridge/host/bridge.h - Python modules: one subinterpreter with its own GIL for each worker thread. The only header of this
 * folder that others include; it says nothing of PyObject.
 *
 * Order: oro_py_start once on the main thread; on each worker thread oro_py_open, oro_py_load, then (when the schema that
 * the first worker's descriptor gave is parsed) oro_py_bind; then oro_py_call for each call; oro_py_close; at the end
 * oro_py_stop on the main thread. The thread holds its interpreter's GIL between open and close, except between
 * oro_py_release and oro_py_acquire, which a worker puts around waiting for work. */
#ifndef ORO_HOST_BRIDGE_H
#define ORO_HOST_BRIDGE_H

#include "bridge/db/call.h"
#include "bridge/db/host_ops.h"
#include "runtime/base/environment.h"
#include "runtime/base/log.h"

struct oro_py;

struct oro_py_options {
    const char *home; /* prefix of the embedded Python; NULL: the one it was built with */
    const char *
        package_dir; /* folder that holds the `orochi` package; NULL: found beside the program or as built */
};

/* Initialises the runtime, imports the allow-list of standard modules in the main interpreter and keeps them
 * (field-notes.md), releases its GIL. Main thread, once a process. Where Python runs already, since we were loaded as its
 * extension module, that one is taken: the caller holds its GIL. */
ORO_MUST_CHECK oro_status oro_py_start(const struct oro_py_options *opt, struct oro_err *err);
/* After every interpreter is closed. */
void oro_py_stop(void);

/* The program, as `_orochi._main(argv, executable)` of the extension module runs it; NULL: there is none. Set when the module is
 * loaded (runtime/extension.c). argv[0] is the program's name; executable is the Python's. Gives the exit code. */
extern int (*oro_py_program)(int argc, char **argv, const char *executable,
                             const char *package_dir);
/* "3.13.5" */
const char *oro_py_version(void);

enum oro_py_io { ORO_PY_IO_DENY, ORO_PY_IO_WARN, ORO_PY_IO_ALLOW };

/* What modules run in. */
struct oro_py_environment {
    bool
        main_interpreter; /* oro_py_open takes the main interpreter, once a process: any C extension works there */
    const char *venv; /* folder of a virtual environment whose packages can be imported; or NULL */
    unsigned memory_limit_mb; /* Python memory of one worker (memory.c); 0: no limit */
    enum oro_py_io io;        /* what becomes of a reducer's input and output (guard.c) */
    /* Warnings, once for each place: changed rows that are dropped (lost.c), globals that reducers write (globals.c). */
    bool warn_lost_changes, warn_globals;
    /* and slowness: filters that no index answers (db/traps.c), calls run again and again (retries.c) */
    bool warn_scans, warn_retries;
    bool strict_index; /* conditions that no index answers raise WrongIndex (query.c) */
};
/* Of every interpreter opened from now on. ORO_EINVAL says what is wrong with the virtual environment. Main thread, after start
 * and before the first open. */
ORO_MUST_CHECK oro_status oro_py_set_environment(const struct oro_py_environment *env,
                                                 struct oro_err *err);

/* Runs a developer command (`orochi.tools`) in the main interpreter: argv[0] is the command's name. Returns the exit
 * status. Main thread, after start. */
int oro_py_run_tool(int argc, char **argv);
/* What the module prints is no log record, but goes to stderr. The worker's thread. */
void oro_py_print_plain(struct oro_py *py);
/* The same in py, as a command that imports a module: it takes a generation and can be interrupted. The worker's thread. */
int oro_py_tool(struct oro_py *py, int argc, char **argv);
/* Parses a TOML file with tomllib: Gives its JSON text. ORO_EIO, or ORO_EMALFORMED with "line 3: ...". Main thread, after start. */
ORO_MUST_CHECK oro_status oro_py_toml(const char *path, char **json, struct oro_err *err);

/* Gives *out. Calling thread: the worker, which then holds the GIL. worker: its number, for names and logs. */
ORO_MUST_CHECK oro_status oro_py_open(unsigned worker, const struct oro_host_ops *ops,
                                      struct oro_py **out, struct oro_err *err);
void oro_py_close(struct oro_py *py);   /* Takes py; same thread */
void oro_py_release(struct oro_py *py); /* gives the GIL up while waiting */
void oro_py_acquire(struct oro_py *py);

/* Imports the module (a .py file or a package folder) under `name` and collects its declarations. On ORO_EINVAL err holds the
 * first line and *report (Given, may be several lines: every problem with file, line and what to do). *descriptor (Given): the
 * JSON that oro_schema_parse reads. */
ORO_MUST_CHECK oro_status oro_py_load(struct oro_py *py, const char *path, const char *name,
                                      char **descriptor, char **report, struct oro_err *err);
/* What is said of an import that an interruption does not reach. */
#define ORO_PY_IMPORT_STUCK                                                                    \
    "the import has not ended within server.import_timeout_ms, and cannot be interrupted: it " \
    "waits "                                                                                   \
    "or computes in C code (a socket, a lock, a regular expression, a large number)"
/* Connects classes and functions with the parsed schema and compiles the codecs. Borrows schema until close. */
ORO_MUST_CHECK oro_status oro_py_bind(struct oro_py *py, const struct oro_schema *schema,
                                      struct oro_err *err);

/* ---- a new version of the module, in the interpreter that runs the old one (reload.c) ---- */
/* Imports it beside the one that runs, which serves on. On failure as oro_py_load, and all is as before. Each import takes a
 * generation, so that one that does not end can be interrupted. */
ORO_MUST_CHECK oro_status oro_py_stage(struct oro_py *py, const char *path, const char *name,
                                       char **descriptor, char **report, struct oro_err *err);
/* Borrows schema as long as the version lives. Nobody may read the interpreter's numbers meanwhile, nor while it is adopted. */
ORO_MUST_CHECK oro_status oro_py_bind_staged(struct oro_py *py, const struct oro_schema *schema,
                                             struct oro_err *err);
/* Neither runs code of the author's: what ends with a version is set aside for oro_py_settle. */
void oro_py_adopt(struct oro_py *py);   /* it is the one that runs; the other one ends */
void oro_py_unstage(struct oro_py *py); /* it is dropped; nothing if there is none */
/* Drops what was set aside, and gives memory of old versions back. Objects may run code of the author's at their end, which takes
 * a generation, as an import does. Otherwise some milliseconds. */
void oro_py_settle(struct oro_py *py);

/* Rows that a table had before its columns changed go through the module's @migration hook, of the version that is staged or of
 * the one that runs; it need not be bound. As runtime/store/migrator.h has it: out and ends are appended to. ORO_EINVAL: the
 * hook has failed, err names the row and the line; ORO_ETIMEOUT: it was interrupted. Takes a generation. */
#define ORO_PY_ROW_DROPPED SIZE_MAX
struct oro_py_map {
    bool staged;
    const struct oro_typespace *types;
    const struct oro_table_def *old, *now;
    const struct oro_bytes *rows;
    size_t n;
    bool first;
    struct oro_bb *out;
    size_t *ends;
};
ORO_MUST_CHECK oro_status oro_py_map_rows(struct oro_py *py, const struct oro_py_map *m,
                                          struct oro_err *err);

/* ---- modules in an interpreter that is not ours: in tests, where several may take turns (reload.c) ---- */
struct _object; /* PyObject */
struct oro_py_module;
/* The state behind `_orochi` in the running interpreter, for calls from it. Its GIL is held, here and in all that follows.
 * Gives *out, which lives as long as the interpreter. */
ORO_MUST_CHECK oro_status oro_py_join(const struct oro_host_ops *ops, struct oro_py **out,
                                      struct oro_err *err);
/* Connects what a module declares (the module spec of orochi._schema, borrowed until the return) with its parsed schema, which
 * lives as long as the interpreter, as *out (Given, for as long) does. */
ORO_MUST_CHECK oro_status oro_py_module_bind(struct oro_py *py, struct _object *spec,
                                             const struct oro_schema *schema,
                                             struct oro_py_module **out, struct oro_err *err);
/* Between the two, calls are of this module; one at a time is entered. */
void oro_py_module_enter(struct oro_py *py, struct oro_py_module *m);
void oro_py_module_leave(struct oro_py *py, struct oro_py_module *m);
/* A transaction that Python code of the interpreter begins and ends itself (opened.c), on the host's side as well: its context
 * (Given), with which tables are open until the close. Borrows call as long. NULL: an exception is set, and there is none. */
struct _object *oro_py_open_tx(struct oro_py *py, struct oro_py_call *call);
void oro_py_close_tx(struct oro_py *py, bool commits); /* before the host ends it */

/* Runs the reducer once. ORO_OK, ORO_EUSER (raised ReducerError: roll back, text is for the caller), ORO_EINVAL (arguments;
 * nothing ran), ORO_EINTERNAL (any other exception), ORO_ETIMEOUT (interrupted). Leaves no exception set; rows, handles and
 * contexts of the call are dead afterwards (using one raises TransactionError). */
ORO_MUST_CHECK oro_status oro_py_call(struct oro_py *py, struct oro_py_call *call);
/* `calls` calls of the reducer had, within some seconds, to run a third time. why: what each had read that another changed. Tells its author, once. */
void oro_py_warn_of_retries(struct oro_py *py, const struct oro_reducer_def *def, unsigned calls,
                            const char *why);
/* Has the module's router answer a request (args, as orochi/_routes.py reads it), outside of any transaction; it may begin some
 * (host ops begin and end). ORO_OK: text is the answer, as _routes.py writes it. Otherwise as oro_py_call. */
ORO_MUST_CHECK oro_status oro_py_answer(struct oro_py *py, struct oro_py_call *call);
/* What ctx.env reads from now on, in all interpreters. Copies. Any thread. */
void oro_py_environment(const struct oro_env *e);
/* The first time after `after_us` that a cron expression names, in microseconds since 1970. ORO_EINVAL: it is none, or names no time. */
ORO_MUST_CHECK oro_status oro_py_cron_next(struct oro_py *py, struct oro_bytes cron,
                                           int64_t after_us, int64_t *out);
/* Runs the procedure once, outside of a transaction; those that it asks for are begun and ended through the ops. Appends BSATN of
 * what it returns. As oro_py_call otherwise. *outdated: the module was exchanged while it waited, so it was cut off, and
 * call->reducer is no more. */
ORO_MUST_CHECK oro_status oro_py_procedure(struct oro_py *py, struct oro_py_call *call,
                                           struct oro_bb *result, bool *outdated);
/* Begins one that is `async def`: a coroutine in the interpreter's event loop, which goes on in oro_py_loop_step. call and what it
 * points to stay until loop_ended (host_ops.h) is told of `of`; not ORO_OK: nothing has begun. limit_us: of all of it; 0: none. */
ORO_MUST_CHECK oro_status oro_py_coroutine(struct oro_py *py, struct oro_py_call *call, void *of,
                                           int64_t limit_us);
/* Runs what is ready in the event loop; host: of its ops. Microseconds until something is due; -1: nothing will be by itself. */
int64_t oro_py_loop_step(struct oro_py *py, void *host);
/* Cancels all that is in the loop, which the next steps see. why: what they are told. */
void oro_py_loop_cancel(struct oro_py *py, const char *why);
/* imports what it needs, before somebody waits for it */
void oro_py_loop_prepare(struct oro_py *py);
/* Within an op of a procedure, after other code was run under the interpreter's limits (an import): its own hold again, from a
 * new generation on. */
void oro_py_procedure_goes_on(struct oro_py *py);
/* Any thread: makes the running call raise ReducerTimeout as soon as it executes Python code. A late one hits nothing:
 * generation is what oro_py_generation gave when the call began. Code that catches it is interrupted again by the next one; from
 * the third on it is raised at every step, which no handler survives. */
void oro_py_interrupt(struct oro_py *py, uint64_t generation);
/* Any thread: the running call is given up for good; should it ever reach another step of Python, its thread sleeps there for
 * ever. Nobody uses py any more. */
void oro_py_abandon(struct oro_py *py);
uint64_t oro_py_generation(const struct oro_py *py); /* of the running call; any thread */

/* What a call holds outside of Python counts as its objects do (reducer.memory_limit_mb): the caller has `held` bytes for it and
 * asks for `more`. False: that is beyond the limit. The worker's thread, within a call. */
bool oro_py_memory_room(uint64_t held, uint64_t more);

/* Live numbers of the interpreter's cache and pool; any thread (relaxed reads). */
struct oro_py_stats {
    uint64_t cache_hits, cache_misses, cache_evictions, cache_expirations, cache_size;
    uint64_t pool_hits, pool_misses, pool_returns, pool_drops;
    uint64_t decodes, encodes, bytes_in, bytes_out, errors;
    uint64_t memory, memory_peak; /* bytes of rows, in use and spare, with their buffers */
    uint64_t
        python_memory; /* bytes of all objects; 0 when there is no limit that they are counted for */
};
void oro_py_stats(const struct oro_py *py, struct oro_py_stats *out);

/* Settings of all interpreters (report.c). */
struct oro_py_config {
    unsigned max_cache_size; /* shapes of dynamic values, and types that converters compiled */
    unsigned max_pool_size;  /* spare rows of each table */
    bool enable_batch_optimization, enable_memory_monitoring;
    bool
        auto_tune; /* pools grow to 8 times their size while rows find no room in them, and shrink again */
    int64_t cache_ttl_ms; /* 0: for ever */
};
#define ORO_PY_CONFIG_DEFAULT               \
    {                                       \
        1000, 100, true, true, true, 300000 \
    }

/* Any thread. Every interpreter takes them over before its next call; later ones begin with them. */
void oro_py_configure(const struct oro_py_config *c);
void oro_py_configured(struct oro_py_config *out);
/* Changes one field by name. ORO_EINVAL says what is wrong with the name or the value. */
ORO_MUST_CHECK oro_status oro_py_config_set(struct oro_py_config *c, const char *name, int64_t v,
                                            bool is_bool, struct oro_err *err);
void oro_py_config_json(const struct oro_py_config *c, struct oro_bb *out);

/* Appends the performance report as JSON, summed over interpreters that are bound to the same module and stay so until return.
 * Any thread; relaxed reads. */
void oro_py_report(struct oro_py *const *py, unsigned n, struct oro_bb *out);

#endif
