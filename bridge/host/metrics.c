/* bridge/host/metrics.c - metrics of a module (orochi/metrics.py): `_metric` makes or finds one, `_measure` counts. */
#include "bridge/host/module_priv.h"
#include "runtime/base/metric.h"

#define CAPSULE "_orochi.metric"

/* _metric(kind, name, labels, help): a capsule; None: there are too many. ValueError: the name is of another kind. */
PyObject *
oro_py_metric(PyObject *module, PyObject *args)
{
    static const enum oro_metric_kind kinds[] = {ORO_METRIC_COUNTER, ORO_METRIC_GAUGE,
                                                 ORO_METRIC_HISTOGRAM};
    unsigned kind;
    const char *name, *labels, *help;
    struct oro_metric *m;
    if (!PyArg_ParseTuple(args, "Isss", &kind, &name, &labels, &help))
        return NULL;
    oro_status st = kind < ORO_ARRAY_LEN(kinds)
                        ? oro_metric_try(kinds[kind], name, labels, help, &m)
                        : ORO_EINVAL;
    if (st == ORO_EFULL)
        Py_RETURN_NONE;
    if (st != ORO_OK)
        return PyErr_Format(PyExc_ValueError, "there is a metric %s of another kind already", name);
    PyObject *capsule = PyCapsule_New(m, CAPSULE, NULL);
    if (capsule != NULL && PyCapsule_SetContext(capsule, (void *)(uintptr_t)kinds[kind]) < 0)
        Py_CLEAR(capsule);
    return capsule;
}

/* _measure(metric, what, n): with the call that runs, if one does, else at once. */
PyObject *
oro_py_measure(PyObject *module, PyObject *args)
{
    struct oro_py *py = oro_py_of_module(module);
    PyObject *capsule;
    unsigned what;
    long long n;
    if (!PyArg_ParseTuple(args, "OIL", &capsule, &what, &n))
        return NULL;
    struct oro_metric *m = PyCapsule_GetPointer(capsule, CAPSULE);
    if (m == NULL)
        return NULL;
    unsigned kind = (unsigned)(uintptr_t)PyCapsule_GetContext(capsule);
    if (what > ORO_MEASURE_OBSERVE_US ||
        (what == ORO_MEASURE_OBSERVE_US) != (kind == ORO_METRIC_HISTOGRAM) ||
        (what == ORO_MEASURE_SET && kind != ORO_METRIC_GAUGE))
        return PyErr_Format(PyExc_ValueError, "the metric is of another kind");
    if (oro_db_running == &py->db && py->db.call != NULL)
        py->db.ops->measure(py->db.call->host, m, (enum oro_measure)what, n);
    else if (what == ORO_MEASURE_ADD)
        oro_metric_add(m, n);
    else if (what == ORO_MEASURE_SET)
        oro_metric_set(m, n);
    else
        oro_metric_observe_us(m, n);
    Py_RETURN_NONE;
}

/* _metrics(): all there are in the process (oro_metrics_counts). */
PyObject *
oro_py_metrics(PyObject *module, PyObject *none)
{
    struct oro_bb text = {0};
    oro_metrics_counts(&text);
    PyObject *out = PyUnicode_DecodeUTF8((const char *)text.data, (Py_ssize_t)text.len, "replace");
    oro_bb_fini(&text);
    return out;
}
