/* Definitions of module_def.json, and small ones that are wrong in one way each. */
#include "bridge/bsatn/schema.h"

#include "tests/bsatn/help.h"

/* {"V10": the example, "V9": the example, "orochi": own}, with every `from` in the text replaced by `to`. */
struct edit {
    const char *from, *to;
};

static void
put_edited(struct oro_bb *out, const char *text, const struct edit *edits)
{
    while (*text != 0) {
        const struct edit *e = edits;
        while (e != NULL && e->from != NULL && strncmp(text, e->from, strlen(e->from)) != 0)
            e++;
        bool hit = e != NULL && e->from != NULL;
        oro_bb_put(out, hit ? e->to : text, hit ? strlen(e->to) : 1);
        text += hit ? strlen(e->from) : 1;
    }
}

static uint32_t
definition(const struct oro_json *j, const char *name, const char *version)
{
    for (EACH(j, oro_json_member(j, 0, "valid"), at))
        if (oro_json_string_is(j, oro_json_member(j, at, "name"), name))
            return oro_json_member(j, oro_json_member(j, at, "json"), version);
    cr_assert_fail("no definition %s", name);
    return 0;
}

/* The filter on rows, which is refused. */
static const struct edit no_rls = {"{\"sql\":\"SELECT item.* FROM item JOIN player ON "
                                   "item.owner_id = player.id WHERE player.owner = :sender\"}",
                                   ""};

static oro_status
parse(const char *name, const struct edit *edits, const char *own, struct oro_schema **out,
      struct oro_err *err)
{
    struct vectors v;
    struct oro_bb text = {0};
    char v9_name[100];
    vectors_open(&v, "module_def.json");
    snprintf(v9_name, sizeof(v9_name), "%s",
             strcmp(name, "example_v10") == 0 ? "example_v9" : "empty_v9");
    oro_bb_printf(&text, "{ \"V10\" : ");
    put_edited(&text, text_of(&v.json, definition(&v.json, name, "V10")), edits);
    oro_bb_printf(&text, ",\n\"V9\":%s", text_of(&v.json, definition(&v.json, v9_name, "V9")));
    oro_bb_printf(&text, own != NULL ? ",\"orochi\":%s}" : "}", own);
    oro_status st = oro_schema_parse(oro_bb_bytes(&text), out, err);
    oro_bb_fini(&text);
    vectors_close(&v);
    return st;
}

static const struct oro_table_def *
table(const struct oro_schema *s, const char *name)
{
    const struct oro_table_def *t = oro_schema_table(s, oro_bytes_str(name));
    cr_assert_not_null(t, "no table %s", name);
    cr_assert_eq(oro_schema_table_by_id(s, t->id), t);
    return t;
}

static const struct oro_reducer_def *
reducer(const struct oro_schema *s, const char *name)
{
    const struct oro_reducer_def *r = oro_schema_reducer(s, oro_bytes_str(name));
    cr_assert_not_null(r, "no reducer %s", name);
    cr_assert_eq(&s->reducers[r->id], r);
    return r;
}

static struct oro_schema *
example(const char *own)
{
    struct oro_schema *s;
    struct oro_err err;
    struct edit edits[] = {no_rls, {0}};
    cr_assert_eq(parse("example_v10", edits, own, &s, &err), ORO_OK, "%s", err.text);
    return s;
}

