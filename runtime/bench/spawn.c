#include "runtime/bench/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/program.h"

#define START_TIMEOUT_US (60 * INT64_C(1000000))
#define STOP_TIMEOUT_US (30 * INT64_C(1000000))
#define STOP_POLL_US 5000

bool
oro_spawn_read_greeting(const char *line, uint16_t *port, char *database, size_t size)
{
    const char *at = line + strspn(line, " ");
    if (strncmp(at, "clients", 7) != 0 || (at = strstr(at, "ws://")) == NULL)
        return false;
    const char *comma = strchr(at, ','), *name = comma != NULL ? strstr(comma, "database ") : NULL;
    if (name == NULL)
        return false;
    const char *colon = memrchr(at, ':', (size_t)(comma - at));
    unsigned long number = strtoul(colon + 1, NULL, 10);
    if (number == 0 || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    name += strlen("database ");
    snprintf(database, size, "%.*s", (int)strcspn(name, " \r\n"), name);
    return true;
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static char *
make_folder(void)
{
    const char *top = getenv("TMPDIR");
    char *path = oro_asprintf("%s/orochi-bench-XXXXXX", top != NULL && *top != '\0' ? top : "/tmp");
    if (mkdtemp(path) != NULL)
        return path;
    oro_free(path);
    return NULL;
}

/* Gives the argument vector; the strings are borrowed. */
static char **
make_argv(const char *module, const char *folder, char *const *flags)
{
    size_t more = 0;
    while (flags != NULL && flags[more] != NULL)
        more++;
    const char *fixed[] = {"run", module, "--listen", "127.0.0.1:0", "--data", folder};
    char **words = oro_calloc(ORO_ARRAY_LEN(fixed) + more + 1, sizeof(*words));
    memcpy(words, fixed, sizeof(fixed));
    if (more > 0)
        memcpy(words + ORO_ARRAY_LEN(fixed), flags, more * sizeof(*words));
    char **argv = oro_program_argv(words);
    oro_free(words);
    return argv;
}

/* In the child: never returns. The server must not outlive us, whatever ends us. */
static void
child_run(char **argv, int out, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent && dup2(out, STDOUT_FILENO) >= 0)
        execv(oro_program_path(), argv);
    _exit(127);
}

/* Reads the child's lines up to the one that names its port. */
static oro_status
await_greeting(struct oro_spawned *s, struct oro_err *err)
{
    char line[512];
    size_t len = 0;
    int64_t until = oro_mono_us() + START_TIMEOUT_US;
    for (;;) {
        struct pollfd p = {.fd = s->out, .events = POLLIN};
        int64_t left = until - oro_mono_us();
        if (left <= 0 || poll(&p, 1, (int)(left / 1000) + 1) < 0)
            return oro_err_set(err, ORO_ETIMEOUT, "the server has not said where it listens");
        ssize_t n = p.revents != 0 ? read(s->out, line + len, 1) : 0;
        if (n <= 0 && p.revents != 0)
            return oro_err_set(err, ORO_ECLOSED, "the server ended before it listened");
        len += (size_t)n;
        if (len == sizeof(line) - 1 || (len > 0 && line[len - 1] == '\n')) {
            line[len] = '\0';
            len = 0;
            if (oro_spawn_read_greeting(line, &s->port, s->database, sizeof(s->database)))
                return ORO_OK;
        }
    }
}

oro_status
oro_spawn_start(struct oro_spawned *out, const char *module, char *const *flags,
                struct oro_err *err)
{
    int ends[2];
    struct oro_err ignored;
    *out = (struct oro_spawned){.out = -1, .folder = make_folder()};
    if (out->folder == NULL)
        return oro_err_set(err, ORO_EIO, "no temporary folder: %m");
    char **argv = make_argv(module, out->folder, flags);
    pid_t parent = getpid();
    oro_status st = ORO_OK;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        st = oro_err_set(err, ORO_EIO, "pipe: %m");
        goto done;
    }
    out->pid = fork();
    if (out->pid == 0)
        child_run(argv, ends[1], parent);
    out->out = ends[0];
    close(ends[1]);
    st = out->pid > 0 ? await_greeting(out, err) : oro_err_set(err, ORO_EIO, "fork: %m");
done:
    oro_free(argv);
    if (st != ORO_OK && oro_spawn_stop(out, &ignored) != ORO_OK)
        return st; /* the first error is the one to report */
    return st;
}

/* Its exit status; a negative one is the signal that ended it. */
static int
await_end(pid_t pid)
{
    int status = 0;
    int64_t until = oro_mono_us() + STOP_TIMEOUT_US;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (oro_mono_us() > until)
            kill(pid, SIGKILL);
        usleep(STOP_POLL_US);
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

oro_status
oro_spawn_stop(struct oro_spawned *s, struct oro_err *err)
{
    oro_status st = ORO_OK;
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        int code = await_end(s->pid);
        if (code != 0)
            st = oro_err_set(err, ORO_EINTERNAL, "the server ended with %s %d",
                             code < 0 ? "signal" : "status", abs(code));
    }
    if (s->folder != NULL) {
        nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        oro_free(s->folder);
        if (s->out >= 0)
            close(s->out);
    }
    *s = (struct oro_spawned){.out = -1};
    return st;
}
