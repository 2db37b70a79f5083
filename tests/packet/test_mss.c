// SPDX-License-Identifier: BSD-2-Clause
/* The MSS clamp: what SYNs announce, wherever the option stands, with the checksum that follows. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define CLAMP 1300

static struct rig *rig;

struct options {
	const char *what;
	uint8_t len;
	uint8_t before[40], after[40]; /* after: empty when they stay as they are */
};

/* 1460 is 05b4, 1300 is 0514. */
static const struct options all[] = {
	{ "alone", 4, { 2, 4, 5, 0xb4 }, { 2, 4, 5, 0x14 } },
	{ "first of many",
	  20,
	  { 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7 },
	  { 2, 4, 5, 0x14, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7 } },
	{ "odd place", 8, { 1, 2, 4, 5, 0xb4, 1, 1, 0 }, { 1, 2, 4, 5, 0x14, 1, 1, 0 } },
	{ "odd place behind another",
	  8,
	  { 3, 3, 7, 2, 4, 0xff, 0xff, 0 },
	  { 3, 3, 7, 2, 4, 5, 0x14, 0 } },
	{ "last of 40",
	  40,
	  { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 0xb4 },
	  { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 0x14 } },
	{ "the same", 4, { 2, 4, 5, 0x14 }, {} },
	{ "less", 4, { 2, 4, 2, 0x18 }, {} },
	{ "none", 0, {}, {} },
	{ "none of 40", 40, { 4, 2, 1, 1, 30, 36 }, {} },
	{ "behind the end", 8, { 0, 2, 4, 5, 0xb4, 0, 0, 0 }, {} },
	{ "no length", 8, { 9, 0, 2, 4, 5, 0xb4, 0, 0 }, {} },
	{ "wrong length", 8, { 2, 3, 5, 0xb4, 1, 1, 1, 0 }, {} },
	{ "cut off", 4, { 1, 2, 4, 5 }, {} },
	{ "beyond the header", 8, { 9, 200, 2, 4, 5, 0xb4, 1, 0 }, {} },
};
#define ALL (sizeof(all) / sizeof(*all))

static struct frame with_options(const struct frame *f, const uint8_t *options, uint8_t len)
{
	struct frame g = *f;

	g.tcp_options = options;
	g.tcp_options_len = len;
	return g;
}

static const uint8_t *expected(const struct options *o)
{
	return o->after[0] ? o->after : o->before;
}

/* in goes on to `to`, seen from `from`, with these options. */
static void expect(const struct frame *in, enum who from, enum who to, const uint8_t *options,
		   const struct context *c)
{
	struct frame out = *in;
	uint8_t want[FRAME_MAX];
	struct outcome o;
	size_t len;

	out.from = from;
	out.to = to;
	out.ttl = 63;
	out.link_to = in->link_to ? in->link_to : to;
	out.tcp_options = options;
	out.link_from = to == CLIENT ? FRONT : BACK;
	if (rig->servers[SERVER1].method == METHOD_DR)
		out.link_to = WEB1;
	rig_run(rig, in, c, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, want, len);
}

static void reset(bool v6, enum hook hook, enum method method)
{
	rig_reset(rig, v6, hook);
	rig_service(rig, SVC, VIP, IPPROTO_TCP, method, 1);
	rig->svcs[SVC].mss = CLAMP;
}

static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN, .payload = 10 };
static const struct frame syn_ack = { .from = WEB1, .to = CLIENT, .flags = SYN | ACK };
static const struct frame ack = { .from = CLIENT, .to = VIP, .payload = 100 };

static void each(void (*test)(const struct options *, const struct context *))
{
	static const struct context usual, known = { .sum_known = true };
	unsigned combination;
	size_t i;

	for (combination = 0; combination < 6; combination++)
		for (i = 0; i < ALL; i++) {
			enum hook hook = combination & 2 ? HOOK_XDP : HOOK_INGRESS;
			bool sum_known = combination & 4;

			reset(combination & 1, hook, METHOD_NAT);
			if (sum_known && !rig_sum_known_works(rig))
				continue;
			test(&all[i], sum_known ? &known : &usual);
		}
}