Test(schema, tables_of_the_example)
{
    struct oro_schema *s = example(NULL);
    cr_assert_eq(s->ntables - s->nviews, 4 + 3); /* ours */
    const struct oro_table_def *t = table(s, "player");
    cr_assert(t->id == 4096 && t->is_public && !t->is_event && t->pk == 0 &&
              t->schedule_at_col == -1);
    cr_assert_eq(t->row->nelems, 7);
    cr_assert_eq(oro_table_column(t, oro_bytes_str("level")), 3);
    cr_assert_eq(oro_table_column(t, oro_bytes_str("nope")), -1);
    cr_assert_eq(t->nindexes, 3);
    cr_assert(t->indexes[0].unique && t->indexes[1].unique && !t->indexes[2].unique);
    cr_assert_str_eq(t->indexes[2].name, "player_level_score_idx_btree");
    cr_assert_str_eq(t->indexes[2].accessor, "by_level_score");
    cr_assert(t->indexes[2].ncols == 2 && t->indexes[2].cols[0] == 3 && t->indexes[2].cols[1] == 4);
    cr_assert(t->indexes[2].kind == ORO_INDEX_BTREE && t->indexes[2].slot == 2);
    cr_assert(t->nsequences == 1 && t->sequences[0].col == 0);
    cr_assert_str_eq(t->sequences[0].name, "player_id_seq");
    cr_assert(t->ndefaults == 1 && t->defaults[0].col == 4 && t->defaults[0].value.len == 8);
    cr_assert(table(s, "damage_event")->is_event && table(s, "damage_event")->pk == -1);
    t = table(s, "tick_timer");
    cr_assert(t->id == 4098 && !t->is_public && t->schedule_at_col == 1);
    cr_assert_str_eq(t->schedule_fn, "tick");
    cr_assert_null(oro_schema_table(s, oro_bytes_str("playe")));
    cr_assert_null(oro_schema_table_by_id(s, 4100));
    cr_assert_null(oro_schema_table_by_id(s, 0));
    oro_schema_free(s);
}

Test(schema, st_client)
{
    struct oro_schema *s = example(NULL);
    const struct oro_table_def *t = table(s, "st_client");
    cr_assert(t->id == ORO_ST_CLIENT && !t->is_public && t->nindexes == 1 && t->indexes[0].unique);
    cr_assert(t->row->fixed_size == 48 && t->row->elems[0].type->special == ORO_IDENTITY &&
              t->row->elems[1].type->special == ORO_CONNECTION_ID);
    cr_assert_eq(t->indexes[0].cols[0], 1);
    oro_schema_free(s);
}

Test(schema, views_of_the_example)
{
    struct oro_schema *s = example(NULL);
    cr_assert_eq(s->nviews, 2);
    const struct oro_view_def *mine = oro_schema_view(s, oro_bytes_str("my_player"));
    const struct oro_view_def *top = oro_schema_view(s, oro_bytes_str("top_players"));
    cr_assert(!mine->is_anonymous && top->is_anonymous);
    cr_assert(mine->table == table(s, "my_player") && mine->table->view == mine &&
              mine->table->is_public);
    cr_assert_eq(mine->row, table(s, "player")->row);
    cr_assert_eq(mine->table->row->nelems, mine->row->nelems + 1, "and whose rows they are");
    cr_assert(mine->table->id >= ORO_VIEW_TABLES && !oro_table_is_kept(mine->table));
    cr_assert(mine->fn == reducer(s, "my_player") && mine->fn->is_view && mine->fn->is_private);
    oro_schema_free(s);
}

Test(schema, reducers_of_the_example)
{
    struct oro_schema *s = example(NULL);
    cr_assert_eq(s->nreducers - s->nviews, 6);
    const struct oro_reducer_def *r = reducer(s, "give_item");
    cr_assert(!r->is_private && r->params->nelems == 3 && r->params->fixed_size == 20 &&
              r->timeout_us == 0);
    cr_assert(reducer(s, "tick")->is_private);
    cr_assert_eq(oro_schema_lifecycle(s, ORO_LIFE_INIT), reducer(s, "init"));
    cr_assert_eq(oro_schema_lifecycle(s, ORO_LIFE_CONNECT), reducer(s, "client_connected"));
    cr_assert_eq(oro_schema_lifecycle(s, ORO_LIFE_DISCONNECT), reducer(s, "client_disconnected"));
    cr_assert_null(oro_schema_lifecycle(s, ORO_LIFE_UPDATE));
    cr_assert_null(oro_schema_reducer(s, oro_bytes_str("roll_dice")));
    const struct oro_reducer_def *p = oro_schema_function(s, oro_bytes_str("roll_dice"));
    cr_assert(p != NULL && s->nprocedures == 1 && p->id == s->nreducers && p == &s->reducers[p->id]);
    cr_assert(p->params->nelems == 1 && p->returns->kind == ORO_U32 && !p->is_private &&
              !p->is_async);
    cr_assert_eq(oro_schema_function(s, oro_bytes_str("give_item")), r);
    oro_schema_free(s);
}

