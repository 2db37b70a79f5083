// SPDX-License-Identifier: BSD-2-Clause
/* What senders of packets that are not forwarded get: a reset or an ICMP error, right in every
 * field. TC only: XDP leaves such packets to it. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "answer.h"
#include "rig.h"

#define QUOTE_MAX 512

static struct rig *rig;

static void empty_service(uint8_t proto)
{
	rig_service(rig, SVC, VIP, proto, METHOD_NAT, 0);
}

/* To f's sender, back the way it came, from the address of `from`. */
static struct answer answer_to(const struct frame *f, enum who from)
{
	return (struct answer){ from, f->from, f->from == WEB1 ? BACK : FRONT, f->from };
}

/* The packet counts as dropped, and `made` as well. */
static void answered(const struct frame *f, const struct context *c, enum counter drop,
		     enum counter made, struct outcome *o)
{
	uint64_t drops = rig_count(rig, HOOK_INGRESS, drop);
	uint64_t answers = rig_count(rig, HOOK_INGRESS, made);
	uint64_t redirected = rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED);

	rig_run(rig, f, c, o);
	assert_int_equal(o->action, action_redirect(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, drop), drops + 1);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, made), answers + 1);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED), redirected);
}

/* Dropped without a word. */
static void silent(const struct frame *f, enum counter drop)
{
	uint64_t drops = rig_count(rig, HOOK_INGRESS, drop);
	struct outcome o;
	enum counter c;

	rig_run(rig, f, NULL, &o);
	assert_int_equal(o.action, action_drop(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, drop), drops + 1);
	for (c = COUNT_MADE_RESET; c <= COUNT_MADE_LIMITED; c++)
		assert_int_equal(rig_count(rig, HOOK_INGRESS, c), 0);
}

static void on_both_families(void (*test)(void))
{
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_INGRESS);
		test();
	}
}

/* ---- Resets ---------------------------------------------------------------------------------- */

static void expect_reset(const struct frame *f, enum counter drop)
{
	const struct answer a = answer_to(f, VIP);
	struct outcome o;
	struct tcphdr tcp;
	const uint8_t *l4;
	size_t len, flows = rig_flows(rig);

	answered(f, NULL, drop, COUNT_MADE_RESET, &o);
	assert_int_equal(rig_flows(rig), flows);
	l4 = answer_ip(&o, rig->v6, &a, IPPROTO_TCP, &len);
	assert_int_equal(len, sizeof(tcp));
	memcpy(&tcp, l4, sizeof(tcp));
	assert_int_equal(ntohs(tcp.th_sport), 80);
	assert_int_equal(ntohs(tcp.th_dport), who_port(CLIENT));
	/* RFC 9293 3.10.7.1 */
	if (f->flags & ACK) {
		assert_int_equal(ntohl(tcp.th_seq), f->ack);
		assert_int_equal(tcp.th_ack, 0);
		assert_int_equal(tcp.th_flags, TH_RST);
	} else {
		/* SEG.SEQ + SEG.LEN, where SYN and FIN count one each */
		assert_int_equal(tcp.th_seq, 0);
		assert_int_equal(ntohl(tcp.th_ack), (uint32_t)(f->seq + !!(f->flags & SYN) +
							       !!(f->flags & FIN) + f->payload));
		assert_int_equal(tcp.th_flags, TH_RST | TH_ACK);
	}
	assert_int_equal(tcp.th_off, 5);
	assert_int_equal(tcp.th_win, 0);
	answer_sum(l4, len, rig->v6, &a, IPPROTO_TCP);
}

