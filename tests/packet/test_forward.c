// SPDX-License-Identifier: BSD-2-Clause
/* What becomes of packets: each scene is played for IPv4 and IPv6, through TC and through XDP, and
 * both programs must do the same, to the byte. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TCP_NAT	    1
#define TCP_DR	    2
#define UDP_NAT	    3
#define UDP_DR	    4
#define TCP_TUN	    5
#define UDP_TUN	    6
#define TCP_FULLNAT 7
#define UDP_FULLNAT 8

#define STEPS 8

/* What comes in, what becomes of it, and what goes out. */
struct step {
	struct frame in;
	enum counter verdict;
	/* When it is forwarded: who sees it from whom; the rest is as it came in, one hop later. */
	enum who from, to;
	enum who link_to; /* 0: `to` */
	enum who tunnel;  /* in a tunnel to it */
	bool tunnel_other_family;
	struct context context;
	bool unresolved; /* the MACs are left to the kernel */
	uint16_t dport;	 /* another than that of `to` */
	void (*before)(struct rig *rig);
};

struct scene {
	const char *name;
	int service;
	unsigned servers;
	const char *tc_only; /* why */
	void (*prepare)(struct rig *rig);
	struct step steps[STEPS];
	void (*after)(struct rig *rig);
};

struct play {
	const struct scene *scene;
	bool v6;
	enum hook hook;
};

static struct rig *rig;

/* ---- Preparing and looking after ------------------------------------------------------------ */

static void unresolved_server(struct rig *r)
{
	r->servers[SERVER1].hops[0].flags = 0;
}

static void new_hop(struct rig *r)
{
	struct server *s = &r->servers[SERVER1];

	s->hops[1] = s->hops[0];
	memset(&s->hops[0], 0, sizeof(s->hops[0]));
	s->hop = 7;
}

static void no_route_to_server(struct rig *r)
{
	r->servers[SERVER1].hops[0].ifindex = 0;
}

static void narrow_server(struct rig *r)
{
	r->servers[SERVER1].hops[0].mtu = 1280;
}

static void first_unavailable(struct rig *r)
{
	r->servers[SERVER1].status = 0;
}

static void weighted_ring(struct rig *r)
{
	static const uint32_t ring[] = { 1, 1, 2, 1, 3 }; /* 3:1:1, as IPVS's wrr deals it */

	/* across the border of a chunk */
	r->rings[0].server[14] = ring[0];
	r->rings[0].server[15] = ring[1];
	memcpy(r->rings[1].server, &ring[2], 3 * sizeof(*ring));
	r->svcs[SVC].ring = SPAN(14, 5);
}

static void second_vip(struct rig *r)
{
	rig_service_key(r, SVC, VIP2, IPPROTO_TCP, 0);
}

static void tunnel_other_family(struct rig *r)
{
	r->servers[SERVER1].addr = who_addr(WEB1, !r->v6);
	r->servers[SERVER1].hops[0].source = who_addr(BACK, !r->v6);
}

static void no_lips(struct rig *r)
{
	r->servers[SERVER1].lips = 0;
}

static void any_port(struct rig *r)
{
	r->servers[SERVER1].port = 0;
}

static void local_server(struct rig *r)
{
	r->servers[SERVER1].hops[0] = (struct nexthop){ .flags = HOP_LOCAL };
}

static void fail_first(struct rig *r)
{
	r->servers[SERVER1].status = 0;
}

static void lose_first(struct rig *r)
{
	r->servers[SERVER1].status = SERVER_LOST;
}

static void ip_from_other_family(struct rig *r)
{
	r->servers[SERVER1].addr = who_addr(WEB1, !r->v6);
}

static void expect_load(struct rig *r, uint32_t server, uint32_t active, uint32_t inactive)
{
	assert_int_equal(r->servers[server].active, active);
	assert_int_equal(r->servers[server].inactive, inactive);
}

static void one_pair_active(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP };
	static const struct frame reply = { .from = WEB1, .to = CLIENT };
	struct flow f, g;

	assert_int_equal(rig_flows(r), 2);
	assert_true(rig_flow(r, &request, &f));
	assert_true(rig_flow(r, &reply, &g));
	assert_int_equal(WORD_STATE(f.word), FLOW_ESTABLISHED);
	assert_false(f.word & WORD_NOOUTPUT);
	assert_int_equal(f.verbs, VERB_DNAT | VERB_L2);
	assert_int_equal(g.verbs, VERB_SNAT | VERB_L2);
	assert_int_equal(f.flags, 0);
	assert_int_equal(g.flags, FLOW_REPLY);
	assert_int_equal(f.server, SERVER1);
	assert_int_equal(g.server, SERVER1);
	assert_int_equal(WORD_GENERATION(f.word), WORD_GENERATION(g.word));
	assert_int_equal(ntohl(f.ack), 2001);
	assert_int_equal(ntohl(g.ack), 1001);
	expect_load(r, SERVER1, 1, 0);
}

static void one_pair_time_wait(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP };
	struct flow f;

	assert_true(rig_flow(r, &request, &f));
	assert_int_equal(WORD_STATE(f.word), FLOW_TIME_WAIT);
	expect_load(r, SERVER1, 0, 1);
}

static void second_server_only(struct rig *r)
{
	expect_load(r, SERVER1, 0, 0);
	expect_load(r, SERVER1 + 1, 0, 1);
	assert_int_equal(rig_flows(r), 2);
}

