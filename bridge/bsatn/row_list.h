/* bridge/bsatn/row_list.h - BsatnRowList, in which rows travel (docs/wire.md#rows). Pure functions; any thread. */
#ifndef ORO_BSATN_ROW_LIST_H
#define ORO_BSATN_ROW_LIST_H

#include "runtime/base/parts.h"

/* BsatnRowList of rows that lie one after the other (docs/wire.md#rows): FixedSize if all have one size of 1..65535, else
 * RowOffsets. A builder, so that rows are copied once. Zeroed = empty. */
struct oro_row_list {
    struct oro_bb rows;
    uint64_t *offsets;
    size_t n, cap;
    uint32_t first_len;
    bool same_len;
};
void oro_row_list_add(struct oro_row_list *l, struct oro_bytes row);
void oro_row_list_clear(struct oro_row_list *l); /* keeps memory */
void oro_row_list_fini(struct oro_row_list *l);
void oro_row_list_write(const struct oro_row_list *l, struct oro_bb *out);
/* Whole parts of out go to parts; NULL: to nowhere. */
void oro_row_list_spill(const struct oro_row_list *l, struct oro_bb *out, struct oro_parts *parts);
/* The same of rows that lie anywhere; less than 4 GiB together. Whole parts of out go to parts; NULL: to nowhere. */
void oro_row_list_put(const struct oro_bytes *rows, size_t n, struct oro_bb *out,
                      struct oro_parts *parts);

#endif
