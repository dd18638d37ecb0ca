/* runtime/subs/set_rows_priv.h - the rows that a client gets when a query set of it begins or ends, in the form that its protocol
 * has (oro_rows_form). */
#ifndef ORO_SUBS_SET_ROWS_PRIV_H
#define ORO_SUBS_SET_ROWS_PRIV_H

#include "runtime/subs/subs_priv.h"

/* ---- table_update.c: pure functions ---- */

/* SingleTableRows as a TableUpdate with one entry; the rows are its deletes, or its inserts. twice: the table is
 * named before it as well (SubscribeRows). */
void subs_put_table_update(struct oro_bb *out, const struct oro_table_def *t,
                           struct oro_bytes single, bool twice, bool deletes);
/* The same in pieces: what stands before the list of the rows, and behind it. */
void subs_table_update_head(struct oro_bb *out, const struct oro_table_def *t, uint64_t rows,
                            bool twice, bool deletes);
void subs_table_update_tail(struct oro_bb *out, bool deletes);
/* Says why a set of n queries cannot be told in that form. */
ORO_MUST_CHECK oro_status subs_form_fits(enum oro_rows_form form, uint32_t n, struct oro_err *err);
/* Whether the asker can be told of this table's changes. */
ORO_MUST_CHECK oro_status subs_form_takes(enum oro_rows_form form, const struct oro_table_def *t,
                                          struct oro_err *err);

/* ---- set_rows.c: on the registry's thread ---- */

/* Its rows have changed. */
void subs_forget_initial(struct oro_subs *s, struct live_query *q);
/* Appends the rows of a set that begins or ends. What is linked goes to parts, NULL: nothing is. */
struct set_rows_way {
    struct oro_subs *subs;
    struct oro_session *session;
    struct oro_budget *budget;
    enum oro_rows_form form;
    bool ends;
    struct oro_bb *out;
    struct oro_parts *parts;
};
ORO_MUST_CHECK oro_status subs_put_set_rows(const struct set_rows_way *w,
                                            const struct query_set *set, struct oro_err *err);
/* Another set of the connection has the query as well, and that counts. */
bool subs_is_held(const struct query_set *set, const struct live_query *q);
struct oro_bytes subs_text_of(const struct live_query *q);

#endif
