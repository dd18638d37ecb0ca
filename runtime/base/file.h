/* runtime/base/file.h - small files that are ours: under its name there is the whole file or none, and nobody but its owner
 * reads it, whatever the umask. Any thread. */
#ifndef ORO_BASE_FILE_H
#define ORO_BASE_FILE_H

#include "runtime/base/bytes.h"
#include "runtime/base/status.h"

/* Makes the folder and those above it that are missing, mode 0700. One that is there stays as it is. ORO_EIO. */
ORO_MUST_CHECK oro_status oro_dir_make(const char *dir, struct oro_err *err);

/* With the files in it, as far as that can be; folders in it are in the way. */
void oro_folder_remove(const char *dir);

/* The file becomes these bytes, mode 0600, or stays as it was; on disk, with its name, when this returns. A crash leaves a
 * file <path>.<digits>.tmp at most. ORO_EIO. */
ORO_MUST_CHECK oro_status oro_file_put(const char *path, struct oro_bytes bytes,
                                       struct oro_err *err);
/* The same for a file that nobody else has made: ORO_EEXISTS, and that one is as it was. */
ORO_MUST_CHECK oro_status oro_file_create(const char *path, struct oro_bytes bytes,
                                          struct oro_err *err);
/* Removes what crashes of oro_file_put() and oro_file_create() have left of this path; not what another process is writing. */
void oro_file_sweep(const char *path);
/* All of a file of less than `most` bytes, with a NUL behind; of a folder, a link or a FIFO that is there err says what it is,
 * and nobody waits. Gives *out. ORO_ENOTFOUND; ORO_EIO; ORO_EFULL: it is longer. */
ORO_MUST_CHECK oro_status oro_file_get(const char *path, size_t most, char **out,
                                       struct oro_err *err);

ORO_MUST_CHECK oro_status oro_file_sync(const char *path, struct oro_err *err); /* or a folder */
ORO_MUST_CHECK oro_status oro_file_sync_folder_of(const char *path, struct oro_err *err);

/* Takes the rights of group and others from what is there; silently where it is another user's or not there. The file is not
 * opened: closing it would drop the locks that this process has on it. */
void oro_file_hide(const char *path);
/* Makes an empty file of mode 0600 where there is none; hides one that is there. ORO_EIO. */
ORO_MUST_CHECK oro_status oro_file_prepare(const char *path, struct oro_err *err);

#endif
