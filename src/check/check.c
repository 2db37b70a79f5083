// SPDX-License-Identifier: BSD-2-Clause
/* Health checks: the set of all of them, and what they say of each server.
 *
 * A probe checks one target in one way, however many services want that; a server is up when all
 * its probes are.  The director makes the set match the configuration and hears verdicts by
 * callback.  Probes that are due wait in one queue, from which so many are started that no turn of
 * the loop takes long and that dead servers, each of which holds a socket until the deadline, do
 * not use up the descriptors. */
#include "check/check.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "check/plan.h"
#include "check/probe.h"
#include "check/schedule.h"
#include "lib/arena.h"
#include "lib/log.h"

#define AT_ONCE 512 /* unless the operator says how many */
#define FILES	512 /* descriptors of all else that lbd does */
#define TURN	MSEC(2)

/* A server's wish for a probe. */
struct use {
	struct probe *probe; /* NULL: there was no memory */
	struct server *server;
	const char *name;
	struct list node; /* probe's */
};

struct server {
	const char *service, *name;
	struct use *uses;
	unsigned n_uses;
	bool any;		    /* one check that is up is enough */
	enum check_verdict verdict; /* as told */
};

struct service {
	const char *name;
	struct server *servers;
	unsigned n_servers;
};

struct check_set {
	struct loop *loop;
	const struct check_ops *ops;
	void *ctx;
	void *by_key; /* tsearch(3) tree of probes */
	struct list probes;
	void *by_text; /* tree of plans */
	struct list plans;
	struct tls_stores stores;
	struct conn_line line;
	struct list queue; /* due, the longest waiting first */
	unsigned running, at_once;
	uint32_t per_second; /* 0: as many as are due */
	struct rate rate;
	struct loop_timer runner;
	struct log_limit local_log;
	struct arena *arena; /* holds servers, uses and names, made anew at each reconcile */
	struct service *services;
	unsigned n_services;
};

/* ---- The queue ---- */

static void run_soon(struct check_set *s)
{
	if (!list_empty(&s->queue) && s->running < s->at_once && !loop_timer_active(&s->runner))
		loop_timer_at(&s->runner, s->per_second ? s->rate.next : USEC(0));
}

static void on_run(struct loop_timer *t, usec_t now)
{
	struct check_set *s = container_of(t, struct check_set, runner);
	usec_t deadline = usec_add(now, TURN);

	while (!list_empty(&s->queue) && s->running < s->at_once &&
	       usec_before(loop_now(), deadline) &&
	       rate_take(&s->rate, loop_now(), s->per_second)) {
		struct probe *p = container_of(s->queue.next, struct probe, queue);

		list_del(&p->queue);
		p->running = true;
		s->running++;
		probe_start(p);
	}
	run_soon(s);
}

static void on_due(struct probe *p)
{
	list_add_tail(&p->set->queue, &p->queue);
	run_soon(p->set);
}

/* ---- Verdicts ---- */

static enum check_verdict probe_verdict(const struct probe *p)
{
	if (!p)
		return CHECK_DOWN;
	if (p->health.up)
		return CHECK_ALIVE;
	return p->health.checked ? CHECK_DOWN : CHECK_UNKNOWN;
}

static enum check_verdict server_verdict(const struct server *server)
{
	unsigned i, n[CHECK_ALIVE + 1] = { 0 };

	for (i = 0; i < server->n_uses; i++)
		n[probe_verdict(server->uses[i].probe)]++;
	if (server->any ? n[CHECK_ALIVE] : n[CHECK_ALIVE] == server->n_uses)
		return CHECK_ALIVE;
	if (server->any ? n[CHECK_DOWN] == server->n_uses : n[CHECK_DOWN])
		return CHECK_DOWN;
	return CHECK_UNKNOWN;
}

static void tell(struct check_set *s, struct server *server)
{
	s->ops->verdict(s->ctx, server->service, server->name, server->verdict);
}

