// SPDX-License-Identifier: BSD-2-Clause
/* One pass over the flow tables.
 *
 * Both maps are read in batches; what looks expired, and what belongs to a server that is lost, is
 * listed for the reclaim program, which looks again and alone may end a flow (abi.h, "Flows").
 * Whatever it leaves alone is counted.
 *
 * The count also heals: when a server's active and inactive connections stood still during a pass
 * and differ from what was counted, a crash has left them wrong, and they are set right.
 *
 * Where a service resets the flows of a lost server, each end is told once its flow has ended: the
 * client with what it acknowledged last, which the request half noted; the server, if its answers
 * come through here, with what the reply half noted.  An end that has acknowledged nothing cannot
 * be told: a client that still waits for its SYN-ACK sends its SYN again, and that finds another
 * server.
 */
#include "ipvs/pass.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "lib/loop.h"

/* A batch that is read may end with one whole reclaim more than it has entries, two resets each. */
#define RESETS_OF_BATCH (2 * (PASS_BATCH + 2 * RECLAIM_BATCH))
_Static_assert(PASS_RESETS >= RESETS_OF_BATCH, "one batch must fit");

/* A connection in these has ends that wait for something. */
static const bool is_open[FLOW_STATES] = {
	[FLOW_ESTABLISHED] = true, [FLOW_SYN_SENT] = true,   [FLOW_SYN_RECV] = true,
	[FLOW_FIN_WAIT] = true,	   [FLOW_CLOSE_WAIT] = true, [FLOW_LAST_ACK] = true,
	[FLOW_SYNACK] = true,
};

/* ---- What an entry is ---- */

static const struct server *server_of(const struct pass *p, const struct flow *f)
{
	return &p->be->servers[f->server % SERVER_MAX];
}

static uint32_t timeout_of(const struct pass *p, const struct flow *f)
{
	const struct svc *svc = &p->be->svcs[server_of(p, f)->svc % SVC_MAX];
	uint32_t state = WORD_STATE(f->word);

	/* A reply half has no state of its own: it is listed when it is older than any flow may be,
	 * and goes if it has no twin.  That of a single packet never had one. */
	if (f->flags & FLOW_REPLY)
		state = f->flags & FLOW_ONE_PACKET ? FLOW_UDP : FLOW_ESTABLISHED;
	return svc->timeout[state < FLOW_STATES ? state : FLOW_NONE];
}

static bool is_request(const struct flow *f)
{
	return !(f->flags & FLOW_REPLY) && WORD_LIFE(f->word) == LIFE_LIVE;
}

static bool is_lost(const struct pass *p, const struct flow *f)
{
	return is_request(f) && load_word(&server_of(p, f)->status) & SERVER_LOST;
}

static bool has_twin(const struct flow *f)
{
	return f->verbs & (VERB_DNAT | VERB_SNAT);
}

/* A director that does not own the address must not speak for it. */
static bool may_speak(const struct pass *p, const struct flow *f)
{
	const struct gate *g = &p->be->gates[f->gate % GATE_MAX];

	return !f->gate || (load_word(&g->open) && !load_word(&g->fenced));
}

static bool wants_reset(const struct pass *p, const struct flow_entry *e)
{
	uint8_t proto = e->v6 ? e->key6.proto : e->key4.proto;
	uint32_t state = WORD_STATE(e->flow.word);

	return is_lost(p, &e->flow) && load_word(&server_of(p, &e->flow)->status) & SERVER_RESET &&
	       proto == IPPROTO_TCP && state < FLOW_STATES && is_open[state] &&
	       may_speak(p, &e->flow);
}

/* ---- Resets ---- */

/* What the server acknowledged last stands in the reply half. */
static void ask_twin(struct pass *p, struct pass_listed *l)
{
	const struct flow_entry *e = &l->entry;
	struct flow_entry twin = { .v6 = e->v6 };

	if (e->v6) {
		twin.key6.t = (struct tuple6){ e->to6.dst, e->to6.src, e->to6.dport, e->to6.sport };
		twin.key6.proto = e->key6.proto;
	} else {
		twin.key4.t = (struct tuple4){ e->to4.dst, e->to4.src, e->to4.dport, e->to4.sport };
		twin.key4.proto = e->key4.proto;
	}
	l->heard = !p->be->get_flow(p->be, &twin) && twin.flow.flags & FLOW_REPLY &&
		   twin.flow.server == e->flow.server && twin.flow.ack;
	l->server_ack = twin.flow.ack;
}

