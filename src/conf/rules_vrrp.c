// SPDX-License-Identifier: BSD-2-Clause
/* Rules of VRRP instances. */
#include <string.h>

#include "conf/claims.h"
#include "conf/rule.h"

/* An advert is one packet: what 1500 bytes have room for. */
#define ADDRESSES6_MAX 90

static void one_family(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		const char *family = family_name(v->family);

		for (i = 1; i < v->n_addresses; i++)
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
		for (i = 0; i < v->n_addresses; i++)
			if (addr_is_link_local(&v->addresses[i].prefix.addr))
				max = ADDRESSES6_MAX;
		if (v->family == AF_INET6 && v->n_addresses > max)
			error(r, &v->where, "addresses",
			      "has %u entries, must have 1-%u: an advert holds no more of IPv6",
			      v->n_addresses, max);
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

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_family },
	{ SEVERITY_ERROR, vrid_once },
	{ SEVERITY_ERROR, address_in_one_instance },
	{ SEVERITY_ERROR, advert_fits },
	{ SEVERITY_ERROR, source_fits },
	{ SEVERITY_ERROR, peers_are_others },
};
// clang-format on

void rules_of_vrrp(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
