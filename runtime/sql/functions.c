/* The functions that a query may call.
 *
 * A function runs to its end without a look at what is left, so none may take long on arguments that a stranger makes as large
 * as a value can be. SQLite's own instr, replace, trim, LIKE and GLOB take the product of the lengths of their arguments:
 * those are ours. json_patch does too, and is left out, as is what has nothing to do with reading values. */
#include "runtime/sql/sql_priv.h"

#include <string.h>

#define PRODUCT_MOST ((uint64_t)1 << 24) /* byte comparisons: some hundredth of a second */

static const char *const allowed[] = {
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "avg", "ceil", "ceiling",
    "changes", "char", "coalesce", "cos", "cosh", "count", "cume_dist", "current_date",
    "current_time", "current_timestamp", "date", "datetime", "degrees", "dense_rank", "exp",
    "first_value", "floor", "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr",
    "json", "json_array", "json_array_length", "json_each", "json_error_position", "json_extract",
    "json_group_array", "json_group_object", "json_insert", "json_object", "json_quote",
    "json_remove", "json_replace", "json_set", "json_tree", "json_type", "json_valid", "julianday",
    "lag", "last_value", "lead", "length", "like", "likelihood", "likely", "ln", "log", "log10",
    "log2", "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif", "octet_length",
    "percent_rank", "pi", "pow", "power", "printf", "quote", "radians", "random", "randomblob",
    "rank", "replace", "round", "row_number", "rtrim", "sign", "sin", "sinh", "soundex",
    "sqlite_version", "sqrt", "strftime", "string_agg", "substr", "substring", "subtype", "sum",
    "tan", "tanh", "time", "timediff", "total", "trim", "trunc", "typeof", "unhex", "unicode",
    "unixepoch", "unlikely", "upper", "zeroblob", "->", "->>"};

bool
sql_function_allowed(const char *name)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(allowed); i++)
        if (sqlite3_stricmp(name, allowed[i]) == 0)
            return true;
    return false;
}

/* ---- arguments ---- */

static struct oro_bytes
text_arg(sqlite3_value *v)
{
    const unsigned char *s = sqlite3_value_text(v);
    return s != NULL ? oro_bytes(s, (size_t)sqlite3_value_bytes(v))
                     : oro_bytes("", 0); /* no memory */
}

static struct oro_bytes
blob_arg(sqlite3_value *v)
{
    const void *p = sqlite3_value_blob(v);
    return p != NULL ? oro_bytes(p, (size_t)sqlite3_value_bytes(v)) : oro_bytes("", 0);
}

static bool
has_null(int argc, sqlite3_value **argv)
{
    for (int i = 0; i < argc; i++)
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return true;
    return false;
}

static bool
is_too_dear(sqlite3_context *ctx, struct oro_bytes a, struct oro_bytes b)
{
    if ((uint64_t)a.len * b.len <= PRODUCT_MOST)
        return false;
    sqlite3_result_error(ctx, "the strings are too long for this function", -1);
    return true;
}

/* ---- instr, replace ---- */

static size_t
characters(const uint8_t *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (p[i] & 0xc0) != 0x80;
    return count;
}

/* Where the second begins in the first, from 1 on, in characters, of blobs in bytes; 0: nowhere. */
static void
instr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (has_null(argc, argv))
        return;
    bool blobs =
        sqlite3_value_type(argv[0]) == SQLITE_BLOB && sqlite3_value_type(argv[1]) == SQLITE_BLOB;
    struct oro_bytes in, what;
    if (blobs) {
        in = blob_arg(argv[0]);
        what = blob_arg(argv[1]);
    } else {
        in = text_arg(argv[0]);
        what = text_arg(argv[1]);
    }
    const uint8_t *at = what.len > 0 ? memmem(in.data, in.len, what.data, what.len) : in.data;
    size_t before = at != NULL ? (size_t)(at - in.data) : 0;
    bool found = what.len == 0 || at != NULL;
    sqlite3_result_int64(ctx,
                         !found ? 0 : 1 + (int64_t)(blobs ? before : characters(in.data, before)));
}

static void
replace(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (has_null(argc, argv))
        return;
    struct oro_bytes in = text_arg(argv[0]), what = text_arg(argv[1]), by = text_arg(argv[2]);
    if (what.len == 0) {
        sqlite3_result_value(ctx, argv[0]);
        return;
    }
    sqlite3_str *out = sqlite3_str_new(sqlite3_context_db_handle(ctx));
    const uint8_t *from = in.data, *end = in.data + in.len, *at;
    while ((at = memmem(from, (size_t)(end - from), what.data, what.len)) != NULL) {
        sqlite3_str_append(out, (const char *)from, (int)(at - from));
        sqlite3_str_append(out, (const char *)by.data, (int)by.len);
        from = at + what.len;
        if (sqlite3_str_errcode(out) != SQLITE_OK)
            break;
    }
    sqlite3_str_append(out, (const char *)from, (int)(end - from));
    int rc = sqlite3_str_errcode(out), n = sqlite3_str_length(out);
    char *text = sqlite3_str_finish(out);
    if (rc == SQLITE_OK && text != NULL)
        sqlite3_result_text(ctx, text, n, sqlite3_free);
    else if (rc == SQLITE_OK)
        sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
    else
        sqlite3_result_error_code(ctx, rc);
}

