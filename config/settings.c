/* config/settings.c - the table of settings as data, and one value of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "runtime/base/mem.h"

#define NAME(section, key) #section "." #key
#define FIELD(section, key) offsetof(struct oro_config, section##_##key)
#define SECTION_LINE(n, h) {.kind = SETTING_SECTION, .name = #n, .help = h},
#define TEXT_LINE(s, k, d, ex, f, h) \
    {.kind = SETTING_TEXT,           \
     .name = NAME(s, k),             \
     .preset = d,                    \
     .example = ex,                  \
     .flag = f,                      \
     .help = h,                      \
     .offset = FIELD(s, k)},
#define WORD_LINE(s, k, d, w, f, h) \
    {.kind = SETTING_WORD,          \
     .name = NAME(s, k),            \
     .preset = d,                   \
     .words = w,                    \
     .flag = f,                     \
     .help = h,                     \
     .offset = FIELD(s, k)},
#define BOOL_LINE(s, k, d, f, h) \
    {.kind = SETTING_BOOL,       \
     .name = NAME(s, k),         \
     .preset = #d,               \
     .flag = f,                  \
     .help = h,                  \
     .offset = FIELD(s, k)},
#define INT_LINE(s, k, d, lo, hi, f, h) \
    {.kind = SETTING_INT,               \
     .name = NAME(s, k),                \
     .preset = #d,                      \
     .flag = f,                         \
     .help = h,                         \
     .offset = FIELD(s, k),             \
     .least = lo,                       \
     .most = hi},

const struct setting settings[] = {
    ORO_SETTINGS(SECTION_LINE, TEXT_LINE, WORD_LINE, BOOL_LINE, INT_LINE)};
const size_t settings_count = sizeof(settings) / sizeof(settings[0]);

const struct setting *
setting_find(const char *name)
{
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].kind != SETTING_SECTION && strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

size_t
setting_flag_len(const struct setting *s)
{
    return s->flag != NULL ? strcspn(s->flag, " ") : 0;
}

void
text_set(char **field, const char *value)
{
    oro_free(*field);
    *field = oro_strdup(value);
}

oro_status
setting_refuse(const struct setting *s, const char *got, const char *where, struct oro_err *err)
{
    switch (s->kind) {
    case SETTING_BOOL:
        return oro_err_set(err, ORO_EINVAL, "%s: %s is true or false, got %s", where, s->name, got);
    case SETTING_INT:
        return oro_err_set(err, ORO_EINVAL, "%s: %s is a whole number from %lld to %lld, got %s",
                           where, s->name, (long long)s->least, (long long)s->most, got);
    case SETTING_WORD:
        return oro_err_set(err, ORO_EINVAL, "%s: %s is one of %s; got %s", where, s->name, s->words,
                           got);
    default:
        return oro_err_set(err, ORO_EINVAL, "%s: %s is a text in quotes", where, s->name);
    }
}

static bool
is_word_of(const char *words, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = words; n > 0; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, value, n) == 0)
            return true;
        p += len;
        if (*p == '\0')
            break;
    }
    return false;
}

oro_status
setting_set(struct oro_config *c, const struct setting *s, const char *value, const char *where,
            struct oro_err *err)
{
    void *field = (char *)c + s->offset;
    char *end;
    if (s->kind == SETTING_WORD && !is_word_of(s->words, value))
        return setting_refuse(s, value, where, err);
    if (s->kind == SETTING_TEXT || s->kind == SETTING_WORD) {
        text_set(field, value);
        return ORO_OK;
    }
    if (s->kind == SETTING_BOOL) {
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return setting_refuse(s, value, where, err);
        *(bool *)field = value[0] == 't';
        return ORO_OK;
    }
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 || v < s->least || v > s->most)
        return setting_refuse(s, value, where, err);
    *(int64_t *)field = v;
    return ORO_OK;
}

void
settings_preset(struct oro_config *c)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (settings[i].kind == SETTING_SECTION || settings[i].preset == NULL)
            continue;
        oro_status st = setting_set(c, &settings[i], settings[i].preset, "default", NULL);
        ORO_ASSERT(st == ORO_OK);
    }
}
