// SPDX-License-Identifier: BSD-2-Clause
/* The host's addresses: which there are, and putting VIPs there and away.
 *
 * A VIP must leave no trace of itself, and must take nothing of the host's along.
 *
 * IPv4: of the addresses of one subnet on a link, the first is primary and the others secondary;
 * only the primary brings the connected route, and when it goes the secondaries go with it unless
 * promote_secondaries is set.  A VIP is primary when the host's own address came later.
 *
 * IPv6: each address may bring the connected route; the kernel takes it away with the last
 * permanent address, but not when an address with NOPREFIXROUTE is left.  So a VIP brings none
 * where an address of the host's shares its prefix, and does where only VIPs do: then the last of
 * them takes it along.  A /128 would bring a pointless host route.
 *
 * IFA_PROTO tells lbd's own addresses from the host's, also after a restart. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <search.h>
#include <stdlib.h>

#include "net/internal.h"

static int compare(const void *a, const void *b)
{
	const struct address *x = a, *y = b;
	int r;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	r = addr_cmp(&x->prefix.addr, &y->prefix.addr);
	return r ? r : (x->prefix.len > y->prefix.len) - (x->prefix.len < y->prefix.len);
}

static struct address *find(const struct net *n, unsigned ifindex, const struct prefix *p)
{
	struct address key = { .ifindex = ifindex, .prefix = *p };
	struct address **at = tfind(&key, &n->addrs_by_key, compare);

	return at ? *at : NULL;
}

/* One with the same prefix on the same link, other than p itself, for which `wanted` holds. */
static struct address *find_sibling(const struct net *n, unsigned ifindex, const struct prefix *p,
				    bool (*wanted)(const struct address *a))
{
	struct link *l = link_find(n, ifindex);
	struct address *a;

	if (!l)
		return NULL;
	list_for_each(a, &l->addrs, node)
		if (!a->gone && a->prefix.len == p->len && !addr_equal(&a->prefix.addr, &p->addr) &&
		    prefix_contains(&a->prefix, &p->addr) && wanted(a))
			return a;
	return NULL;
}

static bool is_foreign(const struct address *a)
{
	return a->origin != NET_ORIGIN;
}

static bool is_secondary(const struct address *a)
{
	return a->flags & IFA_F_SECONDARY;
}

static bool is_primary(const struct address *a)
{
	return !is_secondary(a);
}

