/* runtime/base/die.h - the end of the process at a place where nothing can be relied on: no log, no allocation. Any thread. */
#ifndef ORO_BASE_DIE_H
#define ORO_BASE_DIE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/annot.h"

/* Writes the text (with its line end) to stderr, after what `oro_die_after` named has had 100 ms, and aborts. */
ORO_NORETURN void oro_die(const char *text, size_t n);
/* Called before the last words, with the ms it may take; takes no lock and allocates nothing. One for the process. */
void oro_die_after(bool (*fn)(int ms));

/* Writes to a descriptor that others may share, so that its flags stay, but gives up when it takes nothing for so long. */
bool oro_write_within(int fd, const char *text, size_t n, int ms);

#endif
