#include <criterion/criterion.h>

#include "runtime/base/id.h"

Test(id, text_is_most_significant_first)
{
    struct oro_identity id = {{0x01, 0x02}};
    id.le[31] = 0xc2;
    char text[65];
    oro_identity_text(&id, text);
    cr_assert_eq(strlen(text), 64);
    cr_assert_eq(memcmp(text, "c200", 4), 0);
    cr_assert_str_eq(text + 60, "0201");

    struct oro_connection_id c = {{0xff}};
    char ctext[33];
    oro_connection_id_text(&c, ctext);
    cr_assert_str_eq(ctext, "000000000000000000000000000000ff");
}

Test(id, parse_is_the_reverse)
{
    struct oro_identity a, b;
    for (int i = 0; i < 32; i++)
        a.le[i] = (uint8_t)(i * 7 + 130);
    char text[67] = "0x";
    oro_identity_text(&a, text + 2);
    cr_assert(oro_identity_parse(text, &b));
    cr_assert(oro_identity_eq(&a, &b));
    cr_assert(oro_identity_parse(text + 2, &b));
    for (char *p = text + 2; *p != '\0'; p++)
        *p = (char)(*p >= 'a' ? *p - 32 : *p);
    memset(&b, 0, sizeof(b));
    cr_assert(oro_identity_parse(text, &b));
    cr_assert(oro_identity_eq(&a, &b));

    struct oro_connection_id c;
    cr_assert(oro_connection_id_parse("00000000000000000000000000000000", &c));
    cr_assert(oro_connection_id_is_none(&c));
    cr_assert(oro_connection_id_parse("0x10000000000000000000000000000000", &c));
    cr_assert_not(oro_connection_id_is_none(&c));
    cr_assert_eq(c.le[15], 0x10);
}

Test(id, parse_refuses)
{
    static const char *const bad[] = {
        "",
        "0",
        "0x",
        "00",
        "chat",
        "0000000000000000000000000000000",
        "000000000000000000000000000000000",
        "0000000000000000000000000000000g",
        "0x0x000000000000000000000000000000",
        "0x000000000000000000000000000000",
    };
    struct oro_connection_id c;
    struct oro_identity id;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(oro_connection_id_parse(bad[i], &c), "%s", bad[i]);
        cr_assert_not(oro_identity_parse(bad[i], &id), "%s", bad[i]);
    }
    cr_assert_not(oro_identity_parse("00000000000000000000000000000000", &id));
}
