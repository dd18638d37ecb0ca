/* Runs one of the package's developer commands in the embedded interpreter, as `orochi COMMAND` does, without a server around
 * it: what `meson test --benchmark` calls. */
#include <stdio.h>

#include "bridge/host/bridge.h"

int
main(int argc, char **argv)
{
    struct oro_err err = {0};
    if (oro_py_start(NULL, &err) != ORO_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int code = oro_py_run_tool(argc - 1, argv + 1);
    oro_py_stop();
    return code;
}