/* What ails this host ails all checks at once: one line says it. */
static void log_local(struct check_set *s, const struct probe *p)
{
	char name[PROBE_NAME_LEN];
	uint64_t held_back;

	if (log_allowed(&s->local_log, loop_now(), SEC(10), &held_back))
		log_warn(probe_name(p, name),
			 "cannot be made here: %s; ignoring, the server stays %s (and %llu more)",
			 p->detail, p->health.up ? "up" : "down", (unsigned long long)held_back);
}

static void on_done(struct probe *p, bool changed)
{
	struct check_set *s = p->set;
	struct use *use;

	p->running = false;
	s->running--;
	run_soon(s);
	if (p->last == CHECK_LOCAL)
		log_local(s, p);
	if (!changed)
		return;
	list_for_each(use, &p->uses, node) {
		enum check_verdict verdict = server_verdict(use->server);

		if (verdict == use->server->verdict)
			continue;
		use->server->verdict = verdict;
		tell(s, use->server);
	}
}

static bool path_up(const struct probe *p)
{
	return p->set->ops->path_up(p->set->ctx, &p->key.to.address, p->started);
}

static const struct probe_ops probe_ops = { .due = on_due, .done = on_done, .path_up = path_up };

/* ---- Reconciling ---- */

static int compare(const void *a, const void *b)
{
	return probe_key_compare(&((const struct probe *)a)->key, &((const struct probe *)b)->key);
}

static int compare_what(const void *a, const void *b)
{
	return probe_key_compare_what(&((const struct probe *)a)->key,
				      &((const struct probe *)b)->key);
}

static struct probe *find(const struct check_set *s, const struct probe_key *key,
			  int (*how)(const void *a, const void *b))
{
	struct probe like = { .key = *key };
	struct probe **at = tfind(&like, &s->by_key, how);

	return at ? *at : NULL;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(((const struct plan *)a)->text, ((const struct plan *)b)->text);
}

/* Finds or makes what a check comes to. */
static struct plan *want_plan(struct check_set *s, const struct conf_check *c)
{
	struct str text = { 0 };
	struct plan *p = NULL, **at;
	struct plan like;

	plan_text(c, &text);
	like.text = str_text(&text);
	at = tfind(&like, &s->by_text, compare_text);
	if (at) {
		p = *at;
	} else {
		p = plan_new(c, str_text(&text), &s->stores);
		if (p && !tsearch(p, &s->by_text, compare_text)) {
			plan_free(p);
			p = NULL;
		}
		if (p)
			list_add_tail(&s->plans, &p->node);
	}
	if (p)
		p->wanted = true;
	str_free(&text);
	return p;
}

static void drop_plan(struct check_set *s, struct plan *p)
{
	tdelete(p, &s->by_text, compare_text);
	plan_free(p);
}

/* Finds or makes it; a new one waits in `fresh` to be scheduled. */
static struct probe *want_probe(struct check_set *s, const struct probe_key *key,
				struct list *fresh)
{
	struct probe *p = find(s, key, compare);

	if (p)
		return p;
	p = probe_new(s->loop, key, find(s, key, compare_what), &probe_ops);
	if (!p)
		return NULL;
	if (!tsearch(p, &s->by_key, compare)) {
		probe_free(p);
		return NULL;
	}
	p->set = s;
	p->conn.line = &s->line;
	list_add_tail(&s->probes, &p->node);
	if (probe_is_active(p))
		list_add_tail(fresh, &p->queue);
	return p;
}

static void drop_probe(struct check_set *s, struct probe *p)
{
	s->running -= p->running;
	tdelete(p, &s->by_key, compare);
	probe_free(p);
}

static uint16_t port_of(const struct conf_check *cc, const struct conf_server *cs)
{
	if (cc->type == CONF_CHECK_PING)
		return 0;
	return cc->port ? cc->port : cs->port;
}

