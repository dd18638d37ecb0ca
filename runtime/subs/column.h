/* runtime/subs/column.h - where a column lies in an encoded row. */
#ifndef ORO_SUBS_COLUMN_H
#define ORO_SUBS_COLUMN_H

#include "bridge/bsatn/value.h"

/* row: trusted bytes of the product. At once where everything before the column has a fixed size, else walking from the
 * last column for which that is so. */
static inline const uint8_t *
subs_column(const struct oro_type *product, const uint8_t *row, uint16_t col)
{
    uint32_t from = col;
    while (product->offsets[from] == ORO_VARIABLE)
        from--; /* the first is at 0 */
    const uint8_t *p = row + product->offsets[from];
    for (; from < col; from++)
        p += oro_value_len_trusted(product->elems[from].type, p);
    return p;
}

#endif
