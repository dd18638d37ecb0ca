#include "runtime/bench/bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/bench/spawn.h"
#include "runtime/bench/transfer.h"

enum {
    EXIT_PASSED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
};

static const char help[] =
    "usage: orochi bench transfer [flags] [-- flags of the server]\n"
    "\n"
    "Moves money between accounts of examples/bank as fast as the server answers,\n"
    "over real websockets, then checks that the sum of all balances is what it was.\n"
    "Ends with status 1 if it is not, or if any call failed.\n"
    "\n"
    "  --spawn MODULE         start a server for it in a temporary data folder (in\n"
    "                         $TMPDIR or /tmp) and stop it at the end; its flags\n"
    "                         follow after --, e.g. -- --workers 1\n"
    "  --url ws://HOST:PORT   the server that runs (default ws://127.0.0.1:3000)\n"
    "  --database NAME        default bank; with --spawn the server's own name\n"
    "  --connections N        default 64\n"
    "  --in-flight D          calls that each connection has waiting (default 40)\n"
    "  --threads N            of this load generator (default 1)\n"
    "  --protocol v3|v2       v3 (default): all calls of one wake-up in one frame;\n"
    "                         v2: one call a frame\n"
    "  --confirmed            answers wait until the commit is on disk (default)\n"
    "  --unconfirmed          they do not\n"
    "  --accounts N           default 100000\n"
    "  --initial N            balance of each account (default 1000000000)\n"
    "  --no-seed              take the accounts as they are\n"
    "  --alpha A              0 (default): all accounts alike; above: Zipf's law,\n"
    "                         1.5 is very uneven\n"
    "  --pairs N              transfers drawn beforehand and used in a circle\n"
    "                         (default 2000000)\n"
    "  --warmup S             seconds before the measurement (default 2)\n"
    "  --seconds S            of the measurement (default 10)\n"
    "  --server-pid PID       whose CPU time to report (default: the process that\n"
    "                         listens on the port, if it is on this machine)\n"
    "  --json                 one line of JSON instead of the report\n"
    "  --quiet                no progress on standard error\n";

struct command {
    struct oro_transfer_options opt;
    char host[256];
    const char *module; /* --spawn */
    bool database_named;
    bool json, help;
    char **server_flags; /* NULL-terminated */
};

/* ---- flags ---- */

static oro_status
read_count(const char *flag, const char *text, uint64_t low, uint64_t high, uint64_t *out,
           struct oro_err *err)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || v < low || v > high)
        return oro_err_set(err, ORO_EINVAL, "--%s %s: expected a number from %llu to %llu", flag,
                           text, (unsigned long long)low, (unsigned long long)high);
    *out = v;
    return ORO_OK;
}

static oro_status
read_real(const char *flag, const char *text, double high, double *out, struct oro_err *err)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v >= 0 && v <= high))
        return oro_err_set(err, ORO_EINVAL, "--%s %s: expected a number from 0 to %g", flag, text,
                           high);
    *out = v;
    return ORO_OK;
}

/* ws://HOST:PORT, HOST perhaps in brackets, perhaps with a slash at the end. */
static oro_status
read_url(struct command *c, const char *text, struct oro_err *err)
{
    uint64_t port = 0;
    const char *host = strncmp(text, "ws://", 5) == 0 ? text + 5 : text;
    const char *colon = strrchr(host, ':');
    size_t len = colon != NULL ? (size_t)(colon - host) : 0;
    char digits[8] = "";
    if (len == 0 || len >= sizeof(c->host) || strncmp(text, "wss:", 4) == 0)
        return oro_err_set(err, ORO_EINVAL, "--url %s: expected ws://HOST:PORT", text);
    snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(colon + 1, "/"), colon + 1);
    if (read_count("url", digits, 1, UINT16_MAX, &port, err) != ORO_OK)
        return oro_err_set(err, ORO_EINVAL, "--url %s: expected ws://HOST:PORT", text);
    bool brackets = host[0] == '[' && host[len - 1] == ']';
    snprintf(c->host, sizeof(c->host), "%.*s", (int)(brackets ? len - 2 : len),
             brackets ? host + 1 : host);
    c->opt.port = (uint16_t)port;
    return ORO_OK;
}

static oro_status
read_protocol(struct command *c, const char *text, struct oro_err *err)
{
    c->opt.v2 = strcmp(text, "v2") == 0;
    return c->opt.v2 || strcmp(text, "v3") == 0
               ? ORO_OK
               : oro_err_set(err, ORO_EINVAL, "--protocol %s: expected v3 or v2", text);
}

