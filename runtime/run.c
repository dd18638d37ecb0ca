/* `orochi run`: the layers are built, connected, and stopped in reverse. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/migrate.h"
#include "runtime/program_priv.h"
#include "runtime/signals.h"
#include "runtime/watch.h"

static void
greet(const struct oro_config *c, int port, unsigned workers)
{
    const char *s = c->net_tls_cert != NULL ? "s" : "";
    /* No browser can go to the address that means all of them. */
    bool all = strcmp(c->host, "0.0.0.0") == 0 || strcmp(c->host, "::") == 0;
    const char *host = !all ? c->host : c->host[0] == ':' ? "::1" : "127.0.0.1";
    char *at = oro_asprintf(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
    struct oro_bb text = {0};
    oro_bb_printf(&text, "orochi %s (CPython %s, %u workers) serves %s\n", OROCHI_VERSION,
                  oro_py_version(), workers, c->server_name);
    oro_bb_printf(&text, "  page       http%s://%s/\n", s, at);
    oro_bb_printf(&text, "  dashboard  http%s://%s/dashboard/\n", s, at);
    oro_bb_printf(&text, "  clients    ws%s://%s, database %s\n", s, at, c->server_name);
    oro_free(at);
    if (all)
        oro_bb_printf(&text, "  listens    on every address of this machine, port %d\n", port);
    if (c->server_memory)
        oro_bb_printf(&text, "  data       none (--memory)\n");
    else
        oro_bb_printf(&text, "  data       %s/%s.db\n", c->server_data, c->server_name);
    (void)oro_log_drain(PATIENCE_MS); /* what was said of the start stands before it */
    (void)oro_write_within(STDOUT_FILENO, (const char *)text.data, text.len, PATIENCE_MS);
    oro_bb_fini(&text);
}

/* The server's log says how it went. */
static void
reload(struct oro_server *server)
{
    char *report = NULL;
    oro_status st = oro_server_reload(server, &report, NULL);
    (void)st;
    oro_free(report);
}

#define WATCH_US 100000

/* True: the module's files have changed, and that was not just now, when somebody may still be writing. */
static bool
files_changed(const struct oro_config *c, uint64_t *served, uint64_t *last)
{
    uint64_t now = oro_watch_digest(c->module);
    bool changed = now != *served && now == *last;
    *last = now;
    if (changed)
        *served = now;
    return changed;
}

static void
wishes_grant(const struct oro_config *c, struct oro_server *server, uint64_t served)
{
    uint64_t last = served;
    for (enum oro_wish wish;
         (wish = oro_signals_wait(c->server_watch ? WATCH_US : -1)) != ORO_WISH_STOP;)
        if (wish == ORO_WISH_RELOAD || (c->server_watch && files_changed(c, &served, &last)))
            reload(server);
}

static struct oro_server_net
net_of(struct oro_net *net)
{
    return (struct oro_server_net){.net = net,
                                   .send = oro_net_send,
                                   .send_parts = oro_net_send_parts,
                                   .hold = oro_net_hold,
                                   .release = oro_net_release,
                                   .send_piece = oro_net_send_piece,
                                   .watch = oro_net_watch,
                                   .waiting = oro_net_waiting,
                                   .close = oro_net_close,
                                   .pause = oro_net_pause,
                                   .charge = oro_net_charge,
                                   .http_reply = oro_net_http_reply,
                                   .http_piece = oro_net_http_piece,
                                   .wake = oro_net_wake};
}

/* Until somebody wants it to stop. Gives *out: workers that finish what is queued may wake it until the server has stopped. */
static oro_status
serve(const struct oro_config *c, struct oro_server *server, uint64_t files, struct oro_net **out,
      struct oro_err *err)
{
    struct oro_net_options no = oro_net_options_of(c);
    struct oro_net *net;
    oro_status st = oro_net_open(&no, oro_server_sink(server), out, err);
    if (st != ORO_OK)
        return st;
    net = *out;
    struct oro_server_net sn = net_of(net);
    oro_server_attach(server, &sn);
    st = oro_net_start(net, err);
    if (st != ORO_OK)
        return st;
    oro_signals_serving();
    greet(c, oro_net_port(net), oro_workers_of(c));
    wishes_grant(c, server, files);
    oro_log(ORO_LOG_INFO, "server", "stopping");
    oro_server_quiesce(server);
    oro_net_stop_accepting(net);
    oro_net_end(net);
    return ORO_OK;
}

static int
exit_code(oro_status st)
{
    return st == ORO_EIO || st == ORO_EMALFORMED || st == ORO_EFULL ? EXIT_DATA : EXIT_MODULE;
}

int
oro_run_module(const struct oro_config *c, struct oro_err *err)
{
    struct oro_keys *keys;
    struct oro_server *server;
    char *report = NULL;
    if (!c->server_memory && oro_dir_make(c->server_data, err) != ORO_OK)
        return EXIT_DATA;
    if (oro_keys_open(c->server_memory ? NULL : c->server_data, &keys, err) != ORO_OK)
        return EXIT_DATA;
    char *dashboard = oro_front_dashboard(c);
    struct oro_server_options so = oro_server_options_of(c, keys, dashboard);
    int code = EXIT_FINE;
    uint64_t files = c->server_watch ? oro_watch_digest(c->module) : 0; /* before they are read */
    oro_status st = oro_server_start(&so, &server, &report, err);
    if (st != ORO_OK) {
        if (report != NULL) { /* every problem; err has only the first */
            oro_log_plain(report);
            oro_err_set(err, st, "%s was not started", c->module);
        }
        code = exit_code(st);
        if (st == ORO_ETIMEOUT) { /* a worker's thread is still in the import */
            oro_complain(code, err->text);
            oro_log_stop(PATIENCE_MS);
            _exit(code);
        }
    } else {
        struct oro_net *net = NULL;
        if (serve(c, server, files, &net, err) != ORO_OK)
            code = EXIT_NET;
        bool lost;
        bool freed = oro_server_stop(server, &lost);
        if (lost)
            code = oro_complain(
                EXIT_DATA,
                "not all that was done is in the data folder; the log above says what and why");
        if (!freed) {
            oro_log_stop(PATIENCE_MS);
            _exit(code); /* a thread still uses what would be freed */
        }
        oro_net_stop(net);
    }
    oro_free(report);
    oro_free(dashboard);
    oro_keys_close(keys);
    return code;
}

int
oro_migrate_module(const struct oro_config *c, struct oro_err *err)
{
    struct oro_server_options so = oro_server_options_of(c, NULL, NULL);
    oro_status st = oro_migrate_run(&so, err);
    return st == ORO_OK ? EXIT_FINE : exit_code(st);
}
