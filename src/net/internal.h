/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of src/net share: the cache, and how changes to it become calls of watches.
 *
 * Messages only change the cache and put what they touched on a list of dirty objects.  When the
 * socket is empty (or the turn is over) net.c has each owner compare each dirty object with what
 * was last told of it, so a burst, a resync and an address that went and came back are all told as
 * what they amount to. */
#ifndef LBD_NET_INTERNAL_H
#define LBD_NET_INTERNAL_H

#include "lib/log.h"
#include "net/message.h"
#include "net/net.h"
#include "net/request.h"

/* IFA_PROTO of addresses that lbd makes; rt_protos gives it to nobody. */
#define NET_ORIGIN 76

/* Work that storms of events can ask for at will is done in turns of at most NET_TURN, and after it
 * took some time it rests for PACE_REST times as long: a fifth of a CPU at worst. */
#define NET_TURN  MSEC(2)
#define PACE_REST 4

struct pace {
	usec_t started, spent, ready;
};

void pace_start(struct pace *p, usec_t now);
/* The turn that pace_start began is over; `done`: so is the work. */
void pace_stop(struct pace *p, usec_t now, bool done);

struct link {
	struct net_link now, told;
	bool noarp; /* no neighbours there: loopback, tunnels */
	bool known; /* `told` says something */
	bool gone;
	bool reborn; /* went and came again before the going was told */
	bool filter; /* the owners of filters are to look there */
	bool dirty;
	usec_t up_since; /* when it came up; 0: it was up already when it was first seen */
	uint64_t seen;	 /* in which reading of everything */
	struct list node, dirty_node;
	struct list addrs; /* in the kernel's order */
};

struct address {
	unsigned ifindex;
	struct prefix prefix;
	uint32_t flags;
	uint8_t origin; /* IFA_PROTO */
	bool gone, told, dirty;
	uint64_t seen;
	struct list node, dirty_node;
};

/* A next hop's neighbour, kept as long as a hop wants it. */
struct net_neigh {
	unsigned ifindex;
	struct addr addr;
	bool resolved;
	uint8_t mac[6];
	bool complained;  /* that the kernel refuses to keep it */
	struct list node; /* in one of the lists of struct net */
	struct list hops;
};

struct net {
	struct loop *loop;
	struct request_socket *req;
	struct nl_sock *events;
	struct loop_io io;
	uint8_t *buf;
	struct net_stats stats;

	uint64_t reading; /* counts the times that everything was read */
	struct loop_timer resync;
	struct pace resync_pace;
	struct log_limit resync_log;

	struct list watches; /* borrowed */
	struct list *cursor; /* the next watch of the walk that is under way */

	void *links_by_index; /* tsearch(3) trees */
	void *addrs_by_key;
	void *neighs_by_key;
	struct list links;
	struct list dirty_links, dirty_addrs;

	/* Hops and neighbours wait in a todo list to be asked for. */
	struct list hops, todo_hops, tell_hops; /* borrowed */
	struct list neighs, todo_neighs;
	struct list unkept_neighs; /* asked for again each second until the kernel keeps them */
	struct loop_timer work, retry;
	struct pace work_pace;
	bool route_changed; /* all hops are to ask again */
	bool route_failed;  /* one could not, and is to try again */
};

/* net.c */

/* The watches, one after the other, whatever the one just called adds or takes away. */
struct net_watch *net_watch_first(struct net *n);
struct net_watch *net_watch_next(struct net *n);
/* The receive buffer of the event socket; tests make it tiny. */
int net_set_buffer(struct net *n, int bytes);

/* link.c */

struct link *link_find(const struct net *n, unsigned ifindex); /* NULL also when it went */
int link_apply(struct net *n, const struct message *m);
void link_filter_gone(struct net *n, unsigned ifindex);
int links_read(struct net *n);
void links_tell(struct net *n);	     /* those that came or changed */
void links_tell_gone(struct net *n); /* after their addresses */
void links_free(struct net *n);

/* addr.c */

int addr_apply(struct net *n, const struct message *m);
void addrs_link_gone(struct net *n, struct link *l);
void addrs_link_reborn(struct net *n, struct link *l);
int addrs_read(struct net *n);
void addrs_tell(struct net *n);
void addrs_free(struct net *n, struct link *l);

/* hop.c */

void hops_init(struct net *n);
void hops_route_changed(struct net *n);
void hops_neigh_changed(struct net *n, struct net_neigh *neigh);
void hops_work_soon(struct net *n);
void hops_retry_later(struct net *n); /* in a second, with the unkept neighbours */
void hops_tell(struct net *n);
void hops_stop(struct net *n);

/* neigh.c */

int neigh_get(struct net *n, unsigned ifindex, const struct addr *a, struct net_neigh **ret);
void neigh_put(struct net *n, struct net_neigh *neigh);
void neigh_apply(struct net *n, const struct message *m);
/* All of that link (0: of all links) are to be looked at again. */
void neighs_suspect(struct net *n, unsigned ifindex);
/* So are those that the kernel does not keep. */
void neighs_retry(struct net *n);
/* Asks until the deadline; whether all is done. */
bool neighs_work(struct net *n, usec_t deadline);

/* sysctl.c */

#define SYSCTL_VALUE 32

/* Writes net.ipv4.conf.LINK.KEY.  *ret_old, if wanted: what stood there when that was something
 * else, otherwise "".  Best effort: /proc/sys may be read-only. */
void sysctl_link_swap(const char *link, const char *key, const char *value, char *ret_old);

#endif
