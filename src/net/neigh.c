// SPDX-License-Identifier: BSD-2-Clause
/* Neighbours of next hops, kept resolved.
 *
 * Packets that the engine redirects never touch the kernel's neighbour entries, so these would grow
 * stale and die unseen.  An entry marked NTF_EXT_MANAGED the kernel resolves and probes by itself.
 * It loses that mark when somebody flushes or replaces the entry, and when the link goes down: then
 * it is asked for again.  Where the kernel refuses or does not know the mark, asking each second
 * (NTF_USE) is what keeps the entry alive. */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

static int compare(const void *a, const void *b)
{
	const struct net_neigh *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

static struct net_neigh *find(const struct net *n, unsigned ifindex, const struct addr *a)
{
	struct net_neigh key = { .ifindex = ifindex, .addr = *a };
	struct net_neigh **at = tfind(&key, &n->neighs_by_key, compare);

	return at ? *at : NULL;
}

static struct nl_msg *neigh_message(int type, int flags, const struct net_neigh *neigh,
				    uint8_t neigh_flags)
{
	struct ndmsg header = {
		.ndm_family = (uint8_t)addr_family(&neigh->addr),
		.ndm_ifindex = (int)neigh->ifindex,
		.ndm_flags = neigh_flags,
	};
	struct nl_msg *msg = request_new(type, flags, &header, sizeof(header));

	if (msg && request_put_addr(msg, NDA_DST, &neigh->addr)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* An entry that the operator made fixed must stay so: both our requests would unfix it. */
static bool is_fixed(const struct message_neigh *m)
{
	return m->state & (NUD_PERMANENT | NUD_NOARP);
}

/* While nobody answers (FAILED, INCOMPLETE) the kernel tells no MAC: the last one stays, checks
 * decide life. */
static void take_facts(struct net *n, struct net_neigh *neigh, const struct message_neigh *m)
{
	if (!m->has_mac || (neigh->resolved && !memcmp(neigh->mac, m->mac, sizeof(neigh->mac))))
		return;
	neigh->resolved = true;
	memcpy(neigh->mac, m->mac, sizeof(neigh->mac));
	hops_neigh_changed(n, neigh);
}

static void move(struct net_neigh *neigh, struct list *to)
{
	list_del(&neigh->node);
	list_add_tail(to, &neigh->node);
}

static int ask(struct net *n, const struct net_neigh *neigh, struct message *ret)
{
	return request_ask(n->req, neigh_message(RTM_GETNEIGH, 0, neigh, 0), ret);
}

static int keep(struct net *n, const struct net_neigh *neigh)
{
	struct nl_msg *msg = neigh_message(RTM_NEWNEIGH, NLM_F_CREATE, neigh, NTF_USE);

	if (msg && nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_run(n->req, msg, NULL, NULL);
}

/* Without the mark the entry lives on as long as the kernel itself has a use for it. */
static void release(struct net *n, const struct net_neigh *neigh)
{
	struct message m;

	if (!ask(n, neigh, &m) && m.neigh.managed && !is_fixed(&m.neigh))
		request_run(n->req, neigh_message(RTM_NEWNEIGH, 0, neigh, NTF_USE), NULL, NULL);
}

static void complain(struct net_neigh *neigh, const struct link *l, int error)
{
	char subject[64 + ADDR_STRLEN], text[ADDR_STRLEN];

	if (neigh->complained)
		return;
	neigh->complained = true;
	snprintf(subject, sizeof(subject), "neighbour %s dev %s", addr_str(&neigh->addr, text),
		 l->now.name);
	log_warn(subject, "the kernel does not resolve it: %s; trying again each second",
		 strerror(error));
}

/* Leaves the neighbour in one of three lists: done, or to be asked for again in a second. */
static void refresh(struct net *n, struct net_neigh *neigh)
{
	struct link *l = link_find(n, neigh->ifindex);
	struct message m;
	int r;

	move(neigh, &n->unkept_neighs);
	hops_retry_later(n);
	/* A link that comes up is told, and brings us here again. */
	if (!l || !l->now.up)
		return;
	r = ask(n, neigh, &m);
	if (!r) {
		take_facts(n, neigh, &m.neigh);
		if (m.neigh.managed || is_fixed(&m.neigh)) {
			neigh->complained = false;
			move(neigh, &n->neighs);
			return;
		}
	}
	/* The kernel's message, or the look in a second, will show whether it is kept. */
	r = keep(n, neigh);
	if (r)
		complain(neigh, l, -r);
}

bool neighs_work(struct net *n, usec_t deadline)
{
	while (!list_empty(&n->todo_neighs)) {
		refresh(n, container_of(n->todo_neighs.next, struct net_neigh, node));
		if (!usec_before(loop_now(), deadline))
			return list_empty(&n->todo_neighs);
	}
	return true;
}

void neigh_apply(struct net *n, const struct message *m)
{
	struct net_neigh *neigh = find(n, m->ifindex, &m->neigh.addr);

	if (!neigh)
		return;
	if (m->gone) {
		move(neigh, &n->todo_neighs);
		hops_work_soon(n);
		return;
	}
	take_facts(n, neigh, &m->neigh);
	if (m->neigh.managed || is_fixed(&m->neigh)) {
		neigh->complained = false;
		move(neigh, &n->neighs);
		return;
	}
	/* Somebody replaced the entry; in a second, so that two who quarrel do not spin. */
	move(neigh, &n->unkept_neighs);
	hops_retry_later(n);
}

static void suspect_list(struct net *n, struct list *from, unsigned ifindex)
{
	struct net_neigh *neigh, *tmp;

	list_for_each_safe(neigh, tmp, from, node) {
		if (ifindex && neigh->ifindex != ifindex)
			continue;
		move(neigh, &n->todo_neighs);
		hops_work_soon(n);
	}
}

void neighs_suspect(struct net *n, unsigned ifindex)
{
	suspect_list(n, &n->neighs, ifindex);
	suspect_list(n, &n->unkept_neighs, ifindex);
}

void neighs_retry(struct net *n)
{
	suspect_list(n, &n->unkept_neighs, 0);
}

int neigh_get(struct net *n, unsigned ifindex, const struct addr *a, struct net_neigh **ret)
{
	struct net_neigh *neigh = find(n, ifindex, a);

	if (neigh) {
		*ret = neigh;
		return 0;
	}
	neigh = calloc(1, sizeof(*neigh));
	if (!neigh)
		return -ENOMEM;
	neigh->ifindex = ifindex;
	neigh->addr = *a;
	list_init(&neigh->hops);
	list_init(&neigh->node);
	if (!tsearch(neigh, &n->neighs_by_key, compare)) {
		free(neigh);
		return -ENOMEM;
	}
	refresh(n, neigh);
	*ret = neigh;
	return 0;
}

void neigh_put(struct net *n, struct net_neigh *neigh)
{
	if (!neigh || !list_empty(&neigh->hops))
		return;
	release(n, neigh);
	tdelete(neigh, &n->neighs_by_key, compare);
	list_del(&neigh->node);
	free(neigh);
}
