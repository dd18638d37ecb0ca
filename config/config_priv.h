/* config/config_priv.h - shared by the files of this folder only. */
#ifndef ORO_CONFIG_PRIV_H
#define ORO_CONFIG_PRIV_H

#include <stddef.h>

#include "config/config.h"

enum setting_kind { SETTING_SECTION, SETTING_TEXT, SETTING_WORD, SETTING_BOOL, SETTING_INT };

/* A line of ORO_SETTINGS. */
struct setting {
    enum setting_kind kind;
    const char *name;    /* "section.key"; of a section its own */
    const char *preset;  /* the default as text; NULL: left out */
    const char *example; /* text without default */
    const char *words;   /* word: what it may be, with spaces between */
    const char *flag;    /* "workers N", NULL */
    const char *help;    /* of a section it may be NULL */
    size_t offset;       /* of its field in struct oro_config */
    int64_t least, most;
};

/* In the order of the file. */
extern const struct setting settings[];
extern const size_t settings_count;

/* The setting of this name, not a section; NULL. */
const struct setting *setting_find(const char *name);
/* Length of the flag's name; 0 if there is none. */
size_t setting_flag_len(const struct setting *s);
/* Of all settings, into a zeroed struct. */
void settings_preset(struct oro_config *c);
/* where: a flag, a variable, or file and line, for the message. */
ORO_MUST_CHECK oro_status setting_set(struct oro_config *c, const struct setting *s,
                                      const char *value, const char *where, struct oro_err *err);
/* ORO_EINVAL with what the setting may be; got: how to name what was found. */
oro_status setting_refuse(const struct setting *s, const char *got, const char *where,
                          struct oro_err *err);

/* Room for "did you mean NAME? ". */
#define MEANT_ROOM 96
/* What a setting, or a flag, that is none was meant to be, into out, as a question with a blank behind it; or "". Gives out. */
const char *setting_meant(const char *name, char *out, size_t size);
const char *setting_meant_flag(const char *flag, char *out, size_t size);

/* Takes the place of what c->field points to. */
void text_set(char **field, const char *value);

/* What no single setting can be wrong in, and what follows from all of them: names, host and port. */
ORO_MUST_CHECK oro_status config_finish(struct oro_config *c, struct oro_err *err);

#endif
