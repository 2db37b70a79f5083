// SPDX-License-Identifier: BSD-2-Clause
/* Addresses that may be claimed once: found by sorting. */
#include "conf/claims.h"

#include <stdio.h>
#include <stdlib.h>

void claims_add(struct claims *c, const struct addr *a, uint32_t number,
		const struct conf_where *where)
{
	if (addr_is_any(a))
		return;
	if (c->n == c->size) {
		c->size = c->size ? 2 * c->size : 64;
		c->all = realloc(c->all, c->size * sizeof(*c->all));
		if (!c->all)
			abort();
	}
	c->all[c->n] = (struct claim){ *a, number, c->n, where };
	c->n++;
}

static int same_claim(const void *a, const void *b)
{
	const struct claim *p = a, *q = b;
	int r = addr_cmp(&p->addr, &q->addr);

	if (!r && p->number != q->number)
		r = p->number < q->number ? -1 : 1;
	return r;
}

static int claim_order(const void *a, const void *b)
{
	const struct claim *p = a, *q = b;
	int r = same_claim(a, b);

	return r ? r : p->order < q->order ? -1 : 1;
}

void claims_sort(struct claims *c)
{
	if (c->n)
		qsort(c->all, c->n, sizeof(*c->all), claim_order);
}

const struct claim *claims_find(const struct claims *c, const struct addr *a)
{
	struct claim key = { .addr = *a };

	return c->n ? bsearch(&key, c->all, c->n, sizeof(*c->all), same_claim) : NULL;
}

void claims_add_instances(struct claims *c, const struct conf *conf)
{
	const struct conf_vrrp *v;
	unsigned i;

	for_each(v, conf->vrrp, conf->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(c, &v->addresses[i].prefix.addr, 0, &v->where);
}

void claims_add_vips(struct claims *c, const struct conf *conf)
{
	const struct conf_service *s;
	unsigned i;

	for_each(s, conf->services, conf->n_services)
		for (i = 0; i < s->n_vips; i++)
			if (!is_network(&s->vips[i]))
				claims_add(c, &s->vips[i].addr, 0, &s->where);
}

static const char *claim_text(const struct claim *c, char *buf, size_t size)
{
	char addr[ADDR_STRLEN];

	addr_str(&c->addr, addr);
	if (c->number)
		snprintf(buf, size, "%s port %u", addr, c->number);
	else
		snprintf(buf, size, "%s", addr);
	return buf;
}

void claims_report(const struct rules *r, struct claims *c, const char *option)
{
	const struct claim *first = NULL, *claim;
	char text[ADDR_STRLEN + 32];

	claims_sort(c);
	for_each(claim, c->all, c->n) {
		if (!first || same_claim(first, claim)) {
			first = claim;
			continue;
		}
		claim_text(claim, text, sizeof(text));
		if (claim->where == first->where)
			error(r, claim->where, option, "%s is there twice", text);
		else
			error(r, claim->where, option, "%s is also in %s (%s:%u)", text,
			      first->where->path, first->where->file, first->where->line);
	}
}

void claims_free(struct claims *c)
{
	free(c->all);
}