static void udp_pair(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP };
	struct flow f;

	assert_int_equal(rig_flows(r), 2);
	assert_true(rig_flow(r, &request, &f));
	assert_int_equal(WORD_STATE(f.word), FLOW_UDP);
	expect_load(r, SERVER1, 0, 1);
}

static void single_entry(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP };
	struct flow f;

	assert_int_equal(rig_flows(r), 1);
	assert_true(rig_flow(r, &request, &f));
	assert_int_equal(f.verbs, VERB_L2);
	assert_true(f.word & WORD_NOOUTPUT);
	assert_int_equal(WORD_STATE(f.word), FLOW_ESTABLISHED);
	expect_load(r, SERVER1, 1, 0);
}

static void tunnel_entry(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP };
	struct flow f;

	assert_int_equal(rig_flows(r), 1);
	assert_true(rig_flow(r, &request, &f));
	assert_int_equal(f.verbs, VERB_ENCAP | VERB_L2);
	assert_int_equal(WORD_STATE(f.word), FLOW_ESTABLISHED);
}

static void fullnat_pair(struct rig *r)
{
	static const struct frame request = { .from = CLIENT, .to = VIP };
	static const struct frame reply = { .from = WEB1, .to = LIP };
	struct flow f, g;

	assert_int_equal(rig_flows(r), 2);
	assert_true(rig_flow(r, &request, &f));
	assert_true(rig_flow(r, &reply, &g));
	assert_int_equal(WORD_STATE(f.word), FLOW_ESTABLISHED);
	assert_int_equal(f.verbs, VERB_DNAT | VERB_SNAT | VERB_L2);
	assert_int_equal(g.verbs, VERB_DNAT | VERB_SNAT | VERB_L2);
	assert_int_equal(g.flags, FLOW_REPLY);
	assert_int_equal(ntohl(f.ack), 2001);
	assert_int_equal(ntohl(g.ack), 1001);
	expect_load(r, SERVER1, 1, 0);
}

static void no_flow(struct rig *r)
{
	assert_int_equal(rig_flows(r), 0);
	expect_load(r, SERVER1, 0, 0);
}

static void statistics(struct rig *r)
{
	size_t head = r->v6 ? 40 : 20;
	struct server_stats s;

	rig_stats(r, SERVER1, &s);
	assert_int_equal(s.conns, 1);
	assert_int_equal(s.in_packets, 2);
	assert_int_equal(s.in_bytes, 2 * (head + 20) + 100);
	assert_int_equal(s.out_packets, 1);
	assert_int_equal(s.out_bytes, head + 20);
}

static void super_packet_statistics(struct rig *r)
{
	size_t head = (r->v6 ? 40 : 20) + 20;
	struct server_stats s;

	rig_stats(r, SERVER1, &s);
	assert_int_equal(s.in_packets, 3);
	assert_int_equal(s.in_bytes, 3 * head + 2000);
}

/* ---- The scenes ------------------------------------------------------------------------------ */

/* clang-format off */
#define REQUEST(...) { .from = CLIENT, .to = VIP, __VA_ARGS__ }
#define REPLY(...)   { .from = WEB1, .to = CLIENT, __VA_ARGS__ }
#define TO_WEB1	     COUNT_REDIRECTED, CLIENT, WEB1
#define TO_CLIENT    COUNT_REDIRECTED, VIP, CLIENT
#define DR_WEB1	     COUNT_REDIRECTED, CLIENT, VIP, WEB1
#define TUN_WEB1     COUNT_REDIRECTED, CLIENT, VIP, WEB1, WEB1
#define LIP_WEB1     COUNT_REDIRECTED, LIP, WEB1
#define REPLY_LIP(...) { .from = WEB1, .to = LIP, __VA_ARGS__ }

