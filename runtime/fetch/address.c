/* runtime/fetch/address.c - which addresses are of the public internet (IANA's special-purpose registries; semantics P-12). */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/mem.h"
#include "runtime/fetch/fetch.h"

static bool
is_public_v4(uint32_t a)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } special[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared by a provider's customers */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local, with the metadata services of clouds */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarks */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 4},  /* multicast */
        {0xf0000000, 4},  /* reserved, and broadcast */
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(special); i++)
        if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
            return false;
    return a != 0xa83f8110; /* 168.63.129.16, the services of a cloud to its machines */
}

static uint32_t
v4_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool
begins(const uint8_t a[16], const uint8_t *with, size_t n)
{
    return memcmp(a, with, n) == 0;
}

static bool
is_public_v6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t assignments[] = {0x20, 0x01}, documentation[] = {0x20, 0x01, 0x0d, 0xb8},
                         documentation2[] = {0x3f, 0xff}, six_to_four[] = {0x20, 0x02};
    if (begins(a, mapped, 12) || begins(a, translated, 12))
        return is_public_v4(v4_at(a + 12));
    if ((a[0] & 0xe0) != 0x20) /* unicast that is given out is 2000::/3 */
        return false;
    if (begins(a, assignments, 2) && a[2] < 2) /* 2001::/23, with Teredo */
        return false;
    return !begins(a, documentation, 4) && !(begins(a, documentation2, 2) && a[2] < 0x10) &&
           !begins(a, six_to_four, 2);
}

bool
oro_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_public_v4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    return is_public_v6(in6.sin6_addr.s6_addr);
}

static bool
is_same(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    struct sockaddr_in a4, b4;
    struct sockaddr_in6 a6, b6;
    if (a->sa_family == AF_INET) {
        memcpy(&a4, a, sizeof(a4));
        memcpy(&b4, b, sizeof(b4));
        return a4.sin_addr.s_addr == b4.sin_addr.s_addr;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(&a6, a, sizeof(a6));
    memcpy(&b6, b, sizeof(b6));
    return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof(a6.sin6_addr)) == 0;
}

/* A v4 address within a v6 one, as itself. */
static const struct sockaddr *
unmapped(const struct sockaddr *a, struct sockaddr_in *v4)
{
    struct sockaddr_in6 v6;
    if (a->sa_family != AF_INET6)
        return a;
    memcpy(&v6, a, sizeof(v6));
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return a;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&v4->sin_addr, v6.sin6_addr.s6_addr + 12, sizeof(v4->sin_addr));
    return (const struct sockaddr *)(const void *)v4;
}

bool
oro_address_is_ours(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct ifaddrs *all;
    address = unmapped(address, &v4);
    if (getifaddrs(&all) != 0)
        return false;
    bool found = false;
    for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next)
        found = i->ifa_addr != NULL && is_same(i->ifa_addr, address);
    freeifaddrs(all);
    return found;
}
