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

/* The i-th server of a service, the sorry server last; NULL behind them. */
static const struct conf_server *server_at(const struct conf_service *s, unsigned i)
{
	if (i < s->n_servers)
		return &s->servers[i];
	return i == s->n_servers && s->has_sorry ? &s->sorry : NULL;
}

static bool serves_with(const struct conf_service *s, const struct addr *server, unsigned method)
{
	const struct conf_server *v;
	unsigned i;

	for (i = 0; (v = server_at(s, i)); i++)
		if (v->method == method && addr_equal(&v->address, server))
			return true;
	return false;
}

static bool takes_part(const struct conf *c, const struct addr *server, unsigned method)
{
	const struct conf_service *s;

	for_each(s, c->services, c->n_services)
		if (serves_with(s, server, method))
			return true;
	return false;
}

/* Whether packets to this VIP reach the server by the method with that destination; tun alone can
 * bring one family in the other. */
static bool holds(const struct conf_service *s, const struct addr *server, unsigned method,
		  const struct prefix *vip)
{
	return serves_with(s, server, method) &&
	       (method == CONF_METHOD_TUN || addr_family(&vip->addr) == addr_family(server));
}

static bool is_held(const struct conf *c, const struct addr *server, const struct addr *address)
{
	const struct conf_service *s;
	const struct prefix *a;

	for_each(s, c->services, c->n_services)
		for_each(a, s->vips, s->n_vips)
			if (prefix_contains(a, address) && (holds(s, server, CONF_METHOD_DR, a) ||
							    holds(s, server, CONF_METHOD_TUN, a)))
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
	    is_held(c, server, a))
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
	unsigned n = 0, i, k;

	str_addf(why, "%s is a server of no service; servers are", addr_str(server, text));
	for_each(s, c->services, c->n_services) {
		for (k = 0; (v = server_at(s, k)); k++) {
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

static const struct {
	unsigned method;
	const char *name;
} methods[] = {
	{ CONF_METHOD_NAT, "nat" },
	{ CONF_METHOD_DR, "dr" },
	{ CONF_METHOD_TUN, "tun" },
	{ CONF_METHOD_FULLNAT, "fullnat" },
};

/* Whether an earlier service brings the same VIP by the method. */
static bool is_repeated(const struct conf *c, const struct conf_service *s,
			const struct addr *server, unsigned method, const struct prefix *vip)
{
	const struct conf_service *before;
	const struct prefix *a;

	for_each(before, c->services, (size_t)(s - c->services))
		for_each(a, before->vips, before->n_vips)
			if (prefix_equal(a, vip) && holds(before, server, method, a))
				return true;
	return false;
}

/* The VIPs that the server holds for a method, each once; nothing but numbers, dots, colons and
 * slashes, so no quoting. */
static void add_vips(const struct conf *c, const struct addr *server, unsigned method,
		     struct str *out)
{
	const struct conf_service *s;
	char text[PREFIX_STRLEN];
	const struct prefix *a;

	for_each(s, c->services, c->n_services) {
		for_each(a, s->vips, s->n_vips) {
			if (!holds(s, server, method, a) || is_repeated(c, s, server, method, a))
				continue;
			str_addf(out, " %s",
				 a->len == addr_bits(&a->addr) ? addr_str(&a->addr, text)
							       : prefix_str(a, text));
		}
	}
}

/* Whether the server is in a network of the directors: then it shares a segment with them. */
static bool shares_segment(const struct conf *c, const struct addr *server)
{
	const struct conf_vrrp *i;
	const struct conf_vip *v;

	for_each(i, c->vrrp, c->n_vrrp)
		for_each(v, i->addresses, i->n_addresses)
			if (prefix_contains(&v->prefix, server))
				return true;
	return false;
}

static void add_directors(const struct conf *c, struct str *out)
{
	const struct conf_vrrp *i;
	const struct conf_vip *v;
	char text[ADDR_STRLEN];

	for_each(i, c->vrrp, c->n_vrrp)
		for_each(v, i->addresses, i->n_addresses)
			str_addf(out, " %s", addr_str(&v->prefix.addr, text));
}

static void add_services(const struct conf *c, const struct addr *server, struct str *out)
{
	const struct conf_service *s;
	size_t m;

	for_each(s, c->services, c->n_services)
		for (m = 0; m < sizeof(methods) / sizeof(*methods); m++)
			if (serves_with(s, server, methods[m].method))
				str_addf(out, "#   %s (%s)\n", s->name, methods[m].name);
}

static void add_head(const struct conf *c, const struct addr *server, const struct addr *gateway,
		     struct str *out)
{
	char text[ADDR_STRLEN];

	addr_str(server, text);
	str_addf(out,
		 "#!/bin/sh\n"
		 "# Prepares the real server %s for lbd: start | stop | status.  See lbd-rs(7).\n"
		 "# Printed by `lbd rs-script --server %s`, for these services:\n",
		 text, text);
	add_services(c, server, out);
	str_addf(out, "server=%s\nfamily=%d\ndr_vips='", text, addr_is_v4(server) ? 4 : 6);
	add_vips(c, server, CONF_METHOD_DR, out);
	str_addf(out, "'\ntun_vips='");
	add_vips(c, server, CONF_METHOD_TUN, out);
	str_addf(out, "'\nshares_segment=%s\ngateway=%s\ndirectors='",
		 shares_segment(c, server) ? "yes" : "", gateway ? addr_str(gateway, text) : "");
	add_directors(c, out);
	str_addf(out, "'\n");
}

int rs_script(const struct conf *c, const struct addr *server, struct str *out, struct str *why)
{
	bool nat = takes_part(c, server, CONF_METHOD_NAT), any = false;
	const struct addr *gateway = nat ? gateway_for(c, server) : NULL;
	size_t m;

	for (m = 0; m < sizeof(methods) / sizeof(*methods); m++)
		any |= takes_part(c, server, methods[m].method);
	if (!any)
		return no_service(c, server, why);
	if (nat && !gateway)
		return no_gateway(c, server, why);
	add_head(c, server, gateway, out);
	str_addf(out, "%s", body);
	return 0;
}
