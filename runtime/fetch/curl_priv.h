/* runtime/fetch/curl_priv.h - libcurl's functions, looked up while the program runs: it needs some twenty libraries of its own, which a
 * server that asks nobody should not load, and a wheel not bring. The only place that knows curl's headers. */
#ifndef ORO_FETCH_CURL_PRIV_H
#define ORO_FETCH_CURL_PRIV_H

#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#include <stdbool.h>

#include "runtime/base/status.h"

#define ORO_CURL(X)                                                                     \
    X(curl_global_init)                                                                 \
    X(curl_easy_init)                                                                   \
    X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_cleanup) X(curl_easy_strerror) \
        X(curl_multi_init) X(curl_multi_cleanup) X(curl_multi_add_handle)               \
            X(curl_multi_remove_handle) X(curl_multi_perform) X(curl_multi_poll)        \
                X(curl_multi_info_read) X(curl_multi_wakeup) X(curl_slist_append)       \
                    X(curl_slist_free_all)

struct oro_curl {
#define ORO_FIELD(name) __typeof__(&name) name;
    ORO_CURL(ORO_FIELD)
#undef ORO_FIELD
};

/* The same for all threads. ORO_ENOTFOUND: it is not there. */
ORO_MUST_CHECK oro_status oro_curl_load(const struct oro_curl **out, struct oro_err *err);

#endif