Test(schema, definitions_come_out_as_they_went_in)
{
    struct oro_schema *s = example(NULL);
    struct vectors v;
    struct oro_bb want = {0};
    struct edit edits[] = {no_rls, {0}};
    vectors_open(&v, "module_def.json");
    cr_assert_str_eq(s->v9_json, text_of(&v.json, definition(&v.json, "example_v9", "V9")));
    put_edited(&want, text_of(&v.json, definition(&v.json, "example_v10", "V10")), edits);
    oro_bb_u8(&want, 0);
    cr_assert_str_eq(s->v10_json, (char *)want.data);
    oro_bb_fini(&want);
    vectors_close(&v);
    oro_schema_free(s);
}

Test(schema, index_keys)
{
    struct oro_schema *s = example(NULL);
    const struct oro_table_def *t = table(s, "player");
    struct oro_bb row = {0}, key = {0};
    struct oro_err err;
    char text[200];
    cr_assert_eq(oro_value_from_json(t->row,
                                     oro_bytes_str("[1,[\"0x2\"],\"\\u00e9\",7,-1,[1,2.5],[1,[]]]"),
                                     &row, &err),
                 ORO_OK, "%s", err.text);
    oro_index_key(t, &t->indexes[0], row.data, &key);
    oro_index_key(t, &t->indexes[2], row.data, &key);
    oro_hex(oro_bb_bytes(&key), text);
    cr_assert_str_eq(text, "0000000000000001"
                           "00000007"
                           "7fffffffffffffff");
    oro_bb_fini(&row);
    oro_bb_fini(&key);
    oro_schema_free(s);
}

Test(schema, explicit_names)
{
    struct oro_schema *s;
    struct oro_err err;
    struct edit edits[] = {no_rls,
                           {"\"source_name\":\"item\",\"canonical_name\":\"item\"",
                            "\"source_name\":\"item\",\"canonical_name\":\"thing\""},
                           {"\"source_name\":\"tick\",\"canonical_name\":\"tick\"",
                            "\"source_name\":\"tick\",\"canonical_name\":\"tock\""},
                           {"{\"entries\":[",
                            "{\"entries\":[{\"Index\":{\"source_name\":\"player_id_idx_btree\","
                            "\"canonical_name\":\"by_id\"}},"},
                           {0}};
    cr_assert_eq(parse("example_v10", edits, NULL, &s, &err), ORO_OK, "%s", err.text);
    cr_assert_null(oro_schema_table(s, oro_bytes_str("item")));
    table(s, "thing");
    cr_assert(reducer(s, "tock")->is_private);
    cr_assert_str_eq(table(s, "tick_timer")->schedule_fn, "tock");
    cr_assert_str_eq(table(s, "player")->indexes[0].name, "by_id");
    oro_schema_free(s);
}

Test(schema, what_version_10_has_no_place_for)
{
    struct oro_schema *s = example(
        "{\"reducers\":[{\"name\":\"give_item\",\"timeout_ms\":1500.5},{\"name\":\"init\","
        "\"timeout_ms\":0,"
        "\"lifecycle\":\"init\"}],\"schedules\":[{\"reducer\":\"tick\",\"table\":\"tick_timer\","
        "\"interval_us\":50000,"
        "\"delay_us\":-1,\"repeating\":true,\"missed\":\"all\",\"max_dt\":0.25,\"cron\":null},"
        "{\"reducer\":\"tick\",\"table\":\"tick_timer\",\"interval_us\":7,\"delay_us\":9,"
        "\"repeating\":false,"
        "\"missed\":\"skip\",\"max_dt\":null,\"cron\":null}]}");
    cr_assert_eq(reducer(s, "give_item")->timeout_us, 1500500);
    cr_assert_eq(s->nschedules, 2);
    cr_assert_str_eq(s->schedules[0].reducer, "tick");
    cr_assert_str_eq(s->schedules[0].table, "tick_timer");
    cr_assert(s->schedules[0].interval_us == 50000 && s->schedules[0].delay_us == -1);
    cr_assert(s->schedules[0].missed == ORO_MISSED_ALL && s->schedules[0].max_dt == 0.25);
    cr_assert_null(s->schedules[0].cron);
    cr_assert(s->schedules[1].interval_us == 0 && s->schedules[1].delay_us == 9);
    oro_schema_free(s);
}

