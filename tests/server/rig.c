#include "tests/server/rig.h"

#include <criterion/criterion.h>

#include "runtime/base/log.h"
#include "runtime/base/thread.h"
#include "runtime/http/http.h"
#include "tests/durable/disk.h"
#include "tests/durable/run.h"

static struct oro_server_options
options_of(const struct rig *rig, const struct rig_options *o)
{
    return (struct oro_server_options){
        .module_path = "module.py",
        .name = "game",
        .data_dir = rig->dir,
        .durability = ORO_DURABLE_FULL,
        .checkpoint_bytes = 1u << 20,
        .checkpoint_interval_s = 600,
        .workers = o->workers > 0 ? o->workers : 4,
        .shards = o->shards > 0 ? o->shards : RIG_SHARDS,
        .timeout_us = 60000000,
        .init_timeout_us = 60000000,
        .loopback = true,
        .incoming_limit = o->incoming > 0 ? o->incoming : 64,
        .view_room = 1000,
        .procedure_queue = 1000,
        .query = {.terms = 1000, .steps = o->steps > 0 ? o->steps : 100000000},
        .client_terms = 10000,
        .all_terms = 1000000,
        .client_queries = 100,
        .readers = 2,
        .auth = fake_auth,
        .front = &oro_http_front,
    };
}

void
rig_start(struct rig *rig, const struct rig_options *opt)
{
    struct oro_err err = {0};
    char *report = NULL;
    oro_thread_set_role(ORO_THREAD_MAIN);
    oro_log_set_level(ORO_LOG_ERROR);
    *rig = (struct rig){0};
    if (opt->on_disk) {
        disk_mount();
        rig->dir = temp_dir_make();
    }
    module_becomes("module");
    struct oro_server_options so = options_of(rig, opt);
    oro_status st = oro_server_start(&so, &rig->server, &report, &err);
    cr_assert_eq(st, ORO_OK, "%s", err.text);
    rig->net = fake_net_start(rig->server, so.shards);
}

void
rig_stop(struct rig *rig)
{
    bool lost;
    oro_server_quiesce(rig->server);
    fake_net_end(rig->net);
    cr_assert(oro_server_stop(rig->server, &lost));
    fake_net_free(rig->net);
    cr_assert(!lost);
    if (rig->dir != NULL)
        temp_dir_remove(rig->dir);
    module_forget();
}

void
rig_call(struct fake_client *c, uint32_t request_id, const char *name)
{
    struct oro_bb frame = {0};
    put_call(&frame, request_id, name);
    fake_send(c, oro_bb_bytes(&frame), 1);
    oro_bb_fini(&frame);
    fake_wait_answered(c);
}

void
rig_wait_nobody(struct rig *rig)
{
    struct fake_client *c = fake_connect(rig->net, 0, 0x3fffffff, "", false);
    uint32_t asked = 0;
    do {
        cr_assert_lt(asked, 100000, "somebody is there who has left");
        rig_call(c, asked++, "check");
    } while (fake_failed(c) == asked);
    fake_leave(c, true);
    fake_wait_closed(c);
    fake_client_free(c);
}
