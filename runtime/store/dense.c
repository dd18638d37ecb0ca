/* runtime/store/dense.c */
#include "runtime/store/dense.h"

#define PAGE_SIZE (ORO_DENSE_PAGE * sizeof(oro_head))
#define AHEAD 6 /* rows that a walk asks for before it needs them */

void
oro_dense_init(struct oro_dense *d, unsigned size, bool is_signed)
{
    *d = (struct oro_dense){
        .on = true, .first = is_signed ? UINT64_C(1) << 63 : 0, .shift = 64 - 8 * size};
}

void
oro_dense_fini(struct oro_dense *d, struct oro_pool_cache *pc)
{
    for (size_t i = 0; i < d->limit / ORO_DENSE_PAGE; i++)
        oro_pool_put(pc, (void *)d->pages[i].cells, PAGE_SIZE);
    oro_free(d->pages);
    *d = (struct oro_dense){0};
}

void
oro_dense_grow(struct oro_dense *d)
{
    size_t n = d->limit / ORO_DENSE_PAGE;
    d->pages = oro_grow(d->pages, n, &d->pages_cap, sizeof(*d->pages));
    d->pages[n] = (struct oro_dense_page){0};
    d->limit += ORO_DENSE_PAGE;
}

void
oro_dense_put(struct oro_dense *d, struct oro_pool_cache *pc, size_t number,
              const struct oro_row *row)
{
    struct oro_dense_page *page = &d->pages[number / ORO_DENSE_PAGE];
    if (page->cells == NULL) {
        page->cells = oro_pool_get(pc, PAGE_SIZE);
        memset((void *)page->cells, 0, PAGE_SIZE);
    }
    page->n++;
    d->n++;
    atomic_store_explicit(&page->cells[number % ORO_DENSE_PAGE], (uintptr_t)row,
                          memory_order_release);
}

void
oro_dense_erase(struct oro_dense *d, struct oro_pool_cache *pc, size_t number)
{
    struct oro_dense_page *page = &d->pages[number / ORO_DENSE_PAGE];
    ORO_ASSERT(oro_dense_cell(d, number) != NULL);
    atomic_store_explicit(&page->cells[number % ORO_DENSE_PAGE], 0, memory_order_relaxed);
    d->n--;
    if (--page->n > 0)
        return;
    oro_pool_put(pc, (void *)page->cells, PAGE_SIZE);
    page->cells = NULL;
}

size_t
oro_dense_seek(const struct oro_dense *d, const struct oro_bound *b)
{
    if (b->word < d->first)
        return 0;
    uint64_t number = oro_dense_number(d, b->word);
    if (number >= d->limit)
        return d->limit;
    return (size_t)number + (b->after || oro_dense_word(d, (size_t)number) < b->word);
}

/* The row that a walk needs soon, if it is of the same page. */
static inline void
ask_ahead(const struct oro_dense_page *page, size_t i)
{
    if (i + AHEAD < ORO_DENSE_PAGE)
        __builtin_prefetch(
            (const void *)atomic_load_explicit(&page->cells[i + AHEAD], memory_order_relaxed));
}

oro_head *
oro_dense_next(const struct oro_dense *d, size_t *number)
{
    for (size_t at = *number; at < d->limit;) {
        const struct oro_dense_page *page = &d->pages[at / ORO_DENSE_PAGE];
        size_t i = at % ORO_DENSE_PAGE;
        for (; page->cells != NULL && i < ORO_DENSE_PAGE; i++) {
            if (atomic_load_explicit(&page->cells[i], memory_order_relaxed) == 0)
                continue;
            ask_ahead(page, i);
            *number = at - at % ORO_DENSE_PAGE + i;
            return &page->cells[i];
        }
        at += ORO_DENSE_PAGE - at % ORO_DENSE_PAGE;
    }
    *number = d->limit;
    return NULL;
}

oro_head *
oro_dense_prev(const struct oro_dense *d, size_t *number)
{
    for (size_t at = *number; at > 0; at -= (at - 1) % ORO_DENSE_PAGE + 1) {
        const struct oro_dense_page *page = &d->pages[(at - 1) / ORO_DENSE_PAGE];
        for (size_t i = (at - 1) % ORO_DENSE_PAGE + 1; page->cells != NULL && i > 0; i--) {
            if (atomic_load_explicit(&page->cells[i - 1], memory_order_relaxed) == 0)
                continue;
            if (i > AHEAD)
                __builtin_prefetch((const void *)atomic_load_explicit(&page->cells[i - 1 - AHEAD],
                                                                      memory_order_relaxed));
            *number = (at - 1) / ORO_DENSE_PAGE * ORO_DENSE_PAGE + i - 1;
            return &page->cells[i - 1];
        }
    }
    *number = 0;
    return NULL;
}

bool
oro_dense_check(const struct oro_dense *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->limit / ORO_DENSE_PAGE; i++) {
        const struct oro_dense_page *page = &d->pages[i];
        size_t here = 0;
        for (size_t j = 0; page->cells != NULL && j < ORO_DENSE_PAGE; j++)
            here += atomic_load_explicit(&page->cells[j], memory_order_relaxed) != 0;
        if (here != page->n || (here == 0) != (page->cells == NULL))
            return false;
        n += here;
    }
    return n == d->n && d->limit % ORO_DENSE_PAGE == 0;
}
