/* SPDX-License-Identifier: BSD-2-Clause */
/* Intrusive doubly linked list.  A head owns its nodes unless its member says "borrowed". */
#ifndef LBD_LIB_LIST_H
#define LBD_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Takes node out and leaves it pointing at itself, so that removing it again is harmless. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Empties `from` onto the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* var runs over the nodes of head, each being the struct that holds `member`. */
#define list_for_each(var, head, member)                                                           \
	for (var = container_of((head)->next, __typeof__(*var), member); &var->member != (head);   \
	     var = container_of(var->member.next, __typeof__(*var), member))

/* The same when the body may take var out or free it. */
#define list_for_each_safe(var, tmp, head, member)                                                 \
	for (var = container_of((head)->next, __typeof__(*var), member),                           \
	    tmp = container_of(var->member.next, __typeof__(*var), member);                        \
	     &var->member != (head);                                                               \
	     var = tmp, tmp = container_of(var->member.next, __typeof__(*var), member))

#endif
