// SPDX-License-Identifier: BSD-2-Clause
/* One node's tree becomes its struct conf. */
#include "conf/resolve.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "conf/decode.h"
#include "conf/problems.h"

struct resolver {
	struct decoder decoder;
	struct decoder scratch; /* for what nobody keeps: its mistakes are told */
	const struct node *root;
	struct conf *conf;
};

/* What stands for a group that was not written. */
static const struct node *empty_group(struct resolver *r, const struct node *parent,
				      const char *name)
{
	struct node *n = arena_alloc(r->scratch.arena, sizeof(*n));

	*n = (struct node){ .parent = parent,
			    .name = name,
			    .file = parent->file,
			    .line = parent->line,
			    .type = NODE_GROUP };
	return n;
}

static const struct node *section(struct resolver *r, const char *name)
{
	const struct node *n = node_find(r->root, name);

	return n ? n : empty_group(r, r->root, name);
}

/* Of several groups that want an instance the first one has it; rules tell of the others. */
static void resolve_groups(struct resolver *r)
{
	const struct opt *o = schema_find(&schema_file, "vrrp_groups");
	struct conf *c = r->conf;
	struct conf_vrrp *v;
	unsigned i, k;

	decode_named(&r->decoder, o, section(r, "vrrp_groups"), &c->vrrp_groups, &c->n_vrrp_groups);
	for (i = 0; i < c->n_vrrp_groups; i++)
		for (k = 0; k < c->vrrp_groups[i].n_members; k++)
			for (v = c->vrrp; v < c->vrrp + c->n_vrrp; v++)
				if (!v->group && !strcmp(v->name, c->vrrp_groups[i].members[k]))
					v->group = c->vrrp_groups[i].name;
}

/* A duration or number that was not written, where its kind looks at it. */
static void resolve_polling(struct conf_track *t)
{
	if (!t->interval.us)
		t->interval = SEC(2);
	if (!t->rise)
		t->rise = 1;
	if (!t->fall)
		t->fall = 1;
}

static void resolve_track(struct conf_track *t)
{
	const bool said[CONF_TRACK_KINDS] = {
		[CONF_TRACK_INTERFACE] = t->interface, [CONF_TRACK_ADDRESS] = t->has_address,
		[CONF_TRACK_ROUTE] = t->has_route,     [CONF_TRACK_SCRIPT] = t->n_script,
		[CONF_TRACK_FILE] = t->file,	       [CONF_TRACK_PROCESS] = t->process,
		[CONF_TRACK_INSTANCE] = t->instance,   [CONF_TRACK_SERVICE] = t->service,
	};
	unsigned kind, n = 0;

	for (kind = 0; kind < CONF_TRACK_KINDS; kind++) {
		n += said[kind];
		if (said[kind])
			t->kind = kind;
	}
	if (n != 1)
		t->kind = CONF_TRACK_NONE;
	if (t->kind == CONF_TRACK_SCRIPT || t->kind == CONF_TRACK_FILE ||
	    t->kind == CONF_TRACK_PROCESS)
		resolve_polling(t);
	if (t->kind == CONF_TRACK_SCRIPT && !t->timeout.us)
		t->timeout = t->interval;
	if (t->kind == CONF_TRACK_SERVICE && !t->below)
		t->below = 1;
	if (t->kind == CONF_TRACK_SERVICE && !t->delay.us)
		t->delay = SEC(5);
}

static void default_interface(struct conf_vip *list, unsigned n, const char *interface)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (!list[i].interface)
			list[i].interface = interface;
}

static void join_addresses(struct resolver *r, struct conf_vrrp *v)
{
	default_interface(v->advertised, v->n_advertised, v->interface);
	default_interface(v->extra, v->n_extra, v->interface);
	v->n_addresses = v->n_advertised + v->n_extra;
	v->addresses = arena_alloc(r->decoder.arena, v->n_addresses * sizeof(*v->addresses));
	if (v->n_advertised)
		memcpy(v->addresses, v->advertised, v->n_advertised * sizeof(*v->addresses));
	if (v->n_extra)
		memcpy(v->addresses + v->n_advertised, v->extra,
		       v->n_extra * sizeof(*v->addresses));
}

static void resolve_vrrp(struct resolver *r)
{
	const struct opt *o = schema_find(&schema_file, "vrrp");
	struct conf *c = r->conf;
	struct conf_vrrp *v;
	unsigned i;

	decode_named(&r->decoder, o, section(r, "vrrp"), &c->vrrp, &c->n_vrrp);
	for (v = c->vrrp; v < c->vrrp + c->n_vrrp; v++) {
		join_addresses(r, v);
		if (v->n_addresses)
			v->family = addr_family(&v->addresses[0].prefix.addr);
		for (i = 0; i < v->n_tracks; i++)
			resolve_track(&v->tracks[i]);
		if (v->n_notify && !v->notify_timeout.us)
			v->notify_timeout = SEC(30);
	}
	resolve_groups(r);
}

/* Mistakes in what no service uses are mistakes too. */
static void look_at_outer(struct resolver *r)
{
	const struct opt *o = schema_find(&schema_file, "pools");
	const struct node *pools = section(r, "pools");
	struct conf_service ignored;
	unsigned i;

	ignored = (struct conf_service){ 0 };
	decode_node(&r->scratch, &schema_defaults, section(r, "defaults"), &ignored);
	if (!decode_object_names(&r->scratch, o, pools))
		return;
	for (i = 0; i < pools->n; i++) {
		ignored = (struct conf_service){ 0 };
		decode_node(&r->scratch, &schema_pool, pools->kids[i], &ignored);
	}
}

