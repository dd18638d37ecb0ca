/* bridge/rows/row_bytes.c - the bytes of rows: columns decoded from them, and rows encoded.
 *
 * A row from the store holds a copy of its BSATN bytes and no objects; a column is decoded when it is first touched and then
 * kept. A row made by its constructor holds objects and no bytes. `dirty` says which objects are newer than the bytes, so an
 * update copies what did not change. Columns of changeable types (lists, records) count as changed once they were touched. */
#include "bridge/rows/row_priv.h"

static int
bad_bytes(struct oro_row *r, unsigned i)
{
    oro_cerr_name(r->rc->codecs, r->rc->cols[i].name);
    return oro_cerr_raise(r->rc->codecs, r->rc->codecs->e_decode, r->rc->table);
}

/* Where column i starts; -1 when the bytes are not a row of this class. */
static int
seek(const struct oro_rowclass *rc, struct oro_bytes row, unsigned i, struct oro_reader *rd)
{
    unsigned k = i < rc->nfixed ? i : rc->nfixed - 1;
    *rd = oro_reader(row);
    if (rc->cols[k].off > row.len)
        return -1;
    rd->at += rc->cols[k].off;
    for (; k < i; k++)
        if (oro_codec_skip(rc->cols[k].codec, rd) < 0)
            return -1;
    return 0;
}

int
oro_rowclass_column(struct oro_rowclass *rc, struct oro_bytes row, unsigned i,
                    struct oro_bytes *out)
{
    struct oro_reader rd;
    if (seek(rc, row, i, &rd) < 0)
        return -1;
    const uint8_t *from = rd.at;
    if (oro_codec_skip(rc->cols[i].codec, &rd) < 0)
        return -1;
    *out = oro_bytes(from, (size_t)(rd.at - from));
    return 0;
}

/* Code of the author that runs while a row's bytes are read may update that very row. So the buffer is pinned: set_bytes then
 * leaves it to whoever pinned it first. Ended in reverse order. */
struct pin {
    uint8_t *data;
    bool was;
};

static struct pin
pin(struct oro_row *r)
{
    struct pin p = {r->data, r->pinned};
    Py_INCREF(r);
    r->pinned = true;
    return p;
}

static void
unpin(struct oro_row *r, struct pin p)
{
    if (r->data == p.data)
        r->pinned = p.was;
    else if (!p.was)
        PyMem_Free(p.data);
    Py_DECREF(r);
}

PyObject *
oro_pyrow_decode(struct oro_row *r, unsigned i)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_reader rd;
    if (!r->has_bytes) {
        PyErr_Format(PyExc_AttributeError, "%s.%U is not set", rc->name, rc->cols[i].name);
        return NULL;
    }
    if (seek(rc, oro_bytes(r->data, r->len), i, &rd) < 0) {
        oro_cerr_set(rc->codecs, "the row's bytes are cut short");
        bad_bytes(r, i);
        return NULL;
    }
    uint64_t began = oro_tally_begin(&rc->codecs->clock);
    PyObject *v;
    if (ORO_LIKELY(!rc->cols[i].codec->wild)) { /* nothing of the author's runs */
        v = oro_codec_decode(rc->codecs, rc->cols[i].codec, &rd, 1);
    } else {
        struct pin held = pin(r);
        v = oro_codec_decode(rc->codecs, rc->cols[i].codec, &rd, 1);
        unpin(r, held);
    }
    if (v == NULL) {
        ORO_BUMP(rc->tally.errors[DIR_COLUMN], 1);
        bad_bytes(r, i);
        return NULL;
    }
    if (ORO_UNLIKELY(began !=
                     0)) /* columns are not counted one by one: each timed one stands for 64 */
        oro_tally_time(&rc->codecs->clock, &rc->tally, DIR_COLUMN, began);
    if (r->cols[i] != NULL) { /* a checker touched it meanwhile */
        Py_DECREF(v);
        if (r->cols[i] == NULL)
            PyErr_Format(PyExc_RuntimeError, "%s.%U was changed while it was read", rc->table,
                         rc->cols[i].name);
        return r->cols[i];
    }
    r->cols[i] = v;
    r->dirty |= rc->changeable & oro_pyrow_bit(i);
    oro_pyrow_track(r, v);
    return v;
}

int
oro_pyrow_make_room(struct oro_row *r, size_t len)
{
    uint32_t cap = len < 48 ? 48 : (uint32_t)len;
    uint8_t *data = PyMem_Malloc(cap);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (r->has_bytes && r->len > 0) /* it may never be written: the call failed */
        memcpy(data, r->data, r->len < cap ? r->len : cap);
    if (!r->pinned)
        PyMem_Free(r->data);
    oro_rowspace_memory(r->rc->space, (Py_ssize_t)cap - (Py_ssize_t)r->cap);
    r->pinned = false;
    r->data = data;
    r->cap = cap;
    return 0;
}

