#include "runtime/bench/bench.h"

#include <stdio.h>

int
oro_bench_command(int argc, char **argv)
{
    fprintf(stderr, "usage: orochi bench transfer [flags]\n");
    return 2;
}
