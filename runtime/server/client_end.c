/* How a client ends: its side, the connection, what is kept for it. */
#include "runtime/server/server_priv.h"

void
oro_client_cut(struct shard *sh, struct client *c)
{
    if (c->state == CLIENT_GONE)
        return;
    if (c->state != CLIENT_CLOSING)
        oro_client_move(c, CLIENT_CLOSING);
    oro_deferred_clear(c);
    oro_held_clear(sh, c);
}

static void
unlink_from(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    for (struct client **link = &sh->held; c->in_held_list && *link != NULL;
         link = &(*link)->held_next) {
        if (*link == c) {
            *link = c->held_next;
            break;
        }
    }
    struct client *before = NULL;
    for (struct client *i = sh->resume; c->in_resume_list && i != NULL; i = i->resume_next) {
        if (i == c) {
            *(before != NULL ? &before->resume_next : &sh->resume) = c->resume_next;
            if (sh->resume_tail == c)
                sh->resume_tail = before;
            break;
        }
        before = i;
    }
    for (struct client **link = &sh->ended; c->in_ended_list && *link != NULL;
         link = &(*link)->ended_next) {
        if (*link == c) {
            *link = c->ended_next;
            break;
        }
    }
}

void
oro_client_remove(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    oro_read_abandon(c);
    oro_views_gone(sh, c);
    oro_session_leave(sh, c);
    oro_map_del_u64(&sh->clients, c->conn);
    if (c->req_id != 0)
        oro_map_del_u64(&sh->requests, c->req_id);
    unlink_from(sh, c);
    oro_client_free(c);
}

static bool
is_owed(const struct client *c)
{
    return (c->state == CLIENT_CONNECTING || c->state == CLIENT_OPEN) &&
           (c->state == CLIENT_CONNECTING || c->inflight > 0 || c->reads != NULL ||
            c->deferred != NULL || c->nmarks > 0 || c->asks > 0);
}

bool
oro_client_ended(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(!c->in_ended_list);
    if (c->kind != CLIENT_DATABASE || !is_owed(c))
        return false;
    c->in_ended_list = true;
    c->ended_next = sh->ended;
    sh->ended = c;
    return true;
}

void
oro_client_close_ended(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    for (struct client **at = &sh->ended; *at != NULL;) {
        struct client *c = *at;
        if (is_owed(c)) {
            at = &c->ended_next;
            continue;
        }
        *at = c->ended_next;
        c->in_ended_list = false;
        oro_client_close(sh, c, 1000, ""); /* does nothing if it has gone */
    }
}
