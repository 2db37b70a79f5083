// SPDX-License-Identifier: BSD-2-Clause
/* SCTP: what begins an association's flow, how it goes and ends, and how its packets are forwarded;
 * for both families and both programs. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define STEPS 10

/* A service keeps its port: the checksum covers it. */
#define REQUEST(...)                                                                               \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .proto = IPPROTO_SCTP, __VA_ARGS__                      \
	}
#define REPLY(...)                                                                                 \
	{                                                                                          \
		.from = WEB1, .to = CLIENT, .proto = IPPROTO_SCTP, .sport = 80, __VA_ARGS__        \
	}
#define REPLY2(...)                                                                                \
	{                                                                                          \
		.from = WEB2, .to = CLIENT, .proto = IPPROTO_SCTP, .sport = 80, __VA_ARGS__        \
	}
#define TO_WEB1	  COUNT_REDIRECTED, CLIENT, WEB1
#define TO_WEB2	  COUNT_REDIRECTED, CLIENT, WEB2
#define TO_CLIENT COUNT_REDIRECTED, VIP, CLIENT
#define DR_WEB1	  COUNT_REDIRECTED, CLIENT, VIP, WEB1
#define TUN_WEB1  COUNT_REDIRECTED, CLIENT, VIP, WEB1, WEB1

/* What comes in, what becomes of it, what goes out: from whom to whom, to whose MAC (0: the
 * receiver's), in a tunnel to whom; and the state then. */
struct step {
	struct frame in;
	enum counter verdict;
	enum who from, to, link_to, tunnel;
	enum flow_state state;
	void (*before)(struct rig *rig);
	struct context context;
};

struct scene {
	const char *name;
	enum method method;
	unsigned servers;
	const char *tc_only; /* why */
	void (*prepare)(struct rig *rig);
	struct step steps[STEPS];
	unsigned flows; /* entries in the end */
};

struct play {
	const struct scene *scene;
	bool v6;
	enum hook hook;
};

static struct rig *rig;

static void fail_first(struct rig *r)
{
	r->servers[SERVER1].status = 0;
}

static void hash_finds_it_again(struct rig *r)
{
	r->svcs[SVC].no_flow = NO_FLOW_SCHEDULE;
	r->svcs[SVC].pick = PICK_HASH;
}

static void change_the_port(struct rig *r)
{
	r->servers[SERVER1].port = htons(8080);
}

static void narrow_server(struct rig *r)
{
	r->servers[SERVER1].hops[0].mtu = 1280;
}

static void closed_gate(struct rig *r)
{
	rig_gate(r, VIP, 51);
	rig_service_key(r, SVC, VIP, IPPROTO_SCTP, GATE);
	r->gates[GATE].open = 0;
}

