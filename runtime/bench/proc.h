/* runtime/bench/proc.h - what the kernel says of another process: who listens on a port, and how
 * much CPU time each of its threads has used. Reads /proc only. Any thread. */
#ifndef ORO_BENCH_PROC_H
#define ORO_BENCH_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/status.h"

struct oro_proc_thread {
    int tid;
    char name[24];      /* in a sample: the thread's own; in a use: without its number */
    uint64_t cpu_ns;    /* on a CPU */
    uint64_t waited_ns; /* ready, but waiting for one */
    uint64_t runs;      /* times it was given one */
};

/* Zeroed = empty. */
struct oro_proc_sample {
    struct oro_proc_thread *threads;
    size_t n, cap;
};

/* Gives *out, ended by oro_proc_sample_fini. ORO_ENOTFOUND if there is no such process or it may
 * not be read. */
ORO_MUST_CHECK oro_status oro_proc_sample(pid_t pid, struct oro_proc_sample *out,
                                          struct oro_err *err);
void oro_proc_sample_fini(struct oro_proc_sample *s);

/* What was used between two samples of a process, added up over threads that are alike but for a
 * number ("worker-0", "worker-1"), the most CPU first. Threads that ended in between are lost.
 * Gives *out. */
void oro_proc_use(const struct oro_proc_sample *before, const struct oro_proc_sample *after,
                  struct oro_proc_sample *out);

/* The process that listens on this TCP port of this machine; 0 if none is found (or none that we
 * may look at). */
pid_t oro_proc_listener(uint16_t port);

#endif
