/* runtime/durable/backup.h - `orochi backup`, `orochi restore`, `orochi repair`: the words after `orochi`, the process's exit code. Main
 * thread. */
#ifndef ORO_DURABLE_BACKUP_H
#define ORO_DURABLE_BACKUP_H

#include <stdbool.h>

#include "runtime/base/status.h"

/* The commands. 0; 2: flags; 4: the data. */
int oro_backup_command(int argc, char **argv);
int oro_restore_command(int argc, char **argv);
int oro_repair_command(int argc, char **argv);
int oro_log_command(int argc, char **argv);

/* What they do. dir: data folder; name NULL: the only database in it.
 *
 * Backup: file becomes one consistent state of the data, whole by itself, also while a server runs. Appears under its name
 * only when it is complete and on disk. ORO_EEXISTS unless force. */
ORO_MUST_CHECK oro_status oro_backup(const char *dir, const char *name, const char *file,
                                     bool force, struct oro_err *err);
/* Restore: the data becomes what the backup holds. Checks the backup first. name NULL: as backed up, unless the folder holds
 * one database. ORO_EEXISTS unless force when there is data; ORO_EIO while a server runs there. */
ORO_MUST_CHECK oro_status oro_restore(const char *file, const char *dir, const char *name,
                                      bool force, struct oro_err *err);
/* Repair: file becomes a backup with what can be read of damaged data, which stays as it is: the tables without rows that are
 * damaged, and the log up to the first transaction that is. *report: what was kept and what is lost, in lines; Gives, also on
 * failure if not NULL. ORO_EIO while a server runs there; ORO_EMALFORMED: nothing can be read. */
ORO_MUST_CHECK oro_status oro_repair(const char *dir, const char *name, const char *file,
                                     bool force, char **report, struct oro_err *err);

#endif