/* clang-format off */
static const struct scene scenes[] = {
	{ "nat_association_and_its_shutdown_by_the_client", METHOD_NAT, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = INIT_ACK, .payload = 200), TO_CLIENT, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO, .payload = 180), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REPLY(.chunk = COOKIE_ACK), TO_CLIENT, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.payload = 1333), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REPLY(.chunk = SACK, .payload = 12), TO_CLIENT, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.chunk = SHUTDOWN, .payload = 4), TO_WEB1, .state = FLOW_SCTP_SHUTDOWN },
		{ REPLY(.chunk = SHUTDOWN_ACK), TO_CLIENT, .state = FLOW_SCTP_SHUTDOWN },
		{ REQUEST(.chunk = SHUTDOWN_COMPLETE), TO_WEB1, .state = FLOW_SCTP_CLOSED },
	}, .flows = 2 },
	{ "nat_shutdown_by_the_server", METHOD_NAT, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = INIT_ACK, .payload = 16), TO_CLIENT, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = COOKIE_ACK), TO_CLIENT, .state = FLOW_SCTP_ESTABLISHED },
		{ REPLY(.payload = 40), TO_CLIENT, .state = FLOW_SCTP_ESTABLISHED },
		{ REPLY(.chunk = SHUTDOWN, .payload = 4), TO_CLIENT, .state = FLOW_SCTP_SHUTDOWN },
		{ REQUEST(.payload = 40), TO_WEB1, .state = FLOW_SCTP_SHUTDOWN },
		{ REQUEST(.chunk = SHUTDOWN_ACK), TO_WEB1, .state = FLOW_SCTP_SHUTDOWN },
		{ REPLY(.chunk = SHUTDOWN_COMPLETE), TO_CLIENT, .state = FLOW_SCTP_CLOSED },
	}, .flows = 2 },
	{ "nat_with_ip_options", METHOD_NAT, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16, .ip_options = 12), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = INIT_ACK, .ip_options = 8), TO_CLIENT, .state = FLOW_SCTP_INIT },
	}, .flows = 2 },
	{ "dr_hears_the_client_only", METHOD_DR, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16), DR_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO, .payload = 100), DR_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.payload = 1400), DR_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.chunk = SHUTDOWN, .payload = 4), DR_WEB1, .state = FLOW_SCTP_SHUTDOWN },
		{ REQUEST(.chunk = SHUTDOWN_COMPLETE), DR_WEB1, .state = FLOW_SCTP_CLOSED },
	}, .flows = 1 },
	{ "dr_shutdown_by_the_server_which_is_not_heard", METHOD_DR, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16), DR_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO, .payload = 100), DR_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.chunk = SHUTDOWN_ACK), DR_WEB1, .state = FLOW_SCTP_CLOSED },
		{ REQUEST(.chunk = SHUTDOWN_ACK), DR_WEB1, .state = FLOW_SCTP_CLOSED }, /* again */
	}, .flows = 1 },
	{ "tun_puts_a_header_before", METHOD_TUN, 1, .steps = {
		{ REQUEST(.chunk = INIT, .payload = 16), TUN_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO, .payload = 99), TUN_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.payload = 1401), TUN_WEB1, .state = FLOW_SCTP_ESTABLISHED },
	}, .flows = 1 },
	{ "only_an_init_begins", METHOD_NAT, 1, .steps = {
		{ REQUEST(.payload = 10), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = INIT_ACK), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = COOKIE_ECHO), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = ABORT), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = SHUTDOWN_ACK), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = HEARTBEAT, .payload = 20), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = ASCONF), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = AUTH), COUNT_DROP_NO_FLOW },
	} },
	{ "association_goes_on_where_a_hash_finds_its_server", METHOD_DR, 1, .prepare = hash_finds_it_again, .steps = {
		{ REQUEST(.chunk = ABORT), COUNT_DROP_NO_FLOW },
		{ REQUEST(.chunk = SHUTDOWN), COUNT_DROP_NO_FLOW },
		{ REQUEST(.payload = 10), DR_WEB1, .state = FLOW_SCTP_ESTABLISHED },
	}, .flows = 1 },
	{ "init_begins_anew_after_the_end", METHOD_NAT, 2, .steps = {
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = ABORT), TO_CLIENT, .state = FLOW_SCTP_CLOSED },
		{ REQUEST(.chunk = COOKIE_ECHO), TO_WEB1, .state = FLOW_SCTP_CLOSED },
		{ REQUEST(.chunk = INIT), TO_WEB2, .state = FLOW_SCTP_INIT },
		{ REPLY(.chunk = INIT_ACK), COUNT_PASSED, .state = FLOW_SCTP_INIT },
		{ REPLY2(.chunk = INIT_ACK), TO_CLIENT, .state = FLOW_SCTP_INIT },
	}, .flows = 2 },
	{ "init_of_a_living_association_stays", METHOD_NAT, 2, .steps = { /* RFC 9260 5.2 */
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED },
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED },
	}, .flows = 2 },
	{ "init_leaves_a_server_that_failed", METHOD_NAT, 2, .steps = {
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_INIT },
		{ REQUEST(.chunk = COOKIE_ECHO), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED, .before = fail_first },
		{ REQUEST(.chunk = INIT), TO_WEB2, .state = FLOW_SCTP_INIT },
	}, .flows = 2 },
	{ "changed_port_is_an_error", METHOD_NAT, 1, .prepare = change_the_port, .steps = {
		{ REQUEST(.chunk = INIT), COUNT_DROP_ERROR, .state = FLOW_SCTP_INIT },
	}, .flows = 2 },
	{ "fullnat_is_an_error", METHOD_FULLNAT, 1, .steps = {
		{ REQUEST(.chunk = INIT), COUNT_DROP_ERROR, .state = FLOW_SCTP_INIT },
	}, .flows = 2 },
	{ "closed_gate", METHOD_NAT, 1, .prepare = closed_gate, .steps = {
		{ REQUEST(.chunk = INIT), COUNT_DROP_GATE },
	} },
	{ "super_packet_goes_as_it_is", METHOD_NAT, 1, "xdp sees packets as they are on the wire",
	  .prepare = narrow_server, .steps = {
		{ REQUEST(.chunk = INIT), TO_WEB1, .state = FLOW_SCTP_INIT },
		/* GSO_BY_FRAGS */
		{ REQUEST(.payload = 2000), TO_WEB1, .state = FLOW_SCTP_ESTABLISHED,
		  .context = { .gso_size = 0xffff, .gso_segs = 2 } },
	}, .flows = 2 },
};
/* clang-format on */