/* ---- trim ---- */

static size_t
character_at(const uint8_t *p, const uint8_t *end)
{
    size_t n = 1;
    while (p + n < end && (p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* One of the characters in set. */
static bool
is_in(struct oro_bytes set, const uint8_t *p, size_t n)
{
    const uint8_t *end = set.data + set.len;
    for (const uint8_t *q = set.data; q < end; q += character_at(q, end))
        if (character_at(q, end) == n && memcmp(p, q, n) == 0)
            return true;
    return false;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static void
trim(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const int *sides = sqlite3_user_data(ctx);
    if (has_null(argc, argv))
        return;
    struct oro_bytes in = text_arg(argv[0]), set = argc > 1 ? text_arg(argv[1]) : oro_bytes(" ", 1);
    if (is_too_dear(ctx, in, set))
        return;
    const uint8_t *p = in.data, *end = in.data + in.len;
    while ((*sides & TRIM_LEFT) && p < end && is_in(set, p, character_at(p, end)))
        p += character_at(p, end);
    while ((*sides & TRIM_RIGHT) && p < end) {
        const uint8_t *last = end - 1;
        while (last > p && (*last & 0xc0) == 0x80)
            last--;
        if (!is_in(set, last, (size_t)(end - last)))
            break;
        end = last;
    }
    sqlite3_result_text64(ctx, (const char *)p, (sqlite3_uint64)(end - p), SQLITE_TRANSIENT,
                          SQLITE_UTF8);
}

/* ---- LIKE, GLOB ---- */

/* The character of an ESCAPE, 0 of none. False: it is not one character. */
static bool
escape_of(int argc, sqlite3_value **argv, unsigned *out)
{
    *out = 0;
    if (argc < 3)
        return true;
    struct oro_bytes e = text_arg(argv[2]);
    if (e.len == 0 || character_at(e.data, e.data + e.len) != e.len || e.len > 4)
        return false;
    static const uint8_t first[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned c = e.data[0] & first[e.len];
    for (size_t i = 1; i < e.len; i++)
        c = c << 6 | (e.data[i] & 0x3f);
    *out = c;
    return true;
}

/* like(pattern, text [, escape]); X LIKE Y is like(Y, X). */
static void
like(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bool *glob = sqlite3_user_data(ctx);
    unsigned escape;
    if (has_null(argc, argv))
        return;
    if (sqlite3_value_type(argv[0]) == SQLITE_BLOB || sqlite3_value_type(argv[1]) == SQLITE_BLOB) {
        sqlite3_result_int(ctx, 0);
        return;
    }
    struct oro_bytes pattern = text_arg(argv[0]), text = text_arg(argv[1]);
    if (!escape_of(argc, argv, &escape)) {
        sqlite3_result_error(ctx, "ESCAPE expression must be a single character", -1);
        return;
    }
    if (is_too_dear(ctx, pattern, text))
        return;
    int differs =
        *glob ? sqlite3_strglob((const char *)pattern.data, (const char *)text.data)
              : sqlite3_strlike((const char *)pattern.data, (const char *)text.data, escape);
    sqlite3_result_int(ctx, differs == 0);
}

int
sql_functions_register(sqlite3 *db)
{
    static const int left = TRIM_LEFT, right = TRIM_RIGHT, both = TRIM_LEFT | TRIM_RIGHT;
    static const bool no = false, yes = true;
    static const struct {
        const char *name;
        int args;
        const void *data;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } ours[] = {
        {"instr", 2, NULL, instr},  {"replace", 3, NULL, replace}, {"trim", 1, &both, trim},
        {"trim", 2, &both, trim},   {"ltrim", 1, &left, trim},     {"ltrim", 2, &left, trim},
        {"rtrim", 1, &right, trim}, {"rtrim", 2, &right, trim},    {"like", 2, &no, like},
        {"like", 3, &no, like},     {"glob", 2, &yes, like},
    };
    int rc = SQLITE_OK, flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    for (size_t i = 0; i < ORO_ARRAY_LEN(ours) && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function(db, ours[i].name, ours[i].args, flags,
                                     (void *)(uintptr_t)ours[i].data, ours[i].run, NULL, NULL);
    return rc;
}