static struct net_reset to_client(const struct flow_entry *e)
{
	const struct tuple6 *t6 = &e->key6.t;
	const struct tuple4 *t4 = &e->key4.t;

	if (e->v6)
		return (struct net_reset){
			t6->dst, t6->src, t6->dport, t6->sport, e->flow.ack, true
		};
	return (struct net_reset){ addr_from_bytes(AF_INET, &t4->dst),
				   addr_from_bytes(AF_INET, &t4->src),
				   t4->dport,
				   t4->sport,
				   e->flow.ack,
				   true };
}

static struct net_reset to_server(const struct flow_entry *e, __be32 ack)
{
	if (e->v6)
		return (struct net_reset){ e->to6.src,	 e->to6.dst, e->to6.sport,
					   e->to6.dport, ack,	     false };
	return (struct net_reset){ addr_from_bytes(AF_INET, &e->to4.src),
				   addr_from_bytes(AF_INET, &e->to4.dst),
				   e->to4.sport,
				   e->to4.dport,
				   ack,
				   false };
}

static void tell_ends(struct pass *p, const struct pass_listed *l)
{
	const struct flow_entry *e = &l->entry;
	unsigned n = p->n_resets;

	if (e->flow.ack)
		p->resets[p->n_resets++] = to_client(e);
	if (l->heard)
		p->resets[p->n_resets++] = to_server(e, l->server_ack);
	p->stats.resets += p->n_resets - n;
	p->stats.resets_unknown += 1 + has_twin(&e->flow) - (p->n_resets - n);
}

/* ---- Reclaiming ---- */

static void count(struct pass *p, const struct flow *f)
{
	struct pass_count *c = &p->counted[f->server % SERVER_MAX];

	if (f->flags & FLOW_ONE_PACKET)
		c->others++;
	if (!is_request(f))
		return;
	p->stats.flows++;
	if (FLOW_IS_ACTIVE(WORD_STATE(f->word)))
		c->active++;
	else
		c->inactive++;
}

static void settle(struct pass *p, const struct pass_listed *listed, const uint8_t *ended,
		   unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (!ended[i]) {
			count(p, &listed[i].entry.flow);
			continue;
		}
		p->stats.lost += is_lost(p, &listed[i].entry.flow);
		if (listed[i].reset)
			tell_ends(p, &listed[i]);
	}
}

static int reclaim(struct pass *p)
{
	struct reclaim *r = p->be->reclaim;
	int err;

	memset(r->ended4, 0, r->n4);
	memset(r->ended6, 0, r->n6);
	r->forgotten = 0;
	err = p->be->run_reclaim(p->be);
	if (err)
		return err;
	p->jiffies = (uint32_t)r->jiffies;
	p->stats.reclaimed += r->reclaimed;
	p->stats.orphans += r->orphans;
	p->stats.forgotten += r->forgotten;
	settle(p, p->listed[false], r->ended4, r->n4);
	settle(p, p->listed[true], r->ended6, r->n6);
	r->n4 = r->n6 = r->n_templates = 0;
	return 0;
}

static int list(struct pass *p, const struct flow_entry *e)
{
	struct reclaim *r = p->be->reclaim;
	struct pass_listed *l = &p->listed[e->v6][e->v6 ? r->n6 : r->n4];

	*l = (struct pass_listed){ .entry = *e, .reset = wants_reset(p, e) };
	if (l->reset && has_twin(&e->flow))
		ask_twin(p, l);
	if (e->v6)
		r->keys6[r->n6++] = e->key6;
	else
		r->keys4[r->n4++] = e->key4;
	return r->n4 == RECLAIM_BATCH || r->n6 == RECLAIM_BATCH ? reclaim(p) : 0;
}

static int look_at(struct pass *p, const struct flow_entry *e)
{
	if (e->v6)
		p->stats.entries6++;
	else
		p->stats.entries4++;
	if (is_lost(p, &e->flow) ||
	    (int32_t)(p->jiffies - e->flow.seen) >= (int32_t)timeout_of(p, &e->flow))
		return list(p, e);
	count(p, &e->flow);
	return 0;
}

