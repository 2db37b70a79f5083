// SPDX-License-Identifier: BSD-2-Clause
/* What clients of a service without servers get: a reset or an unreachable, right in every field.
 * TC only: XDP leaves such packets to it. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "lib/csum.h"
#include "rig.h"

#define QUOTE_MAX 512

static struct rig *rig;

static size_t ip_len(void)
{
	return rig->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

static void empty_service(uint8_t proto)
{
	rig_service(rig, SVC, VIP, proto, METHOD_NAT, 0);
}

/* From VIP to CLIENT, back the way it came, and what is behind the IP header. */
static const uint8_t *expect_ip(const struct outcome *o, uint8_t proto, size_t *ret_len)
{
	struct addr src = who_addr(VIP, rig->v6), dst = who_addr(CLIENT, rig->v6);
	const uint8_t *p = o->frame;
	uint16_t type = htons(rig->v6 ? ETH_P_IPV6 : ETH_P_IP);
	struct ip6_hdr ip6;
	struct iphdr ip;

	assert_memory_equal(p, who_mac(CLIENT), 6);
	assert_memory_equal(p + 6, who_mac(FRONT), 6);
	assert_memory_equal(p + 12, &type, 2);
	p += sizeof(struct ethhdr);
	*ret_len = o->len - sizeof(struct ethhdr) - ip_len();
	if (rig->v6) {
		memcpy(&ip6, p, sizeof(ip6));
		assert_int_equal(ntohl(ip6.ip6_flow) >> 28, 6);
		assert_int_equal(ntohs(ip6.ip6_plen), *ret_len);
		assert_int_equal(ip6.ip6_nxt, proto);
		assert_int_equal(ip6.ip6_hlim, 64);
		assert_memory_equal(&ip6.ip6_src, &src, 16);
		assert_memory_equal(&ip6.ip6_dst, &dst, 16);
		return p + sizeof(ip6);
	}
	memcpy(&ip, p, sizeof(ip));
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.ihl, 5);
	assert_int_equal(ntohs(ip.tot_len), *ret_len + sizeof(ip));
	assert_int_equal(ntohs(ip.frag_off), 0x4000);
	assert_int_equal(ip.ttl, 64);
	assert_int_equal(ip.protocol, proto);
	assert_int_equal(ip.saddr, src.a[3]);
	assert_int_equal(ip.daddr, dst.a[3]);
	assert_int_equal(csum_fold(csum_add(0, p, sizeof(ip))), 0);
	return p + sizeof(ip);
}

static void expect_l4_sum(const uint8_t *l4, size_t len, uint8_t proto)
{
	struct addr src = who_addr(VIP, rig->v6), dst = who_addr(CLIENT, rig->v6);
	uint32_t sum =
		proto == IPPROTO_ICMP ? 0 : csum_add_pseudo(0, &src, &dst, proto, (uint32_t)len);

	assert_int_equal(csum_fold(csum_add(sum, l4, len)), 0);
}

static void rejected(const struct frame *f, const struct context *c, struct outcome *o)
{
	uint64_t drops = rig_count(rig, HOOK_INGRESS, COUNT_DROP_NO_SERVER);

	rig_run(rig, f, c, o);
	assert_int_equal(o->action, action_redirect(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_NO_SERVER), drops + 1);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED), 0);
	assert_int_equal(rig_flows(rig), 0);
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

static void expect_reset(const struct frame *f, const struct context *c)
{
	struct outcome o;
	struct tcphdr tcp;
	const uint8_t *l4;
	size_t len;

	rejected(f, c, &o);
	l4 = expect_ip(&o, IPPROTO_TCP, &len);
	assert_int_equal(len, sizeof(tcp));
	memcpy(&tcp, l4, sizeof(tcp));
	assert_int_equal(ntohs(tcp.th_sport), 80);
	assert_int_equal(ntohs(tcp.th_dport), who_port(CLIENT));
	assert_int_equal(tcp.th_seq, 0);
	/* RFC 9293 3.10.7.1: SEG.SEQ + SEG.LEN, and a SYN counts one */
	assert_int_equal(ntohl(tcp.th_ack), (uint32_t)(f->seq + 1 + f->payload));
	assert_int_equal(tcp.th_flags, TH_RST | TH_ACK);
	assert_int_equal(tcp.th_off, 5);
	assert_int_equal(tcp.th_win, 0);
	expect_l4_sum(l4, len, IPPROTO_TCP);
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
		expect_reset(&frames[i], NULL);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_MADE_RESET), i);
}

