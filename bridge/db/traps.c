/* bridge/db/traps.c - filters that no index answers, on tables that have become large: right, and slower with every row. */
#include "bridge/db/traps.h"

#include "bridge/codec/error.h"
#include "bridge/rows/notice.h"

bool oro_db_warn_scans = true;

/* Could an index on its column answer it? None does for !=, nor has a float, an option or a list one. */
static bool
is_answerable(const struct oro_pytable *t, const struct oro_cond *c)
{
    const struct oro_codec *codec = oro_codec_bare(t->rc->cols[c->col].codec);
    return c->lookup != LOOKUP_NE && c->lookup != LOOKUP_NOT_IN && codec->op != OP_F32 &&
           codec->op != OP_F64 && codec->op != OP_UNIT && !oro_codec_nests(codec);
}

static void
tell(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *conds, unsigned nconds,
     size_t n, const struct oro_place *place)
{
    struct oro_bb names = {0}, advice = {0};
    for (unsigned i = 0; i < nconds; i++) {
        oro_bb_printf(&names, "%s", i > 0 ? ", " : "");
        oro_pyerr_put(t->rc->cols[conds[i].col].name, &names);
        if (advice.len == 0 && is_answerable(t, &conds[i])) {
            oro_pyerr_put(t->rc->cols[conds[i].col].name, &advice);
            oro_bb_printf(&advice, ": Index[...] in %s makes it a look-up", t->label);
        }
    }
    if (advice.len == 0)
        oro_bb_printf(&advice, "ask for a column that can have one (no float, list or optional "
                               "value, and not __ne or __not_in)");
    oro_place_warn(oro_db_caller(db), place,
                   "all %zu rows of %s were looked at, since no index answers a filter by %.*s: "
                   "%.*s (reducer.warn_scans)",
                   n, t->label, (int)(names.len < 300 ? names.len : 300), (const char *)names.data,
                   (int)(advice.len < 300 ? advice.len : 300), (const char *)advice.data);
    oro_bb_fini(&names);
    oro_bb_fini(&advice);
}

void
oro_trap_scan(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *conds,
              unsigned nconds, size_t n)
{
    if (!oro_db_warn_scans || n <= ORO_SCAN_MANY || nconds == 0)
        return;
    struct oro_place place;
    oro_place_here(&place);
    if (oro_place_first(&place, t->label))
        tell(db, t, conds, nconds, n, &place);
    oro_place_drop(&place);
}
