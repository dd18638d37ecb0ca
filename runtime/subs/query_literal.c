/* Literals of a query as values of the type beside them, in the forms of docs/semantics.md#queries (SQL-22 to SQL-27). */
#include "runtime/subs/query_type.h"

#include <string.h>

/* The variant of an enum whose variants carry nothing, by name, or as the official TypeScript builder writes it:
 * {"tag":"Red"}. */
static bool
variant_of(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    static const char head[] = "{\"tag\":\"", tail[] = "\"}";
    size_t nhead = sizeof(head) - 1, ntail = sizeof(tail) - 1;
    if (text.len > nhead + ntail && memcmp(text.data, head, nhead) == 0 &&
        memcmp(text.data + text.len - ntail, tail, ntail) == 0)
        text = oro_bytes(text.data + nhead, text.len - nhead - ntail);
    for (uint32_t i = 0; i < t->nelems; i++) {
        struct oro_bytes name = oro_bytes_str(t->elems[i].name);
        if (oro_bytes_eq(text, name) || query_spells(text, t->elems[i].name)) {
            oro_bb_u8(out, (uint8_t)i);
            return true;
        }
    }
    return false;
}

static bool
is_number(const struct oro_type *t)
{
    return t->kind > ORO_BOOL && t->kind < ORO_KIND_COUNT;
}

/* SQL-24: digits, and not the names of what no number is. */
static bool
is_plain_number(struct oro_bytes text)
{
    size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    return i < text.len && ((text.data[i] >= '0' && text.data[i] <= '9') || text.data[i] == '.');
}

/* SQL-22: the L behind the digits says nothing. */
static struct oro_bytes
without_suffix(struct oro_bytes number)
{
    bool suffix = number.len > 1 && number.data[number.len - 1] == 'L';
    return oro_bytes(number.data, number.len - suffix);
}

static bool
put_literal(const struct oro_type *t, char kind, struct oro_bytes text, struct oro_bb *out)
{
    if (t->special == ORO_OPTION) {
        oro_bb_u8(out, kind == SQL_NULL); /* some is 0 */
        return kind == SQL_NULL || put_literal(oro_type_resolve(t->elems[0].type), kind, text, out);
    }
    if (kind == SQL_NULL)
        return false;
    if (kind == 'n')
        text = without_suffix(text);
    if (t->kind == ORO_SUM)
        return kind == 's' && variant_of(t, text, out);
    if (kind == 's' && is_number(t))
        return is_plain_number(text) && oro_value_from_literal(t, 'n', text, out, NULL) == ORO_OK;
    if (kind == 'n' && t->kind == ORO_STRING)
        kind = 's';
    return oro_value_from_literal(t, kind, text, out, NULL) == ORO_OK;
}

bool
query_literal(struct oro_query *q, const struct oro_type *t, const struct sql_expr *e,
              struct oro_bytes *out)
{
    struct oro_bb bb = {0};
    bool ok = put_literal(t, e->literal, e->name, &bb);
    if (ok)
        *out = query_keep(q, oro_bb_bytes(&bb));
    oro_bb_fini(&bb);
    return ok;
}