static const struct scene scenes[] = {
	{ "nat_translates_both_ways", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .seq = 1000), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK, .seq = 2000, .ack = 1001), TO_CLIENT },
		{ REQUEST(.flags = ACK, .ack = 2001), TO_WEB1 },
		{ REQUEST(.flags = ACK | PSH, .payload = 333, .ack = 2001), TO_WEB1 },
		{ REPLY(.flags = ACK, .payload = 1400, .ack = 1001), TO_CLIENT },
	}, .after = one_pair_active },
	{ "nat_follows_close_by_client", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), TO_WEB1 },
		{ REQUEST(.flags = FIN | ACK), TO_WEB1 },
		{ REPLY(.flags = FIN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), TO_WEB1 },
	}, .after = one_pair_time_wait },
	{ "nat_counts_packets_and_bytes", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.payload = 100), TO_WEB1 },
	}, .after = statistics },
	{ "nat_with_ip_options", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .ip_options = 12), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK, .ip_options = 8), TO_CLIENT },
		{ REQUEST(.ip_options = 4, .payload = 7), TO_WEB1 },
	} },
	{ "nat_udp_with_ip_options", UDP_NAT, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 5, .ip_options = 24), TO_WEB1 },
		{ REPLY(.proto = IPPROTO_UDP, .payload = 500, .ip_options = 4), TO_CLIENT },
		{ REQUEST(.proto = IPPROTO_UDP, .ip_options = 16, .no_check = true), TO_WEB1 },
	} },
	{ "dr_with_ip_options", TCP_DR, 1, .steps = {
		{ REQUEST(.flags = SYN, .ip_options = 24), DR_WEB1 },
		{ REQUEST(.ip_options = 12, .payload = 7), DR_WEB1 },
	} },
	{ "dr_udp_with_ip_options", UDP_DR, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .ip_options = 24, .payload = 7), DR_WEB1 },
	} },
	{ "tun_udp_with_ip_options", UDP_TUN, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .ip_options = 24, .payload = 7), TUN_WEB1 },
	} },
	{ "fullnat_with_ip_options", TCP_FULLNAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .ip_options = 24), LIP_WEB1 },
		{ REPLY_LIP(.flags = SYN | ACK, .ip_options = 8), TO_CLIENT },
		{ REQUEST(.ip_options = 4, .payload = 7), LIP_WEB1 },
	} },
	{ "fullnat_udp_with_ip_options", UDP_FULLNAT, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .ip_options = 24, .payload = 7), LIP_WEB1 },
		{ REPLY_LIP(.proto = IPPROTO_UDP, .ip_options = 12), TO_CLIENT },
	} },
	{ "nat_udp", UDP_NAT, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 50), TO_WEB1 },
		{ REPLY(.proto = IPPROTO_UDP, .payload = 501), TO_CLIENT },
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 1), TO_WEB1 },
	}, .after = udp_pair },
	{ "nat_udp_without_checksum", UDP_NAT, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 50, .no_check = true), TO_WEB1 },
		{ REPLY(.proto = IPPROTO_UDP, .payload = 51, .no_check = true), TO_CLIENT },
	} },
	{ "dr_changes_macs_only", TCP_DR, 1, .steps = {
		{ REQUEST(.flags = SYN), DR_WEB1 },
		{ REQUEST(.flags = ACK), DR_WEB1 },
		{ REQUEST(.payload = 1400), DR_WEB1 },
	}, .after = single_entry },
	{ "dr_udp", UDP_DR, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 99), DR_WEB1 },
	} },
	{ "ring_order", TCP_NAT, 3, .prepare = weighted_ring, .steps = {
		{ REQUEST(.flags = SYN, .sport = 1), COUNT_REDIRECTED, CLIENT, WEB1 },
		{ REQUEST(.flags = SYN, .sport = 2), COUNT_REDIRECTED, CLIENT, WEB1 },
		{ REQUEST(.flags = SYN, .sport = 3), COUNT_REDIRECTED, CLIENT, WEB2 },
		{ REQUEST(.flags = SYN, .sport = 4), COUNT_REDIRECTED, CLIENT, WEB1 },
		{ REQUEST(.flags = SYN, .sport = 5), COUNT_REDIRECTED, CLIENT, WEB3 },
		{ REQUEST(.flags = SYN, .sport = 6), COUNT_REDIRECTED, CLIENT, WEB1 },
	} },
	{ "known_flow_stays_with_its_server", TCP_NAT, 3, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REQUEST(.flags = SYN, .sport = 2), COUNT_REDIRECTED, CLIENT, WEB2 },
		{ REQUEST(.flags = ACK), TO_WEB1 },
	} },
	{ "unavailable_server_is_stepped_over", TCP_NAT, 3, .prepare = first_unavailable, .steps = {
		{ REQUEST(.flags = SYN, .sport = 1), COUNT_REDIRECTED, CLIENT, WEB2 },
		{ REQUEST(.flags = SYN, .sport = 2), COUNT_REDIRECTED, CLIENT, WEB2 },
		{ REQUEST(.flags = SYN, .sport = 3), COUNT_REDIRECTED, CLIENT, WEB3 },
		{ REQUEST(.flags = SYN, .sport = 4), COUNT_REDIRECTED, CLIENT, WEB2 },
	} },
	{ "syn_begins_anew_after_reset", TCP_NAT, 2, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = RST | ACK), TO_CLIENT },
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB2 },
		/* the old server is not heard any more, the new one is */
		{ REPLY(.flags = ACK), COUNT_PASSED },
		{ { .from = WEB2, .to = CLIENT, .flags = SYN | ACK }, TO_CLIENT },
	}, .after = second_server_only },
	{ "syn_begins_anew_after_time_wait", TCP_NAT, 2, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), TO_WEB1 },
		{ REPLY(.flags = FIN | ACK), TO_CLIENT },
		{ REQUEST(.flags = FIN | ACK), TO_WEB1 },
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB2 },
	}, .after = second_server_only },
	{ "dr_syn_begins_anew_after_fin", TCP_DR, 2, .steps = {
		{ REQUEST(.flags = SYN), DR_WEB1 },
		{ REQUEST(.flags = ACK), DR_WEB1 },
		{ REQUEST(.flags = FIN | ACK), DR_WEB1 },
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, VIP, WEB2 },
	} },
	{ "nat_syn_in_fin_wait_is_the_same_flow", TCP_NAT, 2, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), TO_WEB1 },
		{ REPLY(.flags = FIN | ACK), TO_CLIENT },
		{ REQUEST(.flags = SYN), TO_WEB1 },
	} },
	{ "clash_of_replies_takes_another_server", TCP_NAT, 2, .prepare = second_vip, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ { .from = CLIENT, .to = VIP, .flags = SYN, .sport = 2 }, COUNT_REDIRECTED, CLIENT, WEB2 },
		/* WEB1's turn, but CLIENT's port is in use there by way of the other VIP */
		{ { .from = CLIENT, .to = VIP2, .flags = SYN }, COUNT_REDIRECTED, CLIENT, WEB2 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ { .from = WEB2, .to = CLIENT, .flags = SYN | ACK }, COUNT_REDIRECTED, VIP2, CLIENT },
	} },
	{ "clash_with_no_other_server_is_dropped", TCP_NAT, 1, .prepare = second_vip, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ { .from = CLIENT, .to = VIP2, .flags = SYN }, COUNT_DROP_CLASH },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
	} },
	{ "not_a_service_passes", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .dport = 81), COUNT_PASSED },
		{ REQUEST(.proto = IPPROTO_UDP), COUNT_PASSED },
		{ REQUEST(.proto = IPPROTO_SCTP, .payload = 40), COUNT_PASSED },
		{ { .from = CLIENT, .to = FRONT, .flags = SYN, .dport = 80 }, COUNT_PASSED },
		{ REPLY(.flags = SYN | ACK), COUNT_PASSED },
	}, .after = no_flow },
	{ "only_a_syn_begins_a_tcp_flow", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = ACK), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = SYN | ACK), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = RST), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = SYN | RST), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = FIN | ACK), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = SYN | FIN), COUNT_DROP_NO_FLOW },
		{ REQUEST(.flags = PSH), COUNT_DROP_NO_FLOW },
	}, .after = no_flow },
	{ "frames_to_others_pass", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .link_to = WEB3), COUNT_PASSED, .context.ifindex = 1 },
		{ REQUEST(.flags = SYN, .broadcast = true), COUNT_PASSED },
		{ REQUEST(.flags = SYN, .tagged = true), COUNT_PASSED },
	}, .after = no_flow },
	{ "ttl_1_is_not_forwarded", TCP_NAT, 1, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REQUEST(.flags = ACK, .ttl = 1), COUNT_DROP_TTL },
		{ REPLY(.flags = SYN | ACK, .ttl = 1), COUNT_DROP_TTL },
		{ REPLY(.flags = SYN | ACK, .ttl = 2), TO_CLIENT },
	} },
	{ "dr_ttl_1_is_not_forwarded", TCP_DR, 1, .steps = {
		{ REQUEST(.flags = SYN, .ttl = 1), COUNT_DROP_TTL },
		{ REQUEST(.flags = SYN, .ttl = 2), DR_WEB1 },
	} },
	{ "too_big_for_the_server_is_dropped", TCP_NAT, 1, .prepare = narrow_server, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REQUEST(.payload = 1400), COUNT_DROP_TOO_BIG },
		{ REQUEST(.payload = 1220), TO_WEB1 }, /* 1280 bytes with IPv6 */
	} },
	{ "too_big_for_the_client_is_dropped", TCP_NAT, 1, .steps = {
		{ { .from = NARROW, .to = VIP, .flags = SYN }, COUNT_REDIRECTED, NARROW, WEB1 },
		{ { .from = WEB1, .to = NARROW, .payload = 1400 }, COUNT_DROP_TOO_BIG },
		{ { .from = WEB1, .to = NARROW, .payload = 1220 }, COUNT_REDIRECTED, VIP, NARROW },
	} },
	{ "super_packets_are_measured_by_segment", TCP_NAT, 1, "xdp sees packets as they are on the wire",
	  .prepare = narrow_server, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REQUEST(.payload = 2000), TO_WEB1, .context = { .gso_size = 1000, .gso_segs = 2 } },
		{ REQUEST(.payload = 2600), COUNT_DROP_TOO_BIG,
		  .context = { .gso_size = 1300, .gso_segs = 2 } },
	}, .after = super_packet_statistics },
	{ "no_route_to_server_is_dropped", TCP_NAT, 1, .prepare = no_route_to_server, .steps = {
		{ REQUEST(.flags = SYN), COUNT_DROP_NO_ROUTE },
	} },
	{ "no_route_to_client_is_dropped", TCP_NAT, 1, .steps = {
		{ { .from = LOST, .to = VIP, .flags = SYN }, COUNT_REDIRECTED, LOST, WEB1 },
		{ { .from = WEB1, .to = LOST, .flags = SYN | ACK }, COUNT_DROP_NO_ROUTE },
	} },
	{ "unresolved_server_is_left_to_the_kernel", TCP_NAT, 1,
	  "xdp leaves it to TC", .prepare = unresolved_server, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1, .unresolved = true },
		{ REQUEST(.flags = ACK), TO_WEB1, .unresolved = true },
	} },
	{ "unresolved_client_is_left_to_the_kernel", TCP_NAT, 1, "xdp leaves it to TC", .steps = {
		{ { .from = STRANGER, .to = VIP, .flags = SYN }, COUNT_REDIRECTED, STRANGER, WEB1 },
		{ { .from = WEB1, .to = STRANGER, .flags = SYN | ACK }, COUNT_REDIRECTED, VIP, STRANGER,
		  .unresolved = true },
	} },
	{ "hop_that_holds_is_used", TCP_NAT, 1, .prepare = new_hop, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
	} },
	{ "tun_puts_a_header_before", TCP_TUN, 1, .steps = {
		{ REQUEST(.flags = SYN), TUN_WEB1 },
		{ REQUEST(.flags = ACK, .ip_options = 8), TUN_WEB1 },
		{ REQUEST(.payload = 1400), TUN_WEB1 },
	}, .after = tunnel_entry },
	{ "tun_udp", UDP_TUN, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 99), TUN_WEB1 },
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 98, .no_check = true), TUN_WEB1 },
	} },
	{ "tun_over_the_other_family", TCP_TUN, 1, .prepare = tunnel_other_family, .steps = {
		{ REQUEST(.flags = SYN), TUN_WEB1, .tunnel_other_family = true },
		{ REQUEST(.payload = 1400), TUN_WEB1, .tunnel_other_family = true },
	} },
	{ "tun_counts_its_own_header", TCP_TUN, 1, .prepare = narrow_server, .steps = {
		{ REQUEST(.flags = SYN), TUN_WEB1 },
		{ REQUEST(.payload = 1221), COUNT_DROP_TOO_BIG },
		{ REQUEST(.payload = 1140), TUN_WEB1 }, /* 1240 bytes with IPv6, and an outer header */
	} },
	{ "fullnat_translates_both_addresses", TCP_FULLNAT, 1, .steps = {
		{ REQUEST(.flags = SYN, .seq = 1000), LIP_WEB1 },
		{ REPLY_LIP(.flags = SYN | ACK, .seq = 2000, .ack = 1001), TO_CLIENT },
		{ REQUEST(.flags = ACK, .ack = 2001), LIP_WEB1 },
		{ REQUEST(.flags = ACK | PSH, .payload = 333, .ack = 2001), LIP_WEB1 },
		{ REPLY_LIP(.flags = ACK, .payload = 1400, .ack = 1001), TO_CLIENT },
	}, .after = fullnat_pair },
	{ "fullnat_udp", UDP_FULLNAT, 1, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 50), LIP_WEB1 },
		{ REPLY_LIP(.proto = IPPROTO_UDP, .payload = 501), TO_CLIENT },
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 50, .no_check = true), LIP_WEB1 },
	} },
	{ "fullnat_takes_another_server_when_ports_are_used_up", TCP_FULLNAT, 2, .steps = {
		{ REQUEST(.flags = SYN), LIP_WEB1 },
		{ REQUEST(.flags = SYN, .sport = 2), COUNT_REDIRECTED, LIP, WEB2 },
		{ REQUEST(.flags = SYN, .sport = 3), COUNT_DROP_NO_PORT },
		{ REPLY_LIP(.flags = RST | ACK), TO_CLIENT },
		/* the client's port again: the same local one */
		{ REQUEST(.flags = SYN), LIP_WEB1 },
	} },
	{ "fullnat_stays_at_the_server_where_its_port_rests", TCP_FULLNAT, 2, .steps = {
		{ REQUEST(.flags = SYN), LIP_WEB1 },
		{ REPLY_LIP(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), LIP_WEB1 },
		{ REPLY_LIP(.flags = FIN | ACK), TO_CLIENT },
		{ REQUEST(.flags = FIN | ACK), LIP_WEB1 },
		{ REQUEST(.flags = SYN), LIP_WEB1 },
	} },
	{ "fullnat_may_go_elsewhere_after_reset", TCP_FULLNAT, 2, .steps = {
		{ REQUEST(.flags = SYN), LIP_WEB1 },
		{ REPLY_LIP(.flags = RST | ACK), TO_CLIENT },
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, LIP, WEB2 },
	} },
	{ "fullnat_without_local_address", TCP_FULLNAT, 1, .prepare = no_lips, .steps = {
		{ REQUEST(.flags = SYN), COUNT_DROP_NO_PORT },
	}, .after = no_flow },
	{ "fullnat_server_is_client", TCP_FULLNAT, 1, .steps = {
		{ { .from = WEB2, .to = VIP, .flags = SYN }, LIP_WEB1 },
		{ REPLY_LIP(.flags = SYN | ACK), COUNT_REDIRECTED, VIP, WEB2 , .unresolved = true },
	}, .tc_only = "its way back is not resolved" },
	{ "service_port_is_kept", TCP_NAT, 1, .prepare = any_port, .steps = {
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB1, .dport = 80 },
		{ REPLY(.flags = SYN | ACK, .sport = 80), TO_CLIENT },
	} },
	{ "local_server_gets_it_as_it_is", TCP_NAT, 1, "xdp leaves it to TC", .prepare = local_server,
	  .steps = {
		{ REQUEST(.flags = SYN), COUNT_PASSED_LOCAL },
		{ REQUEST(.flags = ACK), COUNT_PASSED_LOCAL },
	} },
	{ "flows_of_a_server_that_failed_go_on", TCP_NAT, 2, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT, .before = fail_first },
		{ REQUEST(.flags = ACK), TO_WEB1 },
		{ REQUEST(.payload = 10), TO_WEB1 },
		/* a new connection of the same port */
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB2 },
	}, .after = second_server_only },
	{ "lost_flows_are_dropped", TCP_NAT, 2, .steps = {
		{ REQUEST(.flags = SYN), TO_WEB1 },
		{ REPLY(.flags = SYN | ACK), TO_CLIENT },
		{ REQUEST(.flags = ACK), COUNT_DROP_SERVER_GONE, .before = lose_first },
		{ REPLY(.payload = 10), COUNT_DROP_SERVER_GONE },
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB2 },
	}, .after = second_server_only },
	{ "udp_flows_move", UDP_NAT, 2, .steps = {
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 1), TO_WEB1 },
		{ REPLY(.proto = IPPROTO_UDP, .payload = 1), TO_CLIENT },
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 1), COUNT_REDIRECTED, CLIENT, WEB2,
		  .before = fail_first },
		{ REQUEST(.proto = IPPROTO_UDP, .payload = 1), COUNT_REDIRECTED, CLIENT, WEB2 },
	}, .after = second_server_only },
	{ "other_familys_server_is_not_used", TCP_NAT, 2, .prepare = ip_from_other_family, .steps = {
		{ REQUEST(.flags = SYN), COUNT_REDIRECTED, CLIENT, WEB2 },
	} },
};
/* clang-format on */

