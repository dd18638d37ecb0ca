/* bridge/rows/notice.c - warnings about code of the author that raises nothing and still does not do what it says. Each is told once
 * for each place in the process, with file and line, straight to the log: lines that belong to a call are dropped when its
 * attempt is, and the place would not be told of again. */
#include <pthread.h>
#include <stdarg.h>

#include "bridge/rows/notice.h"
#include "runtime/base/log.h"

#define PLACES 4096 /* a module has fewer mistakes, or nobody reads on */

static struct {
    pthread_mutex_t lock;
    uint64_t seen[PLACES]; /* open addressing; 0: free */
    unsigned n;
} places = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* True once for each. */
static bool
first_time(uint64_t hash)
{
    hash |= 1;
    pthread_mutex_lock(&places.lock);
    size_t i = hash >> 32 & (PLACES - 1);
    while (places.seen[i] != 0 && places.seen[i] != hash)
        i = (i + 1) & (PLACES - 1);
    bool first = places.seen[i] == 0 && places.n < PLACES / 2;
    if (first) {
        places.seen[i] = hash;
        places.n++;
    }
    pthread_mutex_unlock(&places.lock);
    return first;
}

void
oro_py_notices_forget(void)
{
    pthread_mutex_lock(&places.lock);
    memset(places.seen, 0, sizeof(places.seen));
    places.n = 0;
    pthread_mutex_unlock(&places.lock);
}

void
oro_place_here(struct oro_place *out)
{
#if PY_VERSION_HEX < 0x030f0000
    /* Two loads: a frame object would have to be made for each. */
    struct _PyInterpreterFrame *f = PyThreadState_GetUnchecked()->current_frame;
    out->code = f != NULL ? PyUnstable_InterpreterFrame_GetCode(f) : NULL;
    out->at = f != NULL ? PyUnstable_InterpreterFrame_GetLasti(f) : -1;
#else
    PyFrameObject *frame = PyEval_GetFrame();
    out->code = frame != NULL ? (PyObject *)PyFrame_GetCode(frame) : NULL;
    out->at = frame != NULL ? PyFrame_GetLasti(frame) : -1;
#endif
}

void
oro_place_drop(struct oro_place *p)
{
    Py_CLEAR(p->code);
}

bool
oro_place_first(const struct oro_place *p, const char *kind)
{
    const char *file = "?";
    int line = 0;
    if (p->code != NULL && PyCode_Check(p->code)) {
        file = PyUnicode_AsUTF8(((PyCodeObject *)p->code)->co_filename);
        line = PyCode_Addr2Line((PyCodeObject *)p->code, p->at);
        if (file == NULL) {
            PyErr_Clear();
            file = "?";
        }
    }
    uint64_t h = oro_bytes_hash(oro_bytes_str(file)) * 31 + oro_bytes_hash(oro_bytes_str(kind));
    return first_time((h ^ (uint64_t)line * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull);
}

void
oro_place_warn(const char *by, const struct oro_place *p, const char *fmt, ...)
{
    char text[1000];
    const char *file = NULL;
    int line = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (p->code != NULL && PyCode_Check(p->code)) {
        file = PyUnicode_AsUTF8(((PyCodeObject *)p->code)->co_filename);
        line = PyCode_Addr2Line((PyCodeObject *)p->code, p->at);
    }
    if (file == NULL)
        PyErr_Clear();
    oro_log(ORO_LOG_WARN, "module", "%s: %s:%d: %s", by, file != NULL ? file : "?", line, text);
}
