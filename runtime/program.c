/* runtime/program.c - the executable: nothing but main(). */
#include "runtime/main.h"

int
main(int argc, char **argv)
{
    return oro_main(&(struct oro_front){0}, argc, argv);
}
