// SPDX-License-Identifier: BSD-2-Clause
/* From a file to a struct conf: the tree, each node's view of it, the choice of the node.
 *
 * Every node's view is made and checked, so that `lbd -t` on one director finds what is wrong for
 * the other; one of them is returned. */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf/decode.h"
#include "conf/load.h"
#include "conf/problems.h"
#include "conf/resolve.h"
#include "conf/rules.h"
#include "conf/source.h"

struct views {
	const struct conf_source *source;
	struct arena *scratch;
	struct problems *problems;
	struct rules_node view[CONF_NODES_MAX];
	struct conf *conf[CONF_NODES_MAX];
	unsigned n;
};

static struct conf *conf_new(const char *file)
{
	struct arena *arena = arena_new();
	struct conf *c;

	if (!arena)
		return NULL;
	c = arena_alloc(arena, sizeof(*c));
	c->arena = arena;
	c->file = arena_strdup(arena, file);
	return c;
}

void conf_free(struct conf *c)
{
	if (c)
		arena_free(c->arena);
}

/* fe80::200:5eff:fe00:2XX, the modified EUI-64 of the virtual MAC 00:00:5e:00:02:XX (RFC 4291
 * appendix A): every director of the pair makes the same one. */
static struct addr made_link_local(uint32_t vrid)
{
	const uint8_t bytes[16] = { 0xfe, 0x80, [8] = 0x02, 0x00, 0x5e,
				    0xff, 0xfe, 0x00,	    0x02, (uint8_t)vrid };

	return addr_from_bytes(AF_INET6, bytes);
}

static bool leads_adverts(const struct conf_vrrp *c, const struct conf_vip *vip)
{
	return addr_is_link_local(&vip->prefix.addr) && !strcmp(vip->interface, c->interface);
}

unsigned conf_vrrp_owned(const struct conf_vrrp *c, struct conf_vip *ret)
{
	unsigned n = 0, told = c->n_addresses - c->n_extra, first, i;

	for (first = 0; first < told && c->family == AF_INET6; first++)
		if (leads_adverts(c, &c->addresses[first]))
			break;
	if (c->family == AF_INET6 && first == told)
		ret[n++] = (struct conf_vip){ { made_link_local(c->vrid), 64 }, c->interface };
	if (first < told)
		ret[n++] = c->addresses[first];
	for (i = 0; i < c->n_addresses; i++)
		if (i != first)
			ret[n++] = c->addresses[i];
	return n;
}

unsigned conf_vrrp_held(const struct conf_vrrp *c, struct conf_vip *ret)
{
	unsigned n = conf_vrrp_owned(c, ret);

	if (c->n_local_addresses)
		memcpy(ret + n, c->local_addresses, c->n_local_addresses * sizeof(*ret));
	return n + c->n_local_addresses;
}

void conf_each_interface(const struct conf *c,
			 void (*each)(void *ctx, const char *name, const struct conf_where *where,
				      bool required),
			 void *ctx)
{
	const struct conf_director *d = &c->director;
	unsigned i, k;

	for (i = 0; i < d->n_interfaces; i++)
		each(ctx, d->interfaces[i], &d->interfaces_where, true);
	for (i = 0; i < c->n_vrrp; i++) {
		const struct conf_vrrp *v = &c->vrrp[i];

		each(ctx, v->interface, &v->interface_where, !v->wait_for_interface);
		for (k = 0; k < v->n_addresses; k++)
			if (strcmp(v->addresses[k].interface, v->interface) != 0)
				each(ctx, v->addresses[k].interface, &v->addresses_where,
				     !v->wait_for_interface);
		for (k = 0; k < v->n_tracks; k++)
			if (v->tracks[k].interface)
				each(ctx, v->tracks[k].interface, &v->tracks[k].interface_where,
				     false);
	}
	for (i = 0; i < c->n_services; i++) {
		const struct conf_service *s = &c->services[i];

		for (k = 0; k < s->n_local_addresses; k++)
			if (s->local_addresses[k].interface)
				each(ctx, s->local_addresses[k].interface,
				     &s->local_addresses_where, true);
		for (k = 0; k < s->n_checks; k++)
			if (s->checks[k].interface)
				each(ctx, s->checks[k].interface, &s->checks[k].where, true);
	}
}

const struct conf_vrrp *conf_vrrp_of(const struct conf *c, const struct addr *a)
{
	const struct conf_vrrp *v;
	unsigned i;

	for (v = c->vrrp; v < c->vrrp + c->n_vrrp; v++)
		for (i = 0; i < v->n_addresses; i++)
			if (addr_equal(&v->addresses[i].prefix.addr, a))
				return v;
	return NULL;
}

/* ---- Whose view ---- */

/* The host name of a node, as far as it is well-formed. */
static const char *node_host(const struct node *n)
{
	const struct node *host = node_find(n, "host");

	return host && host->type == NODE_TEXT ? host->text : n->name;
}

/* Equal, or one is the other without its domain. */
static bool same_host(const char *a, const char *b)
{
	size_t short_a = strcspn(a, "."), short_b = strcspn(b, ".");

	if (a[short_a] && b[short_b])
		return !strcasecmp(a, b);
	return short_a == short_b && !strncasecmp(a, b, short_a);
}

static void no_such_node(const struct views *v, const struct node *nodes)
{
	const struct conf_source *s = v->source;
	struct str names = { 0 };
	unsigned i;

	for (i = 0; i < nodes->n; i++)
		str_addf(&names, "%s%s", i ? ", " : "", nodes->kids[i]->name);
	if (s->node)
		problem_at(v->problems, nodes, "there is no node \"%s\", only %s", s->node,
			   str_text(&names));
	else
		problem_at(v->problems, nodes,
			   "none is this host, \"%s\": there are %s; give one host = \"%s\", or "
			   "choose with --node",
			   s->host, str_text(&names), s->host);
	str_free(&names);
}

