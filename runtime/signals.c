#include "runtime/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"

#define IMPATIENT_US \
    500000 /* signals that come together, from a terminal and from a parent, are one */

static struct {
    struct oro_wake wake;
    atomic_bool serving, stop, reload;
    bool had_terminal;
} signals;

static bool
has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* SIGHUP says that the terminal was closed, which ends the server; or somebody sends it, for a reload. */
static bool
is_reload(int sig)
{
    return sig == SIGHUP && (!signals.had_terminal || has_terminal());
}

/* Nothing is lost by leaving at once: what clients were told is on disk. */
static void *
signals_main(void *arg)
{
    sigset_t *set = arg;
    int64_t first = 0;
    for (int sig; sigwait(set, &sig) == 0;) {
        if (is_reload(sig)) {
            atomic_store(&signals.reload, true); /* before it serves: then as soon as it does */
            oro_wake_signal(&signals.wake);
            continue;
        }
        if (!atomic_load(&signals.serving) || (first != 0 && oro_mono_us() - first > IMPATIENT_US))
            _exit(128 + sig);
        first = first != 0 ? first : oro_mono_us();
        atomic_store(&signals.stop, true);
        oro_wake_signal(&signals.wake);
    }
    return NULL;
}

static void
signal_ignored(int sig)
{
    (void)sig;
}

void
oro_signals_disarm(void)
{
    static const int deadly[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1,  SIGUSR2,
                                 SIGIO,   SIGPWR,    SIGXCPU, SIGSTKFLT};
    struct sigaction act = {.sa_handler = signal_ignored, .sa_flags = SA_RESTART};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ORO_ARRAY_LEN(deadly); i++) {
        sigaddset(&set, deadly[i]);
        (void)sigaction(deadly[i], &act, NULL);
    }
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) {
        sigaddset(&set, sig);
        (void)sigaction(sig, &act, NULL);
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

oro_status
oro_signals_take(struct oro_err *err)
{
    static sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    signals.had_terminal = has_terminal();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    oro_signals_disarm();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a size limit is a full disk: the log says so and tries again */
    oro_status st =
        oro_thread_start(&thread, ORO_THREAD_OTHER, "signals", 256 * 1024, signals_main, &set, err);
    if (st == ORO_OK)
        pthread_detach(thread);
    return st;
}

void
oro_signals_serving(void)
{
    atomic_store(&signals.serving, true);
}

atomic_bool *
oro_signals_stop(void)
{
    return &signals.stop;
}

enum oro_wish
oro_signals_wait(long timeout_us)
{
    unsigned seen = oro_wake_prepare(&signals.wake);
    for (bool waited = false;; waited = true) {
        if (atomic_load(&signals.stop))
            return ORO_WISH_STOP;
        if (atomic_exchange(&signals.reload, false))
            return ORO_WISH_RELOAD;
        if (waited)
            return ORO_WISH_NONE;
        oro_wake_wait(&signals.wake, seen, timeout_us);
    }
}
