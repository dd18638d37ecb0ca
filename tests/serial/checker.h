/* tests/serial/checker.h - is a history serializable? By observation alone, as Elle does it (Kingsbury and Alvaro, VLDB 2020):
 * every object counts its versions, so what a transaction saw says whom it comes after and before whom; a cycle means that no
 * serial order exists. Knows nothing of stores. One thread. */
#ifndef ORO_TESTS_SERIAL_CHECKER_H
#define ORO_TESTS_SERIAL_CHECKER_H

#include <stddef.h>
#include <stdint.h>

/* What one committed transaction knows of one object: the version it found and the one it left, the same if it wrote nothing.
 * A writer has always read first. Version 0 is how all objects begin. The stamps tell what was in it. */
struct access {
    uint32_t tx, object;
    uint32_t before, after;
    uint64_t stamp_before, stamp_after;
};

struct verdict {
    size_t edges;
    size_t anomalies; /* 0: serializable */
    char first[400];  /* the first one in words */
};

/* tx numbers are below ntx. Sorts the accesses. */
void serial_check(struct access *a, size_t n, uint32_t ntx, struct verdict *out);

#endif
