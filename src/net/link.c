// SPDX-License-Identifier: BSD-2-Clause
/* The host's links. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 /* <net/if.h> and <linux/if.h> exclude each other */
#endif

static int compare(const void *a, const void *b)
{
	unsigned x = ((const struct link *)a)->now.ifindex,
		 y = ((const struct link *)b)->now.ifindex;

	return (x > y) - (x < y);
}

static struct link *find(const struct net *n, unsigned ifindex)
{
	struct link key = { .now.ifindex = ifindex };
	struct link **at = tfind(&key, &n->links_by_index, compare);

	return at ? *at : NULL;
}

struct link *link_find(const struct net *n, unsigned ifindex)
{
	struct link *l = find(n, ifindex);

	return l && !l->gone ? l : NULL;
}

const struct net_link *net_link_by_index(const struct net *n, unsigned ifindex)
{
	struct link *l = link_find(n, ifindex);

	return l ? &l->now : NULL;
}

const struct net_link *net_link_by_name(const struct net *n, const char *name)
{
	struct link *l;

	list_for_each(l, &n->links, node)
		if (!l->gone && !strcmp(l->now.name, name))
			return &l->now;
	return NULL;
}

static bool same(const struct net_link *a, const struct net_link *b)
{
	return a->ifindex == b->ifindex && !strcmp(a->name, b->name) && !strcmp(a->kind, b->kind) &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac)) && a->mtu == b->mtu && a->up == b->up;
}

static void mark_dirty(struct net *n, struct link *l)
{
	if (l->dirty)
		return;
	l->dirty = true;
	list_add_tail(&n->dirty_links, &l->dirty_node);
}

static struct link *link_new(struct net *n, unsigned ifindex)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->now.ifindex = ifindex;
	if (!tsearch(l, &n->links_by_index, compare)) {
		free(l);
		return NULL;
	}
	l->filter = true;
	list_init(&l->addrs);
	list_add_tail(&n->links, &l->node);
	return l;
}

static void link_free(struct net *n, struct link *l)
{
	addrs_free(n, l);
	tdelete(l, &n->links_by_index, compare);
	list_del(&l->node);
	free(l);
}

static void link_gone(struct net *n, struct link *l)
{
	l->gone = true;
	addrs_link_gone(n, l);
	mark_dirty(n, l);
	hops_route_changed(n);
}

/* Some messages name only what changed: what is not said stays. */
static void take_facts(struct link *l, const struct message_link *m)
{
	const unsigned working = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

	/* Both operational state and carrier: the kernel sets IFF_RUNNING up to a second after the
	 * carrier, and drops what is sent before. */
	l->now.up = (m->flags & working) == working;
	l->noarp = m->flags & (IFF_NOARP | IFF_LOOPBACK);
	if (m->name[0])
		memcpy(l->now.name, m->name, sizeof(l->now.name));
	if (m->kind[0])
		memcpy(l->now.kind, m->kind, sizeof(l->now.kind));
	if (m->has_mac)
		memcpy(l->now.mac, m->mac, sizeof(l->now.mac));
	if (m->mtu)
		l->now.mtu = m->mtu < UINT16_MAX ? (uint16_t)m->mtu : UINT16_MAX;
}

int link_apply(struct net *n, const struct message *m)
{
	struct link *l = find(n, m->ifindex);
	struct net_link before;

	if (m->gone) {
		if (l && !l->gone)
			link_gone(n, l);
		return 0;
	}
	if (!l)
		l = link_new(n, m->ifindex);
	if (!l)
		return -ENOMEM;
	if (l->gone) {
		l->gone = false;
		l->reborn = l->filter = true;
	}
	before = l->now;
	take_facts(l, &m->link);
	l->seen = n->reading;
	if (l->known && !l->reborn && same(&before, &l->now))
		return 0;
	mark_dirty(n, l);
	hops_route_changed(n);
	if (!l->now.up || before.up)
		return 0;
	if (l->known)
		l->up_since = loop_now();
	neighs_suspect(n, m->ifindex);
	return 0;
}

void link_filter_gone(struct net *n, unsigned ifindex)
{
	struct link *l = link_find(n, ifindex);

	if (!l)
		return;
	l->filter = true;
	mark_dirty(n, l);
}

struct reading {
	struct net *net;
	int result;
};

static void take_link(void *ctx, const struct message *m)
{
	struct reading *r = ctx;

	if (m->type == MESSAGE_LINK && link_apply(r->net, m))
		r->result = -ENOMEM;
}

int links_read(struct net *n)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = request_new(RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));
	struct reading reading = { .net = n };
	struct link *l;
	int r;

	/* Without the counters a link costs a tenth. */
	if (msg)
		nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = request_run(n->req, msg, take_link, &reading);
	if (!r)
		r = reading.result;
	if (r)
		return r;
	list_for_each(l, &n->links, node) {
		if (!l->gone && l->seen != n->reading)
			link_gone(n, l);
		/* Nothing is remembered of filters: their owners must look. */
		if (!l->gone)
			link_filter_gone(n, l->now.ifindex);
	}
	return 0;
}

static void tell_link(struct net *n, const struct net_link *link, bool gone)
{
	struct net_watch *w;

	for (w = net_watch_first(n); w; w = net_watch_next(n))
		if (w->link)
			w->link(w, link, gone);
}

static void tell_filter(struct net *n, unsigned ifindex)
{
	struct net_watch *w;

	for (w = net_watch_first(n); w; w = net_watch_next(n))
		if (w->filter)
			w->filter(w, ifindex);
}

/* A link that came again under its old number has lost all that was set up on it. */
static void tell_reborn(struct net *n, struct link *l)
{
	l->reborn = false;
	if (!l->known)
		return;
	l->known = false;
	addrs_link_reborn(n, l);
	tell_link(n, &l->told, true);
}

static void tell_one(struct net *n, struct link *l)
{
	bool filter = l->filter;

	l->filter = false;
	if (l->reborn)
		tell_reborn(n, l);
	if (!l->known || !same(&l->told, &l->now)) {
		l->known = true;
		l->told = l->now;
		tell_link(n, &l->told, false);
	}
	if (filter)
		tell_filter(n, l->now.ifindex);
}

void links_tell(struct net *n)
{
	struct list gone = LIST_INIT(gone);
	struct link *l;

	while (!list_empty(&n->dirty_links)) {
		l = container_of(n->dirty_links.next, struct link, dirty_node);
		list_del(&l->dirty_node);
		if (l->gone) {
			list_add_tail(&gone, &l->dirty_node);
			continue;
		}
		l->dirty = false;
		tell_one(n, l);
	}
	while (!list_empty(&gone)) {
		l = container_of(gone.next, struct link, dirty_node);
		list_del(&l->dirty_node);
		list_add_tail(&n->dirty_links, &l->dirty_node);
	}
}

void links_tell_gone(struct net *n)
{
	struct link *l, *tmp;

	list_for_each_safe(l, tmp, &n->dirty_links, dirty_node) {
		if (!l->gone)
			continue;
		list_del(&l->dirty_node);
		if (l->known)
			tell_link(n, &l->told, true);
		link_free(n, l);
	}
}

void links_free(struct net *n)
{
	struct link *l, *tmp;

	list_for_each_safe(l, tmp, &n->links, node)
		link_free(n, l);
}