/* An index into nodes, or -1. */
static int choose_node(const struct views *v, const struct node *nodes)
{
	const struct conf_source *s = v->source;
	int chosen = -1;
	unsigned i;

	for (i = 0; i < nodes->n; i++) {
		const struct node *n = nodes->kids[i];

		if (s->node ? strcmp(n->name, s->node) : !same_host(node_host(n), s->host))
			continue;
		if (chosen >= 0)
			problem_at(v->problems, n, "its host \"%s\" is that of node %s too",
				   node_host(n), nodes->kids[chosen]->name);
		else
			chosen = (int)i;
	}
	if (chosen < 0)
		no_such_node(v, nodes);
	return chosen;
}

/* ---- Views ---- */

static int make_view(struct views *v, const struct node *node, struct node *root)
{
	struct conf *c = conf_new(v->source->file);

	if (!c)
		return -ENOMEM;
	v->conf[v->n] = c;
	v->view[v->n] = (struct rules_node){ node, root, c };
	v->n++;
	if (node)
		c->node = arena_strdup(c->arena, node->name);
	resolve(c, root, v->scratch, v->problems);
	if (!c->director.router_id)
		c->director.router_id = arena_strdup(c->arena, c->node ? c->node : v->source->host);
	rules_check(c, root, v->problems);
	return 0;
}

/* The members of a node's group that are in (or are not in) the file's own table. */
static struct node *part_of_node(struct views *v, const struct node *node, bool sections)
{
	struct node *part = arena_alloc(v->scratch, sizeof(*part));
	unsigned i;

	*part = *node;
	part->kids = arena_alloc(v->scratch, node->n * sizeof(*part->kids));
	part->n = 0;
	for (i = 0; i < node->n; i++) {
		const char *name = node->kids[i]->name;

		if (!schema_find(&schema_node, name))
			continue;
		if (!!schema_find(&schema_file, name) == sections)
			part->kids[part->n++] = node->kids[i];
	}
	return part;
}

/* Its names, and what it has beside the sections: those are looked at in its view. */
static bool check_node(struct views *v, const struct node *node)
{
	struct decoder d = { .arena = v->scratch, .problems = v->problems };
	struct conf ignored = { 0 };

	if (!decode_names(&d, &schema_node, node))
		return false;
	decode_node(&d, &schema_node, part_of_node(v, node, false), &ignored);
	return true;
}

/* The view that is returned, or a negative number when there are problems. */
static int views_of_nodes(struct views *v, struct node *root, const struct node *nodes)
{
	struct decoder d = { .arena = v->scratch, .problems = v->problems };
	struct node *over;
	int chosen, r;
	unsigned i;

	if (!decode_object_names(&d, schema_find(&schema_file, "nodes"), nodes))
		return -EINVAL;
	chosen = choose_node(v, nodes);
	for (i = 0; i < nodes->n; i++) {
		if (!check_node(v, nodes->kids[i]))
			continue;
		over = part_of_node(v, nodes->kids[i], true);
		r = make_view(v, nodes->kids[i], node_overlay(v->scratch, root, over));
		if (r < 0)
			return r;
	}
	if (!problems_errors(v->problems))
		rules_check_nodes(v->view, v->n, v->problems);
	return chosen;
}

static int make_views(struct views *v, struct node *root)
{
	const struct node *nodes = node_find(root, "nodes");

	if (!root->n) {
		problem_add(v->problems, SEVERITY_ERROR, v->source->file, 0, NULL,
			    "is empty: it needs vrrp or services");
		return -EINVAL;
	}
	if (nodes)
		return views_of_nodes(v, root, nodes);
	if (v->source->node)
		problem_add(v->problems, SEVERITY_ERROR, v->source->file, 0, NULL,
			    "there is no node \"%s\": the file has no nodes", v->source->node);
	return make_view(v, NULL, root);
}

/* ---- Loading ---- */

static int load(const struct conf_source *source, struct arena *scratch, struct problems *problems,
		struct conf **ret)
{
	struct text_source text = { scratch, problems, source->bytes != NULL };
	struct views v = { .source = source, .scratch = scratch, .problems = problems };
	struct node *root;
	unsigned i;
	int chosen = -EINVAL;

	root = load_tree(&text, source->file, source->bytes, source->len);
	if (root && !problems_errors(problems))
		chosen = make_views(&v, root);
	if (chosen >= 0 && problems_errors(problems))
		chosen = -EINVAL;
	for (i = 0; i < v.n; i++)
		if ((int)i != chosen)
			conf_free(v.conf[i]);
	if (chosen < 0)
		return chosen == -ENOMEM ? -ENOMEM : -EINVAL;
	*ret = v.conf[chosen];
	return 0;
}

int conf_load_source(const struct conf_source *source, struct str *problems, struct conf **ret)
{
	struct problems *all = problems_new();
	struct arena *scratch = arena_new();
	int r = -ENOMEM;

	if (all && scratch) {
		r = load(source, scratch, all, ret);
		problems_write(all, problems);
	}
	arena_free(scratch);
	problems_free(all);
	return r;
}

int conf_load(const char *file, const char *node, struct str *problems, struct conf **ret_conf)
{
	struct conf_source source = { .file = file, .node = node };
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
		strcpy(host, "localhost");
	source.host = host;
	return conf_load_source(&source, problems, ret_conf);
}
