/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates: how fast counters grow, by IPVS's estimator (ip_vs_est.c).  Knows no clock and no map. */
#ifndef LBD_IPVS_STATS_H
#define LBD_IPVS_STATS_H

#include <stdint.h>

#include "ipvs/abi.h"
#include "lib/usec.h"

/* How often counters are read. */
#define STATS_PERIOD SEC(2)

/* For a second, rounded.  Bytes are IP bytes, as IPVS counts them. */
struct ipvs_rates {
	uint64_t cps;		  /* connections begun */
	uint64_t in_pps, out_pps; /* packets */
	uint64_t in_bps, out_bps; /* bytes */
};

enum stats_rate {
	RATE_CONNS,
	RATE_IN_PACKETS,
	RATE_OUT_PACKETS,
	RATE_IN_BYTES,
	RATE_OUT_BYTES,
	RATES,
};

/* Of one server or interface. */
struct estimator {
	struct server_stats last;
	usec_t at;		/* when they were that; 0: it has not begun */
	uint64_t scaled[RATES]; /* the averages, in fractions of one */
};

/* Begins with rates of 0. */
void estimator_begin(struct estimator *e, const struct server_stats *now, usec_t at);
/* The counters at that time: begins, or averages over what came since the last time.  Times that
 * follow in less than half a period wait for the next. */
void estimator_add(struct estimator *e, const struct server_stats *now, usec_t at);
/* Adds the averages of another; the sum of a service's servers is its own estimate. */
void estimator_sum(struct estimator *sum, const struct estimator *e);
struct ipvs_rates estimator_rates(const struct estimator *e);

/* Adds the counters of another. */
void stats_sum(struct server_stats *sum, const struct server_stats *s);
/* An interface's counters as those of a server without connections. */
struct server_stats stats_of_port(const struct port_stats *p);

#endif
