/* orochi.bridge: caches, batches, statistics and configuration. The cases assert for themselves, in a reducer-less worker. */
#include "tests/py/fixture.h"

TestSuite(converter, .init = fixture_start, .fini = oro_py_stop);

Test(converter, single_values)
{
    struct fixture f;
    fixture_open_after(&f, "converter/head.py", "converter/single_values.py");
    fixture_run(&f, "test");
    fixture_close(&f);
}

Test(converter, caches_obey_their_bounds)
{
    struct fixture f;
    fixture_open_after(&f, "converter/head.py", "converter/caches_obey_their_bounds.py");
    fixture_run(&f, "test");
    fixture_close(&f);
}

Test(converter, batches)
{
    struct fixture f;
    fixture_open_after(&f, "converter/head.py", "converter/batches.py");
    fixture_run(&f, "test");
    fixture_close(&f);
}

/* A reducer's list of many goes the same way as a batch of the converter. */
Test(converter, lists_of_reducers_are_batches)
{
    struct fixture f;
    struct oro_bb args = {0};
    struct oro_py_config settings = ORO_PY_CONFIG_DEFAULT;
    fixture_open_after(&f, "converter/head.py", "converter/lists_of_reducers_are_batches.py");
    oro_bb_u32(&args, 1000);
    for (uint16_t i = 0; i < 1000; i++) {
        oro_bb_lenbytes(&args, oro_bytes("x", 1));
        oro_bb_u16(&args, i);
    }
    for (int batches = 1; batches >= 0; batches--) {
        settings.enable_batch_optimization = batches == 1;
        oro_py_configure(&settings);
        oro_status st = fixture_call_bytes(&f, "take", oro_bb_bytes(&args));
        cr_assert_eq(st, ORO_OK, "%s", fixture_text(&f));
    }
    fixture_run(&f, "test");
    args.data[4 + 7 * 600] = 2; /* the 600th text takes a byte of its number */
    cr_assert_eq(fixture_call_bytes(&f, "take", oro_bb_bytes(&args)), ORO_EINVAL);
    cr_assert_not_null(strstr(fixture_text(&f), "take.items[601].name: malformed at byte 4212"),
                       "%s", fixture_text(&f));
    oro_bb_fini(&args);
    fixture_close(&f);
    oro_py_configure(&(struct oro_py_config)ORO_PY_CONFIG_DEFAULT);
}

Test(converter, json_both_ways)
{
    struct fixture f;
    fixture_open(&f, "converter/json_both_ways.py");
    fixture_run(&f, "test");
    fixture_close(&f);
}

/* A converter without settings of its own has the server's, also those that come later. */
Test(converter, settings_follow_the_server)
{
    struct fixture f;
    struct oro_py_config settings = ORO_PY_CONFIG_DEFAULT;
    fixture_open_after(&f, "converter/head.py", "converter/settings_follow_the_server.py");
    fixture_run(&f, "test");
    settings.max_cache_size = 2;
    settings.enable_memory_monitoring = false;
    oro_py_configure(&settings);
    fixture_run(&f, "test");
    fixture_close(&f);
    oro_py_configure(&(struct oro_py_config)ORO_PY_CONFIG_DEFAULT);
}
