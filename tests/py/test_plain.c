/* Dataclasses without slots, whose instances are written and read in place: they have to be what Python's own constructor makes,
 * whatever is done to them or to their class later. */
#include "tests/py/fixture.h"

TestSuite(plain, .init = fixture_start, .fini = oro_py_stop, .timeout = 120);

Test(plain, instances)
{
    static const char *const reducers[] = {"like_constructed", "changed_instances",
                                           "changed_classes",  "odd_classes",
                                           "long_lists",       "nothing_is_lost"};
    struct fixture f;
    fixture_open(&f, "plain.py");
    for (size_t i = 0; i < ORO_ARRAY_LEN(reducers); i++)
        fixture_run(&f, reducers[i]);
    fixture_close(&f);
}
