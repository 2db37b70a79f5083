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

#endif