static int look_at_template(struct pass *p, const struct template_entry *e)
{
	const struct svc *svc = &p->be->svcs[e->key.svc % SVC_MAX];
	struct reclaim *r = p->be->reclaim;

	p->stats.templates++;
	p->counted[e->value.server % SERVER_MAX].others++;
	if (e->value.flows || (int32_t)(p->jiffies - e->value.seen) < (int32_t)svc->persist)
		return 0;
	r->templates[r->n_templates++] = e->key;
	return r->n_templates == RECLAIM_BATCH ? reclaim(p) : 0;
}

/* ---- The stages ---- */

static int begin(struct pass *p)
{
	uint32_t id;

	for (id = 0; id < SERVER_MAX; id++) {
		const struct server *srv = &p->be->servers[id];

		p->before[id].active = load_word(&srv->active);
		p->before[id].inactive = load_word(&srv->inactive);
	}
	memset(p->counted, 0, sizeof(p->counted));
	p->begun = loop_now();
	p->be->reclaim->n4 = p->be->reclaim->n6 = p->be->reclaim->n_templates = 0;
	p->stage++;
	return reclaim(p); /* for the time */
}

/* The next batch of flows4, then of flows6. */
static int read_flows(struct pass *p)
{
	int n, i, r;

	n = p->be->read_flows(p->be, &p->cursor, p->batch.flows, PASS_BATCH);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		r = look_at(p, &p->batch.flows[i]);
		if (r)
			return r;
	}
	if (!p->cursor.done)
		return 0;
	p->cursor = (struct flow_cursor){ .v6 = !p->cursor.v6 };
	p->stage++;
	return reclaim(p);
}

static bool any_persistence(const struct pass *p)
{
	uint32_t id;

	for (id = 1; id < SVC_MAX; id++)
		if (load_word(&p->be->svcs[id].persist))
			return true;
	return false;
}

/* A large and mostly empty map: it is read only where there may be something. */
static int read_templates(struct pass *p)
{
	int n = 0, i, r;

	p->cursor.done = !p->cursor.started && !p->had_templates && !any_persistence(p);
	if (!p->cursor.done)
		n = p->be->read_templates(p->be, &p->cursor, p->batch.templates, PASS_BATCH);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		r = look_at_template(p, &p->batch.templates[i]);
		if (r)
			return r;
	}
	if (!p->cursor.done)
		return 0;
	p->stage++;
	return reclaim(p);
}

/* By compare-and-swap: the programs count on meanwhile. */
static bool set_right(uint32_t *load, uint32_t was, uint32_t is)
{
	return __atomic_compare_exchange_n(load, &was, is, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

/* A server that is overloaded gets no flows, and is judged again when one ends (load_judge() in
 * flow.bpf.h).  Where a correction or a reload has ended the reason, there may be none. */
static void judge(struct server *srv)
{
	uint64_t total = (uint64_t)load_word(&srv->active) + load_word(&srv->inactive);
	uint64_t upper = load_word(&srv->upper), lower = load_word(&srv->lower);

	if (!upper || (lower ? total < lower : total * 4 < upper * 3))
		store_word(&srv->overloaded, 0);
}

static int heal(struct pass *p)
{
	uint32_t id;

	for (id = 1; id < SERVER_MAX; id++) {
		struct server *srv = &p->be->servers[id];
		struct pass_count now = { load_word(&srv->active), load_word(&srv->inactive), 0 };
		const struct pass_count *was = &p->before[id], *is = &p->counted[id];

		p->counts[id] = is->active + is->inactive + is->others;
		if (load_word(&srv->overloaded))
			judge(srv);
		if (now.active != was->active || now.inactive != was->inactive ||
		    (now.active == is->active && now.inactive == is->inactive))
			continue;
		if (set_right(&srv->active, now.active, is->active) &&
		    set_right(&srv->inactive, now.inactive, is->inactive))
			p->stats.corrected++;
	}
	p->had_templates = p->stats.templates;
	p->done = true;
	return 0;
}

static int (*const stages[])(struct pass *p) = { begin, read_flows, read_flows, read_templates,
						 heal };

void pass_begin(struct pass *p)
{
	p->done = false;
	p->error = 0;
	p->stage = 0;
	p->cursor = (struct flow_cursor){ 0 };
	memset(&p->stats, 0, sizeof(p->stats));
}

void pass_turn(struct pass *p)
{
	struct timespec cpu = { 0 };

	p->n_resets = 0;
	while (!p->done && !p->error && p->n_resets <= PASS_RESETS - RESETS_OF_BATCH)
		p->error = stages[p->stage](p);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	p->stats.cpu.us += cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
	p->stats.took = usec_sub(loop_now(), p->begun);
}
