/* runtime/tables/layout.h - one ordinary SQL table for each table of the module, for people and their tools, with the exact
 * row beside it for us.
 *
 *     _key BLOB   order-preserving key of the primary key (tables without one: absent, and _row is the key)
 *     columns     bool, integers up to 64 bits, Timestamp, TimeDuration (microseconds): INTEGER; a u64 above 2^63 - 1 and the
 *                 wider integers: TEXT in decimal digits; floats: REAL (NaN: NULL); strings, Uuid, names of enum variants:
 *                 TEXT; Identity, ConnectionId: TEXT in hex; bytes: BLOB; options of these: NULL or the value; the rest:
 *                 TEXT, SATS-JSON
 *     _row BLOB   BSATN, all that recovery reads but of rows that were edited by hand (edits.h), and four bytes of its CRC-32C: SQLite has no sums of its own
 *
 * Names that SQLite cannot take as they are (equal but for case, reserved) get _ and a number. */
#ifndef ORO_TABLES_LAYOUT_H
#define ORO_TABLES_LAYOUT_H

#include "bridge/bsatn/schema.h"
#include "runtime/db/db.h"

/* Beyond these a table's columns are in _row only: SQLite takes 2000. */
#define LAYOUT_MAX_COLUMNS 1900

#define LAYOUT_SUM 4u /* bytes behind a stored row */

struct layout {
    const struct oro_table_def *def;
    uint32_t id; /* stored id; 0: event table, not stored */
    char *sql_name;
    char **columns; /* SQL names */
    uint32_t ncolumns;
    struct oro_bb scratch;
    /* Prepared on demand on the connection that writes. */
    struct db_stmt *put, *del;
};

/* Picks the names of the columns. Copies sql_name; ended by layout_fini. */
void layout_init(struct layout *l, const struct oro_table_def *def, uint32_t id,
                 const char *sql_name);
void layout_fini(struct layout *l);
/* A table name that SQLite takes and no other table has: `exists` says which are in use. Gives. */
char *layout_pick_name(const char *name, uint32_t id,
                       bool (*exists)(void *arg, const char *candidate), void *arg);
ORO_MUST_CHECK oro_status layout_create(const struct layout *l, struct db *db, struct oro_err *err);
/* Puts the key of a row (its primary key's, or the row itself) into *out. */
void layout_key(const struct layout *l, struct oro_bytes row, struct oro_bb *out);
/* The same from what a DELETE record has. */
void layout_key_of_delete(const struct layout *l, struct oro_bytes key_or_row, struct oro_bb *out);
ORO_MUST_CHECK oro_status layout_put(struct layout *l, struct db *db, struct oro_bytes key,
                                     struct oro_bytes row, struct oro_err *err);
/* Binds what the columns say of a row, from a position on. */
void layout_bind_columns(const struct layout *l, struct db_stmt *s, int pos, struct oro_bytes row);
/* *there: a row with this key. */
ORO_MUST_CHECK oro_status layout_has(const struct layout *l, struct db *db, struct oro_bytes key,
                                     bool *there, struct oro_err *err);
ORO_MUST_CHECK oro_status layout_delete(struct layout *l, struct db *db, struct oro_bytes key,
                                        struct oro_err *err);
/* The row of a `_row`. ORO_EMALFORMED: its sum is wrong. Borrows from stored. */
ORO_MUST_CHECK oro_status layout_row(struct oro_bytes stored, struct oro_bytes *row,
                                     struct oro_err *err);
/* Ends the prepared statements. */
void layout_unprepare(struct layout *l);

#endif
