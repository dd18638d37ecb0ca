/* runtime/base/origin.h - origins of web pages (RFC 6454: "https://game.example:8443") and the list of those that may speak to
 * the server, net.allow_origins: origins, "null" and "*", with commas or blanks between. Any thread. */
#ifndef ORO_BASE_ORIGIN_H
#define ORO_BASE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/status.h"

/* localhost, a name below it, or an address of this machine alone (127.0.0.0/8, ::1). host has no port; of an IPv6 address
 * with or without brackets. */
bool oro_host_is_loopback(const char *host, size_t len);

/* "host" or "host:port", as a Host field has it: without the port. */
size_t oro_host_len(const char *authority);

#define ORO_ORIGINS_MAX 2000 /* bytes of a list */

/* ORO_EINVAL names the item that is none. */
ORO_MUST_CHECK oro_status oro_origins_check(const char *list, struct oro_err *err);

/* Is it in the list? list may be NULL: empty. */
bool oro_origin_listed(const char *list, const char *origin);
/* http or https, a loopback host, any port. */
bool oro_origin_is_loopback(const char *origin);
/* Is the origin that of a page which was asked for with this Host field, by http or https? */
bool oro_origin_is_of(const char *origin, const char *authority);
/* Does an origin of the list have this host, whatever its port? True for "*". */
bool oro_origins_have_host(const char *list, const char *host, size_t len);

#endif
