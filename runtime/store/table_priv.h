/* runtime/store/table_priv.h - a table of the store: its indexes, sequences, and how rows stand in them (rows.c, sequence.c). */
#ifndef ORO_STORE_TABLE_PRIV_H
#define ORO_STORE_TABLE_PRIV_H

#include "runtime/store/index.h"
#include "runtime/store/store.h"

struct oro_tx;
struct oro_write;
struct oro_writing;

struct oro_sequence {
    const struct oro_sequence_def *def;
    uint64_t max;               /* largest value that the column holds */
    _Atomic uint64_t next;      /* first value not handed out */
    _Atomic uint64_t allocated; /* first value not reserved; grows under the commit lock */
};

struct oro_table {
    const struct oro_table_def *def;
    struct oro_layout layout;
    struct oro_index *ix; /* the declared ones at their slots, then our own */
    uint32_t nix, slot;
    uint32_t nlinks; /* words of a row that all of them need */
    /* which row is "the same row": primary key, else a unique index, else whole rows */
    struct oro_index *identity;
    struct oro_index *pk;   /* or NULL */
    struct oro_index *scan; /* a B+tree or the list */
    struct oro_sequence *seqs;
    uint64_t mask;
    _Atomic uint64_t rows, bytes; /* committed; written under the commit lock */
};

/* ---- rows.c ---- */
/* Puts the new version into all indexes of its table. */
void oro_install(struct oro_writing *writing, struct oro_tx *tx, const struct oro_write *wr);
/* Out of all of them; no snapshot sees the row. Readers shut out, unless oro_unlink_is_free. */
void oro_unlink(struct oro_table *t, struct oro_row *row, struct oro_bb *scratch);
bool oro_unlink_is_free(const struct oro_table *t, const struct oro_row *row);
/* The keys of a row in every index, wide ones in `a`; those of whole rows point into `row`. */
void oro_keys_make(struct oro_arena *a, struct oro_bb *scratch, const struct oro_table *t,
                   struct oro_bytes row, struct oro_key *keys);
/* Puts a copy of wide key bytes in the arena. */
void oro_key_keep(struct oro_arena *a, struct oro_key *k);
oro_status oro_unique_error(const struct oro_table *t, const struct oro_index *ix,
                            const struct oro_row *row, struct oro_err *err);

/* ---- sequence.c ---- */
ORO_MUST_CHECK oro_status oro_sequence_fill(struct oro_session *se, struct oro_table *t,
                                            uint8_t *row, struct oro_err *err);
uint64_t oro_sequence_max(const struct oro_type *column);

#endif