Test(schema, module_of_the_typescript_library)
{
    struct oro_schema *s = NULL;
    struct oro_err err;
    struct edit edits[] = {no_rls, {"\"SnakeCase\"", "\"None\""}, {0}};
    cr_assert_eq(parse("ts_module_v10", edits, NULL, &s, &err), ORO_OK, "%s", err.text);
    cr_assert_str_eq(table(s, "tick_timer")->schedule_fn, "tick");
    cr_assert_eq(oro_table_column(table(s, "player"), oro_bytes_str("displayName")), 2);
    cr_assert(reducer(s, "tick")->is_private && reducer(s, "onConnect")->is_private);
    oro_schema_free(s);
}

Test(schema, tables_of_the_schedules)
{
    struct oro_schema *s = example(NULL);
    const struct oro_table_def *t = table(s, "st_scheduled_call");
    cr_assert(t->id == ORO_ST_SCHEDULED_CALL && !t->is_public && t->pk == 0);
    cr_assert(t->schedule_at_col == 1 && t->schedule_fn == NULL);
    cr_assert_eq(oro_type_resolve(t->row->elems[1].type)->special, ORO_SCHEDULE_AT);
    cr_assert(t->nsequences == 1 && oro_table_primary_index(t) == &t->indexes[0]);
    t = table(s, "st_phase");
    cr_assert(t->id == ORO_ST_PHASE && t->schedule_at_col == -1 && t->indexes[0].unique);
    cr_assert_eq(oro_schema_table_by_id(s, ORO_ST_PHASE), t);
    oro_schema_free(s);
}

Test(schema, empty_module)
{
    struct oro_schema *s = NULL;
    struct oro_err err;
    struct edit edits[] = {
        {"\"sections\":[", "\"sections\":[{\"CaseConversionPolicy\":{\"None\":[]}}"}, {0}};
    cr_assert_eq(parse("empty_v10", edits, NULL, &s, &err), ORO_OK, "%s", err.text);
    cr_assert(s->ntables == 3 && s->nreducers == 0); /* ours */
    oro_schema_free(s);
}

