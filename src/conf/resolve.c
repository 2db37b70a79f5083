// SPDX-License-Identifier: BSD-2-Clause
/* One node's tree becomes its struct conf. */
#include "conf/resolve.h"

#include <netinet/in.h>
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

static void resolve_vrrp(struct resolver *r)
{
	const struct opt *o = schema_find(&schema_file, "vrrp");
	struct conf *c = r->conf;
	struct conf_vrrp *v;
	unsigned i;

	decode_named(&r->decoder, o, section(r, "vrrp"), &c->vrrp, &c->n_vrrp);
	for (v = c->vrrp; v < c->vrrp + c->n_vrrp; v++) {
		if (v->n_addresses)
			v->family = addr_family(&v->addresses[0].prefix.addr);
		for (i = 0; i < v->n_addresses; i++)
			if (!v->addresses[i].interface)
				v->addresses[i].interface = v->interface;
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
	if (s->protocol != IPPROTO_TCP)
		s->checks->type = CONF_CHECK_NONE;
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
	s->port_last = s->port;
	for (i = 0; i < s->n_servers; i++) {
		s->servers[i].method = s->method;
		if (!s->servers[i].port)
			s->servers[i].port = s->port;
	}
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

void resolve(struct conf *c, const struct node *root, struct arena *scratch,
	     struct problems *problems)
{
	struct resolver r = {
		.decoder = { .arena = c->arena, .problems = problems },
		.scratch = { .arena = scratch, .problems = problems },
		.root = root,
		.conf = c,
	};

	decode_names(&r.decoder, &schema_file, root);
	decode_node(&r.decoder, &schema_director, section(&r, "director"), &c->director);
	resolve_vrrp(&r);
	look_at_outer(&r);
	resolve_services(&r);
}
