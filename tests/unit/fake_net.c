// SPDX-License-Identifier: BSD-2-Clause
/* A network without a kernel. */
#include "fake_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net {
	struct list hops, watches;
	struct net_link link;
	struct addr on_lo;
	unsigned ifindex;
	bool resolved;
};

struct net *fake_net_new(void)
{
	struct net *n = calloc(1, sizeof(*n));

	list_init(&n->hops);
	list_init(&n->watches);
	n->ifindex = 2;
	n->resolved = true;
	return n;
}

void fake_net_free(struct net *n)
{
	free(n);
}

static void answer(struct net *n, struct net_hop *hop)
{
	hop->ifindex = n->ifindex;
	hop->gateway = hop->to;
	hop->resolved = n->resolved;
	hop->mtu = 1500;
	memset(hop->dmac, 0xd0 + (int)n->ifindex, 6);
	memset(hop->smac, 0x50 + (int)n->ifindex, 6);
}

void net_hop_add(struct net *n, struct net_hop *hop)
{
	list_add_tail(&n->hops, &hop->node);
	answer(n, hop);
}

void net_hop_del(struct net *n, struct net_hop *hop)
{
	list_del(&hop->node);
}

void fake_net_move(struct net *n, unsigned ifindex, bool resolved)
{
	struct net_hop *hop;

	n->ifindex = ifindex;
	n->resolved = resolved;
	list_for_each(hop, &n->hops, node) {
		answer(n, hop);
		hop->changed(hop);
	}
}

void net_watch_add(struct net *n, struct net_watch *w)
{
	list_add_tail(&n->watches, &w->node);
}

void net_watch_del(struct net *n, struct net_watch *w)
{
	list_del(&w->node);
}

bool net_addr_present(const struct net *n, unsigned ifindex, const struct addr *a)
{
	return ifindex == 1 && addr_equal(a, &n->on_lo);
}

void fake_net_lo(struct net *n, const struct addr *a, bool present)
{
	struct prefix p = { *a, addr_bits(a) };
	struct net_watch *w;

	n->on_lo = present ? *a : (struct addr){ 0 };
	list_for_each(w, &n->watches, node)
		if (w->addr)
			w->addr(w, 1, &p, present);
}

void fake_net_link(struct net *n, const char *name, unsigned ifindex)
{
	struct net_watch *w;

	snprintf(n->link.name, sizeof(n->link.name), "%s", name);
	n->link.ifindex = ifindex;
	list_for_each(w, &n->watches, node)
		if (w->link)
			w->link(w, &n->link, !ifindex);
}

const struct net_link *net_link_by_name(const struct net *n, const char *name)
{
	return n->link.ifindex && !strcmp(n->link.name, name) ? &n->link : NULL;
}
