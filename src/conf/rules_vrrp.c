// SPDX-License-Identifier: BSD-2-Clause
/* Rules of VRRP instances. */
#include <string.h>

#include "conf/claims.h"
#include "conf/rule.h"
#include "conf/schema.h"

/* An advert is one packet: what 1500 bytes have room for. */
#define ADDRESSES6_MAX 90

static void one_family(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		const char *family = family_name(v->family);

		for (i = 1; i < v->n_advertised; i++)
			if (addr_family(&v->addresses[i].prefix.addr) != v->family)
				error(r, &v->where, "addresses",
				      "%s is not %s as the first one: an instance has one family",
				      addr_str(&v->addresses[i].prefix.addr, text), family);
		for (i = 0; v->family && i < v->n_unicast_peers; i++)
			if (addr_family(&v->unicast_peers[i]) != v->family)
				error(r, &v->where, "unicast_peers",
				      "%s is not %s as the addresses",
				      addr_str(&v->unicast_peers[i], text), family);
		if (v->family && v->has_source && addr_family(&v->source) != v->family)
			error(r, &v->where, "source", "%s is not %s as the addresses",
			      addr_str(&v->source, text), family);
	}
}

static void vrid_once(const struct rules *r)
{
	const struct conf_vrrp *v, *other;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		for (other = r->conf->vrrp; other < v; other++) {
			if (!v->vrid || other->vrid != v->vrid || other->family != v->family ||
			    !v->interface || !other->interface ||
			    strcmp(other->interface, v->interface))
				continue;
			error(r, &v->where, "vrid", "%u on %s is also in %s (%s:%u)", v->vrid,
			      v->interface, other->where.path, other->where.file,
			      other->where.line);
			break;
		}
	}
}

static void version_fits(const struct rules *r)
{
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		if (v->version == 2 && v->family == AF_INET6)
			error(r, &v->where, "version",
			      "2 knows no IPv6, must be 3 for these addresses");
		if (v->version == 2 && v->advert_interval.us % SEC(1).us)
			error(r, &v->where, "advert_interval",
			      "must be whole seconds in version 2");
		if (v->version == 3 && usec_before(MSEC(40950), v->advert_interval))
			error(r, &v->where, "advert_interval",
			      "must be 40950ms at most in version 3");
		if (v->version == 3 && v->password)
			error(r, &v->where, "password", "is of version 2: version 3 has none");
		if (v->version == 2 && v->checksum != CONF_CHECKSUM_PSEUDO)
			error(r, &v->where, "checksum", "is of version 3: version 2 has one form");
	}
}

/* Beyond it a peer is master, and so would this one be when its link comes back. */
static void link_down_delay_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	int64_t patience;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		patience = (int64_t)v->dead_after * v->advert_interval.us;
		if (patience && v->link_down_delay.us >= patience)
			error(r, &v->where, "link_down_delay",
			      "must be shorter than %u adverts, after which a peer takes over",
			      v->dead_after);
	}
}

static void address_in_one_instance(const struct rules *r)
{
	struct claims claims = { 0 };
	const struct conf_vrrp *v;
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(&claims, &v->addresses[i].prefix.addr, 0, &v->where);
	claims_report(r, &claims, "addresses");
	claims_free(&claims);
}

static void advert_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	unsigned i, max;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		max = ADDRESSES6_MAX - 1; /* a link-local one is added, unless it is there */
		for (i = 0; i < v->n_advertised; i++)
			if (addr_is_link_local(&v->addresses[i].prefix.addr))
				max = ADDRESSES6_MAX;
		if (v->family == AF_INET6 && v->n_advertised > max)
			error(r, &v->where, "addresses",
			      "has %u entries, must have 1-%u: an advert holds no more of "
			      "IPv6; the others are extra_addresses",
			      v->n_advertised, max);
	}
}

/* RFC 9568 5.1.2.1: IPv6 adverts come from a link-local address. */
static void source_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		if (!v->has_source || addr_family(&v->source) != v->family)
			continue;
		if (v->family == AF_INET6 && !v->n_unicast_peers && !addr_is_link_local(&v->source))
			error(r, &v->where, "source",
			      "%s is not link-local, must be for IPv6 multicast",
			      addr_str(&v->source, text));
		if (conf_vrrp_of(r->conf, &v->source))
			error(r, &v->where, "source",
			      "%s is an address that moves, must be one that stays here",
			      addr_str(&v->source, text));
	}
}

static void peers_are_others(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		for (i = 0; i < v->n_unicast_peers; i++) {
			addr_str(&v->unicast_peers[i], text);
			if (v->has_source && addr_equal(&v->unicast_peers[i], &v->source))
				error(r, &v->where, "unicast_peers",
				      "%s is the source: this director", text);
			if (conf_vrrp_of(r->conf, &v->unicast_peers[i]))
				error(r, &v->where, "unicast_peers",
				      "%s is an address that moves, must be a director's own",
				      text);
		}
	}
}

const struct conf_vrrp *find_instance(const struct conf *c, const char *name)
{
	const struct conf_vrrp *v;

	for_each(v, c->vrrp, c->n_vrrp)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

void no_such_instance(const struct rules *r, const struct conf_where *where, const char *option,
		      const char *name)
{
	struct nearest nearest = { .wanted = name };
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		nearest_try(&nearest, v->name);
	if (nearest.best)
		error(r, where, option, "there is no instance \"%s\"; did you mean \"%s\"?", name,
		      nearest.best);
	else
		error(r, where, option, "there is no instance \"%s\"", name);
}

static bool is_member(const struct conf_vrrp_group *g, unsigned n, const char *name)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (!strcmp(g->members[i], name))
			return true;
	return false;
}

static void check_member(const struct rules *r, const struct conf_vrrp_group *g, unsigned i)
{
	const struct conf_vrrp *v = find_instance(r->conf, g->members[i]), *first;

	if (!v) {
		no_such_instance(r, &g->where, "members", g->members[i]);
		return;
	}
	if (is_member(g, i, v->name))
		error(r, &g->where, "members", "%s is there twice", v->name);
	else if (v->group && strcmp(v->group, g->name) != 0)
		error(r, &g->where, "members", "%s is in vrrp_groups.%s too", v->name, v->group);
	first = find_instance(r->conf, g->members[0]);
	if (first && (first->priority == 255) != (v->priority == 255))
		error(r, &g->where, "members",
		      "%s owns its addresses at all times (priority 255), and %s does not: they "
		      "cannot move as one",
		      v->priority == 255 ? v->name : first->name,
		      v->priority == 255 ? first->name : v->name);
}

static void groups_have_members(const struct rules *r)
{
	const struct conf_vrrp_group *g;
	unsigned i;

	for_each(g, r->conf->vrrp_groups, r->conf->n_vrrp_groups)
		for (i = 0; i < g->n_members; i++)
			check_member(r, g, i);
}

static void preemption_is_on(const struct rules *r)
{
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		if (!v->preempt && v->preempt_delay.us)
			warning(r, &v->where, "preempt_delay",
				"means nothing without preempt = true");
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_family },
	{ SEVERITY_ERROR, vrid_once },
	{ SEVERITY_ERROR, version_fits },
	{ SEVERITY_ERROR, link_down_delay_fits },
	{ SEVERITY_ERROR, groups_have_members },
	{ SEVERITY_ERROR, address_in_one_instance },
	{ SEVERITY_ERROR, advert_fits },
	{ SEVERITY_ERROR, source_fits },
	{ SEVERITY_ERROR, peers_are_others },
	{ SEVERITY_WARNING, preemption_is_on },
};
// clang-format on

void rules_of_vrrp(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
