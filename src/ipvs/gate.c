// SPDX-License-Identifier: BSD-2-Clause
/* Gates: one slot of `gates` for each VRRP instance.
 *
 * A gate's slot is found again after a restart through (interface, VRID, family) in `gate_vrids`.
 * The fence is a latch that the programs set when they hear a peer although our heartbeat is old;
 * it is cleared here, with the first beat after the daemon has served its sockets and decided
 * again.
 */
#include "ipvs/gate.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/list.h"
#include "lib/log.h"

#define LOOPBACK 1 /* lo has this index in every network namespace */

struct owned {
	struct addr addr;
	char interface[IFNAMSIZ];
};

struct gate_entry {
	struct list node;
	char *name;
	uint32_t id;
	struct vrid_key vrid; /* ifindex 0: the interface is missing, nothing is in the map */
	char *interface_name; /* the instance's */
	struct owned *owned;
	unsigned n_owned;
	bool wanted;
	bool open;
};

struct gates {
	struct net *net;
	struct ipvs_backend *be;
	struct list entries;
	struct net_watch watch;
};

static struct gate_entry *find(const struct gates *g, const char *name)
{
	struct gate_entry *e;

	list_for_each(e, &g->entries, node)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static unsigned ifindex_of(const struct gates *g, const char *interface)
{
	const struct net_link *l = net_link_by_name(g->net, interface);

	return l ? l->ifindex : 0;
}

/* ---- The tables ---- */

static void set_vrid(struct gates *g, struct gate_entry *e, unsigned ifindex)
{
	if (e->vrid.ifindex == ifindex)
		return;
	if (e->vrid.ifindex)
		g->be->del(g->be, TABLE_GATE_VRIDS, &e->vrid);
	e->vrid.ifindex = ifindex;
	if (ifindex && g->be->set(g->be, TABLE_GATE_VRIDS, &e->vrid, &e->id))
		log_err("engine", "vrrp %s: the table of VRIDs is full: a dead lbd is not fenced",
			e->name);
}

/* A link-local address is one only together with its link. */
static struct gate_addr addr_key(const struct gates *g, const struct owned *o)
{
	bool local = !addr_is_v4(&o->addr) && addr_is_link_local(&o->addr);

