// SPDX-License-Identifier: BSD-2-Clause
/* The pass over the flow tables, and when it is made: on tables that are an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/flows.h"
#include "ipvs/pass.h"
#include "ipvs/ports.h"

#define ROOM	  40000
#define NOW	  1000000u /* jiffies */
#define SLOT	  7	   /* of the server that is in question */
#define OTHER	  8
#define SVC_SLOT  3
#define GATE_SLOT 5
#define LIP_FIRST 20

enum { CLIENT_ACK = 0x11111111, SERVER_ACK = 0x22222222 };

static struct {
	struct ipvs_backend *be;
	struct pass *pass;
	struct flow_entry *flows; /* ROOM */
	struct template_entry templates[4];
	size_t n, n_templates;
	unsigned listed; /* for the program, so far */
	bool stubborn;	 /* the program keeps all */
	/* what flows.c has handed over */
	struct loop *loop;
	struct net_reset *told; /* 2 * ROOM */
	size_t n_told, calls, room;
	uint64_t swept;
} t;

/* ---- The tables ---- */

static int read_flows(struct ipvs_backend *b, struct flow_cursor *c, struct flow_entry *out,
		      unsigned room)
{
	unsigned n = 0;

	while (c->batch < t.n && n < room) {
		if (t.flows[c->batch].v6 == c->v6)
			out[n++] = t.flows[c->batch];
		c->batch++;
	}
	c->started = true;
	c->done = c->batch == t.n;
	return (int)n;
}

static bool same_key(const struct flow_entry *a, const struct flow_entry *b)
{
	return a->v6 == b->v6 && (a->v6 ? !memcmp(&a->key6, &b->key6, sizeof(a->key6))
					: !memcmp(&a->key4, &b->key4, sizeof(a->key4)));
}

static int get_flow(struct ipvs_backend *b, struct flow_entry *e)
{
	size_t i;

	for (i = 0; i < t.n; i++)
		if (same_key(&t.flows[i], e)) {
			*e = t.flows[i];
			return 0;
		}
	return -ENOENT;
}

static int read_templates(struct ipvs_backend *b, struct flow_cursor *c, struct template_entry *out,
			  unsigned room)
{
	memcpy(out, t.templates, t.n_templates * sizeof(*out));
	c->done = true;
	return (int)t.n_templates;
}

/* Entries are marked only: the reading cursor is an index. */
static bool end(const struct flow_entry *key)
{
	size_t i;

	for (i = 0; i < t.n && !t.stubborn; i++)
		if (same_key(&t.flows[i], key) && WORD_LIFE(t.flows[i].flow.word) == LIFE_LIVE &&
		    !(t.flows[i].flow.flags & FLOW_REPLY)) {
			t.flows[i].flow.word = LIFE_CLAIMED;
			return true;
		}
	return false;
}

