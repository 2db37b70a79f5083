// SPDX-License-Identifier: BSD-2-Clause
/* What an instance depends on beside its peers.
 *
 * Each track has a verdict: not known yet, good, failed.  Some kinds are looked at whenever
 * somebody asks, for the answer stands somewhere (a link's state, a route, a service's servers);
 * the others are looked at periodically, and rise and fall say how many looks of one kind it takes.
 * A first verdict counts at once. */
#include "vrrp/track.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "lib/proc.h"
#include "vrrp/instance.h"
#include "vrrp/process.h"

struct track {
	struct tracks *owner;
	const struct conf_track *c;
	enum vrrp_track_verdict verdict,
		seen; /* as it counts; as it is, for those that are damped */
	usec_t since; /* of the verdict */
	usec_t seen_since;
	char detail[64];
	unsigned run; /* looks of one kind in a row */
	bool last;
	struct loop_timer timer;
	struct proc *proc;
	struct process_search search;
	struct net_hop hop;
};

struct tracks {
	const struct vrrp_env *env;
	const char *instance; /* the name */
	struct track **all;
	unsigned n;
	void (*changed)(void *ctx);
	void *ctx;
};

static const char *const verdict_name[] = {
	[VRRP_TRACK_UNKNOWN] = "unknown",
	[VRRP_TRACK_GOOD] = "good",
	[VRRP_TRACK_FAILED] = "failed",
};

const char *vrrp_track_verdict_name(enum vrrp_track_verdict v)
{
	return verdict_name[v];
}

static void set_verdict(struct track *t, enum vrrp_track_verdict v)
{
	char subject[64];

	if (t->verdict == v)
		return;
	snprintf(subject, sizeof(subject), "vrrp %s", t->owner->instance);
	log_info(subject, "track %s: %s -> %s: %s", t->c->name, verdict_name[t->verdict],
		 verdict_name[v], t->detail);
	t->verdict = v;
	t->since = loop_now();
}

static enum vrrp_track_verdict to_verdict(const struct track *t, bool holds)
{
	return holds != t->c->reverse ? VRRP_TRACK_GOOD : VRRP_TRACK_FAILED;
}

/* ---- Those that are looked at periodically ---- */

/* A look has ended; detail says what it saw. */
static void looked(struct track *t, bool holds)
{
	enum vrrp_track_verdict v = to_verdict(t, holds);
	bool good = v == VRRP_TRACK_GOOD;

	t->run = good == t->last ? t->run + 1 : 1;
	t->last = good;
	if (t->verdict != VRRP_TRACK_UNKNOWN && t->run < (good ? t->c->rise : t->c->fall))
		return;
	if (t->verdict == v)
		return;
	set_verdict(t, v);
	t->owner->changed(t->owner->ctx);
}

static void on_script_ended(void *ctx, const struct proc_end *end)
{
	struct track *t = ctx;

	t->proc = NULL;
	proc_end_text(end, t->c->timeout, t->detail, sizeof(t->detail));
	looked(t, !end->timed_out && !end->signal && !end->status);
}

static void run_script(struct track *t)
{
	const char **argv = calloc(t->c->n_script + 1, sizeof(*argv));
	char instance[96], name[96];
	const char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", instance, name, NULL };
	struct proc_job job = {
		.loop = t->owner->env->loop,
		.argv = argv,
		.env = env,
		.user = t->owner->env->script_user,
		.timeout = t->c->timeout,
		.ended = on_script_ended,
		.ctx = t,
	};
	int r;

	if (!argv)
		return; /* the next time */
	memcpy(argv, t->c->script, t->c->n_script * sizeof(*argv));
	snprintf(instance, sizeof(instance), "LBD_INSTANCE=%s", t->owner->instance);
	snprintf(name, sizeof(name), "LBD_TRACK=%s", t->c->name);
	r = proc_start(&job, &t->proc);
	free(argv);
	/* Our own trouble is no verdict. */
	if (!r || r == -EAGAIN || r == -ENOMEM)
		return;
	snprintf(t->detail, sizeof(t->detail), "cannot be run: %s", strerror(-r));
	looked(t, t->c->reverse);
}

static void look_at_file(struct track *t)
{
	struct stat st;
	bool there = !stat(t->c->file, &st);

	snprintf(t->detail, sizeof(t->detail), "%s", there ? "exists" : strerror(errno));
	looked(t, there);
}

/* False: it takes another turn. */
static bool look_for_process(struct track *t)
{
	enum process_answer answer = process_look(&t->search, t->c->process);

	if (answer == PROCESS_GO_ON)
		return false;
	snprintf(t->detail, sizeof(t->detail), "%s",
		 answer == PROCESS_FOUND ? "runs" : "does not run");
	looked(t, answer == PROCESS_FOUND);
	return true;
}

