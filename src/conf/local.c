// SPDX-License-Identifier: BSD-2-Clause
/* The addresses that fullnat sends from, and where they are: they move with the instance that holds
 * the service's VIPs, since the answers to them must come to whoever has the flows. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

struct local_list {
	struct conf_vip *all; /* in the order of their addresses, each once */
	unsigned n, size;
};

/* Whether v holds a VIP of its family of the service. */
static bool holds(const struct conf_vrrp *v, const struct conf_service *s)
{
	unsigned i, k;

	if (s->owner != CONF_OWNER_VRRP)
		return false;
	for (i = 0; i < s->n_vips; i++)
		for (k = 0; k < v->n_addresses; k++)
			if (addr_equal(&v->addresses[k].prefix.addr, &s->vips[i].addr))
				return true;
	return false;
}

/* The interface of v's address that shares a network with a, of the smallest such network. */
static const char *interface_for(const struct conf_vrrp *v, const struct addr *a)
{
	const char *interface = v->interface;
	unsigned i, len = 0;

	for (i = 0; i < v->n_addresses; i++) {
		const struct conf_vip *own = &v->addresses[i];

		if (own->prefix.len < len || !prefix_contains(&own->prefix, a))
			continue;
		len = own->prefix.len;
		interface = own->interface;
	}
	return interface;
}

/* Where a stands, or would. */
static unsigned place_of(const struct local_list *l, const struct addr *a)
{
	unsigned low = 0, high = l->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (addr_cmp(&l->all[middle].prefix.addr, a) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add(struct local_list *l, const struct conf_vrrp *v, struct conf_vip vip)
{
	unsigned at = place_of(l, &vip.prefix.addr);

	if (at < l->n && addr_equal(&l->all[at].prefix.addr, &vip.prefix.addr))
		return;
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 8;
		l->all = realloc(l->all, l->size * sizeof(*l->all));
		if (!l->all)
			abort();
	}
	if (!vip.interface)
		vip.interface = interface_for(v, &vip.prefix.addr);
	memmove(l->all + at + 1, l->all + at, (l->n - at) * sizeof(*l->all));
	l->all[at] = vip;
	l->n++;
}

unsigned conf_vrrp_local(const struct conf *c, const struct conf_vrrp *v, struct conf_vip **ret)
{
	struct local_list list = { 0 };
	const struct conf_service *s;
	unsigned i;

	for (s = c->services; s < c->services + c->n_services; s++) {
		if (!s->n_local_addresses || !holds(v, s))
			continue;
		for (i = 0; i < s->n_local_addresses; i++)
			if (addr_family(&s->local_addresses[i].prefix.addr) == v->family)
				add(&list, v, s->local_addresses[i]);
	}
	*ret = list.all;
	return list.n;
}
