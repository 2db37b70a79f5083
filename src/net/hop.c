// SPDX-License-Identifier: BSD-2-Clause
/* Next hops: the kernel's answer to "how would you reach this address", kept current.
 *
 * Routes are not mirrored: a host can hold a million, under policy rules that only the kernel can
 * apply.  Whenever a route, rule, address or link changes, every hop asks again: about 4 us each,
 * in turns. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>

#include "net/internal.h"

/* What others see of a hop, to be compared as bytes. */
struct facts {
	unsigned ifindex;
	struct addr gateway, source;
	uint16_t mtu;
	uint8_t local, resolved;
	uint8_t dmac[6], smac[6];
};

static void get_facts(const struct net_hop *hop, struct facts *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ifindex = hop->ifindex;
	ret->gateway = hop->gateway;
	ret->source = hop->source;
	ret->mtu = hop->mtu;
	ret->local = hop->local;
	ret->resolved = hop->resolved;
	memcpy(ret->dmac, hop->dmac, sizeof(ret->dmac));
	memcpy(ret->smac, hop->smac, sizeof(ret->smac));
}

static void tell_if_changed(struct net *n, struct net_hop *hop, const struct facts *before)
{
	struct facts now;

	get_facts(hop, &now);
	if (!memcmp(before, &now, sizeof(now)) || !list_empty(&hop->tell))
		return;
	list_add_tail(&n->tell_hops, &hop->tell);
}

static void set_dmac(struct net_hop *hop)
{
	hop->resolved = hop->neigh && hop->neigh->resolved;
	if (hop->resolved)
		memcpy(hop->dmac, hop->neigh->mac, sizeof(hop->dmac));
	else
		memset(hop->dmac, 0, sizeof(hop->dmac));
}

