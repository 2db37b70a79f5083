// SPDX-License-Identifier: BSD-2-Clause
/* ICMP errors about packets of flows: who gets them, and what they say then, to the byte.  TC only:
 * XDP leaves them to it. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "rig.h"

#define ERRORS	  4
#define QUOTE_MAX 512

static struct rig *rig;

struct error {
	uint8_t type, code;
	uint32_t rest;
};

static const struct error errors[2][ERRORS] = {
	{
		{ ICMP_UNREACH, ICMP_UNREACH_HOST, 0 },
		{ ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, 1300 },
		{ ICMP_TIMXCEED, ICMP_TIMXCEED_INTRANS, 0 },
		{ ICMP_PARAMPROB, 0, 0x14000000 },
	},
	{
		{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, 0 },
		{ ICMP6_PACKET_TOO_BIG, 0, 1300 },
		{ ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, 0 },
		{ ICMP6_PARAM_PROB, ICMP6_PARAMPROB_OPTION, 40 },
	},
};

/* A flow's packets: what came in and what went out, both ways. */
struct path {
	const char *name;
	enum method method;
	struct frame request, forwarded; /* from the client; to the server */
	struct frame reply, returned;	 /* from the server; to the client */
};

static const struct path paths[] = {
	{ "nat", METHOD_NAT, .request = { .from = CLIENT, .to = VIP },
	  .forwarded = { .from = CLIENT, .to = WEB1 }, .reply = { .from = WEB1, .to = CLIENT },
	  .returned = { .from = VIP, .to = CLIENT } },
	{ "fullnat", METHOD_FULLNAT, .request = { .from = CLIENT, .to = VIP },
	  .forwarded = { .from = LIP, .to = WEB1 }, .reply = { .from = WEB1, .to = LIP },
	  .returned = { .from = VIP, .to = CLIENT } },
	{ "dr", METHOD_DR, .request = { .from = CLIENT, .to = VIP },
	  .forwarded = { .from = CLIENT, .to = VIP }, .reply = { .from = VIP, .to = CLIENT },
	  .returned = { .from = VIP, .to = CLIENT } },
	{ "tun", METHOD_TUN, .request = { .from = CLIENT, .to = VIP },
	  .forwarded = { .from = CLIENT, .to = VIP }, .reply = { .from = VIP, .to = CLIENT },
	  .returned = { .from = VIP, .to = CLIENT } },
};
#define NAT &paths[0]

static uint8_t icmp_proto(void)
{
	return rig->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static size_t ip_len(bool v6)
{
	return v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

/* ---- Flows ----------------------------------------------------------------------------------- */

/* A flow of this kind, begun by its first packet. */
static void put_flow(const struct path *path, uint8_t proto)
{
	struct frame first = path->request;
	struct outcome o;

	first.proto = proto;
	first.flags = SYN;
	rig_service(rig, SVC, VIP, proto, path->method, 1);
	rig_run(rig, &first, NULL, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* From somebody to the sender of `about`. */
static struct frame error_about(const struct frame *about, enum who from, const struct error *e)
{
	return (struct frame){
		.from = from,
		.to = about->from,
		.proto = icmp_proto(),
		.about = about,
		.icmp_type = e->type,
		.icmp_code = e->code,
		.icmp_rest = e->rest,
	};
}

static struct frame with_ports_of(const struct frame *shape, const struct frame *way)
{
	struct frame f = *shape;

	f.from = way->from;
	f.to = way->to;
	f.sport = way->sport;
	f.dport = way->dport;
	return f;
}

static void expect_translated(const struct frame *in, const struct frame *out, bool sum_known)
{
	uint64_t redirected = rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED);
	uint64_t translated = rig_count(rig, HOOK_INGRESS, COUNT_ICMP_TRANSLATED);
	const struct context c = { .sum_known = sum_known };
	struct frame want_frame = *out;
	uint8_t want[FRAME_MAX];
	struct outcome o;
	size_t len;

	want_frame.ttl = (uint8_t)((in->ttl ? in->ttl : 64) - 1);
	rig_run(rig, in, &c, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED), redirected + 1);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_ICMP_TRANSLATED), translated + 1);
	len = frame_build(&want_frame, rig->v6, want);
	assert_int_equal(o.len, len);
	if (out->tunnel && rig->v6)
		memset(o.frame + 15, 0, 3); /* a flow label, any */
	assert_memory_equal(o.frame, want, len);
}

