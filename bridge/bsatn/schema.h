/* bridge/bsatn/schema.h - what a module declares: tables, keys, indexes, reducers, schedules (docs/values.md#module-definition), read from
 * the JSON that the Python package writes. Immutable after parsing; any thread. */
#ifndef ORO_BSATN_SCHEMA_H
#define ORO_BSATN_SCHEMA_H

#include "bridge/bsatn/type.h"
#include "runtime/base/id.h"
#include "runtime/base/map.h"

enum oro_index_kind { ORO_INDEX_BTREE, ORO_INDEX_HASH, ORO_INDEX_DIRECT };

struct oro_index_def {
    const char *name;     /* player_id_idx_btree */
    const char *accessor; /* or NULL */
    enum oro_index_kind kind;
    uint16_t *cols;
    uint16_t ncols;
    bool unique;   /* backs a unique constraint or the primary key */
    uint32_t slot; /* position in the table's indexes */
};

struct oro_sequence_def {
    const char *name;
    uint16_t col;
};

struct oro_column_default {
    uint16_t col;
    struct oro_bytes value; /* BSATN */
};

/* What the module says about a column that the data may have and the table has not. */
struct oro_column_was {
    const char *was;
    const char *now; /* the column that it is now; NULL: its values are given up */
};

struct oro_view_def;
struct oro_table_def {
    oro_table_id
        id; /* user tables: 4096 + position; stable between runs by name in the data file */
    const char *name;
    const struct oro_type *row; /* a product, resolved */
    const struct oro_view_def
        *view; /* its rows are computed, and in memory only; NULL: a table of the module's */
    bool is_public, is_event;
    int pk; /* column, or -1 */
    struct oro_index_def *indexes;
    uint32_t nindexes;
    struct oro_sequence_def *sequences;
    uint32_t nsequences;
    struct oro_column_default *defaults;
    uint32_t ndefaults;
    struct oro_column_was *was; /* dropped= and renamed= */
    uint32_t nwas;
    const char *
        *rules; /* row filters in SQL: who is not the owner sees the rows that any of them has */
    uint32_t nrules;         /* 0: all rows of a public table */
    const char *place;       /* where it is declared, "file.py:12", or NULL */
    const char *migration;   /* its @migration hook, "up (file.py:12)", or NULL */
    int schedule_at_col;     /* -1: not a scheduled table */
    const char *schedule_fn; /* reducer or procedure it calls */
};

enum oro_lifecycle {
    ORO_LIFE_NONE,
    ORO_LIFE_INIT,
    ORO_LIFE_CONNECT,
    ORO_LIFE_DISCONNECT,
    ORO_LIFE_UPDATE
};

struct oro_reducer_def {
    uint32_t id; /* position */
    const char *name;
    const struct oro_type *params; /* product */
    const struct oro_bytes
        *defaults; /* of the parameters, BSATN; data NULL: none. NULL: no parameter has one */
    bool is_private;
    enum oro_lifecycle lifecycle;
    int64_t timeout_us;             /* 0: the server's default */
    bool is_view;                   /* no reducer: nobody calls it by name, and it gives rows */
    const struct oro_type *returns; /* of a procedure: what it gives its caller; NULL: a reducer */
    bool is_async;                  /* a procedure that waits without a thread */
};

/* A function whose rows are seen like those of a table (docs/semantics.md#views). */
struct oro_view_def {
    const char *name;
    const struct oro_table_def *
        table; /* where its rows are kept: for everybody who asked, told apart by the last column (u64) */
    const struct oro_type *row;       /* what anybody sees of them: without that column */
    const struct oro_reducer_def *fn; /* its code: same name */
    bool is_anonymous;                /* everybody sees the same rows */
    int pk;                           /* column by which clients know a row, or -1 */
};
#define ORO_VIEW_HIDDEN 8          /* bytes of that column, at the end of each row */
#define ORO_VIEW_TABLES 0x40000000 /* ids of views' tables begin here: no data file knows them */

/* Rows of it are kept over a restart. */
static inline bool
oro_table_is_kept(const struct oro_table_def *t)
{
    return !t->is_event && t->view == NULL;
}

static inline const struct oro_type *
oro_table_shown(const struct oro_table_def *t)
{
    return t->view == NULL ? t->row : t->view->row;
}

/* What clients see of a row. */
static inline struct oro_bytes
oro_table_seen(const struct oro_table_def *t, struct oro_bytes row)
{
    return t->view == NULL ? row : oro_bytes(row.data, row.len - ORO_VIEW_HIDDEN);
}

/* Of @scheduled functions: the private table with one row that the server keeps up to date. */
enum oro_missed { ORO_MISSED_SKIP, ORO_MISSED_ALL, ORO_MISSED_DELAY };
struct oro_schedule_def {
    const char *reducer;
    const char *
        table; /* its private schedule table: (scheduled_id u64 pk auto_inc, scheduled_at ScheduleAt) */
    int64_t interval_us; /* 0: once */
    int64_t delay_us;    /* before the first run; -1: one interval */
    enum oro_missed missed;
    double max_dt;
    const char *cron; /* or NULL */
    double hz;        /* the n-th beat comes n/hz seconds after the first; 0: n intervals */
    bool is_volatile; /* its beats begin anew at a start */
};

