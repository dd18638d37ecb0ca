#include "runtime/base/environment.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/utf8.h"

bool
oro_env_key_legal(const char *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t n = strlen(key);
    return n > 0 && n <= ORO_ENV_KEY_MOST && strspn(key, letters) == n &&
           (key[0] < '0' || key[0] > '9');
}

static void
value_drop(struct oro_env_value *v)
{
    explicit_bzero(v->data, v->len);
    oro_free(v->data);
    oro_free(v->key);
}

/* Where the key is, or belongs. */
static size_t
place_of(const struct oro_env *e, const char *key, bool *found)
{
    size_t at = 0;
    while (at < e->n && strcmp(e->values[at].key, key) < 0)
        at++;
    *found = at < e->n && strcmp(e->values[at].key, key) == 0;
    return at;
}

const struct oro_env_value *
oro_env_find(const struct oro_env *e, const char *key)
{
    bool found;
    size_t at = place_of(e, key, &found);
    return found ? &e->values[at] : NULL;
}

oro_status
oro_env_put(struct oro_env *e, const char *key, struct oro_bytes value, struct oro_err *err)
{
    bool found;
    if (!oro_env_key_legal(key))
        return oro_err_set(err, ORO_EINVAL,
                           "environment key: invalid name: letters, digits and _, no digit first, up "
                           "to %d bytes",
                           ORO_ENV_KEY_MOST);
    if (value.len > ORO_ENV_VALUE_MOST)
        return oro_err_set(err, ORO_EINVAL,
                           "environment key \"%s\": value exceeds size limit of %d bytes", key,
                           ORO_ENV_VALUE_MOST);
    if (!oro_utf8_valid(value))
        return oro_err_set(err, ORO_EINVAL, "environment key \"%s\": value is no UTF-8", key);
    size_t at = place_of(e, key, &found);
    if (!found && e->n >= ORO_ENV_MOST)
        return oro_err_set(err, ORO_EINVAL,
                           "environment key \"%s\": too many stored values, there may be %d", key,
                           ORO_ENV_MOST);
    if (found) {
        value_drop(&e->values[at]);
    } else {
        e->values = oro_grow(e->values, e->n, &e->cap, sizeof(*e->values));
        memmove(&e->values[at + 1], &e->values[at], (e->n - at) * sizeof(*e->values));
        e->n++;
    }
    uint8_t *data = oro_alloc(value.len + 1);
    if (value.len > 0)
        memcpy(data, value.data, value.len);
    data[value.len] = '\0';
    e->values[at] = (struct oro_env_value){oro_strdup(key), data, value.len};
    return ORO_OK;
}

bool
oro_env_remove(struct oro_env *e, const char *key)
{
    bool found;
    size_t at = place_of(e, key, &found);
    if (!found)
        return false;
    value_drop(&e->values[at]);
    e->n--;
    memmove(&e->values[at], &e->values[at + 1], (e->n - at) * sizeof(*e->values));
    return true;
}

oro_status
oro_env_merge(struct oro_env *e, const struct oro_env *from, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < from->n; i++)
        st = oro_env_put(e, from->values[i].key,
                         oro_bytes(from->values[i].data, from->values[i].len), err);
    return st;
}

void
oro_env_fini(struct oro_env *e)
{
    for (size_t i = 0; i < e->n; i++)
        value_drop(&e->values[i]);
    oro_free(e->values);
    *e = (struct oro_env){0};
}
