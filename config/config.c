/* config/config.c - where settings come from: the file, the environment, the flags. */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_priv.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

#define ALL_SETTINGS "`orochi help settings` lists them"

/* ---- the file ---- */

/* Line of `key` in `[section]`, for messages; 0 if it cannot be found. */
static int
line_of(const char *path, const char *section, const char *key)
{
    FILE *f = fopen(path, "re");
    char line[512], now[128] = "";
    int n = 0, found = 0;
    size_t len = strlen(key);
    while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL) {
        n++;
        const char *p = line + strspn(line, " \t");
        if (*p == '[')
            snprintf(now, sizeof(now), "%.*s", (int)strcspn(p + 1, "]"), p + 1);
        else if (strcmp(now, section) == 0 && strncmp(p, key, len) == 0 &&
                 strchr(" \t=", p[len]) != NULL)
            found = n;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

/* ---- its values, as JSON ---- */

struct file {
    struct oro_config *c;
    const char *path;
    struct oro_json json;
    struct oro_bb text; /* the value at hand, with a zero at its end */
};

static const char *
plain_text(struct file *f, uint32_t node)
{
    oro_bb_clear(&f->text);
    oro_json_unescape(&f->json, node, &f->text);
    oro_bb_u8(&f->text, '\0');
    return (const char *)f->text.data;
}

/* A list of texts is one text with commas. */
static oro_status
list_set(struct file *f, const struct setting *s, uint32_t list, const char *where,
         struct oro_err *err)
{
    uint32_t at = list + 1;
    oro_bb_clear(&f->text);
    for (uint32_t i = 0; i < f->json.nodes[list].count; i++) {
        if (f->json.nodes[at].kind != ORO_JSON_STRING)
            return oro_err_set(err, ORO_EINVAL, "%s: %s is a list of texts in quotes", where,
                               s->name);
        if (i > 0)
            oro_bb_u8(&f->text, ',');
        oro_json_unescape(&f->json, at, &f->text);
        at = f->json.nodes[at].next;
    }
    oro_bb_u8(&f->text, '\0');
    return setting_set(f->c, s, (const char *)f->text.data, where, err);
}

static oro_status
value_set(struct file *f, const struct setting *s, uint32_t node, const char *where,
          struct oro_err *err)
{
    int kind = f->json.nodes[node].kind;
    bool wants_text = s->kind == SETTING_TEXT || s->kind == SETTING_WORD;
    if (kind == ORO_JSON_ARRAY && s->offset == offsetof(struct oro_config, net_allow_origins))
        return list_set(f, s, node, where, err);
    if (wants_text != (kind == ORO_JSON_STRING))
        return setting_refuse(s, kind == ORO_JSON_STRING ? "a text" : "something else", where, err);
    return setting_set(f->c, s, plain_text(f, node), where, err);
}

static oro_status
entry_set(struct file *f, const char *section, uint32_t name, struct oro_err *err)
{
    char full[256], where[PATH_MAX + 32], meant[MEANT_ROOM];
    const char *key = plain_text(f, name);
    snprintf(full, sizeof(full), "%s.%s", section, key);
    snprintf(where, sizeof(where), "%s:%d", f->path, line_of(f->path, section, key));
    const struct setting *s = setting_find(full);
    return s != NULL
               ? value_set(f, s, name + 1, where, err)
               : oro_err_set(err, ORO_EINVAL, "%s: there is no setting %s (%s" ALL_SETTINGS ")",
                             where, full, setting_meant(full, meant, sizeof(meant)));
}

/* Of [env]: values of the module's environment; no message has one. */
static oro_status
variable_set(struct file *f, uint32_t name, struct oro_err *err)
{
    char *key = oro_strdup(plain_text(f, name));
    int line = line_of(f->path, "env", key);
    oro_status st = f->json.nodes[name + 1].kind == ORO_JSON_STRING
                        ? oro_env_put(&f->c->environment, key,
                                      oro_bytes_str(plain_text(f, name + 1)), err)
                        : oro_err_set(err, ORO_EINVAL, "env.%s: expected a text, in quotes", key);
    oro_free(key);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "%s:%d", f->path, line);
}

static oro_status
section_set(struct file *f, uint32_t name, struct oro_err *err)
{
    const struct oro_json_node *nodes = f->json.nodes;
    char *section = oro_strdup(plain_text(f, name));
    oro_status st = ORO_OK;
    if (nodes[name + 1].kind != ORO_JSON_OBJECT)
        st = oro_err_set(err, ORO_EINVAL, "%s: %s stands outside a section such as [server]",
                         f->path, section);
    uint32_t at = name + 2;
    for (uint32_t i = 0; st == ORO_OK && i < nodes[name + 1].count; i++) {
        st = strcmp(section, "env") == 0 ? variable_set(f, at, err) : entry_set(f, section, at, err);
        at = nodes[at + 1].next;
    }
    oro_free(section);
    return st;
}

