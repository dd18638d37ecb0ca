/* bridge/host/migrate.c - rows of an earlier version of a table through the module's @migration hook: orochi/_migrate.py does it,
 * and gets the bytes of each old column, since it knows which of them the module still has a class for. */
#include "bridge/bsatn/value.h"
#include "bridge/host/interp_priv.h"
#include "runtime/base/clock.h"

/* The column of today that the values of an old one are of, byte for byte; NULL: none. */
static const char *
same_column(const struct oro_py_map *m, uint32_t col)
{
    for (uint32_t i = 0; i < m->now->row->nelems; i++)
        if (oro_table_source(m->old, m->now, i) == (int)col &&
            oro_type_fits(m->old->row->elems[col].type, m->now->row->elems[i].type))
            return m->now->row->elems[i].name;
    return NULL;
}

static PyObject *
text_of(struct oro_bb *bb)
{
    PyObject *s = PyUnicode_DecodeUTF8((const char *)bb->data, (Py_ssize_t)bb->len, NULL);
    oro_bb_fini(bb);
    return s;
}

/* [[name, column of today or null, type], ...] */
static PyObject *
columns_text(const struct oro_py_map *m)
{
    struct oro_bb out = {0};
    for (uint32_t i = 0; i < m->old->row->nelems; i++) {
        const char *now = same_column(m, i);
        oro_bb_printf(&out, "%s", i == 0 ? "[[" : ",[");
        oro_json_string(oro_bytes_str(m->old->row->elems[i].name), &out);
        oro_bb_printf(&out, ",");
        if (now != NULL)
            oro_json_string(oro_bytes_str(now), &out);
        else
            oro_bb_printf(&out, "null");
        oro_bb_printf(&out, ",");
        oro_type_to_json(m->old->row->elems[i].type, &out);
        oro_bb_printf(&out, "]");
    }
    oro_bb_printf(&out, "]");
    return text_of(&out);
}

static PyObject *
types_text(const struct oro_py_map *m)
{
    struct oro_bb out = {0};
    oro_bb_printf(&out, "[");
    for (uint32_t i = 0; i < m->types->ntypes; i++) {
        oro_bb_printf(&out, "%s", i > 0 ? "," : "");
        oro_type_to_json(m->types->types[i], &out);
    }
    oro_bb_printf(&out, "]");
    return text_of(&out);
}

static PyObject *
row_values(const struct oro_type *row, const uint8_t *p)
{
    PyObject *values = PyTuple_New(row->nelems);
    for (uint32_t i = 0; values != NULL && i < row->nelems; i++) {
        size_t len = oro_value_len_trusted(row->elems[i].type, p);
        PyObject *bytes = PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)len);
        if (bytes == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, i, bytes);
        p += len;
    }
    return values;
}

static PyObject *
rows_list(const struct oro_py_map *m)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < m->n; i++) {
        PyObject *values = row_values(m->old->row, m->rows[i].data);
        if (values == NULL || PyList_Append(list, values) < 0)
            Py_CLEAR(list);
        Py_XDECREF(values);
    }
    return list;
}

/* -1: it is not what map_rows gives. */
static int
take(const struct oro_py_map *m, PyObject *made)
{
    if (!PyList_Check(made) || (size_t)PyList_GET_SIZE(made) != m->n)
        goto wrong;
    for (size_t i = 0; i < m->n; i++) {
        PyObject *row = PyList_GET_ITEM(made, (Py_ssize_t)i);
        m->ends[i] = ORO_PY_ROW_DROPPED;
        if (row == Py_None)
            continue;
        if (!PyBytes_Check(row))
            goto wrong;
        oro_bb_put(m->out, PyBytes_AS_STRING(row), (size_t)PyBytes_GET_SIZE(row));
        m->ends[i] = m->out->len;
    }
    return 0;

wrong:
    PyErr_SetString(PyExc_TypeError, "map_rows() gives a list of bytes and None");
    return -1;
}

static PyObject *
map(struct oro_py *py, const struct oro_py_map *m)
{
    PyObject *module = PyImport_ImportModule("orochi._migrate"), *made = NULL;
    PyObject *types = types_text(m), *columns = columns_text(m), *rows = rows_list(m);
    if (module != NULL && types != NULL && columns != NULL && rows != NULL)
        made = PyObject_CallMethod(module, "map_rows", "OsOOOO", py->module_spec, m->now->name,
                                   types, columns, rows, m->first ? Py_True : Py_False);
    Py_XDECREF(module);
    Py_XDECREF(types);
    Py_XDECREF(columns);
    Py_XDECREF(rows);
    return made;
}

static oro_status
failed(struct oro_py *py, oro_status st, struct oro_err *err)
{
    PyObject *error = PyErr_GetRaisedException(), *s = PyObject_Str(error);
    const char *text = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
    if (PyErr_GivenExceptionMatches(error, py->e_timeout))
        st = ORO_ETIMEOUT;
    oro_err_set(err, st, "%s", text != NULL ? text : "the @migration hook has failed");
    PyErr_Clear();
    Py_XDECREF(s);
    Py_DECREF(error);
    return st;
}

oro_status
oro_py_map_in(struct oro_py *py, const struct oro_py_map *m, struct oro_err *err)
{
    ORO_ASSERT(py->module_spec != NULL && m->now->migration != NULL);
    oro_py_map_begin(py);
    PyObject *made = map(py, m);
    oro_status st = ORO_OK;
    if (made == NULL || take(m, made) < 0) {
        py->grace_us = oro_py_words_us() + ORO_PY_WORDS_US;
        st = failed(py, ORO_EINVAL, err);
    }
    Py_XDECREF(made);
    oro_py_map_end(py);
    return st;
}
