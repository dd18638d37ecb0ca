/* Looking is cheap enough to be done a few times a second, works on every file system, and sees what is new. */
#include "runtime/watch.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"

#define MAX_DEPTH 6
#define MAX_FILES 10000

struct look {
    uint64_t sum;
    unsigned files;
};

static uint64_t
mix(uint64_t h, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u; /* FNV-1a */
    return h;
}

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Packages that are installed, not written here. */
static bool
is_others(const char *path, const char *name)
{
    if (strcmp(name, "__pycache__") == 0 || strcmp(name, "node_modules") == 0 ||
        strcmp(name, "site-packages") == 0)
        return true;
    char *venv = oro_asprintf("%s/pyvenv.cfg", path);
    bool is = access(venv, F_OK) == 0;
    oro_free(venv);
    return is;
}

static void
look_at(struct look *l, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    /* Added up, since the order of a folder means nothing. */
    uint64_t h = mix(0xcbf29ce484222325u, path, strlen(path));
    h = mix(h, &st.st_size, sizeof(st.st_size));
    h = mix(h, &st.st_ino, sizeof(st.st_ino));
    h = mix(h, &st.st_mtim.tv_sec, sizeof(st.st_mtim.tv_sec));
    h = mix(h, &st.st_mtim.tv_nsec, sizeof(st.st_mtim.tv_nsec));
    l->sum += h;
    l->files++;
}

static void
look_into(struct look *l, const char *folder, unsigned depth)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e; l->files < MAX_FILES && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        char *path = oro_asprintf("%s/%s", folder, e->d_name);
        struct stat st;
        if (ends_with(e->d_name, ".py"))
            look_at(l, path);
        else if (depth < MAX_DEPTH && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
                 !is_others(path, e->d_name))
            look_into(l, path, depth + 1);
        oro_free(path);
    }
    closedir(dir);
}

uint64_t
oro_watch_digest(const char *module_path)
{
    struct look l = {0};
    struct stat st;
    const char *slash = strrchr(module_path, '/');
    char *folder;
    if (stat(module_path, &st) == 0 && S_ISDIR(st.st_mode))
        folder = oro_strdup(module_path);
    else if (slash != NULL)
        folder = oro_strndup(module_path, (size_t)(slash - module_path));
    else
        folder = oro_strdup(".");
    look_into(&l, folder[0] != '\0' ? folder : "/", 0);
    oro_free(folder);
    return l.sum;
}
