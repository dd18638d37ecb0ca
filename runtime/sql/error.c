/* What is wrong, and where. */
#include "runtime/sql/sql_priv.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 100 /* bytes of the line, the place among them */

/* The part of the line around `at`, and where in it that is. */
static struct oro_bytes
line_around(struct oro_bytes text, size_t at, size_t *place)
{
    size_t from = at, to = at;
    while (from > 0 && text.data[from - 1] != '\n' && at - from < SHOWN * 2 / 3)
        from--;
    while (to < text.len && text.data[to] != '\n' && to - from < SHOWN)
        to++;
    while (from < at && (text.data[from] & 0xc0) == 0x80)
        from++; /* not within a character */
    while (to > at && to < text.len && (text.data[to] & 0xc0) == 0x80)
        to--;
    *place = at - from;
    return oro_bytes(text.data + from, to - from);
}

int
sql_fit(struct oro_bytes text, size_t most)
{
    if (text.len <= most)
        return (int)text.len;
    while (most > 0 && (text.data[most] & 0xc0) == 0x80)
        most--;
    return (int)most;
}

static size_t
characters(struct oro_bytes s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += (s.data[i] & 0xc0) != 0x80;
    return n;
}

oro_status
sql_fail_at(struct oro_err *err, oro_status st, struct oro_bytes text, size_t at, const char *what)
{
    size_t place;
    if (at > text.len)
        return oro_err_set(err, st, "%s", what);
    struct oro_bytes line = line_around(text, at, &place);
    int blank = (int)characters(oro_bytes(line.data, place));
    return oro_err_set(err, st, "%s, at position %zu:\n%.*s\n%*s^", what, at + 1, (int)line.len,
                       (const char *)line.data, blank, "");
}

/* T-1: a table that he may not see does not exist for him. */
static bool
say_no_table(const char *message, char *out, size_t size)
{
    static const char begin[] = "no such table: ";
    if (strncmp(message, begin, sizeof(begin) - 1) != 0)
        return false;
    snprintf(out, size, "no such table: `%.*s`. If the table exists, it may be marked private.",
             sql_fit(oro_bytes_str(message + sizeof(begin) - 1), 200), message + sizeof(begin) - 1);
    return true;
}

static oro_status
fail_limit(struct sql_engine *e, int rc, struct oro_err *err)
{
    if (rc == SQLITE_NOMEM && e->ask->memory > 0)
        return oro_err_set(
            err, ORO_EFULL,
            "the query takes more than %llu MiB of memory: sort, group or join fewer "
            "rows (query.max_memory_mb)",
            (unsigned long long)(e->ask->memory >> 20));
    if (rc == SQLITE_NOMEM)
        return oro_err_set(err, ORO_ENOMEM, "the server has no memory left: try again later");
    if (rc == SQLITE_TOOBIG)
        return oro_err_set(err, ORO_EFULL, "the query makes a string or a row that is too large");
    if (e->stopped)
        return oro_err_set(err, ORO_ETIMEOUT, "the query was interrupted: ask again");
    return oro_err_set(err, ORO_EFULL,
                       "the query is too expensive: it takes more steps than are allowed. An index "
                       "on a column that it compares, or a LIMIT, makes it cheaper "
                       "(query.max_steps)");
}

oro_status
sql_fail(struct sql_engine *e, int rc, const struct sql_text *text, size_t from,
         struct oro_err *err)
{
    char what[400];
    if (rc == SQLITE_NOMEM || rc == SQLITE_TOOBIG || rc == SQLITE_INTERRUPT)
        return fail_limit(e, rc, err);
    if (e->denied.text[0] != '\0')
        return oro_err_set(err, e->denied.status, "%s", e->denied.text);
    const char *message = sqlite3_errmsg(e->db);
    if (!say_no_table(message, what, sizeof(what)))
        snprintf(what, sizeof(what), "%.*s", sql_fit(oro_bytes_str(message), sizeof(what) - 1),
                 message);
    int offset = sqlite3_error_offset(e->db);
    if (text == NULL || offset < 0)
        return oro_err_set(err, ORO_EMALFORMED, "%s", what);
    return sql_fail_at(err, ORO_EMALFORMED, text->asked,
                       sql_text_origin(text, from + (size_t)offset), what);
}
