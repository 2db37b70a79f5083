// SPDX-License-Identifier: BSD-2-Clause
/* Gates and fences: a director that does not own an address, or whose daemon is dead, is silent. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <net/if_arp.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "rig.h"

#define VRID	      51
#define SECOND	      1000000000ull
#define IPPROTO_VRRP  112
#define SOLICITATION  135
#define ADVERTISEMENT 136
#define ETHERNET      14

static struct rig *rig;

/* ---- Frames ---------------------------------------------------------------------------------- */

struct bytes {
	uint8_t frame[FRAME_MAX];
	size_t len;
};

/* An ARP packet about `sender` and `target`. */
static struct bytes arp(uint16_t op, enum who sender, enum who target)
{
	struct {
		struct ethhdr eth;
		struct arphdr arp;
		uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
	} __attribute__((packed)) p = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = { htons(ARPHRD_ETHER), htons(ETH_P_IP), 6, 4, htons(op) },
	};
	struct addr s = who_addr(sender, false), t = who_addr(target, false);
	struct bytes b = { .len = sizeof(p) };

	memset(p.eth.h_dest, 0xff, 6);
	memcpy(p.eth.h_source, who_mac(sender), 6);
	memcpy(p.sender_mac, who_mac(sender), 6);
	memcpy(p.sender, &s.a[3], 4);
	memcpy(p.target, &t.a[3], 4);
	memcpy(b.frame, &p, sizeof(p));
	return b;
}

/* A neighbour solicitation or advertisement about `target`. */
static struct bytes neighbour(uint8_t type, enum who from, enum who to, enum who target)
{
	const struct frame f = {
		.from = from,
		.to = to,
		.proto = IPPROTO_ICMPV6,
		.ttl = 255,
		.payload = 24,
	};
	struct addr t = who_addr(target, true);
	struct bytes b;
	uint8_t *icmp = b.frame + ETHERNET + 40;

	b.len = frame_build(&f, true, b.frame);
	memset(icmp, 0, 8);
	icmp[0] = type;
	memcpy(icmp + 8, &t, sizeof(t));
	return b;
}

/* Who has `target`? */
static struct bytes question(enum who target)
{
	return rig->v6 ? neighbour(SOLICITATION, CLIENT, FRONT, target)
		       : arp(ARPOP_REQUEST, CLIENT, target);
}

/* I have `target`. */
static struct bytes statement(enum who target)
{
	return rig->v6 ? neighbour(ADVERTISEMENT, target, CLIENT, target)
		       : arp(ARPOP_REPLY, target, CLIENT);
}

struct advert {
	uint8_t version_type, vrid, priority;
	uint8_t ttl;
	bool own; /* comes back to us with our own MAC */
	bool cut; /* ends in the middle */
	uint16_t fragment;
};

static const struct advert usual = { 0x31, VRID, 100, 255, false, false, 0 };

static struct bytes advert(const struct advert *a)
{
	const struct frame f = {
		.from = CLIENT,
		.to = FRONT,
		.link_from = a->own ? FRONT : CLIENT,
		.proto = IPPROTO_VRRP,
		.ttl = a->ttl,
		.fragment = a->fragment,
		.payload = a->cut ? 7 : 12,
	};
	struct bytes b;
	uint8_t *vrrp = b.frame + ETHERNET + (rig->v6 ? 40 : 20);

	b.len = frame_build(&f, rig->v6, b.frame);
	if (a->fragment && rig->v6)
		vrrp += 8;
	vrrp[0] = a->version_type;
	vrrp[1] = a->vrid;
	vrrp[2] = a->priority;
	vrrp[3] = 1;
	return b;
}

/* ---- Acts ------------------------------------------------------------------------------------ */

static int run(const struct bytes *b)
{
	const struct context c = { .ifindex = rig->front };
	struct outcome o;

	rig_run_bytes(rig, b->frame, b->len, &c, &o);
	assert_memory_equal(o.frame, b->frame, b->len);
	return o.action;
}

static void expect_pass(struct bytes b)
{
	uint64_t passed = rig_count(rig, rig->hook, COUNT_PASSED);

	assert_int_equal(run(&b), action_pass(rig->hook));
	assert_int_equal(rig_count(rig, rig->hook, COUNT_PASSED), passed + 1);
}

static void expect_fenced(struct bytes b)
{
	uint64_t dropped = rig_count(rig, rig->hook, COUNT_DROP_FENCED);

	assert_int_equal(run(&b), action_drop(rig->hook));
	assert_int_equal(rig_count(rig, rig->hook, COUNT_DROP_FENCED), dropped + 1);
}

static struct bytes packet(const struct frame *f)
{
	struct bytes b;

	b.len = frame_build(f, rig->v6, b.frame);
	return b;
}

static void expect(const struct frame *f, enum counter verdict)
{
	uint64_t before = rig_count(rig, rig->hook, verdict);
	struct outcome o;

	rig_run(rig, f, NULL, &o);
	assert_int_equal(rig_count(rig, rig->hook, verdict), before + 1);
}

static void fence(void)
{
	rig->gates[GATE].fenced = 1;
	rig->gates[GATE].heard_ns = now_ns();
	rig->gates[0].fenced = 1;
}

