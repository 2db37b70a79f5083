// SPDX-License-Identifier: BSD-2-Clause
/* Rates: how fast counters grow, by IPVS's estimator.
 *
 * Every two seconds the rate since the last time enters an average with a weight of a quarter.
 * Averages are integers of 2^-10 connections or packets, and of 2^-5 bytes, a second.  A reading
 * that comes late is divided by the time that has passed, where IPVS takes it for two seconds. */
#include "ipvs/stats.h"

#include <stddef.h>

#define WEIGHT_SHIFT 2
#define PACKET_SHIFT 10
#define BYTE_SHIFT   5

static const struct {
	size_t counter, rate;
	unsigned shift;
} table[RATES] = {
#define ENTRY(member, name, shift)                                                                 \
	{                                                                                          \
		offsetof(struct server_stats, member), offsetof(struct ipvs_rates, name), shift    \
	}
	[RATE_CONNS] = ENTRY(conns, cps, PACKET_SHIFT),
	[RATE_IN_PACKETS] = ENTRY(in_packets, in_pps, PACKET_SHIFT),
	[RATE_OUT_PACKETS] = ENTRY(out_packets, out_pps, PACKET_SHIFT),
	[RATE_IN_BYTES] = ENTRY(in_bytes, in_bps, BYTE_SHIFT),
	[RATE_OUT_BYTES] = ENTRY(out_bytes, out_bps, BYTE_SHIFT),
#undef ENTRY
};

static uint64_t counter(const struct server_stats *s, enum stats_rate r)
{
	return *(const __u64 *)((const char *)s + table[r].counter);
}

/* What has grown by so much in so many milliseconds; one that shrank was begun anew. */
static uint64_t scaled_rate(uint64_t before, uint64_t now, unsigned shift, uint64_t ms)
{
	return now < before ? 0 : ((now - before) << shift) * 1000 / ms;
}

void estimator_begin(struct estimator *e, const struct server_stats *now, usec_t at)
{
	*e = (struct estimator){ .last = *now, .at = at };
}

void estimator_add(struct estimator *e, const struct server_stats *now, usec_t at)
{
	uint64_t ms = (uint64_t)(usec_sub(at, e->at).us + 500) / 1000;
	int r;

	if (!e->at.us) {
		estimator_begin(e, now, at);
		return;
	}
	if (usec_before(usec_sub(at, e->at), USEC(STATS_PERIOD.us / 2)))
		return;
	for (r = 0; r < RATES; r++) {
		uint64_t rate =
			scaled_rate(counter(&e->last, r), counter(now, r), table[r].shift, ms);

		e->scaled[r] += (uint64_t)(((int64_t)rate - (int64_t)e->scaled[r]) >> WEIGHT_SHIFT);
	}
	e->last = *now;
	e->at = at;
}

void estimator_sum(struct estimator *sum, const struct estimator *e)
{
	int r;

	for (r = 0; r < RATES; r++)
		sum->scaled[r] += e->scaled[r];
}

/* IPVS adds 0x1ff to 2^-10s and 0xf to 2^-5s: a half is rounded down. */
struct ipvs_rates estimator_rates(const struct estimator *e)
{
	struct ipvs_rates rates = { 0 };
	int r;

	for (r = 0; r < RATES; r++)
		*(uint64_t *)((char *)&rates + table[r].rate) =
			(e->scaled[r] + (UINT64_C(1) << (table[r].shift - 1)) - 1) >>
			table[r].shift;
	return rates;
}

void stats_sum(struct server_stats *sum, const struct server_stats *s)
{
	sum->conns += s->conns;
	sum->in_packets += s->in_packets;
	sum->in_bytes += s->in_bytes;
	sum->out_packets += s->out_packets;
	sum->out_bytes += s->out_bytes;
}

struct server_stats stats_of_port(const struct port_stats *p)
{
	return (struct server_stats){
		.in_packets = p->in_packets,
		.in_bytes = p->in_bytes,
		.out_packets = p->out_packets,
		.out_bytes = p->out_bytes,
	};
}
