/* runtime/program_priv.h - what the files of the program share.
 *
 *   front.c           where our own files are, Python's start, a word to whoever called
 *   options.c         from the configuration to the options of the layers
 *   run.c             `orochi run`
 *   import_command.c  the commands that import a module without serving it
 *   main.c            the command line */
#ifndef ORO_RUNTIME_PROGRAM_PRIV_H
#define ORO_RUNTIME_PROGRAM_PRIV_H

#include "config/config.h"
#include "net/net.h"
#include "net/token.h"
#include "runtime/main.h"
#include "runtime/server/server.h"

/* What the exit code says. */
enum {
    EXIT_FINE = 0,
    EXIT_MODULE = 1, /* the module's declarations or its init */
    EXIT_USAGE = 2,  /* flags, environment, configuration file */
    EXIT_NET = 3,    /* cannot listen */
    EXIT_DATA = 4,   /* data folder, keys */
    EXIT_PYTHON = 5, /* the interpreter does not start */
    EXIT_PIPE = 141, /* nobody reads what it prints */
    /* 6: ORO_EXIT_STUCK, too many workers were lost (runtime/exec/writers/pool.h) */
};

#define PATIENCE_MS \
    1000 /* with whoever reads standard output and error, when there is no more to do */

/* ---- front.c ---- */
/* Before anything else. Borrows from. */
void oro_front_set(const struct oro_front *from);
oro_status oro_front_python_start(struct oro_err *err);
char *oro_front_dashboard(const struct oro_config *c); /* Gives the folder of its page */
/* Says it on standard error. Gives code. */
int oro_complain(int code, const char *text);
/* Has the Python package run a command. */
int oro_tool_command(int argc, char **argv);

/* ---- options.c; they borrow from c ---- */
oro_status oro_environment_set(const struct oro_config *c, struct oro_err *err);
struct oro_server_options oro_server_options_of(const struct oro_config *c, struct oro_keys *keys,
                                                const char *dashboard);
struct oro_net_options oro_net_options_of(const struct oro_config *c);
unsigned oro_workers_of(const struct oro_config *c);
/* Of the server that is to run: what its imports are tried with (probe.c). Borrows argv. */
void oro_options_probe(const struct oro_config *c, char **argv);

/* ---- run.c; err: for people, or empty. They give the exit code ---- */
int oro_run_module(const struct oro_config *c, struct oro_err *err);
int oro_migrate_module(const struct oro_config *c, struct oro_err *err);

/* ---- import_command.c: `orochi check`, `describe` and others. The process ends in it, unless a tool runs ---- */
int oro_import_command(int argc, char **argv);

#endif