static void resets(void)
{
	static const struct frame frames[] = {
		{ .from = CLIENT, .to = VIP, .flags = SYN, .seq = 12345 },
		{ .from = CLIENT, .to = VIP, .flags = SYN, .seq = 0xffffffff },
		{ .from = CLIENT,
		  .to = VIP,
		  .flags = SYN,
		  .seq = 77,
		  .payload = 1000 }, /* RFC 7413 */
		{ .from = CLIENT,
		  .to = VIP,
		  .flags = SYN,
		  .seq = 5,
		  .payload = 333,
		  .ip_options = 12 },
		{ .from = CLIENT, .to = VIP, .flags = SYN, .seq = 5, .unfinished = true },
	};
	size_t i;

	empty_service(IPPROTO_TCP);
	for (i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		expect_reset(&frames[i], COUNT_DROP_NO_SERVER);
}

static void test_syn_is_reset(void **state)
{
	on_both_families(resets);
}

static void no_flow_resets(void)
{
	static const struct frame frames[] = {
		{ .from = CLIENT, .to = VIP, .flags = ACK, .seq = 7, .ack = 0xfffffff0 },
		{ .from = CLIENT, .to = VIP, .flags = ACK | PSH, .ack = 99, .payload = 700 },
		{ .from = CLIENT, .to = VIP, .flags = FIN | ACK, .ack = 1 },
		{ .from = CLIENT, .to = VIP, .flags = SYN | ACK, .ack = 5, .ip_options = 8 },
		{ .from = CLIENT, .to = VIP, .flags = FIN, .seq = 40, .payload = 3 },
		{ .from = CLIENT, .to = VIP, .flags = SYN | FIN, .seq = 41 },
		{ .from = CLIENT, .to = VIP, .flags = PSH, .seq = 42, .payload = 1 },
		{ .from = CLIENT, .to = VIP, .flags = ACK, .ack = 6, .unfinished = true },
	};
	size_t i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	for (i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		expect_reset(&frames[i], COUNT_DROP_NO_FLOW);
}

static void test_segment_without_flow_is_reset(void **state)
{
	on_both_families(no_flow_resets);
}

static void resets_unanswered(void)
{
	static const struct frame rst = { .from = CLIENT, .to = VIP, .flags = RST };
	static const struct frame rst_ack = { .from = CLIENT, .to = VIP, .flags = RST | ACK };

	empty_service(IPPROTO_TCP);
	silent(&rst, COUNT_DROP_NO_FLOW);
	silent(&rst_ack, COUNT_DROP_NO_FLOW);
}

static void test_reset_is_not_answered(void **state)
{
	on_both_families(resets_unanswered);
}

static void policy_drop(void)
{
	static const struct frame ack = { .from = CLIENT, .to = VIP, .flags = ACK };
	struct outcome o;

	empty_service(IPPROTO_TCP);
	rig->svcs[SVC].no_flow = NO_FLOW_DROP;
	silent(&ack, COUNT_DROP_NO_FLOW);
	rig->hook = HOOK_XDP; /* can do that as well */
	rig_run(rig, &ack, NULL, &o);
	assert_int_equal(o.action, action_drop(HOOK_XDP));
	assert_int_equal(rig_count(rig, HOOK_XDP, COUNT_DROP_NO_FLOW), 1);
}

static void test_segment_without_flow_is_dropped_when_wanted(void **state)
{
	on_both_families(policy_drop);
}

/* RFC 1122 3.2.2: sources that are not one host. */
static void no_host(void)
{
	static const uint8_t firsts4[] = { 0, 127, 224, 239, 240, 255 };
	static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN };
	static const struct context usual;
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&syn, rig->v6, frame), i;
	struct outcome o;

	empty_service(IPPROTO_TCP);
	for (i = 0; i < (rig->v6 ? 2 : sizeof(firsts4)); i++) {
		uint8_t *src = frame + sizeof(struct ethhdr) + (rig->v6 ? 8 : 12);

		if (rig->v6)
			memset(src, i ? 0xff : 0, 16);
		else
			*src = firsts4[i];
		frame_ip_check(frame);
		rig_run_bytes(rig, frame, len, &usual, &o);
		assert_int_equal(o.action, action_drop(HOOK_INGRESS));
	}
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_NO_SERVER), i);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_MADE_RESET), 0);
}

static void test_what_is_no_host_gets_no_answer(void **state)
{
	on_both_families(no_host);
}

static void none_available(void)
{
	static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN, .seq = 9 };
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
	for (i = 0; i < 3; i++)
		rig->servers[SERVER1 + i].status = 0;
	expect_reset(&syn, COUNT_DROP_NO_SERVER);
}

static void test_servers_that_are_all_down_are_none(void **state)
{
	on_both_families(none_available);
}

/* ---- ICMP ------------------------------------------------------------------------------------ */

/* An ICMP error from `from` about f, whose head is quoted. */
struct error {
	enum who from;
	enum counter drop, made;
	uint8_t type4, code4, type6, code6;
	uint32_t rest;
};

static void expect_error(const struct frame *f, const struct context *c, const struct error *e)
{
	uint8_t proto = rig->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, in[FRAME_MAX];
	size_t quoted = frame_build(f, rig->v6, in) - sizeof(struct ethhdr), len;
	const struct answer a = answer_to(f, e->from);
	uint32_t rest = htonl(e->rest);
	const uint8_t *icmp;
	struct outcome o;

	if (quoted > QUOTE_MAX)
		quoted = QUOTE_MAX;
	answered(f, c, e->drop, e->made, &o);
	icmp = answer_ip(&o, rig->v6, &a, proto, &len);
	assert_int_equal(len, 8 + quoted);
	assert_int_equal(icmp[0], rig->v6 ? e->type6 : e->type4);
	assert_int_equal(icmp[1], rig->v6 ? e->code6 : e->code4);
	assert_memory_equal(icmp + 4, &rest, 4);
	assert_memory_equal(icmp + 8, in + sizeof(struct ethhdr), quoted);
	answer_sum(icmp, len, rig->v6, &a, proto);
}

