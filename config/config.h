/* config/config.h - file, environment and flags become one plain struct; later ones win. It does not know who reads a key:
 * runtime/options.c hands each layer its own options. Main thread. */
#ifndef ORO_CONFIG_CONFIG_H
#define ORO_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/settings.h"
#include "runtime/base/buf.h"
#include "runtime/base/environment.h"
#include "runtime/base/status.h"

#define ORO_CONFIG_SECTION(name, help)
#define ORO_CONFIG_TEXT(section, key, ...) char *section##_##key;
#define ORO_CONFIG_BOOL(section, key, ...) bool section##_##key;
#define ORO_CONFIG_INT(section, key, ...) int64_t section##_##key;

/* Strings are owned by the struct. A field for each setting: net.threads is net_threads. */
struct oro_config {
    char *module;
    ORO_SETTINGS(ORO_CONFIG_SECTION, ORO_CONFIG_TEXT, ORO_CONFIG_TEXT, ORO_CONFIG_BOOL,
                 ORO_CONFIG_INT)
    struct oro_env environment; /* --env, and the section [env]: of the module */
    /* From server_listen. */
    char *host;
    int port;
};

/* Reads TOML and Gives its JSON text; the layer that has a TOML reader provides it. */
typedef oro_status (*oro_toml_fn)(const char *path, char **json, struct oro_err *err);

/* argv: the words after `run`. ORO_EINVAL names the flag, the variable, or the file, line and key, and what is expected. */
ORO_MUST_CHECK oro_status oro_config_load(struct oro_config *c, int argc, char **argv,
                                          oro_toml_fn toml, struct oro_err *err);
void oro_config_fini(struct oro_config *c);

/* Append: the flags of `run`, for --help; the settings with their defaults as a file in TOML; the same as a page of the
 * documentation. */
void oro_config_usage(struct oro_bb *out);
void oro_config_toml(struct oro_bb *out);
void oro_config_page(struct oro_bb *out);

#endif
