/* runtime/durable/durable.h - the commit ring on disk: SQLite in WAL mode, group commit, checkpoints into ordinary SQL
 * tables, recovery (design.md 4). The log writer and the checkpointer are threads of their own. */
#ifndef ORO_DURABLE_DURABLE_H
#define ORO_DURABLE_DURABLE_H

#include "runtime/store/migrator.h"
#include "runtime/store/store.h"

struct oro_durable;

enum oro_durability {
    ORO_DURABLE_FULL, /* fsync at each group commit: survives power loss */
    ORO_DURABLE_NORMAL, /* survives kill -9 of the process; the last commits may be lost with the machine */
    ORO_DURABLE_OFF,
};

struct oro_durable_options {
    const char *dir;  /* made if missing; holds <name>.db */
    const char *name; /* database name */
    enum oro_durability mode;
    bool delete_data;               /* start empty */
    bool rehearsal; /* of a copy that goes at once: nothing is said of it, and not kept what it was before */
    size_t checkpoint_bytes;        /* log size that starts a checkpoint; 0: 64 MiB */
    unsigned checkpoint_interval_s; /* 0: 60 */
    void (*on_durable)(void *arg);  /* on the log thread, each time the mark has moved */
    void *arg;
    /* Rows of tables whose change needs the module's @migration hook: made by this; or made already, in a store with the new
     * schema that has all that the file has. told: gets a line for each thing that was changed. All may be NULL. */
    const struct oro_migrator *migrator;
    struct oro_store *migrated;
    struct oro_bb *told;
};

/* Opens or makes the file, locks it against a second server, checks that the stored schema fits (new tables, and new
 * columns at the end with defaults are applied; anything else is refused with every reason, data untouched). ORO_EIO, ORO_EINVAL. Gives *out. */
ORO_MUST_CHECK oro_status oro_durable_open(const struct oro_durable_options *opt,
                                           const struct oro_schema *schema,
                                           struct oro_durable **out, struct oro_err *err);
/* Loads tables and replays the tail of the log into an empty store, and sets its offset and sequences. */
ORO_MUST_CHECK oro_status oro_durable_recover(struct oro_durable *d, struct oro_store *store,
                                              struct oro_err *err);
/* Every reason why the tables that `store` has cannot become those of `schema`, "; " between; none is appended if they can.
 * mapped: by position in the schema, all false before: those that need their hook for it become true. The same rules by which
 * open decides. While nothing is published. */
void oro_durable_reasons(struct oro_store *store, const struct oro_schema *schema,
                         struct oro_bb *reasons, bool *mapped);
/* Instead of recover, for a store that has all of it already. */
void oro_durable_continue(struct oro_durable *d, const struct oro_store *store);
/* True: nothing was ever stored. Valid after open. */
bool oro_durable_is_new(const struct oro_durable *d);
/* True: init has to run. Its transaction says that it has (oro_origin.initializes), whatever else is there: an init that fails
 * leaves sequences behind. Where init stores nothing, set_initialized does, once all that it did is durable. Any thread, also
 * after start. */
bool oro_durable_needs_init(const struct oro_durable *d);
ORO_MUST_CHECK oro_status oro_durable_set_initialized(struct oro_durable *d, struct oro_err *err);
/* Small texts kept with the data (owner, database identity). get Gives or NULL. Before start. */
char *oro_durable_meta_get(struct oro_durable *d, const char *key);
ORO_MUST_CHECK oro_status oro_durable_meta_set(struct oro_durable *d, const char *key,
                                               const char *value, struct oro_err *err);
/* The same at any time, on a connection of its own. Any thread. */
ORO_MUST_CHECK oro_status oro_durable_meta_note(struct oro_durable *d, const char *key,
                                                const char *value, struct oro_err *err);
/* What runs once and is one transaction, `value` of `key`: will_run stands on disk before it is published, while nothing else
 * is; meta_note says afterwards that it ran. A crash between leaves how far the data was, by which ran_get tells whether the
 * transaction is there. Gives the value that ran last, or NULL: after recover, before start. */
ORO_MUST_CHECK oro_status oro_durable_will_run(struct oro_durable *d, const char *key,
                                               const char *value, const struct oro_store *store,
                                               struct oro_err *err);
char *oro_durable_ran_get(struct oro_durable *d, const char *key, const struct oro_store *store);
/* Starts the threads; reads the ring from now on. */
ORO_MUST_CHECK oro_status oro_durable_start(struct oro_durable *d, struct oro_store *store,
                                            struct oro_err *err);
/* Any thread: there are new records. Cheap when the writer is awake. */
void oro_durable_wake(struct oro_durable *d);
/* Any thread but its own: has what is logged by now moved into the tables, and waits for that so long at most. */
void oro_durable_checkpoint(struct oro_durable *d, int64_t patience_us);
/* Any thread: every record with seq <= this is durable (as the mode promises). */
uint64_t oro_durable_seq(const struct oro_durable *d);
/* Any thread: NULL, or why it cannot write just now ("disk full"): it keeps trying, unless a sync of the log has failed: then
 * nothing is confirmed any more. Static text. */
const char *oro_durable_trouble(const struct oro_durable *d);
/* A worker, once it has published: waits, up to a second, while much more was published than the disk has taken, or while the
 * log has grown far beyond what starts a checkpoint. So a slow disk slows the callers, and memory and log stay bounded. */
void oro_durable_throttle(struct oro_durable *d);
/* Once a second, any thread; now_us: monotonic. Says so when the disk has been at one write for a second or more. */
void oro_durable_look(struct oro_durable *d, int64_t now_us);
/* Writes everything published so far, makes a last checkpoint, closes. Takes d. Before the store is destroyed. False: the last
 * transactions could not be written, as the log says. */
bool oro_durable_stop(struct oro_durable *d);

#endif