static void on_timer(struct loop_timer *timer, usec_t now)
{
	struct track *t = container_of(timer, struct track, timer);

	switch (t->c->kind) {
	case CONF_TRACK_SCRIPT:
		/* One that was killed may take its time to end. */
		if (!t->proc)
			run_script(t);
		break;
	case CONF_TRACK_FILE:
		look_at_file(t);
		break;
	case CONF_TRACK_PROCESS:
		if (!look_for_process(t)) {
			loop_timer_at(timer, now);
			return;
		}
		break;
	default:
		t->owner->changed(t->owner->ctx);
		return;
	}
	loop_timer_in(timer, t->c->interval);
}

static bool is_polled(const struct track *t)
{
	return t->c->interval.us;
}

/* ---- Those whose answer stands somewhere ---- */

static bool link_is_up(struct track *t)
{
	const struct net_link *link = net_link_by_name(t->owner->env->net, t->c->interface);

	snprintf(t->detail, sizeof(t->detail), "%s",
		 !link	    ? "does not exist"
		 : link->up ? "is up"
			    : "is down");
	return link && link->up;
}

static bool address_is_here(struct track *t)
{
	snprintf(t->detail, sizeof(t->detail), "%s", t->hop.local ? "is here" : "is not here");
	return t->hop.local;
}

static bool has_route(struct track *t)
{
	bool is = t->hop.ifindex || t->hop.local;

	snprintf(t->detail, sizeof(t->detail), "%s", is ? "there is a route" : "there is no route");
	return is;
}

static bool instance_runs(struct track *t)
{
	bool runs = t->owner->env->runs(t->owner->env->set, t->c->instance);

	snprintf(t->detail, sizeof(t->detail), "%s", runs ? "runs" : "cannot run");
	return runs;
}

static bool enough_are_healthy(struct track *t)
{
	unsigned healthy = 0, all = 0;

	t->owner->env->ops->healthy(t->owner->env->ctx, t->c->service, &healthy, &all);
	snprintf(t->detail, sizeof(t->detail), "%u of %u servers are healthy", healthy, all);
	return all && (uint64_t)healthy * 100 >= (uint64_t)t->c->below * all;
}

static bool (*const holds[CONF_TRACK_KINDS])(struct track *t) = {
	[CONF_TRACK_INTERFACE] = link_is_up,
	[CONF_TRACK_ADDRESS] = address_is_here,
	[CONF_TRACK_ROUTE] = has_route,
	[CONF_TRACK_INSTANCE] = instance_runs,
	[CONF_TRACK_SERVICE] = enough_are_healthy,
};

/* What fails for both directors at once must not move anything: so a standby gives up at once and a
 * master later, and a master recovers at once and a standby later. */
static bool must_wait(struct track *t, bool master)
{
	usec_t due = usec_add(t->seen_since, t->c->delay);

	if (!t->c->delay.us || t->verdict == VRRP_TRACK_UNKNOWN ||
	    (t->seen == VRRP_TRACK_FAILED) != master || !usec_before(loop_now(), due))
		return false;
	loop_timer_at(&t->timer, due);
	return true;
}

static void look(struct track *t, bool master)
{
	enum vrrp_track_verdict seen = to_verdict(t, holds[t->c->kind](t));

	if (seen != t->seen)
		t->seen_since = loop_now();
	t->seen = seen;
	if (seen != t->verdict && !must_wait(t, master))
		set_verdict(t, seen);
}

void tracks_look(struct tracks *ts, bool master)
{
	unsigned i;

	for (i = 0; i < ts->n; i++)
		if (!is_polled(ts->all[i]))
			look(ts->all[i], master);
}

void tracks_service(struct tracks *ts, const char *service)
{
	unsigned i;

	for (i = 0; i < ts->n; i++)
		if (ts->all[i]->c->service && !strcmp(ts->all[i]->c->service, service))
			loop_timer_at(&ts->all[i]->timer, loop_now());
}

static void on_hop(struct net_hop *hop)
{
	const struct tracks *ts = container_of(hop, struct track, hop)->owner;

	ts->changed(ts->ctx);
}

/* ---- What follows from them ---- */

int tracks_weight(const struct tracks *ts)
{
	int sum = 0, weight;
	unsigned i;

	for (i = 0; i < ts->n; i++) {
		weight = ts->all[i]->c->weight;
		if (ts->all[i]->verdict == (weight < 0 ? VRRP_TRACK_FAILED : VRRP_TRACK_GOOD))
			sum += weight;
	}
	return sum;
}