	return (struct gate_addr){ .addr = o->addr,
				   .ifindex = local ? ifindex_of(g, o->interface) : 0 };
}

static void set_addr(struct gates *g, const struct gate_entry *e, const struct owned *o)
{
	bool on_lo = net_addr_present(g->net, LOOPBACK, &o->addr);
	uint32_t value = e->id | (on_lo ? GATE_ADDR_ON_LO : 0);
	struct gate_addr key = addr_key(g, o);

	if (g->be->set(g->be, TABLE_GATE_ADDRS, &key, &value))
		log_err("engine",
			"vrrp %s: the table of addresses is full: a dead lbd is not fenced",
			e->name);
}

static void set_addrs(struct gates *g, struct gate_entry *e)
{
	unsigned i;

	for (i = 0; i < e->n_owned; i++)
		set_addr(g, e, &e->owned[i]);
}

/* ---- Reconciling ---- */

static uint32_t free_slot(const struct gates *g)
{
	const struct gate_entry *e;
	uint32_t id;

	for (id = 1; id < GATE_MAX; id++) {
		bool used = false;

		list_for_each(e, &g->entries, node)
			used |= e->id == id;
		if (!used)
			return id;
	}
	return 0;
}

static void entry_free(struct gate_entry *e)
{
	list_del(&e->node);
	free(e->owned);
	free(e->interface_name);
	free(e->name);
	free(e);
}

static struct gate_entry *entry_new(struct gates *g, const struct conf_vrrp *c, uint32_t id)
{
	struct gate_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->name = strdup(c->name);
	e->id = id;
	e->vrid = (struct vrid_key){ .vrid = (uint8_t)c->vrid, .v6 = c->family == AF_INET6 };
	list_add_tail(&g->entries, &e->node);
	return e;
}

/* The gate that a predecessor had for this instance; its state stands until VRRP has decided. */
static void adopt(struct gates *g, const struct conf_vrrp *c)
{
	struct vrid_key key = { .vrid = (uint8_t)c->vrid, .v6 = c->family == AF_INET6 };
	struct gate_entry *e;
	uint32_t id;

	key.ifindex = ifindex_of(g, c->interface);
	if (!key.ifindex || g->be->get(g->be, TABLE_GATE_VRIDS, &key, &id) || !id || id >= GATE_MAX)
		return;
	list_for_each(e, &g->entries, node)
		if (e->id == id)
			return;
	e = entry_new(g, c, id);
	if (e)
		e->vrid = key;
}

static void take_addresses(struct gate_entry *e, const struct conf_vrrp *c)
{
	unsigned n = c->n_addresses + 1 + c->n_local_addresses, i;
	struct conf_vip *vips = calloc(n, sizeof(*vips));
	struct owned *owned = calloc(n, sizeof(*owned));

	if (!vips || !owned) {
		free(vips);
		free(owned);
		return;
	}
	n = conf_vrrp_held(c, vips);
	for (i = 0; i < n; i++) {
		owned[i].addr = vips[i].prefix.addr;
		snprintf(owned[i].interface, sizeof(owned[i].interface), "%s", vips[i].interface);
	}
	free(vips);
	free(e->owned);
	e->owned = owned;
	e->n_owned = n;
}

/* An address that moves to a new instance goes on as it is until VRRP has decided: no packet meets
 * a gate that is closed only because it is new. */
static void begin_as_before(struct gates *g, struct gate_entry *e)
{
	struct gate *slot = &g->be->gates[e->id];
	unsigned i;
	uint32_t id;

	memset(slot, 0, sizeof(*slot));
	for (i = 0; i < e->n_owned; i++) {
		struct gate_addr key = addr_key(g, &e->owned[i]);

		if (g->be->get(g->be, TABLE_GATE_ADDRS, &key, &id))
			continue;
		id = GATE_OF(id);
		if (!id || id >= GATE_MAX || !load_word(&g->be->gates[id].open))
			continue;
		*slot = g->be->gates[id];
		return;
	}
}

static struct gate_entry *fresh(struct gates *g, const struct conf_vrrp *c)
{
	uint32_t id = free_slot(g);
	struct gate_entry *e;

