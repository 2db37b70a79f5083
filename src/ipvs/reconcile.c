// SPDX-License-Identifier: BSD-2-Clause
/* Brings the engine's maps to what the configuration wants.
 *
 * There is one code for the start, for the start after a crash, and for a change: what exists is
 * compared with what is desired.  Order: gates first, then servers and rings, then the keys that
 * make packets find them; afterwards what nobody wants any more, in reverse.  A key that stands
 * before and after is overwritten, never removed in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/flows.h"
#include "ipvs/gate.h"
#include "ipvs/ipvs.h"
#include "ipvs/sched.h"
#include "ipvs/service.h"
#include "lib/log.h"

static const char *const method_names[] = {
	[METHOD_NAT] = "nat",
	[METHOD_DR] = "dr",
	[METHOD_TUN] = "tun",
	[METHOD_FULLNAT] = "fullnat",
};
_Static_assert((int)CONF_METHOD_NAT == METHOD_NAT && (int)CONF_METHOD_DR == METHOD_DR,
	       "the operator's methods are the engine's");

const char *ipvs_method_name(unsigned method)
{
	return method < METHODS ? method_names[method] : "?";
}

/* ---- Servers of one service ---- */

/* A server whose address, port or method changed is another server: the old one is retired. */
static bool same_server(const struct ipvs_service *s, const struct ipvs_server *d,
			const struct conf_server *c)
{
	return addr_equal(&d->addr, &c->address) && d->port == htons(c->port) &&
	       s->ipvs->be->servers[d->id].method == s->method;
}

static void reconcile_servers(struct ipvs_service *s, const struct conf_service *c)
{
	struct ipvs_server *d, *next;
	unsigned i;

	list_for_each(d, &s->servers, node)
		d->wanted = false;
	for (i = 0; i < c->n_servers; i++) {
		if (addr_is_v4(&c->servers[i].address) == s->v6)
			continue;
		d = service_find_server(s, c->servers[i].name);
		if (d && !same_server(s, d, &c->servers[i])) {
			server_retire(d);
			d = NULL;
		}
		if (!d)
			d = server_new(s, &c->servers[i]);
		if (!d)
			continue;
		server_set_weight(d, c->servers[i].weight);
		d->wanted = true;
	}
	list_for_each_safe(d, next, &s->servers, node)
		if (!d->wanted)
			server_retire(d);
}

/* ---- Services ---- */

static bool same_service(const struct ipvs_service *s, const struct conf_service *c)
{
	return s->protocol == c->protocol && s->port == c->port;
}

static void set_vips(struct ipvs_service *s, const struct conf_service *c)
{
	struct addr *vips = calloc(c->n_vips, sizeof(*vips));
	unsigned i;

	if (!vips)
		return;
	free(s->vips);
	s->vips = vips;
	s->n_vips = 0;
	for (i = 0; i < c->n_vips; i++)
		if (addr_is_v4(&c->vips[i].addr) != s->v6)
			s->vips[s->n_vips++] = c->vips[i].addr;
}

static bool has_family(const struct conf_service *c, bool v6)
{
	unsigned i;

	for (i = 0; i < c->n_vips; i++)
		if (addr_is_v4(&c->vips[i].addr) != v6)
			return true;
	return false;
}

static void reconcile_service(struct ipvs *v, const struct conf_service *c, bool v6)
{
	struct ipvs_service *s = service_find(v, c->name, v6);

	/* With another protocol or port it is another service; the old one goes at the end. */
	if (!s || !same_service(s, c))
		s = service_new(v, c, v6);
	if (!s)
		return;
	s->wanted = true;
	if (s->scheduler != c->scheduler || s->mh_size != c->mh_size)
		service_ring_stale(s);
	s->scheduler = c->scheduler;
	s->mh_size = c->mh_size;
	s->method = c->method;
	set_vips(s, c);
	reconcile_servers(s, c);
	if (s->ring_stale)
		service_ring_build(s);
}

static void publish_keys(struct ipvs *v, struct ipvs_service *s)
{
	unsigned i;

	for (i = 0; i < s->n_vips; i++) {
		struct svc_key key = service_key(&s->vips[i], s->port, s->protocol);
		struct svc_ref ref = { .svc = s->id, .gate = gates_of(v->gates, &s->vips[i]) };
		int r = v->be->set(v->be, TABLE_SERVICES, &key, &ref);

		if (r)
			log_err(s->subject, "cannot enter it into the table of services: %s",
				strerror(-r));
	}
}

