// SPDX-License-Identifier: BSD-2-Clause
/* Rules of the addresses that fullnat sends from. */
#include <stdlib.h>
#include <string.h>

#include "conf/claims.h"
#include "conf/rule.h"

static bool is_fullnat(const struct conf_server *v, int family)
{
	return v->method == CONF_METHOD_FULLNAT &&
	       (!family || addr_is_any(&v->address) || addr_family(&v->address) == family);
}

/* family 0: any */
static bool has_fullnat(const struct conf_service *s, int family)
{
	const struct conf_server *v;

	for_each(v, s->servers, s->n_servers)
		if (is_fullnat(v, family))
			return true;
	return s->has_sorry && is_fullnat(&s->sorry, family);
}

/* What defaults say has come only to those services that have a use for it. */
static void is_for_fullnat(const struct rules *r, const struct conf_service *s, const char *option)
{
	error(r, &s->where, option, "is for fullnat only, which is the method of no server of %s",
	      s->where.path);
}

static void fullnat_uses_them(const struct rules *r)
{
	const struct conf_service *s;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		bool some = has_fullnat(s, 0), none = s->n_servers && !some;

		if (none && s->n_local_addresses)
			is_for_fullnat(r, s, "local_addresses");
		if (none && s->local_port)
			is_for_fullnat(r, s, "local_ports");
		for (i = 0; some && i < s->n_local_addresses; i++) {
			const struct addr *a = &s->local_addresses[i].prefix.addr;

			if (!has_fullnat(s, addr_family(a)))
				error(r, &s->local_addresses_where, NULL,
				      "%s is %s, but no fullnat server of %s is", addr_str(a, text),
				      family_name(addr_family(a)), s->where.path);
		}
	}
}

static void they_are_nothing_else(const struct rules *r)
{
	struct claims taken = { 0 };
	const struct conf_service *s;
	const struct claim *other;
	char text[ADDR_STRLEN];
	unsigned i, k;

	claims_add_vips(&taken, r->conf);
	claims_add_instances(&taken, r->conf);
	claims_sort(&taken);
	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; i < s->n_local_addresses; i++) {
			const struct addr *a = &s->local_addresses[i].prefix.addr;

			other = claims_find(&taken, a);
			if (other)
				error(r, &s->local_addresses_where, NULL,
				      "%s is in %s (%s:%u) too, must be an address of its own",
				      addr_str(a, text), other->where->path, other->where->file,
				      other->where->line);
			for (k = 0; k < i; k++)
				if (addr_equal(a, &s->local_addresses[k].prefix.addr))
					error(r, &s->local_addresses_where, NULL,
					      "%s is there twice", addr_str(a, text));
		}
	}
	claims_free(&taken);
}

/* ---- With whom they move ---- */

/* A local address of a service. */
struct use {
	const struct conf_vip *vip;
	const struct conf_service *service;
	const struct conf_where *instance; /* it moves with; NULL: none */
	unsigned order;
};

static int by_address(const void *a, const void *b)
{
	const struct use *p = a, *q = b;
	int r = addr_cmp(&p->vip->prefix.addr, &q->vip->prefix.addr);

	return r ? r : p->order < q->order ? -1 : 1;
}

/* The instance that holds the service's VIPs of that family; more than one is an error if there
 * are local addresses to move. */
static const struct conf_where *mover(const struct rules *r, const struct claims *owned,
				      const struct conf_service *s, int family)
{
	const struct conf_where *first = NULL;
	const struct claim *claim;
	unsigned i;

	for (i = 0; s->owner == CONF_OWNER_VRRP && i < s->n_vips; i++) {
		claim = addr_family(&s->vips[i].addr) == family
				? claims_find(owned, &s->vips[i].addr)
				: NULL;
		if (!claim || claim->where == first)
			continue;
		if (first)
			error(r, &s->where, "vip",
			      "is in %s and in %s: local addresses move with one instance",
			      first->path, claim->where->path);
		else
			first = claim->where;
	}
	return first;
}

static unsigned find_uses(const struct rules *r, const struct claims *owned, struct use *uses)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct conf_where *instance;
	const struct conf_service *s;
	unsigned i, f, n = 0;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (f = 0; s->n_local_addresses && f < 2; f++) {
			instance = mover(r, owned, s, families[f]);
			for (i = 0; i < s->n_local_addresses; i++) {
				const struct conf_vip *l = &s->local_addresses[i];

				if (addr_family(&l->prefix.addr) != families[f])
					continue;
				uses[n] = (struct use){ l, s, instance, n };
				n++;
			}
		}
	}
	return n;
}

static bool same_place(const struct conf_vip *a, const struct conf_vip *b)
{
	if (!a->interface || !b->interface)
		return a->interface == b->interface && prefix_equal(&a->prefix, &b->prefix);
	return !strcmp(a->interface, b->interface) && prefix_equal(&a->prefix, &b->prefix);
}

static void compare_use(const struct rules *r, const struct use *first, const struct use *use)
{
	const struct conf_where *other = &first->service->local_addresses_where;
	const struct conf_where *where = &use->service->local_addresses_where;
	char text[ADDR_STRLEN];

	if (addr_cmp(&first->vip->prefix.addr, &use->vip->prefix.addr) ||
	    first->service == use->service)
		return;
	addr_str(&use->vip->prefix.addr, text);
	if (first->instance && use->instance && first->instance != use->instance)
		error(r, where, NULL,
		      "%s moves with %s as an address of %s, and with %s as one of %s (%s:%u): "
		      "it can move with one instance",
		      text, use->instance->path, use->service->where.path, first->instance->path,
		      first->service->where.path, other->file, other->line);
	else if (!same_place(first->vip, use->vip))
		error(r, where, NULL, "%s is not the same as in %s (%s:%u): prefix and interface",
		      text, other->path, other->file, other->line);
}

static void they_move_with_one(const struct rules *r)
{
	struct claims owned = { 0 };
	const struct conf_service *s;
	const struct use *use, *first;
	struct use *uses;
	size_t n = 1;

	for_each(s, r->conf->services, r->conf->n_services)
		n += s->n_local_addresses;
	uses = calloc(n, sizeof(*uses));
	if (!uses)
		abort();
	claims_add_instances(&owned, r->conf);
	claims_sort(&owned);
	n = find_uses(r, &owned, uses);
	qsort(uses, n, sizeof(*uses), by_address);
	first = uses;
	for_each(use, uses, n) {
		if (addr_cmp(&first->vip->prefix.addr, &use->vip->prefix.addr))
			first = use;
		compare_use(r, first, use);
	}
	claims_free(&owned);
	free(uses);
}

/* ---- Warnings ---- */

static void fullnat_has_some(const struct rules *r)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct conf_service *s;
	unsigned f, i;

	for_each(s, r->conf->services, r->conf->n_services) {
		if (!r->conf->n_vrrp || s->owner != CONF_OWNER_VRRP)
			continue;
		for (f = 0; f < 2; f++) {
			for (i = 0; i < s->n_local_addresses; i++)
				if (addr_family(&s->local_addresses[i].prefix.addr) == families[f])
					break;
			if (i == s->n_local_addresses && has_fullnat(s, families[f]))
				warning(r, &s->where, "local_addresses",
					"there is none of %s: fullnat uses the director's own "
					"address; such flows end at failover",
					family_name(families[f]));
		}
	}
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, fullnat_uses_them },
	{ SEVERITY_ERROR, they_are_nothing_else },
	{ SEVERITY_ERROR, they_move_with_one },
	{ SEVERITY_WARNING, fullnat_has_some },
};
// clang-format on

void rules_of_local_addresses(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