static bool is_fenced(void)
{
	assert_int_equal(rig->gates[GATE].fenced, rig->gates[0].fenced);
	return rig->gates[GATE].fenced;
}

/* The daemon has not been heard of for an hour. */
static void kill_daemon(void)
{
	rig->gates[GATE].beat_ns = now_ns() - 3600 * SECOND;
	rig->gates[GATE].stale_ns = SECOND;
}

static void on(enum hook first, enum hook last, void (*test)(void))
{
	enum hook hook;
	int v6;

	for (hook = first; hook <= last; hook++)
		for (v6 = 0; v6 < 2; v6++) {
			rig_reset(rig, v6, hook);
			rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
			rig_service_key(rig, SVC, VIP, IPPROTO_TCP, GATE);
			rig_gate(rig, VIP, VRID);
			test();
		}
}

static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN };
static const struct frame syn_ack = { .from = WEB1, .to = CLIENT, .flags = SYN | ACK };
static const struct frame other_port = { .from = CLIENT, .to = VIP, .dport = 22, .flags = SYN };
static const struct frame to_director = { .from = CLIENT, .to = FRONT, .dport = 22, .flags = SYN };

/* ---- Gates ----------------------------------------------------------------------------------- */

static void closed_gate(void)
{
	rig->gates[GATE].open = 0;
	expect(&syn, COUNT_DROP_GATE);
	assert_int_equal(rig_flows(rig), 0);
	rig->gates[GATE].open = 1;
	expect(&syn, COUNT_REDIRECTED);
	rig->gates[GATE].open = 0;
	expect(&syn, COUNT_DROP_GATE);
	expect(&syn_ack, COUNT_DROP_GATE);
	expect(&other_port, COUNT_PASSED);
	rig->gates[GATE].open = 1;
	expect(&syn_ack, COUNT_REDIRECTED);
}

static void test_closed_gate_stops_its_services_and_flows(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, closed_gate);
}

static void closed_gate_reuse(void)
{
	struct flow f;

	expect(&syn, COUNT_REDIRECTED);
	assert_true(rig_flow(rig, &syn, &f));
	f.word = WORD(LIFE_LIVE, 0, FLOW_TIME_WAIT, 7);
	rig_flow_set(rig, &syn, &f);
	rig->gates[GATE].open = 0;
	expect(&syn, COUNT_DROP_GATE);
	assert_true(rig_flow(rig, &syn, &f));
	assert_int_equal(WORD_STATE(f.word), FLOW_TIME_WAIT);
	assert_int_equal(WORD_GENERATION(f.word), 7);
}

static void test_closed_gate_begins_nothing_anew(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, closed_gate_reuse);
}

/* With the VIP on lo a standby is a real server of its peer. */
static void standby_is_server(void)
{
	struct gate_addr key = { .addr = who_addr(VIP, rig->v6) };
	uint32_t value = GATE | GATE_ADDR_ON_LO;

	expect(&syn, COUNT_REDIRECTED); /* a flow from the time when it was active */
	bpf_map_update_elem(bpf_map__fd(rig->skel->maps.gate_addrs), &key, &value, BPF_ANY);
	expect(&syn, COUNT_REDIRECTED);
	rig->gates[GATE].open = 0;
	expect(&syn, COUNT_PASSED_LOCAL);
	expect(&syn_ack, COUNT_DROP_GATE);
	rig_flow_delete(rig, &syn);
	expect(&syn, COUNT_PASSED_LOCAL);
	assert_int_equal(rig_flows(rig), 1); /* the other half of that flow */
}

static void test_standby_with_the_vip_on_lo_is_a_server(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, standby_is_server);
}

/* ---- Fences ---------------------------------------------------------------------------------- */

static void nothing_fenced(void)
{
	expect_pass(question(VIP));
	expect_pass(packet(&other_port));
	expect(&syn, COUNT_REDIRECTED);
}

static void test_without_a_fence_all_is_heard(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, nothing_fenced);
}

static void fenced_in(void)
{
	expect(&syn, COUNT_REDIRECTED);
	fence();
	expect_fenced(question(VIP));
	expect_pass(question(FRONT));
	expect_fenced(packet(&other_port));
	expect_pass(packet(&to_director));
	expect(&syn, COUNT_DROP_FENCED);
	expect(&syn_ack, COUNT_DROP_FENCED);
	assert_int_equal(rig_count(rig, rig->hook, COUNT_DROP_GATE), 0);
	rig->gates[GATE].fenced = 0;
	rig->gates[0].fenced = 0;
	nothing_fenced();
}

static void test_fenced_addresses_are_not_heard(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, fenced_in);
}

static void other_talk(void)
{
	fence();
	if (rig->v6)
		expect_pass(neighbour(ADVERTISEMENT, CLIENT, FRONT, VIP));
	else
		expect_pass(arp(ARPOP_REPLY, CLIENT, VIP));
}

static void test_answers_of_others_pass_a_fence(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, other_talk);
}