enum flag {
    FLAG_SPAWN = 1,
    FLAG_URL,
    FLAG_DATABASE,
    FLAG_CONNECTIONS,
    FLAG_IN_FLIGHT,
    FLAG_THREADS,
    FLAG_PROTOCOL,
    FLAG_CONFIRMED,
    FLAG_UNCONFIRMED,
    FLAG_ACCOUNTS,
    FLAG_INITIAL,
    FLAG_NO_SEED,
    FLAG_ALPHA,
    FLAG_PAIRS,
    FLAG_WARMUP,
    FLAG_SECONDS,
    FLAG_SERVER_PID,
    FLAG_JSON,
    FLAG_QUIET,
    FLAG_HELP,
};

static const struct option flags[] = {
    {"spawn", required_argument, NULL, FLAG_SPAWN},
    {"url", required_argument, NULL, FLAG_URL},
    {"database", required_argument, NULL, FLAG_DATABASE},
    {"connections", required_argument, NULL, FLAG_CONNECTIONS},
    {"in-flight", required_argument, NULL, FLAG_IN_FLIGHT},
    {"threads", required_argument, NULL, FLAG_THREADS},
    {"protocol", required_argument, NULL, FLAG_PROTOCOL},
    {"confirmed", no_argument, NULL, FLAG_CONFIRMED},
    {"unconfirmed", no_argument, NULL, FLAG_UNCONFIRMED},
    {"accounts", required_argument, NULL, FLAG_ACCOUNTS},
    {"initial", required_argument, NULL, FLAG_INITIAL},
    {"no-seed", no_argument, NULL, FLAG_NO_SEED},
    {"alpha", required_argument, NULL, FLAG_ALPHA},
    {"pairs", required_argument, NULL, FLAG_PAIRS},
    {"warmup", required_argument, NULL, FLAG_WARMUP},
    {"seconds", required_argument, NULL, FLAG_SECONDS},
    {"server-pid", required_argument, NULL, FLAG_SERVER_PID},
    {"json", no_argument, NULL, FLAG_JSON},
    {"quiet", no_argument, NULL, FLAG_QUIET},
    {"help", no_argument, NULL, FLAG_HELP},
    {0},
};

/* The flags that are a whole number. */
static oro_status
take_count(struct command *c, enum flag flag, const char *name, const char *text,
           struct oro_err *err)
{
    static const struct {
        uint64_t low, high;
    } range[] = {
        [FLAG_CONNECTIONS] = {1, 100000},   [FLAG_IN_FLIGHT] = {1, 1u << 20},
        [FLAG_THREADS] = {1, 256},          [FLAG_ACCOUNTS] = {1, 100000000},
        [FLAG_INITIAL] = {0, INT64_MAX},    [FLAG_PAIRS] = {1, 1u << 30},
        [FLAG_SERVER_PID] = {1, INT32_MAX},
    };
    uint64_t v = 0;
    oro_status st = read_count(name, text, range[flag].low, range[flag].high, &v, err);
    if (st != ORO_OK)
        return st;
    switch (flag) {
    case FLAG_CONNECTIONS:
        c->opt.connections = (unsigned)v;
        break;
    case FLAG_IN_FLIGHT:
        c->opt.in_flight = (unsigned)v;
        break;
    case FLAG_THREADS:
        c->opt.threads = (unsigned)v;
        break;
    case FLAG_ACCOUNTS:
        c->opt.accounts = (uint32_t)v;
        break;
    case FLAG_INITIAL:
        c->opt.initial = (int64_t)v;
        break;
    case FLAG_PAIRS:
        c->opt.pairs = v;
        break;
    default:
        c->opt.server = (pid_t)v;
        break;
    }
    return ORO_OK;
}

static oro_status
take_flag(struct command *c, enum flag flag, const char *name, const char *text,
          struct oro_err *err)
{
    switch (flag) {
    case FLAG_SPAWN:
        c->module = text;
        return ORO_OK;
    case FLAG_URL:
        return read_url(c, text, err);
    case FLAG_DATABASE:
        c->opt.database = text;
        c->database_named = true;
        return ORO_OK;
    case FLAG_PROTOCOL:
        return read_protocol(c, text, err);
    case FLAG_CONFIRMED:
    case FLAG_UNCONFIRMED:
        c->opt.confirmed = flag == FLAG_CONFIRMED;
        return ORO_OK;
    case FLAG_NO_SEED:
        c->opt.no_seed = true;
        return ORO_OK;
    case FLAG_ALPHA:
        return read_real(name, text, 100, &c->opt.alpha, err);
    case FLAG_WARMUP:
        return read_real(name, text, 86400, &c->opt.warmup_s, err);
    case FLAG_SECONDS:
        return read_real(name, text, 86400, &c->opt.seconds, err);
    case FLAG_JSON:
        c->json = true;
        return ORO_OK;
    case FLAG_QUIET:
        c->opt.quiet = true;
        return ORO_OK;
    case FLAG_HELP:
        c->help = true;
        return ORO_OK;
    default:
        return take_count(c, flag, name, text, err);
    }
}

