/* Row filters: what whoever asks may see of a table (docs/semantics.md#queries, R-1 to R-7). A filter that is a condition on the
 * row itself becomes part of the query's condition; one that joins is a query of its own, of which it is asked whether it finds
 * something for a row. Tables that it joins are seen through their own filters, but not its own table. */
#include "runtime/subs/query_type.h"

#include <string.h>

/* The tables that a filter joins have filters, and those are selects again. */

struct rules {
    struct pred *any, **tail; /* those that are conditions */
    struct oro_query **joins;
    uint32_t njoins;
};

static oro_status
fail_other_table(struct typing *ty)
{
    return oro_err_set(ty->err, ORO_EMALFORMED, "it selects from `%.*s`, not from its table",
                       TYPE_TEXT(ty->s->star_of.len > 0 ? ty->s->star_of : ty->s->table));
}

static oro_status
type_condition_rule(struct typing *ty, const struct oro_table_def *t, struct rules *out)
{
    oro_status st = query_find_tables(ty);
    if (st == ORO_OK && ty->scopes[0].table != t)
        return fail_other_table(ty);
    if (st == ORO_OK && ty->s->where != NULL) {
        st = query_type_condition(ty, ty->s->where, out->tail);
    } else if (st == ORO_OK) {
        *out->tail = query_new_pred(ty, P_CONST);
        (*out->tail)->yes = true;
    }
    if (st == ORO_OK)
        out->tail = &(*out->tail)->next;
    return st;
}

/* Gives a query in out->joins. */
static oro_status
type_join_rule(struct typing *ty, const struct oro_table_def *t, struct rules *out)
{
    struct oro_query *asker = ty->q, *q = query_new();
    ty->q = q;
    oro_status st = query_type_select(ty);
    if (st == ORO_OK && q->table != t)
        st = fail_other_table(ty);
    if (st != ORO_OK) {
        oro_query_free(q);
        return st;
    }
    asker->uses_sender = asker->uses_sender || q->uses_sender;
    out->joins[out->njoins++] = q;
    return ORO_OK;
}

/* One filter of table t, for the asker of `outer`. */
static oro_status
type_rule(const struct typing *outer, const struct oro_table_def *t, const char *rule,
          struct rules *out)
{
    struct sql_select s;
    struct rule_chain link = {t, outer->within};
    struct typing ty = {.q = outer->q,
                        .s = &s,
                        .schema = outer->schema,
                        .env = outer->env,
                        .use = ORO_QUERY_SUBSCRIBE,
                        .err = outer->err,
                        .within = &link,
                        .alone = outer->alone};
    oro_status st =
        sql_parse_select(oro_bytes_str(rule), ORO_QUERY_SUBSCRIBE, &ty.q->arena, &s, ty.err);
    if (st != ORO_OK)
        return st;
    return s.joins == NULL ? type_condition_rule(&ty, t, out) : type_join_rule(&ty, t, out);
}

static void
rules_free(struct rules *r)
{
    for (uint32_t i = 0; i < r->njoins; i++)
        oro_query_free(r->joins[i]);
}

static struct sight *
sight_new(struct typing *ty, const struct oro_table_def *t, const struct rules *r)
{
    struct sight *s = oro_arena_alloc(&ty->q->arena, sizeof(*s));
    *s = (struct sight){.rules = r->joins, .nrules = r->njoins};
    if (r->any->list == NULL)
        return s;
    s->condition = query_new();
    s->condition->table = t;
    s->condition->where = r->any;
    query_simplify(s->condition);
    return s;
}

static bool
is_cyclic(const struct typing *ty, const struct oro_table_def *t)
{
    const struct rule_chain *c = ty->within;
    while (c != NULL && c->table != t)
        c = c->up;
    return c != NULL;
}

