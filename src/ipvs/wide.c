// SPDX-License-Identifier: BSD-2-Clause
/* `wide` and `ranges`.
 *
 * An entry of `wide` answers for all addresses of its prefix, so it lists the ranges of its own
 * services and those of every prefix around it: its own first, since they are narrower, and among
 * equals the range of fewer ports.  The list is written to slots that nobody reads, then the entry
 * is pointed there, and the old slots rest.
 *
 * A lookup in `wide` finds the longest prefix, as packets want it; what stands at one prefix
 * exactly only going through all entries can tell.
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

struct entry {
	struct wide_key key;
	struct wide_ref ref;
};

/* A sorted list, being gone through. */
struct walk {
	struct span_space *space;
	struct ipvs_backend *be;
	const struct wide_service *list, *end;
	const struct wide_service
		*wider; /* the first whose prefix is wider, or of the next protocol */
	struct range ranges[RANGES_MAX];
	unsigned n;
	struct entry *entries; /* what the maps had at first, by key */
	unsigned n_entries;
};

static void note_entry(void *ctx, const void *key, const void *value)
{
	struct walk *walk = ctx;
	struct entry *e;

	if (walk->n_entries == WIDE_MAX)
		return;
	e = &walk->entries[walk->n_entries++];
	memcpy(&e->key, key, sizeof(e->key));
	memcpy(&e->ref, value, sizeof(e->ref));
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wide_key));
}

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

/* Does the entry say what walk->ranges does? */
static bool is_published(const struct walk *walk, const struct wide_ref *ref)
{
	return ref->count == walk->n && (uint64_t)ref->first + ref->count <= RANGE_MAX &&
	       !memcmp(&walk->be->ranges[ref->first], walk->ranges,
		       walk->n * sizeof(*walk->ranges));
}

static void publish(struct walk *walk, const struct wide_service *at)
{
	struct wide_key key = key_of(at->protocol, &at->vip);
	const struct entry *old = NULL;
	struct wide_ref new = { .count = walk->n };
	int64_t first;

	if (walk->n_entries)
		old = bsearch(&key, walk->entries, walk->n_entries, sizeof(*old), compare_keys);
	if (old && is_published(walk, &old->ref))
		return;
	first = span_take(walk->space, walk->n, loop_now());
	if (first < 0) {
		log_err(at->subject, "no room for its port ranges: it stays as it was");
		return;
	}
	new.first = (uint32_t)first;
	memcpy(&walk->be->ranges[first], walk->ranges, walk->n * sizeof(*walk->ranges));
	if (walk->be->set(walk->be, TABLE_WIDE, &key, &new))
		log_err(at->subject, "cannot enter it into the table of wide services");
	if (old)
		span_give(walk->space, SPAN(old->ref.first, old->ref.count), loop_now());
}

/* Removes what nobody wants any more. */
static void drop_strays(struct walk *walk)
{
	const struct entry *e;

	for (e = walk->entries; e < walk->entries + walk->n_entries; e++) {
		struct wide_service entry = {
			.vip = { e->key.vip,
				 e->key.bits - 32 - (addr_is_v4(&e->key.vip) ? 96 : 0) },
			.protocol = (uint8_t)ntohl(e->key.proto),
		};

		if (walk->end > walk->list &&
		    bsearch(&entry, walk->list, (size_t)(walk->end - walk->list), sizeof(entry),
			    compare_entries))
			continue;
		walk->be->del(walk->be, TABLE_WIDE, &e->key);
		span_give(walk->space, SPAN(e->ref.first, e->ref.count), loop_now());
	}
}

void wide_reconcile(struct ipvs_backend *be, struct span_space *space, struct wide_service *list,
		    unsigned n)
{
	struct walk walk = { .be = be, .space = space, .list = list, .end = list + n };
	const struct wide_service *w;

	walk.wider = list;
	walk.entries = calloc(WIDE_MAX, sizeof(*walk.entries));
	if (!walk.entries) {
		log_err("engine",
			"no memory: services of many ports or addresses stay as they were");
		return;
	}
	be->each(be, TABLE_WIDE, note_entry, &walk);
	qsort(walk.entries, walk.n_entries, sizeof(*walk.entries), compare_keys);
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
	drop_strays(&walk);
	if (!n)
		be->svcs[0].flags = 0;
	free(walk.entries);
}

struct search {
	struct ipvs_backend *be;
	struct wide_key key;
	uint16_t port, last;
	struct svc_ref *found;
	bool is_found;
};

static void look_at(void *ctx, const void *key, const void *value)
{
	struct search *search = ctx;
	const struct wide_ref *ref = value;
	uint32_t i;

	if (memcmp(key, &search->key, sizeof(search->key)) != 0)
		return;
	for (i = ref->first; i < RANGE_MAX && i - ref->first < ref->count; i++) {
		const struct range *r = &search->be->ranges[i];

		if (search->is_found || r->port != search->port || r->last != search->last)
			continue;
		*search->found = r->ref;
		search->is_found = true;
	}
}

bool wide_find(struct ipvs_backend *be, uint8_t protocol, const struct prefix *vip, uint16_t port,
	       uint16_t last, struct svc_ref *ret)
{
	struct search search = { .be = be, .port = port, .last = last, .found = ret };

	search.key = key_of(protocol, vip);
	be->each(be, TABLE_WIDE, look_at, &search);
	return search.is_found;
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
