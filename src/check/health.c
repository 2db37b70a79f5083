// SPDX-License-Identifier: BSD-2-Clause
/* From results to a verdict: rise and fall. */
#include "check/health.h"

bool health_judge(struct health *h, bool good, uint32_t rise, uint32_t fall)
{
	bool first = !h->checked, before = h->up;

	h->run = first || good != h->last_good ? 1 : h->run + 1;
	h->last_good = good;
	h->checked = true;
	if (first)
		h->up = good;
	else if (good != h->up && h->run >= (good ? rise : fall))
		h->up = good;
	return first || h->up != before;
}

void health_presume(struct health *h, bool up)
{
	*h = (struct health){ .checked = true, .up = up, .last_good = up };
}

enum pace health_pace(const struct health *h)
{
	if (h->checked && h->last_good != h->up)
		return PACE_CHANGING;
	return h->up ? PACE_UP : PACE_DOWN;
}
