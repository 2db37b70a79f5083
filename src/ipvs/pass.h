/* SPDX-License-Identifier: BSD-2-Clause */
/* One pass over the flow tables: ends what is over, counts what is left. */
#ifndef LBD_IPVS_PASS_H
#define LBD_IPVS_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipvs/backend.h"
#include "lib/usec.h"
#include "net/reset.h"

#define PASS_BATCH  1024 /* entries that are read at once */
#define PASS_RESETS NET_RESETS_AT_ONCE

struct pass_stats {
	uint64_t flows;				/* that are left; pairs count once */
	uint64_t entries4, entries6, templates; /* that were read */
	uint64_t reclaimed, orphans, forgotten;
	uint64_t lost;		 /* of the reclaimed: their server had left */
	uint64_t resets;	 /* made for them */
	uint64_t resets_unknown; /* ends that are not told: they acknowledged nothing yet */
	uint64_t corrected;
	usec_t took, cpu; /* of the whole pass; cpu: of the threads it ran in */
};

struct pass_count {
	uint32_t active, inactive;
	uint32_t others; /* that refer to the server: one-packet answers, templates */
};

/* A flow that goes to the reclaim program with the next batch. */
struct pass_listed {
	struct flow_entry entry;
	bool reset; /* if it ends now, its ends are told */
	bool heard; /* server_ack is known */
	__be32 server_ack;
};

/* Large: on the heap only. */
struct pass {
	struct ipvs_backend *be; /* borrowed */

	/* After each turn: */
	bool done;
	int error; /* 0 or -errno; then it is over, too */
	struct net_reset resets[PASS_RESETS];
	unsigned n_resets;

	/* After the last: */
	struct pass_stats stats;
	uint32_t counts[SERVER_MAX]; /* flows and templates that refer to each slot of `servers` */

	/* Private. */
	unsigned stage;
	usec_t begun;
	struct flow_cursor cursor;
	struct pass_count before[SERVER_MAX], counted[SERVER_MAX];
	union {
		struct flow_entry flows[PASS_BATCH];
		struct template_entry templates[PASS_BATCH];
	} batch;
	struct pass_listed listed[2][RECLAIM_BATCH]; /* [v6] */
	uint32_t jiffies;
	bool had_templates; /* of the pass before */
};

/* The next pass_turn() begins another pass. */
void pass_begin(struct pass *p);

/* Goes on until the pass is done, or resets[] is so full that its owner must take them first.  Runs
 * in a thread: touches nothing but p and the maps.  The thread's CPU time counts as the pass's, so
 * it must be a new one. */
void pass_turn(struct pass *p);

#endif
