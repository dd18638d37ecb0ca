/* runtime/extension.c - the program inside an ordinary Python, whose extension module `_orochi` it is linked into. */
#include "bridge/host/bridge.h"
#include "runtime/main.h"

static int
run(int argc, char **argv, const char *executable, const char *package_dir)
{
    return oro_main(&(struct oro_front){.python = executable, .package_dir = package_dir}, argc, argv);
}

/* The bridge knows nothing of what stands above it. */
__attribute__((constructor)) static void
offer(void)
{
    oro_py_program = run;
}
