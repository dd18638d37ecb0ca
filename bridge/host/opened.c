/* bridge/host/opened.c - a transaction that is no call: Python code of this interpreter begins it, has its context, and ends it. What
 * tests of modules run procedures and handlers with (runtime/testing). */
#include "bridge/db/lost.h"
#include "bridge/host/call_priv.h"
#include "bridge/host/memory_priv.h"
#include "bridge/host/procedure_priv.h"
#include "bridge/host/report_priv.h"

PyObject *
oro_py_open_tx(struct oro_py *py, struct oro_py_call *call)
{
    if (py->db.ctx == NULL && oro_pycall_handles(py) < 0)
        return NULL;
    uint64_t gen = atomic_load_explicit(&py->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&py->generation, gen, memory_order_release);
    oro_py_config_look(py);
    oro_lost_end(&py->db, false); /* what was changed outside of it is no loss of its own */
    oro_py_call_begin(py, call);
    return Py_NewRef(py->db.ctx);
}

void
oro_py_close_tx(struct oro_py *py, bool commits)
{
    oro_lost_end(&py->db, commits);
    oro_pycall_close(py);
    oro_py_memory_relax(py);
}
