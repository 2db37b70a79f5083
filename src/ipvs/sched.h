/* SPDX-License-Identifier: BSD-2-Clause */
/* Schedulers: what user space writes into a service's ring, and how the packet path picks from it.
 * Definitions are IPVS's. */
#ifndef LBD_IPVS_SCHED_H
#define LBD_IPVS_SCHED_H

#include <stddef.h>
#include <stdint.h>

#include "ipvs/abi.h"

#define SCHED_SH_LEN 256 /* buckets, as in IPVS */

/* What of a service's options decides on its ring. */
struct sched_params {
	unsigned scheduler; /* enum conf_scheduler */
	uint32_t mh_size;   /* slots of mh's table: a prime below RING_LEN_MAX */
};

/* A server that is available.  Of weight 0 it gets no slot. */
struct sched_server {
	uint32_t id; /* never 0 */
	uint32_t weight;
	struct addr addr;
	__be16 port;
};

/* What a ring of this scheduler is: a sequence (PICK_NEXT), a list with each server once (PICK_LC,
 * PICK_WLC), or a hash table (PICK_HASH).  Takes and returns an enum conf_scheduler, enum pick. */
enum pick sched_pick(unsigned scheduler);
const char *sched_name(unsigned scheduler);

/* How many ids the ring takes for these servers; 0 when there is none with a weight.  Never more
 * than RING_LEN_MAX: wrr's weights are approximated when their cycle would be longer. */
uint32_t sched_ring_len(const struct sched_params *p, const struct sched_server *servers, size_t n);
/* Writes exactly that many.  The order of the servers is that of the configuration; to mh it does
 * not matter, its table is the same wherever addresses, ports and weights are.  0 or -ENOMEM (mh
 * alone needs memory). */
int sched_ring_fill(const struct sched_params *p, const struct sched_server *servers, size_t n,
		    uint32_t *ret_ids);

#endif
