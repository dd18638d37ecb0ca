/* runtime/main.h - the program, as its two fronts start it: the executable (program.c) and the extension module of an ordinary
 * Python (extension.c). */
#ifndef ORO_RUNTIME_MAIN_H
#define ORO_RUNTIME_MAIN_H

/* Both NULL in the executable, which brings a Python of its own and finds its files beside itself. */
struct oro_front {
    const char *python;      /* the executable of the Python that has loaded us */
    const char *package_dir; /* folder that has the package `orochi`, with share/dashboard in it */
};

/* Runs the command that argv names, argv[0] being the program's own name; gives the exit code. Main thread, once a process: what
 * it sets up of signals and threads stays until the process ends. Borrows all until then. */
int oro_main(const struct oro_front *from, int argc, char **argv);

#endif
