/* bridge/bsatn/schema_load.c - reading a module definition of version 10 (docs/values.md#module-definition) with our additions.
 *
 * Our own package writes the text and has checked the module, with file and line in its messages. What is checked again
 * here is what the store and the wire rely on, so that no text at all can break them. */
#include "bridge/bsatn/schema_priv.h"

#include "bridge/bsatn/environment.h"
#include "bridge/bsatn/value.h"

static const char *const section_names[SECTION_COUNT] = {
    "Typespace",        "Types",
    "Tables",           "Reducers",
    "Procedures",       "Views",
    "Schedules",        "LifeCycleReducers",
    "RowLevelSecurity", "CaseConversionPolicy",
    "ExplicitNames",    "HttpHandlers",
    "HttpRoutes",       "ViewPrimaryKeys",
    "Submodules",       "Environment",
};

/* ---- sections and types ---- */

static oro_status
find_sections(struct oro_load *l, uint32_t v10)
{
    uint32_t list;
    oro_status st = oro_load_list(l, v10, "sections", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    for (uint32_t i = 0; i < oro_load_len(l, list); i++, at = oro_load_next(l, at)) {
        enum oro_section which = 0;
        while (which < SECTION_COUNT && oro_json_variant(l->j, at, section_names[which]) == 0)
            which++;
        if (which == SECTION_COUNT)
            return oro_load_refuse(l, "byte %u: an unknown section", oro_load_node(l, at)->at);
        if (l->sections[which] != 0)
            return oro_load_refuse(l, "section %s occurs twice", section_names[which]);
        l->sections[which] = oro_json_variant(l->j, at, section_names[which]);
    }
    return ORO_OK;
}

/* What would be wrong to leave out without a word. */
static oro_status
refuse_unsupported(struct oro_load *l)
{
    if (oro_load_len(l, l->sections[SECTION_ROW_SECURITY]) > 0)
        return oro_load_refuse(l, "row-level security is not supported");
    if (oro_load_len(l, l->sections[SECTION_SUBMODULES]) > 0)
        return oro_load_refuse(l, "submodules are not supported");
    uint32_t policy = l->sections[SECTION_CASE_POLICY];
    if (policy == 0 || oro_json_variant(l->j, policy, "None") == 0)
        return oro_load_refuse(
            l, "the case conversion policy must be None (a definition without this section "
               "means SnakeCase)");
    return ORO_OK;
}

static oro_status
load_types(struct oro_load *l)
{
    uint32_t list;
    if (l->sections[SECTION_TYPESPACE] == 0)
        return oro_typespace_seal(&l->s->types, l->err);
    oro_status st = oro_load_list(l, l->sections[SECTION_TYPESPACE], "types", &list);
    if (st != ORO_OK)
        return st;
    uint32_t at = list + 1;
    for (uint32_t i = 0; i < oro_load_len(l, list); i++, at = oro_load_next(l, at)) {
        struct oro_type *t;
        st = oro_type_read(&l->s->types, l->j, at, 0, &t, l->err);
        if (st != ORO_OK)
            return oro_err_wrap(l->err, "module definition: type &%u", i);
        oro_typespace_add(&l->s->types, t);
    }
    st = oro_typespace_seal(&l->s->types, l->err);
    return st == ORO_OK ? st : oro_err_wrap(l->err, "module definition");
}

/* ---- reducers ---- */

static oro_status
load_reducer(struct oro_load *l, uint32_t node, struct oro_reducer_def *r)
{
    uint32_t params;
    struct oro_type *type;
    oro_status st = oro_load_str(l, node, "source_name", &r->name);
    if (st == ORO_OK)
        st = oro_load_canonical(l, "Function", &r->name);
    if (st == ORO_OK)
        st = oro_load_member(l, node, "params", &params);
    if (st != ORO_OK)
        return st;
    st = oro_type_read_elems(&l->s->types, l->j, params, ORO_PRODUCT, 0, &type, l->err);
    if (st == ORO_OK)
        st = oro_type_seal(&l->s->types, type, l->err);
    if (st != ORO_OK)
        return oro_err_wrap(l->err, "module definition: reducer `%s`", r->name);
    for (uint32_t i = 0; i < type->nelems; i++)
        if (type->elems[i].name == NULL)
            return oro_load_refuse(l, "reducer `%s`: parameter %u has no name", r->name, i);
    r->params = type;
    r->is_private = !oro_load_flag(l, node, "visibility", "ClientCallable");
    if (oro_map_put(&l->s->reducer_names, oro_bytes_str(r->name), r) != NULL)
        return oro_load_refuse(l, "Name %s is used for multiple reducers, procedures and/or views",
                               r->name);
    return ORO_OK;
}

static oro_status
load_procedure(struct oro_load *l, uint32_t node, struct oro_reducer_def *p)
{
    uint32_t returns;
    struct oro_type *type;
    oro_status st = load_reducer(l, node, p);
    if (st == ORO_OK)
        st = oro_load_member(l, node, "return_type", &returns);
    if (st != ORO_OK)
        return st;
    st = oro_type_read(&l->s->types, l->j, returns, 0, &type, l->err);
    if (st == ORO_OK)
        st = oro_type_seal(&l->s->types, type, l->err);
    if (st != ORO_OK)
        return oro_err_wrap(l->err, "module definition: what procedure `%s` returns", p->name);
    p->returns = type;
    return ORO_OK;
}

/* They stand behind reducers and views: what is kept for each function by its id has one array. */
static oro_status
load_procedures(struct oro_load *l)
{
    uint32_t list = l->sections[SECTION_PROCEDURES], at = list + 1;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list);
         i++, at = oro_load_next(l, at)) {
        struct oro_reducer_def *p = &l->s->reducers[l->s->nreducers + i];
        p->id = l->s->nreducers + i;
        l->s->nprocedures = i + 1;
        st = load_procedure(l, at, p);
    }
    return st;
}

