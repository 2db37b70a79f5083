// SPDX-License-Identifier: BSD-2-Clause
/* What no single option can know: the rules' tables one after the other, and the rules of the file
 * as a whole and between nodes. */
#include "conf/rules.h"

#include <string.h>

#include "conf/rule.h"
#include "conf/schema.h"

void tell(const struct rules *r, enum severity severity, const struct conf_where *where,
	  const char *option, const char *fmt, ...)
{
	const struct node *object = node_find_path(r->root, where->path);
	const struct node *n = option ? node_find(object, option) : NULL;
	struct str path = { 0 }, text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	node_path(n, &path);
	if (!n)
		str_addf(&path, "%s%s%s", where->path, option ? "." : "", option ? option : "");
	problem_add(r->problems, severity, n ? n->file : where->file, n ? n->line : where->line,
		    str_text(&path), "%s", str_text(&text));
	str_free(&path);
	str_free(&text);
}

#define error(r, where, ...) tell(r, SEVERITY_ERROR, where, __VA_ARGS__)

const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

/* What the table of options calls a value. */
static const char *word(const struct opt_group *g, const char *option, unsigned value)
{
	const struct opt_word *w;

	for (w = schema_find(g, option)->words; w->name; w++)
		if (w->value == value)
			return w->name;
	return "?";
}

const char *protocol_name(unsigned protocol)
{
	return word(&schema_service, "protocol", protocol);
}

const char *scheduler_name(unsigned scheduler)
{
	return word(&schema_service, "scheduler", scheduler);
}

const char *vip_text(const struct prefix *vip, char *buf)
{
	return is_network(vip) ? prefix_str(vip, buf) : addr_str(&vip->addr, buf);
}

bool written(const struct rules *r, const struct conf_where *where, const char *option)
{
	return node_find(node_find_path(r->root, where->path), option);
}

void rules_run(const struct rules *r, enum severity severity, const struct rule *table, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (table[i].severity == severity)
			table[i].check(r);
}

/* ---- The file ---- */

static void something_to_do(const struct rules *r)
{
	if (!r->conf->n_vrrp && !r->conf->n_services && !problems_errors(r->problems))
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, NULL,
			    "has neither vrrp nor services: there is nothing to do");
}

static void interfaces_once(const struct rules *r)
{
	const struct conf_director *d = &r->conf->director;
	unsigned i, k;

	for (i = 0; i < d->n_interfaces; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(d->interfaces[i], d->interfaces[k]))
				error(r, &d->where, "interfaces", "%s is there twice",
				      d->interfaces[i]);
}

static void pools_are_used(const struct rules *r)
{
	const struct node *pools = node_find(r->root, "pools");
	const struct node *services = node_find(r->root, "services"), *name;
	struct str path = { 0 };
	unsigned i, k;

	for (i = 0; pools && i < pools->n; i++) {
		for (k = 0; services && k < services->n; k++) {
			name = node_find(services->kids[k], "pool");
			if (name && !strcmp(name->text, pools->kids[i]->name))
				break;
		}
		if (services && k < services->n)
			continue;
		path.len = 0;
		node_path(pools->kids[i], &path);
		problem_add(r->problems, SEVERITY_WARNING, pools->kids[i]->file,
			    pools->kids[i]->line, str_text(&path), "no service uses it");
	}
	str_free(&path);
}

static void attach_names_interfaces(const struct rules *r)
{
	const struct conf_director *d = &r->conf->director;
	unsigned i, k;

	for (i = 0; d->n_interfaces && i < d->n_attach_by_interface; i++) {
		for (k = 0; k < d->n_interfaces; k++)
			if (!strcmp(d->interfaces[k], d->attach_by_interface[i].interface))
				break;
		if (k == d->n_interfaces)
			warning(r, &d->where, "attach", "%s is not among interfaces",
				d->attach_by_interface[i].interface);
	}
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, something_to_do },
	{ SEVERITY_ERROR, interfaces_once },
	{ SEVERITY_WARNING, pools_are_used },
	{ SEVERITY_WARNING, attach_names_interfaces },
};
// clang-format on

static void rules_of_file(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}

static void (*const parts[])(const struct rules *r, enum severity severity) = {
	rules_of_file, rules_of_vrrp,	 rules_of_services,	   rules_of_checks,
	rules_of_keys, rules_of_servers, rules_of_local_addresses, rules_of_tracks,
};

#define N_PARTS (sizeof(parts) / sizeof(*parts))

void rules_check(const struct conf *c, const struct node *root, struct problems *problems)
{
	struct rules r = { c, root, problems };
	size_t i;

	for (i = 0; i < N_PARTS; i++)
		parts[i](&r, SEVERITY_ERROR);
	for (i = 0; !problems_errors(problems) && i < N_PARTS; i++)
		parts[i](&r, SEVERITY_WARNING);
}

/* ---- Between nodes ---- */

static bool has_address(const struct conf_vrrp *v, const struct prefix *p)
{
	unsigned i;

	for (i = 0; i < v->n_addresses; i++)
		if (prefix_equal(&v->addresses[i].prefix, p))
			return true;
	return false;
}

/* v is of a, the first node, with which each other is compared. */
static void compare_instance(const struct rules_node *a, const struct rules_node *b,
			     const struct conf_vrrp *v, const struct rules *r)
{
	const struct conf_vrrp *w = find_instance(b->conf, v->name);
	unsigned i;

	if (!w) {
		warning(r, &v->where, NULL, "node %s does not have it", b->node->name);
		return;
	}
	if (v->vrid != w->vrid)
		warning(r, &v->where, "vrid",
			"is %u on node %s and %u on node %s: both become master", v->vrid,
			a->node->name, w->vrid, b->node->name);
	if (v->version != w->version)
		warning(r, &v->where, "version",
			"is %u on node %s and %u on node %s: both become master", v->version,
			a->node->name, w->version, b->node->name);
	if (v->advert_interval.us != w->advert_interval.us)
		warning(r, &v->where, "advert_interval", "is not the same on nodes %s and %s",
			a->node->name, b->node->name);
	if (v->priority == w->priority)
		warning(r, &v->where, "priority",
			"is %u on nodes %s and %s: chance decides who becomes master", v->priority,
			a->node->name, b->node->name);
	for (i = 0; i < v->n_addresses && has_address(w, &v->addresses[i].prefix); i++)
		;
	if (i < v->n_addresses || v->n_addresses != w->n_addresses)
		warning(r, &v->where, "addresses", "are not the same on nodes %s and %s",
			a->node->name, b->node->name);
}

void rules_check_nodes(const struct rules_node *nodes, unsigned n, struct problems *problems)
{
	struct rules r = { nodes[0].conf, nodes[0].root, problems };
	const struct conf_vrrp *v;
	struct conf_where where = { nodes[0].node->file, nodes[0].node->line, "nodes" };
	unsigned i;

	if (n == 1 && nodes[0].conf->n_vrrp)
		warning(&r, &where, NULL, "there is only %s: a pair has two", nodes[0].node->name);
	for (i = 1; i < n; i++) {
		struct rules back = { nodes[i].conf, nodes[i].root, problems };

		for_each(v, nodes[0].conf->vrrp, nodes[0].conf->n_vrrp)
			compare_instance(&nodes[0], &nodes[i], v, &r);
		for_each(v, nodes[i].conf->vrrp, nodes[i].conf->n_vrrp)
			if (!find_instance(nodes[0].conf, v->name))
				warning(&back, &v->where, NULL, "node %s does not have it",
					nodes[0].node->name);
	}
}