/* Do the servers answer past us? */
static bool by_pass(const struct path *path)
{
	return path->method == METHOD_DR || path->method == METHOD_TUN;
}

/* The client, or a router before it, complains about what we sent it. */
static void client_side(const struct path *path, const struct frame *shape, uint16_t quote,
			const struct error *e, bool sum_known)
{
	const struct frame seen = with_ports_of(shape, &path->returned);
	const struct frame sent = with_ports_of(shape, &path->reply);
	struct frame in = error_about(&seen, STRANGER, e);
	struct frame out = error_about(&sent, path->method == METHOD_FULLNAT ? LIP : STRANGER, e);

	in.quote = out.quote = quote;
	in.link_from = CLIENT;
	out.to = by_pass(path) ? VIP : WEB1;
	out.tunnel = path->method == METHOD_TUN ? WEB1 : NOBODY;
	out.link_from = BACK;
	out.link_to = WEB1;
	expect_translated(&in, &out, sum_known);
}

/* The server, or a router before it. */
static void server_side(const struct path *path, const struct frame *shape, uint16_t quote,
			const struct error *e, bool sum_known)
{
	const struct frame seen = with_ports_of(shape, &path->forwarded);
	const struct frame sent = with_ports_of(shape, &path->request);
	struct frame in = error_about(&seen, WEB2, e);
	struct frame out = error_about(&sent, VIP, e);

	if (by_pass(path))
		return; /* they write to the client, not to us */
	in.quote = out.quote = quote;
	in.link_to = BACK;
	out.link_from = FRONT;
	out.link_to = CLIENT;
	expect_translated(&in, &out, sum_known);
}

/* ---- Translated ------------------------------------------------------------------------------ */

static const struct frame shapes[] = {
	{ .payload = 100 },
	{ .payload = 400, .ip_options = 8 },
	{ .payload = 33, .ttl = 1 },
	{ .payload = 77, .proto = IPPROTO_UDP },
	{ .payload = 0, .proto = IPPROTO_UDP },
	{ .payload = 50, .proto = IPPROTO_UDP, .no_check = true },
	{ .payload = 50, .atomic = true },
};

/* Errors of all types about a packet of this shape, quoted as far as routers do. */
static void all_errors(const struct path *path, const struct frame *shape, bool sum_known)
{
	uint8_t frame[FRAME_MAX];
	struct frame about = with_ports_of(shape, &path->request);
	size_t whole = frame_build(&about, rig->v6, frame) - sizeof(struct ethhdr), l4, i, k;
	uint16_t quotes[5];

	l4 = ip_len(rig->v6) + (rig->v6 ? shape->ip_options / 4 * 8 : shape->ip_options) +
	     (rig->v6 && shape->atomic ? 8 : 0);
	quotes[0] = (uint16_t)(l4 + 8); /* RFC 792 */
	quotes[1] = (uint16_t)(l4 + 15);
	quotes[2] = (uint16_t)(l4 + 18);
	quotes[3] = (uint16_t)(l4 + 21);
	quotes[4] = 0;
	for (i = 0; i < 5; i++)
		for (k = 0; k < ERRORS && quotes[i] <= whole; k++) {
			client_side(path, shape, quotes[i], &errors[rig->v6][k], sum_known);
			server_side(path, shape, quotes[i], &errors[rig->v6][k], sum_known);
		}
}

static void translate(bool v6, bool sum_known)
{
	size_t i, k;

	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		for (k = 0; k < sizeof(shapes) / sizeof(*shapes); k++) {
			if (shapes[k].atomic && !v6)
				continue;
			rig_reset(rig, v6, HOOK_INGRESS);
			put_flow(&paths[i], shapes[k].proto ? shapes[k].proto : IPPROTO_TCP);
			if (sum_known && !rig_sum_known_works(rig))
				skip();
			all_errors(&paths[i], &shapes[k], sum_known);
		}
}

