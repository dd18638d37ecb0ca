/* runtime/sql/value.h - how the values of our types look to SQLite, and back (docs/sql.md has the table).
 *
 *   integers up to 64 bits, Bool, Timestamp, TimeDuration   INTEGER; a U64 from 2^63 on: TEXT of 20 digits, which sorts behind
 *   integers of 128 and 256 bits                            TEXT, decimal, collation oro_number
 *   F32, F64                                                REAL (NaN is NULL)
 *   String                                                  TEXT
 *   Identity, ConnectionId                                  TEXT, 0x and 64 or 32 digits
 *   Uuid                                                    TEXT, 8-4-4-4-12 digits
 *   sums whose variants carry nothing                       TEXT, the variant; collation in their order
 *   options                                                 NULL, or what is in them
 *   byte arrays                                             BLOB
 *   all others                                              TEXT, JSON with names
 *
 * Pure functions; any thread. */
#ifndef ORO_SQL_VALUE_H
#define ORO_SQL_VALUE_H

#include <sqlite3.h>

#include "bridge/bsatn/value.h"

enum sql_rep {
    REP_INT,    /* up to 64 bits, without U64 */
    REP_U64,    /* INTEGER, or TEXT from 2^63 on */
    REP_WIDE,   /* 128 and 256 bits */
    REP_REAL,   /* F32, F64 */
    REP_TEXT,   /* String */
    REP_HEX,    /* Identity, ConnectionId */
    REP_UUID,   /* Uuid */
    REP_ENUM,   /* the name of a variant */
    REP_OPTION, /* NULL, or what is in it, which is of none of these: options, JSON */
    REP_BLOB,   /* array of U8 */
    REP_JSON,   /* anything else */
};

enum sql_rep sql_rep_of(const struct oro_type *t);
/* The type whose representation a column of t has: of an option, what is in it. */
const struct oro_type *sql_inner_type(const struct oro_type *t);
/* What SQLite's rules for affinity make of the column's declared type: "INT", "TEXT", "REAL" or "BLOB". */
const char *sql_affinity(const struct oro_type *t);

/* The value at p as the result of a column. Borrows p until the statement has gone on to its next row. */
void sql_result(sqlite3_context *ctx, const struct oro_type *t, const uint8_t *p);

/* A bound of an index, or what a column is to be equal to. */
enum sql_compare { SQL_IS_EQ, SQL_IS_GT, SQL_IS_GE, SQL_IS_LT, SQL_IS_LE };
enum sql_found {
    SQL_VALUE, /* the value was appended, and *open tells whether it is left out */
    SQL_ALL,   /* no bound: more rows than asked for may come, SQLite looks again */
    SQL_NONE,  /* nothing compares so */
};
/* v is what stands beside a column of type t, which has no JSON in it. */
enum sql_found sql_bound(const struct oro_type *t, sqlite3_value *v, enum sql_compare op,
                         struct oro_bb *out, bool *open);

/* Appends the BSATN of a value of the type whose representation v is. False: it is not one. */
bool sql_encode(const struct oro_type *t, sqlite3_value *v, struct oro_bb *out);

/* Appends the BSATN of a literal beside a column of t: kind as in oro_value_from_literal. */
ORO_MUST_CHECK oro_status sql_encode_literal(const struct oro_type *t, char kind,
                                             struct oro_bytes text, struct oro_bb *out);

/* Appends the value at p as a literal that a column of t can be compared with. */
void sql_literal(const struct oro_type *t, const uint8_t *p, struct oro_bb *out);

/* Collations of decimal numbers as text, and of the variants of a sum (arg: its type). */
int sql_collate_number(void *arg, int alen, const void *a, int blen, const void *b);
int sql_collate_enum(void *arg, int alen, const void *a, int blen, const void *b);
/* -1: none is called so. */
int sql_variant(const struct oro_type *t, struct oro_bytes name);

#endif
