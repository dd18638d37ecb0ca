/* runtime/bench/bench.h - `orochi bench ...`: load generators that are clients over real sockets,
 * so that the server can be measured without a slow client in between. Knows messages and sockets,
 * nothing of the server. */
#ifndef ORO_BENCH_BENCH_H
#define ORO_BENCH_BENCH_H

/* argv[0] is "bench". Returns the process's exit code. Main thread. */
int oro_bench_command(int argc, char **argv);

#endif