static void peer_silent(void)
{
	fence();
	rig->gates[GATE].fresh_ns = 3 * SECOND;
	rig->gates[GATE].heard_ns = now_ns() - 4 * SECOND;
	nothing_fenced();
	rig->gates[GATE].heard_ns = now_ns();
	expect_fenced(question(VIP));
}

static void test_fence_opens_while_the_peer_is_silent(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, peer_silent);
}

static void short_frames(void)
{
	struct bytes b = question(VIP);

	fence();
	/* Test runs of TC refuse less than an IP header (Linux 6.18). */
	for (b.len--; b.len >= (rig->v6 ? 54 : 34); b.len--)
		assert_int_not_equal(run(&b), action_redirect(rig->hook));
}

static void test_cut_questions_are_harmless(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, short_frames);
}

static void fenced_out(void)
{
	expect_pass(statement(VIP));
	fence();
	expect_fenced(statement(VIP));
	expect_pass(statement(FRONT));
	expect_pass(packet(&to_director));
	/* A question in the name of a fenced address fills caches too. */
	if (!rig->v6)
		expect_fenced(arp(ARPOP_REQUEST, VIP, CLIENT));
	rig->gates[GATE].heard_ns = now_ns() - 2 * rig->gates[GATE].fresh_ns;
	expect_pass(statement(VIP));
}

static void test_fenced_addresses_are_not_spoken_for(void **state)
{
	on(HOOK_EGRESS, HOOK_EGRESS, fenced_out);
}

/* ---- Adverts --------------------------------------------------------------------------------- */

static void latch(void)
{
	kill_daemon();
	expect_pass(advert(&usual));
	assert_true(is_fenced());
	assert_in_range(now_ns() - rig->gates[GATE].heard_ns, 0, 10 * SECOND);
	assert_int_equal(rig_count(rig, rig->hook, COUNT_ADVERT_HEARD), 1);
	assert_int_equal(rig_count(rig, rig->hook, COUNT_FENCE_SET), 1);
	expect_pass(advert(&usual));
	assert_int_equal(rig_count(rig, rig->hook, COUNT_ADVERT_HEARD), 2);
	assert_int_equal(rig_count(rig, rig->hook, COUNT_FENCE_SET), 1);
	expect_fenced(question(VIP));
}

static void test_advert_fences_a_dead_daemon(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, latch);
}

static void alive(void)
{
	expect_pass(advert(&usual));
	assert_int_equal(rig_count(rig, rig->hook, COUNT_ADVERT_HEARD), 1);
	assert_false(is_fenced());
	kill_daemon();
	rig->gates[GATE].open = 0; /* a standby's daemon died: it holds nothing */
	expect_pass(advert(&usual));
	assert_false(is_fenced());
}

static void test_advert_does_not_fence_the_living_or_the_standby(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, alive);
}

static void ignored(void)
{
	struct advert bad[] = {
		{ 0x31, VRID, 0, 255, false, false, 0 },   /* the peer resigns */
		{ 0x31, VRID, 100, 254, false, false, 0 }, /* came through a router */
		{ 0x31, VRID + 1, 100, 255, false, false, 0 },
		{ 0x41, VRID, 100, 255, false, false, 0 }, /* no such version */
		{ 0x32, VRID, 100, 255, false, false, 0 }, /* no such type */
		{ 0x31, VRID, 100, 255, true, false, 0 },  /* our own */
		{ 0x31, VRID, 100, 255, false, true, 0 },
		{ 0x31, VRID, 100, 255, false, false, 0x2000 },
	};
	size_t i;

	kill_daemon();
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_pass(advert(&bad[i]));
	assert_int_equal(rig_count(rig, rig->hook, COUNT_ADVERT_HEARD), 0);
	assert_false(is_fenced());
	assert_int_equal(rig->gates[GATE].heard_ns, 0);
}

static void test_bad_adverts_are_not_heard(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, ignored);
}

static void version2(void)
{
	static const struct advert old = { 0x21, VRID, 100, 255, false, false, 0 };

	kill_daemon();
	expect_pass(advert(&old));
	/* VRRPv2 knows IPv4 only. */
	assert_int_equal(is_fenced(), !rig->v6);
}

static void test_version_2_is_heard_for_ipv4(void **state)
{
	on(HOOK_XDP, HOOK_INGRESS, version2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_gate_stops_its_services_and_flows),
		cmocka_unit_test(test_closed_gate_begins_nothing_anew),
		cmocka_unit_test(test_standby_with_the_vip_on_lo_is_a_server),
		cmocka_unit_test(test_without_a_fence_all_is_heard),
		cmocka_unit_test(test_fenced_addresses_are_not_heard),
		cmocka_unit_test(test_answers_of_others_pass_a_fence),
		cmocka_unit_test(test_fence_opens_while_the_peer_is_silent),
		cmocka_unit_test(test_cut_questions_are_harmless),
		cmocka_unit_test(test_fenced_addresses_are_not_spoken_for),
		cmocka_unit_test(test_advert_fences_a_dead_daemon),
		cmocka_unit_test(test_advert_does_not_fence_the_living_or_the_standby),
		cmocka_unit_test(test_bad_adverts_are_not_heard),
		cmocka_unit_test(test_version_2_is_heard_for_ipv4),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
