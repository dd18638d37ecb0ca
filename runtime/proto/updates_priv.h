/* runtime/proto/updates_priv.h - updates of clients that see the same changes: put together once, and linked for each. */
#ifndef ORO_PROTO_UPDATES_PRIV_H
#define ORO_PROTO_UPDATES_PRIV_H

#include "runtime/proto/proto.h"
#include "runtime/subs/subs.h"

/* Wire formats of changes; protocols that have the same one share what was made. */
enum wire_format {
    FORMAT_V2,
    FORMAT_V1,
    FORMAT_COUNT,
    FORMAT_V1_CALLER = FORMAT_COUNT /* of no change by itself: with what one gets who called it */
};
_Static_assert(FORMAT_COUNT <= ORO_SUBS_FORMATS, "room in each change");

/* What was put together for these notices in this format; empty: nothing yet, and the caller fills it. Borrowed until
 * oro_updates_clear. */
struct oro_parts *updates_find(struct oro_updates *u, enum wire_format format,
                               const struct oro_subs_notice *notices, size_t n);

#endif