static void test_v4_errors_go_both_ways(void **state)
{
	translate(false, false);
}

static void test_v6_errors_go_both_ways(void **state)
{
	translate(true, false);
}

/* The card's sum must stay the packet's. */
static void test_v4_errors_with_known_sum(void **state)
{
	translate(false, true);
}

static void test_v6_errors_with_known_sum(void **state)
{
	translate(true, true);
}

static void on_both_families(void (*test)(void))
{
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_INGRESS);
		test();
	}
}

/* RFC 768: 0 would say that there is no checksum. */
static void sum_of_ones(void)
{
	struct path path = *NAT;
	struct frame shape = { .proto = IPPROTO_UDP, .payload = 20 };
	size_t check = sizeof(struct ethhdr) + ip_len(rig->v6) + 6;
	uint8_t frame[FRAME_MAX];
	struct frame sent;

	do {
		path.request.sport++;
		sent = with_ports_of(&shape, &path.request);
		frame_build(&sent, rig->v6, frame);
	} while (frame[check] != 0xff || frame[check + 1] != 0xff);
	path.forwarded.sport = path.reply.dport = path.returned.dport = path.request.sport;
	put_flow(&path, IPPROTO_UDP);
	server_side(&path, &shape, 0, &errors[rig->v6][0], false);
}

static void test_quoted_udp_checksum_that_comes_to_zero_is_ones(void **state)
{
	on_both_families(sum_of_ones);
}

static void statistics(void)
{
	const struct frame shape = { .payload = 100 };
	struct server_stats s;
	size_t len = 2 * ip_len(rig->v6) + 8 + 20 + 100;

	put_flow(NAT, IPPROTO_TCP);
	client_side(NAT, &shape, 0, &errors[rig->v6][0], false);
	server_side(NAT, &shape, 0, &errors[rig->v6][0], false);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.in_packets, 1 + 1);
	assert_int_equal(s.in_bytes, ip_len(rig->v6) + 20 + len);
	assert_int_equal(s.out_packets, 1);
	assert_int_equal(s.out_bytes, len);
}

static void test_errors_count_as_traffic(void **state)
{
	on_both_families(statistics);
}

static void to_unresolved(void)
{
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 50 };
	const struct frame in = error_about(&about, CLIENT, &errors[rig->v6][0]);
	struct outcome o;

	put_flow(NAT, IPPROTO_TCP);
	rig->servers[SERVER1].hops[0].flags = 0;
	rig_run(rig, &in, NULL, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
	assert_memory_equal(o.frame, who_mac(FRONT), 6); /* the kernel writes them */
}

static void test_unresolved_server_is_left_to_the_kernel(void **state)
{
	on_both_families(to_unresolved);
}

/* ---- Not translated -------------------------------------------------------------------------- */

static void expect_untouched(enum hook hook, const struct frame *f, const struct context *c)
{
	uint64_t passed = rig_count(rig, hook, COUNT_PASSED);
	uint8_t in[FRAME_MAX];
	struct outcome o;
	size_t len = frame_build(f, rig->v6, in);

	if (c)
		len = c->len;
	rig->hook = hook;
	rig_run(rig, f, c, &o);
	rig->hook = HOOK_INGRESS;
	assert_int_equal(o.action, action_pass(hook));
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, in, len);
	assert_int_equal(rig_count(rig, hook, COUNT_PASSED), passed + 1);
}

static void others(void)
{
	static const uint8_t types[2][7] = {
		{ 0, ICMP_SOURCEQUENCH, ICMP_REDIRECT, ICMP_ECHO, 9, 10, 13 },
		{ 0, 5, 100, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY, ND_ROUTER_ADVERT, 200 },
	};
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 50 };
	size_t i;

	put_flow(NAT, IPPROTO_TCP);
	for (i = 0; i < 7; i++) {
		const struct error e = { types[rig->v6][i], 0, 0 };
		const struct frame in = error_about(&about, CLIENT, &e);

		expect_untouched(HOOK_INGRESS, &in, NULL);
	}
}

static void test_messages_that_are_no_errors_pass(void **state)
{
	on_both_families(others);
}