static void fill_use(struct check_set *s, struct use *use, struct server *server,
		     const struct conf_server *cs, const struct conf_check *cc,
		     const struct plan *plan, struct list *fresh)
{
	const struct probe_key key = {
		.to = { .plan = plan,
			.address = cc->has_address ? cc->address : cs->address,
			.port = port_of(cc, cs) },
		.interval = cc->interval,
		.fast_interval = cc->fast_interval,
		.down_interval = cc->down_interval,
		.presumed_up = cc->initial == CONF_INITIAL_UP,
		.timeout = cc->timeout,
		.rise = cc->rise,
		.fall = cc->fall,
	};

	use->server = server;
	use->name = arena_strdup(s->arena, cc->name);
	use->probe = plan ? want_probe(s, &key, fresh) : NULL;
	if (!use->probe) {
		log_err("check", "no memory: server %s of %s counts as down", server->name,
			server->service);
		return;
	}
	use->probe->wanted = true;
	list_add_tail(&use->probe->uses, &use->node);
}

static void fill_server(struct check_set *s, struct server *server,
			const struct conf_service *service, const struct conf_server *cs,
			struct plan *const *plans, struct list *fresh)
{
	unsigned i;

	server->name = arena_strdup(s->arena, cs->name);
	server->n_uses = service->n_checks;
	server->any = service->checks_need == CONF_NEED_ANY;
	server->uses = arena_alloc(s->arena, service->n_checks * sizeof(*server->uses));
	for (i = 0; i < service->n_checks; i++)
		fill_use(s, &server->uses[i], server, cs, &service->checks[i], plans[i], fresh);
}

static void fill_service(struct check_set *s, struct service *service,
			 const struct conf_service *cs, struct list *fresh)
{
	struct plan **plans = arena_alloc(s->arena, cs->n_checks * sizeof(struct plan *));
	unsigned i;

	for (i = 0; i < cs->n_checks; i++)
		plans[i] = want_plan(s, &cs->checks[i]);
	service->name = arena_strdup(s->arena, cs->name);
	service->servers = arena_alloc(s->arena, cs->n_servers * sizeof(*service->servers));
	service->n_servers = cs->n_servers;
	for (i = 0; i < cs->n_servers; i++) {
		service->servers[i].service = service->name;
		fill_server(s, &service->servers[i], cs, &cs->servers[i], plans, fresh);
	}
}

static void fill_services(struct check_set *s, const struct conf *c, struct list *fresh)
{
	unsigned i;

	s->services = arena_alloc(s->arena, c->n_services * sizeof(*s->services));
	s->n_services = c->n_services;
	for (i = 0; i < c->n_services; i++)
		fill_service(s, &s->services[i], &c->services[i], fresh);
}

/* Spreads the first attempts, so that 10,000 new checks are no storm and none waits long. */
static void schedule_fresh(struct list *fresh)
{
	usec_t now = loop_now();
	unsigned i = 0, n = 0;
	struct probe *p, *tmp;

	list_for_each(p, fresh, queue)
		n++;
	list_for_each_safe(p, tmp, fresh, queue) {
		list_del(&p->queue);
		probe_due_at(p, schedule_first(now, p->key.interval, i++, n));
	}
}

static void tell_service(struct check_set *s, struct service *service)
{
	unsigned i;

	for (i = 0; i < service->n_servers; i++) {
		service->servers[i].verdict = server_verdict(&service->servers[i]);
		tell(s, &service->servers[i]);
	}
}

/* Each attempt has a descriptor. */
static void allow_files(unsigned n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n)
		return;
	limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < n)
		log_warn("check",
			 "checks_at_once needs %u descriptors, but lbd may open %llu only: "
			 "some attempts will be skipped",
			 n, (unsigned long long)limit.rlim_cur);
}

static void set_limits(struct check_set *s, const struct conf_director *c)
{
	s->at_once = c->checks_at_once ? c->checks_at_once : AT_ONCE;
	s->per_second = c->checks_per_second;
	if (s->at_once > AT_ONCE)
		allow_files(s->at_once + FILES);
}

