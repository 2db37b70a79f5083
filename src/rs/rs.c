// SPDX-License-Identifier: BSD-2-Clause
/* What a real server needs, as a script: a head of variables that is written here, and rs.sh, which
 * does the work. */
#include "rs/rs.h"

#include <errno.h>

static const char body[] =
#include "rs/rs.sh.h"
	;

#define ADDRESSES_SHOWN 10

#define for_each(var, array, n) for (var = (array); var < (array) + (n); var++)

/* ---- What the server takes part in ---- */

static const struct conf_server *server_of(const struct conf_service *s, const struct addr *server)
{
	const struct conf_server *v;

	for_each(v, s->servers, s->n_servers)
		if (addr_equal(&v->address, server))
			return v;
	return NULL;
}

static bool serves_with(const struct conf_service *s, const struct addr *server, unsigned method)
{
	return s->method == method && server_of(s, server);
}

static bool takes_part(const struct conf *c, const struct addr *server, unsigned method)
{
	const struct conf_service *s;

	for_each(s, c->services, c->n_services)
		if (serves_with(s, server, method))
			return true;
	return false;
}

static bool is_dr_vip(const struct conf *c, const struct addr *server, const struct addr *vip)
{
	const struct conf_service *s;
	const struct prefix *a;

	for_each(s, c->services, c->n_services)
		for_each(a, s->vips, s->n_vips)
			if (serves_with(s, server, CONF_METHOD_DR) && addr_equal(&a->addr, vip))
				return true;
	return false;
}

static bool is_vip(const struct conf *c, const struct addr *address)
{
	const struct conf_service *s;
	const struct prefix *a;

	for_each(s, c->services, c->n_services)
		for_each(a, s->vips, s->n_vips)
			if (addr_equal(&a->addr, address))
				return true;
	return false;
}

/* ---- The gateway of nat ---- */

/* How well an address of the directors would do: 0, not at all.  One on the smallest network that
 * the server is in is best, and one that is nothing but a gateway is better than a VIP. */
static unsigned fitness(const struct conf *c, const struct addr *server, const struct conf_vip *v)
{
	const struct addr *a = &v->prefix.addr;

	if (!prefix_contains(&v->prefix, server) || v->prefix.len == addr_bits(a) ||
	    is_dr_vip(c, server, a))
		return 0;
	return 2 * v->prefix.len + !is_vip(c, a);
}

static const struct addr *gateway_for(const struct conf *c, const struct addr *server)
{
	const struct addr *best = NULL;
	unsigned fit, best_fit = 0;
	const struct conf_vrrp *i;
	const struct conf_vip *v;

	for_each(i, c->vrrp, c->n_vrrp) {
		for_each(v, i->addresses, i->n_addresses) {
			fit = fitness(c, server, v);
			if (fit <= best_fit)
				continue;
			best = &v->prefix.addr;
			best_fit = fit;
		}
	}
	return best;
}

/* ---- Errors ---- */

static int no_service(const struct conf *c, const struct addr *server, struct str *why)
{
	const struct addr *shown[ADDRESSES_SHOWN];
	const struct conf_service *s;
	const struct conf_server *v;
	char text[ADDR_STRLEN];
	unsigned n = 0, i;

	str_addf(why, "%s is a server of no service; servers are", addr_str(server, text));
	for_each(s, c->services, c->n_services) {
		for_each(v, s->servers, s->n_servers) {
			for (i = 0; i < n && !addr_equal(shown[i], &v->address); i++)
				;
			if (i < n)
				continue;
			if (n == ADDRESSES_SHOWN) {
				str_addf(why, ", ...");
				return -ENOENT;
			}
			shown[n++] = &v->address;
			str_addf(why, "%s %s", n > 1 ? "," : "", addr_str(&v->address, text));
		}
	}
	str_addf(why, "%s", n ? "" : " none");
	return -ENOENT;
}

static int no_gateway(const struct conf *c, const struct addr *server, struct str *why)
{
	const struct conf_service *s;
	char text[ADDR_STRLEN];

	addr_str(server, text);
	for_each(s, c->services, c->n_services)
		if (serves_with(s, server, CONF_METHOD_NAT))
			break;
	str_addf(why,
		 "%s:%u: %s: the nat server %s needs a gateway that moves with the directors, but "
		 "no instance of vrrp has an address on its subnet: add one to `addresses` of an "
		 "instance, like \"%s dev INTERFACE\"",
		 s->where.file, s->where.line, s->where.path, text,
		 addr_is_v4(server) ? "10.0.0.1/24" : "fd00::1/64");
	return -EINVAL;
}

/* ---- The head ---- */

/* The VIPs of dr, each once; nothing but numbers and dots or colons, so no quoting. */
static void add_vips(const struct conf *c, const struct addr *server, struct str *out)
{
	const struct conf_service *s, *before;
	char text[ADDR_STRLEN];
	const struct prefix *a, *b;
	bool known;

	for_each(s, c->services, c->n_services) {
		for_each(a, s->vips, s->n_vips) {
			if (!serves_with(s, server, CONF_METHOD_DR) ||
			    addr_family(&a->addr) != addr_family(server))
				continue;
			known = false;
			for_each(before, c->services, (size_t)(s - c->services))
				for_each(b, before->vips, before->n_vips)
					known |= serves_with(before, server, CONF_METHOD_DR) &&
						 addr_equal(&a->addr, &b->addr);
			if (!known)
				str_addf(out, " %s", addr_str(&a->addr, text));
		}
	}
}

static void add_directors(const struct conf *c, int family, struct str *out)
{
	const struct conf_vrrp *i;
	const struct conf_vip *v;
	char text[ADDR_STRLEN];

	for_each(i, c->vrrp, c->n_vrrp)
		for_each(v, i->addresses, i->n_addresses)
			if (addr_family(&v->prefix.addr) == family)
				str_addf(out, " %s", addr_str(&v->prefix.addr, text));
}

static void add_services(const struct conf *c, const struct addr *server, struct str *out)
{
	const struct conf_service *s;

	for_each(s, c->services, c->n_services)
		if (server_of(s, server))
			str_addf(out, "#   %s (%s)\n", s->name,
				 s->method == CONF_METHOD_DR ? "dr" : "nat");
}

int rs_script(const struct conf *c, const struct addr *server, struct str *out, struct str *why)
{
	bool nat = takes_part(c, server, CONF_METHOD_NAT);
	const struct addr *gateway = nat ? gateway_for(c, server) : NULL;
	char text[ADDR_STRLEN];

	if (!nat && !takes_part(c, server, CONF_METHOD_DR))
		return no_service(c, server, why);
	if (nat && !gateway)
		return no_gateway(c, server, why);

	addr_str(server, text);
	str_addf(out,
		 "#!/bin/sh\n"
		 "# Prepares the real server %s for lbd: start | stop | status.  See lbd-rs(7).\n"
		 "# Printed by `lbd rs-script --server %s`, for these services:\n",
		 text, text);
	add_services(c, server, out);
	str_addf(out, "server=%s\nfamily=%d\nvips='", text, addr_is_v4(server) ? 4 : 6);
	add_vips(c, server, out);
	str_addf(out, "'\ngateway=%s\ndirectors='", gateway ? addr_str(gateway, text) : "");
	add_directors(c, addr_family(server), out);
	str_addf(out, "'\n%s", body);
	return 0;
}