static oro_status
check_command(struct command *c, int argc, char **argv, struct oro_err *err)
{
    bool after_dashes = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    if (optind < argc && !after_dashes)
        return oro_err_set(err, ORO_EINVAL, "%s: not a flag", argv[optind]);
    if (optind < argc && c->module == NULL)
        return oro_err_set(err, ORO_EINVAL, "flags of the server need --spawn");
    c->server_flags = argv + optind;
    if (c->opt.threads > c->opt.connections)
        c->opt.threads = c->opt.connections;
    if (c->opt.pairs < c->opt.connections)
        c->opt.pairs = c->opt.connections;
    return ORO_OK;
}

/* argv[0] is "transfer". */
static oro_status
read_command(struct command *c, int argc, char **argv, struct oro_err *err)
{
    *c = (struct command){
        .host = "127.0.0.1",
        .opt =
            {
                .port = 3000,
                .database = "bank",
                .connections = 64,
                .in_flight = 40,
                .threads = 1,
                .confirmed = true,
                .accounts = 100000,
                .initial = 1000000000,
                .pairs = 2000000,
                .warmup_s = 2,
                .seconds = 10,
            },
    };
    int flag, index = 0;
    optind = 0; /* a fresh start, so that a process may read two command lines */
    opterr = 0;
    while ((flag = getopt_long(argc, argv, "+:h", flags, &index)) != -1) {
        if (flag == '?' || flag == ':')
            return oro_err_set(err, ORO_EINVAL,
                               flag == ':' ? "%s: a value is missing" : "%s: no such flag",
                               argv[optind - 1]);
        oro_status st =
            take_flag(c, flag == 'h' ? FLAG_HELP : (enum flag)flag, flags[index].name, optarg, err);
        if (st != ORO_OK)
            return st;
    }
    c->opt.host = c->host;
    return check_command(c, argc, argv, err);
}

/* ---- orochi bench transfer ---- */

static oro_status
run_and_report(const struct command *c, bool *passed, struct oro_err *err)
{
    struct oro_transfer_result result;
    oro_status st = oro_transfer_run(&c->opt, &result, err);
    if (st != ORO_OK)
        return st;
    if (c->json)
        oro_transfer_report_json(&c->opt, &result, stdout);
    else
        oro_transfer_report(&c->opt, &result, stdout);
    fflush(stdout);
    *passed = oro_transfer_passed(&result);
    oro_transfer_result_fini(&result);
    return ORO_OK;
}

static oro_status
run_with_server(struct command *c, bool *passed, struct oro_err *err)
{
    struct oro_spawned server;
    struct oro_err stop_err;
    oro_status st = oro_spawn_start(&server, c->module, c->server_flags, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "--spawn %s", c->module);
    snprintf(c->host, sizeof(c->host), "127.0.0.1");
    c->opt.port = server.port;
    c->opt.server = server.pid;
    if (!c->database_named)
        c->opt.database = server.database;
    st = run_and_report(c, passed, err);
    if (oro_spawn_stop(&server, &stop_err) != ORO_OK && st == ORO_OK)
        st = oro_err_set(err, stop_err.status, "%s", stop_err.text);
    return st;
}

static bool
is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0;
}

static int
command_transfer(int argc, char **argv)
{
    struct command c;
    struct oro_err err = {0};
    bool passed = false;
    oro_status st = read_command(&c, argc, argv, &err);
    if (st != ORO_OK) {
        fprintf(stderr, "orochi: %s\n(`orochi bench help` lists the flags)\n", err.text);
        return EXIT_USAGE;
    }
    if (c.help) {
        fputs(help, stdout);
        return EXIT_PASSED;
    }
    if (c.module == NULL && c.opt.server == 0 && is_loopback(c.host))
        c.opt.server = oro_proc_listener(c.opt.port);
    st = c.module != NULL ? run_with_server(&c, &passed, &err) : run_and_report(&c, &passed, &err);
    if (st != ORO_OK)
        fprintf(stderr, "orochi: %s\n", err.text);
    return st == ORO_OK && passed ? EXIT_PASSED : EXIT_FAILED;
}

int
oro_bench_command(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "transfer") == 0)
        return command_transfer(argc - 1, argv + 1);
    bool wants_help =
        strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    fputs(help, wants_help ? stdout : stderr);
    return wants_help ? EXIT_PASSED : EXIT_USAGE;
}