static int ask_route(struct net *n, const struct addr *to, struct message *ret)
{
	struct rtmsg header = {
		.rtm_family = (uint8_t)addr_family(to),
		.rtm_dst_len = (uint8_t)addr_bits(to),
	};
	struct nl_msg *msg = request_new(RTM_GETROUTE, 0, &header, sizeof(header));

	if (msg && request_put_addr(msg, RTA_DST, to)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_ask(n->req, msg, ret);
}

/* What the kernel answers when it has no way there, as opposed to no answer. */
static bool is_no_route(int error)
{
	static const int errors[] = {
		ENETUNREACH,  /* no route, or none with its link up */
		EHOSTUNREACH, /* unreachable */
		EACCES,	      /* prohibit */
		EINVAL,	      /* blackhole */
		ENETDOWN,     /* its link is down */
		ENODEV,	      /* or gone */
	};
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (error == -errors[i])
			return true;
	return false;
}

/* A neighbour that was asked for in vain while the link was down is asked for again within this
 * time. */
#define SETTLES SEC(1)

static bool was_up(const struct link *l, usec_t since)
{
	return l->now.up && !usec_before(since, usec_add(l->up_since, SETTLES));
}

bool net_path_up(struct net *n, const struct addr *to, usec_t since)
{
	const struct link *l;
	struct message m;

	if (ask_route(n, to, &m))
		return false;
	l = link_find(n, m.ifindex);
	return m.route.type == RTN_LOCAL || (m.route.type == RTN_UNICAST && l && was_up(l, since));
}

static void set_neigh(struct net *n, struct net_hop *hop, struct net_neigh *neigh)
{
	struct net_neigh *old = hop->neigh;

	list_del(&hop->by_neigh);
	hop->neigh = neigh;
	if (neigh)
		list_add_tail(&neigh->hops, &hop->by_neigh);
	neigh_put(n, old);
}

static void no_route(struct net *n, struct net_hop *hop, bool local)
{
	set_neigh(n, hop, NULL);
	hop->ifindex = 0;
	hop->gateway = hop->to;
	hop->mtu = 0;
	memset(&hop->source, 0, sizeof(hop->source));
	hop->local = local;
	memset(hop->smac, 0, sizeof(hop->smac));
}

static int take_route(struct net *n, struct net_hop *hop, const struct message *m)
{
	const struct message_route *route = &m->route;
	const struct link *l = link_find(n, m->ifindex);
	struct net_neigh *neigh = NULL;
	int r;

	/* A link whose own message is still under way: that message asks again. */
	if (route->type != RTN_UNICAST || !l) {
		no_route(n, hop, route->type == RTN_LOCAL);
		return 0;
	}
	hop->gateway = route->has_gateway ? route->gateway : hop->to;
	if (!l->noarp) {
		r = neigh_get(n, m->ifindex, &hop->gateway, &neigh);
		if (r)
			return r;
	}
	set_neigh(n, hop, neigh);
	hop->ifindex = m->ifindex;
	hop->local = false;
	hop->source = route->source; /* unspecified unless said */
	hop->mtu = route->mtu && route->mtu < l->now.mtu ? (uint16_t)route->mtu : l->now.mtu;
	memcpy(hop->smac, l->now.mac, sizeof(hop->smac));
	return 0;
}

static void update(struct net *n, struct net_hop *hop)
{
	struct facts before;
	struct message m;
	int r;

	get_facts(hop, &before);
	r = ask_route(n, &hop->to, &m);
	if (!r)
		r = take_route(n, hop, &m);
	else if (is_no_route(r))
		no_route(n, hop, false);
	/* No memory, or no room for the answer: what was known stays, and is asked again. */
	if (r && !is_no_route(r)) {
		n->route_failed = true;
		hops_retry_later(n);
	}
	set_dmac(hop);
	tell_if_changed(n, hop, &before);
}

static bool hops_work(struct net *n, usec_t deadline)
{
	while (!list_empty(&n->todo_hops)) {
		struct net_hop *hop = container_of(n->todo_hops.next, struct net_hop, node);

		list_del(&hop->node);
		list_add_tail(&n->hops, &hop->node);
		update(n, hop);
		if (!usec_before(loop_now(), deadline))
			break;
	}
	return list_empty(&n->todo_hops);
}

static void on_work(struct loop_timer *t, usec_t now)
{
	struct net *n = container_of(t, struct net, work);
	usec_t deadline = usec_add(now, NET_TURN);
	bool done;

	/* A change that comes while they are asking makes them ask once more, after the rest. */
	if (n->route_changed && list_empty(&n->todo_hops)) {
		n->route_changed = false;
		list_move_all(&n->todo_hops, &n->hops);
	}
	pace_start(&n->work_pace, now);
	done = neighs_work(n, deadline) && hops_work(n, deadline);
	pace_stop(&n->work_pace, loop_now(), done);
	if (!done)
		loop_timer_in(&n->work, USEC(0));
	else if (n->route_changed)
		hops_work_soon(n);
	hops_tell(n);
}

static void on_retry(struct loop_timer *t, usec_t)
{
	struct net *n = container_of(t, struct net, retry);

	if (n->route_failed)
		hops_route_changed(n);
	n->route_failed = false;
	neighs_retry(n);
}

void hops_retry_later(struct net *n)
{
	if (!loop_timer_active(&n->retry))
		loop_timer_in(&n->retry, SEC(1));
}

void hops_work_soon(struct net *n)
{
	usec_t now = loop_now();

	if (!loop_timer_active(&n->work))
		loop_timer_at(&n->work,
			      usec_before(now, n->work_pace.ready) ? n->work_pace.ready : now);
}

void hops_route_changed(struct net *n)
{
	n->route_changed = true;
	hops_work_soon(n);
}

void hops_neigh_changed(struct net *n, struct net_neigh *neigh)
{
	struct net_hop *hop;
	struct facts before;

	list_for_each(hop, &neigh->hops, by_neigh) {
		get_facts(hop, &before);
		set_dmac(hop);
		tell_if_changed(n, hop, &before);
	}
}

void hops_tell(struct net *n)
{
	while (!list_empty(&n->tell_hops)) {
		struct net_hop *hop = container_of(n->tell_hops.next, struct net_hop, tell);

		list_del(&hop->tell);
		if (hop->changed)
			hop->changed(hop);
	}
}

void net_hop_add(struct net *n, struct net_hop *hop)
{
	list_init(&hop->by_neigh);
	list_init(&hop->tell);
	hop->neigh = NULL;
	no_route(n, hop, false);
	list_add_tail(&n->hops, &hop->node);
	update(n, hop);
	list_del(&hop->tell);
}

void net_hop_del(struct net *n, struct net_hop *hop)
{
	list_del(&hop->node);
	list_del(&hop->tell);
	set_neigh(n, hop, NULL);
}

void hops_init(struct net *n)
{
	list_init(&n->hops);
	list_init(&n->todo_hops);
	list_init(&n->tell_hops);
	list_init(&n->neighs);
	list_init(&n->todo_neighs);
	list_init(&n->unkept_neighs);
	loop_timer_init(&n->work, n->loop, LOOP_NORMAL, on_work);
	loop_timer_init(&n->retry, n->loop, LOOP_NORMAL, on_retry);
}

void hops_stop(struct net *n)
{
	loop_timer_stop(&n->work);
	loop_timer_stop(&n->retry);
}
