/* SPDX-License-Identifier: BSD-2-Clause */
/* When the flow tables are passed over: every few seconds, and at once when servers were lost. */
#ifndef LBD_IPVS_FLOWS_H
#define LBD_IPVS_FLOWS_H

#include <stdint.h>

#include "ipvs/backend.h"
#include "ipvs/ipvs.h"
#include "lib/loop.h"

struct flows;

/* swept is called in the loop after each whole sweep; counts[id] is how many flows and
 * templates refer to slot id of `servers`. */
int flows_new(struct loop *loop, struct ipvs_backend *be,
	      void (*swept)(void *ctx, const uint32_t *counts, uint64_t sweep), void *ctx,
	      struct flows **ret);
/* Waits for a sweep that is under way; takes NULL. */
void flows_free(struct flows *f);

/* A server has got SERVER_LOST: its flows are ended now. */
void flows_lost(struct flows *f);

/* See ipvs_on_resets() and ipvs_resets_go_on(). */
void flows_on_resets(struct flows *f, ipvs_resets_fn *resets, void *ctx);
void flows_go_on(struct flows *f);

/* The number of the first sweep that sees everything as it is after now: one that is under way has
 * perhaps passed by already. */
uint64_t flows_next_sweep(const struct flows *f);
void flows_get_stats(const struct flows *f, struct ipvs_flow_stats *ret);

#endif
