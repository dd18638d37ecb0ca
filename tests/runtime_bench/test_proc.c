#include "runtime/bench/proc.h"
#include "runtime/bench/spawn.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"

static void
burn(uint64_t ns)
{
    uint64_t until = oro_thread_cpu_ns() + ns;
    while (oro_thread_cpu_ns() < until)
        continue;
}

static const struct oro_proc_thread *
named(const struct oro_proc_sample *s, const char *name)
{
    size_t i = 0;
    while (i < s->n && strcmp(s->threads[i].name, name) != 0)
        i++;
    cr_assert_lt(i, s->n, "no thread %s", name);
    return &s->threads[i];
}

struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
};

static void *
worker_main(void *arg)
{
    struct worker *w = arg;
    pthread_barrier_wait(w->barrier); /* begin */
    burn(60000000);
    pthread_barrier_wait(w->barrier); /* done */
    pthread_barrier_wait(w->barrier); /* seen */
    return NULL;
}

Test(proc, cpu_time_by_kind_of_thread, .timeout = 60)
{
    struct oro_proc_sample before, after, use;
    struct oro_err err;
    pthread_barrier_t barrier;
    struct worker w[2];
    pthread_barrier_init(&barrier, NULL, 3);
    for (int i = 0; i < 2; i++) {
        char name[16];
        snprintf(name, sizeof(name), "worker-%d", i);
        w[i].barrier = &barrier;
        cr_assert_eq(
            oro_thread_start(&w[i].thread, ORO_THREAD_OTHER, name, 0, worker_main, &w[i], &err),
            ORO_OK);
    }
    cr_assert_eq(oro_proc_sample(getpid(), &before, &err), ORO_OK);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    cr_assert_eq(oro_proc_sample(getpid(), &after, &err), ORO_OK);
    pthread_barrier_wait(&barrier);
    oro_proc_use(&before, &after, &use);
    const struct oro_proc_thread *t = named(&use, "worker");
    /* The kernel counts up to its last tick, which may be 10 ms ago. */
    cr_assert(t->cpu_ns > 95000000 && t->cpu_ns < 400000000, "%lu ns", (unsigned long)t->cpu_ns);
    cr_assert_gt(t->runs, 0);
    cr_assert_eq(&use.threads[0], t, "the most CPU first");
    for (int i = 0; i < 2; i++)
        oro_thread_join(w[i].thread);
    oro_proc_sample_fini(&before);
    oro_proc_sample_fini(&after);
    oro_proc_sample_fini(&use);
    pthread_barrier_destroy(&barrier);
}

Test(proc, no_such_process)
{
    struct oro_proc_sample s;
    struct oro_err err;
    cr_assert_eq(oro_proc_sample(0x7ffffffe, &s, &err), ORO_ENOTFOUND);
}

Test(proc, the_listener_is_found_by_its_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    cr_assert_eq(oro_proc_listener(ntohs(a.sin_port)), 0, "bound, but not listening");
    cr_assert_eq(listen(fd, 1), 0);
    pid_t found = oro_proc_listener(ntohs(a.sin_port));
    close(fd); /* the runner has none of it: it was made in this process */
    cr_assert_eq(found, getpid());
}

Test(spawn, the_greeting)
{
    uint16_t port = 0;
    char name[32];
    cr_assert(oro_spawn_read_greeting("  clients    ws://127.0.0.1:45123, database bank\n", &port,
                                      name, sizeof(name)));
    cr_assert_eq(port, 45123);
    cr_assert_str_eq(name, "bank");
    cr_assert(oro_spawn_read_greeting("  clients    ws://[::1]:7, database a-b\n", &port, name,
                                      sizeof(name)));
    cr_assert_eq(port, 7);
    cr_assert_not(oro_spawn_read_greeting("  page       http://127.0.0.1:3000/\n", &port, name,
                                          sizeof(name)));
    cr_assert_not(oro_spawn_read_greeting("  clients    ws://127.0.0.1:0, database bank\n", &port,
                                          name, sizeof(name)));
    cr_assert_not(oro_spawn_read_greeting("  clients    ws://127.0.0.1:70000, database bank\n",
                                          &port, name, sizeof(name)));
    cr_assert_not(
        oro_spawn_read_greeting("  clients    ws://127.0.0.1:3000\n", &port, name, sizeof(name)));
    cr_assert_not(oro_spawn_read_greeting("  clients    nowhere\n", &port, name, sizeof(name)));
}
