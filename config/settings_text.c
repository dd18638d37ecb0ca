/* config/settings_text.c - prints a text made of the table of settings: settings_text usage|toml|page. A tool of the build. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int
main(int argc, char **argv)
{
    static const struct {
        const char *word;
        void (*print)(struct oro_bb *out);
    } texts[] = {{"usage", oro_config_usage}, {"toml", oro_config_toml}, {"page", oro_config_page}};
    struct oro_bb out = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (argc == 2 && strcmp(argv[1], texts[i].word) == 0)
            texts[i].print(&out);
    fwrite(out.data, 1, out.len, stdout);
    bool printed = out.len > 0;
    oro_bb_fini(&out);
    return printed ? 0 : 2;
}
