/* runtime/sql/value_priv.h - what value.c has for bound.c. */
#ifndef ORO_SQL_VALUE_PRIV_H
#define ORO_SQL_VALUE_PRIV_H

#include "runtime/sql/value.h"

/* Integers that SQLite has, by kind; size 0: not one of them. */
struct sql_int_range {
    int64_t min, max;
    unsigned size;
};
extern const struct sql_int_range sql_ints[ORO_KIND_COUNT];

/* The integer that is the whole value: of a Timestamp its only element. */
enum oro_kind sql_int_kind(const struct oro_type *t);
struct oro_bytes sql_text_of(sqlite3_value *v);
bool sql_u64_encode(sqlite3_value *v, struct oro_bb *out);
/* False: an F32 is not exactly d. */
bool sql_real_encode(const struct oro_type *t, double d, struct oro_bb *out);

#endif
