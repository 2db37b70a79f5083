// SPDX-License-Identifier: BSD-2-Clause
/* One service and its servers, as they stand in the maps.
 *
 * Identity survives a restart by content: a service's slot is the one that a key of it in
 * `services` names, a server's is the one that holds its service, address, port and method.
 */
#include "ipvs/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/flows.h"
#include "ipvs/sched.h"
#include "lib/log.h"

/* A turn of rebuilding rings takes no longer. */
#define TURN MSEC(2)

/* IPVS's timeouts (ip_vs_proto_tcp.c, ip_vs_proto_udp.c), in seconds. */
static const uint16_t timeouts[FLOW_STATES] = {
	[FLOW_NONE] = 2,      [FLOW_ESTABLISHED] = 900, [FLOW_SYN_SENT] = 120,
	[FLOW_SYN_RECV] = 60, [FLOW_FIN_WAIT] = 120,	[FLOW_TIME_WAIT] = 120,
	[FLOW_CLOSE] = 10,    [FLOW_CLOSE_WAIT] = 60,	[FLOW_LAST_ACK] = 30,
	[FLOW_LISTEN] = 120,  [FLOW_SYNACK] = 120,	[FLOW_UDP] = 300,
};

struct ipvs_service *service_find(struct ipvs *v, const char *name, bool v6)
{
	struct ipvs_service *s;

	list_for_each(s, &v->services, node)
		if (s->v6 == v6 && !strcmp(s->name, name))
			return s;
	return NULL;
}

static struct ipvs_service *service_by_id(struct ipvs *v, uint32_t id)
{
	struct ipvs_service *s;

	list_for_each(s, &v->services, node)
		if (s->id == id)
			return s;
	return NULL;
}

struct ipvs_server *service_find_server(struct ipvs_service *s, const char *name)
{
	struct ipvs_server *d;

	list_for_each(d, &s->servers, node)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

/* ---- Servers ---- */

static struct server *slot(struct ipvs_server *d, struct ipvs *v)
{
	return &v->be->servers[d->id];
}

/* Writes the next hop beside the one in force, then turns over. */
static void publish_hop(struct ipvs *v, struct ipvs_server *d)
{
	bool by_router = !addr_equal(&d->hop.gateway, &d->hop.to);
	bool usable = d->hop.ifindex && !d->hop.local &&
		      !(d->service->method == CONF_METHOD_DR && by_router);
	struct server *srv = slot(d, v);
	struct nexthop *h = &srv->hops[(load_word(&srv->hop) & 1) ^ 1];
	char text[ADDR_STRLEN];

	memset(h, 0, sizeof(*h));
	if (usable) {
		h->ifindex = d->hop.ifindex;
		h->mtu = d->hop.mtu;
		h->flags = d->hop.resolved ? HOP_RESOLVED : 0;
		memcpy(h->dmac, d->hop.dmac, 6);
		memcpy(h->smac, d->hop.smac, 6);
		h->gateway = d->hop.gateway;
	}
	store_word(&srv->hop, srv->hop + 1);

	if (usable == !d->no_hop_told)
		return;
	d->no_hop_told = !usable;
	if (usable)
		log_info(d->service->subject, "server %s: has a next hop", d->name);
	else
		log_warn(d->service->subject, "server %s %s: %s; its packets are dropped", d->name,
			 addr_str(&d->addr, text),
			 d->hop.local	  ? "is an address of this host"
			 : d->hop.ifindex ? "is behind a router, but dr needs a common segment"
					  : "no route");
}

/* Weight 0 keeps new flows away, but not the clients that persistence sends back. */
static void publish_status(struct ipvs_server *d)
{
	struct server *srv = slot(d, d->service->ipvs);

	srv->weight = d->weight;
	if (!d->up)
		store_word(&srv->status, 0);
	else
		store_word(&srv->status, SERVER_ALIVE | (d->weight ? SERVER_TAKES : 0));
}

static void on_hop_changed(struct net_hop *hop)
{
	struct ipvs_server *d = container_of(hop, struct ipvs_server, hop);
	struct ipvs *v = d->service->ipvs;

	publish_hop(v, d);
	if (v->server_link)
		v->server_link(v->server_link_ctx);
}

/* A server that was retired, or that a predecessor left, keeps its slot and its flows. */
static struct ipvs_server *take_back(struct ipvs_service *s, const struct conf_server *c)
{
	struct ipvs *v = s->ipvs;
	struct ipvs_server *d;

	list_for_each(d, &v->retired, node) {
		const struct server *srv = slot(d, v);

		if (srv->svc == s->id && srv->method == s->method && d->port == htons(c->port) &&
		    addr_equal(&d->addr, &c->address)) {
			list_del(&d->node);
			return d;
		}
	}
	return NULL;
}

static struct ipvs_server *take_slot(struct ipvs_service *s, const struct conf_server *c)
{
	struct ipvs *v = s->ipvs;
	struct ipvs_server *d;
	struct server *srv;
	uint32_t tried, id = v->last_server_slot;