/* ---- Playing --------------------------------------------------------------------------------- */

static bool is_drop(enum counter what)
{
	return what >= COUNT_DROP_GATE && what <= COUNT_DROP_ERROR;
}

static void expect_frame(const struct step *step, const struct outcome *o, bool v6)
{
	struct frame out = step->in;
	uint8_t want[FRAME_MAX], got[FRAME_MAX];
	size_t len;

	out.from = step->from;
	if (step->from == LIP)
		out.sport = 0;
	out.to = step->to;
	if (step->dport)
		out.dport = step->dport;
	out.ttl = (uint8_t)((step->in.ttl ? step->in.ttl : 64) - 1);
	out.link_to = step->link_to ? step->link_to : step->to;
	out.tunnel = step->tunnel;
	out.tunnel_other_family = step->tunnel_other_family;
	out.link_from = out.link_to >= WEB1 && out.link_to <= WEB3 ? BACK : FRONT;
	if (step->unresolved) {
		out.link_from = step->in.from;
		out.link_to = step->in.from >= WEB1 && step->in.from <= WEB3 ? BACK : FRONT;
	}
	len = frame_build(&out, v6, want);
	assert_int_equal(o->len, len);
	memcpy(got, o->frame, len);
	if (out.tunnel && v6 != out.tunnel_other_family)
		memset(got + 14 + 1, 0, 3); /* the flow label, which is a hash */
	assert_memory_equal(got, want, len);
}

