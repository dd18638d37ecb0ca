/* runtime/db/db.h - the little of SQLite that we need, with our error idiom. db.c is the only file that includes
 * sqlite3.h. A connection and its statements belong to one thread at a time. */
#ifndef ORO_DB_DB_H
#define ORO_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/status.h"

struct db;
struct db_stmt;

/* Gives *out. ORO_EIO. */
ORO_MUST_CHECK oro_status db_open(const char *path, struct db **out, struct oro_err *err);
/* The same for a file that has to be there and is only read. */
ORO_MUST_CHECK oro_status db_open_reading(const char *path, struct db **out, struct oro_err *err);
void db_close(struct db *db); /* Takes db; its statements are finalized already */
/* The same, and the last connection leaves the WAL beside the file. */
void db_close_as_is(struct db *db);
/* One or more statements without results. ORO_EFULL: no room on the disk; ORO_EMALFORMED: the
 * file is damaged; ORO_EIO: the rest. */
ORO_MUST_CHECK oro_status db_exec(struct db *db, const char *sql, struct oro_err *err);
ORO_PRINTF(3, 4)
ORO_MUST_CHECK oro_status db_execf(struct db *db, struct oro_err *err, const char *fmt, ...);
/* First column of the first row, 0 when there is none. */
ORO_MUST_CHECK oro_status db_int(struct db *db, const char *sql, int64_t *out, struct oro_err *err);
/* The same as text. Gives *out, NULL when there is none. */
ORO_MUST_CHECK oro_status db_text(struct db *db, const char *sql, char **out, struct oro_err *err);
/* The last failure was one of syncing: the system may have dropped what it could not write, and a sync that is tried again
 * says nothing about it. */
bool db_sync_failed(struct db *db);
/* Gives back the pages it keeps in memory. */
void db_release_memory(struct db *db);
/* Undoes what a failed statement left open; harmless without a transaction. */
void db_rollback(struct db *db);
/* Copies what is committed from the WAL into the file as far as readers allow. *pages: in the WAL, *done: copied. */
ORO_MUST_CHECK oro_status db_wal_checkpoint(struct db *db, bool truncate, int *pages, int *done,
                                            struct oro_err *err);

/* Replaces what `to` holds with one consistent state of `from`, whoever writes there meanwhile. */
ORO_MUST_CHECK oro_status db_copy(struct db *from, struct db *to, struct oro_err *err);

/* Gives *out, ended by db_finalize. */
ORO_MUST_CHECK oro_status db_prepare(struct db *db, const char *sql, struct db_stmt **out,
                                     struct oro_err *err);
void db_finalize(struct db_stmt *s);
void db_reset(struct db_stmt *s); /* also unbinds */
/* Positions from 1. Blobs and texts are borrowed until the reset. */
void db_bind_int(struct db_stmt *s, int pos, int64_t v);
void db_bind_real(struct db_stmt *s, int pos, double v);
void db_bind_blob(struct db_stmt *s, int pos, struct oro_bytes b);
void db_bind_text(struct db_stmt *s, int pos, struct oro_bytes b);
void db_bind_text_copy(struct db_stmt *s, int pos, struct oro_bytes b);
void db_bind_null(struct db_stmt *s, int pos);
/* The value of a column of another statement, as it is. */
void db_bind_copy(struct db_stmt *s, int pos, struct db_stmt *from, int col);
/* *row: there is a row to look at (columns from 0, valid until the next step or reset). */
ORO_MUST_CHECK oro_status db_step(struct db_stmt *s, bool *row, struct oro_err *err);
/* Steps a statement without results, and resets it. */
ORO_MUST_CHECK oro_status db_run(struct db_stmt *s, struct oro_err *err);
int64_t db_column_int(struct db_stmt *s, int col);
double db_column_real(struct db_stmt *s, int col);
bool db_column_is_null(struct db_stmt *s, int col);
struct oro_bytes db_column_bytes(struct db_stmt *s, int col); /* blob or text */
char *db_column_str(struct db_stmt *s, int col);              /* Gives a copy */

/* Appends "name" with its quotes doubled. */
struct oro_bb;
void db_put_name(struct oro_bb *out, const char *name);

#endif
