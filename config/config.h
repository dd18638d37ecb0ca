/* config/config.h - file, environment and flags become one plain struct; later ones win. It does not know who reads a key:
 * runtime/main.c hands each layer its own options. Main thread. */
#ifndef ORO_CONFIG_CONFIG_H
#define ORO_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/status.h"

/* Strings are owned by the struct. What each key means stands in config/orochi.toml. */
struct oro_config {
    char *module;
    char *server_name, *server_listen, *server_data, *server_static_dir, *server_dashboard_dir;
    bool server_memory, server_delete_data, server_dev_errors, server_watch;
    int64_t server_workers, server_import_timeout_ms;
    char *server_isolation, *server_venv;
    char *log_level;
    int64_t reducer_give_up_ms, server_max_lost_workers;
    int64_t reducer_timeout_ms, reducer_init_timeout_ms, reducer_memory_limit_mb;
    char *reducer_io_in_reducers;
    bool reducer_strict_index, reducer_warn_lost_changes, reducer_warn_globals;
    int64_t net_threads, net_max_message, net_max_http_body, net_outgoing_limit, net_incoming_limit,
        net_max_connections;
    int64_t net_ping_interval_s, net_idle_timeout_s;
    int64_t net_buffer_memory_mb, net_stall_timeout_s, net_min_rate;
    char *net_tls_cert, *net_tls_key, *net_allow_origins;
    int64_t query_readers, query_max_terms, query_max_steps, query_client_terms,
        query_client_queries;
    char *durable_mode;
    int64_t bridge_max_cache_size, bridge_max_pool_size, bridge_cache_ttl_ms;
    bool bridge_enable_batch_optimization, bridge_enable_memory_monitoring, bridge_auto_tune;
    int64_t durable_checkpoint_mb, durable_checkpoint_interval_s;
    /* From server_listen. */
    char *host;
    int port;
};

/* Reads TOML and Gives its JSON text; the layer that has a TOML reader provides it. */
typedef oro_status (*oro_toml_fn)(const char *path, char **json, struct oro_err *err);

/* argv: the words after `run`. ORO_EINVAL names the flag, the variable, or the file, line and key, and what is expected. */
ORO_MUST_CHECK oro_status oro_config_load(struct oro_config *c, int argc, char **argv,
                                          oro_toml_fn toml, struct oro_err *err);
void oro_config_fini(struct oro_config *c);
/* The flags of `run`, for --help. */
extern const char oro_config_usage[];

#endif