/* Answered by TC, see test_reject; XDP leaves it to TC. */
static bool is_told(const struct step *step)
{
	return step->verdict == COUNT_DROP_TTL || step->verdict == COUNT_DROP_TOO_BIG ||
	       (step->verdict == COUNT_DROP_NO_FLOW && !(step->in.flags & RST));
}

static void expect_no_frame(const struct step *step, const struct play *play,
			    const struct outcome *o)
{
	bool told = is_told(step), xdp = play->hook == HOOK_XDP;
	uint8_t in[FRAME_MAX];
	size_t len;

	if (told && !xdp) {
		assert_int_equal(o->action, action_redirect(play->hook));
		return;
	}
	assert_int_equal(o->action, is_drop(step->verdict) && !told ? action_drop(play->hook)
								    : action_pass(play->hook));
	len = frame_build(&step->in, play->v6, in);
	assert_int_equal(o->len, len);
	assert_memory_equal(o->frame, in, len);
}

static void play_step(const struct step *step, const struct play *play, bool sum_known)
{
	bool left = is_told(step) && play->hook == HOOK_XDP;
	enum counter verdict = left ? COUNT_PASSED : step->verdict;
	uint64_t before = rig_count(rig, play->hook, verdict);
	struct context c = step->context;
	struct outcome o;

	if (step->before)
		step->before(rig);
	if (c.ifindex)
		c.ifindex = rig->front;
	c.sum_known = sum_known && !is_told(step); /* answers have none */
	rig_run(rig, &step->in, &c, &o);
	assert_int_equal(rig_count(rig, play->hook, verdict), before + 1);
	if (step->verdict == COUNT_REDIRECTED) {
		assert_int_equal(o.action, action_redirect(play->hook));
		expect_frame(step, &o, play->v6);
		return;
	}
	expect_no_frame(step, play, &o);
}

