#include "runtime/bench/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

#define TCP_LISTEN 0x0A

/* The first line of a small file, without its end. */
static bool
read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool got = f != NULL && fgets(out, (int)size, f) != NULL;
    if (got)
        out[strcspn(out, "\n")] = '\0';
    if (f != NULL)
        fclose(f);
    return got;
}

static bool
thread_read(pid_t pid, int tid, struct oro_proc_thread *out)
{
    char path[64], line[128];
    *out = (struct oro_proc_thread){.tid = tid};
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
    if (!read_line(path, out->name, sizeof(out->name)))
        return false;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
    return read_line(path, line, sizeof(line)) &&
           sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &out->cpu_ns, &out->waited_ns,
                  &out->runs) == 3;
}

oro_status
oro_proc_sample(pid_t pid, struct oro_proc_sample *out, struct oro_err *err)
{
    char path[64];
    struct oro_proc_sample s = {0};
    struct oro_proc_thread t;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return oro_err_set(err, ORO_ENOTFOUND, "process %d: %m", pid);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (!isdigit((unsigned char)e->d_name[0]) || !thread_read(pid, atoi(e->d_name), &t))
            continue; /* a thread may end while we look */
        s.threads = oro_grow(s.threads, s.n, &s.cap, sizeof(*s.threads));
        s.threads[s.n++] = t;
    }
    closedir(dir);
    if (s.n == 0)
        return oro_err_set(err, ORO_ENOTFOUND, "process %d has no schedstat that we may read", pid);
    *out = s;
    return ORO_OK;
}

void
oro_proc_sample_fini(struct oro_proc_sample *s)
{
    oro_free(s->threads);
    *s = (struct oro_proc_sample){0};
}

/* "worker-12", "worker 12", "worker/12" -> "worker" */
static void
cut_number(char *name)
{
    size_t len = strlen(name);
    while (len > 1 && isdigit((unsigned char)name[len - 1]))
        len--;
    while (len > 1 && name[len] != '\0' && strchr(" -/:_", name[len - 1]) != NULL)
        len--;
    name[len] = '\0';
}

static struct oro_proc_thread *
entry_named(struct oro_proc_sample *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->threads[i].name, name) == 0)
            return &s->threads[i];
    s->threads = oro_grow(s->threads, s->n, &s->cap, sizeof(*s->threads));
    struct oro_proc_thread *t = &s->threads[s->n++];
    *t = (struct oro_proc_thread){0};
    snprintf(t->name, sizeof(t->name), "%s", name);
    return t;
}

static struct oro_proc_thread
entry_of(const struct oro_proc_sample *s, int tid)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->threads[i].tid == tid)
            return s->threads[i];
    return (struct oro_proc_thread){0}; /* it has been started since */
}

static int
by_cpu(const void *a, const void *b)
{
    uint64_t x = ((const struct oro_proc_thread *)a)->cpu_ns,
             y = ((const struct oro_proc_thread *)b)->cpu_ns;
    return (x < y) - (x > y);
}

void
oro_proc_use(const struct oro_proc_sample *before, const struct oro_proc_sample *after,
             struct oro_proc_sample *out)
{
    struct oro_proc_sample use = {0};
    for (size_t i = 0; i < after->n; i++) {
        struct oro_proc_thread now = after->threads[i], then = entry_of(before, now.tid);
        cut_number(now.name);
        struct oro_proc_thread *t = entry_named(&use, now.name);
        t->cpu_ns += now.cpu_ns - then.cpu_ns;
        t->waited_ns += now.waited_ns - then.waited_ns;
        t->runs += now.runs - then.runs;
    }
    if (use.n > 0)
        qsort(use.threads, use.n, sizeof(*use.threads), by_cpu);
    *out = use;
}

/* ---- who listens ---- */

/* The inode of the socket that listens on the port, from /proc/net/tcp or tcp6; 0: none. */
static unsigned long
listener_inode(const char *path, uint16_t port)
{
    char line[512];
    unsigned long inode = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    while (inode == 0 && fgets(line, sizeof(line), f) != NULL) {
        unsigned local, state;
        unsigned long found;
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
                   &local, &state, &found) == 3 &&
            state == TCP_LISTEN && local == port)
            inode = found;
    }
    fclose(f);
    return inode;
}

static bool
holds_socket(pid_t pid, unsigned long inode)
{
    char folder[32], path[sizeof(folder) + NAME_MAX + 1], target[64], want[64];
    bool found = false;
    snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
    int len = snprintf(want, sizeof(want), "socket:[%lu]", inode);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return false;
    for (struct dirent *e = readdir(dir); e != NULL && !found; e = readdir(dir)) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        found =
            readlink(path, target, sizeof(target)) == len && memcmp(target, want, (size_t)len) == 0;
    }
    closedir(dir);
    return found;
}

pid_t
oro_proc_listener(uint16_t port)
{
    unsigned long inode = listener_inode("/proc/net/tcp", port);
    if (inode == 0)
        inode = listener_inode("/proc/net/tcp6", port);
    DIR *dir = inode != 0 ? opendir("/proc") : NULL;
    pid_t found = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *e = readdir(dir); e != NULL && found == 0; e = readdir(dir))
        if (isdigit((unsigned char)e->d_name[0]) && holds_socket(atoi(e->d_name), inode))
            found = atoi(e->d_name);
    closedir(dir);
    return found;
}
