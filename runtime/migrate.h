/* runtime/migrate.h - `orochi migrate [--dry-run] MODULE`: brings the data to the module's tables, as a start does, and says what
 * it did. Main thread. */
#ifndef ORO_MIGRATE_H
#define ORO_MIGRATE_H

#include "runtime/server/server.h"

/* Takes --dry-run out of the words. True: they ask for help, which has been given. */
bool oro_migrate_words(int *argc, char **argv);
/* The words of `orochi check MODULE --against DIR`: made those of a dry run on the data in DIR. False: they are not. */
bool oro_migrate_against(int argc, char **argv);
/* A dry run works on a copy, which a server may be serving meanwhile, and deletes it. ORO_EINVAL: the data does not fit the
 * module, or the module cannot be loaded: nothing was changed. */
ORO_MUST_CHECK oro_status oro_migrate_run(const struct oro_server_options *opt,
                                          struct oro_err *err);

#endif