/* NULL when the service names none, or one that is not there. */
static const struct node *pool_of(struct resolver *r, const struct node *service)
{
	const struct node *name = node_find(service, "pool"), *pools = section(r, "pools"), *pool;
	struct nearest nearest = { 0 };
	unsigned i;

	if (!name || name->type != NODE_TEXT || pools->type != NODE_GROUP)
		return NULL;
	if (node_find(service, "servers"))
		problem_at(
			r->decoder.problems, name,
			"cannot stand beside \"servers\": the servers are one's own or the pool's");
	pool = node_find(pools, name->text);
	if (pool)
		return pool->type == NODE_GROUP ? pool : NULL;
	nearest.wanted = name->text;
	for (i = 0; i < pools->n; i++)
		nearest_try(&nearest, pools->kids[i]->name);
	if (nearest.best)
		problem_at(r->decoder.problems, name,
			   "there is no pool \"%s\"; did you mean \"%s\"?", name->text,
			   nearest.best);
	else
		problem_at(r->decoder.problems, name, "there is no pool \"%s\"", name->text);
	return NULL;
}

/* A service without any check gets what suits its protocol. */
static void default_check(struct resolver *r, struct conf_service *s, const struct node *n)
{
	const char *single = schema_find(&schema_service, "checks")->single;

	s->checks = arena_alloc(r->decoder.arena, sizeof(*s->checks));
	s->n_checks = 1;
	decode_node(&r->decoder, &schema_check, empty_group(r, n, single), s->checks);
	s->checks->name = single;
	if (s->protocol != IPPROTO_TCP || s->port != s->port_last)
		s->checks->type = CONF_CHECK_NONE;
}

/* What a server leaves to its service.  Of a range of ports nothing: each packet keeps its own. */
static void resolve_server(const struct conf_service *s, struct conf_server *v)
{
	if (v->method == OPT_ENUM_UNSET)
		v->method = s->method;
	if (!v->port && s->port == s->port_last)
		v->port = s->port;
}

static bool is_fullnat(const struct conf_service *s, int family)
{
	const struct conf_server *v;

	for (v = s->servers; v < s->servers + s->n_servers; v++)
		if (v->method == CONF_METHOD_FULLNAT && addr_family(&v->address) == family)
			return true;
	return s->has_sorry && s->sorry.method == CONF_METHOD_FULLNAT &&
	       addr_family(&s->sorry.address) == family;
}

/* Of local addresses and ports that hold for all services, one takes what it has a use for. */
static void take_local_addresses(struct conf_service *s)
{
	unsigned i, n = 0;

	for (i = 0; i < s->n_local_addresses; i++)
		if (is_fullnat(s, addr_family(&s->local_addresses[i].prefix.addr)))
			s->local_addresses[n++] = s->local_addresses[i];
	s->n_local_addresses = n;
}

static void take_local_ports(struct conf_service *s)
{
	if (!is_fullnat(s, AF_INET) && !is_fullnat(s, AF_INET6))
		s->local_port = s->local_port_last = 0;
}

static void resolve_service(struct resolver *r, const struct node *n, struct conf_service *s)
{
	const struct node *pool = pool_of(r, n), *defaults = section(r, "defaults");
	struct layers layers = { .node = { n }, .view = { IN_SERVICE }, .n = 1 };
	unsigned i;

	s->name = arena_strdup(r->decoder.arena, n->name);
	if (pool) {
		layers.node[layers.n] = pool;
		layers.view[layers.n++] = IN_POOL;
	}
	layers.incomplete = !pool && node_find(n, "pool");
	if (defaults->type == NODE_GROUP) {
		layers.node[layers.n] = defaults;
		layers.view[layers.n++] = IN_DEFAULTS;
	}
	decode_group(&r->decoder, &schema_service, &layers, s);
	for (i = 0; i < s->n_servers; i++)
		resolve_server(s, &s->servers[i]);
	if (s->has_sorry) {
		s->sorry.name = "sorry";
		s->sorry.weight = 1;
		resolve_server(s, &s->sorry);
	}
	if (!node_find(n, "local_addresses"))
		take_local_addresses(s);
	if (!node_find(n, "local_ports"))
		take_local_ports(s);
	if (!s->n_checks)
		default_check(r, s, n);
}

static void resolve_services(struct resolver *r)
{
	const struct opt *o = schema_find(&schema_file, "services");
	const struct node *services = section(r, "services");
	struct conf *c = r->conf;
	unsigned i;

	if (!decode_object_names(&r->decoder, o, services))
		return;
	c->services = arena_alloc(c->arena, services->n * sizeof(*c->services));
	c->n_services = services->n;
	for (i = 0; i < services->n; i++)
		resolve_service(r, services->kids[i], &c->services[i]);
}

static void give_local_addresses(struct conf *c, struct conf_vrrp *v)
{
	struct conf_vip *list;
	unsigned n = conf_vrrp_local(c, v, &list);

	v->local_addresses = arena_alloc(c->arena, n * sizeof(*list));
	if (n)
		memcpy(v->local_addresses, list, n * sizeof(*list));
	v->n_local_addresses = n;
	free(list);
}

void resolve(struct conf *c, const struct node *root, struct arena *scratch,
	     struct problems *problems)
{
	struct resolver r = {
		.decoder = { .arena = c->arena, .problems = problems },
		.scratch = { .arena = scratch, .problems = problems },
		.root = root,
		.conf = c,
	};
	unsigned i;

	decode_names(&r.decoder, &schema_file, root);
	decode_node(&r.decoder, &schema_director, section(&r, "director"), &c->director);
	resolve_vrrp(&r);
	look_at_outer(&r);
	resolve_services(&r);
	for (i = 0; i < c->n_vrrp; i++)
		give_local_addresses(c, &c->vrrp[i]);
}
