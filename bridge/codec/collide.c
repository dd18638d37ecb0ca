/* bridge/codec/collide.c - keys of strangers that have one hash. Python hashes an int to itself modulo 2^61 - 1 and a tuple by a
 * function without a secret, so a client can send 100,000 keys that all have the same hash, and putting them into a dict is
 * 5,000 million comparisons in C, where nothing interrupts them. Hence keys that are new are counted by hash, in as many buckets
 * as there are keys. What has a hash with a secret (text, bytes, Identity) or at most 64 bits (eight ints share a hash) is not
 * looked at. */
#include "bridge/codec/collide.h"

#include "bridge/codec/cerr.h"

#define FEW 64 /* keys that may collide, and keys that are not worth looking at */

static bool
may_collide(const struct oro_codec *key)
{
    switch ((enum oro_op)key->op) {
    case OP_BIG:
    case OP_UUID:
    case OP_TIMEDELTA:
    case OP_ARRAY:
    case OP_OPTION:
    case OP_PRODUCT:
    case OP_UNION:
    case OP_RESULT:
    case OP_CHECKED:
    case OP_REF:
    case OP_JSON:
        return true;
    default:
        return false;
    }
}

int
oro_collide_init(struct oro_collide *c, const struct oro_codec *key, Py_ssize_t n)
{
    *c = (struct oro_collide){0};
    if (n <= FEW || !may_collide(key))
        return 0;
    size_t buckets = 128;
    while (buckets < (size_t)n)
        buckets *= 2;
    c->counts = PyMem_Calloc(buckets, 1);
    c->mask = buckets - 1;
    return c->counts != NULL ? 0 : (PyErr_NoMemory(), -1);
}

int
oro_collide_add(struct oro_codecs *cs, struct oro_collide *c, PyObject *key)
{
    if (c->counts == NULL)
        return 0;
    Py_hash_t h = PyObject_Hash(key);
    if (h == -1)
        return -1;
    uint8_t *count = &c->counts[oro_bytes_hash(oro_bytes(&h, sizeof(h))) & c->mask];
    if (++*count > FEW)
        return oro_cerr_set(cs, "more than %d keys have the same hash", FEW);
    return 0;
}

void
oro_collide_fini(struct oro_collide *c)
{
    PyMem_Free(c->counts);
}