void check_set_reconcile(struct check_set *s, const struct conf *c)
{
	struct list fresh = LIST_INIT(fresh);
	struct arena *old = s->arena, *arena = arena_new();
	struct plan *plan, *next_plan;
	struct probe *p, *tmp;
	unsigned i;

	if (!arena) {
		log_err("check", "no memory: the checks stay as they were");
		return;
	}
	s->arena = arena;
	set_limits(s, &c->director);
	list_for_each(plan, &s->plans, node)
		plan->wanted = false;
	list_for_each(p, &s->probes, node) {
		p->wanted = false;
		list_init(&p->uses);
	}
	fill_services(s, c, &fresh);
	list_for_each_safe(p, tmp, &s->probes, node)
		if (!p->wanted)
			drop_probe(s, p);
	list_for_each_safe(plan, next_plan, &s->plans, node)
		if (!plan->wanted)
			drop_plan(s, plan);
	tls_stores_release(&s->stores); /* the plans keep what they use */
	schedule_fresh(&fresh);
	run_soon(s);
	arena_free(old);
	for (i = 0; i < s->n_services; i++)
		tell_service(s, &s->services[i]);
}

/* ---- Showing ---- */

static void show_use(const struct use *use, void (*each)(void *ctx, const struct check_status *st),
		     void *ctx)
{
	const struct probe *p = use->probe;
	struct check_status st = {
		.service = use->server->service,
		.server = use->server->name,
		.check = use->name,
		.detail = "",
		.warning = "",
	};
	char warning[PROBE_WARNING_LEN];

	if (p) {
		st.up = p->health.up;
		st.last = p->last;
		st.detail = p->detail;
		st.warning = probe_warning(p, warning);
		st.run = p->health.run;
		st.latency = p->latency;
		st.since = p->since;
		st.attempts = p->attempts;
		st.failures = p->failures;
		st.local = p->local;
	}
	each(ctx, &st);
}

static void show_service(const struct service *service,
			 void (*each)(void *ctx, const struct check_status *st), void *ctx)
{
	unsigned i, k;

	for (i = 0; i < service->n_servers; i++)
		for (k = 0; k < service->servers[i].n_uses; k++)
			show_use(&service->servers[i].uses[k], each, ctx);
}

void check_set_each(const struct check_set *s, const char *service,
		    void (*each)(void *ctx, const struct check_status *st), void *ctx)
{
	unsigned i;

	for (i = 0; i < s->n_services; i++)
		if (!service || !strcmp(service, s->services[i].name))
			show_service(&s->services[i], each, ctx);
}

void check_set_count(const struct check_set *s, const char *service, unsigned *ret_up,
		     unsigned *ret_all)
{
	unsigned i, k;

	*ret_up = *ret_all = 0;
	for (i = 0; i < s->n_services; i++) {
		const struct service *sv = &s->services[i];

		if (strcmp(service, sv->name) != 0)
			continue;
		*ret_all += sv->n_servers;
		for (k = 0; k < sv->n_servers; k++)
			*ret_up += sv->servers[k].verdict == CHECK_ALIVE;
	}
}

int check_set_new(struct loop *loop, const struct check_ops *ops, void *ctx, struct check_set **ret)
{
	struct check_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->ops = ops;
	s->ctx = ctx;
	list_init(&s->probes);
	list_init(&s->queue);
	list_init(&s->plans);
	tls_stores_init(&s->stores);
	conn_line_init(&s->line, loop);
	loop_timer_init(&s->runner, loop, LOOP_NORMAL, on_run);
	*ret = s;
	return 0;
}

void check_set_free(struct check_set *s)
{
	struct plan *plan, *next_plan;
	struct probe *p, *tmp;

	if (!s)
		return;
	loop_timer_stop(&s->runner);
	list_for_each_safe(p, tmp, &s->probes, node)
		drop_probe(s, p);
	list_for_each_safe(plan, next_plan, &s->plans, node)
		drop_plan(s, plan);
	conn_line_stop(&s->line);
	arena_free(s->arena);
	free(s);
}