static oro_status
load_reducers(struct oro_load *l)
{
    uint32_t list = l->sections[SECTION_REDUCERS], n = oro_load_len(l, list), at = list + 1;
    oro_status st = ORO_OK;
    l->s->reducers = ORO_NEW_ARRAY(struct oro_reducer_def,
                                   n + oro_load_len(l, l->sections[SECTION_VIEWS]) +
                                       oro_load_len(l, l->sections[SECTION_PROCEDURES]) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = oro_load_next(l, at)) {
        l->s->reducers[i].id = i;
        l->s->nreducers = i + 1;
        st = load_reducer(l, at, &l->s->reducers[i]);
    }
    return st;
}

/* What a section says about a function or table by source name; the answer may be changed. */
static oro_status
named_reducer(struct oro_load *l, uint32_t node, const char *key, struct oro_reducer_def **out)
{
    const char *name;
    oro_status st = oro_load_str(l, node, key, &name);
    if (st == ORO_OK)
        st = oro_load_canonical(l, "Function", &name);
    if (st != ORO_OK)
        return st;
    *out = oro_map_get(&l->s->reducer_names, oro_bytes_str(name));
    return *out != NULL ? ORO_OK : oro_load_refuse(l, "there is no reducer `%s`", name);
}

static oro_status
named_table(struct oro_load *l, uint32_t node, const char *key, struct oro_table_def **out)
{
    const char *name;
    oro_status st = oro_load_str(l, node, key, &name);
    if (st == ORO_OK)
        st = oro_load_canonical(l, "Table", &name);
    if (st != ORO_OK)
        return st;
    *out = oro_map_get(&l->s->table_names, oro_bytes_str(name));
    return *out != NULL ? ORO_OK : oro_load_refuse(l, "there is no table `%s`", name);
}

static oro_status
set_lifecycle(struct oro_load *l, struct oro_reducer_def *r, enum oro_lifecycle which)
{
    const struct oro_reducer_def *other = oro_schema_lifecycle(l->s, which);
    if (other != NULL && other != r)
        return oro_load_refuse(l, "reducers `%s` and `%s` are for the same lifecycle event",
                               other->name, r->name);
    if (r->returns != NULL)
        return oro_load_refuse(l, "procedure `%s` is for a lifecycle event", r->name);
    if (r->params->nelems > 0 && which != ORO_LIFE_UPDATE)
        return oro_load_refuse(l, "lifecycle reducer `%s` has parameters", r->name);
    r->lifecycle = which;
    r->is_private = true;
    return ORO_OK;
}

