// SPDX-License-Identifier: BSD-2-Clause
/* Space in a shared array: first fit over a map of units. */
#include "ipvs/span.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/list.h"

/* A program that has read a span's place finishes within microseconds; a stolen CPU may stretch it.
 */
#define REST SEC(1)

struct resting {
	struct list node;
	uint64_t span;
	usec_t until;
};

struct span_space {
	struct list resting; /* oldest first */
	uint32_t unit, units;
	bool used[];
};

struct span_space *span_space_new(uint32_t slots, uint32_t unit)
{
	uint32_t units = slots / unit;
	struct span_space *s = calloc(1, sizeof(*s) + units * sizeof(*s->used));

	if (!s)
		return NULL;
	list_init(&s->resting);
	s->unit = unit;
	s->units = units;
	return s;
}

void span_space_free(struct span_space *s)
{
	struct resting *r, *next;

	if (!s)
		return;
	list_for_each_safe(r, next, &s->resting, node)
		free(r);
	free(s);
}

/* Bytes of the map may be anything after a crash of something else: nothing here trusts a span. */
static void mark(struct span_space *s, uint64_t span, bool used)
{
	uint64_t i = SPAN_FIRST(span) / s->unit;
	uint64_t end = i + ((uint64_t)SPAN_COUNT(span) + s->unit - 1) / s->unit;

	for (; i < end && i < s->units; i++)
		s->used[i] = used;
}

void span_adopt(struct span_space *s, uint64_t span)
{
	mark(s, span, true);
}

static void wake(struct span_space *s, usec_t now)
{
	struct resting *r, *next;

	list_for_each_safe(r, next, &s->resting, node) {
		if (usec_before(now, r->until))
			return;
		mark(s, r->span, false);
		list_del(&r->node);
		free(r);
	}
}

int64_t span_take(struct span_space *s, uint32_t count, usec_t now)
{
	uint32_t want = (count + s->unit - 1) / s->unit, run = 0, i;

	wake(s, now);
	for (i = 0; i < s->units; i++) {
		run = s->used[i] ? 0 : run + 1;
		if (run == want) {
			uint32_t first = (i + 1 - want) * s->unit;

			mark(s, SPAN(first, count), true);
			return first;
		}
	}
	return -ENOSPC;
}

void span_give(struct span_space *s, uint64_t span, usec_t now)
{
	struct resting *r;

	if (!SPAN_COUNT(span))
		return;
	r = malloc(sizeof(*r));
	if (!r)
		return; /* it stays marked: lost space is better than a torn span */
	r->span = span;
	r->until = usec_add(now, REST);
	list_add_tail(&s->resting, &r->node);
}
