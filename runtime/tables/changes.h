/* runtime/tables/changes.h - what a checkpoint has to write: the keys of the rows that have changed since the one before, and
 * where the log may be cut once they are written. The log thread collects while it encodes; what the rows are now the
 * checkpointer reads in the store. A row that changes a thousand times is here once: a version that is replaced says how old
 * it is, and one younger than the last checkpoint was here already. One thread at a time. */
#ifndef ORO_TABLES_CHANGES_H
#define ORO_TABLES_CHANGES_H

#include "runtime/store/commit.h"

struct changes_chunk;
struct changes_sequence {
    const struct oro_table_def *table;
    uint32_t column;
    uint64_t allocated;
};

struct changes {
    struct changes_chunk *first, *last;
    size_t n;     /* keys */
    size_t bytes; /* memory of the keys */
    struct changes_sequence *sequences;
    size_t nsequences, sequences_cap;
    uint64_t *marks; /* last offsets of group commits, some megabytes of log between them */
    size_t nmarks, marks_cap;
    size_t since;       /* bytes of log up to the last mark, from the one before */
    uint64_t log_bytes; /* in all */
    bool initializes;   /* init's transaction is among them */
};

/* Zeros are an empty one. */
void changes_fini(struct changes *c);
/* The rows of a transaction; `since`: the seq of the last record that the checkpoint before has. Tables whose stored id is 0
 * are left out. */
void changes_add(struct changes *c, const struct oro_schema *schema, const uint32_t *ids,
                 const struct oro_commit *commit, uint64_t since);
/* A group commit of so many bytes is in the log. */
void changes_logged(struct changes *c, uint64_t last, size_t bytes);
/* Later ones behind earlier ones. Takes the inside of from. */
void changes_join(struct changes *c, struct changes *from);

struct changes_reader {
    const struct changes_chunk *chunk;
    size_t at;
};
struct changes_key {
    uint32_t table; /* position in the schema */
    struct oro_bytes
        bytes; /* BSATN of the primary key, or the whole row of a table without one; borrowed */
};
struct changes_reader changes_read(const struct changes *c);
/* Keys come as often as they were collected. */
bool changes_next(struct changes_reader *r, struct changes_key *key);

#endif