/* ---- Playing --------------------------------------------------------------------------------- */

static void expect_frame(const struct step *step, const struct outcome *o)
{
	uint8_t want[FRAME_MAX], got[FRAME_MAX];
	struct frame out = step->in;
	size_t len;

	out.from = step->from;
	out.to = step->to;
	out.sport = step->from == CLIENT ? 0 : 80;
	out.dport = step->from == CLIENT ? 80 : 0;
	out.ttl = 63;
	out.link_to = step->link_to ? step->link_to : step->to;
	out.link_from = out.link_to == CLIENT ? FRONT : BACK;
	out.tunnel = step->tunnel;
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(o->len, len);
	memcpy(got, o->frame, len);
	if (out.tunnel && rig->v6)
		memset(got + 14 + 1, 0, 3); /* the flow label, which is a hash */
	assert_memory_equal(got, want, len);
}

static void expect_untouched(const struct step *step, const struct outcome *o)
{
	uint8_t in[FRAME_MAX];
	size_t len = frame_build(&step->in, rig->v6, in);

	assert_int_equal(o->action, step->verdict == COUNT_PASSED ? action_pass(rig->hook)
								  : action_drop(rig->hook));
	assert_int_equal(o->len, len);
	assert_memory_equal(o->frame, in, len);
}

static void expect_state(enum flow_state state)
{
	static const struct frame request = REQUEST();
	bool active = state == FLOW_SCTP_ESTABLISHED;
	struct flow f;

	assert_int_equal(rig_flow(rig, &request, &f), state != FLOW_NONE);
	if (state == FLOW_NONE)
		return;
	assert_int_equal(WORD_STATE(f.word), state);
	assert_int_equal(rig->servers[f.server].active, active);
	assert_int_equal(rig->servers[f.server].inactive, !active);
}

static void play_step(const struct step *step, bool sum_known)
{
	struct context c = step->context;
	struct outcome o;
	uint64_t before;

	if (step->before)
		step->before(rig);
	before = rig_count(rig, rig->hook, step->verdict);
	c.sum_known = sum_known;
	rig_run(rig, &step->in, &c, &o);
	assert_int_equal(rig_count(rig, rig->hook, step->verdict), before + 1);
	if (step->verdict == COUNT_REDIRECTED) {
		assert_int_equal(o.action, action_redirect(rig->hook));
		expect_frame(step, &o);
	} else {
		expect_untouched(step, &o);
	}
	expect_state(step->state);
}

static void play(const struct play *p, bool sum_known)
{
	const struct scene *scene = p->scene;
	const struct step *step;
	unsigned i;

	rig_reset(rig, p->v6, p->hook);
	rig_service(rig, SVC, VIP, IPPROTO_SCTP, scene->method, scene->servers);
	for (i = 0; i < scene->servers && scene->method != METHOD_FULLNAT; i++)
		rig->servers[SERVER1 + i].port = 0;
	if (scene->prepare)
		scene->prepare(rig);
	for (step = scene->steps; step < scene->steps + STEPS && step->in.from; step++)
		play_step(step, sum_known);
	assert_int_equal(rig_flows(rig), scene->flows);
	rig_books_balance(rig);
}

static void test_scene(void **state)
{
	play(*state, false);
}

