/* runtime/testing/disk.h - the database of a test on disk: the log, the tables and the recovery of a server, behind the store of an
 * engine. All of it on the thread that tests; log and checkpoints have threads of their own, which know nothing of Python. */
#ifndef ORO_TESTING_DISK_H
#define ORO_TESTING_DISK_H

#include "runtime/durable/durable.h"

struct disk;

/* Where: <folder>/<name>.db, which others may not use meanwhile. Borrowed until testing_disk_open or _write returns. */
struct disk_place {
    const char *folder, *name;
    const struct oro_schema *schema;     /* until the close */
    const struct oro_identity *database; /* of data that has none yet */
    const struct oro_migrator *migrator;
    bool passing;               /* nobody reads it after this process: it need not reach the disk */
    struct oro_store *migrated; /* made by it already (struct oro_durable_options), or NULL */
};

/* Options of every store of a test: values of auto_inc columns go on where they were, also after a restart. */
extern const struct oro_store_options testing_store_options;

/* Reads what is there into a store of its own (Given, in *store), by the rules of a start; what is published in it from now on is
 * logged. Gives *out. ORO_EIO, ORO_EINVAL, ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status testing_disk_open(const struct disk_place *at, struct disk **out,
                                            struct oro_store **store, struct oro_err *err);
/* All that was published is written, and the files are closed. Takes d, or NULL; before the store goes. False: it could not be
 * written, as the log says. */
ORO_MUST_CHECK bool testing_disk_close(struct disk *d);
/* Records were published. May wait while the disk is far behind. d: or NULL. */
void testing_disk_tell(struct disk *d);
/* What is there is replaced by the rows and sequences of `from`, through the log. init has run in it, as has what runs once. */
ORO_MUST_CHECK oro_status testing_disk_write(const struct disk_place *at, struct oro_store *from,
                                             struct oro_err *err);

/* As a server that starts finds it: init has not run yet; the module declares other things than the one before; the functions
 * that run once and are new (by position in schema->schedules). */
bool testing_disk_needs_init(const struct disk *d);
bool testing_disk_changed(const struct disk *d);
bool testing_disk_once_new(const struct disk *d, uint32_t schedule);
const struct oro_identity *testing_disk_database(const struct disk *d);
/* What these asked for is done, and is so for the next start. */
ORO_MUST_CHECK oro_status testing_disk_settle(struct disk *d, struct oro_err *err);

#endif
