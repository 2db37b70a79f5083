// SPDX-License-Identifier: BSD-2-Clause
/* The sweep over the flow tables.
 *
 * Every few seconds one pass reads both maps in batches, lists the flows that look expired, and
 * runs the reclaim program on them, which looks again and alone may end a flow (abi.h, "Flows").
 * Reading a million buckets takes longer than a turn of the loop may, and the kernel does not let
 * the call be cut, so the pass runs in the worker thread; it touches the flow maps, `reclaim`, and
 * its own memory, and hands the loop a finished count.
 *
 * The count also heals: when a server's active and inactive connections stood still during a pass
 * and differ from what was counted, a crash has left them wrong, and they are set right.
 */
#include "ipvs/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list.h"
#include "lib/log.h"

#define PERIOD SEC(3)
#define BATCH  1024

struct counted {
	uint32_t active, inactive;
};

struct flows {
	struct loop *loop;
	struct ipvs_backend *be;
	void (*swept)(void *ctx, const uint32_t *counts, uint64_t sweep);
	void *ctx;
	struct loop_timer timer;
	struct loop_job job;
	uint64_t sweep; /* number of the last one begun */
	uint64_t begun; /* flows_begun() at its start */

	/* The thread's, while the job runs. */
	struct counted before[SERVER_MAX], counted[SERVER_MAX];
	struct flow_entry batch[BATCH];
	uint32_t jiffies;
	struct ipvs_flow_stats pass;
	int error;

	uint32_t totals[SERVER_MAX];
	struct ipvs_flow_stats stats;
	bool told_error;
};

/* ---- In the thread ---- */

static uint32_t timeout_of(const struct flows *f, const struct flow *flow)
{
	const struct server *srv = &f->be->servers[flow->server % SERVER_MAX];
	const struct svc *svc = &f->be->svcs[srv->svc % SVC_MAX];
	uint32_t state = WORD_STATE(flow->word);

	/* A reply half has no state of its own: it is listed when it is older than any flow may be,
	 * and goes if it has no twin. */
	if (flow->flags & FLOW_REPLY)
		state = FLOW_ESTABLISHED;
	return svc->timeout[state < FLOW_STATES ? state : FLOW_NONE];
}

static int reclaim(struct flows *f)
{
	struct reclaim *r = f->be->reclaim;
	int err;

	err = f->be->run_reclaim(f->be);
	if (err)
		return err;
	f->jiffies = (uint32_t)r->jiffies;
	f->pass.reclaimed += r->reclaimed;
	f->pass.orphans += r->orphans;
	r->n4 = r->n6 = 0;
	return 0;
}

static void count(struct flows *f, const struct flow *flow)
{
	struct counted *c = &f->counted[flow->server % SERVER_MAX];

	if (flow->flags & FLOW_REPLY || WORD_LIFE(flow->word) != LIFE_LIVE)
		return;
	f->pass.flows++;
	if (WORD_STATE(flow->word) == FLOW_ESTABLISHED)
		c->active++;
	else
		c->inactive++;
}

static int look_at(struct flows *f, const struct flow_entry *e)
{
	struct reclaim *r = f->be->reclaim;

	if (e->v6)
		f->pass.entries6++;
	else
		f->pass.entries4++;
	if ((int32_t)(f->jiffies - e->flow.seen) < (int32_t)timeout_of(f, &e->flow)) {
		count(f, &e->flow);
		return 0;
	}
	if (e->v6)
		r->keys6[r->n6++] = e->key6;
	else
		r->keys4[r->n4++] = e->key4;
	return r->n4 == RECLAIM_BATCH || r->n6 == RECLAIM_BATCH ? reclaim(f) : 0;
}

static int pass_over(struct flows *f, bool v6)
{
	struct flow_cursor cursor = { .v6 = v6 };
	int n, i, r;

	while (!cursor.done) {
		n = f->be->read_flows(f->be, &cursor, f->batch, BATCH);
		if (n < 0)
			return n;
		for (i = 0; i < n; i++) {
			r = look_at(f, &f->batch[i]);
			if (r)
				return r;
		}
	}
	return reclaim(f);
}

static void sweep(struct loop_job *job)
{
	struct flows *f = container_of(job, struct flows, job);
	usec_t start = loop_now();
	uint32_t id;

	for (id = 0; id < SERVER_MAX; id++) {
		const struct server *srv = &f->be->servers[id];

		f->before[id] =
			(struct counted){ load_word(&srv->active), load_word(&srv->inactive) };
	}
	memset(f->counted, 0, sizeof(f->counted));
	memset(&f->pass, 0, sizeof(f->pass));
	f->be->reclaim->n4 = f->be->reclaim->n6 = 0;
	f->error = reclaim(f); /* for the time */
	if (!f->error)
		f->error = pass_over(f, false);
	if (!f->error)
		f->error = pass_over(f, true);
	f->pass.sweep_took = usec_sub(loop_now(), start);
}

/* ---- In the loop ---- */

/* Changes whenever a flow has begun: a table that was empty and stays so need not be read. */
static uint64_t flows_begun(const struct flows *f)
{
	uint64_t sum = 0;
	uint32_t id;

	for (id = 1; id < SVC_MAX; id++)
		sum += load_word(&f->be->svcs[id].cursor);
	return sum;
}

static void heal(struct flows *f)
{
	uint32_t id;

	for (id = 1; id < SERVER_MAX; id++) {
		struct server *srv = &f->be->servers[id];
		struct counted now = { load_word(&srv->active), load_word(&srv->inactive) };
		const struct counted *was = &f->before[id], *is = &f->counted[id];

		f->totals[id] = is->active + is->inactive;
		if (now.active != was->active || now.inactive != was->inactive ||
		    (now.active == is->active && now.inactive == is->inactive))
			continue;
		store_word(&srv->active, is->active);
		store_word(&srv->inactive, is->inactive);
		f->stats.corrected++;
	}
}

static void on_swept(struct loop_job *job)
{
	struct flows *f = container_of(job, struct flows, job);

	loop_timer_in(&f->timer, PERIOD);
	if (f->error) {
		if (!f->told_error)
			log_err("flows", "the sweep failed: %s; expired flows stay",
				strerror(-f->error));
		f->told_error = true;
		return;
	}
	f->told_error = false;
	heal(f);
	f->stats.flows = f->pass.flows;
	f->stats.entries4 = f->pass.entries4;
	f->stats.entries6 = f->pass.entries6;
	f->stats.reclaimed += f->pass.reclaimed;
	f->stats.orphans += f->pass.orphans;
	f->stats.sweep_took = f->pass.sweep_took;
	f->swept(f->ctx, f->totals, f->sweep);
}

static void on_due(struct loop_timer *t, usec_t)
{
	struct flows *f = container_of(t, struct flows, timer);
	uint64_t begun = flows_begun(f);
	bool idle = f->sweep && begun == f->begun && !f->stats.entries4 && !f->stats.entries6;

	f->begun = begun;
	f->sweep++;
	if (idle) {
		f->swept(f->ctx, f->totals, f->sweep);
		loop_timer_in(t, PERIOD);
		return;
	}
	if (loop_job_start(&f->job, f->loop, sweep, on_swept))
		loop_timer_in(t, PERIOD);
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
