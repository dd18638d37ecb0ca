/* Starting: where it listens, what it says when it cannot; TLS. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "tests/net/client.h"
#include "tests/net/server.h"

TestSuite(net, .timeout = 60);

static struct test_server t;

static void
expect_refusal(struct oro_net_options opt, oro_status want, const char *text)
{
    struct oro_net *net = NULL;
    struct oro_err err = {0};
    cr_assert_eq(oro_net_open(&opt, &t.sink, &net, &err), want, "%s", err.text);
    cr_assert_null(net);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

Test(net, a_port_in_use_is_named)
{
    char text[64];
    test_server_defaults(&t);
    test_server_start(&t);
    struct oro_net_options opt = t.opt;
    opt.port = t.port;
    snprintf(text, sizeof(text), "port %d of 127.0.0.1 is in use", t.port);
    expect_refusal(opt, ORO_EIO, text);
    test_server_stop(&t);
}

Test(net, a_port_can_be_taken_again_at_once)
{
    test_server_defaults(&t);
    test_server_start(&t);
    int port = t.port;
    struct client *c = client_ws(port, "v2.bsatn.spacetimedb");
    test_server_stop(
        &t); /* the server closes first, so its side of the connection lingers in TIME_WAIT */
    client_close(c);
    test_server_defaults(&t);
    t.opt.port = port;
    test_server_start(&t);
    test_server_stop(&t);
}

Test(net, bad_options_are_refused)
{
    test_server_defaults(&t);
    struct oro_net_options opt = t.opt;
    opt.host = "not an address";
    expect_refusal(opt, ORO_EINVAL, "cannot listen on \"not an address\"");
    opt = t.opt;
    opt.host = "192.0.2.1"; /* nobody has it: for documentation only */
    expect_refusal(opt, ORO_EIO, "cannot listen on port 0 of 192.0.2.1");
    opt = t.opt;
    opt.port = 70000;
    expect_refusal(opt, ORO_EINVAL, "port 70000");
    opt = t.opt;
    opt.threads = 0;
    expect_refusal(opt, ORO_EINVAL, "net threads");
    opt = t.opt;
    opt.tls_cert = opt.tls_key = "/nowhere/at/all.pem";
    expect_refusal(opt, ORO_EINVAL, "TLS cannot use /nowhere/at/all.pem: No such file");
}

Test(net, ipv6)
{
    test_server_defaults(&t);
    t.opt.host = "::1";
    struct oro_err err = {0};
    oro_status st = oro_net_open(&t.opt, &t.sink, &t.net, &err);
    if (st != ORO_OK)
        cr_skip_test("no IPv6 here: %s", err.text);
    cr_assert(oro_net_port(t.net) > 0);
    oro_net_stop(t.net);
}

/* ---- sleeping and waking: whoever makes work wakes a shard only if it said that it sleeps ---- */

static atomic_long made, used;
static atomic_bool asleep;
static atomic_int sleeps, wakes;

static void
use_drain(void *self, unsigned shard)
{
    (void)self, (void)shard;
    cr_assert_not(atomic_load(&asleep), "drain before awake");
    atomic_store(&used, atomic_load(&made));
}

static bool
use_prepare_sleep(void *self, unsigned shard)
{
    (void)self, (void)shard;
    atomic_store(&asleep, true);
    if (atomic_load(&made) != atomic_load(&used)) {
        atomic_store(&asleep, false);
        return true;
    }
    atomic_fetch_add(&sleeps, 1);
    return false;
}

static void
use_awake(void *self, unsigned shard)
{
    (void)self, (void)shard;
    atomic_store(&asleep, false);
    atomic_fetch_add(&wakes, 1);
}

Test(net, no_wake_is_lost)
{
    test_server_defaults(&t);
    t.sink.drain = use_drain;
    t.sink.prepare_sleep = use_prepare_sleep;
    t.sink.awake = use_awake;
    t.sink.tick = NULL;
    test_server_start(&t);
    struct client *c = client_ws(t.port, "v2.bsatn.spacetimedb");
    for (int i = 0; i < 20000; i++) {
        atomic_fetch_add(&made, 1);
        if (atomic_load(&asleep))
            oro_net_wake(t.net, 0);
        if (i % 100 == 0) { /* let it fall asleep, and mix sockets in */
            int64_t from = oro_mono_us();
            while (atomic_load(&used) != atomic_load(&made))
                cr_assert(oro_mono_us() - from < 500000, "a wake was lost"); /* the tick is 1 s */
            ws_client_send(c, ORO_WS_BINARY, true, "x", 1);
            struct frame f = ws_client_data(c);
            frame_free(&f);
        }
    }
    client_close(c);
    test_server_stop(&t);
    cr_assert(atomic_load(&sleeps) > 0);
    cr_assert(atomic_load(&sleeps) - atomic_load(&wakes) <= 1);
}

