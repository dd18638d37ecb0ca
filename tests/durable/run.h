/* tests/durable/run.h - one run of a database: schema, file, store, session; and what is in the store as bytes. */
#ifndef ORO_TESTS_DURABLE_RUN_H
#define ORO_TESTS_DURABLE_RUN_H

#include "runtime/base/thread.h"
#include "runtime/durable/durable.h"
#include "runtime/store/tx.h"
#include "tests/subs/fixture.h"

struct run {
    struct oro_schema *schema;
    struct oro_durable *durable;
    struct oro_store *store;
    struct oro_session *se;
    struct oro_wake moved; /* signalled by on_durable */
};

/* A new folder; ended by temp_dir_remove. */
char *temp_dir_make(void);
void temp_dir_remove(char *dir);
char *temp_db_path(const char *dir);

struct run_options {
    const char *dir;
    const char *const *lines;
    enum oro_durability mode;
    size_t checkpoint_bytes;
    unsigned checkpoint_interval_s;
    bool delete_data;
    void (*recovered)(struct run *r); /* before its threads start; may be NULL */
};
/* Opens, recovers, starts. On failure everything is closed again. */
oro_status run_open(struct run *r, const struct run_options *opt, struct oro_err *err);
void run_must_open(struct run *r, const struct run_options *opt);
bool run_close(struct run *r); /* a clean stop; false: not all could be written */

uint64_t run_commit(struct run *r, struct oro_tx *tx); /* publishes and wakes the log thread */
void run_wait_durable(struct run *r, uint64_t seq);
void run_insert(struct run *r, struct oro_tx *tx, const char *table, const struct oro_bb *row);
/* Every row of every table, sorted. */
void run_dump(struct run *r, struct oro_bb *out);
size_t run_count(struct run *r, const char *table);

#endif
