/* SPDX-License-Identifier: BSD-2-Clause */
/* Space in a shared array (`rings`, `ranges`, `lips`): who has which slots.  A span (abi.h, SPAN)
 * that is given back rests until no packet that was under way when it was replaced can still read
 * it. */
#ifndef LBD_IPVS_SPAN_H
#define LBD_IPVS_SPAN_H

#include <stdint.h>

#include "ipvs/abi.h"
#include "lib/usec.h"

struct span_space;

/* An array of so many slots, of which a span gets a multiple of `unit`.  NULL without memory. */
struct span_space *span_space_new(uint32_t slots, uint32_t unit);
void span_space_free(struct span_space *s); /* takes NULL */

/* Room for count slots: the first one, or -ENOSPC. */
int64_t span_take(struct span_space *s, uint32_t count, usec_t now);
/* The same at a place that is known to be in use (found in the maps after a restart). */
void span_adopt(struct span_space *s, uint64_t span);
/* Gives a span back; it is used again a second later at the earliest.  Takes 0. */
void span_give(struct span_space *s, uint64_t span, usec_t now);

#endif