/* Keys are looked up in a sorted array: there may be tens of thousands. */
struct wanted_keys {
	struct ipvs *v;
	struct svc_key *keys;
	size_t n;
};

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct svc_key));
}

static void drop_stray_key(void *ctx, const void *key, const void *)
{
	struct wanted_keys *w = ctx;

	if (!bsearch(key, w->keys, w->n, sizeof(*w->keys), compare_keys))
		w->v->be->del(w->v->be, TABLE_SERVICES, key);
}

static void drop_stray_keys(struct ipvs *v)
{
	struct wanted_keys w = { .v = v };
	struct ipvs_service *s;
	size_t room = 0;
	unsigned i;

	list_for_each(s, &v->services, node)
		room += s->wanted ? s->n_vips : 0;
	w.keys = calloc(room + 1, sizeof(*w.keys));
	if (!w.keys)
		return;
	list_for_each(s, &v->services, node)
		for (i = 0; s->wanted && i < s->n_vips; i++)
			w.keys[w.n++] = service_key(&s->vips[i], s->port, s->protocol);
	qsort(w.keys, w.n, sizeof(*w.keys), compare_keys);
	v->be->each(v->be, TABLE_SERVICES, drop_stray_key, &w);
	free(w.keys);
}

void ipvs_reconcile(struct ipvs *v, const struct conf *c)
{
	struct ipvs_service *s, *next;
	unsigned i, v6;

	if (!v->adopted)
		server_adopt_all(v);
	v->adopted = true;
	gates_reconcile(v->gates, c);
	list_for_each(s, &v->services, node)
		s->wanted = false;
	for (i = 0; i < c->n_services; i++)
		for (v6 = 0; v6 < 2; v6++)
			if (has_family(&c->services[i], v6))
				reconcile_service(v, &c->services[i], v6);
	list_for_each(s, &v->services, node)
		if (s->wanted)
			publish_keys(v, s);
	drop_stray_keys(v);
	list_for_each_safe(s, next, &v->services, node)
		if (!s->wanted)
			service_free(s);
	gates_sweep(v->gates);
}

/* ---- Facts from elsewhere ---- */

void ipvs_verdict(struct ipvs *v, const char *service, const char *server, bool up)
{
	struct ipvs_service *s;
	struct ipvs_server *d;
	unsigned v6;

	for (v6 = 0; v6 < 2; v6++) {
		s = service_find(v, service, v6);
		d = s ? service_find_server(s, server) : NULL;
		if (d)
			server_set_up(d, up);
	}
}

void ipvs_gate_set(struct ipvs *v, const char *instance, bool open)
{
	gates_set(v->gates, instance, open);
}

void ipvs_gate_beat(struct ipvs *v, const char *instance, usec_t stale, usec_t fresh)
{
	gates_beat(v->gates, instance, stale, fresh);
}

/* Slots that no flow refers to any more. */
static void on_swept(void *ctx, const uint32_t *counts, uint64_t sweep)
{
	struct ipvs *v = ctx;
	struct ipvs_server *d, *next;
	struct ipvs_service *s;
	uint32_t id;

	if (list_empty(&v->retired))
		return;
	list_for_each_safe(d, next, &v->retired, node)
		if (!counts[d->id] && sweep >= d->retired_in_sweep)
			server_free(v, d, true);
	memset(v->svc_used, 0, sizeof(v->svc_used));
	list_for_each(s, &v->services, node)
		v->svc_used[s->id] = true;
	list_for_each(d, &v->retired, node) {
		id = v->be->servers[d->id].svc;
		v->svc_used[id % SVC_MAX] = true;
	}
}

/* ---- Display ---- */

static const char *hop_text(const struct ipvs_server *d)
{
	if (d->no_hop_told)
		return d->hop.local ? "local" : d->hop.ifindex ? "behind a router" : "no route";
	return d->hop.resolved ? "ok" : "unresolved";
}

static void show_server(const struct ipvs *v, const struct ipvs_server *d,
			void (*server)(void *ctx, const struct ipvs_server_status *s), void *ctx)
{
	const struct server *slot = &v->be->servers[d->id];
	struct ipvs_server_status st = {
		.name = d->name,
		.addr = d->addr,
		.port = ntohs(d->port),
		.id = d->id,
		.weight = d->weight,
		.up = d->up,
		.next_hop = hop_text(d),
		.active = load_word(&slot->active),
		.inactive = load_word(&slot->inactive),
	};

	v->be->read_stats(v->be, d->id, &st.stats);
	server(ctx, &st);
}