	if (!id) {
		log_err("engine", "vrrp %s: all %u gates are taken", c->name, GATE_MAX - 1);
		return NULL;
	}
	e = entry_new(g, c, id);
	if (!e)
		return NULL;
	take_addresses(e, c);
	begin_as_before(g, e);
	return e;
}

static void update(struct gates *g, struct gate_entry *e, const struct conf_vrrp *c)
{
	take_addresses(e, c);
	free(e->interface_name);
	e->interface_name = strdup(c->interface);
	if (e->vrid.vrid != c->vrid) {
		set_vrid(g, e, 0);
		e->vrid.vrid = (uint8_t)c->vrid;
	}
	set_vrid(g, e, ifindex_of(g, c->interface));
	set_addrs(g, e);
	e->wanted = true;
}

void gates_reconcile(struct gates *g, const struct conf *c)
{
	struct gate_entry *e;
	unsigned i;

	g->be->gates[0].open = 1;
	list_for_each(e, &g->entries, node)
		e->wanted = false;
	for (i = 0; i < c->n_vrrp; i++)
		if (!find(g, c->vrrp[i].name))
			adopt(g, &c->vrrp[i]);
	for (i = 0; i < c->n_vrrp; i++) {
		e = find(g, c->vrrp[i].name);
		if (!e)
			e = fresh(g, &c->vrrp[i]);
		if (e)
			update(g, e, &c->vrrp[i]);
	}
}

static void drop_stray_addr(void *ctx, const void *key, const void *value)
{
	struct gates *g = ctx;
	uint32_t id = GATE_OF(*(const uint32_t *)value);
	struct gate_entry *e;
	unsigned i;

	list_for_each(e, &g->entries, node) {
		for (i = 0; e->wanted && e->id == id && i < e->n_owned; i++) {
			struct gate_addr want = addr_key(g, &e->owned[i]);

			if (!memcmp(&want, key, sizeof(want)))
				return;
		}
	}
	g->be->del(g->be, TABLE_GATE_ADDRS, key);
}

static void drop_stray_vrid(void *ctx, const void *key, const void *)
{
	struct gates *g = ctx;
	struct gate_entry *e;

	list_for_each(e, &g->entries, node)
		if (e->wanted && !memcmp(&e->vrid, key, sizeof(e->vrid)))
			return;
	g->be->del(g->be, TABLE_GATE_VRIDS, key);
}

void gates_sweep(struct gates *g)
{
	struct gate_entry *e, *next;

	g->be->each(g->be, TABLE_GATE_ADDRS, drop_stray_addr, g);
	g->be->each(g->be, TABLE_GATE_VRIDS, drop_stray_vrid, g);
	list_for_each_safe(e, next, &g->entries, node)
		if (!e->wanted)
			entry_free(e);
}

uint32_t gates_of(const struct gates *g, const struct addr *a)
{
	const struct gate_entry *e;
	unsigned i;

	list_for_each(e, &g->entries, node)
		for (i = 0; e->wanted && i < e->n_owned; i++)
			if (addr_equal(&e->owned[i].addr, a))
				return e->id;
	return 0;
}

/* ---- What VRRP says ---- */

static bool any_fenced(const struct gates *g)
{
	const struct gate_entry *e;

	list_for_each(e, &g->entries, node)
		if (load_word(&g->be->gates[e->id].fenced))
			return true;
	return false;
}

/* Lifts the latch of one gate; of gate 0, which says that there is any, with the last.  A program
 * may set one meanwhile: it sets its own gate first, so looking again finds it. */
static void lift(struct gates *g, struct gate *slot)
{
	store_word(&slot->fenced, 0);
	if (any_fenced(g))
		return;
	store_word(&g->be->gates[0].fenced, 0);
	if (any_fenced(g))
		store_word(&g->be->gates[0].fenced, 1);
}

void gates_set(struct gates *g, const char *instance, bool open)
{
	struct gate_entry *e = find(g, instance);
	struct gate *slot;

	if (!e)
		return;
	slot = &g->be->gates[e->id];
	e->open = open;
	store_word(&slot->open, open);
	lift(g, slot);
}

void gates_beat(struct gates *g, const char *instance, usec_t stale, usec_t fresh)
{
	struct gate_entry *e = find(g, instance);
	struct gate *slot;

	if (!e)
		return;
	slot = &g->be->gates[e->id];
	store_long(&slot->stale_ns, (uint64_t)stale.us * 1000);
	store_long(&slot->fresh_ns, (uint64_t)fresh.us * 1000);
	store_long(&slot->beat_ns, (uint64_t)loop_now().us * 1000);
	if (!load_word(&slot->fenced))
		return;
	lift(g, slot);
	log_warn(
		"engine",
		"vrrp %s: this daemon had not run for so long that its data path fenced itself; open again",
		e->name);
}

/* An interface that was missing has come, or one has gone and come back with another index. */
static void on_link(struct net_watch *w, const struct net_link *link, bool gone)
{
	struct gates *g = container_of(w, struct gates, watch);
	struct gate_entry *e;

	list_for_each(e, &g->entries, node) {
		if (strcmp(e->interface_name, link->name))
			continue;
		set_vrid(g, e, gone ? 0 : link->ifindex);
		set_addrs(g, e);
	}
}

static void on_addr(struct net_watch *w, unsigned ifindex, const struct prefix *p, bool)
{
	struct gates *g = container_of(w, struct gates, watch);
	struct gate_entry *e;
	unsigned i;

	if (ifindex != LOOPBACK)
		return;
	list_for_each(e, &g->entries, node)
		for (i = 0; e->wanted && i < e->n_owned; i++)
			if (addr_equal(&e->owned[i].addr, &p->addr))
				set_addr(g, e, &e->owned[i]);
}

int gates_new(struct net *net, struct ipvs_backend *be, struct gates **ret)
{
	struct gates *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->net = net;
	g->be = be;
	list_init(&g->entries);
	g->watch.link = on_link;
	g->watch.addr = on_addr;
	net_watch_add(net, &g->watch);
	*ret = g;
	return 0;
}

void gates_free(struct gates *g)
{
	struct gate_entry *e, *next;

	if (!g)
		return;
	net_watch_del(g->net, &g->watch);
	list_for_each_safe(e, next, &g->entries, node)
		entry_free(e);
	free(g);
}