static int run_reclaim(struct ipvs_backend *b)
{
	struct reclaim *r = b->reclaim;
	struct flow_entry e = { 0 };
	unsigned i;

	assert_true(r->n4 <= RECLAIM_BATCH && r->n6 <= RECLAIM_BATCH);
	r->jiffies = NOW;
	t.listed += r->n4 + r->n6;
	r->reclaimed = r->orphans = r->kept = 0;
	for (i = 0; i < r->n4; i++) {
		e = (struct flow_entry){ .key4 = r->keys4[i] };
		r->reclaimed += r->ended4[i] = end(&e);
	}
	for (i = 0; i < r->n6; i++) {
		e = (struct flow_entry){ .v6 = true, .key6 = r->keys6[i] };
		r->reclaimed += r->ended6[i] = end(&e);
	}
	r->forgotten = r->n_templates;
	return 0;
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct addr client(bool v6)
{
	return address(v6 ? "2001:db8::77" : "192.0.2.77");
}

static struct addr vip(bool v6)
{
	return address(v6 ? "2001:db8::10" : "192.0.2.10");
}

static struct addr rip(bool v6)
{
	return address(v6 ? "fd00::11" : "10.0.0.11");
}

static struct addr lip(bool v6)
{
	return address(v6 ? "fd00::2" : "10.0.0.2");
}

static struct flow_entry half(bool v6, uint8_t proto, struct tuple6 t6, struct tuple6 to)
{
	struct flow_entry e = { .v6 = v6 };

	if (v6) {
		e.key6 = (struct flow6_key){ .t = t6, .proto = proto };
		e.to6 = to;
	} else {
		e.key4 = (struct flow4_key){ .t = { t6.src.a[3], t6.dst.a[3], t6.sport, t6.dport },
					     .proto = proto };
		e.to4 = (struct tuple4){ to.src.a[3], to.dst.a[3], to.sport, to.dport };
	}
	e.flow.server = SLOT;
	e.flow.seen = NOW;
	e.flow.gate = GATE_SLOT;
	return e;
}

/* A flow of the client's port n; both ends have acknowledged something. */
static struct flow_entry *add(enum method method, bool v6, uint8_t proto, enum flow_state state,
			      unsigned n)
{
	struct tuple6 in = { client(v6), vip(v6), htons((uint16_t)(n % 60000)), htons(80) };
	struct tuple6 to = in, back;
	struct flow_entry *e = &t.flows[t.n];

	in.src.a[3] += htonl(n / 60000 << 8);
	to.src = in.src;
	if (method == METHOD_FULLNAT) {
		to.src = lip(v6);
		to.sport = htons((uint16_t)(5000 + n));
	}
	if (method == METHOD_NAT || method == METHOD_FULLNAT) {
		to.dst = rip(v6);
		to.dport = htons(8080);
		back = (struct tuple6){ to.dst, to.src, to.dport, to.sport };
		t.flows[t.n + 1] = half(v6, proto, back,
					(struct tuple6){ in.dst, in.src, in.dport, in.sport });
		t.flows[t.n + 1].flow.word = WORD(LIFE_LIVE, 0, FLOW_NONE, 1);
		t.flows[t.n + 1].flow.flags = FLOW_REPLY;
		t.flows[t.n + 1].flow.ack = htonl(SERVER_ACK);
		t.n++;
	}
	t.n++;
	*e = half(v6, proto, in, to);
	e->flow.word = WORD(LIFE_LIVE, 0, state, 1);
	e->flow.ack = htonl(CLIENT_ACK);
	if (method == METHOD_NAT)
		e->flow.verbs = VERB_DNAT | VERB_L2;
	else if (method == METHOD_FULLNAT)
		e->flow.verbs = VERB_DNAT | VERB_SNAT | VERB_L2;
	else
		e->flow.verbs = VERB_L2;
	return e;
}

static void lose(uint32_t how)
{
	t.be->servers[SLOT].status = how;
}

static void one_pass(void)
{
	pass_begin(t.pass);
	pass_turn(t.pass);
	assert_int_equal(t.pass->error, 0);
	assert_true(t.pass->done);
}

static int setup(void **state)
{
	int i;

	memset(&t, 0, sizeof(t));
	t.be = ipvs_memory_backend_new();
	t.be->read_flows = read_flows;
	t.be->get_flow = get_flow;
	t.be->read_templates = read_templates;
	t.be->run_reclaim = run_reclaim;
	t.flows = calloc(ROOM, sizeof(*t.flows));
	t.told = calloc(2 * ROOM, sizeof(*t.told));
	t.pass = calloc(1, sizeof(*t.pass));
	t.pass->be = t.be;
	t.loop = loop_new();
	t.be->servers[SLOT].svc = t.be->servers[OTHER].svc = SVC_SLOT;
	t.be->servers[SLOT].status = t.be->servers[OTHER].status = SERVER_ALIVE | SERVER_TAKES;
	t.be->gates[GATE_SLOT].open = 1;
	for (i = 0; i < FLOW_STATES; i++)
		t.be->svcs[SVC_SLOT].timeout[i] = 1000;
	return 0;
}

static int teardown(void **state)
{
	loop_free(t.loop);
	free(t.pass);
	free(t.told);
	free(t.flows);
	t.be->free(t.be);
	return 0;
}

/* ---- One pass ---- */

static void is_reset(const struct net_reset *r, struct addr src, unsigned sport, struct addr dst,
		     unsigned dport, uint32_t seq)
{
	assert_true(addr_equal(&r->src, &src));
	assert_true(addr_equal(&r->dst, &dst));
	assert_int_equal(ntohs(r->sport), sport);
	assert_int_equal(ntohs(r->dport), dport);
	assert_int_equal(ntohl(r->seq), seq);
}

static void both_ends_of_a_lost_flow_are_told(void **state)
{
	static const enum method methods[] = { METHOD_NAT, METHOD_FULLNAT };
	unsigned i, v6;

	for (i = 0; i < 4; i++) {
		v6 = i & 1;
		t.n = 0;
		lose(SERVER_ALIVE);
		add(methods[i / 2], v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		one_pass();
		assert_int_equal(t.pass->n_resets, 0);
		assert_int_equal(t.pass->counts[SLOT], 1);
		lose(SERVER_LOST | SERVER_RESET);
		one_pass();
		assert_int_equal(t.pass->n_resets, 2);
		is_reset(&t.pass->resets[0], vip(v6), 80, client(v6), 4000, CLIENT_ACK);
		assert_true(t.pass->resets[0].urgent);
		if (methods[i / 2] == METHOD_NAT)
			is_reset(&t.pass->resets[1], client(v6), 4000, rip(v6), 8080, SERVER_ACK);
		else
			is_reset(&t.pass->resets[1], lip(v6), 9000, rip(v6), 8080, SERVER_ACK);
		assert_false(t.pass->resets[1].urgent);
		assert_int_equal(t.pass->stats.lost, 1);
		assert_int_equal(t.pass->stats.resets, 2);
		assert_int_equal(t.pass->stats.resets_unknown, 0);
		assert_int_equal(t.pass->counts[SLOT], 0);
		one_pass(); /* once */
		assert_int_equal(t.pass->n_resets, 0);
	}
}

static void client_alone_is_told_by_dr_and_tun(void **state)
{
	unsigned v6;

	lose(SERVER_LOST | SERVER_RESET);
	for (v6 = 0; v6 < 2; v6++) {
		t.n = 0;
		add(METHOD_DR, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		one_pass();
		assert_int_equal(t.pass->n_resets, 1);
		is_reset(&t.pass->resets[0], vip(v6), 80, client(v6), 4000, CLIENT_ACK);
		assert_int_equal(t.pass->stats.resets_unknown, 0);
	}
}

static void nobody_is_told(unsigned lost)
{
	one_pass();
	assert_int_equal(t.pass->n_resets, 0);
	assert_int_equal(t.pass->stats.lost, lost);
	t.n = 0;
}

static void flows_end_silently(void **state)
{
	unsigned v6;

	for (v6 = 0; v6 < 2; v6++) {
		lose(0); /* keep */
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		nobody_is_told(0);
		lose(SERVER_LOST); /* drop */
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		nobody_is_told(1);
		lose(SERVER_LOST | SERVER_RESET);
		add(METHOD_NAT, v6, IPPROTO_UDP, FLOW_UDP, 4000);
		nobody_is_told(1);
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_TIME_WAIT, 4000);
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_CLOSE, 4001);
		nobody_is_told(2);
		t.be->gates[GATE_SLOT].open = 0;
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		nobody_is_told(1);
		t.be->gates[GATE_SLOT].open = t.be->gates[GATE_SLOT].fenced = 1;
		add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		nobody_is_told(1);
		t.be->gates[GATE_SLOT].fenced = 0;
	}
}

static void end_that_acknowledged_nothing_is_counted(void **state)
{
	struct flow_entry *e;
	unsigned v6;

	lose(SERVER_LOST | SERVER_RESET);
	for (v6 = 0; v6 < 2; v6++) {
		t.n = 0;
		e = add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_SYN_RECV, 4000);
		e->flow.ack = 0; /* the client's ACK has not come */
		one_pass();
		assert_int_equal(t.pass->n_resets, 1);
		is_reset(&t.pass->resets[0], client(v6), 4000, rip(v6), 8080, SERVER_ACK);
		assert_int_equal(t.pass->stats.resets_unknown, 1);
		t.n = 0;
		e = add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_SYN_RECV, 4000);
		e[0].flow.ack = e[1].flow.ack = 0; /* nor the server's */
		one_pass();
		assert_int_equal(t.pass->n_resets, 0);
		assert_int_equal(t.pass->stats.resets_unknown, 2);
		/* The reply half is another flow's by now. */
		t.n = 0;
		e = add(METHOD_NAT, v6, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
		e[1].flow.server = OTHER;
		one_pass();
		assert_int_equal(t.pass->n_resets, 1);
		assert_int_equal(t.pass->stats.resets_unknown, 1);
	}
}

