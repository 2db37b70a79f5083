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
#include "ipvs/ports.h"
#include "ipvs/sched.h"
#include "ipvs/service.h"
#include "ipvs/wide.h"
#include "lib/log.h"

static const char *const method_names[] = {
	[METHOD_NAT] = "nat",
	[METHOD_DR] = "dr",
	[METHOD_TUN] = "tun",
	[METHOD_FULLNAT] = "fullnat",
};
_Static_assert((int)CONF_METHOD_NAT == METHOD_NAT && (int)CONF_METHOD_DR == METHOD_DR &&
		       (int)CONF_METHOD_TUN == METHOD_TUN &&
		       (int)CONF_METHOD_FULLNAT == METHOD_FULLNAT,
	       "the operator's methods are the engine's");
_Static_assert((int)CONF_NO_FLOW_RESET == NO_FLOW_RESET && (int)CONF_NO_FLOW_DROP == NO_FLOW_DROP &&
		       (int)CONF_NO_FLOW_SCHEDULE == NO_FLOW_SCHEDULE,
	       "and so are their policies");

const char *ipvs_method_name(unsigned method)
{
	return method < METHODS ? method_names[method] : "?";
}

/* ---- Servers of one service ---- */

/* A server whose address, port or method changed is another server: the old one is retired. */
static bool same_server(const struct ipvs_server *d, const struct conf_server *c)
{
	return addr_equal(&d->addr, &c->address) && d->port == htons(c->port) &&
	       d->method == c->method;
}

static bool reaches(const struct ipvs_service *s, const struct conf_server *c)
{
	return c->method == CONF_METHOD_TUN || addr_is_v4(&c->address) != s->v6;
}

/* Makes d, which may be NULL, what c says.  The server, or NULL when there is no room. */
static struct ipvs_server *reconcile_server(struct ipvs_service *s, struct ipvs_server *d,
					    const struct conf_server *c)
{
	if (d && !same_server(d, c)) {
		server_retire(d);
		d = NULL;
	}
	if (!d)
		d = server_new(s, c);
	if (!d)
		return NULL;
	server_set(d, c);
	d->wanted = true;
	return d;
}

/* The sorry server needs no check: it is asked only when there is nobody else. */
static void reconcile_sorry(struct ipvs_service *s, const struct conf_service *c)
{
	struct svc *svc = &s->ipvs->be->svcs[s->id];
	struct ipvs_server *d = NULL;

	if (c->has_sorry && reaches(s, &c->sorry))
		d = reconcile_server(s, s->sorry, &c->sorry);
	s->sorry = d;
	if (d) {
		d->sorry = true;
		server_set_up(d, true);
	}
	store_word(&svc->sorry, d ? d->id : 0);
}

/* The order of the list is that of the file: tables are made in it. */
static void reconcile_servers(struct ipvs_service *s, const struct conf_service *c)
{
	struct ipvs_server *d, *next;
	unsigned i;

	list_for_each(d, &s->servers, node)
		d->wanted = false;
	reconcile_sorry(s, c);
	for (i = 0; i < c->n_servers; i++) {
		if (!reaches(s, &c->servers[i]))
			continue;
		d = service_find_server(s, c->servers[i].name);
		d = reconcile_server(s, d, &c->servers[i]);
		if (!d)
			continue;
		list_del(&d->node);
		list_add_tail(&s->servers, &d->node);
	}
	list_for_each_safe(d, next, &s->servers, node)
		if (!d->wanted)
			server_retire(d);
}

/* ---- Services ---- */

static bool same_service(const struct ipvs_service *s, const struct conf_service *c)
{
	return s->protocol == c->protocol && s->port == c->port && s->port_last == c->port_last;
}

