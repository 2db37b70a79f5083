/* SPDX-License-Identifier: BSD-2-Clause */
/* One service and its servers, as they stand in the maps. */
#ifndef LBD_IPVS_SERVICE_H
#define LBD_IPVS_SERVICE_H

#include <arpa/inet.h>

#include "conf/conf.h"
#include "ipvs/backend.h"
#include "ipvs/lip.h"
#include "ipvs/rates.h"
#include "ipvs/span.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "net/net.h"

/* A slot of `servers`. */
struct ipvs_server {
	struct list node;	      /* of its service, or of ipvs.retired */
	struct ipvs_service *service; /* borrowed; NULL once retired */
	char *name;
	uint32_t id;
	struct addr addr;
	__be16 port;
	unsigned method; /* enum method */
	uint32_t weight;
	uint32_t upper, lower; /* thresholds */
	bool up;
	bool sorry;  /* it is its service's sorry server, in no ring */
	bool wanted; /* mark of a reconcile under way */
	bool failed; /* or removed: on_server_down says what becomes of its flows */
	bool no_hop_told, lip_told;
	bool ports_scarce; /* told */
	struct net_hop hop;
	uint64_t retired_in_sweep; /* number of the first whole sweep after it was retired */
};

/* A slot of `svcs`, and its keys in `services` and `wide`.  A service with VIPs of both families
 * has two, each with the VIPs of one and the servers that these can reach: a tunnel leads to
 * servers of either family, all else to those of its own. */
struct ipvs_service {
	struct list node;  /* of ipvs.services */
	struct ipvs *ipvs; /* borrowed */
	char *name;
	char subject[80]; /* of log lines */
	bool v6;
	uint32_t id;
	struct prefix *vips;
	unsigned n_vips;
	uint16_t port, port_last;
	uint8_t protocol;
	bool always; /* its VIPs belong to no instance */
	unsigned method, scheduler;
	uint32_t mh_size;
	unsigned on_server_down; /* enum conf_server_down */
	struct list servers;
	struct ipvs_server *sorry; /* one of them, or NULL */
	struct lip *lips;	   /* fullnat: none for the host's own address */
	unsigned n_lips;
	struct server_stats gone; /* of servers whose slots are free again */
	bool wanted;
	bool ring_stale; /* the ring is not what the servers' states ask for */
};

/* What all of the engine's control side shares. */
struct ipvs {
	struct loop *loop;
	struct net *net;
	struct ipvs_backend *be;
	struct list services;
	struct list retired;	/* servers that flows may still refer to */
	bool svc_used[SVC_MAX]; /* slots */
	bool server_used[SERVER_MAX];
	uint32_t last_server_slot;
	struct span_space *rings, *ranges;
	struct lips *lips;
	struct loop_timer rebuild; /* stale rings, in turns */
	struct gates *gates;
	struct flows *flows;
	struct rates *rates;
	bool adopted;
	void (*server_link)(void *ctx);
	void *server_link_ctx;
};

static inline struct svc_key service_key(const struct addr *vip, uint16_t port, uint8_t protocol)
{
	return (struct svc_key){ .vip = *vip, .port = htons(port), .proto = protocol };
}

/* Too much for a key of `services`: an entry of `wide` then. */
bool service_is_wide(const struct prefix *vip, uint16_t port, uint16_t port_last);

struct ipvs_service *service_find(struct ipvs *v, const char *name, bool v6);
struct ipvs_service *service_by_id(struct ipvs *v, uint32_t id);
/* Not the sorry server. */
struct ipvs_server *service_find_server(struct ipvs_service *s, const char *name);

/* Before the first service_new: every server that the maps hold counts as retired, and is taken
 * back when the configuration wants it. */
void server_adopt_all(struct ipvs *v);

/* Looks for its own slot in the maps (a predecessor's), else takes a free one.  NULL, and a log
 * line, when there is no room. */
struct ipvs_service *service_new(struct ipvs *v, const struct conf_service *c, bool v6);
/* Writes what the packet path asks of the service itself: timeouts, policies, persistence. */
void service_publish(struct ipvs_service *s, const struct conf_service *c);
/* Takes it out of the daemon's memory; the maps stay as they are.  Its servers must be gone. */
void service_forget(struct ipvs_service *s);
/* The keys must be gone from `services` already; its servers are retired. */
void service_free(struct ipvs_service *s);

/* Adds what one server has counted. */
void stats_add(struct server_stats *sum, struct ipvs_backend *be, uint32_t server);

/* The same for a server of s. */
struct ipvs_server *server_new(struct ipvs_service *s, const struct conf_server *c);
/* No new flows; the slot stays until no flow refers to it. */
void server_retire(struct ipvs_server *d);
/* Takes it out of the memory of the daemon; the slot is free when `release`. */
void server_free(struct ipvs *v, struct ipvs_server *d, bool release);

/* Those that the maps held and the configuration does not want are retired as others are. */
void server_retire_adopted(struct ipvs *v);
void server_set_up(struct ipvs_server *d, bool up);
/* Takes over what may change while it stays the same server: weight, thresholds. */
void server_set(struct ipvs_server *d, const struct conf_server *c);

/* Has the ring made anew, soon; or now. */
void service_ring_stale(struct ipvs_service *s);
void service_ring_build(struct ipvs_service *s);
/* The timer function of ipvs.rebuild. */
void service_rebuild_turn(struct loop_timer *t, usec_t now);

#endif