static oro_status
file_read(struct oro_config *c, const char *path, oro_toml_fn toml, struct oro_err *err)
{
    struct file f = {.c = c, .path = path};
    char *text = NULL;
    oro_status st = toml(path, &text, err);
    if (st == ORO_OK)
        st = oro_json_parse(&f.json, oro_bytes_str(text), ORO_JSON_MAX_DEPTH, err);
    if (st != ORO_OK) {
        oro_free(text);
        return oro_err_wrap(err, "%s", path);
    }
    ORO_ASSERT(f.json.nodes[0].kind == ORO_JSON_OBJECT); /* a file of TOML is a table */
    uint32_t at = 1;
    for (uint32_t i = 0; st == ORO_OK && i < f.json.nodes[0].count; i++) {
        st = section_set(&f, at, err);
        at = f.json.nodes[at + 1].next;
    }
    oro_bb_fini(&f.text);
    oro_json_fini(&f.json);
    oro_free(text);
    return st;
}

/* ---- environment: OROCHI_NET_THREADS for net.threads, OROCHI_WORKERS for --workers ---- */

/* name: of a setting or a flag; `out` gets OROCHI_ and it in capitals. */
static void
variable_name(const char *name, char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "OROCHI_");
    for (const char *p = name; *p != '\0' && n + 1 < room; p++)
        out[n++] = *p == '.' || *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    out[n] = '\0';
}

static oro_status
variable_read(struct oro_config *c, const char *name, const struct setting *k, struct oro_err *err)
{
    char variable[128];
    variable_name(name, variable, sizeof(variable));
    const char *value = getenv(variable);
    return value != NULL ? setting_set(c, k, value, variable, err) : ORO_OK;
}

static bool
variable_is_known(const char *variable, size_t n)
{
    char known[128];
    for (size_t i = 0; i < settings_count; i++) {
        variable_name(settings[i].name, known, sizeof(known));
        if (settings[i].kind != SETTING_SECTION && strlen(known) == n &&
            memcmp(known, variable, n) == 0)
            return true;
    }
    return false;
}

/* Other programs may have an OROCHI_ of their own, but what begins like one of our sections was meant for us. */
static oro_status
variables_check(struct oro_err *err)
{
    char section[64], word[64];
    for (char **e = environ; *e != NULL; e++) {
        size_t n = strcspn(*e, "=");
        if (strncmp(*e, "OROCHI_", 7) != 0 || variable_is_known(*e, n))
            continue;
        for (size_t i = 0; i < settings_count; i++) {
            if (settings[i].kind != SETTING_SECTION)
                continue;
            snprintf(word, sizeof(word), "%s_", settings[i].name);
            variable_name(word, section, sizeof(section));
            if (strncmp(*e, section, strlen(section)) == 0)
                return oro_err_set(
                    err, ORO_EINVAL,
                    "%.*s (environment): there is no such setting (" ALL_SETTINGS ")", (int)n, *e);
        }
    }
    return ORO_OK;
}

/* A setting's own name counts more than the short one of its flag. */
static oro_status
environment_read(struct oro_config *c, struct oro_err *err)
{
    char flag[64];
    oro_status st = variables_check(err);
    for (size_t i = 0; st == ORO_OK && i < settings_count; i++) {
        const struct setting *s = &settings[i];
        if (s->kind == SETTING_SECTION)
            continue;
        snprintf(flag, sizeof(flag), "%.*s", (int)setting_flag_len(s), s->flag);
        if (flag[0] != '\0')
            st = variable_read(c, flag, s, err);
        if (st == ORO_OK)
            st = variable_read(c, s->name, s, err);
    }
    return st;
}

/* ---- flags ---- */

enum { FLAG_CONFIG = 256, FLAG_SET, FLAG_ENV, FLAG_KEY }; /* FLAG_KEY + i: that of settings[i] */

/* Gives the table for getopt_long; *names is to be freed with it. */
static struct option *
flags_make(struct oro_bb *names)
{
    struct option *flags = ORO_NEW_ARRAY(struct option, settings_count + 4), *f = flags;
    for (size_t i = 0; i < settings_count; i++) {
        oro_bb_put(names, settings[i].flag, setting_flag_len(&settings[i]));
        oro_bb_u8(names, '\0');
    }
    const char *name = (const char *)names->data;
    for (size_t i = 0; i < settings_count; name += strlen(name) + 1, i++)
        if (*name != '\0')
            *f++ = (struct option){
                name, settings[i].kind == SETTING_BOOL ? no_argument : required_argument, NULL,
                FLAG_KEY + (int)i};
    *f++ = (struct option){"config", required_argument, NULL, FLAG_CONFIG};
    *f++ = (struct option){"set", required_argument, NULL, FLAG_SET};
    *f = (struct option){"env", required_argument, NULL, FLAG_ENV};
    return flags;
}

