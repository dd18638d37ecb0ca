/* runtime/log/log_sqlite.h - the log as an SQLite file in WAL mode, or as a table within another one.
 *
 *     _orochi_log    one row for each group commit (record.h), with a CRC-32C
 *     _orochi_log_parts   what follows the row's bytes, of a batch that is too large for one; the CRC is over all of it. The table is
 *                    there since the first such batch
 *     _orochi_meta   `_log`, a random text by which it is known; `_dropped`, the last offset that was cut off
 *
 * SQLite has one writer for each file, and cuts and appends are writes: two connections, and a lock at which the append goes
 * first (turn.h). A WAL is copied into its file by the cutter. */
#ifndef ORO_LOG_LOG_SQLITE_H
#define ORO_LOG_LOG_SQLITE_H

#include "runtime/db/db.h"
#include "runtime/log/log.h"

#define LOG_TABLE_SQL                                                                        \
    "CREATE TABLE IF NOT EXISTS _orochi_log (first_offset INTEGER PRIMARY KEY, last_offset " \
    "INTEGER NOT NULL, crc INTEGER NOT NULL, records BLOB NOT NULL);"

#define LOG_PARTS_SQL                                                                           \
    "CREATE TABLE IF NOT EXISTS _orochi_log_parts (last_offset INTEGER NOT NULL, part INTEGER " \
    "NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (last_offset, part)) WITHOUT ROWID"

/* Of a log that is made anew. A group commit of few transactions rewrites a page or two, so the page is what it costs: with 16 KiB
 * each of 64 clients that wait for their answers cost 1,100 bytes a call on disk, with 4 KiB 610. A large one is a third more
 * calls and copies, 0.06 us for each of its transactions. */
#define LOG_PAGE 4096u
#define WAL_KEEP (32u << 20) /* what a WAL that was larger is cut to */

/* Opens a database with the settings that both files have. Gives *out. */
ORO_MUST_CHECK oro_status data_open(const char *path, const char *sync, unsigned page_size,
                                    unsigned cache_kib, struct db **out, struct oro_err *err);
/* With its WAL. */
ORO_MUST_CHECK oro_status data_delete(const char *database, struct oro_err *err);

/* A new one, on disk before it returns, for a database that has everything up to `end`. sync: PRAGMA synchronous. Gives *out. */
ORO_MUST_CHECK oro_status log_sqlite_make(const char *path, const char *sync, uint64_t end,
                                          struct oro_txlog **out, struct oro_err *err);
/* One that is there. Its end is the last offset that is, or was, in it. Gives *out. ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status log_sqlite_open(const char *path, const char *sync,
                                          struct oro_txlog **out, struct oro_err *err);
/* The table within a file of tables, as a backup has it. Borrows db; path: for messages. Gives *out. */
ORO_MUST_CHECK oro_status log_sqlite_within(struct db *db, const char *path, struct oro_txlog **out,
                                            struct oro_err *err);

/* The text by which it is known; "" where it has none. */
const char *log_sqlite_id(const struct oro_txlog *log);
/* The last offset that was cut off; 0: none was, so far as it knows. */
uint64_t log_sqlite_dropped(const struct oro_txlog *log);
/* The appender's connection, for a copy of what is in it. */
struct db *log_sqlite_db(struct oro_txlog *log);
/* The next batch follows `end`: the tables have more than the log. */
void log_sqlite_go_on_from(struct oro_txlog *log, uint64_t end);
/* The cutter gets a connection of its own. What it deletes is synced as well: of the transactions in a WAL only the last may be
 * torn (wal.h). */
ORO_MUST_CHECK oro_status log_sqlite_divide(struct oro_txlog *log, const char *sync,
                                            struct oro_err *err);
/* Makes the file that says how far it was confirmed (confirmed.h). synced: each append is. Before the first confirm. */
ORO_MUST_CHECK oro_status log_sqlite_begin(struct oro_txlog *log, const char *confirmed_path,
                                           bool synced, struct oro_err *err);
/* The same for any connection: Gives *out, NULL: it has none. */
ORO_MUST_CHECK oro_status log_pairing(struct db *db, char **out, struct oro_err *err);
/* The sum that guards a row. */
uint32_t log_sum(uint64_t first, uint64_t last, struct oro_bytes records);

/* For tests: the file may not grow beyond so many pages (0: no limit). */
void log_sqlite_limit(struct oro_txlog *log, unsigned pages);

#endif