	for (tried = 1; tried < SERVER_MAX; tried++) {
		id = id % (SERVER_MAX - 1) + 1;
		if (!v->server_used[id])
			break;
	}
	if (tried == SERVER_MAX) {
		log_err(s->subject, "server %s: all %u server slots are taken; it gets no traffic",
			c->name, SERVER_MAX - 1);
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	v->last_server_slot = id;
	v->server_used[id] = true;
	d->id = id;
	d->addr = c->address;
	d->port = htons(c->port);
	srv = slot(d, v);
	memset(srv, 0, sizeof(*srv));
	srv->addr = c->address;
	srv->port = d->port;
	srv->method = (uint8_t)s->method;
	v->be->clear_stats(v->be, id);
	store_word(&srv->svc, s->id);
	return d;
}

void server_adopt_all(struct ipvs *v)
{
	uint32_t id;

	for (id = 1; id < SERVER_MAX; id++) {
		const struct server *srv = &v->be->servers[id];
		struct ipvs_server *d;

		if (!srv->svc)
			continue;
		d = calloc(1, sizeof(*d));
		if (!d)
			return;
		d->id = id;
		d->addr = srv->addr;
		d->port = srv->port;
		d->up = load_word(&srv->status) & SERVER_ALIVE;
		d->retired_in_sweep = flows_next_sweep(v->flows);
		v->server_used[id] = true;
		v->svc_used[srv->svc % SVC_MAX] = true;
		list_add_tail(&v->retired, &d->node);
	}
}

struct ipvs_server *server_new(struct ipvs_service *s, const struct conf_server *c)
{
	struct ipvs *v = s->ipvs;
	struct ipvs_server *d = take_back(s, c);

	if (!d)
		d = take_slot(s, c);
	if (!d)
		return NULL;
	free(d->name);
	d->name = strdup(c->name);
	d->service = s;
	d->weight = c->weight;
	list_add_tail(&s->servers, &d->node);
	d->hop.to = d->addr;
	d->hop.changed = on_hop_changed;
	net_hop_add(v->net, &d->hop);
	publish_hop(v, d);
	publish_status(d);
	service_ring_stale(s);
	return d;
}

void server_retire(struct ipvs_server *d)
{
	struct ipvs_service *s = d->service;
	struct ipvs *v = s->ipvs;

	d->up = false;
	store_word(&slot(d, v)->status, 0);
	net_hop_del(v->net, &d->hop);
	list_del(&d->node);
	d->service = NULL;
	d->retired_in_sweep = flows_next_sweep(v->flows);
	list_add_tail(&v->retired, &d->node);
	service_ring_stale(s);
}

void stats_add(struct server_stats *sum, struct ipvs_backend *be, uint32_t server)
{
	struct server_stats one;

	if (be->read_stats(be, server, &one))
		return;
	sum->conns += one.conns;
	sum->in_packets += one.in_packets;
	sum->in_bytes += one.in_bytes;
	sum->out_packets += one.out_packets;
	sum->out_bytes += one.out_bytes;
}

void server_free(struct ipvs *v, struct ipvs_server *d, bool release)
{
	if (d->service)
		net_hop_del(v->net, &d->hop);
	list_del(&d->node);
	v->server_used[d->id] = false;
	if (release) {
		struct ipvs_service *s = service_by_id(v, slot(d, v)->svc);

		if (s)
			stats_add(&s->gone, v->be, d->id);
		memset(slot(d, v), 0, sizeof(struct server));
	}
	free(d->name);
	free(d);
}

void server_set_up(struct ipvs_server *d, bool up)
{
	bool changed = d->up != up;

	d->up = up;
	publish_status(d);
	if (changed)
		service_ring_stale(d->service);
}

void server_set_weight(struct ipvs_server *d, uint32_t weight)
{
	if (d->weight == weight)
		return;
	d->weight = weight;
	publish_status(d);
	service_ring_stale(d->service);
}

/* ---- Services ---- */

/* A free slot of `svcs`; 0 when there is none. */
static uint32_t free_svc(struct ipvs *v)
{
	uint32_t id;

	for (id = 1; id < SVC_MAX; id++)
		if (!v->svc_used[id])
			return id;
	return 0;
}

/* The slot that one of its keys names already, or a free one. */
static uint32_t service_slot(struct ipvs *v, const struct conf_service *c, bool v6)
{
	struct svc_ref ref;
	unsigned i;

	for (i = 0; i < c->n_vips; i++) {
		struct svc_key key = service_key(&c->vips[i].addr, c->port, c->protocol);

		if (addr_is_v4(&c->vips[i].addr) == v6)
			continue;
		if (v->be->get(v->be, TABLE_SERVICES, &key, &ref) || !ref.svc || ref.svc >= SVC_MAX)
			continue;
		if (service_by_id(v, ref.svc))
			continue;
		ring_adopt(v->rings, load_long(&v->be->svcs[ref.svc].ring));
		return ref.svc;
	}
	return free_svc(v);
}

struct ipvs_service *service_new(struct ipvs *v, const struct conf_service *c, bool v6)
{
	uint32_t id = service_slot(v, c, v6);
	struct ipvs_service *s;
	unsigned i;

