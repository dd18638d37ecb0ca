/* runtime/log/record.h - transactions as bytes in the log. Pure functions; any thread.
 *
 * A group commit is one blob, for offsets first..last:
 *
 *     u8 0, u8 version (2), transaction*
 *     transaction      varint (offset - offset of the one before; the first: - (first - 1)), varint count, u8 what, call?, op*
 *       what           0: no call; else its origin's kind + 1, and bit 7: `dt` follows the arguments
 *       call           function, caller, zigzag varint (timestamp - that of the call before; the first: - 0), varint length,
 *                      arguments, f64 dt
 *       function       varint 0: none; 1: varint length, name; else 2 + the place in the blob of a name that stands there so
 *       caller         varint 0: nobody; 1: identity, connection (48 bytes); else 2 + the place of those
 *     op               u8 kind, varint stored table id, then
 *       PUT            varint length, row            the row there is now: inserted, or in place of the one with its key
 *       DELETE         varint length, key or row     BSATN of the primary key, or the whole row of a table without one
 *       SEQUENCE       varint column, u64            first value that is not reserved
 *       INIT           varint 0                      (table 1, which says nothing) init's transaction: it has run
 *
 * So each blob can be read by itself, and a name or a caller stands in it once. Before format 5 there were no calls: a blob
 * began with its first transaction (whose step is never 0), and a transaction with its ops.
 *
 * Offsets of transactions that touched event tables only are left out: nothing of them is kept. */
#ifndef ORO_LOG_RECORD_H
#define ORO_LOG_RECORD_H

#include "runtime/log/log.h"
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

/* Where a name or a caller stands in the blob. */
struct record_place {
    uint32_t at, len; /* len 0: nowhere */
};
#define RECORD_NAMES 64
#define RECORD_CALLERS 1024

/* So much of a transaction's rows stands in a blob; the rest of a larger one, the last in it, is made in pieces of this size while
 * they are written. */
#define RECORD_PIECE ((size_t)1 << 20)

/* One blob after another, by one thread. Zeros are a new one, with an empty blob. */
struct record_writer {
    struct oro_bb out, name;
    uint64_t last; /* offset of the last transaction in it, or before it */
    int64_t time_us;
    struct record_place names[RECORD_NAMES], callers[RECORD_CALLERS]; /* by hash; newer ones win */
    struct oro_txlog_rest rest;
    const struct oro_commit *large; /* whose ops are not all in `out`; NULL: all is */
    const struct record_ids *ids;
    uint32_t rest_from, rest_at; /* its ops */
    struct oro_bb piece;
    uint64_t rest_bytes; /* of the pieces made since it was rewound */
};
/* Begins a blob whose first transaction comes after the offset `last`. */
void record_begin(struct record_writer *w, uint64_t last);
/* Appends the transaction if there is anything to keep of it. False: nothing appended. Where record_rest() is not NULL afterwards
 * c and ids are borrowed until record_begin, and nothing more fits. */
bool record_put(struct record_writer *w, const struct record_ids *ids, const struct oro_commit *c);
/* What comes behind `out`, or NULL: nothing. Part of w. */
struct oro_txlog_rest *record_rest(struct record_writer *w);
/* Bytes of the blob, the rest as far as it was made since it was rewound. */
uint64_t record_size(const struct record_writer *w);
void record_fini(struct record_writer *w);

/* Borrows from the blob. */
struct record_call {
    bool known; /* there is one */
    uint8_t kind;
    int64_t timestamp_us;
    struct oro_call call; /* frame: NULL */
};
struct record_reader {
    const uint8_t *begin, *at, *end;
    uint64_t offset; /* of the transaction at hand */
    uint64_t ops;    /* of it still to come */
    bool with_calls;
    int64_t time_us;
    struct record_call call; /* of the transaction at hand */
};
struct record_reader record_reader(struct oro_bytes blob, uint64_t first);
/* Next transaction; *more false at the end. ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status record_next_tx(struct record_reader *r, bool *more);
/* Next op of the transaction at hand; *more false after the last. Borrows from the blob. */
ORO_MUST_CHECK oro_status record_next_op(struct record_reader *r, struct record_op *op, bool *more);

/* The column's bytes in a row of trusted BSATN. */
struct oro_bytes record_column(const struct oro_type *product, struct oro_bytes row, uint16_t col);

#endif
