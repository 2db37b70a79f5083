// SPDX-License-Identifier: BSD-2-Clause
/* Reads rtnetlink messages: pure functions from bytes to facts.
 *
 * Attributes are taken raw: the objects of libnl 3.7 know neither NDA_FLAGS_EXT nor IFA_PROTO. */
#include "net/message.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

static int read_u32(const struct nlattr *a, uint32_t *ret)
{
	if (nla_len(a) != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, nla_data(a), sizeof(*ret));
	return 0;
}

static int read_u8(const struct nlattr *a, uint8_t *ret)
{
	if (nla_len(a) != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, nla_data(a), sizeof(*ret));
	return 0;
}

static int read_bytes_addr(int family, const void *bytes, int len, struct addr *ret)
{
	if (len != (family == AF_INET ? 4 : 16))
		return -EBADMSG;
	*ret = addr_from_bytes(family, bytes);
	return 0;
}

static int read_addr(const struct nlattr *a, int family, struct addr *ret)
{
	return read_bytes_addr(family, nla_data(a), nla_len(a), ret);
}

/* Text that a terminator or the attribute ends; longer than the field is malformed. */
static int read_text(const struct nlattr *a, char *buf, size_t size)
{
	size_t len = strnlen(nla_data(a), (size_t)nla_len(a));

	if (len >= size)
		return -EBADMSG;
	memcpy(buf, nla_data(a), len);
	buf[len] = '\0';
	return 0;
}

static void read_mac(const struct nlattr *a, bool *has, uint8_t mac[6])
{
	/* Other lengths are other kinds of link, and none of lbd's business. */
	*has = nla_len(a) == 6;
	if (*has)
		memcpy(mac, nla_data(a), 6);
}

/* The fixed header of `type`, and its attributes in tb[0..max]; NULL when it is malformed. */
static const void *open_message(const struct nlmsghdr *h, size_t header, struct nlattr **tb,
				int max)
{
	if (nlmsg_parse((struct nlmsghdr *)h, (int)header, tb, max, NULL) < 0)
		return NULL;
	return nlmsg_data(h);
}

static int parse_kind(const struct nlattr *linkinfo, struct message_link *link)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	if (nla_parse_nested(tb, IFLA_INFO_MAX, (struct nlattr *)linkinfo, NULL) < 0)
		return -EBADMSG;
	return tb[IFLA_INFO_KIND] ? read_text(tb[IFLA_INFO_KIND], link->kind, sizeof(link->kind))
				  : 0;
}

static int parse_link(const struct nlmsghdr *h, struct message *m)
{
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *info = open_message(h, sizeof(*info), tb, IFLA_MAX);
	struct message_link *link = &m->link;

	if (!info || info->ifi_index <= 0)
		return -EBADMSG;
	/* A bridge tells of its ports in the same group: a port that leaves is no gone link. */
	if (info->ifi_family != AF_UNSPEC) {
		m->type = MESSAGE_OTHER;
		return 0;
	}
	m->ifindex = (unsigned)info->ifi_index;
	link->flags = info->ifi_flags;
	if (tb[IFLA_IFNAME] && read_text(tb[IFLA_IFNAME], link->name, sizeof(link->name)))
		return -EBADMSG;
	if (tb[IFLA_MTU] && read_u32(tb[IFLA_MTU], &link->mtu))
		return -EBADMSG;
	if (tb[IFLA_ADDRESS] && info->ifi_type == ARPHRD_ETHER)
		read_mac(tb[IFLA_ADDRESS], &link->has_mac, link->mac);
	return tb[IFLA_LINKINFO] ? parse_kind(tb[IFLA_LINKINFO], link) : 0;
}

static int parse_addr(const struct nlmsghdr *h, struct message *m)
{
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *info = open_message(h, sizeof(*info), tb, IFA_MAX);
	struct message_addr *a = &m->addr;
	const struct nlattr *own;

	if (!info || !info->ifa_index)
		return -EBADMSG;
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) {
		m->type = MESSAGE_OTHER;
		return 0;
	}
	m->ifindex = info->ifa_index;
	a->flags = info->ifa_flags;
	/* IFA_ADDRESS is the other end where a link is point to point. */
	own = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!own || read_addr(own, info->ifa_family, &a->prefix.addr))
		return -EBADMSG;
	a->prefix.len = info->ifa_prefixlen;
	if (a->prefix.len > addr_bits(&a->prefix.addr))
		return -EBADMSG;
	if (tb[IFA_FLAGS] && read_u32(tb[IFA_FLAGS], &a->flags))
		return -EBADMSG;
	return tb[IFA_PROTO] ? read_u8(tb[IFA_PROTO], &a->origin) : 0;
}

static int parse_neigh(const struct nlmsghdr *h, struct message *m)
{
	struct nlattr *tb[NDA_MAX + 1];
	const struct ndmsg *info = open_message(h, sizeof(*info), tb, NDA_MAX);
	struct message_neigh *n = &m->neigh;
	uint32_t ext = 0;

	if (!info)
		return -EBADMSG;
	/* Forwarding entries of bridges, and proxy entries, are told in the same group. */
	if ((info->ndm_family != AF_INET && info->ndm_family != AF_INET6) ||
	    info->ndm_flags & NTF_PROXY) {
		m->type = MESSAGE_OTHER;
		return 0;
	}
	if (info->ndm_ifindex <= 0 || !tb[NDA_DST] ||
	    read_addr(tb[NDA_DST], info->ndm_family, &n->addr))
		return -EBADMSG;
	m->ifindex = (unsigned)info->ndm_ifindex;
	n->state = info->ndm_state;
	if (tb[NDA_FLAGS_EXT] && read_u32(tb[NDA_FLAGS_EXT], &ext))
		return -EBADMSG;
	n->managed = ext & NTF_EXT_MANAGED;
	if (tb[NDA_LLADDR])
		read_mac(tb[NDA_LLADDR], &n->has_mac, n->mac);
	return 0;
}

