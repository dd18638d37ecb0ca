/* runtime/probe.c - `orochi check` as a child process, with the settings of the server that asks (runtime/check.h). An import in
 * a worker can be interrupted as long as it runs Python; one that waits in C (a name server, a TLS handshake) or computes there
 * (a regular expression that explodes) would cost the worker, and one that crashes the server. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/base/program.h"
#include "runtime/check.h"

#define LOOK_MS 20
#define START_US \
    30000000 /* of the child and its interpreter, on a busy machine; it counts the import itself */
#define TEXT_MAX 16384 /* of what it says, the last part: an import may print without end */

extern char **environ;

struct child {
    pid_t pid;
    int out; /* what it says */
    char text[TEXT_MAX + 1];
    size_t len;
    int status;
};

static int
spawn(struct oro_probe *p, struct child *c)
{
    int ends[2];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return errno;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDERR_FILENO);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0); /* and so what it starts itself is ended with it */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    p->argv[0] = "check";
    char **argv = oro_program_argv(p->argv);
    int rc = posix_spawn(&c->pid, oro_program_path(), &files, &attr, argv, environ);
    oro_free(argv);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    close(ends[1]);
    if (rc != 0)
        close(ends[0]);
    c->out = ends[0];
    return rc;
}

/* What it has said until now; keeps the last part. */
static void
listen_to(struct child *c)
{
    char part[4096];
    for (ssize_t n; (n = read(c->out, part, sizeof(part))) > 0;) {
        size_t over = c->len + (size_t)n > TEXT_MAX ? c->len + (size_t)n - TEXT_MAX : 0;
        memmove(c->text, c->text + over, c->len - over);
        c->len -= over;
        memcpy(c->text + c->len, part, (size_t)n);
        c->len += (size_t)n;
        c->text[c->len] = '\0';
    }
}

/* False: it had to be ended. */
static bool
await(struct oro_probe *p, struct child *c)
{
    int64_t end = p->limit_ms > 0 ? oro_mono_us() + p->limit_ms * 1000 + START_US : INT64_MAX;
    bool stopped = false;
    while (waitpid(c->pid, &c->status, stopped ? 0 : WNOHANG) == 0) {
        struct pollfd fd = {.fd = c->out, .events = POLLIN};
        (void)poll(&fd, 1, LOOK_MS);
        if ((fd.revents & POLLIN) == 0)
            (void)poll(NULL, 0, LOOK_MS); /* it has closed it, and runs on */
        listen_to(c);
        stopped = oro_mono_us() > end || atomic_load(p->stop);
        if (stopped)
            (void)kill(-c->pid, SIGKILL);
    }
    (void)kill(-c->pid, SIGKILL); /* what it left running */
    listen_to(c);
    return !stopped;
}

/* The line of it in which the limit is named, without "orochi: "; Gives. NULL: there is none. */
static char *
line_about_limit(const struct child *c)
{
    const char *at = strstr(c->text, "server.import_timeout_ms");
    if (at == NULL)
        return NULL;
    const char *begin = at;
    while (begin > c->text && begin[-1] != '\n')
        begin--;
    if (strncmp(begin, "orochi: ", 8) == 0)
        begin += 8;
    return oro_strndup(begin, strcspn(begin, "\n"));
}

oro_status
oro_probe_run(struct oro_probe *p, char **report, struct oro_err *err)
{
    struct child c = {.len = 0};
    int rc = spawn(p, &c);
    if (rc != 0) {
        oro_log(ORO_LOG_WARN, "server",
                "the new version is imported without a look at it in a process of its own: %s",
                strerror(rc));
        return ORO_OK;
    }
    bool ended = await(p, &c);
    close(c.out);
    if (atomic_load(p->stop))
        return oro_err_set(err, ORO_ETIMEOUT, "the server is stopping");
    char *text = line_about_limit(&c);
    if (text == NULL && !ended)
        text = oro_asprintf("%s: " ORO_PY_IMPORT_STUCK, p->argv[1]);
    if (text == NULL && WIFSIGNALED(c.status))
        text = oro_asprintf("%s: the import ends the process (signal %d, %s)", p->argv[1],
                            WTERMSIG(c.status), strsignal(WTERMSIG(c.status)));
    if (text == NULL)
        return ORO_OK; /* what else is wrong with it the workers find, and say */
    *report = text;
    return oro_err_set(err, ORO_EINVAL, "%s", text);
}
