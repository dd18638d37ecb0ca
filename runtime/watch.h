/* runtime/watch.h - whether a module's files have changed. */
#ifndef ORO_WATCH_H
#define ORO_WATCH_H

#include <stdint.h>

/* A number of names, sizes and times of the .py files in the module's folder and those below (but for hidden ones and those of
 * other people's packages). Another number: something changed. */
uint64_t oro_watch_digest(const char *module_path);

#endif
