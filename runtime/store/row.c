/* runtime/store/row.c */
#include "runtime/store/row.h"

struct oro_row *
oro_row_new(struct oro_pool_cache *pc, struct oro_bytes bytes, uint32_t nlinks)
{
    ORO_ASSERT(bytes.len <= UINT32_MAX);
    struct oro_row *r = oro_pool_get(pc, oro_row_size(nlinks, bytes.len));
    atomic_init(&r->begin, ORO_SEQ_MAX);
    atomic_init(&r->end, ORO_SEQ_MAX);
    r->len = (uint32_t)bytes.len;
    r->nlinks = nlinks;
    memset((void *)r->links, 0, nlinks * sizeof(uintptr_t));
    if (bytes.len > 0)
        memcpy(oro_row_data(r), bytes.data, bytes.len);
    return r;
}

void
oro_row_free(struct oro_pool_cache *pc, struct oro_row *r)
{
    if (r != NULL)
        oro_pool_put(pc, r, oro_row_size(r->nlinks, r->len));
}

struct oro_bytes
oro_row_bytes(const struct oro_row *row)
{
    return oro_bytes(oro_row_data(row), row->len);
}