static int parse_gateway(struct nlattr **tb, int family, struct message_route *r)
{
	const struct nlattr *via = tb[RTA_VIA];
	const struct rtvia *v;

	if (tb[RTA_GATEWAY]) {
		r->has_gateway = true;
		return read_addr(tb[RTA_GATEWAY], family, &r->gateway);
	}
	if (!via)
		return 0;
	/* A gateway of the other family (RFC 5549). */
	if (nla_len(via) < (int)sizeof(*v))
		return -EBADMSG;
	v = nla_data(via);
	if (v->rtvia_family != AF_INET && v->rtvia_family != AF_INET6)
		return -EBADMSG;
	r->has_gateway = true;
	return read_bytes_addr(v->rtvia_family, v->rtvia_addr, nla_len(via) - (int)sizeof(*v),
			       &r->gateway);
}

static int parse_route_mtu(struct nlattr **tb, struct message_route *r)
{
	struct nlattr *metrics[RTAX_MAX + 1];
	struct rta_cacheinfo cache = { 0 };

	if (tb[RTA_CACHEINFO]) {
		if (nla_len(tb[RTA_CACHEINFO]) < (int)sizeof(cache))
			return -EBADMSG;
		memcpy(&cache, nla_data(tb[RTA_CACHEINFO]), sizeof(cache));
	}
	/* A metric that expires is a path MTU that the host learnt; nobody tells when it ends. */
	if (!tb[RTA_METRICS] || cache.rta_expires)
		return 0;
	if (nla_parse_nested(metrics, RTAX_MAX, tb[RTA_METRICS], NULL) < 0)
		return -EBADMSG;
	return metrics[RTAX_MTU] ? read_u32(metrics[RTAX_MTU], &r->mtu) : 0;
}

static int parse_route(const struct nlmsghdr *h, struct message *m)
{
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *info = open_message(h, sizeof(*info), tb, RTA_MAX);
	uint32_t oif = 0;

	if (!info)
		return -EBADMSG;
	if (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) {
		m->type = MESSAGE_OTHER;
		return 0;
	}
	if (tb[RTA_OIF] && read_u32(tb[RTA_OIF], &oif))
		return -EBADMSG;
	m->ifindex = oif;
	m->route.type = info->rtm_type;
	if (parse_gateway(tb, info->rtm_family, &m->route))
		return -EBADMSG;
	m->route.has_source = tb[RTA_PREFSRC];
	if (tb[RTA_PREFSRC] && read_addr(tb[RTA_PREFSRC], info->rtm_family, &m->route.source))
		return -EBADMSG;
	return parse_route_mtu(tb, &m->route);
}

/* A rule changes what a lookup finds, as a route does; what it says matters to nobody here. */
static int parse_rule(const struct nlmsghdr *, struct message *)
{
	return 0;
}

static int parse_filter(const struct nlmsghdr *h, struct message *m)
{
	const struct tcmsg *info = nlmsg_data(h);

	if (!nlmsg_valid_hdr(h, sizeof(*info)) || info->tcm_ifindex < 0)
		return -EBADMSG;
	m->ifindex = (unsigned)info->tcm_ifindex;
	return 0;
}

static const struct {
	enum message_type type;
	bool gone;
	int (*parse)(const struct nlmsghdr *h, struct message *m);
} parsers[RTM_MAX + 1] = {
	[RTM_NEWLINK] = { MESSAGE_LINK, false, parse_link },
	[RTM_DELLINK] = { MESSAGE_LINK, true, parse_link },
	[RTM_NEWADDR] = { MESSAGE_ADDR, false, parse_addr },
	[RTM_DELADDR] = { MESSAGE_ADDR, true, parse_addr },
	[RTM_NEWNEIGH] = { MESSAGE_NEIGH, false, parse_neigh },
	[RTM_DELNEIGH] = { MESSAGE_NEIGH, true, parse_neigh },
	[RTM_NEWROUTE] = { MESSAGE_ROUTE, false, parse_route },
	[RTM_DELROUTE] = { MESSAGE_ROUTE, true, parse_route },
	[RTM_NEWRULE] = { MESSAGE_ROUTE, false, parse_rule },
	[RTM_DELRULE] = { MESSAGE_ROUTE, true, parse_rule },
	[RTM_DELQDISC] = { MESSAGE_FILTER, true, parse_filter },
	[RTM_DELTFILTER] = { MESSAGE_FILTER, true, parse_filter },
	[RTM_DELCHAIN] = { MESSAGE_FILTER, true, parse_filter },
};

int message_parse(const struct nlmsghdr *h, struct message *ret)
{
	unsigned type = h->nlmsg_type;

	memset(ret, 0, sizeof(*ret));
	if (type > RTM_MAX || !parsers[type].parse)
		return 0;
	ret->type = parsers[type].type;
	ret->gone = parsers[type].gone;
	return parsers[type].parse(h, ret);
}
