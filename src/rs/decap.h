/* SPDX-License-Identifier: BSD-2-Clause */
/* Decapsulation by BPF on a real server: hung to an interface, and found there again.
 *
 * No process stays: the programs are held by the interface, and what they share with lbd-decap is
 * pinned in a bpffs of its own, a folder for each interface. */
#ifndef LBD_RS_DECAP_H
#define LBD_RS_DECAP_H

#include <stdint.h>

#include "lib/addr.h"
#include "lib/str.h"
#include "rs/decap_abi.h"

/* What may come through the tunnel to one of the server's addresses. */
struct decap_tunnel {
	struct addr to;
	struct prefix *vips; /* owned */
	unsigned n_vips;
};

struct decap_config {
	struct decap_tunnel *tunnels; /* owned */
	unsigned n_tunnels;
};

void decap_config_free(struct decap_config *c);
/* Appends an empty tunnel, or a VIP to the last one.  Aborts when there is no memory. */
void decap_config_add(struct decap_config *c, const struct addr *to);
void decap_config_add_vip(struct decap_config *c, const struct prefix *vip);

struct decap_state {
	const char *program; /* "tc", "xdp", or "none": it was taken away */
	uint64_t counters[DECAP_COUNTERS_N];
	struct decap_config config;
};

/* Makes the interface take packets out of exactly these tunnels, whatever it did before; no packet
 * is lost to the change, and the counters begin at 0.  0, or -errno with a sentence in *why and all
 * as it was. */
int decap_start(const char *interface, const struct decap_config *c, struct str *why);
/* Undoes it.  -ENOENT when there is nothing to undo. */
int decap_stop(const char *interface, struct str *why);
/* *ret is freed by decap_state_free().  -ENOENT when decap_start() was never called. */
int decap_look(const char *interface, struct decap_state *ret, struct str *why);
void decap_state_free(struct decap_state *s);

/* Calls back for each interface that was started, also if it is gone meanwhile. */
void decap_each(void (*each)(void *ctx, const char *interface), void *ctx);

#endif
