#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "runtime/base/status.h"

Test(status, every_status_has_a_name)
{
    for (int i = 0; i < ORO_STATUS_COUNT; i++) {
        const char *name = oro_status_name((oro_status)i);
        cr_assert_str_neq(name, "unknown status", "status %d", i);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(name, oro_status_name((oro_status)j));
    }
    cr_assert_str_eq(oro_status_name(ORO_STATUS_COUNT), "unknown status");
    cr_assert_str_eq(oro_status_name((oro_status)-1), "unknown status");
}

Test(status, set_and_wrap)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_err_set(&err, ORO_EIO, "line %d", 7), ORO_EIO);
    cr_assert_eq(err.status, ORO_EIO);
    cr_assert_eq(oro_err_wrap(&err, "file %s", "a.toml"), ORO_EIO);
    cr_assert_str_eq(err.text, "file a.toml: line 7");
    /* The text may be an argument of its own replacement. */
    oro_err_set(&err, ORO_EINVAL, "(%s)", err.text);
    cr_assert_str_eq(err.text, "(file a.toml: line 7)");
    cr_assert_eq(oro_err_set(NULL, ORO_EFULL, "x"), ORO_EFULL);
    cr_assert_eq(oro_err_wrap(NULL, "x"), ORO_EINTERNAL);
}

static void
check_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != 0;) {
        int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        cr_assert(*p < 0x80 || *p >= 0xc0, "a character's rest without its beginning");
        for (p++; more > 0; more--, p++)
            cr_assert_eq(*p & 0xc0, 0x80, "a character was cut");
    }
}

Test(status, long_text_is_cut_between_characters)
{
    static const char *const chars[] = {"x", "\u00e9", "\u20ac", "\U0001f600"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[3000];
            memset(text, 'a', shift);
            size_t n = shift;
            while (n + 5 < sizeof(text)) {
                strcpy(text + n, chars[c]);
                n += strlen(chars[c]);
            }
            struct oro_err err;
            oro_err_set(&err, ORO_EUSER, "%s", text);
            check_utf8(err.text);
            cr_assert_geq(strlen(err.text), sizeof(err.text) - 4);
            oro_err_wrap(&err, "wrapped");
            check_utf8(err.text);
            cr_assert_geq(strlen(err.text), sizeof(err.text) - 4);
            oro_err_wrap(&err, "%s", text);
            check_utf8(err.text);
        }
    }
}
