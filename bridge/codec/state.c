/* bridge/codec/state.c - the life of a struct oro_codecs, and what it takes from the package. */
#include "bridge/codec/state.h"

#include "bridge/codec/codecobj.h"
#include "bridge/codec/id.h"
#include "bridge/codec/dynamic.h"

void
oro_codecs_init(struct oro_codecs *cs)
{
    oro_program_init(&cs->program);
    oro_cerr_clear(cs);
}

static int
make_constants(struct oro_codecs *cs)
{
    cs->program.keep = PyList_New(0);
    cs->s_int = PyUnicode_InternFromString("int");
    cs->s_value = PyUnicode_InternFromString("value");
    cs->s_is_interval = PyUnicode_InternFromString("is_interval");
    cs->s_post_init = PyUnicode_InternFromString("__post_init__");
    cs->empty_tuple = PyTuple_New(0);
    return cs->program.keep && cs->s_int && cs->s_value && cs->s_is_interval && cs->s_post_init &&
                   cs->empty_tuple
               ? 0
               : -1;
}

int
oro_codecs_types(struct oro_codecs *cs, PyObject *module)
{
    return make_constants(cs) < 0 || oro_pyid_types(cs, module) < 0
               ? -1
               : oro_codecobj_types(cs, module);
}

int
oro_import_names(const struct oro_wanted *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        PyObject *m = PyImport_ImportModule(wanted[i].module);
        *wanted[i].to = m != NULL ? PyObject_GetAttrString(m, wanted[i].name) : NULL;
        Py_XDECREF(m);
        if (*wanted[i].to == NULL)
            return -1;
    }
    return 0;
}

int
oro_codecs_import(struct oro_codecs *cs)
{
    const struct oro_wanted wanted[] = {
        {"orochi._values", "Timestamp", &cs->Timestamp},
        {"orochi._values", "TimeDuration", &cs->TimeDuration},
        {"orochi._values", "ScheduleAt", &cs->ScheduleAt},
        {"orochi._values", "json_dump", &cs->json_dump},
        {"orochi._values", "_revive", &cs->json_revive},
        {"orochi._values", "datetime_to_us", &cs->datetime_to_us},
        {"orochi._values", "us_to_datetime", &cs->us_to_datetime},
        {"orochi._values", "timedelta_to_us", &cs->timedelta_to_us},
        {"orochi._values", "us_to_timedelta", &cs->us_to_timedelta},
        {"orochi._values", "format_exception", &cs->format_exception},
        {"orochi._values", "describe_error", &cs->describe_error},
        {"orochi._context", "Ok", &cs->Ok},
        {"orochi._context", "Err", &cs->Err},
        {"orochi._errors", "OrochiError", &cs->e_orochi},
        {"orochi._errors", "EncodeError", &cs->e_encode},
        {"orochi._errors", "DecodeError", &cs->e_decode},
        {"uuid", "UUID", &cs->UUID},
    };
    return oro_import_names(wanted, ORO_ARRAY_LEN(wanted));
}

int
oro_codecs_traverse(struct oro_codecs *cs, visitproc visit, void *arg)
{
    Py_VISIT(cs->program.keep);
#define VISIT(name) Py_VISIT(cs->name);
    ORO_CODEC_OBJECTS(VISIT)
#undef VISIT
    return 0;
}

void
oro_codecs_clear(struct oro_codecs *cs)
{
    oro_cerr_clear(cs);
    oro_dynamic_clear(cs);
    Py_CLEAR(cs->program.keep);
#define CLEAR(name) Py_CLEAR(cs->name);
    ORO_CODEC_OBJECTS(CLEAR)
#undef CLEAR
}

void
oro_codecs_fini(struct oro_codecs *cs)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(cs->bb); i++)
        oro_bb_fini(&cs->bb[i]);
    oro_dynamic_free(cs);
    oro_free(cs->root);
    oro_arena_fini(&cs->program.arena);
}
