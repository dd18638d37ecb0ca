/* config/print.c - the table of settings for people: --help, the file, the page of the documentation. */
#include <string.h>

#include "config/config_priv.h"

/* Appends text with a line break wherever it would be longer than `width`; the lines after the first begin with `indent`. */
static void
put_wrapped(const char *text, size_t width, const char *indent, struct oro_bb *out)
{
    size_t used = 0;
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (used > 0 && used + 1 + n > width) {
            oro_bb_printf(out, "\n%s", indent);
            used = 0;
        } else if (used > 0) {
            oro_bb_u8(out, ' ');
            used++;
        }
        oro_bb_put(out, p, n);
        used += n;
        p += n;
        p += strspn(p, " ");
    }
}

static const char *
key_of(const struct setting *s)
{
    return strchr(s->name, '.') + 1;
}

static bool
has_quotes(const struct setting *s)
{
    return s->kind == SETTING_TEXT || s->kind == SETTING_WORD;
}

/* ---- --help ---- */

static void
put_flag(const char *flag, const char *help, const char *preset, struct oro_bb *out)
{
    static const char indent[] = "                         ";
    struct oro_bb text = {0};
    oro_bb_printf(&text, preset != NULL ? "%s (default: %s)" : "%s", help, preset);
    oro_bb_u8(&text, '\0');
    oro_bb_printf(out, "  --%-20s ", flag);
    put_wrapped((const char *)text.data, 100 - strlen(indent), indent, out);
    oro_bb_u8(out, '\n');
    oro_bb_fini(&text);
}

void
oro_config_usage(struct oro_bb *out)
{
    oro_bb_printf(out, "usage: orochi run MODULE [flags]\n"
                       "  MODULE                 a .py file or a package folder\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings[i];
        if (s->flag == NULL)
            continue;
        bool is_switch = s->kind == SETTING_BOOL && strncmp(s->help, "true: ", 6) == 0;
        put_flag(s->flag, s->help + (is_switch ? 6 : 0), is_switch ? NULL : s->preset, out);
    }
    put_flag("config FILE", "settings in TOML; `orochi help settings` shows all of them", NULL,
             out);
    put_flag("env KEY=VALUE",
             "a value of the module's environment (ctx.env); KEY alone: that of the process's own "
             "variable. [env] in the file has them, too",
             NULL, out);
    put_flag("set KEY=VALUE", "one setting, e.g. --set durable.mode=normal", NULL, out);
}

/* ---- the file ---- */

#define COMMENT_AT 30
#define FILE_WIDTH 125

static void
put_entry(const struct setting *s, struct oro_bb *out)
{
    const char *value = s->preset != NULL ? s->preset : s->example;
    const char *quote = has_quotes(s) ? "\"" : "";
    size_t begin = out->len;
    oro_bb_printf(out, "%s%s = %s%s%s", s->preset != NULL ? "" : "# ", key_of(s), quote, value,
                  quote);
    do
        oro_bb_u8(out, ' ');
    while (out->len - begin < COMMENT_AT);
    oro_bb_printf(out, "# ");
    put_wrapped(s->help, FILE_WIDTH - (out->len - begin), "                              # ", out);
    oro_bb_u8(out, '\n');
}

void
oro_config_toml(struct oro_bb *out)
{
    oro_bb_printf(
        out,
        "# Every setting, with its default. Give the file with `orochi run MODULE --config FILE`. "
        "A "
        "setting may also come from the\n# environment (OROCHI_NET_THREADS=2; where there is a "
        "flag also by its name, OROCHI_WORKERS=2) or a flag (--set net.threads=2);\n# flags win "
        "over the environment, that over the file. Changes take effect at the next start.\n"
        "# Made of config/settings.h by config/settings.sh.\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings[i];
        if (s->kind != SETTING_SECTION) {
            put_entry(s, out);
            continue;
        }
        oro_bb_printf(out, "\n[%s]\n", s->name);
        if (s->help != NULL) {
            oro_bb_printf(out, "# ");
            put_wrapped(s->help, FILE_WIDTH - 2, "# ", out);
            oro_bb_u8(out, '\n');
        }
    }
}

/* ---- the page ---- */

static void
put_row(const struct setting *s, struct oro_bb *out)
{
    oro_bb_printf(out, "| `%s` | ", key_of(s));
    if (s->preset != NULL)
        oro_bb_printf(out, "`%s`", s->preset);
    oro_bb_printf(out, " | ");
    if (s->kind == SETTING_INT)
        oro_bb_printf(out, "%lld to %lld", (long long)s->least, (long long)s->most);
    else
        oro_bb_printf(out, "%s",
                      s->kind == SETTING_BOOL   ? "true, false"
                      : s->kind == SETTING_WORD ? s->words
                                                : "text");
    oro_bb_printf(out, " | ");
    if (s->flag != NULL)
        oro_bb_printf(out, "`--%s`", s->flag);
    oro_bb_printf(out, " | %s |\n", s->help);
}

void
oro_config_page(struct oro_bb *out)
{
    oro_bb_printf(
        out,
        "# Settings\n\n"
        "<!-- made of config/settings.h by config/settings.sh -->\n\n"
        "Where a setting comes from, the later counting more: its default, the file of `--config`, "
        "the environment, a flag.\nIn the file `net.threads` stands as `threads` in the section "
        "`[net]`; in the environment it is `OROCHI_NET_THREADS`,\nand one with a flag is known by "
        "that name too (`OROCHI_WORKERS`); as a flag it is `--set net.threads=2`.\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings[i];
        if (s->kind != SETTING_SECTION) {
            put_row(s, out);
            continue;
        }
        oro_bb_printf(out, "\n## %s\n\n", s->name);
        if (s->help != NULL)
            oro_bb_printf(out, "%s.\n\n", s->help);
        oro_bb_printf(out, "| key | default | may be | flag | |\n|---|---|---|---|---|\n");
    }
}
