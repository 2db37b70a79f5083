/* SPDX-License-Identifier: BSD-2-Clause */
/* Space in `rings`: who has which chunks.  A range that is given back rests until no packet that
 * was under way when it was replaced can still read it. */
#ifndef LBD_IPVS_RING_H
#define LBD_IPVS_RING_H

#include <stdint.h>

#include "ipvs/abi.h"
#include "lib/usec.h"

struct ring_space;

struct ring_space *ring_space_new(void); /* NULL without memory */
void ring_space_free(struct ring_space *s);

/* Room for count ids: the first slot, or -ENOSPC. */
int64_t ring_take(struct ring_space *s, uint32_t count, usec_t now);
/* The same at a place that is known to be in use (found in the maps after a restart). */
void ring_adopt(struct ring_space *s, uint64_t ring);
/* Gives a range back; it is used again a second later at the earliest.  Takes 0. */
void ring_give(struct ring_space *s, uint64_t ring, usec_t now);

#endif
