/* bridge/bsatn/environment.h - what a module says of the environment that it wants (@environment), and whether one is that. Pure
 * functions; any thread. */
#ifndef ORO_BSATN_ENVIRONMENT_H
#define ORO_BSATN_ENVIRONMENT_H

#include "bridge/bsatn/schema.h"
#include "runtime/base/environment.h"

enum oro_env_kind { ORO_ENV_TEXT, ORO_ENV_INT, ORO_ENV_FLOAT, ORO_ENV_BOOL };

struct oro_env_decl {
    const char *name;
    enum oro_env_kind kind;
    const char **words; /* it is one of these; nwords 0: any */
    uint32_t nwords;
    bool optional;
};

/* Reads the section Environment of a definition of version 10, and what ours adds to it. */
struct oro_load;
oro_status oro_load_environment(struct oro_load *l, uint32_t section, uint32_t own);

/* ORO_EINVAL: err names the first key that is missing, or whose value is none of its own; the value is in no message. */
ORO_MUST_CHECK oro_status oro_env_check(const struct oro_schema *s, const struct oro_env *e,
                                        struct oro_err *err);
/* Calls told for each required key that is not there. */
void oro_env_missing(const struct oro_schema *s, const struct oro_env *e,
                     void (*told)(void *arg, const char *key), void *arg);

#endif