struct oro_schema {
    struct oro_typespace types;
    struct oro_table_def *tables;
    uint32_t ntables;
    struct oro_reducer_def *reducers; /* and behind them the procedures; ids are positions */
    uint32_t nreducers, nprocedures;
    struct oro_schedule_def *schedules;
    uint32_t nschedules;
    bool has_routes;                        /* the module answers HTTP requests itself */
    const struct oro_env_decl *environment; /* environment.h */
    uint32_t nenvironment;
    const char *hash; /* of the definition, 64 hex digits; NULL: none was given */
    char *
        openapi_json; /* what else it can be asked (GET /v1/database/:name/openapi.json), or NULL */
    struct oro_view_def *views;
    uint32_t nviews;
    char *v9_json, *v10_json; /* what GET /v1/database/:name/schema answers (bare) */
    struct oro_map table_names, reducer_names; /* name to definition; private to schema.c */
    const struct oro_schema *lender;           /* whose tables these are; NULL: its own */
};

/* text: {"V10": {"sections": [...]}, "V9": {...}, "orochi": {"reducers": [{"name", "timeout_ms", "lifecycle"?, "defaults"?: [hex or null]}],
 * "procedures": as reducers, and "async"?,
 * "tables": [{"name", "place", "dropped", "renamed": [{"was", "now"}], "migration"?, "rules"?: [sql]}],
 * "routes"?: true, "hash"?: hex, "environment"?: {key: kind}, "openapi"?: {...}, "views": [{"name", "primary_key"?}],
 * "schedules": [{"reducer", "table", "interval_us", "delay_us", "repeating", "missed", "max_dt", "cron", "hz",
 * "volatile"}]}}. The system tables are added. Gives *out. */
ORO_MUST_CHECK oro_status oro_schema_parse(struct oro_bytes text, struct oro_schema **out,
                                           struct oro_err *err);
void oro_schema_free(struct oro_schema *s);

const struct oro_table_def *oro_schema_table(const struct oro_schema *s,
                                             struct oro_bytes name); /* NULL: none */
const struct oro_view_def *oro_schema_view(const struct oro_schema *s, struct oro_bytes name);
const struct oro_table_def *oro_schema_table_by_id(const struct oro_schema *s, oro_table_id id);
/* NULL: there is none of that name, or it is a procedure. */
const struct oro_reducer_def *oro_schema_reducer(const struct oro_schema *s, struct oro_bytes name);
/* The same, or a procedure. */
const struct oro_reducer_def *oro_schema_function(const struct oro_schema *s,
                                                  struct oro_bytes name);
const struct oro_reducer_def *oro_schema_lifecycle(const struct oro_schema *s,
                                                   enum oro_lifecycle which);
int oro_table_column(const struct oro_table_def *t, struct oro_bytes name); /* -1: none */
/* Where the column begins in a whole row of trusted BSATN. */
size_t oro_table_column_offset(const struct oro_table_def *t, unsigned col, const uint8_t *row);
/* The index that backs the primary key; NULL: the table has none. */
const struct oro_index_def *oro_table_primary_index(const struct oro_table_def *t);
/* The @scheduled function that the table is private to, or NULL. */
const struct oro_schedule_def *oro_schema_schedule_of(const struct oro_schema *s,
                                                      const struct oro_table_def *t);
/* Appends the key of the index for a whole row of trusted BSATN. */
void oro_index_key(const struct oro_table_def *t, const struct oro_index_def *ix,
                   const uint8_t *row, struct oro_bb *out);

/* ---- a new version of a module (schema_change.c) ---- */
/* The same tables in every respect, whatever their order, and timers of the same kind: only code has changed. */
bool oro_schema_same_tables(const struct oro_schema *a, const struct oro_schema *b);
/* The column of `old` that column `col` of `now` comes from, by its name or the one it had; -1: it is new. */
int oro_table_source(const struct oro_table_def *old, const struct oro_table_def *now,
                     uint32_t col);
/* The module gives up the values of this column of `old`. */
bool oro_table_drops(const struct oro_table_def *now, const char *column);
/* The default of a column, or NULL. */
const struct oro_column_default *oro_table_default(const struct oro_table_def *t, uint32_t col);
/* Appends a row of `old` as a row of `now`: columns that are new get their defaults. Trusted bytes. */
void oro_table_convert(const struct oro_table_def *old, const struct oro_table_def *now,
                       const uint8_t *row, struct oro_bb *out);
/* Every value of `a` is a value of `b` with the same bytes: equal, but sums may have got variants at the end. */
bool oro_type_fits(const struct oro_type *a, const struct oro_type *b);
/* Appends what becomes of the tables, in words, "; " between. True: clients of `a` cannot go on with `b`, since public
 * tables have other columns, or are gone. */
bool oro_schema_changes(const struct oro_schema *a, const struct oro_schema *b,
                        struct oro_bb *words);
/* Has `s` use the tables of `lender`, which has the same ones and outlives it, so that whoever holds a definition need not
 * let go of it. */
void oro_schema_borrow_tables(struct oro_schema *s, const struct oro_schema *lender);

/* Tables of the server itself, which are in no module's definition (schema_system.c). */
enum {
    ORO_ST_CLIENT = 1,         /* who is connected */
    ORO_ST_SCHEDULED_CALL = 2, /* what ctx.schedule() has made (scheduled_call.h) */
    ORO_ST_PHASE = 3,          /* where the beats of repeating timers lie (the same) */
};

#endif