static void expect_unreachable(const struct frame *f, const struct context *c)
{
	static const struct error unreachable = { VIP,
						  COUNT_DROP_NO_SERVER,
						  COUNT_MADE_UNREACHABLE,
						  ICMP_UNREACH,
						  ICMP_UNREACH_PORT,
						  ICMP6_DST_UNREACH,
						  ICMP6_DST_UNREACH_NOPORT,
						  0 };

	expect_error(f, c, &unreachable);
	assert_int_equal(rig_flows(rig), 0);
}

static void unreachables(void)
{
	static const struct frame frames[] = {
		{ .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP },
		{ .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP, .payload = 1 },
		{ .from = CLIENT,
		  .to = VIP,
		  .proto = IPPROTO_UDP,
		  .payload = 101,
		  .ip_options = 8 },
		{ .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP, .payload = 1472 },
		{ .from = CLIENT,
		  .to = VIP,
		  .proto = IPPROTO_UDP,
		  .payload = 50,
		  .no_check = true },
	};
	static const struct frame same_length = {
		.from = CLIENT,
		.to = VIP,
		.proto = IPPROTO_UDP,
		.payload = 660,
	};
	const struct context super = { .gso_size = 1000, .gso_segs = 2 };
	const struct context known = { .sum_known = true };
	size_t i;

	empty_service(IPPROTO_UDP);
	for (i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		expect_unreachable(&frames[i], NULL);
	expect_unreachable(&frames[3], &super);
	/* The card's sum is forgotten as the packet grows or shrinks, but here it does neither. */
	if (rig_sum_known_works(rig))
		expect_unreachable(&same_length, &known);
}

static void test_udp_is_answered_unreachable(void **state)
{
	on_both_families(unreachables);
}

/* ---- Time exceeded ----------------------------------------------------------------------------
 */

static const struct frame begin = { .from = CLIENT, .to = VIP, .flags = SYN };

static void begin_flow(enum method method, const struct frame *syn)
{
	struct outcome o;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, method, 1);
	rig_run(rig, syn, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
}

static void hops_ran_out(void)
{
	static const struct error exceeded = { VIP,
					       COUNT_DROP_TTL,
					       COUNT_MADE_TIME_EXCEEDED,
					       ICMP_TIMXCEED,
					       ICMP_TIMXCEED_INTRANS,
					       ICMP6_TIME_EXCEEDED,
					       ICMP6_TIME_EXCEED_TRANSIT,
					       0 };
	static const struct frame request = { .from = CLIENT, .to = VIP, .ttl = 1, .payload = 50 };
	static const struct frame dead = {
		.from = CLIENT, .to = VIP, .ttl = 1, .unfinished = true
	};
	static const struct frame reply = { .from = WEB1, .to = CLIENT, .ttl = 1, .payload = 900 };

	begin_flow(METHOD_NAT, &begin);
	expect_error(&request, NULL, &exceeded);
	expect_error(&dead, NULL, &exceeded);
	/* the server hears an address that it knows is ours */
	expect_error(&reply, NULL, &exceeded);
	rig_reset(rig, rig->v6, rig->hook);
	begin_flow(METHOD_DR, &begin);
	expect_error(&request, NULL, &exceeded);
}

static void test_time_exceeded(void **state)
{
	on_both_families(hops_ran_out);
}

/* ---- Too big ----------------------------------------------------------------------------------
 */

static struct error too_big(uint32_t mtu)
{
	return (struct error){ VIP,
			       COUNT_DROP_TOO_BIG,
			       COUNT_MADE_TOO_BIG,
			       ICMP_UNREACH,
			       ICMP_UNREACH_NEEDFRAG,
			       ICMP6_PACKET_TOO_BIG,
			       0,
			       mtu };
}

static void too_big_for_server(void)
{
	static const struct frame request = { .from = CLIENT, .to = VIP, .payload = 1400 };
	static const struct frame options = {
		.from = CLIENT, .to = VIP, .payload = 1400, .ip_options = 8
	};
	static const struct frame super = { .from = CLIENT, .to = VIP, .payload = 2800 };
	static const struct context segments = { .gso_size = 1400, .gso_segs = 2 };
	static const enum method methods[] = { METHOD_NAT, METHOD_DR };
	const struct error e = too_big(1400);
	size_t i;

	for (i = 0; i < 2; i++) {
		rig_reset(rig, rig->v6, HOOK_INGRESS);
		begin_flow(methods[i], &begin);
		rig->servers[SERVER1].hops[0].mtu = 1400;
		expect_error(&request, NULL, &e);
		expect_error(&options, NULL, &e);
		expect_error(&super, &segments, &e);
	}
}

static void test_too_big_for_the_server(void **state)
{
	on_both_families(too_big_for_server);
}

static void too_big_for_client(void)
{
	static const struct frame syn = { .from = NARROW, .to = VIP, .flags = SYN };
	static const struct frame reply = { .from = WEB1, .to = NARROW, .payload = 1400 };
	static const struct frame super = { .from = WEB1, .to = NARROW, .payload = 2800 };
	static const struct context segments = { .gso_size = 1400, .gso_segs = 2 };
	const struct error e = too_big(1280);

	begin_flow(METHOD_NAT, &syn);
	expect_error(&reply, NULL, &e);
	expect_error(&super, &segments, &e);
}

static void test_too_big_for_the_client(void **state)
{
	on_both_families(too_big_for_client);
}

/* What a sender would not believe is not said. */
static void least_mtu(void)
{
	static const struct frame request = { .from = CLIENT, .to = VIP, .payload = 1400 };
	const struct error e = too_big(rig->v6 ? 1280 : 68);

	begin_flow(METHOD_NAT, &begin);
	rig->servers[SERVER1].hops[0].mtu = 60;
	expect_error(&request, NULL, &e);
}

static void test_mtu_that_is_told_has_a_floor(void **state)
{
	on_both_families(least_mtu);
}

/* ---- Not too many ---------------------------------------------------------------------------- */

static void flood(void)
{
	static const struct frame f = { .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP };
	uint64_t start, end, made, limited, most;
	struct outcome o;
	unsigned i;

	empty_service(IPPROTO_UDP);
	rig_run(rig, &f, NULL, &o); /* the credit of the first hour is used up in a burst */
	start = now_ns();
	for (i = 0; i < 2000; i++)
		rig_run(rig, &f, NULL, &o);
	end = now_ns();
	made = rig_count(rig, HOOK_INGRESS, COUNT_MADE_UNREACHABLE);
	limited = rig_count(rig, HOOK_INGRESS, COUNT_MADE_LIMITED);
	assert_int_equal(made + limited, 2001);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_NO_SERVER), 2001);
	/* 1000 a second on each CPU, and 100 at once */
	most = (100 + (end - start) / 1000000 + 2) * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	assert_in_range(made, 100, most);
	if (made < 2001)
		assert_true(limited > 0);
}

