/* The table of settings, and the texts that are made of it. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "runtime/base/mem.h"

static char *
file_of_source(const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", getenv("ORO_SOURCE"), name);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    struct oro_bb text = {0};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
        oro_bb_put(&text, part, n);
    fclose(f);
    oro_bb_u8(&text, '\0');
    return (char *)text.data;
}

/* Where they differ first, as a line. */
static void
same_text(const char *file, void (*print)(struct oro_bb *out))
{
    struct oro_bb made = {0};
    char *is = file_of_source(file);
    print(&made);
    oro_bb_u8(&made, '\0');
    const char *a = is, *b = (const char *)made.data;
    for (int line = 1; *a != '\0' || *b != '\0'; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        cr_assert(n == m && memcmp(a, b, n) == 0,
                  "%s:%d is not what config/settings.h makes: run `sh config/settings.sh`\n"
                  "file:  %.*s\ntable: %.*s",
                  file, line, (int)n, a, (int)m, b);
        a += n + (a[n] == '\n');
        b += m + (b[m] == '\n');
    }
    oro_free(is);
    oro_bb_fini(&made);
}

Test(settings, the_file_has_exactly_the_keys_defaults_and_comments_of_the_table)
{
    same_text("config/orochi.toml", oro_config_toml);
}

Test(settings, so_has_the_page_of_the_documentation)
{
    same_text("docs/settings.md", oro_config_page);
}

Test(settings, help_has_every_flag)
{
    struct oro_bb usage = {0};
    oro_config_usage(&usage);
    oro_bb_u8(&usage, '\0');
    for (size_t i = 0; i < settings_count; i++) {
        char line[128];
        if (settings[i].flag == NULL)
            continue;
        snprintf(line, sizeof(line), "\n  --%s ", settings[i].flag);
        cr_expect_not_null(strstr((const char *)usage.data, line), "%s", settings[i].flag);
    }
    oro_bb_fini(&usage);
}

/* Every line of the table: its default fits it, what is out of its range is refused with the range, and the words with the words. */
Test(settings, each_takes_its_default_and_refuses_what_it_may_not_be)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings[i];
        struct oro_config c = {0};
        struct oro_err err = {0};
        char text[64], expected[128];
        settings_preset(&c);
        cr_expect(s->help != NULL || s->kind == SETTING_SECTION, "%s", s->name);
        if (s->kind == SETTING_INT) {
            cr_expect(s->least <= s->most, "%s", s->name);
            snprintf(expected, sizeof(expected), "%s is a whole number from %lld to %lld, got ",
                     s->name, (long long)s->least, (long long)s->most);
            const long long beyond[] = {s->least - 1, s->most + 1};
            for (int k = 0; k < 2; k++) {
                snprintf(text, sizeof(text), "%lld", beyond[k]);
                cr_expect_eq(setting_set(&c, s, text, "here", &err), ORO_EINVAL, "%s", s->name);
                cr_expect_not_null(strstr(err.text, expected), "%s", err.text);
            }
        } else if (s->kind == SETTING_WORD) {
            cr_expect_eq(setting_set(&c, s, "nonsense", "here", &err), ORO_EINVAL, "%s", s->name);
            cr_expect_not_null(strstr(err.text, s->words), "%s", err.text);
            cr_expect_eq(setting_set(&c, s, s->words, "here", &err), ORO_EINVAL,
                         "all words of %s at once", s->name);
            cr_expect_eq(setting_set(&c, s, "", "here", &err), ORO_EINVAL, "%s", s->name);
        } else if (s->kind == SETTING_BOOL) {
            cr_expect_eq(setting_set(&c, s, "1", "here", &err), ORO_EINVAL, "%s", s->name);
        }
        oro_config_fini(&c);
    }
}

Test(settings, names_are_told_once_and_belong_to_their_section)
{
    const char *section = "";
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings[i];
        size_t n = strlen(section);
        for (size_t k = 0; k < i; k++) {
            cr_expect_str_neq(settings[k].name, s->name);
            if (s->flag != NULL && settings[k].flag != NULL)
                cr_expect_str_neq(settings[k].flag, s->flag);
        }
        if (s->kind == SETTING_SECTION)
            section = s->name;
        else
            cr_expect(strncmp(s->name, section, n) == 0 && s->name[n] == '.',
                      "%s does not belong to [%s]", s->name, section);
    }
}
