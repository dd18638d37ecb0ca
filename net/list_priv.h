/* net/list_priv.h - an intrusive list. A zeroed link is in no list. */
#ifndef ORO_NET_LIST_PRIV_H
#define ORO_NET_LIST_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev, *next;
};

static inline void
list_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool
list_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool
link_in_list(const struct link *l)
{
    return l->next != NULL;
}

static inline void
list_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void
link_remove(struct link *l)
{
    if (l->next == NULL)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}

#endif
