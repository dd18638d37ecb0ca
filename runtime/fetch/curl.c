#include "runtime/fetch/curl_priv.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct oro_curl functions;
static bool there;
static char why[200];

static void
load(void)
{
    void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL) {
        snprintf(why, sizeof(why), "%s", dlerror());
        return;
    }
    bool all = true;
#define LOOK(name)                                                     \
    do {                                                               \
        void *at = dlsym(lib, #name);                                  \
        all = all && at != NULL;                                       \
        *(void **)(void *)&functions.name = at; /* as POSIX has it */  \
        if (at == NULL)                                                \
            snprintf(why, sizeof(why), "it has no %s", #name);         \
    } while (0);
    ORO_CURL(LOOK)
#undef LOOK
    there = all && functions.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

oro_status
oro_curl_load(const struct oro_curl **out, struct oro_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!there)
        return oro_err_set(err, ORO_ENOTFOUND,
                           "ctx.http needs libcurl 7.85 or newer (libcurl.so.4; `apt-get install "
                           "libcurl4`, or your system's package of it): %s",
                           why);
    *out = &functions;
    return ORO_OK;
}