static void test_scene_with_known_sum(void **state)
{
	const struct play *p = *state;

	rig_reset(rig, p->v6, p->hook);
	if (!rig_sum_known_works(rig))
		skip();
	play(p, true);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* What a chunk does to an association in each state, by RFC 9260 as seen from outside: IN, ES, SH
 * or CL; "-": a new one begins. */
static const struct row {
	uint8_t chunk;
	bool output;	  /* the server sent it */
	bool not_heard;	  /* the server has never been heard */
	const char *next; /* from IN, ES, SH, CL */
} rows[] = {
	{ INIT, false, false, "IN ES SH -" },
	{ INIT, true, false, "IN ES SH CL" },
	{ INIT_ACK, true, false, "IN ES SH CL" },
	{ INIT_ACK, false, false, "IN ES SH CL" },
	{ COOKIE_ECHO, false, false, "ES ES ES CL" },
	{ COOKIE_ACK, true, false, "ES ES ES CL" },
	{ DATA, false, false, "ES ES SH CL" },
	{ DATA, true, false, "ES ES SH CL" },
	{ SACK, true, false, "ES ES SH CL" },
	{ HEARTBEAT, false, false, "ES ES SH CL" },
	{ HEARTBEAT_ACK, true, false, "ES ES SH CL" },
	{ ECNE, false, false, "ES ES SH CL" },
	{ CWR, false, false, "ES ES SH CL" },
	{ AUTH, false, false, "ES ES SH CL" },
	{ ASCONF, false, false, "ES ES SH CL" },
	{ OP_ERROR, false, false, "IN ES SH CL" },
	{ OP_ERROR, true, false, "IN ES SH CL" },
	{ SHUTDOWN, false, false, "IN SH SH CL" },
	{ SHUTDOWN, true, false, "IN SH SH CL" },
	{ SHUTDOWN_ACK, false, false, "IN SH SH CL" },
	{ SHUTDOWN_ACK, true, false, "IN SH SH CL" },
	{ SHUTDOWN_ACK, false, true, "IN CL CL CL" },
	{ SHUTDOWN_COMPLETE, false, false, "CL ES CL CL" },
	{ SHUTDOWN_COMPLETE, true, false, "CL ES CL CL" },
	{ SHUTDOWN_COMPLETE, false, true, "CL ES CL CL" },
	{ ABORT, false, false, "CL CL CL CL" },
	{ ABORT, true, false, "CL CL CL CL" },
};

static const char state_names[] = "IN ES SH CL";

static enum flow_state next_state(const struct row *row, enum flow_state state)
{
	const char *name = row->next + (state - FLOW_SCTP_INIT) * 3;
	char two[3] = { name[0], name[1] };

	if (*name == '-')
		return FLOW_SCTP_INIT;
	return FLOW_SCTP_INIT + (unsigned)(strstr(state_names, two) - state_names) / 3;
}

static void play_cell(const struct row *row, enum flow_state state)
{
	static const struct frame init = REQUEST(.chunk = INIT);
	struct frame request = REQUEST(.chunk = row->chunk), reply = REPLY(.chunk = row->chunk);
	struct server_stats s;
	struct outcome o;
	struct flow f;

	rig_reset(rig, rig->v6, rig->hook);
	rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
	rig->servers[SERVER1].port = 0;
	rig_run(rig, &init, NULL, &o);
	assert_true(rig_flow(rig, &init, &f));
	f.word =
		WORD(LIFE_LIVE, row->not_heard ? WORD_NOOUTPUT : 0, state, WORD_GENERATION(f.word));
	rig_flow_set(rig, &init, &f);
	rig->servers[SERVER1].active = state == FLOW_SCTP_ESTABLISHED;
	rig->servers[SERVER1].inactive = state != FLOW_SCTP_ESTABLISHED;
	rig_run(rig, row->output ? &reply : &request, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	expect_state(next_state(row, state));
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, row->next[9] == '-' && state == FLOW_SCTP_CLOSED ? 2 : 1);
}

static void test_every_cell(void **unused)
{
	enum flow_state state;
	unsigned combination;
	size_t i;

	for (combination = 0; combination < 4; combination++) {
		rig->v6 = combination & 1;
		rig->hook = combination & 2 ? HOOK_XDP : HOOK_INGRESS;
		for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			for (state = FLOW_SCTP_INIT; state <= FLOW_SCTP_CLOSED; state++)
				play_cell(&rows[i], state);
	}
}

/* Each state has its own timeout, which acts on flows that are there. */
static void test_timeouts(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT);
	enum flow_state state;
	struct outcome o;
	struct flow f;

	for (state = FLOW_SCTP_INIT; state <= FLOW_SCTP_CLOSED; state++) {
		rig_reset(rig, state & 1, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
		rig->servers[SERVER1].port = 0;
		rig_run(rig, &init, NULL, &o);
		assert_true(rig_flow(rig, &init, &f));
		f.word = WORD(LIFE_LIVE, 0, state, WORD_GENERATION(f.word));
		rig_flow_set(rig, &init, &f);
		rig->servers[SERVER1].active = state == FLOW_SCTP_ESTABLISHED;
		rig->servers[SERVER1].inactive = state != FLOW_SCTP_ESTABLISHED;
		rig_age(rig, 5000);
		assert_int_equal(rig_reclaim(rig), 0);
		assert_int_equal(rig_flows(rig), 2);
		rig->svcs[SVC].timeout[state] = 5000;
		assert_int_equal(rig_reclaim(rig), 0);
		assert_int_equal(rig_flows(rig), 0);
		assert_int_equal(rig->servers[SERVER1].active, 0);
		assert_int_equal(rig->servers[SERVER1].inactive, 0);
	}
}

/* Without a whole chunk header it is nobody's; nothing happens. */
static void test_truncated(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT, .payload = 16);
	struct context c = {};
	uint8_t whole[FRAME_MAX];
	struct outcome o;
	unsigned combination;

	for (combination = 0; combination < 4; combination++) {
		rig_reset(rig, combination & 1, combination & 2 ? HOOK_XDP : HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
		c.len = rig->hook == HOOK_XDP ? 14 : 14 + (rig->v6 ? 40 : 20);
		for (; c.len < frame_build(&init, rig->v6, whole); c.len++) {
			rig_run(rig, &init, &c, &o);
			assert_int_equal(o.action, action_pass(rig->hook));
			assert_memory_equal(o.frame, whole, c.len);
		}
		assert_int_equal(rig_flows(rig), 0);
	}
}

/* An IP length that ends within the chunk header. */
static void test_short_packet_is_nobodys(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT);
	uint8_t frame[FRAME_MAX];
	struct context c = {};
	struct outcome o;
	unsigned combination, cut;

	for (combination = 0; combination < 4; combination++) {
		for (cut = 1; cut <= 16; cut++) {
			rig_reset(rig, combination & 1, combination & 2 ? HOOK_XDP : HOOK_INGRESS);
			rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
			frame_build(&init, rig->v6, frame);
			frame[rig->v6 ? 14 + 5 : 14 + 3] -= (uint8_t)cut;
			rig_run_bytes(rig, frame, 100, &c, &o);
			assert_int_equal(o.action, action_pass(rig->hook));
			assert_int_equal(rig_flows(rig), 0);
		}
	}
}

