/* tests/durable/disk.h - a disk that fails: an SQLite VFS over the real files that knows of each what has been synced. It can
 * end the process at the n-th operation that changes something, as a power cut does, or let operations fail. Syncs reach no
 * real disk, so this is quick. One process; any thread. */
#ifndef ORO_TESTS_DURABLE_DISK_H
#define ORO_TESTS_DURABLE_DISK_H

#include <stdbool.h>

/* What a power cut leaves of the writes that were not synced. */
enum disk_loss {
    DISK_KEEPS,    /* all of them, as when only the process dies */
    DISK_DROPS,    /* none */
    DISK_TEARS,    /* all but the last, of which the first half of the sectors */
    DISK_SHUFFLES, /* some, whatever their order */
    DISK_LOSSES,
};

/* Becomes the default for every connection opened from here on. */
void disk_mount(void);
/* Ends the process with DISK_EXIT at the n-th operation from here (1: the next); 0: never. That one is not done any more, but
 * counts as not synced. */
#define DISK_EXIT 99
void disk_cut(unsigned n, enum disk_loss loss);
/* So many were counted since disk_cut. */
unsigned disk_operations(void);

/* From the n-th write, or sync, on they fail: with `no space`, or as a broken disk does; until disk_heal. files: only those
 * whose name contains it; NULL: all. */
void disk_fill(unsigned n, const char *files);
void disk_break_writes(unsigned n, const char *files);
void disk_break_syncs(unsigned n, const char *files);
void disk_heal(void);
/* Syncs wait until they are let go on. */
void disk_hold_syncs(bool hold);
/* Planted: syncs of files whose name ends so do nothing, and say that all is well. */
void disk_lie(const char *ending);

#endif
