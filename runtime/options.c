/* From the configuration to the options of the layers. */
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/auth.h"
#include "runtime/check.h"
#include "runtime/http/http.h"
#include "runtime/program_priv.h"
#include "runtime/signals.h"

oro_status
oro_environment_set(const struct oro_config *c, struct oro_err *err)
{
    const char *io = c->reducer_io_in_reducers;
    return oro_py_set_environment(
        &(struct oro_py_environment){
            .main_interpreter = strcmp(c->server_isolation, "main") == 0,
            .venv = c->server_venv,
            .memory_limit_mb = (unsigned)c->reducer_memory_limit_mb,
            .io = strcmp(io, "allow") == 0  ? ORO_PY_IO_ALLOW
                  : strcmp(io, "warn") == 0 ? ORO_PY_IO_WARN
                                            : ORO_PY_IO_DENY,
            .strict_index = c->reducer_strict_index,
            .warn_lost_changes = c->reducer_warn_lost_changes,
            .warn_globals = c->reducer_warn_globals,
            .warn_scans = c->reducer_warn_scans,
            .warn_retries = c->reducer_warn_retries,
        },
        err);
}

static unsigned
cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

unsigned
oro_workers_of(const struct oro_config *c)
{
    return c->server_workers > 0 ? (unsigned)c->server_workers : cores();
}

static unsigned
reader_threads(const struct oro_config *c)
{
    return c->query_readers > 0 ? (unsigned)c->query_readers : cores() / 2 > 2 ? cores() / 2 : 2;
}

static unsigned
net_threads(const struct oro_config *c)
{
    return c->net_threads > 0 ? (unsigned)c->net_threads : cores() / 4 > 0 ? cores() / 4 : 1;
}

/* Of the server that runs; set before it starts. */
static struct oro_probe looker;

void
oro_options_probe(const struct oro_config *c, char **argv)
{
    looker = (struct oro_probe){
        .argv = argv, .limit_ms = c->server_import_timeout_ms, .stop = oro_signals_stop()};
}

static oro_status
probe(void *arg, char **report, struct oro_err *err)
{
    return oro_probe_run(arg, report, err);
}

struct oro_server_options
oro_server_options_of(const struct oro_config *c, struct oro_keys *keys, const char *dashboard)
{
    return (struct oro_server_options){
        .module_path = c->module,
        .name = c->server_name,
        .data_dir = c->server_memory ? NULL : c->server_data,
        .durability = strcmp(c->durable_mode, "full") == 0     ? ORO_DURABLE_FULL
                      : strcmp(c->durable_mode, "normal") == 0 ? ORO_DURABLE_NORMAL
                                                               : ORO_DURABLE_OFF,
        .delete_data = c->server_delete_data,
        .checkpoint_bytes = (size_t)c->durable_checkpoint_mb << 20,
        .checkpoint_interval_s = (unsigned)c->durable_checkpoint_interval_s,
        .workers = oro_workers_of(c),
        .shards = net_threads(c),
        .timeout_us = c->reducer_timeout_ms * 1000,
        .give_up_us = c->reducer_give_up_ms * 1000,
        .max_lost_workers = (unsigned)c->server_max_lost_workers,
        .main_interpreter = strcmp(c->server_isolation, "main") == 0,
        .init_timeout_us = c->reducer_init_timeout_ms * 1000,
        .import_timeout_us = c->server_import_timeout_ms * 1000,
        .procedure_workers = (unsigned)c->procedure_workers,
        .procedure_timeout_us = c->procedure_timeout_ms * 1000,
        .procedure_queue = (unsigned)c->procedure_queue,
        .view_room = (uint64_t)c->query_view_room,
        .fetch = {.off = strcmp(c->procedure_http, "off") == 0,
                  .anywhere = strcmp(c->procedure_http, "any") == 0,
                  .redirects = (unsigned)c->procedure_http_redirects,
                  .max_body = (size_t)c->procedure_http_max_body,
                  .timeout_us = c->procedure_http_timeout_ms * 1000,
                  .max_timeout_us = c->procedure_http_max_timeout_ms * 1000},
        .probe = probe,
        .probe_arg = &looker,
        .dev_errors = c->server_dev_errors,
        .environment = &c->environment,
        .loopback = oro_net_is_loopback(c->host),
        .allow_origins = c->net_allow_origins,
        .static_dir = c->server_static_dir,
        .dashboard_dir = dashboard,
        .incoming_limit = (unsigned)c->net_incoming_limit,
        .query = {.terms = (uint32_t)c->query_max_terms,
                  .steps = (uint64_t)c->query_max_steps,
                  .memory = (uint64_t)c->query_max_memory_mb << 20},
        .client_terms = (uint64_t)c->query_client_terms,
        .all_terms = (uint64_t)c->query_all_terms,
        .client_queries = (size_t)c->query_client_queries,
        .readers = reader_threads(c),
        .auth = oro_auth_of(keys),
        .front = &oro_http_front,
    };
}

/* An eighth of the machine's, so that the state and Python have the rest; enough for a few large messages on a small one. */
static size_t
buffer_memory(const struct oro_config *c)
{
    if (c->net_buffer_memory_mb > 0)
        return (size_t)c->net_buffer_memory_mb << 20;
    uint64_t eighth = oro_machine_memory() / 8, least = (uint64_t)128 << 20,
             most = (uint64_t)4096 << 20;
    return (size_t)(eighth < least ? least : eighth > most ? most : eighth);
}

struct oro_net_options
oro_net_options_of(const struct oro_config *c)
{
    return (struct oro_net_options){
        .host = c->host,
        .port = c->port,
        .threads = net_threads(c),
        .max_message = (size_t)c->net_max_message,
        .max_http_body = (size_t)c->net_max_http_body,
        .outgoing_limit = (size_t)c->net_outgoing_limit,
        .buffer_memory = buffer_memory(c),
        .stall_timeout_s = (unsigned)c->net_stall_timeout_s,
        .min_rate = (unsigned)c->net_min_rate,
        .ping_interval_s = (unsigned)c->net_ping_interval_s,
        .idle_timeout_s = (unsigned)c->net_idle_timeout_s,
        .max_connections = (unsigned)c->net_max_connections,
        .tls_cert = c->net_tls_cert,
        .tls_key = c->net_tls_key,
    };
}