static void other_servers_flows_stay(void **state)
{
	lose(SERVER_LOST | SERVER_RESET);
	add(METHOD_DR, false, IPPROTO_TCP, FLOW_ESTABLISHED, 4000)->flow.server = OTHER;
	nobody_is_told(0);
	assert_int_equal(t.pass->counts[OTHER], 1);
}

/* One half is old, but the program knows that the other is not. */
static void flow_that_the_program_keeps_is_counted(void **state)
{
	struct server *srv = &t.be->servers[SLOT];

	add(METHOD_NAT, false, IPPROTO_TCP, FLOW_ESTABLISHED, 4000)->flow.seen = NOW - 5000;
	srv->active = 1;
	t.stubborn = true;
	one_pass();
	assert_int_equal(t.pass->counts[SLOT], 1);
	assert_int_equal(t.pass->stats.flows, 1);
	assert_int_equal(t.pass->stats.corrected, 0);
	assert_int_equal(srv->active, 1);
}

static void wrong_load_is_set_right(void **state)
{
	struct server *srv = &t.be->servers[SLOT];

	add(METHOD_NAT, false, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
	add(METHOD_DR, true, IPPROTO_TCP, FLOW_FIN_WAIT, 4000);
	srv->active = 77;
	srv->inactive = (uint32_t)-1;
	one_pass();
	assert_int_equal(srv->active, 1);
	assert_int_equal(srv->inactive, 1);
	assert_int_equal(t.pass->stats.corrected, 1);
}

/* The flows that had made it overloaded were counted wrongly, and none will end. */
static void overload_without_flows_ends(void **state)
{
	struct server *srv = &t.be->servers[SLOT];

	srv->active = 77;
	srv->overloaded = 1;
	srv->upper = 50;
	one_pass();
	assert_int_equal(srv->active, 0);
	one_pass();
	assert_int_equal(srv->overloaded, 0);
	/* In between it stays: 8 of 10 are not below three quarters. */
	srv->active = 8;
	srv->overloaded = 1;
	srv->upper = 10;
	while (t.n < 8)
		add(METHOD_DR, false, IPPROTO_TCP, FLOW_ESTABLISHED, (unsigned)t.n);
	one_pass();
	assert_int_equal(srv->overloaded, 1);
}

static void changed_timeout_acts_with_the_next_pass(void **state)
{
	add(METHOD_NAT, false, IPPROTO_TCP, FLOW_ESTABLISHED, 4000)->flow.seen = NOW - 999;
	one_pass();
	assert_int_equal(t.pass->stats.reclaimed, 0);
	t.be->svcs[SVC_SLOT].timeout[FLOW_ESTABLISHED] = 999;
	one_pass();
	assert_int_equal(t.pass->stats.reclaimed, 1);
	assert_int_equal(t.pass->stats.lost, 0);
}

static void old_templates_are_listed(void **state)
{
	t.be->svcs[SVC_SLOT].persist = 500;
	t.templates[0] = (struct template_entry){ { .svc = SVC_SLOT }, { .seen = NOW - 500 } };
	t.templates[1] = (struct template_entry){ { .svc = SVC_SLOT }, { .seen = NOW - 499 } };
	t.templates[2] =
		(struct template_entry){ { .svc = SVC_SLOT }, { .seen = NOW - 900, .flows = 1 } };
	t.n_templates = 3;
	one_pass();
	assert_int_equal(t.pass->stats.templates, 3);
	assert_int_equal(t.pass->stats.forgotten, 1);
	/* Of a service that is persistent no more, as long as there are any. */
	t.be->svcs[SVC_SLOT].persist = 0;
	one_pass();
	assert_int_equal(t.pass->stats.forgotten, 2);
}

/* Neither is load, but the server's slot must stay its own as long as they are there. */
static void answers_and_templates_hold_a_slot(void **state)
{
	struct flow_entry *e = add(METHOD_NAT, false, IPPROTO_UDP, FLOW_UDP, 4000);

	*e = e[1];
	t.n = 1;
	e->flow.flags = FLOW_REPLY | FLOW_ONE_PACKET;
	t.be->svcs[SVC_SLOT].persist = 500;
	t.templates[0] =
		(struct template_entry){ { .svc = SVC_SLOT }, { .server = OTHER, .seen = NOW } };
	t.n_templates = 1;
	one_pass();
	assert_int_equal(t.pass->counts[SLOT], 1);
	assert_int_equal(t.pass->counts[OTHER], 1);
	assert_int_equal(t.pass->stats.flows, 0);
	assert_int_equal(t.pass->stats.corrected, 0);
	/* An answer that nobody waits for goes by the timeout of UDP. */
	t.be->svcs[SVC_SLOT].timeout[FLOW_UDP] = 10;
	e->flow.seen = NOW - 10;
	one_pass();
	assert_int_equal(t.listed, 1);
}

/* What is made in one turn fits, and nothing is lost between turns. */
static void many_flows_take_turns(void **state)
{
	uint64_t resets = 0, turns = 0;
	unsigned i;

	for (i = 0; i < ROOM / 4; i++)
		add(METHOD_DR, i & 1, IPPROTO_TCP, FLOW_ESTABLISHED, 1000 + i);
	for (i = 0; i < ROOM / 8; i++)
		add(METHOD_NAT, i & 1, IPPROTO_TCP, FLOW_ESTABLISHED, 1000 + ROOM + i);
	lose(SERVER_LOST | SERVER_RESET);
	pass_begin(t.pass);
	while (!t.pass->done) {
		pass_turn(t.pass);
		assert_int_equal(t.pass->error, 0);
		assert_true(t.pass->n_resets <= PASS_RESETS);
		resets += t.pass->n_resets;
		turns++;
	}
	assert_true(turns > 1);
	assert_int_equal(resets, ROOM / 4 + ROOM / 8 * 2);
	assert_int_equal(t.pass->stats.lost, ROOM / 4 + ROOM / 8);
	assert_int_equal(t.pass->stats.resets, resets);
	assert_int_equal(t.pass->counts[SLOT], 0);
}

/* ---- When ---- */

static void on_swept(void *ctx, const uint32_t *counts, uint64_t sweep)
{
	t.swept = sweep;
	loop_stop(t.loop);
}

static bool on_resets(void *ctx, const struct net_reset *list, size_t n)
{
	memcpy(t.told + t.n_told, list, n * sizeof(*list));
	t.n_told += n;
	t.calls++;
	if (t.n_told >= t.room)
		loop_stop(t.loop);
	return t.n_told < t.room;
}

static void on_late(struct loop_timer *timer, usec_t now)
{
	loop_stop(timer->loop);
}

/* Runs until a pass is over, room is short, or time is up. */
static void run(usec_t limit)
{
	struct loop_timer late;

	loop_timer_init(&late, t.loop, LOOP_NORMAL, on_late);
	loop_timer_in(&late, limit);
	loop_run(t.loop);
	loop_timer_stop(&late);
}

static struct flows *begin(void)
{
	struct flows *f;

	assert_int_equal(flows_new(t.loop, t.be, on_swept, NULL, &f), 0);
	flows_on_resets(f, on_resets, NULL);
	t.room = SIZE_MAX;
	return f;
}

static void lost_server_is_not_left_until_the_next_sweep(void **state)
{
	struct flows *f = begin();
	usec_t start = loop_now();
	struct ipvs_flow_stats stats;

	add(METHOD_NAT, false, IPPROTO_TCP, FLOW_ESTABLISHED, 4000);
	lose(SERVER_LOST | SERVER_RESET);
	flows_lost(f);
	run(SEC(10));
	assert_int_equal(t.swept, 1);
	assert_int_equal(t.n_told, 2);
	assert_true(usec_before(usec_sub(loop_now(), start), SEC(2)));
	flows_get_stats(f, &stats);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.resets, 2);
	flows_free(f);
}