static void set_scene(const struct play *play)
{
	static const struct {
		uint8_t proto;
		enum method method;
	} services[] = {
		[TCP_NAT] = { IPPROTO_TCP, METHOD_NAT },
		[TCP_DR] = { IPPROTO_TCP, METHOD_DR },
		[UDP_NAT] = { IPPROTO_UDP, METHOD_NAT },
		[UDP_DR] = { IPPROTO_UDP, METHOD_DR },
		[TCP_TUN] = { IPPROTO_TCP, METHOD_TUN },
		[UDP_TUN] = { IPPROTO_UDP, METHOD_TUN },
		[TCP_FULLNAT] = { IPPROTO_TCP, METHOD_FULLNAT },
		[UDP_FULLNAT] = { IPPROTO_UDP, METHOD_FULLNAT },
	};
	const struct scene *scene = play->scene;

	rig_reset(rig, play->v6, play->hook);
	rig_service(rig, SVC, VIP, services[scene->service].proto, services[scene->service].method,
		    scene->servers);
	if (scene->prepare)
		scene->prepare(rig);
}

static void play(const struct play *play, bool sum_known)
{
	const struct step *step;

	set_scene(play);
	for (step = play->scene->steps; step < play->scene->steps + STEPS && step->in.from; step++)
		play_step(step, play, sum_known);
	rig_books_balance(rig);
	if (play->scene->after)
		play->scene->after(rig);
}

static void test_scene(void **state)
{
	play(*state, false);
}

/* The card's sum must stay the packet's, or the next receiver calls it broken. */
static void test_scene_with_known_sum(void **state)
{
	const struct play *p = *state;

	rig_reset(rig, p->v6, p->hook);
	if (!rig_sum_known_works(rig))
		skip();
	play(p, true);
}

/* What XDP cannot do goes on to TC as it came, and TC finds the flow that XDP began. */
static void test_xdp_hands_on_untouched(void **state)
{
	static const struct frame syn = REQUEST(.flags = SYN);
	struct play p = { .scene = &scenes[0], .hook = HOOK_XDP };
	struct server_stats s;
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		p.v6 = v6;
		set_scene(&p);
		unresolved_server(rig);
		len = frame_build(&syn, v6, in);
		rig_run(rig, &syn, NULL, &o);
		assert_int_equal(o.action, action_pass(HOOK_XDP));
		assert_int_equal(o.len, len);
		assert_memory_equal(o.frame, in, len);
		assert_int_equal(rig_count(rig, HOOK_XDP, COUNT_PASSED), 1);
		rig->hook = HOOK_INGRESS;
		rig_run(rig, &syn, NULL, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		rig_stats(rig, SERVER1, &s);
		assert_int_equal(s.conns, 1);
		assert_int_equal(s.in_packets, 1);
		expect_load(rig, SERVER1, 0, 1);
	}
}

