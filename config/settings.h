/* config/settings.h - every setting, once: its place in the file, its default, what it may be, its flag, and what it means. The struct's
 * fields, the parser, its messages, --help, config/orochi.toml and docs/settings.md are made of this table; `sh config/settings.sh`
 * writes the last two anew, and a test holds them to it.
 *
 *   SECTION(name, help)
 *   TEXT(section, key, default, example, flag, help)     default NULL: left out; the file then shows the example as a comment
 *   WORD(section, key, default, words, flag, help)       one of these words
 *   BOOL(section, key, default, flag, help)
 *   INT(section, key, default, least, most, flag, help)
 *
 * flag: as --help shows it, "workers N"; NULL: none. The environment knows the setting by the flag's name and by its own:
 * OROCHI_WORKERS, OROCHI_SERVER_WORKERS. */
#ifndef ORO_CONFIG_SETTINGS_H
#define ORO_CONFIG_SETTINGS_H

/* clang-format off */
#define ORO_HOUR_MS 3600000
#define ORO_DAY_S 86400
#define ORO_SETTINGS(SECTION, TEXT, WORD, BOOL, INT)                                               \
    SECTION(server, NULL)                                                                          \
    TEXT(server, name, NULL, "arena", "name NAME",                                                 \
        "of the database; default: the module's file or folder name")                              \
    TEXT(server, listen, "127.0.0.1:3000", NULL, "listen HOST:PORT",                               \
        "host and port; port 0 takes any free one. 0.0.0.0 serves the whole network")              \
    TEXT(server, data, "orochi-data", NULL, "data DIR",                                            \
        "folder of the data, the signing keys and the owner's token")                              \
    BOOL(server, memory, false, "memory", "true: keep nothing")                                    \
    BOOL(server, delete_data, false, "delete-data",                                                \
        "true: start with an empty database, each time")                                           \
    BOOL(server, watch, false, "watch",                                                            \
        "true: serve the module anew whenever a .py file in its folder changes (no data is "       \
        "lost)")                                                                                   \
    INT(server, workers, 0, 0, 256, "workers N",                                                   \
        "threads that run reducers, each with an interpreter of its own (about 8 MB); 0: one "     \
        "a core")                                                                                  \
    INT(server, max_lost_workers, 8, 0, 1000, NULL,                                                \
        "given up in calls that did not end; one more, and the process ends with status 6")        \
    WORD(server, isolation, "own-gil", "own-gil main", "isolation KIND",                           \
        "\"main\": one worker, in Python's main interpreter, where any C extension works "         \
        "(numpy, pydantic)")                                                                       \
    TEXT(server, venv, NULL, ".venv", "venv DIR",                                                  \
        "virtual environment (of the same Python 3.x) whose packages the module may import")       \
    INT(server, import_timeout_ms, 20000, 0, ORO_HOUR_MS, NULL,                                    \
        "for the import of the module, at start, in `orochi check` and at a reload; 0: none")      \
    BOOL(server, dev_errors, false, "dev-errors",                                                  \
        "true: callers see the text of unexpected exceptions (it may hold secrets)")               \
    TEXT(server, static_dir, NULL, "web", NULL,                                                    \
        "web page served at /; default: the folder dist, else web, beside the module")             \
    TEXT(server, dashboard_dir, NULL, "...", NULL,                                                 \
        "the dashboard's built page; default: the one that came with the program")                 \
    SECTION(log, NULL)                                                                             \
    WORD(log, level, "info", "error warn info debug trace", "log-level LEVEL",                     \
        "error, warn, info, debug, trace")                                                         \
    SECTION(reducer, NULL)                                                                         \
    INT(reducer, timeout_ms, 1000, 0, ORO_HOUR_MS, NULL,                                           \
        "run time limit of a reducer that sets none itself; 0: none")                              \
    INT(reducer, give_up_ms, 10000, 0, ORO_HOUR_MS, NULL,                                          \
        "so long beyond its limit a call that cannot be interrupted costs its worker, which "      \
        "has a successor; 0: never")                                                               \
    INT(reducer, init_timeout_ms, 60000, 0, 24 * ORO_HOUR_MS, NULL,                                \
        "the same for init, and for what migrates data: the start waits for them")                 \
    INT(reducer, memory_limit_mb, 1024, 0, 1 << 20, NULL,                                          \
        "Python objects of one worker, and what the running call has written; a call that "        \
        "goes beyond ends in MemoryError; 0: no limit")                                            \
    WORD(reducer, io_in_reducers, "deny", "deny warn allow", NULL,                                 \
        "files, sockets, processes, sleeping: deny, warn (in the log), or allow")                  \
    BOOL(reducer, warn_lost_changes, true, NULL,                                                   \
        "a warning for each place that changes a row and drops it without update(); some "         \
        "instructions for a column that is set")                                                   \
    BOOL(reducer, warn_globals, true, NULL,                                                        \
        "a warning for each place where a reducer changes a global of the module, which every "    \
        "worker has for itself")                                                                   \
    BOOL(reducer, warn_scans, true, NULL,                                                          \
        "a warning for each place with a filter that no index answers, on a table of more than "   \
        "1000 rows")                                                                               \
    BOOL(reducer, warn_retries, true, NULL,                                                        \
        "a warning for each reducer whose calls keep being run again, since others change what "   \
        "they read")                                                                               \
    BOOL(reducer, strict_index, false, NULL,                                                       \
        "true: a filter that no index answers, which looks at every row, is an error")             \
    SECTION(procedure,                                                                             \
        "functions with @procedure, which may wait for the world outside")                         \
    INT(procedure, workers, 4, 1, 256, NULL,                                                       \
        "threads that run them, each with an interpreter of its own; started if the module has "   \
        "any. A `def` has one for as long as it runs; one caller has all but one of "    \
        "them at most")                                                                            \
    INT(procedure, timeout_ms, 300000, 0, ORO_DAY_S * 1000, NULL,                                  \
        "for one that sets none itself, its waiting included; 0: none. A transaction in it has "   \
        "reducer.timeout_ms")                                                                      \
    INT(procedure, queue, 20000, 1, 10000000, NULL,                                                \
        "calls that may wait or run; one caller may have as many as are left for others")          \
    WORD(procedure, http, "public", "off public any", NULL,                                        \
        "what ctx.http may ask: nothing; addresses of the public internet; any, this machine "     \
        "and private networks included")                                                           \
    INT(procedure, http_timeout_ms, 30000, 1, ORO_HOUR_MS, NULL,                                   \
        "for a request that sets none itself")                                                     \
    INT(procedure, http_max_timeout_ms, 180000, 1, ORO_HOUR_MS, NULL, "and the longest it may set") \
    INT(procedure, http_max_body, 16777216, 0, 1 << 30, NULL,                                      \
        "bytes of an answer, unpacked; a longer one is an error")                                  \
    INT(procedure, http_redirects, 5, 0, 50, NULL, "that are followed")                            \
    SECTION(net, NULL)                                                                             \
    INT(net, threads, 0, 0, 256, NULL,                                                             \
        "threads that talk to clients; 0: one for each four cores, at least one")                  \
    INT(net, max_message, 33554432, 1024, 1 << 30, NULL,                                           \
        "bytes of one message of a client; a larger one ends the connection")                      \
    INT(net, max_http_body, 2097152, 1024, 1 << 30, NULL,                                          \
        "bytes of an HTTP request's body; a larger one is answered with 413")                      \
    INT(net, buffer_memory_mb, 0, 0, 1 << 24, NULL,                                                \
        "for all that clients have sent, wait for, and are sent; 0: an eighth of the "             \
        "machine's memory, up to 4096. Beyond it whoever takes most is cut off (websockets "       \
        "with code 1013), and so on")                                                              \
    INT(net, outgoing_limit, 67108864, 65536, 1ll << 34, NULL,                                     \
        "while more bytes wait for a client nothing is read from it: it would only ask for "       \
        "more")                                                                                    \
    INT(net, stall_timeout_s, 30, 0, ORO_DAY_S, NULL,                                              \
        "whoever takes nothing of what waits for it for so long is cut off, however little "       \
        "that is, and a message or request that was begun has to get further; one who reads "      \
        "never is. 0: no limit")                                                                   \
    INT(net, min_rate, 256, 0, 1 << 30, NULL,                                                      \
        "by so many bytes a second over that time; 0: any progress will do")                       \
    INT(net, incoming_limit, 16384, 1, 10000000, NULL,                                             \
        "calls of one client that may wait; while there are more, nothing is read from it")        \
    INT(net, max_connections, 0, 0, 10000000, NULL,                                                \
        "0: as many as the process may have open files")                                           \
    INT(net, ping_interval_s, 15, 1, 3600, NULL, "between two Pings to a client")                  \
    INT(net, idle_timeout_s, 30, 1, ORO_DAY_S, NULL,                                               \
        "a client that sends nothing, not even a pong, for so long is gone")                       \
    TEXT(net, allow_origins, NULL, "https://game.example", NULL,                                   \
        "web pages that may speak to the server, as browsers write their origins; a list, "        \
        "null or *. Default: on a loopback address those from any port of this machine, else "     \
        "all")                                                                                     \
    TEXT(net, tls_cert, NULL, "cert.pem", NULL, "with tls_key: serve https and wss")               \
    TEXT(net, tls_key, NULL, "key.pem", NULL, "the key of tls_cert")                               \
    SECTION(query,                                                                                 \
        "what clients may ask for in SQL and subscriptions; a term is one comparison in a "        \
        "condition, and `a = 1 OR a = 2 ...` on one column, however long, is one search")          \
    INT(query, readers, 0, 0, 256, NULL,                                                           \
        "threads that read for clients what takes long; 0: half as many as cores, at least "       \
        "two")                                                                                     \
    INT(query, max_terms, 1000, 1, 1000000, NULL, "terms of one condition")                        \
    INT(query, max_steps, 50000000, 1, 1000000000000, NULL,                                        \
        "rows that one query looks at, times its terms: about half a second of one core")          \
    INT(query, max_memory_mb, 64, 1, 65536, NULL,                                                  \
        "memory that one query in SQL may take for sorting, grouping and long strings")            \
    INT(query, view_room, 32768, 1, 1000000000, NULL,                                              \
        "answers of views that are kept for clients; one more for each 4 KiB of rows and sums, as "\
        "writes make them, 16 for each range that it looks through. One client may have as much "  \
        "as is left for others")                                                                   \
    INT(query, client_terms, 2048, 1, 1000000000, NULL,                                            \
        "terms of all subscriptions of one client: every row that changes is compared with "       \
        "each. `column = value` costs none (it is found by a hash)")                               \
    INT(query, all_terms, 50000, 1, 1000000000, NULL,                                               \
        "the same of all clients of one net thread, each query counted once; beyond it a client "  \
        "gets a 32nd of client_terms and no more")                                                 \
    INT(query, client_queries, 50000, 1, 100000000, NULL,                                          \
        "queries that one client is subscribed to")                                                \
    SECTION(durable, NULL)                                                                         \
    WORD(durable, mode, "full", "full normal off", NULL,                                           \
        "full: what a client was told survives power loss; normal: survives kill -9; off: "        \
        "neither")                                                                                 \
    INT(durable, checkpoint_mb, 112, 1, 65536, NULL,                                                \
        "log size that starts a checkpoint into the SQL tables")                                   \
    INT(durable, checkpoint_interval_s, 60, 1, ORO_DAY_S, NULL,                                    \
        "and the longest time between two")                                                        \
    SECTION(bridge,                                                                                \
        "between BSATN and Python; changed while running with `orochi config set "                 \
        "bridge.KEY=VALUE`")                                                                       \
    INT(bridge, max_cache_size, 1000, 0, 1000000, NULL,                                            \
        "shapes of dynamic values, and types compiled on demand, that each worker remembers")      \
    INT(bridge, max_pool_size, 100, 0, 1024, NULL,                                                 \
        "spare row objects of each table in each worker")                                          \
    BOOL(bridge, enable_batch_optimization, true, NULL,                                            \
        "long lists are made in one go, without the garbage collector in between")                 \
    BOOL(bridge, enable_memory_monitoring, true, NULL, "keep the highest memory of rows")          \
    INT(bridge, cache_ttl_ms, 300000, 0, 1000000000000, NULL,                                      \
        "what was not used for so long is forgotten; 0: never")                                    \
    BOOL(bridge, auto_tune, true, NULL,                                                            \
        "a pool that is full grows, up to 8 times max_pool_size, and shrinks when little used")
/* clang-format on */

#endif
