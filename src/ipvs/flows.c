// SPDX-License-Identifier: BSD-2-Clause
/* When the flow tables are passed over (pass.c).
 *
 * Every few seconds one pass is the sweep; a pass that has cost much puts the next one off, so that
 * all of them together take a small part of one CPU.  When servers were lost a pass begins at once.
 * Reading a million buckets takes longer than a turn of the loop may, and the kernel does not let
 * the call be cut, so passes run in the worker thread.  One that ends many flows hands over the
 * resets that it owes their ends a few thousand at a time, and waits while there is no room.
 */
#include "ipvs/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/pass.h"
#include "lib/list.h"
#include "lib/log.h"

#define PERIOD	   SEC(3)
#define PERIOD_MAX SEC(60)
#define CPU_SHARE  64 /* a pass may cost one part of so many of the time until the next */

struct flows {
	struct loop *loop;
	struct ipvs_backend *be;
	void (*swept)(void *ctx, const uint32_t *counts, uint64_t sweep);
	void *ctx;
	ipvs_resets_fn *resets; /* NULL: nobody sends them */
	void *resets_ctx;
	struct loop_timer timer;
	struct loop_job job;
	struct pass pass; /* the thread's, while the job runs */
	uint64_t sweep;	  /* number of the last one begun */
	uint64_t begun;	  /* flows_begun() at its start */
	bool busy;	  /* a pass has begun and is not over */
	bool lost;	  /* since it began, servers were lost */
	bool full;	  /* no room for more resets */
	bool held;	  /* the next turn waits for that */
	bool told_error;
	struct ipvs_flow_stats stats;
};

/* Changes whenever a flow has begun: a table that was empty and stays so need not be read. */
static uint64_t flows_begun(const struct flows *f)
{
	uint64_t sum = 0;
	uint32_t id;

	for (id = 1; id < SVC_MAX; id++)
		sum += load_word(&f->be->svcs[id].cursor);
	return sum;
}

static bool tables_stay_empty(struct flows *f)
{
	const struct ipvs_flow_stats *s = &f->stats;
	uint64_t was = f->begun;

	f->begun = flows_begun(f);
	return f->sweep && was == f->begun && !s->entries4 && !s->entries6 && !s->templates;
}

static usec_t period(usec_t cpu)
{
	usec_t p = USEC(cpu.us * CPU_SHARE);

	if (usec_before(p, PERIOD))
		return PERIOD;
	return usec_before(PERIOD_MAX, p) ? PERIOD_MAX : p;
}

static void schedule(struct flows *f, usec_t in)
{
	f->busy = false;
	loop_timer_in(&f->timer, f->lost ? USEC(0) : in);
}

static void add_up(struct ipvs_flow_stats *to, const struct pass_stats *s)
{
	to->flows = s->flows;
	to->entries4 = s->entries4;
	to->entries6 = s->entries6;
	to->templates = s->templates;
	to->reclaimed += s->reclaimed;
	to->orphans += s->orphans;
	to->forgotten += s->forgotten;
	to->corrected += s->corrected;
	to->lost += s->lost;
	to->resets += s->resets;
	to->resets_unknown += s->resets_unknown;
	to->sweep_took = s->took;
	to->sweep_cpu = s->cpu;
}

static void finish(struct flows *f)
{
	const struct pass_stats *s = &f->pass.stats;

	if (f->pass.error) {
		if (!f->told_error)
			log_err("flows", "the sweep failed: %s; expired flows stay",
				strerror(-f->pass.error));
		f->told_error = true;
		schedule(f, PERIOD);
		return;
	}
	f->told_error = false;
	add_up(&f->stats, s);
	if (s->lost)
		log_info("flows", "of servers that have left: %llu ended, %llu resets made",
			 (unsigned long long)s->lost, (unsigned long long)s->resets);
	f->swept(f->ctx, f->pass.counts, f->sweep);
	schedule(f, period(s->cpu));
}

static void turn(struct flows *f);

static void on_turn_over(struct loop_job *job)
{
	struct flows *f = container_of(job, struct flows, job);

	if (f->pass.n_resets && f->resets)
		f->full = !f->resets(f->resets_ctx, f->pass.resets, f->pass.n_resets);
	if (f->pass.done || f->pass.error)
		finish(f);
	else
		turn(f);
}

static void work(struct loop_job *job)
{
	pass_turn(&container_of(job, struct flows, job)->pass);
}

static void turn(struct flows *f)
{
	f->held = f->full;
	if (f->held)
		return;
	f->pass.error = loop_job_start(&f->job, f->loop, work, on_turn_over);
	if (f->pass.error)
		finish(f);
}

static void on_due(struct loop_timer *t, usec_t)
{
	struct flows *f = container_of(t, struct flows, timer);
	bool idle = tables_stay_empty(f);

	f->sweep++;
	if (idle) {
		memset(f->pass.counts, 0, sizeof(f->pass.counts));
		f->lost = false;
		f->swept(f->ctx, f->pass.counts, f->sweep);
		loop_timer_in(t, PERIOD);
		return;
	}
	f->busy = true;
	f->lost = false;
	pass_begin(&f->pass);
	turn(f);
}

void flows_lost(struct flows *f)
{
	f->lost = true;
	if (!f->busy)
		loop_timer_in(&f->timer, USEC(0));
}

void flows_go_on(struct flows *f)
{
	f->full = false;
	if (f->held)
		turn(f);
}

void flows_on_resets(struct flows *f, ipvs_resets_fn *resets, void *ctx)
{
	f->resets = resets;
	f->resets_ctx = ctx;
}

uint64_t flows_next_sweep(const struct flows *f)
{
	return f->sweep + 1;
}

void flows_get_stats(const struct flows *f, struct ipvs_flow_stats *ret)
{
	*ret = f->stats;
}

int flows_new(struct loop *loop, struct ipvs_backend *be,
	      void (*swept)(void *ctx, const uint32_t *counts, uint64_t sweep), void *ctx,
	      struct flows **ret)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->loop = loop;
	f->be = be;
	f->swept = swept;
	f->ctx = ctx;
	f->pass.be = be;
	f->pass.had_templates = true; /* a predecessor's */
	loop_timer_init(&f->timer, loop, LOOP_IDLE, on_due);
	loop_timer_in(&f->timer, PERIOD);
	*ret = f;
	return 0;
}

void flows_free(struct flows *f)
{
	if (!f)
		return;
	loop_timer_stop(&f->timer);
	loop_job_wait(&f->job);
	free(f);
}