static void set_vips(struct ipvs_service *s, const struct conf_service *c)
{
	struct prefix *vips = calloc(c->n_vips, sizeof(*vips));
	unsigned i;

	if (!vips)
		return;
	free(s->vips);
	s->vips = vips;
	s->n_vips = 0;
	for (i = 0; i < c->n_vips; i++)
		if (addr_is_v4(&c->vips[i].addr) != s->v6)
			s->vips[s->n_vips++] = c->vips[i];
}

static void set_lips(struct ipvs_service *s, const struct conf_service *c)
{
	struct lip *lips = calloc(c->n_local_addresses + 1, sizeof(*lips));
	unsigned i;

	if (!lips)
		return;
	free(s->lips);
	s->lips = lips;
	s->n_lips = 0;
	for (i = 0; i < c->n_local_addresses; i++)
		if (addr_is_v4(&c->local_addresses[i].prefix.addr) != s->v6)
			lips[s->n_lips++] = (struct lip){
				.addr = c->local_addresses[i].prefix.addr,
				.port = c->local_port ? c->local_port : LIP_PORT_MIN,
				.last = c->local_port ? c->local_port_last : UINT16_MAX,
			};
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
	s->always = c->owner == CONF_OWNER_ALWAYS;
	s->on_server_down = c->on_server_down;
	set_vips(s, c);
	set_lips(s, c);
	service_publish(s, c);
	reconcile_servers(s, c);
	if (s->ring_stale)
		service_ring_build(s);
}

static struct svc_ref ref_of(const struct ipvs_service *s, const struct prefix *vip)
{
	return (struct svc_ref){
		.svc = s->id,
		.gate = s->always ? 0 : gates_of(s->ipvs->gates, &vip->addr),
	};
}

static bool is_wide(const struct ipvs_service *s, const struct prefix *vip)
{
	return service_is_wide(vip, s->port, s->port_last);
}

static void publish_keys(struct ipvs *v, struct ipvs_service *s)
{
	unsigned i;

	for (i = 0; i < s->n_vips; i++) {
		struct svc_key key = service_key(&s->vips[i].addr, s->port, s->protocol);
		struct svc_ref ref = ref_of(s, &s->vips[i]);
		int r = is_wide(s, &s->vips[i]) ? 0 : v->be->set(v->be, TABLE_SERVICES, &key, &ref);

		if (r)
			log_err(s->subject, "cannot enter it into the table of services: %s",
				strerror(-r));
	}
}

static void publish_wide(struct ipvs *v)
{
	struct wide_service *list;
	struct ipvs_service *s;
	unsigned room = 0, n = 0, i;

	list_for_each(s, &v->services, node)
		room += s->wanted ? s->n_vips : 0;
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return;
	list_for_each(s, &v->services, node)
		for (i = 0; s->wanted && i < s->n_vips; i++)
			if (is_wide(s, &s->vips[i]))
				list[n++] = (struct wide_service){
					.vip = s->vips[i],
					.protocol = s->protocol,
					.port = s->port,
					.last = s->port_last,
					.ref = ref_of(s, &s->vips[i]),
					.subject = s->subject,
				};
	wide_reconcile(v->be, v->ranges, list, n);
	free(list);
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
			if (!is_wide(s, &s->vips[i]))
				w.keys[w.n++] = service_key(&s->vips[i].addr, s->port, s->protocol);
	qsort(w.keys, w.n, sizeof(*w.keys), compare_keys);
	v->be->each(v->be, TABLE_SERVICES, drop_stray_key, &w);
	free(w.keys);
}