static oro_status
type_rules(struct typing *ty, unsigned src, struct pred **where, struct sight **sight)
{
    const struct oro_table_def *t = ty->scopes[src].table;
    if (t->view != NULL) /* has no filters of its own */
        return query_of_view(ty->q, t, ty->env, where, ty->err);
    if (ty->env->is_owner || t->nrules == 0 || ty->alone ||
        (ty->within != NULL && ty->within->table == t))
        return ORO_OK;
    if (is_cyclic(ty, t))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Discovered cyclic dependency when resolving RLS rules for table id "
                           "`%u`: the row filters of `%s` look into a table whose filters look "
                           "into it again",
                           (unsigned)t->id, t->name);
    struct rules r = {.any = query_new_pred(ty, P_OR)};
    r.tail = &r.any->list;
    r.joins = oro_arena_alloc(&ty->q->arena, t->nrules * sizeof(struct oro_query *));
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < t->nrules; i++)
        st = type_rule(ty, t, t->rules[i], &r);
    if (st != ORO_OK)
        rules_free(&r);
    else if (r.njoins > 0)
        *sight = sight_new(ty, t, &r);
    else
        *where = r.any;
    return st;
}

/* ---- a select ---- */

oro_status
query_type_select(struct typing *ty)
{
    struct oro_query *q = ty->q;
    oro_status st = query_find_tables(ty);
    if (st == ORO_OK)
        st = query_type_projection(ty);
    if (st == ORO_OK && ty->s->where != NULL)
        st = query_type_condition(ty, ty->s->where, &q->where);
    if (st != ORO_OK)
        return st;
    struct pred *rules[ORO_JOIN_MOST] = {0};
    struct sight *sights[ORO_JOIN_MOST] = {0};
    for (unsigned i = 0; st == ORO_OK && i < ty->nscopes; i++)
        st = type_rules(ty, i, &rules[i], &sights[i]);
    for (unsigned i = 0; st != ORO_OK && i < ty->nscopes; i++)
        query_free_sight(sights[i]);
    if (st != ORO_OK)
        return st;
    if (ty->nscopes > 1 || sights[0] != NULL)
        return query_type_join(ty, rules, sights);
    if (rules[0] != NULL && q->where != NULL) {
        struct pred *both = query_new_pred(ty, P_AND);
        both->list = rules[0];
        rules[0]->next = q->where;
        rules[0] = both;
    }
    if (rules[0] != NULL)
        q->where = rules[0];
    query_simplify(q);
    query_plan(q);
    return ORO_OK;
}

/* ---- for a table as a whole ---- */

oro_status
oro_query_all_seen(const struct oro_schema *schema, const struct oro_table_def *t,
                   const struct oro_query_env *env, struct oro_query **out, struct oro_err *err)
{
    struct oro_query *q = query_new();
    struct pred *rules = NULL;
    struct sight *sight = NULL;
    q->table = t;
    struct typing ty = {.q = q,
                        .schema = schema,
                        .env = env,
                        .use = ORO_QUERY_ONE_OFF,
                        .err = err,
                        .scopes = {{.table = t, .name = oro_bytes_str(t->name)}},
                        .nscopes = 1};
    oro_status st = type_rules(&ty, 0, &rules, &sight);
    if (st == ORO_OK && sight != NULL) {
        st = query_type_join(&ty, &rules, &sight);
    } else if (st == ORO_OK) {
        q->where = rules;
        query_simplify(q);
        query_plan(q);
    }
    if (st == ORO_OK)
        *out = q;
    else
        oro_query_free(q);
    return st;
}

static oro_status
check_rule(const struct oro_schema *schema, const struct oro_table_def *t, const char *rule,
           struct oro_err *err)
{
    static const struct oro_query_env stranger;
    struct oro_query *q = query_new(), *join;
    struct typing ty = {.q = q, .schema = schema, .env = &stranger, .err = err, .alone = true};
    struct rules r = {.any = query_new_pred(&ty, P_OR), .joins = &join};
    r.tail = &r.any->list;
    oro_status st = type_rule(&ty, t, rule, &r);
    rules_free(&r);
    oro_query_free(q);
    return st;
}

oro_status
oro_query_check_rules(const struct oro_schema *schema, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        for (uint32_t k = 0; st == ORO_OK && k < t->nrules; k++) {
            struct oro_err mine = {0};
            st = check_rule(schema, t, t->rules[k], &mine);
            if (st != ORO_OK)
                st = oro_err_set(err, ORO_EINVAL, "%s: table %s: the row filter `%s`: %s",
                                 t->place != NULL ? t->place : "module", t->name, t->rules[k],
                                 mine.text);
        }
    }
    return st;
}
