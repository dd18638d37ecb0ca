/* runtime/base/environment.h - named text values that a module is given: its keys, modes, secrets. Never in the log and in no
 * message. Plain memory of whoever has it; what is freed is overwritten first. */
#ifndef ORO_BASE_ENVIRONMENT_H
#define ORO_BASE_ENVIRONMENT_H

#include "runtime/base/bytes.h"
#include "runtime/base/status.h"

#define ORO_ENV_KEY_MOST 256
#define ORO_ENV_VALUE_MOST 8192
#define ORO_ENV_MOST 256 /* values */

struct oro_env_value {
    char *key;
    uint8_t *data; /* UTF-8 */
    size_t len;
};
/* Sorted by key. All zero: empty. */
struct oro_env {
    struct oro_env_value *values;
    size_t n, cap;
};

bool oro_env_key_legal(const char *key); /* [A-Za-z_][A-Za-z0-9_]*, up to 256 bytes */
/* Copies both. A value that is there is replaced. ORO_EINVAL: err has the key and the reason. */
ORO_MUST_CHECK oro_status oro_env_put(struct oro_env *e, const char *key, struct oro_bytes value,
                                      struct oro_err *err);
bool oro_env_remove(struct oro_env *e, const char *key); /* whether it was there */
const struct oro_env_value *oro_env_find(const struct oro_env *e, const char *key); /* or NULL */
/* Adds copies of all values of `from`, which win. */
ORO_MUST_CHECK oro_status oro_env_merge(struct oro_env *e, const struct oro_env *from,
                                        struct oro_err *err);
void oro_env_fini(struct oro_env *e);

#endif
