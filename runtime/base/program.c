#include "runtime/base/program.h"

#include <stddef.h>

#include "runtime/base/mem.h"

static const char *python;

void
oro_program_set_python(const char *path)
{
    python = path;
}

const char *
oro_program_path(void)
{
    return python != NULL ? python : "/proc/self/exe";
}

char **
oro_program_argv(char *const *words)
{
    size_t n = 0, at = 0;
    while (words[n] != NULL)
        n++;
    char **argv = ORO_NEW_ARRAY(char *, n + 4);
    argv[at++] = python != NULL ? (char *)python : "orochi";
    if (python != NULL) {
        argv[at++] = "-m";
        argv[at++] = "orochi";
    }
    for (size_t i = 0; i < n; i++)
        argv[at++] = words[i];
    return argv;
}