static void test_xdp_leaves_ports_without_xdp_to_tc(void **state)
{
	static const struct frame syn = REQUEST(.flags = SYN);
	struct play p = { .scene = &scenes[0], .hook = HOOK_XDP };
	struct outcome o;

	set_scene(&p);
	rig->ports[rig->back].flags = PORT_MAC;
	rig_run(rig, &syn, NULL, &o);
	assert_int_equal(o.action, action_pass(HOOK_XDP));
	rig->ports[rig->back].flags = PORT_MAC | PORT_XDP;
	rig_run(rig, &syn, NULL, &o);
	assert_int_equal(o.action, action_redirect(HOOK_XDP));
	rig->ports[rig->front].flags = PORT_XDP; /* our MAC is not known */
	rig_run(rig, &syn, NULL, &o);
	assert_int_equal(o.action, action_pass(HOOK_XDP));
}

/* A frame cut anywhere is left to the stack, which counts it; nothing else happens. */
static void test_truncated(void **state)
{
	static const struct frame frames[] = {
		REQUEST(.flags = SYN, .ip_options = 12),
		REQUEST(.flags = SYN),
		REQUEST(.proto = IPPROTO_UDP, .payload = 4),
	};
	struct play p = { .scene = &scenes[0] };
	struct outcome o;
	unsigned i, combination;

	for (combination = 0; combination < 4; combination++) {
		p.v6 = combination & 1;
		p.hook = combination & 2 ? HOOK_XDP : HOOK_INGRESS;
		set_scene(&p);
		rig_service_key(rig, SVC, VIP, IPPROTO_UDP, 0);
		for (i = 0; i < 3; i++) {
			uint8_t whole[FRAME_MAX];
			struct context c = {};
			size_t len = frame_build(&frames[i], p.v6, whole);

			/* Test runs of TC refuse less than an IP header (Linux 6.18). */
			c.len = p.hook == HOOK_XDP ? 14 : 14 + (p.v6 ? 40 : 20);
			for (; c.len < len; c.len++) {
				rig_run(rig, &frames[i], &c, &o);
				assert_int_equal(o.action, action_pass(p.hook));
				assert_int_equal(o.len, c.len);
				assert_memory_equal(o.frame, whole, c.len);
			}
		}
		no_flow(rig);
		rig_books_balance(rig);
	}
}

/* RFC 6946. */
static void test_atomic_fragment_is_whole(void **state)
{
	static const struct step step = {
		.in = REQUEST(.flags = SYN, .atomic = true),
		.verdict = COUNT_REDIRECTED,
		.from = CLIENT,
		.to = WEB1,
	};
	struct play p = { .scene = &scenes[0], .v6 = true };
	enum hook hook;

	for (hook = HOOK_XDP; hook <= HOOK_INGRESS; hook++) {
		p.hook = hook;
		set_scene(&p);
		play_step(&step, &p, false);
	}
}

static void test_six_extension_headers_at_most(void **state)
{
	static const struct step six = {
		.in = REQUEST(.flags = SYN, .ip_options = 24),
		.verdict = COUNT_REDIRECTED,
		.from = CLIENT,
		.to = WEB1,
	};
	static const struct step seven = {
		.in = REQUEST(.flags = SYN, .sport = 2, .ip_options = 28),
		.verdict = COUNT_PASSED,
	};
	struct play p = { .scene = &scenes[0], .v6 = true };
	enum hook hook;

	for (hook = HOOK_XDP; hook <= HOOK_INGRESS; hook++) {
		p.hook = hook;
		set_scene(&p);
		play_step(&six, &p, false);
		play_step(&seven, &p, false);
	}
}

/* The address in the header is only the next station: the packet is not for the service yet. */
static void test_routing_header_with_stations_left_passes(void **state)
{
	static const struct frame syn = REQUEST(.flags = SYN, .ip_options = 12);
	const size_t routing = 14 + 40 + 2 * 8; /* the third header */
	const struct context usual = {};
	struct play p = { .scene = &scenes[0], .v6 = true };
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len;

	for (p.hook = HOOK_XDP; p.hook <= HOOK_INGRESS; p.hook++) {
		set_scene(&p);
		len = frame_build(&syn, true, in);
		in[routing + 3] = 1;
		rig_run_bytes(rig, in, len, &usual, &o);
		assert_int_equal(o.action, action_pass(p.hook));
		assert_int_equal(rig_count(rig, p.hook, COUNT_PASSED), 1);
		assert_memory_equal(o.frame, in, len);
		no_flow(rig);
		in[routing + 3] = 0;
		rig_run_bytes(rig, in, len, &usual, &o);
		assert_int_equal(o.action, action_redirect(p.hook));
	}
}

