/* SPDX-License-Identifier: BSD-2-Clause */
/* From results to a verdict: rise and fall. */
#ifndef LBD_CHECK_HEALTH_H
#define LBD_CHECK_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct health {
	bool checked; /* there was a result */
	bool up;
	bool last_good;
	unsigned run; /* results like the last in a row */
};

/* What is judged to be up, or down, before anything was seen: it takes `fall`, or `rise`, results
 * to change that. */
void health_presume(struct health *h, bool up);

/* Whether it is steadily up, steadily down, or its last results speak against the verdict. */
enum pace {
	PACE_UP,
	PACE_CHANGING,
	PACE_DOWN,
};
enum pace health_pace(const struct health *h);

/* Takes one result; returns whether the verdict changed (the first result always makes one).
 *
 * Up turns down after `fall` bad results in a row, down turns up after `rise` good ones.  What was
 * never checked counts as down, but its first good result brings it up at once: after a start or a
 * change of the configuration the servers are wanted now, and nothing has flapped yet. */
bool health_judge(struct health *h, bool good, uint32_t rise, uint32_t fall);

#endif
