#include "runtime/log/reader.h"

#include "runtime/base/crc.h"

uint32_t
log_sum(uint64_t first, uint64_t last, struct oro_bytes records)
{
    uint64_t head[2] = {first, last};
    return crc32c(crc32c(0, oro_bytes(head, sizeof(head))), records);
}

oro_status
log_open(struct log_reader *r, struct db *db, const char *path, uint64_t applied,
         struct oro_err *err)
{
    *r = (struct log_reader){.path = path, .expect = applied + 1};
    /* Rows that are applied already may still be there. */
    oro_status st = db_prepare(
        db,
        "SELECT first_offset, last_offset, crc, records FROM _orochi_log WHERE last_offset >= ? "
        "ORDER BY first_offset",
        &r->stmt, err);
    if (st == ORO_OK)
        db_bind_int(r->stmt, 1, (int64_t)r->expect);
    return st;
}

void
log_close(struct log_reader *r)
{
    db_finalize(r->stmt);
    r->stmt = NULL;
}

#define LOG_REMEDY                                                                              \
    "Restore a backup (orochi restore); or keep what comes before: `orochi repair FILE` (with " \
    "the "                                                                                      \
    "--data and --name of the server) copies it into FILE"

oro_status
log_damaged(const char *path, const struct log_row *row, const char *what, struct oro_err *err)
{
    return oro_err_set(err, ORO_EMALFORMED,
                       "the log in %s is damaged: %s in the group commit of transactions %llu to "
                       "%llu. " LOG_REMEDY,
                       path, what, (unsigned long long)row->first, (unsigned long long)row->last);
}

oro_status
log_next(struct log_reader *r, struct log_row *row, bool *more, struct oro_err *err)
{
    oro_status st = db_step(r->stmt, more, err);
    if (st != ORO_OK || !*more)
        return st;
    row->first = (uint64_t)db_column_int(r->stmt, 0);
    row->last = (uint64_t)db_column_int(r->stmt, 1);
    row->records = db_column_bytes(r->stmt, 3);
    /* The first row may begin before what is applied already, no other may. */
    bool fits =
        row->first == r->expect || (!r->begun && row->first < r->expect && row->last >= r->expect);
    if (!fits || row->last < row->first)
        return oro_err_set(err, ORO_EMALFORMED,
                           "the log in %s is damaged: transaction %llu should come next, but the "
                           "next group commit has %llu to %llu. " LOG_REMEDY,
                           r->path, (unsigned long long)r->expect, (unsigned long long)row->first,
                           (unsigned long long)row->last);
    if ((uint32_t)db_column_int(r->stmt, 2) != log_sum(row->first, row->last, row->records))
        return log_damaged(r->path, row, "a wrong checksum", err);
    r->begun = true;
    r->expect = row->last + 1;
    return ORO_OK;
}