/* No server: the sender is told, as of UDP. */
static void test_no_server(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT, .payload = 16);
	struct outcome o;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		struct frame want = {
			.from = VIP,
			.to = CLIENT,
			.link_from = FRONT,
			.link_to = CLIENT,
			.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.icmp_type = v6 ? 1 : 3,
			.icmp_code = v6 ? 4 : 3,
			.about = &init,
		};
		uint8_t expected[FRAME_MAX];
		size_t len = frame_build(&want, v6, expected), ip = v6 ? 40 : 20;

		rig_reset(rig, v6, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
		fail_first(rig);
		rig_run(rig, &init, NULL, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_MADE_UNREACHABLE), 1);
		assert_int_equal(o.len, len);
		assert_memory_equal(o.frame + 14 + ip, expected + 14 + ip, len - 14 - ip);
	}
}

/* An error about the translated packet goes to the client, about the packet that it sent. */
static void test_icmp_error(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT, .payload = 16);
	static const struct frame sent = { .from = CLIENT,
					   .to = WEB1,
					   .proto = IPPROTO_SCTP,
					   .dport = 80,
					   .ttl = 63,
					   .chunk = INIT,
					   .payload = 16 };
	/* the quote's hop stays as the server saw it */
	static const struct frame told = REQUEST(.chunk = INIT, .payload = 16, .ttl = 63);
	struct outcome o;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		struct frame error = {
			.from = WEB1,
			.to = CLIENT,
			.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.icmp_type = v6 ? 1 : 3,
			.icmp_code = v6 ? 4 : 3,
			.about = &sent,
		};
		struct frame want = error;
		uint8_t expected[FRAME_MAX];
		size_t len;

		rig_reset(rig, v6, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
		rig->servers[SERVER1].port = 0;
		rig_run(rig, &init, NULL, &o);
		rig_run(rig, &error, NULL, &o);
		want.from = VIP;
		want.about = &told;
		want.ttl = 63;
		want.link_from = FRONT;
		want.link_to = CLIENT;
		len = frame_build(&want, v6, expected);
		assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_ICMP_TRANSLATED), 1);
		assert_int_equal(o.len, len);
		assert_memory_equal(o.frame, expected, len);
	}
}

