/* The format of a file of tables: whether one is ours, and what an empty one is given. */
#include <string.h>

#include "runtime/durable/durable_priv.h"

static const char tables_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS _orochi_meta (key TEXT PRIMARY KEY, value) WITHOUT "
    "ROWID;" LOG_TABLE_SQL
    "CREATE TABLE IF NOT EXISTS _orochi_schema (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "sql_name TEXT NOT NULL,"
    " pk INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _orochi_columns (table_id INTEGER NOT NULL, position INTEGER NOT "
    "NULL, name TEXT NOT NULL,"
    " type TEXT NOT NULL, initial BLOB, PRIMARY KEY (table_id, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _orochi_types (position INTEGER PRIMARY KEY, type TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _orochi_sequences (table_id INTEGER NOT NULL, column INTEGER NOT "
    "NULL,"
    " allocated INTEGER NOT NULL, PRIMARY KEY (table_id, column)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _orochi_rows (table_id INTEGER PRIMARY KEY, rows INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO _orochi_meta VALUES ('_applied', 0);"
    "PRAGMA application_id = %d;"
    "PRAGMA user_version = %d;"
    "COMMIT";

oro_status
data_format(struct db *db, bool *empty, struct oro_err *err)
{
    int64_t app = 0, version = 0, tables = 0;
    oro_status st = db_int(db, "PRAGMA application_id", &app, err);
    if (st == ORO_OK)
        st = db_int(db, "PRAGMA user_version", &version, err);
    if (st == ORO_OK)
        st = db_int(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st != ORO_OK)
        return st;
    if (tables > 0 && app != APPLICATION_ID)
        return oro_err_set(err, ORO_EMALFORMED,
                           "it is an SQLite file of something else. Nothing was changed. Bring the "
                           "database back under this name. Or: Restore a backup (orochi restore)");
    if (tables > 0 && version > FORMAT_VERSION)
        return oro_err_set(err, ORO_EINVAL,
                           "a newer version of this server wrote it (format %lld, known is %d)",
                           (long long)version, FORMAT_VERSION);
    if (tables > 0 && version < FORMAT_OLDEST)
        return oro_err_set(
            err, ORO_EINVAL,
            "a version of this server before its first release wrote it (format "
            "%lld, this one reads %d and newer ones). Keep the file and that version, or start "
            "with --delete-data to begin empty",
            (long long)version, FORMAT_OLDEST);
    *empty = tables == 0;
    return ORO_OK;
}

oro_status
damaged_advise(const char *path, oro_status st, const struct oro_err *from, struct oro_err *err)
{
    bool told = st != ORO_EMALFORMED || strstr(from->text, "Restore a backup") != NULL;
    if (told)
        return oro_err_set(err, st, "%s", from->text);
    return oro_err_set(err, st, "%s. " DAMAGED, from->text, path);
}

oro_status
data_make(struct db *db, struct oro_err *err)
{
    oro_status st = db_execf(db, err, tables_sql, APPLICATION_ID, FORMAT_VERSION);
    db_rollback(db);
    return st;
}
