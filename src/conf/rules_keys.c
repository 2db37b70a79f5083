// SPDX-License-Identifier: BSD-2-Clause
/* Which packets two services claim.  A service has a key for each vip: a network (of one address,
 * as a rule), ports, a protocol.  A packet belongs to the key of the longest prefix, and of those
 * to the one with the fewest ports; so keys may contain each other, but neither be the same nor
 * overlap by halves. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/rule.h"

/* src/ipvs/abi.h: SVC_MAX, RANGES_MAX. */
#define SERVICE_KEYS_MAX 16384
#define RANGES_MAX	 64

struct key {
	const struct conf_service *service;
	const struct prefix *vip;
	unsigned order; /* in the file */
};

struct keys {
	struct key *all;
	unsigned n;
	const struct key **open; /* a stack: each contains the next */
	unsigned *ranges;	 /* few_ranges_hold: those that hold for each of them */
	unsigned depth;
};

static int compare(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

/* Keys of the same addresses. */
static int by_addresses(const struct key *p, const struct key *q)
{
	int r = compare(p->service->protocol, q->service->protocol);

	if (!r)
		r = addr_family(&p->vip->addr) - addr_family(&q->vip->addr);
	if (!r)
		r = addr_cmp(&p->vip->addr, &q->vip->addr);
	return r ? r : compare(p->vip->len, q->vip->len);
}

/* What contains others stands before them. */
static int by_key(const void *a, const void *b)
{
	const struct key *p = a, *q = b;
	int r = by_addresses(p, q);

	if (!r)
		r = compare(p->service->port, q->service->port);
	if (!r)
		r = compare(q->service->port_last, p->service->port_last);
	return r ? r : compare(p->order, q->order);
}

static struct keys keys_new(const struct conf *c)
{
	struct keys k = { 0 };
	const struct conf_service *s;
	unsigned i, room = 1;

	for_each(s, c->services, c->n_services)
		room += s->n_vips;
	k.all = calloc(room, sizeof(*k.all));
	k.open = calloc(room, sizeof(*k.open));
	k.ranges = calloc(room, sizeof(*k.ranges));
	if (!k.all || !k.open || !k.ranges)
		abort();
	for_each(s, c->services, c->n_services) {
		for (i = 0; s->port && s->protocol && i < s->n_vips; i++) {
			k.all[k.n] = (struct key){ s, &s->vips[i], k.n };
			k.n++;
		}
	}
	qsort(k.all, k.n, sizeof(*k.all), by_key);
	return k;
}

static void keys_free(struct keys *k)
{
	free(k->all);
	free(k->open);
	free(k->ranges);
}

/* "192.0.2.10 port 80/tcp" */
static const char *key_text(const struct key *k, char *buf, size_t size)
{
	const struct conf_service *s = k->service;
	const char *protocol = protocol_name(s->protocol);
	char vip[PREFIX_STRLEN];

	vip_text(k->vip, vip);
	if (has_one_port(s))
		snprintf(buf, size, "%s port %u/%s", vip, s->port, protocol);
	else if (s->port == 1 && s->port_last == UINT16_MAX)
		snprintf(buf, size, "%s any port/%s", vip, protocol);
	else
		snprintf(buf, size, "%s ports %u-%u/%s", vip, s->port, s->port_last, protocol);
	return buf;
}

static bool same_ports(const struct conf_service *a, const struct conf_service *b)
{
	return a->port == b->port && a->port_last == b->port_last;
}

/* Tells of the one that stands later in the file. */
static void tell_conflict(const struct rules *r, const struct key *a, const struct key *b)
{
	const struct key *first = a->order < b->order ? a : b, *second = first == a ? b : a;
	const struct conf_where *other = &first->service->where;
	char text[PREFIX_STRLEN + 32];

	key_text(second, text, sizeof(text));
	if (first->service == second->service)
		error(r, &second->service->where, "vip", "%s is there twice", text);
	else if (same_ports(first->service, second->service))
		error(r, &second->service->where, "vip", "%s is also in %s (%s:%u)", text,
		      other->path, other->file, other->line);
	else
		error(r, &second->service->where, "port",
		      "%s overlap ports %u-%u of %s (%s:%u): one must contain the other", text,
		      first->service->port, first->service->port_last, other->path, other->file,
		      other->line);
}

/* Keys of the same addresses, in their order: those that are open contain the next one, or end
 * before it, or are in conflict with it. */
static void keys_do_not_overlap(const struct rules *r)
{
	struct keys k = keys_new(r->conf);
	const struct key *key, *above;

	if (k.n > SERVICE_KEYS_MAX)
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, "services",
			    "%u vips in all, must be %u at most", k.n, SERVICE_KEYS_MAX);
	for_each(key, k.all, k.n) {
		if (key > k.all && by_addresses(key - 1, key))
			k.depth = 0;
		while (k.depth && k.open[k.depth - 1]->service->port_last < key->service->port)
			k.depth--;
		above = k.depth ? k.open[k.depth - 1] : NULL;
		if (above && (same_ports(above->service, key->service) ||
			      above->service->port_last < key->service->port_last))
			tell_conflict(r, above, key);
		k.open[k.depth++] = key;
	}
	keys_free(&k);
}

/* The engine finds by port alone what has one address and one port; the others it looks through. */
static unsigned is_range(const struct key *key)
{
	return is_network(key->vip) || !has_one_port(key->service);
}

/* For an address hold the ranges of its own network, and of those around it. */
static void few_ranges_hold(const struct rules *r)
{
	struct keys k = keys_new(r->conf);
	const struct key *key, *last;
	char text[PREFIX_STRLEN];
	unsigned n;

	for (key = k.all; key < k.all + k.n; key = last) {
		while (k.depth &&
		       (k.open[k.depth - 1]->service->protocol != key->service->protocol ||
			!prefix_contains(k.open[k.depth - 1]->vip, &key->vip->addr)))
			k.depth--;
		n = k.depth ? k.ranges[k.depth - 1] : 0;
		for (last = key; last < k.all + k.n && !by_addresses(key, last); last++)
			n += is_range(last);
		if (n > RANGES_MAX)
			error(r, &last[-1].service->where, "port",
			      "%u ranges of ports hold for %s, must be %u at most", n,
			      vip_text(key->vip, text), RANGES_MAX);
		k.open[k.depth] = key;
		k.ranges[k.depth++] = n;
	}
	keys_free(&k);
}

static const struct rule table[] = {
	{ SEVERITY_ERROR, keys_do_not_overlap },
	{ SEVERITY_ERROR, few_ranges_hold },
};

void rules_of_keys(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
