// SPDX-License-Identifier: BSD-2-Clause
/* Rules of the servers of services. */
#include <netinet/in.h>

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
			claims_add(&claims, &v->address, v->port, &v->where);
		claims_report(r, &claims, "address");
		claims_free(&claims);
		total += s->n_servers;
	}
	if (total > SERVERS_MAX)
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, "services",
			    "%u servers in all, must be %u at most", total, SERVERS_MAX);
}

/* ---- Each server, and the sorry one ---- */

static void each_server(const struct rules *r,
			void (*check)(const struct rules *r, const struct conf_service *s,
				      const struct conf_server *v, void *ctx),
			void *ctx)
{
	const struct conf_service *s;
	const struct conf_server *v;

	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers)
			check(r, s, v, ctx);
		if (s->has_sorry)
			check(r, s, &s->sorry, ctx);
	}
}

/* Why a packet's port is the server's, or NULL when it can be another. */
static const char *fixed_port(const struct conf_service *s, const struct conf_server *v)
{
	static const char *const methods[] = {
		[CONF_METHOD_DR] = "dr cannot change it, nat and fullnat can",
		[CONF_METHOD_TUN] = "tun cannot change it, nat and fullnat can",
		[CONF_METHOD_FULLNAT] = NULL,
	};

	if (methods[v->method])
		return methods[v->method];
	if (s->protocol == IPPROTO_SCTP)
		return "that of sctp cannot be changed, since its checksum (CRC32c) is over the "
		       "whole packet: leave it out";
	return NULL;
}

static void keeps_port(const struct rules *r, const struct conf_service *s,
		       const struct conf_server *v, void *)
{
	const char *fixed = fixed_port(s, v);

	if (!s->port)
		return;
	if (!has_one_port(s) && v->port)
		error(r, &v->where, "port",
		      "is given, but %s has many ports, of which each packet keeps its own: leave "
		      "it out",
		      s->where.path);
	else if (has_one_port(s) && v->port != s->port && fixed)
		error(r, &v->where, "port", "%u is not %u, the port of %s: %s", v->port, s->port,
		      s->where.path, fixed);
}

static void ports_are_kept(const struct rules *r)
{
	each_server(r, keeps_port, NULL);
}

static void carries_sctp(const struct rules *r, const struct conf_service *s,
			 const struct conf_server *v, void *)
{
	const struct conf_where *where;

	if (s->protocol != IPPROTO_SCTP || v->method != CONF_METHOD_FULLNAT)
		return;
	where = written(r, &v->where, "method") ? &v->where : &s->where;
	error(r, where, "method",
	      "\"fullnat\" cannot carry sctp: it changes ports, and the checksum (CRC32c) "
	      "is over the whole packet; nat, dr and tun can");
}

static void no_fullnat_of_sctp(const struct rules *r)
{
	each_server(r, carries_sctp, NULL);
}

static void thresholds_are_in_order(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;

	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers) {
			if (v->min_connections && !v->max_connections)
				error(r, &v->where, "min_connections",
				      "is nothing without max_connections");
			else if (v->min_connections && v->min_connections >= v->max_connections)
				error(r, &v->where, "min_connections",
				      "%u is not below max_connections, %u", v->min_connections,
				      v->max_connections);
		}
	}
}

/* ---- Families ---- */

/* A tunnel carries either family; the other methods change no IP version. */
static bool reaches(const struct conf_server *v, int family)
{
	/* An address of 0 was wrong: who knows of which family. */
	return v->method == CONF_METHOD_TUN || addr_is_any(&v->address) ||
	       addr_family(&v->address) == family;
}

static bool has_family(const struct conf_service *s, int family)
{
	const struct conf_server *v;

	for_each(v, s->servers, s->n_servers)
		if (reaches(v, family))
			return true;
	return !s->n_servers;
}

static void vips_have_servers(const struct rules *r)
{
	const struct conf_service *s;
	char text[PREFIX_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; i < s->n_vips; i++) {
			int family = addr_family(&s->vips[i].addr);

			if (!has_family(s, family))
				error(r, &s->where, "vip", "%s has no server: none of them is %s",
				      vip_text(&s->vips[i], text), family_name(family));
		}
	}
}

static void has_vip(const struct rules *r, const struct conf_service *s,
		    const struct conf_server *v, void *)
{
	char text[ADDR_STRLEN];
	unsigned i;

	for (i = 0; i < s->n_vips; i++)
		if (reaches(v, addr_family(&s->vips[i].addr)))
			return;
	warning(r, &v->where, "address", "%s is never used: %s has no %s address",
		addr_str(&v->address, text), s->where.path, family_name(addr_family(&v->address)));
}

static void servers_have_vips(const struct rules *r)
{
	each_server(r, has_vip, NULL);
}

/* ---- Addresses ---- */

static void is_no_vip(const struct rules *r, const struct conf_service *,
		      const struct conf_server *v, void *vips)
{
	const struct claim *vip = claims_find(vips, &v->address);
	char text[ADDR_STRLEN];

	if (vip)
		error(r, &v->where, "address",
		      "%s is an address of the directors: it is in %s (%s:%u)",
		      addr_str(&v->address, text), vip->where->path, vip->where->file,
		      vip->where->line);
}

static void servers_are_no_vips(const struct rules *r)
{
	struct claims vips = { 0 };
	const struct conf_service *s;
	unsigned i;

	claims_add_vips(&vips, r->conf);
	claims_add_instances(&vips, r->conf);
	for_each(s, r->conf->services, r->conf->n_services)
		for (i = 0; i < s->n_local_addresses; i++)
			claims_add(&vips, &s->local_addresses[i].prefix.addr, 0,
				   &s->local_addresses_where);
	claims_sort(&vips);
	each_server(r, is_no_vip, &vips);
	claims_free(&vips);
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

static void answers_come_back(const struct rules *r, const struct conf_service *,
			      const struct conf_server *v, void *)
{
	char text[ADDR_STRLEN];

	if (v->method == CONF_METHOD_NAT && r->conf->n_vrrp && !has_gateway(r->conf, &v->address))
		warning(r, &v->where, "address",
			"no instance of vrrp has an address on the subnet of %s to be its "
			"gateway: answers of nat servers must come back through the master",
			addr_str(&v->address, text));
}

static void nat_answers_come_back(const struct rules *r)
{
	each_server(r, answers_come_back, NULL);
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_server_each_address },
	{ SEVERITY_ERROR, ports_are_kept },
	{ SEVERITY_ERROR, no_fullnat_of_sctp },
	{ SEVERITY_ERROR, thresholds_are_in_order },
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
