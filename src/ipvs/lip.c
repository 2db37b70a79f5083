// SPDX-License-Identifier: BSD-2-Clause
/* Lists of local addresses in `lips`.  New flows read a list through its server's slot, so a list
 * is written beside the old one, and the old one rests a while (span.h). */
#include "ipvs/lip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/span.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "lib/log.h"
#include "lib/loop.h"

#define HOST_PORTS "/proc/sys/net/ipv4/ip_local_port_range"

struct lip_list {
	struct list node;
	uint64_t span;
	bool used; /* mark of a sweep */
};

struct lips {
	struct ipvs_backend *be;
	struct span_space *space;
	struct list lists;
};

struct lips *lips_new(struct ipvs_backend *be)
{
	struct lips *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->be = be;
	list_init(&l->lists);
	l->space = span_space_new(LIP_MAX, 1);
	if (l->space)
		return l;
	free(l);
	return NULL;
}

void lips_free(struct lips *l)
{
	struct lip_list *list, *next;

	if (!l)
		return;
	list_for_each_safe(list, next, &l->lists, node)
		free(list);
	span_space_free(l->space);
	free(l);
}

static const struct lip_list *find_span(const struct lips *l, uint64_t span)
{
	const struct lip_list *list;

	list_for_each(list, &l->lists, node)
		if (list->span == span)
			return list;
	return NULL;
}

static uint64_t add(struct lips *l, uint64_t span)
{
	struct lip_list *list = calloc(1, sizeof(*list));

	if (!list)
		return 0;
	list->span = span;
	list_add_tail(&l->lists, &list->node);
	return span;
}

uint64_t lips_get(struct lips *l, const struct lip *wanted, unsigned n)
{
	const struct lip_list *list;
	int64_t first;

	list_for_each(list, &l->lists, node)
		if (SPAN_COUNT(list->span) == n &&
		    !memcmp(&l->be->lips[SPAN_FIRST(list->span)], wanted, n * sizeof(*wanted)))
			return list->span;
	first = span_take(l->space, n, loop_now());
	if (first < 0) {
		log_err("engine", "no room for %u more local addresses of fullnat (%u in all)", n,
			LIP_MAX);
		return 0;
	}
	memcpy(&l->be->lips[first], wanted, n * sizeof(*wanted));
	return add(l, SPAN(first, n));
}

/* Ports that this host gives its own connections. */
static void host_ports(uint16_t *ret_first, uint16_t *ret_last)
{
	FILE *f = fopen(HOST_PORTS, "re");
	unsigned first, last;

	*ret_first = 32768; /* the kernel's own default */
	*ret_last = 60999;
	if (!f)
		return;
	if (fscanf(f, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX) {
		*ret_first = (uint16_t)first;
		*ret_last = (uint16_t)last;
	}
	fclose(f);
}

bool lip_collides(const struct lip *lip)
{
	uint16_t first, last;

	host_ports(&first, &last);
	return lip->port <= last && first <= lip->last;
}

uint64_t lips_of_host(struct lips *l, const struct addr *a)
{
	struct lip lip = { .addr = *a };
	uint16_t first, last;

	if (addr_is_any(a))
		return 0;
	host_ports(&first, &last);
	/* The larger part of what the host leaves. */
	if (first > LIP_PORT_MIN && first - LIP_PORT_MIN >= UINT16_MAX - last) {
		lip.port = LIP_PORT_MIN;
		lip.last = (uint16_t)(first - 1);
	} else if (last < UINT16_MAX) {
		lip.port = (uint16_t)(last + 1);
		lip.last = UINT16_MAX;
	} else {
		log_err("engine", "net.ipv4.ip_local_port_range leaves no port for fullnat");
		return 0;
	}
	return lips_get(l, &lip, 1);
}

void lips_adopt(struct lips *l, uint64_t span)
{
	uint64_t end = (uint64_t)SPAN_FIRST(span) + SPAN_COUNT(span);

	if (!SPAN_COUNT(span) || end > LIP_MAX || find_span(l, span))
		return;
	span_adopt(l->space, span);
	add(l, span);
}

void lips_sweep(struct lips *l)
{
	struct lip_list *list, *next;
	uint32_t id;

	list_for_each(list, &l->lists, node)
		list->used = false;
	for (id = 1; id < SERVER_MAX; id++) {
		uint64_t span = load_long(&l->be->servers[id].lips);
		struct lip_list *its =
			SPAN_COUNT(span) ? (struct lip_list *)find_span(l, span) : NULL;

		if (its)
			its->used = true;
	}
	list_for_each_safe(list, next, &l->lists, node) {
		if (list->used)
			continue;
		span_give(l->space, list->span, loop_now());
		list_del(&list->node);
		free(list);
	}
}