bool tracks_forbid(const struct tracks *ts, bool starting, char *why, size_t size)
{
	const struct track *t;
	unsigned i;

	for (i = 0; i < ts->n; i++) {
		t = ts->all[i];
		if (t->c->weight || t->verdict == VRRP_TRACK_GOOD ||
		    (t->verdict == VRRP_TRACK_UNKNOWN && !starting))
			continue;
		snprintf(why, size, "track %s: %s", t->c->name,
			 t->verdict == VRRP_TRACK_UNKNOWN ? "not known yet" : t->detail);
		return true;
	}
	return false;
}

void tracks_each(const struct tracks *ts, const char *instance, vrrp_track_fn each, void *ctx)
{
	struct vrrp_track_status st;
	unsigned i;

	for (i = 0; i < ts->n; i++) {
		const struct track *t = ts->all[i];

		st = (struct vrrp_track_status){
			.name = t->c->name,
			.verdict = t->verdict,
			.detail = t->detail,
			.weight = t->c->weight,
			.since = t->since,
		};
		each(ctx, instance, &st);
	}
}

/* ---- Life ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_script(const struct conf_track *a, const struct conf_track *b)
{
	unsigned i;

	if (a->n_script != b->n_script)
		return false;
	for (i = 0; i < a->n_script; i++)
		if (strcmp(a->script[i], b->script[i]) != 0)
			return false;
	return true;
}

/* Whether what is known of a says something of b. */
static bool same_track(const struct conf_track *a, const struct conf_track *b)
{
	return !strcmp(a->name, b->name) && a->kind == b->kind && a->reverse == b->reverse &&
	       same_text(a->interface, b->interface) && addr_equal(&a->address, &b->address) &&
	       addr_equal(&a->route, &b->route) && same_script(a, b) &&
	       same_text(a->file, b->file) && same_text(a->process, b->process) &&
	       same_text(a->instance, b->instance) && same_text(a->service, b->service);
}

static bool has_hop(const struct track *t)
{
	return t->hop.changed;
}

static struct track *track_new(struct tracks *ts, const struct conf_track *c)
{
	struct track *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->owner = ts;
	t->c = c;
	t->since = t->seen_since = loop_now();
	loop_timer_init(&t->timer, ts->env->loop, LOOP_NORMAL, on_timer);
	if (is_polled(t))
		loop_timer_in(&t->timer, USEC(0));
	if (c->kind == CONF_TRACK_ADDRESS || c->kind == CONF_TRACK_ROUTE) {
		t->hop.to = c->has_route ? c->route : c->address;
		t->hop.changed = on_hop;
		net_hop_add(ts->env->net, &t->hop);
	}
	return t;
}

static void track_free(struct track *t)
{
	if (!t)
		return;
	loop_timer_stop(&t->timer);
	proc_abandon(t->proc);
	process_stop(&t->search);
	if (has_hop(t))
		net_hop_del(t->owner->env->net, &t->hop);
	free(t);
}

/* Takes it out of the old ones. */
static struct track *take(struct track **old, unsigned n, const struct conf_track *c)
{
	struct track *t;
	unsigned i;

	for (i = 0; i < n; i++) {
		t = old[i];
		if (!t || !same_track(t->c, c))
			continue;
		old[i] = NULL;
		t->c = c;
		return t;
	}
	return NULL;
}

int tracks_reconcile(struct tracks *ts, const struct conf_vrrp *c)
{
	struct track **all = calloc(c->n_tracks + 1, sizeof(struct track *)), **old = ts->all;
	unsigned n_old = ts->n, i;
	int r = all ? 0 : -ENOMEM;

	ts->instance = c->name;
	ts->all = all;
	ts->n = 0;
	for (i = 0; all && i < c->n_tracks; i++) {
		all[ts->n] = take(old, n_old, &c->tracks[i]);
		if (!all[ts->n])
			all[ts->n] = track_new(ts, &c->tracks[i]);
		if (all[ts->n])
			ts->n++;
		else
			r = -ENOMEM;
	}
	for (i = 0; i < n_old; i++)
		track_free(old[i]);
	free(old);
	return r;
}

int tracks_new(const struct vrrp_env *env, void (*changed)(void *ctx), void *ctx,
	       struct tracks **ret)
{
	struct tracks *ts = calloc(1, sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	ts->env = env;
	ts->changed = changed;
	ts->ctx = ctx;
	*ret = ts;
	return 0;
}

void tracks_free(struct tracks *ts)
{
	unsigned i;

	if (!ts)
		return;
	for (i = 0; i < ts->n; i++)
		track_free(ts->all[i]);
	free(ts->all);
	free(ts);
}