static void test_answers_are_rate_limited(void **state)
{
	on_both_families(flood);
}

static void expect_left_alone(const struct frame *f)
{
	uint64_t passed = rig_count(rig, HOOK_XDP, COUNT_PASSED);
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len = frame_build(f, rig->v6, in);

	rig_run(rig, f, NULL, &o);
	assert_int_equal(o.action, action_pass(HOOK_XDP));
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, in, len);
	assert_int_equal(rig_count(rig, HOOK_XDP, COUNT_PASSED), passed + 1);
}

static void left_alone(void)
{
	static const struct frame ack = { .from = CLIENT, .to = VIP, .sport = 9 };
	static const struct frame dead = { .from = CLIENT, .to = VIP, .ttl = 1 };
	static const struct frame big = { .from = CLIENT, .to = VIP, .payload = 1400 };
	enum counter c;

	rig->hook = HOOK_XDP;
	empty_service(IPPROTO_TCP);
	expect_left_alone(&begin);
	begin_flow(METHOD_NAT, &begin);
	rig->servers[SERVER1].hops[0].mtu = 1280;
	expect_left_alone(&ack);
	expect_left_alone(&dead);
	expect_left_alone(&big);
	for (c = COUNT_DROP_GATE; c <= COUNT_MADE_LIMITED; c++)
		assert_int_equal(rig_count(rig, HOOK_XDP, c), 0);
}

static void test_xdp_leaves_answers_to_tc(void **state)
{
	on_both_families(left_alone);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_is_reset),
		cmocka_unit_test(test_segment_without_flow_is_reset),
		cmocka_unit_test(test_reset_is_not_answered),
		cmocka_unit_test(test_segment_without_flow_is_dropped_when_wanted),
		cmocka_unit_test(test_what_is_no_host_gets_no_answer),
		cmocka_unit_test(test_servers_that_are_all_down_are_none),
		cmocka_unit_test(test_udp_is_answered_unreachable),
		cmocka_unit_test(test_time_exceeded),
		cmocka_unit_test(test_too_big_for_the_server),
		cmocka_unit_test(test_too_big_for_the_client),
		cmocka_unit_test(test_mtu_that_is_told_has_a_floor),
		cmocka_unit_test(test_answers_are_rate_limited),
		cmocka_unit_test(test_xdp_leaves_answers_to_tc),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