	if (!id) {
		log_err("engine", "service %s: all %u service slots are taken; it is not served",
			c->name, SVC_MAX - 1);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->ipvs = v;
	s->v6 = v6;
	s->id = id;
	s->name = strdup(c->name);
	snprintf(s->subject, sizeof(s->subject), "service %s", c->name);
	s->protocol = c->protocol;
	s->port = c->port;
	s->method = c->method;
	s->scheduler = c->scheduler;
	s->mh_size = c->mh_size;
	s->ring_stale = true;
	list_init(&s->servers);
	v->svc_used[id] = true;
	for (i = 0; i < FLOW_STATES; i++)
		v->be->svcs[id].timeout[i] = timeouts[i] * v->be->hz;
	list_add_tail(&v->services, &s->node);
	return s;
}

static bool svc_has_retired(const struct ipvs *v, uint32_t id)
{
	const struct ipvs_server *d;

	list_for_each(d, &v->retired, node)
		if (v->be->servers[d->id].svc == id)
			return true;
	return false;
}

void service_free(struct ipvs_service *s)
{
	struct ipvs *v = s->ipvs;
	struct svc *svc = &v->be->svcs[s->id];
	struct ipvs_server *d, *next;

	list_for_each_safe(d, next, &s->servers, node)
		server_retire(d);
	ring_give(v->rings, svc->ring, loop_now());
	store_long(&svc->ring, 0);
	/* Flows of retired servers still read the timeouts; the sweep frees the slot with the last.
	 */
	v->svc_used[s->id] = svc_has_retired(v, s->id);
	list_del(&s->node);
	free(s->vips);
	free(s->name);
	free(s);
}

/* ---- Rings ---- */

void service_ring_stale(struct ipvs_service *s)
{
	s->ring_stale = true;
	if (!loop_timer_active(&s->ipvs->rebuild))
		loop_timer_in(&s->ipvs->rebuild, USEC(0));
}

static size_t candidates(struct ipvs_service *s, struct sched_server *out)
{
	struct ipvs_server *d;
	size_t n = 0;

	list_for_each(d, &s->servers, node) {
		if (!d->up || !d->weight)
			continue;
		if (out)
			out[n] = (struct sched_server){ d->id, d->weight, d->addr, d->port };
		n++;
	}
	return n;
}

static void write_ring(struct ipvs_backend *be, uint32_t first, const uint32_t *ids, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		be->rings[(first + i) / RING_CHUNK].server[(first + i) % RING_CHUNK] = ids[i];
}

void service_ring_build(struct ipvs_service *s)
{
	struct ipvs *v = s->ipvs;
	struct svc *svc = &v->be->svcs[s->id];
	size_t n = candidates(s, NULL);
	struct sched_server *servers = calloc(n + 1, sizeof(*servers));
	struct sched_params params = { s->scheduler, s->mh_size };
	uint64_t old = svc->ring;
	uint32_t len, *ids = NULL;
	int64_t first = 0;

	if (!servers)
		return;
	candidates(s, servers);
	len = sched_ring_len(&params, servers, n);
	if (len) {
		ids = calloc(len, sizeof(*ids));
		first = ids ? sched_ring_fill(&params, servers, n, ids) : -ENOMEM;
		if (!first)
			first = ring_take(v->rings, len, loop_now());
	}
	if (first < 0) {
		log_err(s->subject, "no room for a table of %u slots: the old one stays", len);
		goto out;
	}
	if (len)
		write_ring(v->be, (uint32_t)first, ids, len);
	svc->pick = (uint8_t)sched_pick(s->scheduler);
	store_long(&svc->ring, SPAN(first, len));
	ring_give(v->rings, old, loop_now());
	s->ring_stale = false;
out:
	free(ids);
	free(servers);
}

void service_rebuild_turn(struct loop_timer *t, usec_t now)
{
	struct ipvs *v = container_of(t, struct ipvs, rebuild);
	usec_t end = usec_add(now, TURN);
	struct ipvs_service *s;

	list_for_each(s, &v->services, node) {
		if (!s->ring_stale)
			continue;
		if (usec_before(end, loop_now())) {
			loop_timer_in(t, USEC(0));
			return;
		}
		service_ring_build(s);
	}
}