void ipvs_reconcile(struct ipvs *v, const struct conf *c)
{
	struct ipvs_service *s, *next;
	unsigned i, v6;

	bool first = !v->adopted;

	if (first) {
		server_adopt_all(v);
		wide_adopt(v->be, v->ranges);
	}
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
	publish_wide(v);
	drop_stray_keys(v);
	if (first)
		server_retire_adopted(v);
	list_for_each_safe(s, next, &v->services, node)
		if (!s->wanted)
			service_free(s);
	gates_sweep(v->gates);
	lips_sweep(v->lips);
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

/* Slots that no flow refers to any more, and local ports that run short. */
static void on_swept(void *ctx, const uint32_t *counts, uint64_t sweep)
{
	struct ipvs *v = ctx;
	struct ipvs_server *d, *next;
	struct ipvs_service *s;
	uint32_t id;

	list_for_each(s, &v->services, node)
		list_for_each(d, &s->servers, node)
			ports_watch(d);
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
		.method = ipvs_method_name(d->method),
		.weight = d->weight,
		.sorry = d->sorry,
		.up = d->up,
		.next_hop = hop_text(d),
		.active = load_word(&slot->active),
		.inactive = load_word(&slot->inactive),
		.ports_used = ports_used(slot),
		.ports_total = ports_total(v->be, slot),
		.rates = estimator_rates(rates_of_server(v->rates, d->id)),
	};

	stats_add(&st.stats, v->be, d->id);
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

static void add_up(const struct ipvs *v, uint32_t id, struct ipvs_service_status *st,
		   struct estimator *sum)
{
	const struct server *slot = &v->be->servers[id];

	st->active += load_word(&slot->active);
	st->inactive += load_word(&slot->inactive);
	stats_add(&st->stats, v->be, id);
	estimator_sum(sum, rates_of_server(v->rates, id));
}

/* A service's totals: its servers, those that are leaving, and those that have left. */
static void add_up_service(const struct ipvs *v, const struct ipvs_service *s,
			   struct ipvs_service_status *st)
{
	const struct ipvs_server *d;
	struct estimator sum = { 0 };

	st->stats = s->gone;
	list_for_each(d, &s->servers, node) {
		st->n_servers += !d->sorry;
		st->n_available += !d->sorry && d->up && d->weight;
		add_up(v, d->id, st, &sum);
	}
	list_for_each(d, &v->retired, node)
		if (v->be->servers[d->id].svc == s->id)
			add_up(v, d->id, st, &sum);
	st->rates = estimator_rates(&sum);
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
		.port_last = s->port_last,
		.vips = s->vips,
		.n_vips = s->n_vips,
	};
	add_up_service(v, s, &st);
	service(ctx, &st);
	list_for_each(d, &s->servers, node)
		show_server(v, d, server, ctx);
	return true;
}

void ipvs_show_link(const struct ipvs *v, unsigned ifindex, struct ipvs_link_status *ret)
{
	const struct estimator *e = rates_of_port(v->rates, ifindex);

	*ret = (struct ipvs_link_status){ 0 };
	v->be->read_port(v->be, ifindex, &ret->stats);
	if (e)
		ret->rates = estimator_rates(e);
}

void ipvs_set_links(struct ipvs *v, const unsigned *ifindexes, unsigned n)
{
	rates_set_ports(v->rates, ifindexes, n);
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

void ipvs_on_resets(struct ipvs *v, ipvs_resets_fn *resets, void *ctx)
{
	flows_on_resets(v->flows, resets, ctx);
}

void ipvs_resets_go_on(struct ipvs *v)
{
	flows_go_on(v->flows);
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
	v->rings = span_space_new(RING_CHUNKS * RING_CHUNK, RING_CHUNK);
	v->ranges = span_space_new(RANGE_MAX, 1);
	v->lips = lips_new(backend);
	if (v->rings && v->ranges && v->lips)
		r = gates_new(net, backend, &v->gates);
	if (!r)
		r = flows_new(loop, backend, on_swept, v, &v->flows);
	if (!r)
		r = rates_new(loop, backend, v->server_used, &v->rates);
	if (r) {
		ipvs_free(v);
		return r;
	}
	*ret = v;
	return 0;
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
		service_forget(s);
	}
	list_for_each_safe(d, next_server, &v->retired, node)
		server_free(v, d, false);
	gates_free(v->gates);
	rates_free(v->rates);
	lips_free(v->lips);
	span_space_free(v->ranges);
	span_space_free(v->rings);
	free(v);
}
