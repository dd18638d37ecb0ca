/* What every call and every row pays in bridge/bsatn and runtime/proto: nanoseconds for one. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/bsatn/row_list.h"
#include "bridge/bsatn/schema.h"
#include "bridge/bsatn/value.h"
#include "runtime/base/clock.h"
#include "runtime/proto/proto.h"

#define E(name, type) "{\"name\":{\"some\":\"" name "\"},\"algebraic_type\":" type "}"
#define P(elems) "{\"Product\":{\"elements\":[" elems "]}}"
#define S(elems) "{\"Sum\":{\"variants\":[" elems "]}}"
#define T(name) "{\"" name "\":[]}"
#define OPTION(t) S(E("some", t) "," E("none", P("")))

enum { ROUNDS = 7, MANY = 200000 };

struct subject {
    const struct oro_type *t;
    struct oro_bb value, out;
    const char *text;
};

typedef size_t step(struct subject *s);
static volatile size_t keep; /* so that nothing measured is left out */

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
measure(const char *name, step *fn, struct subject *s)
{
    double ns[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t from = oro_mono_ns();
        for (int i = 0; i < MANY; i++)
            keep += fn(s);
        ns[r] = (double)(oro_mono_ns() - from) / MANY;
    }
    qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
    printf("bench_bsatn %-28s median %8.1f ns  best %8.1f ns\n", name, ns[ROUNDS / 2], ns[0]);
}

static size_t
skip(struct subject *s)
{
    struct oro_reader r = oro_reader(oro_bb_bytes(&s->value));
    return oro_value_skip(s->t, &r, NULL) == ORO_OK ? oro_rd_offset(&r) : 0;
}

static size_t
length(struct subject *s)
{
    return oro_value_len_trusted(s->t, s->value.data);
}

static size_t
key(struct subject *s)
{
    s->out.len = 0;
    return oro_key_append(s->t, s->value.data, &s->out);
}

static size_t
to_json(struct subject *s)
{
    s->out.len = 0;
    oro_value_to_json(s->t, s->value.data, ORO_JSON_POSITIONAL, &s->out);
    return s->out.len;
}

static size_t
from_json(struct subject *s)
{
    s->out.len = 0;
    return oro_value_from_json(s->t, oro_bytes_str(s->text), &s->out, NULL) == ORO_OK ? s->out.len
                                                                                      : 0;
}

static size_t
message(struct subject *s)
{
    struct oro_client_message m;
    struct oro_reader r = oro_reader(oro_bb_bytes(&s->value));
    return oro_proto_v2.read(&r, &m, NULL) == ORO_OK ? m.args.len : 0;
}

static size_t
row_list(struct subject *s)
{
    static struct oro_row_list l;
    oro_row_list_clear(&l);
    s->out.len = 0;
    for (int i = 0; i < 10; i++)
        oro_row_list_add(&l, oro_bb_bytes(&s->value));
    oro_row_list_write(&l, &s->out);
    return s->out.len;
}

static struct subject
subject(struct oro_typespace *ts, const char *type, const char *text)
{
    struct subject s = {.text = text};
    struct oro_type *t;
    struct oro_err err;
    if (oro_type_from_json(ts, oro_bytes_str(type), &t, &err) != ORO_OK ||
        oro_type_seal(ts, t, &err) != ORO_OK ||
        oro_value_from_json(t, oro_bytes_str(text), &s.value, &err) != ORO_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    s.t = t;
    return s;
}

int
main(void)
{
    struct oro_typespace ts;
    struct oro_err err;
    oro_typespace_init(&ts);
    if (oro_typespace_seal(&ts, &err) != ORO_OK)
        return 1;
    struct subject u32 = subject(&ts, T("U32"), "77");
    struct subject u64 = subject(&ts, T("U64"), "18446744073709551615");
    struct subject identity =
        subject(&ts, P(E("__identity__", T("U256"))), "[\"0xc200112233445566778899aabb\"]");
    struct subject string = subject(&ts, T("String"), "\"a name of a player\"");
    struct subject transfer = subject(
        &ts, P(E("from", T("U32")) "," E("to", T("U32")) "," E("amount", T("I64"))), "[1,2,300]");
    struct subject player = subject(
        &ts,
        P(E("id", T("U64")) "," E("owner", P(E("__identity__", T("U256")))) "," E(
            "name",
            T("String")) "," E("level",
                               T("U32")) "," E("online",
                                               T("Bool")) "," E("pos",
                                                                OPTION(P(E("x", T("F32")) "," E(
                                                                    "y", T("F32")))))),
        "{\"id\":1,\"owner\":[\"0xc200\"],\"name\":\"somebody\",\"level\":7,\"online\":true,"
        "\"pos\":{\"some\":[0.1,2.5]}}");
    struct subject call = {0};
    oro_bb_put(&call.value,
               "\3\1\0\0\0\0\x08\0\0\0transfer\x10\0\0\0"
               "0123456789abcdef",
               34);
    measure("skip transfer args (16 B)", skip, &transfer);
    measure("skip player row (62 B)", skip, &player);
    measure("length of player row", length, &player);
    measure("key u32", key, &u32);
    measure("key u64", key, &u64);
    measure("key identity", key, &identity);
    measure("key string (18 B)", key, &string);
    measure("from_json transfer", from_json, &transfer);
    measure("from_json player by name", from_json, &player);
    measure("to_json transfer", to_json, &transfer);
    measure("to_json player", to_json, &player);
    measure("call message", message, &call);
    measure("row list of 10 players", row_list, &player);
    oro_typespace_fini(&ts);
    return 0;
}