/* RFC 768: 0 would say that there is no checksum. */
static void test_udp_checksum_that_comes_to_zero_is_sent_as_ones(void **state)
{
	static const struct scene scene = { "", UDP_NAT, 1, NULL, NULL, {}, NULL };
	struct step step = {
		.in = REQUEST(.proto = IPPROTO_UDP, .payload = 20),
		.verdict = COUNT_REDIRECTED,
		.from = CLIENT,
		.to = WEB1,
	};
	struct play p = { .scene = &scene };
	uint8_t out[FRAME_MAX];
	unsigned combination;

	for (combination = 0; combination < 4; combination++) {
		struct frame f = {
			.from = CLIENT, .to = WEB1, .proto = IPPROTO_UDP, .payload = 20
		};
		size_t check;

		p.v6 = combination & 1;
		p.hook = combination & 2 ? HOOK_XDP : HOOK_INGRESS;
		check = 14 + (p.v6 ? 40 : 20) + 6;
		do {
			assert_int_not_equal(++f.sport, 0);
			frame_build(&f, p.v6, out);
		} while (out[check] != 0xff || out[check + 1] != 0xff);
		step.in.sport = f.sport;
		set_scene(&p);
		play_step(&step, &p, false);
	}
}

/* RFC 1812 5.2.2. */
static void test_wrong_ip_checksum_passes(void **state)
{
	static const struct frame frames[] = {
		REQUEST(.flags = SYN),
		REQUEST(.flags = SYN, .ip_options = 12),
		REQUEST(.flags = SYN, .ip_options = 40),
	};
	static const struct context usual;
	struct play p = { .scene = &scenes[0] };
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len, i, at;

	for (p.hook = HOOK_XDP; p.hook <= HOOK_INGRESS; p.hook++) {
		for (i = 0; i < 3; i++) {
			set_scene(&p);
			len = frame_build(&frames[i], false, in);
			/* The checksum itself, and the last byte of the header. */
			for (at = 24; at; at = at == 24 ? 33 + frames[i].ip_options : 0) {
				in[at] ^= 1;
				rig_run_bytes(rig, in, len, &usual, &o);
				assert_int_equal(o.action, action_pass(p.hook));
				assert_memory_equal(o.frame, in, len);
				in[at] ^= 1;
			}
			assert_int_equal(rig_count(rig, p.hook, COUNT_PASSED), 2);
			no_flow(rig);
			rig_run_bytes(rig, in, len, &usual, &o);
			assert_int_equal(o.action, action_redirect(p.hook));
		}
	}
}

/* A TCP checksum may come to 0, and is one nevertheless: the sum that the card knows stays right.
 */
static void test_tcp_checksum_of_zero_with_a_known_sum(void **state)
{
	struct step step = {
		.in = REQUEST(.flags = SYN, .payload = 20),
		.verdict = COUNT_REDIRECTED,
		.from = CLIENT,
		.to = WEB1,
	};
	struct play p = { .scene = &scenes[0], .hook = HOOK_INGRESS };
	uint8_t in[FRAME_MAX];
	unsigned v6;
	size_t check;

	for (v6 = 0; v6 < 2; v6++) {
		p.v6 = v6;
		check = 14 + (v6 ? 40 : 20) + 16;
		do {
			assert_int_not_equal(++step.in.sport, 0);
			frame_build(&step.in, p.v6, in);
		} while (in[check] || in[check + 1]);
		set_scene(&p);
		if (!rig_sum_known_works(rig))
			skip();
		play_step(&step, &p, true);
	}
}

static void test_table_full(void **state)
{
	static const struct frame syn = REQUEST(.flags = SYN);
	struct play p = { .scene = &scenes[0], .hook = HOOK_INGRESS };
	struct frame f = syn;
	struct outcome o;
	uint64_t full;
	unsigned i;

	for (p.v6 = false;; p.v6 = true) {
		set_scene(&p);
		for (i = 0; i < RIG_FLOWS; i++) {
			f.sport = (uint16_t)(1000 + i);
			rig_run(rig, &f, NULL, &o);
		}
		full = rig_count(rig, HOOK_INGRESS, COUNT_DROP_TABLE_FULL);
		assert_true(full > 0);
		assert_int_equal(o.action, action_drop(HOOK_INGRESS));
		/* pairs only: a reply half that had no room for its request was taken back */
		assert_int_equal(rig_flows(rig), 2 * (RIG_FLOWS - full));
		expect_load(rig, SERVER1, 0, (uint32_t)(RIG_FLOWS - full));
		/* flows that are there go on */
		f.sport = 1000;
		rig_run(rig, &f, NULL, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		rig_books_balance(rig);
		if (p.v6)
			break;
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
		cmocka_unit_test(test_xdp_hands_on_untouched),
		cmocka_unit_test(test_xdp_leaves_ports_without_xdp_to_tc),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_atomic_fragment_is_whole),
		cmocka_unit_test(test_six_extension_headers_at_most),
		cmocka_unit_test(test_routing_header_with_stations_left_passes),
		cmocka_unit_test(test_udp_checksum_that_comes_to_zero_is_sent_as_ones),
		cmocka_unit_test(test_wrong_ip_checksum_passes),
		cmocka_unit_test(test_tcp_checksum_of_zero_with_a_known_sum),
		cmocka_unit_test(test_table_full),
	};
	static struct CMUnitTest tests[SCENES * 6 + 16];
	size_t n, i;
	int r;

	rig = rig_open(RIG_FLOWS);
	n = add_plays(tests, false);
	n += add_plays(tests + n, true);
	memcpy(tests + n, others, sizeof(others));
	n += sizeof(others) / sizeof(*others);
	r = _cmocka_run_group_tests("forward", tests, n, NULL, NULL);
	for (i = 0; i < n; i++) {
		if (!tests[i].initial_state)
			break;
		free(tests[i].initial_state);
		free((char *)tests[i].name);
	}
	rig_close(rig);
	return r;
}