static bool is_usable(const struct address *a)
{
	return !a->gone && !(a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

/* The cached address that stands there, with whatever prefix. */
static const struct address *find_any_len(const struct net *n, unsigned ifindex,
					  const struct addr *a)
{
	struct link *l = link_find(n, ifindex);
	const struct address *at;

	if (!l)
		return NULL;
	list_for_each(at, &l->addrs, node)
		if (!at->gone && addr_equal(&at->prefix.addr, a))
			return at;
	return NULL;
}

bool net_addr_present(const struct net *n, unsigned ifindex, const struct addr *a)
{
	return find_any_len(n, ifindex, a);
}

bool net_addr_find(const struct net *n, unsigned ifindex, const struct addr *a, struct prefix *ret)
{
	const struct address *at = find_any_len(n, ifindex, a);

	if (at)
		*ret = at->prefix;
	return at;
}

bool net_addr_usable(const struct net *n, unsigned ifindex, const struct addr *a)
{
	const struct address *at = find_any_len(n, ifindex, a);

	return at && is_usable(at);
}

int net_addr_source(const struct net *n, unsigned ifindex, int family,
		    bool (*skip)(void *ctx, const struct addr *a), void *ctx, struct addr *ret)
{
	struct link *l = link_find(n, ifindex);
	struct address *a;

	if (!l)
		return -ENOENT;
	list_for_each(a, &l->addrs, node) {
		const struct addr *at = &a->prefix.addr;

		if (addr_family(at) != family || !is_usable(a) || (skip && skip(ctx, at)))
			continue;
		if (family == AF_INET ? is_secondary(a) || addr_is_loopback(at)
				      : !addr_is_link_local(at))
			continue;
		*ret = *at;
		return 0;
	}
	return -ENOENT;
}

static void mark_dirty(struct net *n, struct address *a)
{
	if (a->dirty)
		return;
	a->dirty = true;
	list_add_tail(&n->dirty_addrs, &a->dirty_node);
}

static void addr_gone(struct net *n, struct address *a)
{
	if (a->gone)
		return;
	a->gone = true;
	mark_dirty(n, a);
	hops_route_changed(n);
}

static struct address *addr_new(struct net *n, struct link *l, const struct prefix *p)
{
	struct address *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->ifindex = l->now.ifindex;
	a->prefix = *p;
	a->gone = true;
	if (!tsearch(a, &n->addrs_by_key, compare)) {
		free(a);
		return NULL;
	}
	list_add_tail(&l->addrs, &a->node);
	return a;
}

static void addr_free(struct net *n, struct address *a)
{
	tdelete(a, &n->addrs_by_key, compare);
	list_del(&a->node);
	if (a->dirty)
		list_del(&a->dirty_node);
	free(a);
}

int addr_apply(struct net *n, const struct message *m)
{
	const struct message_addr *news = &m->addr;
	struct link *l = link_find(n, m->ifindex);
	struct address *a;

	/* The autojoin addresses of multicast groups are membership, not addresses. */
	if (!l || addr_is_multicast(&news->prefix.addr))
		return 0;
	a = find(n, m->ifindex, &news->prefix);
	if (m->gone) {
		if (a)
			addr_gone(n, a);
		return 0;
	}
	if (!a)
		a = addr_new(n, l, &news->prefix);
	if (!a)
		return -ENOMEM;
	if (a->gone || a->seen != n->reading) {
		list_del(&a->node);
		list_add_tail(&l->addrs, &a->node);
	}
	if (a->gone || a->flags != news->flags) {
		mark_dirty(n, a);
		hops_route_changed(n);
	}
	a->gone = false;
	a->flags = news->flags;
	a->origin = news->origin;
	a->seen = n->reading;
	return 0;
}

void addrs_link_gone(struct net *n, struct link *l)
{
	struct address *a;

	list_for_each(a, &l->addrs, node)
		addr_gone(n, a);
}

void addrs_link_reborn(struct net *n, struct link *l)
{
	struct address *a;

	/* That the link went said that they did. */
	list_for_each(a, &l->addrs, node) {
		a->told = false;
		mark_dirty(n, a);
	}
}

struct reading {
	struct net *net;
	int result;
};

static void take_addr(void *ctx, const struct message *m)
{
	struct reading *r = ctx;

	if (m->type == MESSAGE_ADDR && addr_apply(r->net, m))
		r->result = -ENOMEM;
}

int addrs_read(struct net *n)
{
	struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
	struct nl_msg *msg = request_new(RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header));
	struct reading reading = { .net = n };
	struct address *a;
	struct link *l;
	int r;

	r = request_run(n->req, msg, take_addr, &reading);
	if (!r)
		r = reading.result;
	if (r)
		return r;
	list_for_each(l, &n->links, node)
		list_for_each(a, &l->addrs, node)
			if (a->seen != n->reading)
				addr_gone(n, a);
	return 0;
}

static void tell_one(struct net *n, struct address *a)
{
	struct net_watch *w;

	a->told = !a->told;
	for (w = net_watch_first(n); w; w = net_watch_next(n))
		if (w->addr)
			w->addr(w, a->ifindex, &a->prefix, a->told);
}

void addrs_tell(struct net *n)
{
	while (!list_empty(&n->dirty_addrs)) {
		struct address *a = container_of(n->dirty_addrs.next, struct address, dirty_node);

		list_del(&a->dirty_node);
		a->dirty = false;
		if (a->told != is_usable(a))
			tell_one(n, a);
		/* A watch may have put it back by now. */
		if (a->gone && !a->dirty)
			addr_free(n, a);
	}
}

void addrs_free(struct net *n, struct link *l)
{
	struct address *a, *tmp;

	list_for_each_safe(a, tmp, &l->addrs, node)
		addr_free(n, a);
}

/* ---- Adding and removing ---- */

static uint8_t scope_of(const struct addr *a)
{
	return addr_is_loopback(a)			       ? RT_SCOPE_HOST
	       : addr_is_link_local(a) || addr_is_multicast(a) ? RT_SCOPE_LINK
							       : RT_SCOPE_UNIVERSE;
}

static struct nl_msg *addr_message(int type, int flags, unsigned ifindex, const struct prefix *p)
{
	struct ifaddrmsg header = {
		.ifa_family = (uint8_t)addr_family(&p->addr),
		.ifa_prefixlen = (uint8_t)p->len,
		.ifa_scope = scope_of(&p->addr),
		.ifa_index = ifindex,
	};
	struct nl_msg *msg = request_new(type, flags, &header, sizeof(header));

	if (msg && (request_put_addr(msg, IFA_LOCAL, &p->addr) ||
		    request_put_addr(msg, IFA_ADDRESS, &p->addr))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* IPv6 addresses are born deprecated: packets to them are answered from them, but the kernel does
 * not choose them as source of its own connections (RFC 6724 rule 3), checks among them, which
 * would die with the next failover.  IPv4 chooses primary addresses anyway. */
static int put_lifetime(struct nl_msg *msg, const struct prefix *p)
{
	struct ifa_cacheinfo life = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };

	return addr_is_v4(&p->addr) ? 0 : nla_put(msg, IFA_CACHEINFO, sizeof(life), &life);
}

static int add(struct net *n, unsigned ifindex, const struct prefix *p, uint32_t flags)
{
	struct nl_msg *msg = addr_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, p);

	if (msg && (nla_put_u32(msg, IFA_FLAGS, flags) || nla_put_u8(msg, IFA_PROTO, NET_ORIGIN) ||
		    put_lifetime(msg, p))) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_run(n->req, msg, NULL, NULL);
}

static int del(struct net *n, unsigned ifindex, const struct prefix *p)
{
	int r = request_run(n->req, addr_message(RTM_DELADDR, 0, ifindex, p), NULL, NULL);

	/* The address is not there, or its link is not. */
	return r == -EADDRNOTAVAIL || r == -ENODEV ? 0 : r;
}

/* The cache knows at once, so that who asks next hears the truth; the kernel's message follows. */
static void note(struct net *n, unsigned ifindex, const struct prefix *p, uint32_t flags, bool gone)
{
	struct message m = {
		.type = MESSAGE_ADDR,
		.gone = gone,
		.ifindex = ifindex,
		.addr = { .prefix = *p, .flags = flags | IFA_F_PERMANENT, .origin = NET_ORIGIN },
	};

	addr_apply(n, &m);
}

static uint32_t flags_v6(struct net *n, unsigned ifindex, const struct prefix *p)
{
	bool bare = p->len == 128 || find_sibling(n, ifindex, p, is_foreign);

	return IFA_F_NODAD | (bare ? IFA_F_NOPREFIXROUTE : 0);
}

int net_addr_add(struct net *n, unsigned ifindex, const struct prefix *p)
{
	bool v4 = addr_family(&p->addr) == AF_INET;
	const struct address *other = v4 ? NULL : find_any_len(n, ifindex, &p->addr);
	uint32_t flags = v4 ? 0 : flags_v6(n, ifindex, p);
	int r;

	/* IPv6 has an address once, and cannot change the length of its prefix. */
	if (other && other->prefix.len != p->len) {
		struct prefix old = other->prefix;

		r = net_addr_del(n, ifindex, &old);
		if (r)
			return r;
	}
	r = add(n, ifindex, p, flags);
	if (r)
		return r;
	if (v4 && find_sibling(n, ifindex, p, is_primary))
		flags |= IFA_F_SECONDARY;
	/* A worker of the kernel makes the local route; until then packets to it are forwarded. */
	if (!v4 && !net_addr_usable(n, ifindex, &p->addr))
		flags |= IFA_F_TENTATIVE;
	note(n, ifindex, p, flags, false);
	return 0;
}

int net_addr_del(struct net *n, unsigned ifindex, const struct prefix *p)
{
	const struct address *a = find(n, ifindex, p);
	const struct link *l = link_find(n, ifindex);
	bool first = a && l && addr_family(&p->addr) == AF_INET && !is_secondary(a) &&
		     find_sibling(n, ifindex, p, is_secondary);
	char old[SYSCTL_VALUE] = "";
	int r;

	if (first)
		sysctl_link_swap(l->now.name, "promote_secondaries", "1", old);
	r = del(n, ifindex, p);
	if (first && old[0])
		sysctl_link_swap(l->now.name, "promote_secondaries", old, NULL);
	if (!r)
		note(n, ifindex, p, 0, true);
	return r;
}

int net_group_join(struct net *n, unsigned ifindex, const struct addr *group)
{
	struct prefix p = { *group, addr_bits(group) };
	bool v4 = addr_is_v4(group);
	int r = add(n, ifindex, &p,
		    IFA_F_MCAUTOJOIN | (v4 ? 0 : IFA_F_NODAD | IFA_F_NOPREFIXROUTE));

	/* A link that was down has lost the IPv6 address, but the kernel's socket is still a
	 * member: all that was asked for. */
	return r == -EADDRINUSE ? 0 : r;
}

int net_group_leave(struct net *n, unsigned ifindex, const struct addr *group)
{
	struct prefix p = { *group, addr_bits(group) };

	return del(n, ifindex, &p);
}
