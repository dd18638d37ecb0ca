/* runtime/exec/turns_of.h - who asks, for whoever deals out turns (writers/turns.h, readers.h) and room (shares.h). */
#ifndef ORO_EXEC_TURNS_OF_H
#define ORO_EXEC_TURNS_OF_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/id.h"

/* Those of one identity share what they are given; so do the newcomers of one address, since identities cost nothing. */
struct oro_turns_of {
    struct oro_identity identity;
    uint64_t
        source; /* a number for where it comes from, whose newcomers are taken together; 0: nowhere that others come from */
    bool known; /* it is no newcomer: its token is older than a minute */
};

#endif
