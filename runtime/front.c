/* Where our own files are, Python's start, and a word to whoever called. */
#include <limits.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/log.h"
#include "runtime/program_priv.h"

/* Set before anything else happens, where the program is an extension module. */
static struct oro_front front;

void
oro_front_set(const struct oro_front *from)
{
    front = *from;
}

/* Gives the first of: <program>/../share/orochi/<installed>, the source tree that it was built from. */
static char *
own_folder(const char *installed, const char *built)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n > 0) {
        program[n] = '\0';
        char *slash = strrchr(program, '/');
        *slash = '\0';
        char *path = oro_asprintf("%s/../share/orochi/%s", program, installed);
        if (access(path, R_OK) == 0)
            return path;
        oro_free(path);
        /* build/orochi in the source tree, which may have been moved since it was configured */
        path = oro_asprintf("%s/../%s", program, built);
        if (access(path, R_OK) == 0)
            return path;
        oro_free(path);
    }
    return oro_asprintf("%s/%s", OROCHI_SOURCE_ROOT, built);
}

oro_status
oro_front_python_start(struct oro_err *err)
{
    char *package = front.package_dir != NULL ? oro_strdup(front.package_dir)
                                              : own_folder("python", "bridge/py");
    struct oro_py_options opt = {.package_dir = package};
    oro_status st = oro_py_start(&opt, err);
    oro_free(package);
    return st;
}

char *
oro_front_dashboard(const struct oro_config *c)
{
    if (c->server_dashboard_dir != NULL)
        return oro_strdup(c->server_dashboard_dir);
    if (front.package_dir != NULL)
        return oro_asprintf("%s/orochi/share/dashboard", front.package_dir);
    return own_folder("dashboard", "net/web/dist");
}

int
oro_complain(int code, const char *text)
{
    char *line = oro_asprintf("orochi: %s", text);
    oro_log_plain(line);
    oro_free(line);
    return code;
}

int
oro_tool_command(int argc, char **argv)
{
    struct oro_err err = {0};
    if (oro_front_python_start(&err) != ORO_OK)
        return oro_complain(EXIT_PYTHON, err.text);
    int code = oro_py_run_tool(argc, argv);
    oro_py_stop();
    return code;
}
