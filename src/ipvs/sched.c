// SPDX-License-Identifier: BSD-2-Clause
/* Schedulers whose decisions are a table (DESIGN: the packet path reads one slot, in turn).
 *
 * Definitions are IPVS's.  rr: every server once, in order.  wrr: for each level from the highest
 * weight down in steps of the greatest common divisor, every server whose weight reaches the level:
 * one whole cycle, as ip_vs_wrr.c would hand it out.
 */
#include "ipvs/sched.h"

#include "conf/conf.h"
#include "ipvs/abi.h"

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* What the weights are counted in: their greatest common divisor, or more when the cycle would not
 * fit a ring (a weight then rounds down, but never to 0). */
static uint32_t wrr_step(const struct sched_server *servers, size_t n)
{
	uint64_t sum = 0;
	uint32_t step = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		sum += servers[i].weight;
		step = gcd(servers[i].weight, step);
	}
	if (n && sum / step > RING_LEN_MAX)
		step = (uint32_t)(sum / (RING_LEN_MAX - n) + 1);
	return step;
}

static uint32_t turns(const struct sched_server *s, uint32_t step)
{
	return s->weight < step ? 1 : s->weight / step;
}

static uint32_t rr_len(const struct sched_server *, size_t n)
{
	return (uint32_t)n;
}

static void rr_fill(const struct sched_server *servers, size_t n, uint32_t *ids)
{
	size_t i;

	for (i = 0; i < n; i++)
		ids[i] = servers[i].id;
}

static uint32_t wrr_len(const struct sched_server *servers, size_t n)
{
	uint32_t step = wrr_step(servers, n), len = 0;
	size_t i;

	for (i = 0; i < n; i++)
		len += turns(&servers[i], step);
	return len;
}

static void wrr_fill(const struct sched_server *servers, size_t n, uint32_t *ids)
{
	uint32_t step = wrr_step(servers, n), level = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (turns(&servers[i], step) > level)
			level = turns(&servers[i], step);
	for (; level; level--)
		for (i = 0; i < n; i++)
			if (turns(&servers[i], step) >= level)
				*ids++ = servers[i].id;
}

static const struct {
	const char *name;
	uint32_t (*len)(const struct sched_server *servers, size_t n);
	void (*fill)(const struct sched_server *servers, size_t n, uint32_t *ids);
} schedulers[] = {
	[CONF_SCHED_RR] = { "rr", rr_len, rr_fill },
	[CONF_SCHED_WRR] = { "wrr", wrr_len, wrr_fill },
};

uint32_t sched_ring_len(unsigned scheduler, const struct sched_server *servers, size_t n)
{
	return n ? schedulers[scheduler].len(servers, n) : 0;
}

void sched_ring_fill(unsigned scheduler, const struct sched_server *servers, size_t n,
		     uint32_t *ret_ids)
{
	if (n)
		schedulers[scheduler].fill(servers, n, ret_ids);
}

const char *sched_name(unsigned scheduler)
{
	return schedulers[scheduler].name;
}
