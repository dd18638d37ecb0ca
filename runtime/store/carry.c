/* runtime/store/carry.c - from the store of one version of a module into that of the next one. */
#include "runtime/store/apply.h"
#include "runtime/store/internal.h"
#include "runtime/store/migrator.h"

static oro_status
carry_rows(struct oro_store *s, struct oro_session *from, const struct oro_table_def *old,
           const struct oro_table_def *now, struct oro_err *err)
{
    struct oro_rows rows;
    struct oro_bb row = {0};
    oro_status st = ORO_OK;
    bool same = oro_type_eq(old->row, now->row);
    oro_read_begin(from);
    oro_read_scan(from, old, &rows);
    for (size_t i = 0; st == ORO_OK && i < rows.n; i++) {
        struct oro_bytes bytes = rows.rows[i];
        if (!same) {
            oro_bb_clear(&row);
            oro_table_convert(old, now, bytes.data, &row);
            bytes = oro_bb_bytes(&row);
        }
        struct oro_change c = {.kind = ORO_CHANGE_INSERT, .table = now, .bytes = bytes};
        st = oro_apply_load(s, &c, 1, err);
    }
    oro_read_end(from);
    oro_bb_fini(&row);
    return st;
}

struct load {
    struct oro_store *store;
    const struct oro_table_def *table;
};

static oro_status
load_row(void *arg, struct oro_bytes row, struct oro_err *err)
{
    const struct load *l = arg;
    return oro_store_load(l->store, l->table, row, false, err);
}

static oro_status
map_rows(struct oro_store *s, struct oro_session *from, const struct oro_table_def *old,
         const struct oro_table_def *now, const struct oro_migrator *by, struct oro_err *err)
{
    struct load load = {s, now};
    struct oro_migration m = {.by = by,
                              .types = &oro_store_schema(from->store)->types,
                              .old = old,
                              .now = now,
                              .put = load_row,
                              .arg = &load};
    struct oro_rows rows;
    oro_status st = ORO_OK;
    oro_read_begin(from);
    oro_read_scan(from, old, &rows);
    for (size_t i = 0; st == ORO_OK && i < rows.n; i++)
        st = oro_migration_add(&m, rows.rows[i], err);
    oro_read_end(from);
    if (st == ORO_OK)
        st = oro_migration_end(&m, err);
    oro_migration_fini(&m);
    return st;
}

/* Rows that were made anew may have values beyond what the sequence has given. */
static void
raise_sequences(struct oro_store *s, struct oro_table *t)
{
    for (uint32_t i = 0; i < t->def->nsequences; i++) {
        uint64_t was = atomic_load(&t->seqs[i].allocated);
        if (oro_store_sequence_above_rows(s, t->def, i) < was)
            oro_store_load_sequence(s, t->def, i, was);
    }
}

static void
carry_sequences(struct oro_store *s, struct oro_table *to, const struct oro_table *from)
{
    for (uint32_t i = 0; i < to->def->nsequences; i++) {
        bool found = false;
        for (uint32_t k = 0; k < from->def->nsequences; k++) {
            if (oro_table_source(from->def, to->def, to->def->sequences[i].col) !=
                (int)from->def->sequences[k].col)
                continue;
            atomic_store(&to->seqs[i].next, atomic_load(&from->seqs[k].next));
            atomic_store(&to->seqs[i].allocated, atomic_load(&from->seqs[k].allocated));
            found = true;
        }
        if (!found)
            oro_store_sequence_above_rows(s, to->def, i);
    }
}

oro_status
oro_store_carry(struct oro_store *s, struct oro_store *from, const bool *mapped,
                const struct oro_migrator *by, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(from);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < s->ntables; i++) {
        const struct oro_table_def *now = s->tables[i].def;
        const struct oro_table_def *old = oro_schema_table(from->schema, oro_bytes_str(now->name));
        if (old == NULL || !oro_table_is_kept(old) || !oro_table_is_kept(now))
            continue;
        bool maps = mapped != NULL && mapped[now - s->schema->tables];
        st = maps ? map_rows(s, se, old, now, by, err) : carry_rows(s, se, old, now, err);
        carry_sequences(s, &s->tables[i], oro_table_of(from, old));
        if (maps && st == ORO_OK)
            raise_sequences(s, &s->tables[i]);
    }
    oro_session_close(se);
    return st;
}