static void
write_certificate(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    cr_assert(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_path, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(key_path, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

Test(net, tls)
{
    char dir[] = "/tmp/orochi-test-XXXXXX", cert[64], key[64];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
    snprintf(key, sizeof(key), "%s/key.pem", dir);
    write_certificate(cert, key);
    test_server_defaults(&t);
    t.opt.threads = 2;
    t.opt.tls_cert = cert;
    t.opt.tls_key = key;
    test_server_start(&t);
    struct client *c = client_open_tls(t.port);
    struct reply r;
    cr_assert(client_request(c, "GET", "/hello", "", NULL, &r));
    cr_assert_str_eq(r.body, "hello");
    reply_free(&r);
    cr_assert(client_request(c, "GET", "/big/5000000", "", NULL, &r));
    cr_assert_eq(r.body_len, 5000000);
    reply_free(&r);
    cr_assert(client_upgrade(c, "/ws", "v3.bsatn.spacetimedb", "", &r));
    reply_free(&r);
    ws_client_send(c, ORO_WS_TEXT, true, "burst 30 100000", 15);
    size_t got = 0;
    while (got < 3000000) {
        struct frame f = ws_client_data(c);
        cr_assert_eq(f.opcode, ORO_WS_BINARY);
        got += f.len - 1;
        frame_free(&f);
    }
    ws_client_send(c, ORO_WS_CLOSE, true, "\x03\xe8", 2);
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_CLOSE);
    frame_free(&f);
    cr_assert(client_sees_end(c, 2000));
    client_close(c);
    /* somebody who speaks plain HTTP to a TLS port is shown out */
    c = client_open(t.port);
    client_send_text(c, "GET /hello HTTP/1.1\r\nhost: t\r\n\r\n");
    cr_assert(client_sees_end(c, 5000));
    client_close(c);
    test_server_stop(&t);
    unlink(cert);
    unlink(key);
    rmdir(dir);
}

/* Fills what the systems keep for a connection with fragments of no bytes, and pings between them. */
static void
flood(struct client *c)
{
    static uint8_t frames[60000];
    size_t n = 0;
    int size = 4 << 20;
    setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    ws_client_send(c, ORO_WS_BINARY, false, "begun", 5);
    for (unsigned i = 0; n + 64 < sizeof(frames); i++)
        n += ws_client_frame(frames + n, i % 8 == 7 ? ORO_WS_PING : ORO_WS_CONT, i % 8 == 7, "", 0);
    for (int i = 0; i < 200; i++)
        if (send(c->fd, frames, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
            return;
}

/* However many send small frames without end, and whatever waits of them: a turn of the loop ends, and others have theirs. */
Test(net, floods_of_small_frames_have_a_part_of_a_turn)
{
    enum { FLOODS = 60 };
    struct client *c[FLOODS], *innocent, *gate;
    struct reply r;
    test_server_defaults(&t);
    test_server_start(&t);
    innocent = client_ws(t.port, "v2.bsatn.spacetimedb");
    for (int i = 0; i < FLOODS; i++)
        c[i] = client_ws(t.port, "v2.bsatn.spacetimedb");
    gate = client_open(t.port);
    client_send_text(gate, "GET /gate HTTP/1.1\r\nhost: test\r\n\r\n");
    test_server_wait(&t, &t.at_gate, 1);
    for (int i = 0; i < FLOODS; i++)
        flood(c[i]);
    pthread_mutex_lock(&t.lock);
    t.gate_open = true;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    for (int i = 0; i < 20; i++) {
        ws_client_send(innocent, ORO_WS_BINARY, true, "x", 1);
        struct frame f = ws_client_data(innocent);
        cr_assert_eq(f.len, 2);
        frame_free(&f);
    }
    cr_assert(client_reply(gate, &r, false));
    reply_free(&r);
    for (int i = 0; i < FLOODS; i++)
        client_close(c[i]);
    client_close(innocent);
    client_close(gate);
    cr_assert_lt(atomic_load(&t.most_in), 2000000, "64 KiB of each of %d would be 3.9 MB", FLOODS);
    test_server_stop(&t);
}
