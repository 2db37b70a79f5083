/* SPDX-License-Identifier: BSD-2-Clause */
/* A LAN in one process for tests of src/vrrp: hosts with fake net, sockets, announcer and loop,
 * under a clock that jumps from timer to timer. */
#ifndef LBD_TESTS_VRRP_WORLD_H
#define LBD_TESTS_VRRP_WORLD_H

#include "vrrp/announce.h"
#include "vrrp/packet.h"
#include "vrrp/vrrp.h"

enum {
	MAX_INSTANCES = 20,
	MAX_VIPS = 512,
	MAX_ADDRESSES = 1024,
	LINKS = 2,
};

/* A configuration that a test writes into. */
struct plan {
	struct conf conf;
	struct conf_vrrp vrrp[MAX_INSTANCES];
	struct conf_vip vips[MAX_INSTANCES][MAX_VIPS];
	struct addr peers[MAX_INSTANCES][4];
	struct conf_track tracks[MAX_INSTANCES][4];
	struct conf_vrrp_group group;
	const char *members[MAX_INSTANCES];
};

struct on_link {
	unsigned ifindex;
	struct prefix prefix;
};

struct gate_of {
	const char *name;
	bool open;
	unsigned opened, changes;
	usec_t beat, stale, fresh;
	unsigned beats; /* of this life */
};

struct host;

/* One world at a time. */
void world_begin(void);
void world_end(void);
/* Lets time pass; checks what must always be true after each callback. */
void world_run(usec_t span);
usec_t world_now(void);
/* While set, nothing passes between hosts. */
void world_cut(bool cut);
/* Of 1000 datagrams so many are lost, so many come twice, and each takes up to that long, whichever
 * was sent first. */
void world_network(unsigned lost, unsigned twice, usec_t delay);
/* 0 to sides - 1; the same each time after the same seed. */
unsigned world_dice(unsigned sides);
void world_seed(uint64_t seed);
/* Every timer fires that late. */
void world_late(usec_t by);
/* What adding or removing an address takes. */
void world_address_cost(usec_t cost);

/* eth0 and eth1 are there and up; eth0 has that address.  On both families' networks of its own. */
struct host *host_new(const char *address);
void host_configure(struct host *h, const struct conf *c);
bool host_is_dead(const struct host *h);
/* As SIGSTOP does: timers wait, datagrams pile up. */
void host_freeze(struct host *h, bool frozen);
/* Forgets what has piled up, as a machine does that stood still itself. */
void host_lose_pending(struct host *h);
/* As SIGKILL does: it is gone, its addresses stay. */
void host_kill(struct host *h);
/* The daemon comes again on the same machine. */
void host_start(struct host *h);
void host_stop(struct host *h);

struct vrrp_status host_status(struct host *h, const char *name);
void host_each_track(struct host *h, const char *name, vrrp_track_fn each, void *ctx);
enum vrrp_state host_state(struct host *h, const char *name);
struct gate_of *host_gate(struct host *h, const char *name);
uint64_t host_unknown(const struct host *h);
bool host_has(const struct host *h, unsigned ifindex, const char *address);
bool host_has_prefix(const struct host *h, unsigned ifindex, const char *prefix);
/* What was done to the outside, in order, repetitions once: "open advert add announce". */
const char *host_trace(struct host *h);
void host_clear_trace(struct host *h);
unsigned host_sent(const struct host *h);
unsigned host_announced(const struct host *h);
unsigned host_removed(const struct host *h); /* addresses */
usec_t host_refresh(const struct host *h);   /* of the address last configured */
usec_t host_longest_callback(const struct host *h);

/* What others do to the machine. */
void host_link(struct host *h, const char *name, bool exists, bool up, unsigned ifindex);
void host_add(struct host *h, unsigned ifindex, const char *prefix);
void host_remove(struct host *h, unsigned ifindex, const char *prefix);
void host_fail_adds(struct host *h, int error);
void host_fail_sends(struct host *h, int error);
void host_route(struct host *h, const char *to, bool there);
/* The service "www" has so many servers. */
void host_healthy(struct host *h, unsigned healthy, unsigned servers);
/* A program that lbd has started ends; false: it does not run. */
bool host_proc_ends(struct host *h, const char *name, int status);
unsigned host_started(const struct host *h); /* programs */
const char *host_env(const struct host *h);  /* of the last one, a line each */
/* A datagram arrives; dst NULL: the group. */
void host_receive(struct host *h, unsigned ifindex, const char *src, const char *dst, int hops,
		  const void *data, size_t len);
/* An advert arrives from `src` with one address. */
void host_hear(struct host *h, const char *src, uint8_t vrid, uint8_t priority, usec_t interval,
	       const char *vip);

/* Instance i of the plan: named, on eth0, one second, preempting, priority as given. */
struct conf_vrrp *plan_instance(struct plan *p, unsigned i, const char *name, int family,
				uint8_t vrid, uint8_t priority);
void plan_vip(struct plan *p, unsigned i, const char *prefix, const char *interface);
/* The first n instances are a group. */
void plan_group(struct plan *p, const char *name, unsigned n);
/* Polled kinds: every second.  The rest is the caller's. */
struct conf_track *plan_track(struct plan *p, unsigned i, enum conf_track_kind kind,
			      const char *name, int weight);
void plan_peer(struct plan *p, unsigned i, const char *address);

#endif
