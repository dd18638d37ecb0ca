/* What the files of a database are called, and which databases a folder holds. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "runtime/durable/durable_priv.h"

char *
log_path_of(const char *path)
{
    return oro_asprintf("%s-log", path);
}

char *
rescued_path_of(const char *path)
{
    return oro_asprintf("%s.rescued", path);
}

oro_status
data_only(const char *dir, char **out, struct oro_err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    char *found = NULL;
    oro_status st = ORO_OK;
    *out = NULL;
    if (d == NULL)
        return errno == ENOENT
                   ? ORO_OK
                   : oro_err_set(err, ORO_EIO, "the folder %s: %s", dir, strerror(errno));
    while (st == ORO_OK && (e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);
        if (len <= 3 || strcmp(e->d_name + len - 3, ".db") != 0)
            continue;
        char *name = oro_strndup(e->d_name, len - 3);
        if (found != NULL)
            st = oro_err_set(err, ORO_EINVAL,
                             "%s holds several databases, %s and %s: say which with --name", dir,
                             found, name);
        oro_free(found);
        found = name;
    }
    closedir(d);
    if (st != ORO_OK) {
        oro_free(found);
        return st;
    }
    *out = found;
    return ORO_OK;
}

oro_status
data_name_check(const char *name, struct oro_err *err)
{
    return name == NULL || (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL)
               ? ORO_OK
               : oro_err_set(err, ORO_EINVAL, "'%s' is no name of a database", name);
}

oro_status
data_name(const char *dir, const char *name, char **out, struct oro_err *err)
{
    oro_status st = data_name_check(name, err);
    if (st != ORO_OK || name != NULL) {
        if (st == ORO_OK)
            *out = oro_strdup(name);
        return st;
    }
    st = data_only(dir, out, err);
    if (st == ORO_OK && *out == NULL)
        st = oro_err_set(err, ORO_ENOTFOUND, "there is no database in the folder %s", dir);
    return st;
}
