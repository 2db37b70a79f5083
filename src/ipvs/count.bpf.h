/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting, and what becomes of a packet: a verdict is the counter that tells of it. */
#ifndef LBD_IPVS_COUNT_BPF_H
#define LBD_IPVS_COUNT_BPF_H

#include "ipvs/maps.bpf.h"

/* "No verdict yet: go on."  Takes the place of SEEN, which is never a verdict. */
#define GO_ON COUNT_SEEN

static __always_inline void count(enum hook hook, enum counter what)
{
	__u32 slot = hook * COUNTERS + what;
	__u64 *n = bpf_map_lookup_elem(&counters, &slot);

	if (n)
		(*n)++;
}

#endif