static void strangers(void)
{
	const struct frame icmp = {
		.from = VIP, .to = CLIENT, .proto = icmp_proto(), .payload = 9
	};
	const struct frame abouts[] = {
		{ .from = VIP, .to = CLIENT, .dport = 1 },			   /* no flow */
		{ .from = VIP, .to = CLIENT, .proto = IPPROTO_UDP, .payload = 9 }, /* no flow */
		{ .from = CLIENT, .to = VIP, .payload = 50 }, /* the client never sent to itself */
		{ .from = VIP, .to = CLIENT, .payload = 40, .fragment = 0x0008 },
		icmp, /* errors about errors */
	};
	size_t i;

	put_flow(NAT, IPPROTO_TCP);
	for (i = 0; i < sizeof(abouts) / sizeof(*abouts); i++) {
		const struct frame in = error_about(&abouts[i], CLIENT, &errors[rig->v6][0]);

		expect_untouched(HOOK_INGRESS, &in, NULL);
	}
}

static void test_errors_about_other_packets_pass(void **state)
{
	on_both_families(strangers);
}

/* Whoever is not addressed by the packet's sender cannot have got an error about it. */
static void misdirected(void)
{
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 50 };
	struct frame in = error_about(&about, CLIENT, &errors[rig->v6][0]);

	put_flow(NAT, IPPROTO_TCP);
	in.to = FRONT;
	expect_untouched(HOOK_INGRESS, &in, NULL);
}

static void test_error_to_another_address_passes(void **state)
{
	on_both_families(misdirected);
}

/* The first fragment has the ports: errors may be about that. */
static void first_fragment(void)
{
	const struct frame shape = { .payload = 50, .fragment = rig->v6 ? 0x0001 : 0x2000 };

	put_flow(NAT, IPPROTO_TCP);
	client_side(NAT, &shape, 0, &errors[rig->v6][0], false);
}

static void test_error_about_a_first_fragment_is_translated(void **state)
{
	on_both_families(first_fragment);
}

/* Cut anywhere before the 8 bytes that it takes, and beyond what the IP header claims. */
static void truncated(void)
{
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 50 };
	const struct frame in = error_about(&about, CLIENT, &errors[rig->v6][0]);
	size_t least = sizeof(struct ethhdr) + 2 * ip_len(rig->v6) + 8 + 8;
	struct context c = {};
	struct frame cut = in;

	put_flow(NAT, IPPROTO_TCP);
	for (c.len = (uint32_t)(sizeof(struct ethhdr) + ip_len(rig->v6)); c.len < least; c.len++)
		expect_untouched(HOOK_INGRESS, &in, &c);
	for (cut.quote = 1; cut.quote < ip_len(rig->v6) + 8; cut.quote++)
		expect_untouched(HOOK_INGRESS, &cut, NULL);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_ICMP_TRANSLATED), 0);
}

static void test_truncated(void **state)
{
	on_both_families(truncated);
}

static void by_xdp(void)
{
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 50 };
	const struct frame in = error_about(&about, CLIENT, &errors[rig->v6][0]);

	put_flow(NAT, IPPROTO_TCP);
	expect_untouched(HOOK_XDP, &in, NULL);
}

static void test_xdp_leaves_errors_to_tc(void **state)
{
	on_both_families(by_xdp);
}

static void dropped(const struct frame *f, enum counter why)
{
	struct outcome o;
	enum counter c;

	rig_run(rig, f, NULL, &o);
	assert_int_equal(o.action, action_drop(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, why), 1);
	for (c = COUNT_MADE_RESET; c <= COUNT_MADE_LIMITED; c++)
		assert_int_equal(rig_count(rig, HOOK_INGRESS, c), 0);
}

