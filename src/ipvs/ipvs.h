/* SPDX-License-Identifier: BSD-2-Clause */
/* The forwarding engine's control side, for the rest of lbd: services and servers made to match the
 * configuration, verdicts, gates, the life of flows.
 *
 * reconcile.c  brings the maps to what the configuration wants, adopting what a predecessor left
 * service.c    one service: its servers, next hops, ring
 * gate.c       which VRRP instance owns which address, and the fence
 * flows.c pass.c  the sweep: ends expired flows and those of lost servers, recounts
 * ports.c      how many local ports of fullnat are in use
 * sched.c ring.c  what goes into a ring, and where rings are
 */
#ifndef LBD_IPVS_IPVS_H
#define LBD_IPVS_IPVS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "ipvs/backend.h"
#include "lib/loop.h"
#include "net/net.h"
#include "net/reset.h"

struct ipvs;

/* loop, net and backend are borrowed.  0 or -errno. */
int ipvs_new(struct loop *loop, struct net *net, struct ipvs_backend *backend, struct ipvs **ret);
void ipvs_free(struct ipvs *v); /* takes NULL; leaves the maps as they are */

/* Makes the engine match c (borrowed during the call only).  The first call adopts what the maps
 * hold. What stands before and after is never taken away in between.  Never fails as a whole; what
 * does not fit is logged. */
void ipvs_reconcile(struct ipvs *v, const struct conf *c);

/* A server of a service may, or may not, get new flows.  In force with the next packet. */
void ipvs_verdict(struct ipvs *v, const char *service, const char *server, bool up);

/* What VRRP says of an instance (vrrp/vrrp.h has the meaning). */
void ipvs_gate_set(struct ipvs *v, const char *instance, bool open);
void ipvs_gate_beat(struct ipvs *v, const char *instance, usec_t stale, usec_t fresh);

/* Calls back for every link that a server is reached by, some more than once. */
void ipvs_each_server_link(const struct ipvs *v, void (*each)(void *ctx, unsigned ifindex),
			   void *ctx);
/* Called after a next hop has changed, so that its link can be attached. */
void ipvs_on_server_link(struct ipvs *v, void (*changed)(void *ctx), void *ctx);

/* Resets that the ends of flows of lost servers are owed; list is borrowed during the call only.
 * False: there is no room for more until ipvs_resets_go_on(). */
typedef bool ipvs_resets_fn(void *ctx, const struct net_reset *list, size_t n);
void ipvs_on_resets(struct ipvs *v, ipvs_resets_fn *resets, void *ctx);
void ipvs_resets_go_on(struct ipvs *v);

/* ---- For display ---- */

struct ipvs_server_status {
	const char *name; /* borrowed */
	struct addr addr;
	uint16_t port; /* host order */
	uint32_t id;
	const char *method;
	uint32_t weight;
	bool up;
	bool sorry;	      /* it serves when no other can */
	const char *next_hop; /* "ok", "unresolved", "no route", ... */
	uint32_t active, inactive;
	uint32_t ports_used, ports_total; /* fullnat: of the local addresses; else 0 */
	struct server_stats stats;
};

struct ipvs_service_status {
	const char *name;
	const char *method, *scheduler;
	uint8_t protocol;
	uint16_t port, port_last;
	const struct prefix *vips;
	unsigned n_vips, n_servers, n_available;
	uint32_t active, inactive;
	struct server_stats stats; /* with those of servers that were removed since the start */
};

/* service is called for the n-th service (those with VIPs of both families count twice), then
 * server for each of its servers.  False: there are not so many. */
bool ipvs_show(const struct ipvs *v, unsigned n,
	       void (*service)(void *ctx, const struct ipvs_service_status *s),
	       void (*server)(void *ctx, const struct ipvs_server_status *s), void *ctx);

struct ipvs_flow_stats {
	uint64_t flows; /* at the last sweep: pairs count once */
	uint64_t entries4, entries6, templates;
	/* since the start */
	uint64_t reclaimed, orphans, forgotten, corrected;
	uint64_t lost;		 /* of the reclaimed: their server had failed or was removed */
	uint64_t resets;	 /* made for these */
	uint64_t resets_unknown; /* not made: the end had acknowledged nothing */
	usec_t sweep_took, sweep_cpu;
};
void ipvs_get_flow_stats(const struct ipvs *v, struct ipvs_flow_stats *ret);

const char *ipvs_method_name(unsigned method);

#endif