/* A pass that has gone by a server's flows when it is lost is followed by another at once. */
static void loss_during_a_pass_begins_another(void **state)
{
	struct flows *f = begin();
	unsigned i;

	for (i = 0; i < ROOM / 2; i++)
		add(METHOD_DR, false, IPPROTO_TCP, FLOW_ESTABLISHED, 1000 + i);
	t.flows[0].flow.server = OTHER;
	t.room = 1;
	lose(SERVER_LOST | SERVER_RESET);
	flows_lost(f);
	run(SEC(20));
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.swept, 0);
	t.be->servers[OTHER].status = SERVER_LOST | SERVER_RESET;
	flows_lost(f);
	t.room = SIZE_MAX;
	flows_go_on(f);
	run(SEC(20));
	assert_int_equal(t.swept, 1);
	run(SEC(2)); /* less than a period */
	assert_int_equal(t.swept, 2);
	assert_int_equal(t.n_told, ROOM / 2);
	flows_free(f);
}

static void pass_waits_for_room(void **state)
{
	struct flows *f = begin();
	unsigned i;

	for (i = 0; i < ROOM / 2; i++)
		add(METHOD_DR, false, IPPROTO_TCP, FLOW_ESTABLISHED, 1000 + i);
	lose(SERVER_LOST | SERVER_RESET);
	t.room = 1;
	flows_lost(f);
	run(SEC(20));
	assert_int_equal(t.calls, 1);
	run(MSEC(300));
	assert_int_equal(t.calls, 1);
	t.room = SIZE_MAX;
	flows_go_on(f);
	run(SEC(20));
	assert_int_equal(t.swept, 1);
	assert_int_equal(t.n_told, ROOM / 2);
	flows_free(f);
}

