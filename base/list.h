/* SPDX-License-Identifier: Apache-2.0 */
/* The tree's one linked list: circular, doubly linked, the node inside the element. */
#pragma once

#include <stdbool.h>

#include "base/own.h"

struct list {
	struct list *next,
		*prev; /* a head points to itself when empty; an unlinked node likewise */
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}
#define list_entry(node, type, member) CONTAINER_OF(node, type, member)
/* @tmp lets the body unlink @node. */
#define list_for_each(node, tmp, head)                                                             \
	for (struct list *node = (head)->next, *tmp = node->next; node != (head);                  \
	     node = tmp, tmp = node->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_insert_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}
static inline void list_append(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}
static inline void list_prepend(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}
/* Safe on a node that is not on any list, if it was initialised. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
