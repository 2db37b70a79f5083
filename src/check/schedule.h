/* SPDX-License-Identifier: BSD-2-Clause */
/* When a check is due. */
#ifndef LBD_CHECK_SCHEDULE_H
#define LBD_CHECK_SCHEDULE_H

#include "lib/usec.h"

/* The first check of the i-th of n new ones: a millisecond apart, or closer, so that all are made
 * within a second, and within an interval, of now.  A director may be about to take over. */
usec_t schedule_first(usec_t now, usec_t interval, unsigned i, unsigned n);

/* The check after one that was due at `due` and has ended by `now`: an interval later, give or take
 * a sixteenth, so that what started together drifts apart, also on two directors.  What was missed
 * is not made up for. */
usec_t schedule_next(usec_t due, usec_t now, usec_t interval, uint32_t random);

/* At most so many a second: when the next may be started.  Zero-initialise. */
struct rate {
	usec_t next;
};

/* Whether one may be started now, which then counts; what was not used of the last 10 ms is made up
 * for.  per_second 0: always. */
bool rate_take(struct rate *r, usec_t now, uint32_t per_second);

#endif
