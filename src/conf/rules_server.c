// SPDX-License-Identifier: BSD-2-Clause
/* Rules of the servers of services. */
#include "conf/claims.h"
#include "conf/rule.h"

/* src/ipvs/abi.h: SERVER_MAX, of which slot 0 stays empty. */
#define SERVERS_MAX 65535

static void one_server_each_address(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	unsigned total = 0;

	for_each(s, r->conf->services, r->conf->n_services) {
		struct claims claims = { 0 };

		for_each(v, s->servers, s->n_servers)
			claims_add(&claims, &v->address, (uint32_t)v->port << 8, &v->where);
		claims_report(r, &claims, "address");
		claims_free(&claims);
		total += s->n_servers;
	}
	if (total > SERVERS_MAX)
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, "services",
			    "%u servers in all, must be %u at most", total, SERVERS_MAX);
}

static void dr_keeps_the_port(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;

	for_each(s, r->conf->services, r->conf->n_services) {
		if (!s->port || s->port != s->port_last)
			continue;
		for_each(v, s->servers, s->n_servers)
			if (v->port != s->port &&
			    (v->method == CONF_METHOD_DR || v->method == CONF_METHOD_TUN))
				error(r, &v->where, "port",
				      "%u is not %u, the port of %s: dr cannot change it, nat can",
				      v->port, s->port, s->where.path);
	}
}

static bool has_family(const struct conf_service *s, int family)
{
	const struct conf_server *v;

	for_each(v, s->servers, s->n_servers)
		if (addr_is_any(&v->address) || addr_family(&v->address) == family)
			return true; /* an address of 0 was wrong: who knows of which family */
	return !s->n_servers;
}

static void vips_have_servers(const struct rules *r)
{
	const struct conf_service *s;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; i < s->n_vips; i++) {
			int family = addr_family(&s->vips[i].addr);

			if (!has_family(s, family))
				error(r, &s->where, "vip", "%s has no server: none of them is %s",
				      addr_str(&s->vips[i].addr, text), family_name(family));
		}
	}
}

static void all_vips(const struct conf *c, struct claims *claims)
{
	const struct conf_service *s;
	const struct conf_vrrp *v;
	unsigned i;

	for_each(s, c->services, c->n_services)
		for (i = 0; i < s->n_vips; i++)
			claims_add(claims, &s->vips[i].addr, 0, &s->where);
	for_each(v, c->vrrp, c->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(claims, &v->addresses[i].prefix.addr, 0, &v->where);
	claims_sort(claims);
}

static void servers_are_no_vips(const struct rules *r)
{
	struct claims vips = { 0 };
	const struct conf_service *s;
	const struct conf_server *v;
	const struct claim *vip;
	char text[ADDR_STRLEN];

	all_vips(r->conf, &vips);
	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers) {
			vip = claims_find(&vips, &v->address);
			if (vip)
				error(r, &v->where, "address",
				      "%s is an address of the directors: it is in %s (%s:%u)",
				      addr_str(&v->address, text), vip->where->path,
				      vip->where->file, vip->where->line);
		}
	}
	claims_free(&vips);
}

static void servers_have_vips(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers) {
			int family = addr_family(&v->address);

			for (i = 0; i < s->n_vips; i++)
				if (addr_family(&s->vips[i].addr) == family)
					break;
			if (i == s->n_vips)
				warning(r, &v->where, "address",
					"%s is never used: %s has no %s address",
					addr_str(&v->address, text), s->where.path,
					family_name(family));
		}
	}
}

/* nat: the answers come back through the director only if it is the servers' gateway. */
static bool has_gateway(const struct conf *c, const struct addr *server)
{
	const struct conf_vrrp *v;
	unsigned i;

	for_each(v, c->vrrp, c->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			if (prefix_contains(&v->addresses[i].prefix, server))
				return true;
	return false;
}

static void nat_answers_come_back(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	char text[ADDR_STRLEN];

	for_each(s, r->conf->services, r->conf->n_services) {
		if (s->method != CONF_METHOD_NAT || !r->conf->n_vrrp)
			continue;
		for_each(v, s->servers, s->n_servers) {
			if (has_gateway(r->conf, &v->address))
				continue;
			warning(r, &v->where, "address",
				"no instance of vrrp has an address on the subnet of %s to be its "
				"gateway: answers of nat servers must come back through the master",
				addr_str(&v->address, text));
		}
	}
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_server_each_address },
	{ SEVERITY_ERROR, dr_keeps_the_port },
	{ SEVERITY_ERROR, vips_have_servers },
	{ SEVERITY_ERROR, servers_are_no_vips },
	{ SEVERITY_WARNING, servers_have_vips },
	{ SEVERITY_WARNING, nat_answers_come_back },
};
// clang-format on

void rules_of_servers(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
