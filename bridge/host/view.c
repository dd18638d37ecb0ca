/* bridge/host/view.c - what a view returned, as the bytes of its rows: an optional row, a list of them, or a Query, which is
 * asked for its rows while the call runs. */
#include "bridge/host/view_priv.h"

#include "bridge/codec/error.h"

static int
put_row(struct oro_py *py, const struct oro_pyreducer *r, PyObject *row)
{
    struct oro_bb *out = py->db.call->rows;
    size_t at = out->len;
    oro_bb_u32(out, 0);
    if (oro_codec_encode(&py->codecs, r->row, row, out, 1) < 0)
        return -1;
    uint32_t len = (uint32_t)(out->len - at - 4);
    memcpy(out->data + at, &len, sizeof(len));
    return 0;
}

static bool
is_no_list(PyObject *rows)
{
    return rows == Py_None || PyUnicode_Check(rows) || PyBytes_Check(rows) || PyDict_Check(rows) ||
           (Py_TYPE(rows)->tp_iter == NULL && !PySequence_Check(rows));
}

static int
put_list(struct oro_py *py, const struct oro_pyreducer *r, PyObject *rows)
{
    if (is_no_list(rows)) {
        oro_cerr_set(&py->codecs, "got %s, and the view says that it returns a list of rows",
                     oro_pytype_name(rows));
        return -1;
    }
    /* Our own: a row's encoding runs code of the author's, who may change his list meanwhile. */
    PyObject *all = PySequence_Tuple(rows);
    int rc = all != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(all); i++) {
        rc = put_row(py, r, PyTuple_GET_ITEM(all, i));
        if (rc < 0 && py->codecs.cerr.set)
            oro_cerr_index(&py->codecs, i);
        if (rc == 0 && i % 256 == 255)
            rc = oro_py_look(py);
    }
    Py_XDECREF(all);
    return rc;
}

static int
put_query(struct oro_py *py, const struct oro_pyreducer *r, PyObject *query)
{
    if (!PyObject_HasAttrString(query, "_plan")) {
        oro_cerr_set(&py->codecs, "got %s, and the view says that it returns a Query: query(...)",
                     oro_pytype_name(query));
        return -1;
    }
    int planned = oro_pyview_plan(py, r, query);
    if (planned != 0) {
        py->db.call->is_plan = planned > 0;
        return planned > 0 ? 0 : -1;
    }
    PyObject *rows = PyObject_CallMethod(query, "rows_of", "O", py->db.ctx);
    int rc = rows != NULL ? put_list(py, r, rows) : -1;
    Py_XDECREF(rows);
    return rc;
}

/* In no line of the view's. */
static void
raise_wrong_result(struct oro_py *py, const struct oro_pyreducer *r)
{
    struct oro_bb root = {0};
    oro_pyplace_put(r->fn, &root);
    oro_bb_printf(&root, "what the view returned");
    oro_bb_u8(&root, 0);
    oro_cerr_raise(&py->codecs, PyExc_TypeError, (const char *)root.data);
    oro_bb_fini(&root);
}

int
oro_pyview_rows(struct oro_py *py, const struct oro_pyreducer *r, PyObject *returned)
{
    int rc;
    if (r->returns == ORO_PYVIEW_OPTION)
        rc = returned != Py_None ? put_row(py, r, returned) : 0;
    else if (r->returns == ORO_PYVIEW_LIST)
        rc = put_list(py, r, returned);
    else
        rc = put_query(py, r, returned);
    if (rc < 0 && py->codecs.cerr.set)
        raise_wrong_result(py, r);
    return rc;
}

int
oro_pyview_bind(struct oro_py *py, struct oro_pyreducer *r, PyObject *spec)
{
    static const char *const kinds[] = {
        [ORO_PYVIEW_OPTION] = "option", [ORO_PYVIEW_LIST] = "list", [ORO_PYVIEW_QUERY] = "query"};
    PyObject *returns = PyDict_GetItemString(spec, "returns");
    const char *kind = returns != NULL && PyTuple_Check(returns) && PyTuple_GET_SIZE(returns) == 3
                           ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(returns, 0))
                           : NULL;
    for (int i = ORO_PYVIEW_OPTION; kind != NULL && i <= ORO_PYVIEW_QUERY; i++)
        if (strcmp(kind, kinds[i]) == 0)
            r->returns = (enum oro_pyview)i;
    if (r->returns == ORO_PYVIEW_NONE) {
        PyErr_Format(PyExc_TypeError, "view %s does not say what it returns", r->name);
        return -1;
    }
    r->row = oro_codec_compile(&py->codecs, PyTuple_GET_ITEM(returns, 1));
    if (r->row == NULL)
        return -1;
    r->columns = PyTuple_GET_ITEM(returns, 2);
    if (PyList_Append(py->codecs.program.keep, r->columns) < 0)
        return -1;
    py->codecs.npinned++;
    return 0;
}