static const struct ipvs_service *nth_service(const struct ipvs *v, unsigned n)
{
	const struct ipvs_service *s;

	list_for_each(s, &v->services, node)
		if (!n--)
			return s;
	return NULL;
}

static void add_up(const struct ipvs *v, uint32_t id, struct ipvs_service_status *st)
{
	const struct server *slot = &v->be->servers[id];

	st->active += load_word(&slot->active);
	st->inactive += load_word(&slot->inactive);
	stats_add(&st->stats, v->be, id);
}

/* A service's totals: its servers, those that are leaving, and those that have left. */
static void add_up_service(const struct ipvs *v, const struct ipvs_service *s,
			   struct ipvs_service_status *st)
{
	const struct ipvs_server *d;

	st->stats = s->gone;
	list_for_each(d, &s->servers, node) {
		st->n_servers++;
		st->n_available += d->up && d->weight;
		add_up(v, d->id, st);
	}
	list_for_each(d, &v->retired, node)
		if (v->be->servers[d->id].svc == s->id)
			add_up(v, d->id, st);
}

bool ipvs_show(const struct ipvs *v, unsigned n,
	       void (*service)(void *ctx, const struct ipvs_service_status *s),
	       void (*server)(void *ctx, const struct ipvs_server_status *s), void *ctx)
{
	const struct ipvs_service *s = nth_service(v, n);
	const struct ipvs_server *d;
	struct ipvs_service_status st;

	if (!s)
		return false;
	st = (struct ipvs_service_status){
		.name = s->name,
		.method = ipvs_method_name(s->method),
		.scheduler = sched_name(s->scheduler),
		.protocol = s->protocol,
		.port = s->port,
		.vips = s->vips,
		.n_vips = s->n_vips,
	};
	add_up_service(v, s, &st);
	service(ctx, &st);
	list_for_each(d, &s->servers, node)
		show_server(v, d, server, ctx);
	return true;
}

void ipvs_get_flow_stats(const struct ipvs *v, struct ipvs_flow_stats *ret)
{
	flows_get_stats(v->flows, ret);
}

void ipvs_each_server_link(const struct ipvs *v, void (*each)(void *ctx, unsigned ifindex),
			   void *ctx)
{
	const struct ipvs_service *s;
	const struct ipvs_server *d;

	list_for_each(s, &v->services, node)
		list_for_each(d, &s->servers, node)
			if (d->hop.ifindex && !d->hop.local)
				each(ctx, d->hop.ifindex);
}

void ipvs_on_server_link(struct ipvs *v, void (*changed)(void *ctx), void *ctx)
{
	v->server_link = changed;
	v->server_link_ctx = ctx;
}

/* ---- Birth and end ---- */

int ipvs_new(struct loop *loop, struct net *net, struct ipvs_backend *backend, struct ipvs **ret)
{
	struct ipvs *v = calloc(1, sizeof(*v));
	int r = -ENOMEM;

	if (!v)
		return -ENOMEM;
	v->loop = loop;
	v->net = net;
	v->be = backend;
	list_init(&v->services);
	list_init(&v->retired);
	loop_timer_init(&v->rebuild, loop, LOOP_NORMAL, service_rebuild_turn);
	v->rings = ring_space_new();
	if (!v->rings)
		goto err_free;
	r = gates_new(net, backend, &v->gates);
	if (r)
		goto err_rings;
	r = flows_new(loop, backend, on_swept, v, &v->flows);
	if (r)
		goto err_gates;
	*ret = v;
	return 0;

err_gates:
	gates_free(v->gates);
err_rings:
	ring_space_free(v->rings);
err_free:
	free(v);
	return r;
}

void ipvs_free(struct ipvs *v)
{
	struct ipvs_server *d, *next_server;
	struct ipvs_service *s, *next;

	if (!v)
		return;
	loop_timer_stop(&v->rebuild);
	flows_free(v->flows);
	list_for_each_safe(s, next, &v->services, node) {
		list_for_each_safe(d, next_server, &s->servers, node)
			server_free(v, d, false);
		list_del(&s->node);
		free(s->vips);
		free(s->name);
		free(s);
	}
	list_for_each_safe(d, next_server, &v->retired, node)
		server_free(v, d, false);
	gates_free(v->gates);
	ring_space_free(v->rings);
	free(v);
}