static oro_status
load_lifecycles(struct oro_load *l)
{
    static const struct {
        const char *name;
        enum oro_lifecycle which;
    } events[] = {{"Init", ORO_LIFE_INIT},
                  {"OnConnect", ORO_LIFE_CONNECT},
                  {"OnDisconnect", ORO_LIFE_DISCONNECT}};
    uint32_t list = l->sections[SECTION_LIFECYCLES], at = list + 1;
    for (uint32_t i = 0; i < oro_load_len(l, list); i++, at = oro_load_next(l, at)) {
        struct oro_reducer_def *r;
        size_t e = 0;
        oro_status st = named_reducer(l, at, "function_name", &r);
        if (st != ORO_OK)
            return st;
        while (e < ORO_ARRAY_LEN(events) && !oro_load_flag(l, at, "lifecycle_spec", events[e].name))
            e++;
        if (e == ORO_ARRAY_LEN(events))
            return oro_load_refuse(l, "reducer `%s` is for an unknown lifecycle event", r->name);
        st = set_lifecycle(l, r, events[e].which);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

static oro_status
load_scheduled_table(struct oro_load *l, uint32_t node)
{
    struct oro_table_def *t;
    struct oro_reducer_def *r;
    uint32_t col;
    oro_status st = named_table(l, node, "table_name", &t);
    if (st == ORO_OK)
        st = named_reducer(l, node, "function_name", &r);
    if (st == ORO_OK)
        st = oro_load_u32(l, node, "schedule_at_col", &col);
    if (st != ORO_OK)
        return st;
    if (t->schedule_at_col >= 0)
        return oro_load_refuse(l, "table %s is assigned in multiple schedules", t->name);
    if (col >= t->row->nelems ||
        oro_type_resolve(t->row->elems[col].type)->special != ORO_SCHEDULE_AT || t->pk < 0 ||
        oro_type_resolve(t->row->elems[t->pk].type)->kind != ORO_U64)
        return oro_load_refuse(
            l,
            "A scheduled table must have columns `scheduled_id: u64` (its primary key) and "
            "`scheduled_at: ScheduleAt`, but table `%s` has not",
            t->name);
    t->schedule_at_col = (int)col;
    t->schedule_fn = r->name;
    r->is_private = true;
    return ORO_OK;
}

static oro_status
load_scheduled_tables(struct oro_load *l)
{
    uint32_t list = l->sections[SECTION_SCHEDULES], at = list + 1;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_scheduled_table(l, at);
    return st;
}

/* ---- what version 10 has no place for ---- */

static oro_status
load_param_default(struct oro_load *l, uint32_t node, const struct oro_reducer_def *r, uint32_t i,
                   struct oro_bytes *out)
{
    struct oro_bytes hex = oro_json_text(l->j, node);
    if (oro_load_node(l, node)->kind == ORO_JSON_NULL)
        return ORO_OK;
    uint8_t *bytes = oro_arena_alloc(&l->s->types.arena, hex.len / 2 + 1);
    if (oro_load_node(l, node)->kind != ORO_JSON_STRING || hex.len % 2 != 0 ||
        !oro_unhex((const char *)hex.data, hex.len, bytes, hex.len / 2))
        return oro_load_refuse(l, "reducer `%s`: a default value that is no hex text", r->name);
    *out = oro_bytes(bytes, hex.len / 2);
    oro_status st = oro_value_check(oro_type_resolve(r->params)->elems[i].type, *out, l->err);
    return st == ORO_OK
               ? st
               : oro_err_wrap(l->err, "reducer `%s`: the default of parameter %u", r->name, i);
}

static oro_status
load_param_defaults(struct oro_load *l, uint32_t node, struct oro_reducer_def *r)
{
    uint32_t list = oro_json_member(l->j, node, "defaults"), at = list + 1;
    if (list == 0 || oro_load_node(l, list)->kind == ORO_JSON_NULL)
        return ORO_OK;
    uint32_t n = oro_type_resolve(r->params)->nelems;
    if (oro_load_len(l, list) != n)
        return oro_load_refuse(l, "reducer `%s` has %u parameters, and defaults for others",
                               r->name, n);
    struct oro_bytes *all = oro_arena_alloc(&l->s->types.arena, (n + 1) * sizeof(*all));
    memset(all, 0, (n + 1) * sizeof(*all));
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = oro_load_next(l, at))
        st = load_param_default(l, at, r, i, &all[i]);
    r->defaults = all;
    return st;
}

static oro_status
load_own_reducer(struct oro_load *l, uint32_t node)
{
    static const struct {
        const char *name;
        enum oro_lifecycle which;
    } events[] = {{"init", ORO_LIFE_INIT},
                  {"client_connected", ORO_LIFE_CONNECT},
                  {"client_disconnected", ORO_LIFE_DISCONNECT},
                  {"update", ORO_LIFE_UPDATE}};
    struct oro_reducer_def *r;
    oro_status st = named_reducer(l, node, "name", &r);
    if (st != ORO_OK)
        return st;
    double ms = oro_load_f64(l, node, "timeout_ms", 0);
    if (!(ms >= 0 && ms <= 1e12))
        return oro_load_refuse(l, "reducer `%s` has an impossible timeout", r->name);
    r->timeout_us = (int64_t)(ms * 1000);
    st = load_param_defaults(l, node, r);
    if (st != ORO_OK)
        return st;
    uint32_t event = oro_json_member(l->j, node, "lifecycle");
    if (event == 0 || oro_load_node(l, event)->kind == ORO_JSON_NULL)
        return ORO_OK;
    for (size_t i = 0; i < ORO_ARRAY_LEN(events); i++)
        if (oro_json_string_is(l->j, event, events[i].name))
            return set_lifecycle(l, r, events[i].which);
    return oro_load_refuse(l, "reducer `%s` is for an unknown lifecycle event", r->name);
}

static oro_status
load_own_procedure(struct oro_load *l, uint32_t node)
{
    struct oro_reducer_def *p;
    oro_status st = load_own_reducer(l, node);
    if (st == ORO_OK)
        st = named_reducer(l, node, "name", &p);
    if (st == ORO_OK && p->returns == NULL)
        return oro_load_refuse(l, "`%s` is no procedure", p->name);
    if (st == ORO_OK)
        p->is_async = oro_load_is_true(l, node, "async");
    return st;
}

static oro_status
load_own_schedule(struct oro_load *l, uint32_t node, struct oro_schedule_def *out)
{
    static const char *const missed[] = {"skip", "all", "delay"};
    struct oro_reducer_def *r;
    struct oro_table_def *t;
    oro_status st = named_reducer(l, node, "reducer", &r);
    if (st == ORO_OK)
        st = named_table(l, node, "table", &t);
    if (st != ORO_OK)
        return st;
    if (t->schedule_at_col < 0)
        return oro_load_refuse(l, "schedule of `%s`: table `%s` is not a scheduled table", r->name,
                               t->name);
    bool repeating = oro_load_is_true(l, node, "repeating");
    uint32_t policy = oro_json_member(l->j, node, "missed");
    int64_t interval = oro_load_i64(l, node, "interval_us", 0),
            delay = oro_load_i64(l, node, "delay_us", -1);
    if (delay < 0)
        delay = repeating ? -1 : interval;
    *out = (struct oro_schedule_def){
        .reducer = r->name,
        .table = t->name,
        .interval_us = repeating ? interval : 0,
        .delay_us = delay,
        .max_dt = oro_load_f64(l, node, "max_dt", 0),
        .hz = repeating ? oro_load_f64(l, node, "hz", 0) : 0,
        .is_volatile = oro_load_is_true(l, node, "volatile"),
        .cron = oro_json_to_str(l->j, oro_json_member(l->j, node, "cron"), &l->s->types.arena)};
    if (repeating && interval <= 0 && out->cron == NULL)
        return oro_load_refuse(l, "schedule of `%s` repeats without an interval", r->name);
    r->is_private = true;
    if (policy == 0 || oro_load_node(l, policy)->kind == ORO_JSON_NULL)
        return ORO_OK;
    for (size_t i = 0; i < ORO_ARRAY_LEN(missed); i++)
        if (oro_json_string_is(l->j, policy, missed[i])) {
            out->missed = (enum oro_missed)i;
            return ORO_OK;
        }
    return oro_load_refuse(l, "schedule of `%s`: an unknown policy for missed runs", r->name);
}

static oro_status
load_own_table(struct oro_load *l, uint32_t node)
{
    struct oro_arena *arena = &l->s->types.arena;
    struct oro_table_def *t;
    oro_status st = named_table(l, node, "name", &t);
    if (st != ORO_OK)
        return st;
    uint32_t place = oro_json_member(l->j, node, "place");
    uint32_t dropped = oro_json_member(l->j, node, "dropped"), at = dropped + 1;
    uint32_t renamed = oro_json_member(l->j, node, "renamed");
    uint32_t n = oro_load_len(l, dropped), more = oro_load_len(l, renamed);
    uint32_t rules = oro_json_member(l->j, node, "rules"), rule = rules + 1;
    uint32_t nrules = rules != 0 ? oro_load_len(l, rules) : 0;
    t->rules = oro_arena_alloc(arena, (nrules + 1) * sizeof(*t->rules));
    for (; t->nrules < nrules; rule = oro_load_next(l, rule))
        t->rules[t->nrules++] = oro_json_to_str(l->j, rule, arena);
    t->place = place != 0 ? oro_json_to_str(l->j, place, arena) : NULL;
    uint32_t hook = oro_json_member(l->j, node, "migration");
    t->migration = hook != 0 ? oro_json_to_str(l->j, hook, arena) : NULL;
    t->was = oro_arena_alloc(arena, (n + more + 1) * sizeof(*t->was));
    for (uint32_t i = 0; i < n; i++, at = oro_load_next(l, at))
        t->was[t->nwas++] = (struct oro_column_was){oro_json_to_str(l->j, at, arena), NULL};
    at = renamed + 1;
    for (uint32_t i = 0; i < more; i++, at = oro_load_next(l, at))
        t->was[t->nwas++] =
            (struct oro_column_was){oro_json_to_str(l->j, oro_json_member(l->j, at, "was"), arena),
                                    oro_json_to_str(l->j, oro_json_member(l->j, at, "now"), arena)};
    return ORO_OK;
}

static oro_status
load_own(struct oro_load *l, uint32_t own)
{
    uint32_t list = oro_json_member(l->j, own, "tables"), at = list + 1;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_own_table(l, at);
    list = oro_json_member(l->j, own, "reducers");
    at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_own_reducer(l, at);
    list = oro_json_member(l->j, own, "procedures");
    at = list + 1;
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list); i++, at = oro_load_next(l, at))
        st = load_own_procedure(l, at);
    list = oro_json_member(l->j, own, "schedules");
    at = list + 1;
    l->s->schedules = ORO_NEW_ARRAY(struct oro_schedule_def, oro_load_len(l, list) + 1);
    for (uint32_t i = 0; st == ORO_OK && i < oro_load_len(l, list);
         i++, at = oro_load_next(l, at)) {
        st = load_own_schedule(l, at, &l->s->schedules[i]);
        l->s->nschedules += st == ORO_OK;
    }
    return st;
}

