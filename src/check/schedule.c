// SPDX-License-Identifier: BSD-2-Clause
/* When a check is due. */
#include "check/schedule.h"

usec_t schedule_first(usec_t now, usec_t interval, unsigned i, unsigned n)
{
	usec_t span = usec_before(interval, SEC(1)) ? interval : SEC(1);

	if (usec_before(MSEC(n), span))
		span = MSEC(n);
	return usec_add(now, USEC(span.us * i / n));
}

usec_t schedule_next(usec_t due, usec_t now, usec_t interval, uint32_t random)
{
	int64_t eighth = interval.us / 8;
	int64_t jitter = eighth ? (int64_t)(random % (uint64_t)eighth) - eighth / 2 : 0;
	usec_t next = usec_add(due, USEC(interval.us + jitter));

	return usec_before(next, now) ? now : next;
}

bool rate_take(struct rate *r, usec_t now, uint32_t per_second)
{
	usec_t earliest = usec_sub(now, MSEC(10));

	if (!per_second)
		return true;
	if (usec_before(r->next, earliest))
		r->next = earliest;
	if (usec_before(now, r->next))
		return false;
	r->next = usec_add(r->next, USEC(1000000 / per_second));
	return true;
}
