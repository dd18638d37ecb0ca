/* v3.bsatn.spacetimedb (docs/wire.md#frames): v2's messages, one or more in a frame, both ways. */
#include "runtime/proto/v2_priv.h"

const struct oro_proto oro_proto_v3 = {
    .name = "v3.bsatn.spacetimedb",
    .framing = ORO_FRAMING_STREAM,
    .many = true,
    V2_MESSAGES,
};
