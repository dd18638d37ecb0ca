/* runtime/store/index.h - one physical index of a table: the declared ones, and up to two of our
 * own:
 *   ORO_IX_ROW   whole rows by hash, for tables without a unique index (a table is a set)
 *   ORO_IX_LIST  one chain of all rows, for tables without a B+tree to scan
 * Every row version of the table is in all of them. The versions of one key are chained newest
 * first, so finding the current one costs the same however many old ones still wait for their
 * readers. */
#ifndef ORO_STORE_INDEX_H
#define ORO_STORE_INDEX_H

#include "runtime/base/map.h"
#include "runtime/store/btree.h"
#include "runtime/store/hash.h"

enum oro_ix_kind { ORO_IX_HASH, ORO_IX_BTREE, ORO_IX_ROW, ORO_IX_LIST };

struct oro_index {
    enum oro_ix_kind kind;
    bool unique;   /* at most one living row for a key; ROW indexes are */
    uint32_t link; /* which of the table's */
    uint32_t at;   /* the first of its words in a row; unique ones have one, others two (row.h) */
    uint32_t id;   /* of all indexes of the store */
    const struct oro_table_def *table;
    const struct oro_index_def *def; /* NULL: our own */
    /* Unique: from a version to the one that began after it had ended, while both are here. */
    struct oro_map late;
    uint64_t changes; /* of its structure: as long as it is the same, cells stay where they are */
    struct oro_key_plan plan; /* HASH and BTREE */
    union {
        struct oro_hash hash;
        struct oro_btree btree;
        oro_head list;
    };
};

/* An interval of an ordered index, or of equal keys of any. */
struct oro_interval {
    struct oro_bound lo, hi;
    bool point; /* then only `key` counts */
    struct oro_key key;
    bool reverse; /* how it is walked */
    size_t limit; /* as in struct oro_range */
};

/* Borrows pc, for as long as the index lives: memory of nodes and keys. */
void oro_index_init(struct oro_index *ix, struct oro_pool_cache *pc, enum oro_ix_kind kind,
                    const struct oro_layout *layout, const uint16_t *cols, uint16_t ncols);
void oro_index_fini(struct oro_index *ix);

/* The key, its bytes (if wide) at the end of *scratch: not cleared first, so that a transaction can
 * collect keys; it must not grow as long as the key is used. */
void oro_index_key_of_row(const struct oro_index *ix, const struct oro_row *row,
                          struct oro_bb *scratch, struct oro_key *k);
void oro_index_key_of_bytes(const struct oro_index *ix, struct oro_bytes row,
                            struct oro_bb *scratch, struct oro_key *k);
/* From BSATN values of all its columns back to back. */
void oro_index_key_of_values(const struct oro_index *ix, struct oro_bytes values,
                             struct oro_bb *scratch, struct oro_key *k);
/* Whether the row has the key: exact, cheap when the words differ. */
bool oro_index_row_has_key(const struct oro_index *ix, const struct oro_row *row,
                           const struct oro_key *k, struct oro_bb *scratch);
bool oro_index_key_eq(const struct oro_index *ix, const struct oro_key *a, const struct oro_key *b);
/* Order of two keys of an ordered index. */
int oro_index_key_cmp(const struct oro_index *ix, const struct oro_key *a, const struct oro_key *b);
bool oro_key_is_behind(const struct oro_index *ix, const struct oro_key *k,
                       const struct oro_bound *b);
bool oro_interval_has(const struct oro_index *ix, const struct oro_interval *iv,
                      const struct oro_key *k);
uint64_t oro_index_key_hash(const struct oro_index *ix, const struct oro_key *k);

/* NULL: no version of such a row. */
oro_head *oro_index_cell(const struct oro_index *ix, const struct oro_key *k);
/* Unique indexes: the row with the key that a reader at the snapshot sees; ORO_SEQ_MAX - 1: the
 * living one. */
struct oro_row *oro_index_visible(const struct oro_index *ix, const struct oro_key *k,
                                  uint64_t snapshot);
/* The same, of the key whose cell this is (NULL: none). */
struct oro_row *oro_index_visible_at(const struct oro_index *ix, oro_head *cell, uint64_t snapshot);
/* Puts the newest version in front of its key's chain; false: the key is new, call oro_index_insert
 * with readers shut out. */
bool oro_index_push(struct oro_index *ix, const struct oro_key *k, struct oro_row *row);
/* Pushes where the cell is known. */
void oro_index_push_at(struct oro_index *ix, oro_head *cell, struct oro_row *row);
void oro_index_insert(struct oro_index *ix, const struct oro_key *k, struct oro_row *row);
/* Takes a version out, and the key with the last of them. Readers shut out, unless it is free. */
void oro_index_unlink(struct oro_index *ix, struct oro_row *row, struct oro_bb *scratch);

/* Nobody can come by the version, which no snapshot sees. In a unique index a reader follows the
 * chain only beyond versions that began after its snapshot; the one before this one began when this
 * one ended, so every snapshot stops there, and the link between them may stay as it is. */
static inline bool
oro_index_unlink_is_free(const struct oro_index *ix, const struct oro_row *row)
{
    return ix->unique &&
           (oro_row_flags(row, ix->at) & (ORO_LINK_NEWER | ORO_LINK_LATE)) == ORO_LINK_NEWER;
}

static inline bool
oro_index_ordered(const struct oro_index *ix)
{
    return ix->kind == ORO_IX_BTREE;
}

#endif
