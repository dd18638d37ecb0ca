/* bridge/db/lost.h - changed rows that were dropped (lost.c). */
#ifndef ORO_DB_LOST_H
#define ORO_DB_LOST_H

#include "bridge/rows/row.h"

/* A changed row that was dropped. */
#define ORO_LOST_MAX 8 /* of one call */
struct oro_lost {
    struct oro_rowclass *rc;
    uint8_t *data; /* owned: the row as it was read */
    uint32_t len;
    uint64_t cols;
    struct oro_place place;
};

struct oro_db;
void oro_lost_add(struct oro_row *r);          /* the row dies; for oro_rowspace.lost */
void oro_lost_end(struct oro_db *db, bool ok); /* the reducer has ended; ok: tell */

#endif
