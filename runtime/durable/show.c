/* `orochi log`: who called what, and when, of the transactions that are in the log. Also while a server runs. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/id.h"
#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"

static const char usage[] =
    "usage: orochi log [--data DIR] [--name NAME] [--json]\n"
    "  Lists the transactions that are in the log, oldest first: number, time (UTC), function, how "
    "many rows and sequences it\n"
    "  changed, caller, connection, arguments (BSATN in hex). Those that a checkpoint has moved "
    "into the tables are gone.\n"
    "  --data DIR    data folder (orochi-data)\n"
    "  --name NAME   of the database; not needed where the folder holds one\n"
    "  --json        one object a line\n";

enum { EXIT_FINE = 0, EXIT_USAGE = 2, EXIT_DATA = 4 };

struct show {
    const char *dir, *name;
    bool json, help;
};

static void
print_tx(const struct show *s, const struct record_reader *r)
{
    const struct oro_call *c = &r->call.call;
    char when[40] = "", id[65], conn[33];
    time_t seconds = (time_t)(r->call.timestamp_us / 1000000);
    struct tm tm;
    char *args = oro_alloc(c->args.len * 2 + 1);
    bool known = r->call.known;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    oro_identity_text(&c->sender, id);
    oro_connection_id_text(&c->connection, conn);
    oro_hex(c->args, args);
    const char *form =
        s->json ? "{\"offset\": %llu, \"time\": \"%s.%06dZ\", \"function\": \"%.*s\", \"changes\": "
                  "%llu, \"caller\": \"%s\", \"connection\": \"%s\", \"args\": \"%s\"}\n"
                : "%llu %s.%06dZ %.*s changes=%llu caller=%s connection=%s args=%s\n";
    bool named = known && c->function.len > 0;
    printf(form, (unsigned long long)r->offset, known ? when : "0000-00-00T00:00:00",
           known ? (int)(r->call.timestamp_us % 1000000) : 0, named ? (int)c->function.len : 1,
           named ? (const char *)c->function.data : "-", (unsigned long long)r->ops,
           known ? id : "-", known ? conn : "-", known ? args : "");
    oro_free(args);
}

static oro_status
print_all(const struct show *s, struct oro_txlog *log, struct oro_err *err)
{
    struct oro_txlog_reader r = {0};
    struct oro_txlog_batch b;
    bool more = true, tx = true;
    oro_status st = oro_txlog_read(log, ORO_TXLOG_OLDEST, &r, err);
    while (st == ORO_OK && (st = oro_txlog_next(&r, &b, &more, err)) == ORO_OK && more) {
        struct record_reader rec = record_reader(b.records, b.first);
        while ((st = record_next_tx(&rec, &tx)) == ORO_OK && tx)
            print_tx(s, &rec);
        if (st != ORO_OK)
            st = oro_txlog_damaged(log, &b, "bytes that are no transactions", err);
    }
    oro_txlog_read_end(&r);
    return st;
}

static oro_status
show_log(const struct show *s, struct oro_err *err)
{
    char *name = NULL, *path = NULL, *log_path = NULL;
    struct db *db = NULL;
    struct oro_txlog *log = NULL;
    oro_status st = data_name(s->dir, s->name, &name, err);
    if (st != ORO_OK)
        return st;
    path = oro_asprintf("%s/%s.db", s->dir, name);
    log_path = log_path_of(path);
    if (access(log_path, F_OK) != 0) {
        fprintf(stderr, "orochi: %s has no log: its tables have everything\n", path);
        goto out;
    }
    st = db_open_reading(log_path, &db, err);
    if (st == ORO_OK)
        st = log_sqlite_within(db, log_path, &log, err);
    if (st == ORO_OK)
        st = print_all(s, log, err);
    oro_txlog_close(log, true);
    db_close(db);
out:
    oro_free(name);
    oro_free(path);
    oro_free(log_path);
    return st;
}

static bool
read_words(int argc, char **argv, struct show *s)
{
    *s = (struct show){.dir = "orochi-data"};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            s->help = true;
        else if (strcmp(argv[i], "--json") == 0)
            s->json = true;
        else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
            s->dir = argv[++i];
        else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
            s->name = argv[++i];
        else
            return false;
    }
    return true;
}

int
oro_log_command(int argc, char **argv)
{
    struct show s;
    struct oro_err err = {0};
    if (!read_words(argc, argv, &s)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (s.help) {
        fputs(usage, stdout);
        return EXIT_FINE;
    }
    if (show_log(&s, &err) == ORO_OK)
        return EXIT_FINE;
    fprintf(stderr, "orochi: log: %s\n", err.text);
    return EXIT_DATA;
}
