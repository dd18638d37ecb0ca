/* runtime/fetch/fetch.h - requests to HTTP services of the world outside. A fetcher belongs to one thread, which makes them get on
 * by waiting; many may be under way at once. libcurl does them: it is looked for when the first one is made, so a server whose
 * module asks nobody needs none. */
#ifndef ORO_FETCH_FETCH_H
#define ORO_FETCH_FETCH_H

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"
#include "runtime/base/status.h"

struct sockaddr;

/* What modules may ask for. */
struct oro_fetch_limits {
    bool off;               /* nothing */
    bool anywhere;          /* addresses that are not public, too */
    unsigned redirects;     /* that are followed */
    size_t max_body;        /* bytes of an answer, unpacked */
    int64_t timeout_us;     /* where nothing else is asked for, */
    int64_t max_timeout_us; /* and the longest that may be */
};

/* Texts are borrowed until oro_fetch_make returns. */
struct oro_fetch_ask {
    const char *method, *url;
    const char *const *headers; /* "name: value" */
    size_t nheaders;
    struct oro_bytes body;
    int64_t timeout_us; /* 0: the usual */
};

struct oro_fetched {
    int status;
    struct oro_bb headers; /* of the last answer, "name: value\n" each */
    struct oro_bb body;
    char *url; /* of the last answer */
};
static inline void
oro_fetched_fini(struct oro_fetched *f)
{
    oro_bb_fini(&f->headers);
    oro_bb_fini(&f->body);
    oro_free(f->url);
    f->url = NULL;
}

struct oro_fetcher;
struct oro_fetch;

/* Gives *out. ORO_ENOTFOUND: there is no libcurl. Borrows nothing. */
ORO_MUST_CHECK oro_status oro_fetcher_create(const struct oro_fetch_limits *limits,
                                             struct oro_fetcher **out, struct oro_err *err);
/* NULL is fine; none of its requests may be left */
void oro_fetcher_destroy(struct oro_fetcher *f);

/* Gives *out, which does nothing yet; any thread. of: the asker's. ORO_EINVAL, ORO_EREFUSED: it is not even tried. */
ORO_MUST_CHECK oro_status oro_fetch_make(struct oro_fetcher *f, const struct oro_fetch_ask *ask,
                                         void *of, struct oro_fetch **out, struct oro_err *err);
/* From here to oro_fetch_rest, or its end, it belongs to the fetcher's thread. */
void oro_fetch_go(struct oro_fetch *f);
void oro_fetch_rest(struct oro_fetch *f); /* of one that is done */
/* Until something has happened to one of them, somebody wakes it, or so long. */
void oro_fetcher_wait(struct oro_fetcher *f, int timeout_ms);
void oro_fetcher_wake(struct oro_fetcher *f); /* any thread */
/* `of` of one that is done and was not given yet; NULL: there is none. */
void *oro_fetcher_next_done(struct oro_fetcher *f);
/* Of one that is done. Gives what is in *out. ORO_EIO, ORO_ETIMEOUT, ORO_EREFUSED (the address, a size): err says why, without
 * what stood behind the ? of the URL. */
ORO_MUST_CHECK oro_status oro_fetch_take(struct oro_fetch *f, struct oro_fetched *out,
                                         struct oro_err *err);
/* Takes f, done or not; the fetcher's thread, unless it does not go or rests */
void oro_fetch_end(struct oro_fetch *f);

/* address.c: false for what is this machine's, a private network's, or otherwise no address of the public internet, also within an
 * IPv6 address. Pure. */
bool oro_address_is_public(const struct sockaddr *address);
/* Whether an interface of this machine has it, as a public one may: no firewall stands between the machine and itself. */
bool oro_address_is_ours(const struct sockaddr *address);

#endif
