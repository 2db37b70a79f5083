// SPDX-License-Identifier: BSD-2-Clause
/* Space in `rings`: first fit over a bitmap of chunks. */
#include "ipvs/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/list.h"

/* A program that has read a ring's place finishes within microseconds; a stolen CPU may stretch it.
 */
#define REST SEC(1)

struct resting {
	struct list node;
	uint64_t ring;
	usec_t until;
};

struct ring_space {
	bool used[RING_CHUNKS];
	struct list resting; /* oldest first */
};

struct ring_space *ring_space_new(void)
{
	struct ring_space *s = calloc(1, sizeof(*s));

	if (s)
		list_init(&s->resting);
	return s;
}

void ring_space_free(struct ring_space *s)
{
	struct resting *r, *next;

	if (!s)
		return;
	list_for_each_safe(r, next, &s->resting, node)
		free(r);
	free(s);
}

static void mark(struct ring_space *s, uint64_t ring, bool used)
{
	uint32_t chunk = SPAN_FIRST(ring) / RING_CHUNK;
	uint32_t end = chunk + (SPAN_COUNT(ring) + RING_CHUNK - 1) / RING_CHUNK;

	for (; chunk < end && chunk < RING_CHUNKS; chunk++)
		s->used[chunk] = used;
}

void ring_adopt(struct ring_space *s, uint64_t ring)
{
	mark(s, ring, true);
}

static void wake(struct ring_space *s, usec_t now)
{
	struct resting *r, *next;

	list_for_each_safe(r, next, &s->resting, node) {
		if (usec_before(now, r->until))
			return;
		mark(s, r->ring, false);
		list_del(&r->node);
		free(r);
	}
}

int64_t ring_take(struct ring_space *s, uint32_t count, usec_t now)
{
	uint32_t want = (count + RING_CHUNK - 1) / RING_CHUNK, run = 0, chunk;

	wake(s, now);
	for (chunk = 0; chunk < RING_CHUNKS; chunk++) {
		run = s->used[chunk] ? 0 : run + 1;
		if (run == want) {
			uint32_t first = (chunk + 1 - want) * RING_CHUNK;

			mark(s, SPAN(first, count), true);
			return first;
		}
	}
	return -ENOSPC;
}

void ring_give(struct ring_space *s, uint64_t ring, usec_t now)
{
	struct resting *r;

	if (!SPAN_COUNT(ring))
		return;
	r = malloc(sizeof(*r));
	if (!r)
		return; /* the range stays marked: lost space is better than a torn ring */
	r->ring = ring;
	r->until = usec_add(now, REST);
	list_add_tail(&s->resting, &r->node);
}
