/* bridge/bsatn/schema_priv.h - what the readers of a module definition share: schema_load.c (the whole), schema_tables.c, and
 * the small readers of schema_read.c. One load lives on one stack. */
#ifndef ORO_BSATN_SCHEMA_PRIV_H
#define ORO_BSATN_SCHEMA_PRIV_H

#include "bridge/bsatn/schema.h"
#include "bridge/bsatn/type_json_priv.h" // readers of JSON nodes
#include "runtime/base/map.h"

enum oro_section {
    SECTION_TYPESPACE,
    SECTION_TYPES,
    SECTION_TABLES,
    SECTION_REDUCERS,
    SECTION_PROCEDURES,
    SECTION_VIEWS,
    SECTION_SCHEDULES,
    SECTION_LIFECYCLES,
    SECTION_ROW_SECURITY,
    SECTION_CASE_POLICY,
    SECTION_NAMES,
    SECTION_HTTP_HANDLERS,
    SECTION_HTTP_ROUTES,
    SECTION_VIEW_KEYS,
    SECTION_SUBMODULES,
    SECTION_ENVIRONMENT,
    SECTION_COUNT
};

/* A definition that is being read: strings and arrays go into the arena of s. */
struct oro_load {
    const struct oro_json *j;
    struct oro_schema *s;
    struct oro_err *err;
    uint32_t sections[SECTION_COUNT]; /* nodes, 0: not there */
    struct oro_map index_names;
};

static inline const struct oro_json_node *
oro_load_node(const struct oro_load *l, uint32_t node)
{
    return &l->j->nodes[node];
}

/* Children of an array: for (at = list + 1, i = 0; i < oro_load_len(...); i++, at = oro_load_next(...)). Anything else
 * counts as empty. */
static inline uint32_t
oro_load_len(const struct oro_load *l, uint32_t node)
{
    return node != 0 && oro_load_node(l, node)->kind == ORO_JSON_ARRAY
               ? oro_load_node(l, node)->count
               : 0;
}

static inline uint32_t
oro_load_next(const struct oro_load *l, uint32_t at)
{
    return oro_load_node(l, at)->next;
}

/* The error, with the place of what it is about. */
oro_status oro_load_refuse(struct oro_load *l, const char *fmt, ...) ORO_PRINTF(2, 3);
oro_status oro_load_member(struct oro_load *l, uint32_t object, const char *key, uint32_t *out);
oro_status oro_load_list(struct oro_load *l, uint32_t object, const char *key, uint32_t *out);
oro_status oro_load_str(struct oro_load *l, uint32_t object, const char *key, const char **out);
/* {"some":"x"} to the text, anything else to NULL. */
const char *oro_load_optional_str(struct oro_load *l, uint32_t object, const char *key);
oro_status oro_load_u32(struct oro_load *l, uint32_t object, const char *key, uint32_t *out);
bool oro_load_flag(struct oro_load *l, uint32_t object, const char *key, const char *variant);
bool oro_load_is_true(struct oro_load *l, uint32_t object, const char *key);
double oro_load_f64(struct oro_load *l, uint32_t object, const char *key, double otherwise);
int64_t oro_load_i64(struct oro_load *l, uint32_t object, const char *key, int64_t otherwise);
/* The canonical name: the entry for the source name, or the source name itself, since the policy is None. */
oro_status oro_load_canonical(struct oro_load *l, const char *kind, const char **name);
/* A list of different columns of the table. */
oro_status oro_load_columns(struct oro_load *l, uint32_t list, const struct oro_table_def *t,
                            uint16_t **cols, uint16_t *ncols);

/* schema_tables.c: the section of tables, with indexes, constraints, sequences and defaults. */
oro_status oro_load_tables(struct oro_load *l);
/* schema_views.c: the sections of views, after tables and reducers, in whose arrays there is room for what views have. */
oro_status oro_load_views(struct oro_load *l);
/* schema_system.c: the tables that the server fills itself. */
#define ORO_SYSTEM_TABLES 3
oro_status oro_load_st_client(struct oro_load *l, struct oro_table_def *t);
oro_status oro_load_st_scheduled_call(struct oro_load *l, struct oro_table_def *t);
oro_status oro_load_st_phase(struct oro_load *l, struct oro_table_def *t);

#endif
