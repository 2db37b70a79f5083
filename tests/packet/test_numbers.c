// SPDX-License-Identifier: BSD-2-Clause
/* What is counted of forwarded packets: by server and by interface, for both families and both
 * programs. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define REQUEST(...)                                                                               \
	{                                                                                          \
		.from = CLIENT, .to = VIP, __VA_ARGS__                                             \
	}
#define REPLY(...)                                                                                 \
	{                                                                                          \
		.from = WEB1, .to = CLIENT, __VA_ARGS__                                            \
	}

static struct rig *rig;

static const struct frame syn = REQUEST(.flags = SYN), data = REQUEST(.payload = 500);

/* IP and TCP headers. */
static size_t head(void)
{
	return rig->v6 ? 60 : 40;
}

static void send_frame(const struct frame *f, const struct context *c)
{
	struct outcome o;

	rig_run(rig, f, c, &o);
}

static void expect_in(unsigned ifindex, uint64_t packets, uint64_t bytes)
{
	struct port_stats s;

	rig_port_stats(rig, ifindex, &s);
	assert_int_equal(s.in_packets, packets);
	assert_int_equal(s.in_bytes, bytes);
}

static void expect_out(unsigned ifindex, uint64_t packets, uint64_t bytes)
{
	struct port_stats s;

	rig_port_stats(rig, ifindex, &s);
	assert_int_equal(s.out_packets, packets);
	assert_int_equal(s.out_bytes, bytes);
}

static void expect_nothing(void)
{
	expect_in(rig->front, 0, 0);
	expect_out(rig->front, 0, 0);
	expect_in(rig->back, 0, 0);
	expect_out(rig->back, 0, 0);
}

static void each_program(enum method method, uint8_t proto, void (*test)(void))
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		rig_reset(rig, i & 1, i & 2 ? HOOK_XDP : HOOK_INGRESS);
		rig_service(rig, SVC, VIP, proto, method, 1);
		test();
	}
}

static void both_ways(void)
{
	static const struct frame syn_ack = REPLY(.flags = SYN | ACK);
	struct server_stats s;

	send_frame(&syn, NULL);
	send_frame(&data, NULL);
	send_frame(&syn_ack, NULL);
	expect_in(rig->front, 2, 2 * head() + 500);
	expect_out(rig->back, 2, 2 * head() + 500);
	expect_in(rig->back, 1, head());
	expect_out(rig->front, 1, head());
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.in_packets, 2);
	assert_int_equal(s.in_bytes, 2 * head() + 500);
	assert_int_equal(s.out_packets, 1);
	assert_int_equal(s.out_bytes, head());
}

static void test_interfaces_count_both_ways(void **state)
{
	each_program(METHOD_NAT, IPPROTO_TCP, both_ways);
}

static void outer_header(void)
{
	struct server_stats s;

	send_frame(&syn, NULL);
	send_frame(&data, NULL);
	expect_in(rig->front, 2, 2 * head() + 500);
	expect_out(rig->back, 2, 2 * (head() + head() - 20) + 500);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.in_bytes, 2 * head() + 500);
}

static void test_outer_header_counts_where_it_leaves(void **state)
{
	each_program(METHOD_TUN, IPPROTO_TCP, outer_header);
}

static void same_interface(void)
{
	rig->servers[SERVER1].hops[0].ifindex = rig->front;
	send_frame(&syn, NULL);
	expect_in(rig->front, 1, head());
	expect_out(rig->front, 1, head());
}

static void test_out_where_it_came_in(void **state)
{
	each_program(METHOD_DR, IPPROTO_TCP, same_interface);
}

static void not_forwarded(void)
{
	static const struct frame no_flow = REQUEST(.flags = ACK), other = REQUEST(.dport = 81);
	static const struct frame last = REQUEST(.flags = SYN, .ttl = 1);

	send_frame(&no_flow, NULL);
	send_frame(&other, NULL);
	send_frame(&last, NULL);
	rig->servers[SERVER1].hops[0].ifindex = 0;
	send_frame(&syn, NULL);
	rig->servers[SERVER1].hops[0].flags = HOP_LOCAL;
	send_frame(&syn, NULL);
	expect_nothing();
}

static void test_what_is_not_forwarded_is_not_counted(void **state)
{
	each_program(METHOD_NAT, IPPROTO_TCP, not_forwarded);
}

static void beyond_the_map(void)
{
	rig->servers[SERVER1].hops[0].ifindex = PORT_MAX;
	rig->hook = HOOK_INGRESS; /* xdp knows nothing of such an interface */
	send_frame(&syn, NULL);
	expect_in(rig->front, 1, head());
	expect_out(rig->back, 0, 0);
}

static void test_interface_beyond_the_map(void **state)
{
	each_program(METHOD_NAT, IPPROTO_TCP, beyond_the_map);
}

/* As they are on the wire: each segment with headers of its own. */
static void test_super_packets_count_as_they_leave(void **state)
{
	static const struct frame large = REQUEST(.payload = 2500);
	static const struct context gso = { .gso_size = 1000, .gso_segs = 3 };
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_DR, 1);
		send_frame(&syn, NULL);
		send_frame(&large, &gso);
		expect_in(rig->front, 4, 4 * head() + 2500);
		expect_out(rig->back, 4, 4 * head() + 2500);
	}
}

static void test_icmp_errors_count(void **state)
{
	static const struct frame sent = { .from = CLIENT, .to = WEB1, .flags = SYN };
	struct frame error = { .from = WEB1, .to = CLIENT, .about = &sent, .icmp_code = 3 };
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		error.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		error.icmp_type = v6 ? 1 : 3;
		rig_reset(rig, v6, HOOK_INGRESS);
		rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
		send_frame(&syn, NULL);
		send_frame(&error, NULL);
		expect_in(rig->back, 1, head() + head() - 20 + 8);
		expect_out(rig->front, 1, head() + head() - 20 + 8);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interfaces_count_both_ways),
		cmocka_unit_test(test_outer_header_counts_where_it_leaves),
		cmocka_unit_test(test_out_where_it_came_in),
		cmocka_unit_test(test_what_is_not_forwarded_is_not_counted),
		cmocka_unit_test(test_interface_beyond_the_map),
		cmocka_unit_test(test_super_packets_count_as_they_leave),
		cmocka_unit_test(test_icmp_errors_count),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
