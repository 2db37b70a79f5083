/* SPDX-License-Identifier: BSD-2-Clause */
/* The sweep over the flow tables: ends what has expired, recounts what is left. */
#ifndef LBD_IPVS_FLOWS_H
#define LBD_IPVS_FLOWS_H

#include <stdint.h>

#include "ipvs/backend.h"
#include "ipvs/ipvs.h"
#include "lib/loop.h"

struct flows;

/* swept is called in the loop after each whole sweep; counts[id] is how many flows refer to slot id
 * of `servers`. */
int flows_new(struct loop *loop, struct ipvs_backend *be,
	      void (*swept)(void *ctx, const uint32_t *counts, uint64_t sweep), void *ctx,
	      struct flows **ret);
/* Waits for a sweep that is under way; takes NULL. */
void flows_free(struct flows *f);

/* The number of the first sweep that sees everything as it is after now: one that is under way has
 * perhaps passed by already. */
uint64_t flows_next_sweep(const struct flows *f);
void flows_get_stats(const struct flows *f, struct ipvs_flow_stats *ret);

#endif