static void nat(const struct options *o, const struct context *c)
{
	const struct frame request = with_options(&syn, o->before, o->len);
	const struct frame reply = with_options(&syn_ack, o->before, o->len);

	expect(&request, CLIENT, WEB1, expected(o), c);
	expect(&reply, VIP, CLIENT, expected(o), c);
}

static void test_nat_clamps_syn_and_answer(void **state)
{
	each(nat);
}

static void fullnat(const struct options *o, const struct context *c)
{
	const struct frame request = with_options(&syn, o->before, o->len);
	struct frame reply = with_options(&syn_ack, o->before, o->len);

	reset(rig->v6, rig->hook, METHOD_FULLNAT);
	reply.to = LIP;
	expect(&request, LIP, WEB1, expected(o), c);
	expect(&reply, VIP, CLIENT, expected(o), c);
}

static void test_fullnat_clamps_syn_and_answer(void **state)
{
	each(fullnat);
}

/* Behind the tunnel's header. */
static void tun(const struct options *o, const struct context *c)
{
	struct frame request = with_options(&syn, o->before, o->len), out;
	uint8_t want[FRAME_MAX];
	struct outcome got;
	size_t len;

	reset(rig->v6, rig->hook, METHOD_TUN);
	out = with_options(&syn, expected(o), o->len);
	out.tunnel = WEB1;
	out.ttl = 63;
	out.link_from = BACK;
	out.link_to = WEB1;
	rig_run(rig, &request, c, &got);
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(got.len, len);
	if (rig->v6)
		memset(got.frame + 15, 0, 3); /* a flow label, any */
	assert_memory_equal(got.frame, want, len);
}

static void test_tun_clamps_syn(void **state)
{
	each(tun);
}

static void dr(const struct options *o, const struct context *c)
{
	const struct frame request = with_options(&syn, o->before, o->len);

	reset(rig->v6, rig->hook, METHOD_DR);
	expect(&request, CLIENT, VIP, expected(o), c);
}

static void test_dr_clamps_syn(void **state)
{
	each(dr);
}

static void only_syns(const struct options *o, const struct context *c)
{
	const struct frame request = with_options(&ack, o->before, o->len);
	const struct frame reply = {
		.from = WEB1, .to = CLIENT, .tcp_options = o->before, .tcp_options_len = o->len
	};

	expect(&syn, CLIENT, WEB1, NULL, c);
	expect(&request, CLIENT, WEB1, o->before, c);
	expect(&reply, VIP, CLIENT, o->before, c);
}

static void test_other_segments_stay(void **state)
{
	each(only_syns);
}

static void unasked(const struct options *o, const struct context *c)
{
	const struct frame request = with_options(&syn, o->before, o->len);

	rig->svcs[SVC].mss = 0;
	expect(&request, CLIENT, WEB1, o->before, c);
}

static void test_without_a_limit_syns_stay(void **state)
{
	each(unasked);
}

/* CHECKSUM_PARTIAL cannot be had here; tests/net runs it.  IP options move the header. */
static void moved(const struct options *o, const struct context *c)
{
	struct frame request = with_options(&syn, o->before, o->len);

	request.ip_options = 12;
	expect(&request, CLIENT, WEB1, expected(o), c);
}

static void test_behind_ip_options(void **state)
{
	each(moved);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nat_clamps_syn_and_answer),
		cmocka_unit_test(test_fullnat_clamps_syn_and_answer),
		cmocka_unit_test(test_dr_clamps_syn),
		cmocka_unit_test(test_tun_clamps_syn),
		cmocka_unit_test(test_other_segments_stay),
		cmocka_unit_test(test_without_a_limit_syns_stay),
		cmocka_unit_test(test_behind_ip_options),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
