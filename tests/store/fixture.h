/* tests/store/fixture.h - schemas built by hand, rows written field by field. */
#ifndef ORO_TESTS_STORE_FIXTURE_H
#define ORO_TESTS_STORE_FIXTURE_H

#include <stdarg.h>

#include "bridge/bsatn/schema.h"
#include "runtime/store/tx.h"

#define FX_TABLES 16

/* An empty schema; tables are added before the store is made. */
struct oro_schema *fx_schema(void);
void fx_schema_free(struct oro_schema *s);
/* cols: "id:u32 name:string n:i64". pk: column or -1. The index of the primary key is added with
 * fx_index. */
struct oro_table_def *fx_table(struct oro_schema *s, const char *name, const char *cols, int pk);
/* cols: "0" or "2,1". */
const struct oro_index_def *fx_index(struct oro_table_def *t, enum oro_index_kind kind, bool unique,
                                     const char *cols);
void fx_sequence(struct oro_table_def *t, uint16_t col);

/* One row: values as the columns want them (int64_t or uint64_t for every integer, const char * for
 * strings). At most 16 at a time are kept; the bytes belong to the fixture. */
struct oro_bytes fx_row(const struct oro_table_def *t, ...);
/* Values of the first n columns of an index. */
struct oro_bytes fx_key(const struct oro_table_def *t, const struct oro_index_def *ix, unsigned n,
                        ...);
/* An integer column of a row, sign or zero extended; the length of a string column. */
int64_t fx_int(const struct oro_table_def *t, struct oro_bytes row, unsigned col);

extern const struct oro_origin fx_origin;
uint64_t fx_commit(struct oro_tx *tx); /* asserts that it succeeds; gives the seq */

/* A deterministic generator. */
uint64_t fx_rand(uint64_t *state);

#endif
