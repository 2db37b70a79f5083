/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's network as netlink tells it: links, addresses, routes, neighbours, filters.
 *
 * One struct net follows the network namespace the daemon runs in.  Changes arrive through watches;
 * a lost message (ENOBUFS) makes it read everything again, tell only what really differs, and
 * count.  The cache is always whole: after net_new returns, questions are answered from it.  What
 * net_addr_add and its kin did stands in it at once; the watches hear of it in the next turn of the
 * loop. */
#ifndef LBD_NET_NET_H
#define LBD_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/list.h"
#include "lib/loop.h"

struct net;

/* 0 or -errno (-EPERM: CAP_NET_ADMIN is missing). */
int net_new(struct loop *loop, struct net **ret);
/* Takes NULL.  Watches and next hops must be gone before. */
void net_free(struct net *n);

/* ---- Links ---- */

struct net_link {
	unsigned ifindex;
	char name[16];
	char kind[16]; /* "veth", "vlan", "bond", ...; "" for hardware */
	uint8_t mac[6];
	uint16_t mtu;
	bool up; /* administratively up and with carrier */
};

/* Borrowed until the next turn of the loop; NULL when there is none. */
const struct net_link *net_link_by_name(const struct net *n, const char *name);
const struct net_link *net_link_by_index(const struct net *n, unsigned ifindex);

/* ---- Addresses ---- */

/* There at all, with whatever prefix, tentative or not. */
bool net_addr_present(const struct net *n, unsigned ifindex, const struct addr *a);
/* The same, and with which; an IPv4 address can be there with several. */
bool net_addr_find(const struct net *n, unsigned ifindex, const struct addr *a, struct prefix *ret);
/* There, and the kernel takes packets to it: it is not tentative. */
bool net_addr_usable(const struct net *n, unsigned ifindex, const struct addr *a);
/* What a packet of ours would carry as source there: of IPv4 the first primary address, of IPv6 the
 * first link-local one that is not tentative; `skip` (may be NULL) passes over those it claims.
 * -ENOENT when there is none. */
int net_addr_source(const struct net *n, unsigned ifindex, int family,
		    bool (*skip)(void *ctx, const struct addr *a), void *ctx, struct addr *ret);

/* Adds (replacing what is there) or removes; waits for the kernel's answer, which takes no longer
 * than the system call.  IPv6 addresses get no duplicate address detection, and are tentative until
 * the kernel's own message about them: their local route comes later than the answer.  Adding what
 * is there and removing what is not are no errors.  0 or -errno. */
int net_addr_add(struct net *n, unsigned ifindex, const struct prefix *p);
int net_addr_del(struct net *n, unsigned ifindex, const struct prefix *p);
/* Makes the kernel itself a member of a multicast group on a link (an autojoin address), so that
 * membership outlives the daemon. */
int net_group_join(struct net *n, unsigned ifindex, const struct addr *group);
int net_group_leave(struct net *n, unsigned ifindex, const struct addr *group);

/* ---- Watches ---- */

/* Each function may be NULL. */
struct net_watch {
	struct list node; /* net's */
	/* A link came, changed, or went (`gone`; link holds its last state). */
	void (*link)(struct net_watch *w, const struct net_link *link, bool gone);
	/* An address came (`present`, and usable: not tentative) or went.  One that was taken away
	 * and put back before the loop looked is not told; multicast addresses never are. */
	void (*addr)(struct net_watch *w, unsigned ifindex, const struct prefix *p, bool present);
	/* A qdisc or filter of that link was removed by somebody, or the link is new. */
	void (*filter)(struct net_watch *w, unsigned ifindex);
};

void net_watch_add(struct net *n, struct net_watch *w);
void net_watch_del(struct net *n, struct net_watch *w);

/* ---- Next hops ---- */

/* How to reach `to`: route by the kernel's own lookup, neighbour kept resolved by the kernel
 * (NTF_MANAGED, else by probing).  One that fails keeps its last MAC: checks decide life. */
struct net_hop {
	struct addr to;
	/* The answer, kept current: */
	unsigned ifindex;    /* 0: no route (or local, blackhole, ...) */
	struct addr gateway; /* `to` itself on a connected network */
	bool resolved;	     /* dmac is known */
	uint8_t dmac[6];
	uint8_t smac[6];    /* of the link */
	uint16_t mtu;	    /* of the route, else of the link */
	struct addr source; /* our address on that way; unspecified when the kernel did not say */
	bool local;	    /* `to` is an address of this host */
	/* Called after each change, never from net_hop_add itself. */
	void (*changed)(struct net_hop *hop);
	/* net's: */
	struct list node;     /* in one of its work lists */
	struct list by_neigh; /* in its neighbour */
	struct list tell;     /* while `changed` is due */
	struct net_neigh *neigh;
};

/* The caller sets to and changed; the answer as far as it is known stands in *hop on return. */
void net_hop_add(struct net *n, struct net_hop *hop);
void net_hop_del(struct net *n, struct net_hop *hop);

/* Whether packets for `to` could leave this host all the time since then: the kernel's route uses
 * a link that is up and was settled by then.  Asks the kernel once: not for each packet. */
bool net_path_up(struct net *n, const struct addr *to, usec_t since);

/* Counters, for the status. */
struct net_stats {
	uint64_t messages;
	uint64_t resyncs; /* after ENOBUFS */
	uint64_t malformed;
};
void net_get_stats(const struct net *n, struct net_stats *ret);

#endif