static void drops(void)
{
	const struct frame about = { .from = VIP, .to = CLIENT, .payload = 400 };
	const struct frame in = error_about(&about, CLIENT, &errors[rig->v6][0]);
	struct frame dead = in;
	struct flow f;

	put_flow(NAT, IPPROTO_TCP);
	dead.ttl = 1;
	dropped(&dead, COUNT_DROP_TTL);
	rig->servers[SERVER1].hops[0].mtu = 300;
	dropped(&in, COUNT_DROP_TOO_BIG);
	rig->servers[SERVER1].hops[0].ifindex = 0;
	dropped(&in, COUNT_DROP_NO_ROUTE);
	rig_gate(rig, VIP, 51);
	assert_true(rig_flow(rig, &paths[0].request, &f));
	f.gate = GATE;
	rig_flow_set(rig, &paths[0].request, &f);
	rig->gates[GATE].open = 0;
	dropped(&in, COUNT_DROP_GATE);
	rig->gates[GATE].open = 1;
	rig->gates[GATE].fenced = 1;
	rig->gates[GATE].heard_ns = now_ns();
	dropped(&in, COUNT_DROP_FENCED);
}

static void test_errors_that_cannot_go_on_are_dropped_in_silence(void **state)
{
	on_both_families(drops);
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

/* The family of the tunnel's own packets; the rig's is the client's. */
static bool outer6;

static void put_tunnel(void)
{
	static const struct frame first = { .from = CLIENT, .to = VIP, .flags = SYN };
	struct outcome o;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_TUN, 1);
	rig->servers[SERVER1].addr = who_addr(WEB1, outer6);
	rig_run(rig, &first, NULL, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
}

/* A router's error about a tunnel packet from BACK that holds `inside`; quote: bytes of that. */
static size_t tunnel_error(const struct frame *inside, const struct error *e, enum who server,
			   uint16_t quote, uint8_t *frame)
{
	struct frame tunnel = *inside, in;

	tunnel.tunnel = server;
	tunnel.tunnel_other_family = rig->v6 != outer6;
	in = (struct frame){
		.from = WEB2,
		.to = BACK,
		.proto = outer6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.about = &tunnel,
		.quote = quote ? (uint16_t)(ip_len(outer6) + quote) : 0,
		.icmp_type = e->type,
		.icmp_code = e->code,
		.icmp_rest = e->rest,
	};
	return frame_build(&in, outer6, frame);
}

static void run_tunnel_error(const struct frame *inside, const struct error *e, enum who server,
			     uint16_t quote, struct outcome *o)
{
	static const struct context usual;
	uint8_t frame[FRAME_MAX];
	size_t len = tunnel_error(inside, e, server, quote, frame);

	rig_run_bytes(rig, frame, len, &usual, o);
}

static const struct frame big = { .from = CLIENT, .to = VIP, .payload = 1360 };

static void expect_told(const struct frame *inside, uint32_t mtu, uint32_t told, uint16_t quote)
{
	static const struct answer a = { VIP, CLIENT, FRONT, CLIENT };
	const struct error e = { errors[outer6][1].type, errors[outer6][1].code, mtu };
	uint32_t rest = htonl(told);
	uint8_t in[FRAME_MAX];
	size_t quoted = frame_build(inside, rig->v6, in) - sizeof(struct ethhdr), len;
	const uint8_t *icmp;
	struct outcome o;

	if (quote && quote < quoted)
		quoted = quote;
	if (quoted > QUOTE_MAX)
		quoted = QUOTE_MAX;
	run_tunnel_error(inside, &e, WEB1, quote, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
	icmp = answer_ip(&o, rig->v6, &a, icmp_proto(), &len);
	assert_int_equal(len, 8 + quoted);
	assert_int_equal(icmp[0], errors[rig->v6][1].type);
	assert_int_equal(icmp[1], errors[rig->v6][1].code);
	assert_memory_equal(icmp + 4, &rest, 4);
	assert_memory_equal(icmp + 8, in + sizeof(struct ethhdr), quoted);
	answer_sum(icmp, len, rig->v6, &a, icmp_proto());
}

static void on_all_tunnels(void (*test)(void))
{
	int v6, outer;

	for (v6 = 0; v6 < 2; v6++)
		for (outer = 0; outer < 2; outer++) {
			outer6 = outer;
			rig_reset(rig, v6, HOOK_INGRESS);
			put_tunnel();
			test();
		}
}

static void tunnel_too_big(void)
{
	uint32_t head = (uint32_t)ip_len(outer6);

	expect_told(&big, 1400, 1400 - head, 0);
	expect_told(&big, 1350, 1350 - head, (uint16_t)(ip_len(rig->v6) + 8));
	expect_told(&big, 1320, 1320 - head, (uint16_t)(ip_len(rig->v6) + 101));
	expect_told(&big, 80, rig->v6 ? 1280 : 68, 0);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_ICMP_TRANSLATED), 4);
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_REDIRECTED), 1 + 4);
}

