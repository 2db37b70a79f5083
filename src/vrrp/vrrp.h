/* SPDX-License-Identifier: BSD-2-Clause */
/* VRRP (RFC 9568, and RFC 3768 for old peers) for the rest of lbd: a set of instances made to match
 * the configuration. */
#ifndef LBD_VRRP_VRRP_H
#define LBD_VRRP_VRRP_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "lib/loop.h"
#include "net/net.h"

enum vrrp_state {
	VRRP_INITIALIZE = 1, /* also: interface down, no address to speak from (with a reason) */
	VRRP_BACKUP,
	VRRP_MASTER,
};

const char *vrrp_state_name(enum vrrp_state s); /* "BACKUP" */

/* What the set asks of whoever runs it.  name is the instance's. */
struct vrrp_ops {
	/* The data path may forward for the instance's addresses (open) or must not.  Called in the
	 * order of DESIGN D9: gaining: open, advert, addresses, announce; losing: addresses away,
	 * closed. */
	void (*gate)(void *ctx, const char *name, bool open);
	/* The VRRP sockets have just been served: stamp the heartbeat.  stale: master-down
	 * interval, after which silence means that the daemon is dead; fresh: for how long after an
	 * advert a peer counts as alive. Called at least once each advert interval in every state,
	 * after the state machine has decided on what the sockets held and the addresses are
	 * accordingly: a fence may be lifted here. */
	void (*beat)(void *ctx, const char *name, usec_t stale, usec_t fresh);
	void (*state_changed)(void *ctx, const char *name, enum vrrp_state from,
			      enum vrrp_state to);
	/* How many of a service's servers are healthy, and how many it has. */
	void (*healthy)(void *ctx, const char *service, unsigned *ret_healthy, unsigned *ret_all);
};

struct vrrp_set;

/* net and ops are borrowed. */
int vrrp_set_new(struct loop *loop, struct net *net, const struct vrrp_ops *ops, void *ctx,
		 struct vrrp_set **ret);
/* Makes instances, timers and addresses match c, which is borrowed until the next call (the old
 * configuration may be freed after it returns).  An instance whose name, interface and family stay
 * keeps its state; an address wanted before and after is never taken away in between, whichever
 * instance wants it, and a new instance that gets one which we have is MASTER at once.  At the
 * first call, addresses of ours that a crashed daemon left are taken over or away as the state
 * decides. Never fails as a whole: an instance that cannot run stands in INITIALIZE with a reason.
 */
void vrrp_set_reconcile(struct vrrp_set *s, const struct conf *c);
/* What `healthy` says of a service may have changed.  May be called at any time. */
void vrrp_set_service_changed(struct vrrp_set *s, const char *service);
/* Priority 0 for every instance that is MASTER, addresses removed. */
void vrrp_set_stop(struct vrrp_set *s);
void vrrp_set_free(struct vrrp_set *s); /* takes NULL */

/* X(member, exported name, help): one list for struct, JSON, text and documentation. */
#define VRRP_COUNTERS(X)                                                                           \
	X(adverts_sent, "adverts_sent", "adverts sent")                                            \
	X(adverts_received, "adverts_received", "valid adverts received")                          \
	X(priority_zero_sent, "priority_zero_sent", "adverts sent that hand over")                 \
	X(priority_zero_received, "priority_zero_received", "adverts received that hand over")     \
	X(became_master, "became_master", "times that this instance became MASTER")                \
	X(checksum_pseudo, "checksum_pseudo", "adverts whose checksum covers the pseudo header")   \
	X(checksum_rfc9568, "checksum_rfc9568",                                                    \
	  "IPv4 adverts whose checksum covers the message alone")                                  \
	X(address_mismatch, "address_mismatch", "adverts with other addresses than ours")          \
	X(interval_mismatch, "interval_mismatch", "adverts with another interval than ours")       \
	X(second_owner, "second_owner", "adverts of another owner (priority 255) than ourselves")  \
	X(drop_short, "drop_short", "shorter than its header or its count says")                   \
	X(drop_ttl, "drop_ttl", "to the group, but TTL or hop limit not 255")                      \
	X(drop_version, "drop_version", "another version of VRRP")                                 \
	X(drop_type, "drop_type", "not an advertisement")                                          \
	X(drop_checksum, "drop_checksum", "no form of the checksum is right")                      \
	X(drop_auth, "drop_auth", "another authentication or password (version 2)")                \
	X(drop_count, "drop_count", "no address in it")                                            \
	X(drop_link_local, "drop_link_local", "IPv6: the first address is not link-local")         \
	X(drop_interval, "drop_interval", "advertisement interval of zero")                        \
	X(drop_other_interval, "drop_other_interval",                                              \
	  "another advertisement interval than ours (version 2)")                                  \
	X(drop_peer, "drop_peer", "not sent to us, or unicast and not from a configured peer")     \
	X(drop_own, "drop_own", "from our own address: the network sends our adverts back")        \
	X(trailing, "trailing", "adverts with bytes after the last address, which are ignored")    \
	X(late_timer, "late_timer", "timers that fired late, and sockets were read first")         \
	X(send_errors, "send_errors", "adverts that could not be sent")                            \
	X(address_repaired, "address_repaired", "addresses that somebody else removed, put back")

struct vrrp_counters {
#define X(member, name, help) uint64_t member;
	VRRP_COUNTERS(X)
#undef X
};

/* A copy for display. */
struct vrrp_status {
	const char *name;  /* borrowed */
	const char *group; /* that it moves with; NULL: none */
	const char *interface;
	uint8_t vrid, version;
	int family;
	enum vrrp_state state;
	const char *reason; /* of the last transition, or why it stands in INITIALIZE */
	usec_t since;
	uint8_t priority;	/* in force */
	uint8_t priority_base;	/* as configured, before what is tracked is added */
	usec_t advert_interval; /* ours */
	usec_t master_interval; /* the master's, adopted */
	struct addr master;	/* who sent the last valid advert; any: nobody yet */
	uint8_t master_priority;
	usec_t last_advert; /* when; 0: never */
	unsigned n_addresses;
	bool addresses_differ; /* those of the last advert from ours */
	struct vrrp_counters counters;
};

void vrrp_set_each(const struct vrrp_set *s, void (*each)(void *ctx, const struct vrrp_status *st),
		   void *ctx);
/* Of something that an instance tracks. */
enum vrrp_track_verdict {
	VRRP_TRACK_UNKNOWN,
	VRRP_TRACK_GOOD,
	VRRP_TRACK_FAILED,
};

const char *vrrp_track_verdict_name(enum vrrp_track_verdict v); /* "good" */

struct vrrp_track_status {
	const char *name; /* borrowed */
	enum vrrp_track_verdict verdict;
	const char *detail; /* what was seen last */
	int weight;	    /* 0: failing is a fault */
	usec_t since;
};

typedef void (*vrrp_track_fn)(void *ctx, const char *instance, const struct vrrp_track_status *st);
/* Of the instance of that name. */
void vrrp_set_each_track(const struct vrrp_set *s, const char *instance, vrrp_track_fn each,
			 void *ctx);
/* Packets for VRIDs that nobody here has, or that could not be told whose they are. */
uint64_t vrrp_set_unknown_vrid(const struct vrrp_set *s);

#endif
