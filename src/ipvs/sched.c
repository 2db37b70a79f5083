// SPDX-License-Identifier: BSD-2-Clause
/* Schedulers: how a ring is filled.
 *
 * What depends on all servers at once is decided here; the packet path reads a slot, or for lc and
 * wlc, which look at the load of the moment, each server's slot.  Definitions are IPVS's:
 *
 * rr: every server once, in order.
 * wrr: for each level from the highest weight down in steps of the greatest common divisor, every
 * server whose weight reaches the level: one whole cycle, as ip_vs_wrr.c would hand it out.
 * sh: 256 buckets, filled by walking the servers, each taking `weight` in a row (ip_vs_sh.c).  When
 * the weights sum to more, the last servers get none: weights of sh should be small.
 * mh: Maglev (Eisenbud et al., NSDI 2016, 3.4) with the weights of ip_vs_mh.c: in a round each
 * server takes weight / gcd slots.  The table ends amid a round, so shares are exact to one round
 * in all.
 */
#include "ipvs/sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "lib/addr.h"
#include "lib/siphash.h"

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static uint32_t weight_gcd(const struct sched_server *servers, size_t n)
{
	uint32_t divisor = 0;
	size_t i;

	for (i = 0; i < n; i++)
		divisor = gcd(servers[i].weight, divisor);
	return divisor;
}

static uint32_t weight_max(const struct sched_server *servers, size_t n)
{
	uint32_t max = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (servers[i].weight > max)
			max = servers[i].weight;
	return max;
}

/* ---- rr, lc, wlc: every server once ---- */

static uint32_t once_len(const struct sched_params *, const struct sched_server *servers, size_t n)
{
	uint32_t len = 0;
	size_t i;

	for (i = 0; i < n; i++)
		len += servers[i].weight > 0;
	return len;
}

static int once_fill(const struct sched_params *, const struct sched_server *servers, size_t n,
		     uint32_t *ids)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (servers[i].weight)
			*ids++ = servers[i].id;
	return 0;
}

/* ---- wrr ---- */

/* What the weights are counted in: their greatest common divisor, or more when the cycle would not
 * fit a ring (a weight then rounds down, but never to 0). */
static uint32_t wrr_step(const struct sched_server *servers, size_t n)
{
	uint32_t step = weight_gcd(servers, n);
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += servers[i].weight;
	if (sum / step > RING_LEN_MAX)
		step = (uint32_t)(sum / (RING_LEN_MAX - n) + 1);
	return step;
}

static uint32_t wrr_turns(const struct sched_server *s, uint32_t step)
{
	return s->weight && s->weight < step ? 1 : s->weight / step;
}

static uint32_t wrr_len(const struct sched_params *, const struct sched_server *servers, size_t n)
{
	uint32_t step = wrr_step(servers, n), len = 0;
	size_t i;

	for (i = 0; i < n; i++)
		len += wrr_turns(&servers[i], step);
	return len;
}

static int wrr_fill(const struct sched_params *, const struct sched_server *servers, size_t n,
		    uint32_t *ids)
{
	uint32_t step = wrr_step(servers, n), level = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (wrr_turns(&servers[i], step) > level)
			level = wrr_turns(&servers[i], step);
	for (; level; level--)
		for (i = 0; i < n; i++)
			if (wrr_turns(&servers[i], step) >= level)
				*ids++ = servers[i].id;
	return 0;
}

/* ---- sh ---- */

static uint32_t sh_len(const struct sched_params *, const struct sched_server *, size_t)
{
	return SCHED_SH_LEN;
}

static int sh_fill(const struct sched_params *, const struct sched_server *servers, size_t n,
		   uint32_t *ids)
{
	uint32_t bucket = 0, turn;
	size_t i;

	for (i = 0; bucket < SCHED_SH_LEN; i = (i + 1) % n)
		for (turn = 0; turn < servers[i].weight && bucket < SCHED_SH_LEN; turn++)
			ids[bucket++] = servers[i].id;
	return 0;
}

/* ---- mh ---- */

/* A server on its walk through the table: it wants the slots at, at + skip, at + 2 skip, ... */
struct walker {
	struct addr addr;
	__be16 port;
	uint32_t id;
	uint32_t at, skip;
	uint32_t turns; /* slots that it takes in a round */
};

/* IPVS's constants: two directors, of any release, make the same table. */
static const struct siphash_key at_key = { 2654435761, 2654435761 };
static const struct siphash_key skip_key = { 2654446892, 2654446892 };

/* IPVS adds address (the words of an IPv6 one folded) and port up to 32 bits and hashes the sum;
 * there 10.0.0.1:81 and 10.0.0.2:80 walk the same way.  Here all bytes are hashed. */
