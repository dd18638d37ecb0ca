/* runtime/log/record.h - transactions as bytes in the log. Pure functions; any thread.
 *
 * A group commit is one blob, for offsets first..last:
 *
 *     transaction*     each: varint (offset - offset of the one before; the first: - (first - 1)), varint count, op*
 *     op               u8 kind, varint stored table id, then
 *       PUT            varint length, row            the row there is now: inserted, or in place of the one with its key
 *       DELETE         varint length, key or row     BSATN of the primary key, or the whole row of a table without one
 *       SEQUENCE       varint column, u64            first value that is not reserved
 *       INIT           varint 0                      (table 1, which says nothing) init's transaction: it has run
 *
 * Offsets of transactions that touched event tables only are left out: nothing of them is kept. */
#ifndef ORO_LOG_RECORD_H
#define ORO_LOG_RECORD_H

#include "runtime/store/commit.h"

enum record_kind { RECORD_PUT = 1, RECORD_DELETE = 2, RECORD_SEQUENCE = 3, RECORD_INIT = 4 };

struct record_op {
    enum record_kind kind;
    uint32_t table; /* stored id */
    struct oro_bytes bytes;
    uint32_t column;
    uint64_t allocated;
};

/* Ids as stored, by position in the schema; 0: not stored (event tables). */
struct record_ids {
    const struct oro_schema *schema;
    const uint32_t *ids;
};

/* Appends the transaction if there is anything to keep of it; *last is the offset of the one before it in this blob, and
 * then its own. False: nothing appended. */
bool record_put(struct oro_bb *out, const struct record_ids *ids, const struct oro_commit *c,
                uint64_t *last);

struct record_reader {
    const uint8_t *at, *end;
    uint64_t offset; /* of the transaction at hand */
    uint64_t ops;    /* of it still to come */
};
struct record_reader record_reader(struct oro_bytes blob, uint64_t first);
/* Next transaction; *more false at the end. ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status record_next_tx(struct record_reader *r, bool *more);
/* Next op of the transaction at hand; *more false after the last. Borrows from the blob. */
ORO_MUST_CHECK oro_status record_next_op(struct record_reader *r, struct record_op *op, bool *more);

/* The column's bytes in a row of trusted BSATN. */
struct oro_bytes record_column(const struct oro_type *product, struct oro_bytes row, uint16_t col);

#endif