/* ---- encoding ---- */

/* The author's constructor refuses now rather than at every look at the row. */
static int
try_reading(struct oro_codecs *cs, const struct oro_codec *c, struct oro_bytes b)
{
    static const char words[] = "it could not be read back: ";
    struct oro_reader r = oro_reader(b);
    PyObject *v = oro_codec_decode(cs, c, &r, 1);
    if (v == NULL && cs->cerr.set) {
        size_t n = sizeof(cs->cerr.text) - sizeof(words);
        memmove(cs->cerr.text + sizeof(words) - 1, cs->cerr.text, n);
        memcpy(cs->cerr.text, words, sizeof(words) - 1);
        cs->cerr.text[sizeof(cs->cerr.text) - 1] = 0;
    }
    Py_XDECREF(v);
    return v != NULL ? 0 : -1;
}

static int
encode_col(struct oro_row *r, unsigned i, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    PyObject *v = r->cols[i];
    if (v == NULL) {
        oro_cerr_set(rc->codecs, "not set");
        oro_cerr_name(rc->codecs, rc->cols[i].name);
        return -1;
    }
    if (v == Py_None && rc->cols[i].auto_inc)
        v = rc->space->zero;
    size_t from = out->len;
    Py_INCREF(v);
    int st = oro_codec_encode(rc->codecs, rc->cols[i].codec, v, out, depth);
    Py_DECREF(v);
    if (st == 0 && ORO_UNLIKELY(rc->cols[i].codec->fallible) && depth == 1)
        st = try_reading(rc->codecs, rc->cols[i].codec,
                         oro_bytes(out->data + from, out->len - from));
    if (st < 0)
        oro_cerr_name(rc->codecs, rc->cols[i].name);
    return st;
}

/* Only columns of fixed place and size changed: a copy with those overwritten. */
static int
encode_patched(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    size_t base = out->len, len = r->len; /* as it is now: what encodes may update the row */
    oro_bb_put(out, r->data, len);
    for (uint64_t left = r->dirty; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const struct oro_rowcol *c = &r->rc->cols[i];
        size_t at = out->len;
        if (encode_col(r, i, out, depth) < 0)
            return -1;
        ORO_ASSERT(out->len - at == c->codec->fixed_size && c->off + c->codec->fixed_size <= len);
        memcpy(out->data + base + c->off, out->data + at, c->codec->fixed_size);
        out->len = at;
    }
    return 0;
}

static int
encode_mixed(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_reader rd = oro_reader((struct oro_bytes){r->data, r->len});
    struct pin held = pin(r);
    int st = 0;
    for (unsigned i = 0; st == 0 && i < rc->ncols; i++) {
        const uint8_t *from = rd.at;
        if (oro_codec_skip(rc->cols[i].codec, &rd) < 0)
            st = oro_cerr_set(rc->codecs, "the row's bytes are cut short");
        else if ((r->dirty & oro_pyrow_bit(i)) == 0 || r->cols[i] == NULL)
            oro_bb_put(out, from, (size_t)(rd.at - from));
        else
            st = encode_col(r, i, out, depth);
    }
    unpin(r, held);
    return st;
}

int
oro_pyrow_encode(struct oro_row *r, struct oro_bb *out, unsigned depth)
{
    struct oro_rowclass *rc = r->rc;
    oro_pyrow_looked(r, UINT64_MAX); /* it is given to a table, or is part of what is */
    if (!rc->bound)
        return oro_cerr_set(rc->codecs, "%s belongs to no table of this database", rc->name);
    if (r->has_bytes) {
        if (r->dirty == 0) {
            oro_bb_put(out, r->data, r->len);
            return 0;
        }
        return (r->dirty & ~rc->patchable) == 0 ? encode_patched(r, out, depth)
                                                : encode_mixed(r, out, depth);
    }
    for (unsigned i = 0; i < rc->ncols; i++)
        if (encode_col(r, i, out, depth) < 0)
            return -1;
    return 0;
}

int
oro_pyrow_stored(struct oro_row *r, struct oro_bytes b, uint64_t refresh)
{
    struct oro_rowclass *rc = r->rc;
    if (oro_pyrow_set_bytes(r, b) < 0)
        return -1;
    r->dirty = 0;
    if ((refresh | rc->changeable) == 0)
        return 0;
    for (unsigned i = 0; i < rc->ncols; i++) {
        if (r->cols[i] == NULL)
            continue;
        if (i < 63 && (refresh & oro_pyrow_bit(i)) != 0)
            Py_CLEAR(r->cols[i]);
        else if (!rc->cols[i].codec->immutable)
            r->dirty |= oro_pyrow_bit(i);
    }
    return 0;
}