Test(schema, faults_are_named)
{
    static const struct {
        struct edit edit;
        const char *says;
    } cases[] = {
        {{"no such text", ""}, "row-level security"},
        {{"{\"None\":[]}}", "{\"SnakeCase\":[]}}"}, "case conversion"},
        {{"{\"CaseConversionPolicy\":{\"None\":[]}},", ""}, "case conversion"},
        {{"\"Views\"", "\"Tables\""}, "occurs twice"},
        {{"\"Views\"", "\"Vistas\""}, "unknown section"},
        {{"\"product_type_ref\":3", "\"product_type_ref\":1"},
         "Table `item` has invalid product_type_ref &1"},
        {{"\"product_type_ref\":3", "\"product_type_ref\":99"}, "invalid product_type_ref &99"},
        {{"{\"Ref\":1}", "{\"Ref\":0}"}, "table `player` has rows without an end"},
        {{"{\"Ref\":1}", "{\"Ref\":77}"}, "Type reference &77 out of bounds"},
        {{"{\"some\":\"level\"}", "{\"none\":[]}"}, "unnamed column 3"},
        {{"{\"some\":\"level\"}", "{\"some\":\"id\"}"}, "two columns `id`"},
        {{"\"canonical_name\":\"item\"", "\"canonical_name\":\"st_x\""},
         "reserved for system use: st_x"},
        {{"\"canonical_name\":\"item\"", "\"canonical_name\":\"player\""},
         "name `player` is used for two tables"},
        {{"{\"BTree\":[3,4]}", "{\"BTree\":[3,3]}"}, "column `level` is named twice"},
        {{"{\"BTree\":[3,4]}", "{\"BTree\":[7]}"}, "no such column"},
        {{"{\"BTree\":[3,4]}", "{\"BTree\":[]}"}, "no list of columns"},
        {{"{\"BTree\":[3,4]}", "{\"Direct\":4}"}, "Direct index does not support"},
        {{"{\"BTree\":[3,4]}", "{\"Direct\":9}"}, "no such column"},
        {{"{\"BTree\":[3,4]}", "{\"RTree\":[3,4]}"}, "index of an unknown kind"},
        {{"player_owner_idx_btree", "player_id_idx_btree"}, "used for two indexes"},
        {{"{\"Unique\":{\"columns\":[1]}}", "{\"Unique\":{\"columns\":[2]}}"},
         "No index found to support unique"},
        {{"{\"Unique\":{\"columns\":[1]}}", "{\"Check\":{\"columns\":[1]}}"},
         "constraint of an unknown kind"},
        {{"\"product_type_ref\":3,\"primary_key\":[0]",
          "\"product_type_ref\":3,\"primary_key\":[1]"},
         "table `item` column `owner_id` is primary key but has no unique constraint"},
        {{"\"product_type_ref\":3,\"primary_key\":[0]",
          "\"product_type_ref\":3,\"primary_key\":[0,1]"},
         "multiple primary key"},
        {{"\"column\":0", "\"column\":2"}, "invalid sequence column type"},
        {{"\"increment\":1", "\"increment\":2"}, "not supported"},
        {{"\"value\":\"0000000000000000\"", "\"value\":\"00\""},
         "Failed to deserialize default value for table player"},
        {{"\"value\":\"0000000000000000\"", "\"value\":\"xx\""}, "no hex text"},
        {{"\"function_name\":\"tick\"", "\"function_name\":\"tack\""},
         "there is no reducer `tack`"},
        {{"\"table_name\":\"tick_timer\"", "\"table_name\":\"item\""},
         "A scheduled table must have columns"},
        {{"\"schedule_at_col\":1", "\"schedule_at_col\":2"}, "A scheduled table must have columns"},
        {{"\"function_name\":\"init\"", "\"function_name\":\"tick\""}, "has parameters"},
        {{"{\"OnConnect\":[]}", "{\"Init\":[]}"}, "same lifecycle event"},
        {{"{\"OnConnect\":[]}", "{\"OnLunch\":[]}"}, "unknown lifecycle event"},
        {{"\"canonical_name\":\"give_item\"", "\"canonical_name\":\"tick\""},
         "used for multiple reducers"},
        {{"{\"some\":\"to\"}", "{\"none\":[]}"}, "parameter 0 has no name"},
        {{"\"visibility\":{\"Private\":[]}", "\"visibility\":"}, "not JSON"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct oro_schema *s = NULL;
        struct oro_err err;
        struct edit edits[] = {i == 0 ? (struct edit){"\1", ""} : no_rls, cases[i].edit, {0}};
        oro_status st = parse("example_v10", edits, NULL, &s, &err);
        cr_assert(st == ORO_EINVAL || st == ORO_EMALFORMED, "case %zu was accepted", i);
        cr_assert_not_null(strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
        cr_assert_null(s);
    }
}

Test(schema, text_that_is_no_definition)
{
    static const char *const texts[] = {"",
                                        "7",
                                        "[]",
                                        "{}",
                                        "{\"V10\":{}}",
                                        "{\"V10\":7}",
                                        "{\"V10\":{\"sections\":7}}",
                                        "{\"V10\":{\"sections\":[7]}}",
                                        "{\"V10\":{\"sections\":[{\"Tables\":7}]}}"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(texts); i++) {
        struct oro_schema *s = NULL;
        struct oro_err err;
        cr_assert_neq(oro_schema_parse(oro_bytes_str(texts[i]), &s, &err), ORO_OK, "%s", texts[i]);
        cr_assert_null(s);
        cr_assert_not_null(strstr(err.text, "module definition"), "%s", err.text);
    }
}
