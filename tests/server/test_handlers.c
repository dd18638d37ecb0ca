/* Requests that the module answers itself: the stub's router echoes what it is given. Who goes, and who cannot be served, leaves nothing
 * behind. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "runtime/http/http.h"
#include "tests/server/rig.h"

#define MANY 300

static struct rig rig;

TestSuite(handlers, .timeout = 200);

static struct fake_request *
ask(unsigned n, const char *method, const char *below, const char *body)
{
    char path[200];
    snprintf(path, sizeof(path), "/v1/database/game/route%s", below);
    return fake_ask(rig.net, n % RIG_SHARDS, method, path, "a=1", NULL, body);
}

Test(handlers, are_asked_by_any_method_with_what_the_request_has)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "PURGE"};
    rig_start(&rig, &(struct rig_options){0});
    for (unsigned i = 0; i < 4; i++) {
        struct fake_request *r = ask(i, methods[i], "/deep/path", "hello");
        cr_assert_eq(fake_wait_answer(r), 200, "%s", fake_body(r));
        /* Each part has its length before it: behind this one that of the host. */
        cr_assert_eq(strncmp(fake_body(r) + 4, methods[i], strlen(methods[i])), 0);
        cr_assert_eq(fake_body(r)[0], (char)strlen(methods[i]));
        cr_assert_not_null(strstr(fake_headers(r), "access-control-allow-origin: *"));
        fake_request_free(r);
    }
    struct fake_request *options = ask(0, "OPTIONS", "/deep", NULL);
    cr_assert_eq(fake_wait_answer(options), 200);
    cr_assert_not_null(strstr(fake_headers(options), "access-control-allow-methods"));
    fake_request_free(options);
    struct fake_request *other = fake_ask(rig.net, 0, "GET", "/v1/database/none/route/x", "", NULL, NULL);
    cr_assert_eq(fake_wait_answer(other), 404);
    fake_request_free(other);
    rig_stop(&rig);
}

/* Answers may have 32 MiB: without memory for one it is left out, and the server goes on. */
Test(handlers, whose_answer_does_not_fit_into_memory_say_so)
{
    static const uint8_t answer[] = {200, 0, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
    struct oro_origin origin = {.text = oro_buf_copy(oro_bytes(answer, sizeof(answer)))};
    for (int i = 0; i < 4; i++) {
        struct oro_http_response res = {0};
        oro_fault_arm(i % 2 == 0 ? 1 : 100);
        if (i < 2)
            oro_http_front.handled(&res, &origin);
        else
            oro_http_front.returned(&res, &origin, false);
        cr_assert_eq(oro_fault_disarm(), i % 2 == 0);
        cr_assert_eq(res.status, i % 2 == 0 ? 503 : 200);
        cr_assert_eq(memmem(res.body.data, res.body.len, "no memory", 9) != NULL, i % 2 == 0);
        oro_bb_fini(&res.body);
    }
    oro_buf_unref(origin.text);
}

Test(handlers, whose_requesters_go_are_not_begun_and_the_others_are_answered)
{
    struct fake_request *all[MANY];
    struct fake_client *holders[4];
    rig_start(&rig, &(struct rig_options){.on_disk = true});
    atomic_store(&module_gate, false);
    for (unsigned i = 0; i < 4; i++) {
        struct oro_bb call = {0};
        holders[i] = fake_connect(rig.net, i % RIG_SHARDS, 10 + i, "", false);
        fake_wait_open(holders[i]);
        put_call(&call, 0, "hold");
        fake_send(holders[i], oro_bb_bytes(&call), 1);
        oro_bb_fini(&call);
    }
    while (atomic_load(&module_holding) < 4)
        sched_yield();
    for (unsigned i = 0; i < MANY; i++)
        all[i] = ask(i, "GET", "/x", NULL);
    fake_net_settle(rig.net);
    for (unsigned i = 0; i < MANY; i += 3)
        fake_request_leave(all[i]);
    fake_net_settle(rig.net);
    atomic_store(&module_gate, true);
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 3 != 0)
            cr_assert_eq(fake_wait_answer(all[i]), 200, "%s", fake_body(all[i]));
        else
            cr_assert_not(fake_is_answered(all[i]));
    }
    for (unsigned i = 0; i < 4; i++) {
        fake_wait_answered(holders[i]);
        fake_leave(holders[i], true);
    }
    rig_wait_nobody(&rig);
    rig_stop(&rig);
    for (unsigned i = 0; i < MANY; i++)
        fake_request_free(all[i]);
    for (unsigned i = 0; i < 4; i++)
        fake_client_free(holders[i]);
}
