/* Which addresses a procedure may not ask: every kind that is not of the public internet, in every form that reaches one. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "runtime/fetch/fetch.h"

static bool
is_public(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return oro_address_is_public((const struct sockaddr *)(const void *)&in);
    cr_assert_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1, "%s", text);
    return oro_address_is_public((const struct sockaddr *)(const void *)&in6);
}

Test(address, of_the_public_internet)
{
    static const char *const all[] = {
        "1.1.1.1",         "9.255.255.255", "11.0.0.0",       "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",     "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",      "192.167.255.255", "192.169.0.0",   "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2001:4860::8888", "2a00::1",      "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_assert(is_public(all[i]), "%s", all[i]);
}

Test(address, of_this_machine_of_private_networks_and_of_no_use)
{
    static const char *const all[] = {
        "0.0.0.0",         "0.1.2.3",        "10.0.0.1",       "10.255.255.255",  "100.64.0.1",
        "100.127.255.255", "127.0.0.1",      "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255",  "192.0.0.192",    "192.0.2.1",      "192.88.99.1",     "192.168.0.1",
        "198.18.0.1",      "198.19.255.255", "198.51.100.1",   "203.0.113.1",     "224.0.0.1",
        "240.0.0.1",       "255.255.255.255", "168.63.129.16", "::",              "::1",
        "::127.0.0.1",     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1",         "2001::1",         "2001:1ff::1",
        "2001:db8::1",     "2002:7f00:1::1", "3fff::1",        "fc00::1",         "fd00:ec2::254",
        "fe80::1",         "febf::1",        "fec0::1",        "ff02::1",         "5f00::1",
        "4000::1"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_assert(!is_public(all[i]), "%s", all[i]);
}

Test(address, of_an_interface_of_this_machine)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    cr_assert(oro_address_is_ours((struct sockaddr *)(void *)&v4));
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
    cr_assert(oro_address_is_ours((struct sockaddr *)(void *)&v6));
    inet_pton(AF_INET, "8.8.8.8", &v4.sin_addr);
    cr_assert(!oro_address_is_ours((struct sockaddr *)(void *)&v4));
    inet_pton(AF_INET6, "2001:4860::8888", &v6.sin6_addr);
    cr_assert(!oro_address_is_ours((struct sockaddr *)(void *)&v6));
}

Test(address, of_another_family)
{
    struct sockaddr other = {.sa_family = AF_UNIX};
    cr_assert(!oro_address_is_public(&other));
}