static void walker_place(struct walker *w, uint32_t size)
{
	uint8_t name[sizeof(w->addr) + sizeof(w->port)];

	memcpy(name, &w->addr, sizeof(w->addr));
	memcpy(name + sizeof(w->addr), &w->port, sizeof(w->port));
	w->at = (uint32_t)(siphash(&at_key, name, sizeof(name)) % size);
	w->skip = (uint32_t)(siphash(&skip_key, name, sizeof(name)) % (size - 1)) + 1;
}

/* Never by id: it differs between directors. */
static int walker_cmp(const void *a, const void *b)
{
	const struct walker *w = a, *x = b;
	int r = addr_cmp(&w->addr, &x->addr);

	return r ? r : memcmp(&w->port, &x->port, sizeof(w->port));
}

static unsigned bit_length(uint32_t x)
{
	return x ? 32 - (unsigned)__builtin_clz(x) : 0;
}

/* By how many bits IPVS shifts weights so that no server takes more slots in a round than about the
 * square root of the table. */
static unsigned mh_shift(uint32_t turns_max, uint32_t size)
{
	unsigned have = bit_length(turns_max), allowed = bit_length(size) / 2;

	return have > allowed ? have - allowed : 0;
}

/* Size is prime, so a walk passes every slot before it is back, and finds a free one if any is. */
static void mh_populate(struct walker *walkers, size_t n, uint32_t size, uint32_t *ids)
{
	uint32_t left = size, turn;
	size_t i;

	memset(ids, 0, size * sizeof(*ids));
	for (i = 0;; i = (i + 1) % n) {
		struct walker *w = &walkers[i];

		for (turn = 0; turn < w->turns; turn++) {
			while (ids[w->at]) {
				w->at += w->skip;
				if (w->at >= size)
					w->at -= size;
			}
			ids[w->at] = w->id;
			if (!--left)
				return;
		}
	}
}

static uint32_t mh_len(const struct sched_params *p, const struct sched_server *, size_t)
{
	return p->mh_size;
}

static int mh_fill(const struct sched_params *p, const struct sched_server *servers, size_t n,
		   uint32_t *ids)
{
	uint32_t unit = weight_gcd(servers, n);
	unsigned shift = mh_shift(weight_max(servers, n) / unit, p->mh_size);
	struct walker *walkers = calloc(n, sizeof(*walkers)), *w = walkers;
	size_t i;

	if (!walkers)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (!servers[i].weight)
			continue;
		w->addr = servers[i].addr;
		w->port = servers[i].port;
		w->id = servers[i].id;
		w->turns = servers[i].weight / unit >> shift;
		if (!w->turns)
			w->turns = 1;
		walker_place(w++, p->mh_size);
	}
	n = (size_t)(w - walkers);
	qsort(walkers, n, sizeof(*walkers), walker_cmp);
	mh_populate(walkers, n, p->mh_size, ids);
	free(walkers);
	return 0;
}

/* ---- The table ---- */

/* len and fill are only called with a server that has a weight. */
static const struct {
	const char *name;
	enum pick pick;
	uint32_t (*len)(const struct sched_params *p, const struct sched_server *servers, size_t n);
	int (*fill)(const struct sched_params *p, const struct sched_server *servers, size_t n,
		    uint32_t *ids);
} schedulers[] = {
	[CONF_SCHED_RR] = { "rr", PICK_NEXT, once_len, once_fill },
	[CONF_SCHED_WRR] = { "wrr", PICK_NEXT, wrr_len, wrr_fill },
	[CONF_SCHED_LC] = { "lc", PICK_LC, once_len, once_fill },
	[CONF_SCHED_WLC] = { "wlc", PICK_WLC, once_len, once_fill },
	[CONF_SCHED_SH] = { "sh", PICK_HASH, sh_len, sh_fill },
	[CONF_SCHED_MH] = { "mh", PICK_HASH, mh_len, mh_fill },
};

enum pick sched_pick(unsigned scheduler)
{
	return schedulers[scheduler].pick;
}

const char *sched_name(unsigned scheduler)
{
	return schedulers[scheduler].name;
}

uint32_t sched_ring_len(const struct sched_params *p, const struct sched_server *servers, size_t n)
{
	return weight_max(servers, n) ? schedulers[p->scheduler].len(p, servers, n) : 0;
}

int sched_ring_fill(const struct sched_params *p, const struct sched_server *servers, size_t n,
		    uint32_t *ret_ids)
{
	return weight_max(servers, n) ? schedulers[p->scheduler].fill(p, servers, n, ret_ids) : 0;
}
