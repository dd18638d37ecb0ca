/* runtime/log/reader.h - the group commits of a log, one after the other. One thread. */
#ifndef ORO_LOG_READER_H
#define ORO_LOG_READER_H

#include "runtime/db/db.h"

/* Reads the log in order, checking sums and that nothing is missing. */
struct log_reader {
    struct db_stmt *stmt;
    const char *path;
    uint64_t expect; /* the offset that has to come next */
    bool begun;
};
struct log_row {
    uint64_t first, last;
    struct oro_bytes records; /* borrowed until the next row */
};
ORO_MUST_CHECK oro_status log_open(struct log_reader *r, struct db *db, const char *path,
                                   uint64_t applied, struct oro_err *err);
ORO_MUST_CHECK oro_status log_next(struct log_reader *r, struct log_row *row, bool *more,
                                   struct oro_err *err);
void log_close(struct log_reader *r);
/* A message for a blob that passed its sum and does not decode, or decodes to nonsense. */
oro_status log_damaged(const char *path, const struct log_row *row, const char *what,
                       struct oro_err *err);
/* The sum that guards a row of the log. */
uint32_t log_sum(uint64_t first, uint64_t last, struct oro_bytes records);

#endif