static oro_status
set_flag(struct oro_config *c, const char *text, struct oro_err *err)
{
    const char *eq = strchr(text, '=');
    if (eq == NULL)
        return oro_err_set(err, ORO_EINVAL,
                           "--set %s: expected KEY=VALUE, e.g. --set durable.mode=normal", text);
    char *name = oro_strndup(text, (size_t)(eq - text));
    char meant[MEANT_ROOM];
    const struct setting *s = setting_find(name);
    oro_status st = s != NULL ? setting_set(c, s, eq + 1, "--set", err)
                              : oro_err_set(err, ORO_EINVAL,
                                            "--set: there is no setting %s (%s" ALL_SETTINGS ")",
                                            name, setting_meant(name, meant, sizeof(meant)));
    oro_free(name);
    return st;
}

/* KEY=VALUE, or KEY alone: the process's own variable of that name, so that no secret stands in a list of processes. */
static oro_status
env_flag(struct oro_config *c, const char *text, struct oro_err *err)
{
    size_t n = strcspn(text, "=");
    char *key = oro_strndup(text, n);
    const char *value = text[n] == '=' ? text + n + 1 : getenv(key);
    oro_status st = value != NULL
                        ? oro_env_put(&c->environment, key, oro_bytes_str(value), err)
                        : oro_err_set(err, ORO_EINVAL,
                                      "%s: there is no variable of that name; write KEY=VALUE", key);
    oro_free(key);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "--env");
}

/* getopt said that `word` is wrong. */
static oro_status
flag_refuse(int which, const char *word, struct oro_err *err)
{
    if (which == ':')
        return oro_err_set(err, ORO_EINVAL, "%s needs a value", word);
    if (optopt >= FLAG_CONFIG)
        return oro_err_set(err, ORO_EINVAL, "%.*s takes no value", (int)strcspn(word, "="), word);
    if (optopt > 0)
        return oro_err_set(err, ORO_EINVAL, "there is no flag -%c", optopt);
    char meant[MEANT_ROOM];
    return oro_err_set(err, ORO_EINVAL, "there is no flag %s (%sor it is short for several)", word,
                       setting_meant_flag(word, meant, sizeof(meant)));
}

static oro_status
flag_set(struct oro_config *c, int which, struct oro_err *err)
{
    char where[64];
    const struct setting *s = &settings[which - FLAG_KEY];
    snprintf(where, sizeof(where), "--%.*s", (int)setting_flag_len(s), s->flag);
    return setting_set(c, s, optarg != NULL ? optarg : "true", where, err);
}

/* The file counts less than the flags, so it is read first, wherever it stands among them. */
static oro_status
flags_walk(struct oro_config *c, int argc, char **argv, const struct option *flags,
           oro_toml_fn toml, bool only_file, struct oro_err *err)
{
    int which;
    oro_status st = ORO_OK;
    optind = 0;
    opterr = 0;
    while (st == ORO_OK && (which = getopt_long(argc, argv, ":", flags, NULL)) != -1) {
        const char *word = argv[optind - 1]; /* of a wrong short flag it may be the one before */
        if (which < FLAG_CONFIG)
            return flag_refuse(which, word, err);
        if (only_file != (which == FLAG_CONFIG))
            continue;
        st = which == FLAG_CONFIG ? file_read(c, optarg, toml, err)
             : which == FLAG_SET  ? set_flag(c, optarg, err)
             : which == FLAG_ENV  ? env_flag(c, optarg, err)
                                  : flag_set(c, which, err);
    }
    return st;
}

static oro_status
flags_read(struct oro_config *c, int argc, char **argv, oro_toml_fn toml, bool only_file,
           struct oro_err *err)
{
    struct oro_bb names = {0};
    struct option *flags = flags_make(&names);
    oro_status st = flags_walk(c, argc, argv, flags, toml, only_file, err);
    oro_free(flags);
    oro_bb_fini(&names);
    return st;
}

static oro_status
module_take(struct oro_config *c, int argc, char **argv, struct oro_err *err)
{
    if (optind >= argc)
        return oro_err_set(err, ORO_EINVAL, "which module? `orochi run MODULE`");
    if (optind + 1 < argc)
        return oro_err_set(err, ORO_EINVAL, "one module at a time, and flags begin with --: %s",
                           argv[optind + 1]);
    text_set(&c->module, argv[optind]);
    return ORO_OK;
}

oro_status
oro_config_load(struct oro_config *c, int argc, char **argv, oro_toml_fn toml, struct oro_err *err)
{
    *c = (struct oro_config){0};
    settings_preset(c);
    oro_status st = flags_read(c, argc, argv, toml, true, err);
    if (st == ORO_OK)
        st = environment_read(c, err);
    if (st == ORO_OK)
        st = flags_read(c, argc, argv, toml, false, err);
    if (st == ORO_OK)
        st = module_take(c, argc, argv, err);
    if (st == ORO_OK)
        st = config_finish(c, err);
    if (st != ORO_OK)
        oro_config_fini(c);
    return st;
}

void
oro_config_fini(struct oro_config *c)
{
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].kind == SETTING_TEXT || settings[i].kind == SETTING_WORD)
            oro_free(*(char **)((char *)c + settings[i].offset));
    oro_env_fini(&c->environment);
    oro_free(c->module);
    oro_free(c->host);
    *c = (struct oro_config){0};
}
