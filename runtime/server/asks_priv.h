/* runtime/server/asks_priv.h - what clients ask for beside reducers: subscriptions, queries, views, procedures. What is small is
 * answered on the shard's thread (subscribe.c), the rest by readers (read.h). All on the thread of the shard. */
#ifndef ORO_SERVER_ASKS_PRIV_H
#define ORO_SERVER_ASKS_PRIV_H

#include "runtime/base/parts.h"
#include "runtime/proto/proto.h"
#include "runtime/store/commit.h"
#include "runtime/subs/subs.h"

struct client;
struct oro_server;
struct shard;

/* ---- asking.c: by whose rules, how much at once, and what is said of refusals ---- */
struct oro_query_env oro_client_env(const struct shard *sh, const struct client *c);
#define INLINE_BYTES \
    ORO_PART /* of rows that are sent by the shard itself: more is encoded elsewhere, and linked */
/* What may be read on the shard's own thread. */
struct oro_budget oro_shard_budget(const struct shard *sh);
bool oro_shard_is_near(const struct shard *sh); /* few records are between it and the newest */
/* Says so in the log and the metrics. */
void oro_client_refused(struct shard *sh, struct oro_bytes text, const struct oro_err *err);
void oro_batch_set_refused(void *shard, struct oro_bytes texts, const char *why); /* the same */
struct oro_asked oro_client_asked(const struct oro_client_message *m);
/* The id of a set that replaces another (ORO_REPLACED_SETS); once it is there, the end of that one. */
uint32_t oro_client_replacing(const struct shard *sh, const struct client *c);
void oro_client_replaced(struct shard *sh, struct client *c, uint32_t query_set_id);

/* ---- subscribe.c ---- */
/* Of subscribe, batch, unsubscribe, one-off. The answer may come later; then c->reads is set, and its messages have to wait. */
void oro_client_ask(struct shard *sh, struct client *c, const struct oro_client_message *m,
                    struct oro_buf *frame);

/* ---- views.c ---- */
/* Whether the message has to wait, since it names views whose rows are not there; then they are asked for. */
bool oro_views_wait(struct shard *sh, struct client *c, const struct oro_client_message *m);
/* Answers it if they cannot be had. */
bool oro_views_refused(struct shard *sh, struct client *c, const struct oro_client_message *m);
void oro_views_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* An answer could not be made again: whoever is subscribed to it is told, and is no more. */
void oro_views_failed(struct shard *sh, const struct oro_commit *rec);
/* As wait and record, for c->sql. record: true if nothing is waited for any more. */
bool oro_views_sql_wait(struct shard *sh, struct client *c);
bool oro_views_sql_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* Something was answered: lets go of what is not used any more. */
void oro_views_look(struct shard *sh, struct client *c);
void oro_views_gone(struct shard *sh, struct client *c); /* lets go of all */
bool oro_views_has(const struct client *c);
/* Once a second: who pays for an answer pays for what writes have made of it. */
void oro_views_account(struct shard *sh);
void oro_views_again(struct oro_server *s); /* other code: evaluates all of them */

/* ---- procedures.c ---- */
void oro_procedure_ask(struct shard *sh, struct client *c, const struct oro_client_message *m);
void oro_procedure_ended(struct shard *sh, struct client *c, const struct oro_commit *rec);

/* ---- read_task.c: what is read on other threads ---- */
void oro_read_message(struct shard *sh, struct client *c, const struct oro_client_message *m,
                      struct oro_buf *frame);
void oro_read_sql(struct shard *sh, struct client *c);
void oro_read_abandon(struct client *c);   /* it has left */
void oro_read_interrupt(struct client *c); /* nobody waits for the answer */

/* ---- read.c ---- */
void oro_reads_drain(struct shard *sh);
bool oro_reads_have_work(struct shard *sh); /* something for oro_reads_drain */
/* The same, or something that waits for the shard to come further. */
bool oro_reads_under_way(struct shard *sh);
void oro_reads_free(struct shard *sh); /* at the end; the readers have stopped */

/* ---- stream.c: answers that are made while they are sent ---- */
void oro_stream_drained(struct client *c, size_t waiting); /* so much waits in its socket */
/* Something that it waited for has come; c may be gone afterwards. */
void oro_stream_look(struct client *c);
void oro_streams_look(struct shard *sh);

#endif