static void test_syn_is_reset(void **state)
{
	on_both_families(resets);
}

static void only_syn(void)
{
	static const uint8_t flags[] = { ACK, RST, FIN | ACK, SYN | ACK, RST | ACK };
	size_t i;

	empty_service(IPPROTO_TCP);
	for (i = 0; i < sizeof(flags); i++) {
		struct frame f = { .from = CLIENT, .to = VIP, .flags = flags[i] };
		struct outcome o;

		rig_run(rig, &f, NULL, &o);
		assert_int_equal(o.action, action_pass(HOOK_INGRESS));
	}
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_MADE_RESET), 0);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_PASSED_NO_FLOW), sizeof(flags));
}

static void test_only_a_syn_is_reset(void **state)
{
	on_both_families(only_syn);
}

static void none_available(void)
{
	static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN, .seq = 9 };
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
	for (i = 0; i < 3; i++)
		rig->servers[SERVER1 + i].status = 0;
	expect_reset(&syn, NULL);
}

static void test_servers_that_are_all_down_are_none(void **state)
{
	on_both_families(none_available);
}

/* ---- ICMP ------------------------------------------------------------------------------------ */

static void expect_unreachable(const struct frame *f, const struct context *c)
{
	uint8_t proto = rig->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, in[FRAME_MAX];
	size_t quoted = frame_build(f, rig->v6, in) - sizeof(struct ethhdr), len;
	const uint8_t *icmp;
	struct outcome o;

	if (quoted > QUOTE_MAX)
		quoted = QUOTE_MAX;
	rejected(f, c, &o);
	icmp = expect_ip(&o, proto, &len);
	assert_int_equal(len, 8 + quoted);
	assert_int_equal(icmp[0], rig->v6 ? ICMP6_DST_UNREACH : ICMP_UNREACH);
	assert_int_equal(icmp[1], rig->v6 ? ICMP6_DST_UNREACH_NOPORT : ICMP_UNREACH_PORT);
	assert_memory_equal(icmp + 4, "\0\0\0\0", 4);
	assert_memory_equal(icmp + 8, in + sizeof(struct ethhdr), quoted);
	expect_l4_sum(icmp, len, proto);
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
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_MADE_UNREACHABLE), i + 1);
	/* The card's sum is forgotten as the packet grows or shrinks, but here it does neither. */
	if (rig_sum_known_works(rig))
		expect_unreachable(&same_length, &known);
}

static void test_udp_is_answered_unreachable(void **state)
{
	on_both_families(unreachables);
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

static void left_alone(void)
{
	static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN };
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len = frame_build(&syn, rig->v6, in);

	rig->hook = HOOK_XDP;
	empty_service(IPPROTO_TCP);
	rig_run(rig, &syn, NULL, &o);
	assert_int_equal(o.action, action_pass(HOOK_XDP));
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, in, len);
	assert_int_equal(rig_count(rig, HOOK_XDP, COUNT_PASSED), 1);
	assert_int_equal(rig_count(rig, HOOK_XDP, COUNT_DROP_NO_SERVER), 0);
}

static void test_xdp_leaves_answers_to_tc(void **state)
{
	on_both_families(left_alone);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_is_reset),
		cmocka_unit_test(test_only_a_syn_is_reset),
		cmocka_unit_test(test_servers_that_are_all_down_are_none),
		cmocka_unit_test(test_udp_is_answered_unreachable),
		cmocka_unit_test(test_answers_are_rate_limited),
		cmocka_unit_test(test_xdp_leaves_answers_to_tc),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
