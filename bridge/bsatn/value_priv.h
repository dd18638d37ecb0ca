/* bridge/bsatn/value_priv.h - where in a value we are, for messages. Each step lives on the stack of the function that
 * goes down, and is only read when something is wrong. */
#ifndef ORO_BSATN_VALUE_PRIV_H
#define ORO_BSATN_VALUE_PRIV_H

#include "bridge/bsatn/type.h"

struct oro_step {
    const struct oro_step *up; /* NULL: the value itself */
    const struct oro_type *in; /* the product, sum or array that we went into */
    uint32_t at;               /* element, variant or index */
};

/* "events[3].name"; root is put in front, and "value" stands for nothing at all. */
void oro_step_print(const struct oro_step *last, const char *root, struct oro_bb *out);
/* The type, cut short. */
void oro_step_print_type(const struct oro_type *t, struct oro_bb *out);

#endif
