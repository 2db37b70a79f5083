// SPDX-License-Identifier: BSD-2-Clause
/* One server of one service: a slot of `servers`, which outlives it as long as flows refer to it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/flows.h"
#include "ipvs/lip.h"
#include "ipvs/service.h"
#include "lib/log.h"

static struct server *slot(struct ipvs_server *d, struct ipvs *v)
{
	return &v->be->servers[d->id];
}

/* ---- Next hops ---- */

/* NULL, or why packets cannot go to the server. */
static const char *unreachable(const struct ipvs_server *d)
{
	const struct ipvs_service *s = d->service;
	bool by_router = !addr_equal(&d->hop.gateway, &d->hop.to);
	bool same_port = !d->port || d->port == htons(s->port);

	if (d->hop.local)
		return same_port
			       ? NULL
			       : "is an address of this host: only the service's own port reaches it";
	if (!d->hop.ifindex)
		return "no route";
	if (d->method == METHOD_DR && by_router)
		return "is behind a router, but dr needs a common segment";
	return NULL;
}

static void fill_hop(const struct ipvs_server *d, struct nexthop *h)
{
	if (d->hop.local) {
		h->flags = HOP_LOCAL;
		return;
	}
	h->ifindex = d->hop.ifindex;
	h->mtu = d->hop.mtu;
	h->flags = d->hop.resolved ? HOP_RESOLVED : 0;
	memcpy(h->dmac, d->hop.dmac, 6);
	memcpy(h->smac, d->hop.smac, 6);
	h->gateway = d->hop.gateway;
	h->source = d->hop.source;
}

/* Writes the next hop beside the one in force, then turns over. */
static void publish_hop(struct ipvs *v, struct ipvs_server *d)
{
	struct server *srv = slot(d, v);
	struct nexthop *h = &srv->hops[(load_word(&srv->hop) & 1) ^ 1];
	const char *why = unreachable(d);
	char text[ADDR_STRLEN];

	memset(h, 0, sizeof(*h));
	if (!why)
		fill_hop(d, h);
	store_word(&srv->hop, srv->hop + 1);

	if (!why == !d->no_hop_told)
		return;
	d->no_hop_told = why;
	if (why)
		log_warn(d->service->subject, "server %s %s: %s; its packets are dropped", d->name,
			 addr_str(&d->addr, text), why);
	else
		log_info(d->service->subject, "server %s: has a next hop", d->name);
}

/* ---- Local addresses (fullnat) ---- */

/* An address that the host uses itself on the way to the server may have only ports that the host
 * leaves. */
static bool lip_usable(struct ipvs_server *d, const struct lip *lip)
{
	char text[ADDR_STRLEN];

	if (!addr_equal(&lip->addr, &d->hop.source) || !lip_collides(lip))
		return true;
	if (!d->lip_told)
		log_err(d->service->subject,
			"server %s: ports %u-%u of %s are not used for fullnat: it is this host's own "
			"address, and net.ipv4.ip_local_port_range has some of them; set local_ports",
			d->name, lip->port, lip->last, addr_str(&lip->addr, text));
	d->lip_told = true;
	return false;
}

static uint64_t lips_for(struct ipvs_server *d)
{
	struct ipvs_service *s = d->service;
	struct lip *list;
	uint64_t span = 0;
	unsigned n = 0, i;

	if (!s->n_lips)
		return lips_of_host(s->ipvs->lips, &d->hop.source);
	list = calloc(s->n_lips, sizeof(*list));
	if (!list)
		return 0;
	for (i = 0; i < s->n_lips; i++)
		if (lip_usable(d, &s->lips[i]))
			list[n++] = s->lips[i];
	if (n)
		span = lips_get(s->ipvs->lips, list, n);
	free(list);
	return span;
}

static void publish_lips(struct ipvs_server *d)
{
	struct server *srv = slot(d, d->service->ipvs);

	store_long(&srv->lips, d->method == METHOD_FULLNAT ? lips_for(d) : 0);
}

/* ---- Status ---- */

/* Weight 0 keeps new flows away, but not the clients that persistence sends back, and drains. */
static uint32_t status_of(const struct ipvs_service *s, const struct ipvs_server *d)
{
	static const uint32_t lost[] = {
		[CONF_DOWN_KEEP] = 0,
		[CONF_DOWN_DROP] = SERVER_LOST,
		[CONF_DOWN_RESET] = SERVER_LOST | SERVER_RESET,
	};

	if (d->up)
		return SERVER_ALIVE | (d->weight ? SERVER_TAKES : 0);
	return d->failed && s ? lost[s->on_server_down] : 0;
}

/* The only writer of a status word. */
static void publish_status(struct ipvs *v, struct ipvs_server *d)
{
	struct server *srv = slot(d, v);
	uint32_t was = load_word(&srv->status), is;

	is = status_of(d->service ? d->service : service_by_id(v, srv->svc), d);
	store_word(&srv->weight, d->weight);
	store_word(&srv->upper, d->upper);
	store_word(&srv->lower, d->lower);
	store_word(&srv->status, is);
	if (is & SERVER_LOST && !(was & SERVER_LOST))
		flows_lost(v->flows);
}

static void on_hop_changed(struct net_hop *hop)
{
	struct ipvs_server *d = container_of(hop, struct ipvs_server, hop);
	struct ipvs *v = d->service->ipvs;

	publish_hop(v, d);
	publish_lips(d);
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

		if (srv->svc == s->id && srv->method == c->method && d->port == htons(c->port) &&
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
	srv->method = (uint8_t)c->method;
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
		d->failed = load_word(&srv->status) & SERVER_LOST;
		lips_adopt(v->lips, load_long(&srv->lips));
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
	d->method = c->method;
	d->weight = c->weight;
	d->upper = c->max_connections;
	d->lower = c->min_connections;
	list_add_tail(&s->servers, &d->node);
	d->hop.to = d->addr;
	d->hop.changed = on_hop_changed;
	net_hop_add(v->net, &d->hop);
	publish_hop(v, d);
	publish_lips(d);
	publish_status(v, d);
	service_ring_stale(s);
	return d;
}

void server_retire(struct ipvs_server *d)
{
	struct ipvs_service *s = d->service;
	struct ipvs *v = s->ipvs;

	d->up = false;
	d->failed = true;
	publish_status(v, d);
	net_hop_del(v->net, &d->hop);
	list_del(&d->node);
	d->service = NULL;
	d->retired_in_sweep = flows_next_sweep(v->flows);
	list_add_tail(&v->retired, &d->node);
	service_ring_stale(s);
}

void server_retire_adopted(struct ipvs *v)
{
	struct ipvs_server *d;

	list_for_each(d, &v->retired, node) {
		d->up = false;
		d->failed = true;
		publish_status(v, d);
	}
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
	d->failed = !up;
	publish_status(d->service->ipvs, d);
	if (changed)
		service_ring_stale(d->service);
}

void server_set(struct ipvs_server *d, const struct conf_server *c)
{
	bool other_weight = d->weight != c->weight;

	d->weight = c->weight;
	d->upper = c->max_connections;
	d->lower = c->min_connections;
	publish_status(d->service->ipvs, d);
	publish_lips(d);
	if (other_weight)
		service_ring_stale(d->service);
}
