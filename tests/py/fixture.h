/* tests/py/fixture.h - a module in an interpreter over the fake host: write Python, load it, call its reducers. */
#ifndef ORO_TESTS_PY_FIXTURE_H
#define ORO_TESTS_PY_FIXTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/py/fake_host.h"

struct fixture {
    struct oro_py *py;
    struct oro_schema *schema;
    struct fake_host host;
    struct oro_bb text, rows; /* rows: of the last view */
    struct oro_py_call call;  /* of the last call */
    char dir[64];
};

static inline void
fixture_write(struct fixture *f, const char *name, const char *source)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(source, file);
    fclose(file);
}

static inline void
fixture_start(void)
{
    struct oro_err err = {0};
    oro_status st = oro_py_start(NULL, &err);
    cr_assert_eq(st, ORO_OK, "%s", err.text);
}

/* Loads and binds a module's text in an interpreter of its own. Once more after fixture_start. */
static inline void
fixture_open_text(struct fixture *f, const char *source)
{
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL, path[128];
    *f = (struct fixture){.dir = "/tmp/oro-py-XXXXXX"};
    cr_assert_not_null(mkdtemp(f->dir));
    fixture_write(f, "module_under_test.py", source);
    snprintf(path, sizeof(path), "%s/module_under_test.py", f->dir);
    fake_init(&f->host);
    oro_status st = oro_py_open(0, &fake_ops, &f->py, &err);
    cr_assert_eq(st, ORO_OK, "open: %s", err.text);
    st = oro_py_load(f->py, path, "test", &descriptor, &report, &err);
    cr_assert_eq(st, ORO_OK, "load: %s", report != NULL ? report : err.text);
    st = oro_schema_parse(oro_bytes_str(descriptor), &f->schema, &err);
    cr_assert_eq(st, ORO_OK, "schema: %s", err.text);
    st = oro_py_bind(f->py, f->schema, &err);
    cr_assert_eq(st, ORO_OK, "bind: %s", err.text);
    oro_free(descriptor);
}

/* Appends a file of tests/py/modules. */
static inline void
fixture_read(struct oro_bb *into, const char *name)
{
    char path[512], part[4096];
    snprintf(path, sizeof(path), "%s/modules/%s", getenv("ORO_TESTS_PY"), name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    for (size_t n; (n = fread(part, 1, sizeof(part), file)) > 0;)
        oro_bb_put(into, part, n);
    fclose(file);
}

/* Two files as one module: what several tests have in common, and a test's own. head may be NULL. */
static inline void
fixture_open_after(struct fixture *f, const char *head, const char *name)
{
    struct oro_bb source = {0};
    if (head != NULL)
        fixture_read(&source, head);
    fixture_read(&source, name);
    oro_bb_u8(&source, 0);
    fixture_open_text(f, (const char *)source.data);
    oro_bb_fini(&source);
}

/* A file of tests/py. */
static inline void
fixture_open_file(struct fixture *f, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "../%s", name);
    fixture_open_after(f, NULL, path);
}

static inline void
fixture_open(struct fixture *f, const char *name)
{
    fixture_open_after(f, NULL, name);
}

static inline void
fixture_remove(struct fixture *f)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

static inline void
fixture_close(struct fixture *f)
{
    oro_py_close(f->py);
    oro_schema_free(f->schema);
    fake_fini(&f->host);
    oro_bb_fini(&f->text);
    oro_bb_fini(&f->rows);
    fixture_remove(f);
}

static inline struct oro_py_call
fixture_new_call(struct fixture *f, const struct oro_reducer_def *def, struct oro_bytes args)
{
    oro_bb_clear(&f->rows);
    return (struct oro_py_call){
        .reducer = def,
        .args = args,
        .sender = {{1, 2, 3}},
        .database = {{9}},
        .connection = {{5}},
        .timestamp_us = 1000000,
        .host = &f->host,
        .text = &f->text,
        .rows = &f->rows,
    };
}

static inline oro_status
fixture_call_def(struct fixture *f, const struct oro_reducer_def *def, struct oro_bytes args)
{
    f->call = fixture_new_call(f, def, args);
    oro_status st = oro_py_call(f->py, &f->call);
    oro_bb_u8(&f->text, 0);
    f->text.len--;
    return st;
}

static inline oro_status
fixture_call_bytes(struct fixture *f, const char *reducer, struct oro_bytes args)
{
    const struct oro_reducer_def *def = oro_schema_reducer(f->schema, oro_bytes_str(reducer));
    cr_assert_not_null(def, "no reducer %s", reducer);
    return fixture_call_def(f, def, args);
}

/* Arguments as a JSON array. */
static inline oro_status
fixture_call(struct fixture *f, const char *reducer, const char *json)
{
    struct oro_bb args = {0};
    struct oro_err err = {0};
    const struct oro_reducer_def *def = oro_schema_reducer(f->schema, oro_bytes_str(reducer));
    cr_assert_not_null(def, "no reducer %s", reducer);
    oro_status st = oro_args_from_json(def->params, oro_bytes_str(json), &args, &err);
    cr_assert_eq(st, ORO_OK, "%s %s: %s", reducer, json, err.text);
    st = fixture_call_bytes(f, reducer, oro_bb_bytes(&args));
    oro_bb_fini(&args);
    return st;
}

static inline const char *
fixture_text(struct fixture *f)
{
    return f->text.data != NULL ? (const char *)f->text.data : "";
}

/* Calls a reducer without arguments that asserts for itself. */
static inline void
fixture_run(struct fixture *f, const char *reducer)
{
    oro_status st = fixture_call(f, reducer, "[]");
    cr_assert_eq(st, ORO_OK, "%s: %s", reducer, fixture_text(f));
}

#endif
