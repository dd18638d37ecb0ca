/* tests/subs/fixture.h - schemas out of short lines, for the tests of subs and durable.
 *
 *     player public id:u64:pk:auto name:string:unique owner:identity:idx online:bool index(owner,online)
 *
 * The second word is public, private or event. A column is name:type and any of pk, unique, auto, idx (btree), hash, and
 * =N (its default when it is added to a table, a small number written in the column's width). Types: the scalars, string,
 * bytes, identity, conn, time, span, uuid, opt_u32, opt_string, color (enum Red, Green), list_u16, pair (u8, string), at (ScheduleAt). */
#ifndef ORO_TESTS_SUBS_FIXTURE_H
#define ORO_TESTS_SUBS_FIXTURE_H

#include "bridge/bsatn/schema.h"

struct oro_schema *fixture_schema(
    const char *const *lines); /* NULL at the end; ended by fixture_schema_free */
void fixture_schema_free(struct oro_schema *s);
const struct oro_table_def *fixture_table(const struct oro_schema *s, const char *name);
const struct oro_index_def *fixture_index(const struct oro_table_def *t,
                                          const char *column); /* one column */

/* Identity whose number is n. */
struct oro_identity fixture_identity(uint64_t n);
void put_string(struct oro_bb *out, const char *s);

#endif