static void test_too_big_for_a_tunnel_is_told_to_the_client(void **state)
{
	on_all_tunnels(tunnel_too_big);
}

static void tunnel_drop(const struct frame *inside, const struct error *e)
{
	uint64_t drops = rig_count(rig, HOOK_INGRESS, COUNT_DROP_ICMP);
	struct outcome o;

	run_tunnel_error(inside, e, WEB1, 0, &o);
	assert_int_equal(o.action, action_drop(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_ICMP), drops + 1);
}

static void tunnel_other_errors(void)
{
	static const struct frame may_fragment = {
		.from = CLIENT, .to = VIP, .payload = 1360, .may_fragment = true
	};

	tunnel_drop(&big, &errors[outer6][0]);
	tunnel_drop(&big, &errors[outer6][2]);
	tunnel_drop(&big, &errors[outer6][3]);
	if (!rig->v6) /* its sender does not care */
		tunnel_drop(&may_fragment, &errors[outer6][1]);
}

static void test_other_errors_about_tunnels_are_dropped(void **state)
{
	on_all_tunnels(tunnel_other_errors);
}

static void tunnel_strangers(void)
{
	static const struct frame unknown = { .from = CLIENT, .to = VIP, .sport = 9 };
	struct flow f;
	struct outcome o;
	uint64_t passed = rig_count(rig, HOOK_INGRESS, COUNT_PASSED);

	run_tunnel_error(&unknown, &errors[outer6][1], WEB1, 0, &o);
	assert_int_equal(o.action, action_pass(HOOK_INGRESS));
	run_tunnel_error(&big, &errors[outer6][1], WEB3, 0, &o); /* not its server */
	assert_int_equal(o.action, action_pass(HOOK_INGRESS));
	run_tunnel_error(&big, &errors[outer6][1], WEB1, (uint16_t)(ip_len(rig->v6) + 7), &o);
	assert_int_equal(o.action, action_pass(HOOK_INGRESS));
	run_tunnel_error(&big, &errors[outer6][1], WEB1, 9, &o); /* all that RFC 792 asks for */
	assert_int_equal(o.action, action_pass(HOOK_INGRESS));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_PASSED), passed + 4);
	assert_true(rig_flow(rig, &big, &f));
	f.verbs = VERB_L2;
	rig_flow_set(rig, &big, &f);
	run_tunnel_error(&big, &errors[outer6][1], WEB1, 0, &o); /* not in a tunnel */
	assert_int_equal(o.action, action_pass(HOOK_INGRESS));
}

static void test_errors_about_other_tunnels_pass(void **state)
{
	on_all_tunnels(tunnel_strangers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4_errors_go_both_ways),
		cmocka_unit_test(test_v6_errors_go_both_ways),
		cmocka_unit_test(test_v4_errors_with_known_sum),
		cmocka_unit_test(test_v6_errors_with_known_sum),
		cmocka_unit_test(test_quoted_udp_checksum_that_comes_to_zero_is_ones),
		cmocka_unit_test(test_errors_count_as_traffic),
		cmocka_unit_test(test_unresolved_server_is_left_to_the_kernel),
		cmocka_unit_test(test_messages_that_are_no_errors_pass),
		cmocka_unit_test(test_errors_about_other_packets_pass),
		cmocka_unit_test(test_error_to_another_address_passes),
		cmocka_unit_test(test_error_about_a_first_fragment_is_translated),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_xdp_leaves_errors_to_tc),
		cmocka_unit_test(test_errors_that_cannot_go_on_are_dropped_in_silence),
		cmocka_unit_test(test_too_big_for_a_tunnel_is_told_to_the_client),
		cmocka_unit_test(test_other_errors_about_tunnels_are_dropped),
		cmocka_unit_test(test_errors_about_other_tunnels_pass),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
