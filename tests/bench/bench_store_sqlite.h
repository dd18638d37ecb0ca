/* tests/bench/bench_store_sqlite.h - the same table and operations in SQLite's `:memory:`, with prepared statements: what
 * bench_store.c is measured beside. */
#ifndef ORO_BENCH_STORE_SQLITE_H
#define ORO_BENCH_STORE_SQLITE_H

#include <stdint.h>

struct lite;

struct lite *lite_open(void);
void lite_close(struct lite *l);
void lite_begin(struct lite *l);
void lite_commit(struct lite *l);
void lite_insert(struct lite *l, uint32_t id, int64_t n);
int64_t lite_find(struct lite *l, uint32_t id);
void lite_update(struct lite *l, uint32_t id, int64_t n);
void lite_delete(struct lite *l, uint32_t id);
int64_t lite_range(struct lite *l, uint32_t from, uint32_t below); /* the sum of n */

#endif