/* ---- Local ports ---- */

static void local_ports_are_told_when_scarce(void **state)
{
	struct ipvs v = { .be = t.be };
	struct ipvs_service s = { .ipvs = &v, .subject = "service www" };
	struct ipvs_server d = { .service = &s, .name = "web1", .id = SLOT };
	struct server *srv = &t.be->servers[SLOT];

	srv->addr = rip(false);
	srv->lips = SPAN(LIP_FIRST, 3);
	t.be->lips[LIP_FIRST] = (struct lip){ lip(false), 1000, 1059, 0 };
	t.be->lips[LIP_FIRST + 1] = (struct lip){ lip(true), 1000, 60000, 0 };
	t.be->lips[LIP_FIRST + 2] = (struct lip){ lip(false), 2000, 2039, 0 };
	assert_int_equal(ports_total(t.be, srv), 0); /* not fullnat */
	srv->method = METHOD_FULLNAT;
	assert_int_equal(ports_total(t.be, srv), 100);
	srv->inactive = 69;
	ports_watch(&d);
	assert_false(d.ports_scarce);
	srv->inactive = 70;
	ports_watch(&d);
	assert_true(d.ports_scarce);
	srv->inactive = 60;
	ports_watch(&d);
	assert_true(d.ports_scarce);
	srv->inactive = 59;
	ports_watch(&d);
	assert_false(d.ports_scarce);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(both_ends_of_a_lost_flow_are_told),
		TEST(client_alone_is_told_by_dr_and_tun),
		TEST(flows_end_silently),
		TEST(end_that_acknowledged_nothing_is_counted),
		TEST(other_servers_flows_stay),
		TEST(flow_that_the_program_keeps_is_counted),
		TEST(wrong_load_is_set_right),
		TEST(overload_without_flows_ends),
		TEST(changed_timeout_acts_with_the_next_pass),
		TEST(old_templates_are_listed),
		TEST(answers_and_templates_hold_a_slot),
		TEST(many_flows_take_turns),
		TEST(lost_server_is_not_left_until_the_next_sweep),
		TEST(loss_during_a_pass_begins_another),
		TEST(pass_waits_for_room),
		TEST(local_ports_are_told_when_scarce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
