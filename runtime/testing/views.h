/* runtime/testing/views.h - views of a database in a test: evaluated when they are first asked for, and followed to its end. */
#ifndef ORO_TESTING_VIEWS_H
#define ORO_TESTING_VIEWS_H

#include "runtime/exec/writers/inline.h"
#include "runtime/subs/query.h"

/* Those that the text names as env's asker may. ORO_EINTERNAL: one raised, err has its words. */
ORO_MUST_CHECK oro_status testing_views_evaluate(struct oro_inline *in,
                                                 const struct oro_schema *schema,
                                                 struct oro_bytes text,
                                                 const struct oro_query_env *env,
                                                 struct oro_err *err);
/* Rows were written by nobody's call: all are evaluated again. What goes wrong is in the log. */
void testing_views_again(struct oro_inline *in, struct oro_store *store);

#endif
