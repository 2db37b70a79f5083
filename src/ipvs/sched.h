/* SPDX-License-Identifier: BSD-2-Clause */
/* Schedulers whose decisions are a table: what user space writes into a service's ring. */
#ifndef LBD_IPVS_SCHED_H
#define LBD_IPVS_SCHED_H

#include <stddef.h>
#include <stdint.h>

/* A server that may be picked: available, weight above 0. */
struct sched_server {
	uint32_t id;
	uint32_t weight;
};

/* How many ids the ring of scheduler (enum conf_scheduler) takes for these servers; 0 without any.
 * Never more than RING_LEN_MAX: weights whose cycle would be longer are approximated. */
uint32_t sched_ring_len(unsigned scheduler, const struct sched_server *servers, size_t n);
/* Writes exactly that many. */
void sched_ring_fill(unsigned scheduler, const struct sched_server *servers, size_t n,
		     uint32_t *ret_ids);
const char *sched_name(unsigned scheduler);

#endif
