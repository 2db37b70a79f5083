// SPDX-License-Identifier: BSD-2-Clause
/* `wide` and `ranges`.
 *
 * An entry of `wide` answers for all addresses of its prefix, so it lists the ranges of its own
 * services and those of every prefix around it: its own first, since they are narrower, and among
 * equals the range of fewer ports.  The list is written to slots that nobody reads, then the entry
 * is pointed there, and the old slots rest.
 */
#include "ipvs/wide.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/loop.h"

static struct wide_key key_of(uint8_t protocol, const struct prefix *vip)
{
	unsigned before = addr_is_v4(&vip->addr) ? 96 : 0;

	return (struct wide_key){
		.bits = 32 + before + vip->len,
		.proto = htonl(protocol),
		.vip = vip->addr,
	};
}

/* By entry: narrow prefixes first. */
static int compare_entries(const void *a, const void *b)
{
	const struct wide_service *x = a, *y = b;
	int r = (int)x->protocol - (int)y->protocol;

	if (!r)
		r = (int)y->vip.len - (int)x->vip.len;
	return r ? r : addr_cmp(&x->vip.addr, &y->vip.addr);
}

/* Of one entry, few ports first. */
static int compare(const void *a, const void *b)
{
	const struct wide_service *x = a, *y = b;
	int r = compare_entries(a, b);

	if (!r)
		r = (x->last - x->port) - (y->last - y->port);
	return r ? r : (int)x->port - (int)y->port;
}

/* A sorted list, being gone through. */
struct walk {
	struct span_space *space;
	struct ipvs_backend *be;
	const struct wide_service *list, *end;
	const struct wide_service
		*wider; /* the first whose prefix is wider, or of the next protocol */
	struct range ranges[RANGES_MAX];
	unsigned n;
};

static bool collect(struct walk *walk, const struct wide_service *w)
{
	if (walk->n == RANGES_MAX) {
		log_err(w->subject,
			"more than %u port ranges hold for one address: the widest are left out",
			RANGES_MAX);
		return false;
	}
	walk->ranges[walk->n++] = (struct range){ .port = w->port, .last = w->last, .ref = w->ref };
	return true;
}

/* The ranges that hold for the addresses of `at`, the first of its entry. */
static void collect_all(struct walk *walk, const struct wide_service *at)
{
	const struct wide_service *w;

	walk->n = 0;
	for (w = at; w < walk->end && !compare_entries(w, at); w++)
		if (!collect(walk, w))
			return;
	if (walk->wider < at)
		walk->wider = at;
	while (walk->wider < walk->end && walk->wider->protocol == at->protocol &&
	       walk->wider->vip.len == at->vip.len)
		walk->wider++;
	for (w = walk->wider; w < walk->end && w->protocol == at->protocol; w++)
		if (prefix_contains(&w->vip, &at->vip.addr) && !collect(walk, w))
			return;
}

static void publish(struct walk *walk, const struct wide_service *at)
{
	struct wide_key key = key_of(at->protocol, &at->vip);
	struct ipvs_backend *be = walk->be;
	struct wide_ref old = { 0 }, new = { .count = walk->n };
	int64_t first;

	if (!be->get(be, TABLE_WIDE, &key, &old) && old.count == walk->n &&
	    (uint64_t)old.first + old.count <= RANGE_MAX &&
	    !memcmp(&be->ranges[old.first], walk->ranges, walk->n * sizeof(*walk->ranges)))
		return;
	first = span_take(walk->space, walk->n, loop_now());
	if (first < 0) {
		log_err(at->subject, "no room for its port ranges: it stays as it was");
		return;
	}
	new.first = (uint32_t)first;
	memcpy(&be->ranges[first], walk->ranges, walk->n * sizeof(*walk->ranges));
	if (be->set(be, TABLE_WIDE, &key, &new))
		log_err(at->subject, "cannot enter it into the table of wide services");
	span_give(walk->space, SPAN(old.first, old.count), loop_now());
}

static void drop_stray(void *ctx, const void *key, const void *value)
{
	const struct wide_ref *ref = value;
	const struct wide_key *k = key;
	struct walk *walk = ctx;
	struct wide_service entry = {
		.vip = { k->vip, k->bits - 32 - (addr_is_v4(&k->vip) ? 96 : 0) },
		.protocol = (uint8_t)ntohl(k->proto),
	};

	if (walk->end > walk->list && bsearch(&entry, walk->list, (size_t)(walk->end - walk->list),
					      sizeof(entry), compare_entries))
		return;
	span_give(walk->space, SPAN(ref->first, ref->count), loop_now());
	walk->be->del(walk->be, TABLE_WIDE, key);
}

void wide_reconcile(struct ipvs_backend *be, struct span_space *space, struct wide_service *list,
		    unsigned n)
{
	struct walk walk = { .be = be, .space = space, .list = list, .end = list + n };
	const struct wide_service *w;

	walk.wider = list;
	if (n) {
		qsort(list, n, sizeof(*list), compare);
		be->svcs[0].flags = SVC_ANY_WIDE;
	}
	for (w = list; w < walk.end; w++) {
		if (w > list && !compare_entries(w - 1, w))
			continue;
		collect_all(&walk, w);
		publish(&walk, w);
	}
	be->each(be, TABLE_WIDE, drop_stray, &walk);
	if (!n)
		be->svcs[0].flags = 0;
}

bool wide_find(struct ipvs_backend *be, uint8_t protocol, const struct prefix *vip, uint16_t port,
	       uint16_t last, struct svc_ref *ret)
{
	struct wide_key key = key_of(protocol, vip);
	struct wide_ref ref;
	uint32_t i;

	if (be->get(be, TABLE_WIDE, &key, &ref))
		return false;
	for (i = ref.first; i < RANGE_MAX && i < ref.first + ref.count; i++) {
		if (be->ranges[i].port != port || be->ranges[i].last != last)
			continue;
		*ret = be->ranges[i].ref;
		return true;
	}
	return false;
}

static void adopt(void *ctx, const void *, const void *value)
{
	const struct wide_ref *ref = value;

	span_adopt(ctx, SPAN(ref->first, ref->count));
}

void wide_adopt(struct ipvs_backend *be, struct span_space *space)
{
	be->each(be, TABLE_WIDE, adopt, space);
}
