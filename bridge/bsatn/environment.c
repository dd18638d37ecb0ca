#include "bridge/bsatn/environment.h"

#include <string.h>

#include "bridge/bsatn/number_priv.h"
#include "bridge/bsatn/schema_priv.h"

/* ---- declarations ---- */

static oro_status
load_words(struct oro_load *l, uint32_t ty, struct oro_env_decl *d)
{
    struct oro_arena *arena = &l->s->types.arena;
    uint32_t one = oro_json_variant(l->j, ty, "StringLiteral");
    uint32_t list = oro_json_variant(l->j, ty, "Union"), at = list + 1;
    d->nwords = one != 0 ? 1 : oro_load_len(l, list);
    d->words = oro_arena_alloc(arena, (d->nwords + 1) * sizeof(*d->words));
    for (uint32_t i = 0; i < d->nwords; i++, at = oro_load_next(l, at)) {
        d->words[i] = oro_json_to_str(l->j, one != 0 ? one : at, arena);
        if (d->words[i] == NULL)
            return oro_load_refuse(l, "environment `%s`: a word that is no text", d->name);
    }
    return ORO_OK;
}

static enum oro_env_kind
load_kind(struct oro_load *l, uint32_t kinds, const char *name)
{
    static const char *const names[] = {"text", "int", "float", "bool"};
    uint32_t kind = kinds != 0 ? oro_json_member(l->j, kinds, name) : 0;
    for (unsigned i = 0; kind != 0 && i < ORO_ARRAY_LEN(names); i++)
        if (oro_json_string_is(l->j, kind, names[i]))
            return (enum oro_env_kind)i;
    return ORO_ENV_TEXT;
}

oro_status
oro_load_environment(struct oro_load *l, uint32_t section, uint32_t own)
{
    uint32_t n = oro_load_len(l, section), at = section + 1;
    uint32_t kinds = own != 0 ? oro_json_member(l->j, own, "environment") : 0;
    struct oro_env_decl *found = oro_arena_alloc(&l->s->types.arena, (n + 1) * sizeof(*found));
    for (uint32_t i = 0; i < n; i++, at = oro_load_next(l, at)) {
        uint32_t ty;
        found[i] = (struct oro_env_decl){.optional = oro_load_is_true(l, at, "optional")};
        oro_status st = oro_load_str(l, at, "name", &found[i].name);
        if (st == ORO_OK)
            st = oro_load_member(l, at, "ty", &ty);
        if (st == ORO_OK)
            st = load_words(l, ty, &found[i]);
        if (st != ORO_OK)
            return st;
        found[i].kind = load_kind(l, kinds, found[i].name);
    }
    l->s->environment = found;
    l->s->nenvironment = n;
    return ORO_OK;
}

/* ---- is it that? ---- */

static bool
is_word(const struct oro_env_decl *d, const struct oro_env_value *v)
{
    for (uint32_t i = 0; i < d->nwords; i++)
        if (strlen(d->words[i]) == v->len && memcmp(d->words[i], v->data, v->len) == 0)
            return true;
    return d->nwords == 0;
}

/* As JSON writes numbers. */
static bool
is_number(struct oro_bytes text, bool whole)
{
    struct oro_json j;
    struct oro_err err = {0};
    int64_t n;
    if (oro_json_parse(&j, text, 1, &err) != ORO_OK)
        return false;
    bool fine = j.nodes[0].kind == ORO_JSON_NUMBER && j.nodes[0].len == text.len &&
                (!whole || (memchr(text.data, '.', text.len) == NULL &&
                            memchr(text.data, 'e', text.len) == NULL &&
                            memchr(text.data, 'E', text.len) == NULL &&
                            oro_int_parse(ORO_I64, text, (uint8_t *)&n)));
    oro_json_fini(&j);
    return fine;
}

/* As orochi/_env.py reads it. */
static bool
is_kind(const struct oro_env_decl *d, const struct oro_env_value *v)
{
    static const char *const truths[] = {"true", "false", "1", "0"};
    if (d->kind == ORO_ENV_INT || d->kind == ORO_ENV_FLOAT)
        return is_number(oro_bytes(v->data, v->len), d->kind == ORO_ENV_INT);
    for (unsigned k = 0; d->kind == ORO_ENV_BOOL && k < ORO_ARRAY_LEN(truths); k++)
        if (strlen(truths[k]) == v->len && memcmp(truths[k], v->data, v->len) == 0)
            return true;
    return d->kind == ORO_ENV_TEXT;
}

oro_status
oro_env_check(const struct oro_schema *s, const struct oro_env *e, struct oro_err *err)
{
    static const char *const wanted[] = {"text", "a whole number", "a number", "true or false"};
    for (uint32_t i = 0; i < s->nenvironment; i++) {
        const struct oro_env_decl *d = &s->environment[i];
        const struct oro_env_value *v = oro_env_find(e, d->name);
        if (v == NULL && !d->optional)
            return oro_err_set(err, ORO_EINVAL,
                               "environment key \"%s\": required value is missing: give it with "
                               "--env %s=VALUE, in [env] of the settings' file, or with PUT "
                               "/v1/database/NAME/environment",
                               d->name, d->name);
        if (v != NULL && !is_word(d, v))
            return oro_err_set(err, ORO_EINVAL,
                               "environment key \"%s\": value does not satisfy its declared string "
                               "constraint",
                               d->name);
        if (v != NULL && !is_kind(d, v))
            return oro_err_set(err, ORO_EINVAL, "environment key \"%s\": value is not %s", d->name,
                               wanted[d->kind]);
    }
    return ORO_OK;
}

void
oro_env_missing(const struct oro_schema *s, const struct oro_env *e,
                void (*told)(void *arg, const char *key), void *arg)
{
    for (uint32_t i = 0; i < s->nenvironment; i++)
        if (!s->environment[i].optional && oro_env_find(e, s->environment[i].name) == NULL)
            told(arg, s->environment[i].name);
}