/* Fragments of one packet: the first has the ports, and all have addresses. */
static void test_fragments(void **unused)
{
	static const struct frame init = REQUEST(.chunk = INIT), data = REQUEST(.payload = 2000);
	struct frame sent = { .from = CLIENT,
			      .to = WEB1,
			      .link_from = BACK,
			      .link_to = WEB1,
			      .proto = IPPROTO_SCTP,
			      .dport = 80,
			      .ttl = 63,
			      .payload = 2000 };
	uint8_t whole[FRAME_MAX], in[FRAME_MAX], want[FRAME_MAX];
	static const struct context usual;
	struct outcome o;
	size_t len, at;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_SCTP, METHOD_NAT, 1);
		rig->servers[SERVER1].port = 0;
		rig_run(rig, &init, NULL, &o);
		for (at = 0; at < 2016; at += 1000) {
			len = frame_build(&data, v6, whole);
			len = frame_fragment(whole, len, v6, at, 1000, in);
			rig_run_bytes(rig, in, len, &usual, &o);
			assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
			assert_int_equal(o.len, len);
			len = frame_build(&sent, v6, whole);
			len = frame_fragment(whole, len, v6, at, 1000, want);
			assert_memory_equal(o.frame, want, len);
		}
		expect_state(FLOW_SCTP_ESTABLISHED);
		/* one that overwrites the chunk's type */
		len = frame_build(&data, v6, whole);
		len = frame_fragment(whole, len, v6, 8, 1000, in);
		rig_run_bytes(rig, in, len, &usual, &o);
		assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_FRAGMENT), 1);
	}
}

/* ---- All of it ------------------------------------------------------------------------------- */

#define SCENES (sizeof(scenes) / sizeof(*scenes))

static size_t add_plays(struct CMUnitTest *tests, bool sum_known)
{
	size_t n = 0, i;

	for (i = 0; i < SCENES * 4; i++) {
		const struct scene *scene = &scenes[i / 4];
		bool xdp = i & 1, v6 = i & 2;
		struct play *p;
		char *name;

		if (xdp && (scene->tc_only || sum_known))
			continue;
		p = calloc(1, sizeof(*p));
		*p = (struct play){ scene, v6, xdp ? HOOK_XDP : HOOK_INGRESS };
		if (asprintf(&name, "%s %s %s%s", scene->name, v6 ? "v6" : "v4", xdp ? "xdp" : "tc",
			     sum_known ? " sum known" : "") < 0)
			exit(1);
		tests[n++] = (struct CMUnitTest){
			.name = name,
			.test_func = sum_known ? test_scene_with_known_sum : test_scene,
			.initial_state = p,
		};
	}
	return n;
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_every_cell), cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_short_packet_is_nobodys),
		cmocka_unit_test(test_no_server),  cmocka_unit_test(test_icmp_error),
		cmocka_unit_test(test_fragments),
	};
	static struct CMUnitTest tests[SCENES * 6 + 16];
	size_t n, i;
	int r;

	rig = rig_open(RIG_FLOWS);
	n = add_plays(tests, false);
	n += add_plays(tests + n, true);
	memcpy(tests + n, others, sizeof(others));
	n += sizeof(others) / sizeof(*others);
	r = _cmocka_run_group_tests("sctp", tests, n, NULL, NULL);
	for (i = 0; i < n; i++) {
		if (!tests[i].initial_state)
			break;
		free(tests[i].initial_state);
		free((char *)tests[i].name);
	}
	rig_close(rig);
	return r;
}