/* ---- the whole ---- */

static char *
compact(struct oro_load *l, uint32_t node)
{
    struct oro_bb text = {0};
    oro_json_compact(l->j, node, &text);
    char *s = oro_strndup((const char *)text.data, text.len);
    oro_bb_fini(&text);
    return s;
}

static oro_status
load_all(struct oro_load *l)
{
    uint32_t v10, v9 = oro_json_member(l->j, 0, "V9"), own = oro_json_member(l->j, 0, "orochi");
    oro_status st = oro_load_member(l, 0, "V10", &v10);
    if (st == ORO_OK)
        st = find_sections(l, v10);
    if (st == ORO_OK)
        st = refuse_unsupported(l);
    if (st == ORO_OK)
        st = load_types(l);
    if (st == ORO_OK)
        st = oro_load_tables(l);
    if (st == ORO_OK)
        st = load_reducers(l);
    if (st == ORO_OK)
        st = oro_load_views(l);
    if (st == ORO_OK)
        st = load_procedures(l);
    if (st == ORO_OK)
        st = load_lifecycles(l);
    if (st == ORO_OK)
        st = load_scheduled_tables(l);
    if (st == ORO_OK && own != 0)
        st = load_own(l, own);
    if (st == ORO_OK && l->sections[SECTION_ENVIRONMENT] != 0)
        st = oro_load_environment(l, l->sections[SECTION_ENVIRONMENT], own);
    if (st != ORO_OK)
        return st;
    uint32_t hash = own != 0 ? oro_json_member(l->j, own, "hash") : 0;
    l->s->hash = hash != 0 ? oro_json_to_str(l->j, hash, &l->s->types.arena) : NULL;
    uint32_t openapi = own != 0 ? oro_json_member(l->j, own, "openapi") : 0;
    l->s->has_routes = own != 0 && oro_load_is_true(l, own, "routes");
    l->s->openapi_json = openapi != 0 ? compact(l, openapi) : NULL;
    l->s->v10_json = compact(l, v10);
    l->s->v9_json = v9 != 0 ? compact(l, v9) : NULL;
    return ORO_OK;
}

oro_status
oro_schema_parse(struct oro_bytes text, struct oro_schema **out, struct oro_err *err)
{
    struct oro_json j;
    oro_status st = oro_json_parse(&j, text, ORO_JSON_MAX_DEPTH, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "module definition");
    struct oro_load l = {.j = &j, .s = ORO_NEW(struct oro_schema), .err = err};
    oro_typespace_init(&l.s->types);
    st = load_all(&l);
    oro_map_fini(&l.index_names);
    oro_json_fini(&j);
    if (st != ORO_OK) {
        oro_schema_free(l.s);
        return st;
    }
    *out = l.s;
    return ORO_OK;
}
