// SPDX-License-Identifier: BSD-2-Clause
/* Fragments: forwarded by their packet's first one, held until that comes, dropped when they lie;
 * and packets that are split because they do not fit.  Expected pieces are cut from the frame that
 * the whole packet would have become, so its checksum is compared too. */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cable.h"
#include "lib/csum.h"
#include "rig.h"

#define PIECE  1000 /* bytes of the packet in each fragment */
#define PIECES 3
#define ETH    sizeof(struct ethhdr)

/* clang-format off */
#define REQUEST(...) { .from = CLIENT, .to = VIP, __VA_ARGS__ }
#define REPLY(...)   { .from = WEB1, .to = CLIENT, __VA_ARGS__ }
/* A UDP datagram of PIECES pieces. */
#define DATAGRAM     .proto = IPPROTO_UDP, .payload = 2500
/* clang-format on */

static struct rig *rig;
static struct cables cables;

struct bytes {
	size_t len;
	uint8_t at[FRAME_MAX];
};

static const struct frame datagram = REQUEST(DATAGRAM);

/* ---- Pieces ---------------------------------------------------------------------------------- */

static struct bytes piece(const struct frame *f, unsigned nth)
{
	struct bytes b = {};
	uint8_t whole[FRAME_MAX];
	size_t len = frame_build(f, rig->v6, whole);

	b.len = frame_fragment(whole, len, rig->v6, (size_t)nth * PIECE, PIECE, b.at);
	return b;
}

/* What the frame is when it leaves. */
static struct frame leaving(const struct frame *in, enum who from, enum who to, enum who link_to)
{
	struct frame out = *in;

	out.from = from;
	out.to = to;
	out.ttl = 63;
	out.link_to = link_to;
	out.link_from = link_to >= WEB1 && link_to <= WEB3 ? BACK : FRONT;
	return out;
}

static uint64_t counted(enum counter what)
{
	return rig_count(rig, rig->hook, what);
}

static void expect_sent(const struct bytes *in, const struct bytes *want)
{
	static const struct context usual;
	uint64_t before = counted(COUNT_REDIRECTED);
	struct outcome o;

	rig_run_bytes(rig, in->at, in->len, &usual, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	assert_int_equal(counted(COUNT_REDIRECTED), before + 1);
	assert_int_equal(o.len, want->len);
	assert_memory_equal(o.frame, want->at, want->len);
	rig_books_balance(rig);
}

/* The frame meets the verdict, and is not changed. */
static void expect_verdict(const struct bytes *in, enum counter verdict)
{
	static const struct context usual;
	bool pass = verdict >= COUNT_PASSED && verdict <= COUNT_PASSED_FRAGMENT;
	uint64_t before = counted(verdict);
	struct outcome o;

	rig_run_bytes(rig, in->at, in->len, &usual, &o);
	assert_int_equal(counted(verdict), before + 1);
	assert_int_equal(o.action, pass ? action_pass(rig->hook) : action_drop(rig->hook));
	assert_int_equal(o.len, in->len);
	assert_memory_equal(o.frame, in->at, in->len);
	rig_books_balance(rig);
}

static void send_pieces(const struct frame *in, const struct frame *out)
{
	unsigned i;

	for (i = 0; i < PIECES; i++) {
		struct bytes from = piece(in, i), to = piece(out, i);

		expect_sent(&from, &to);
	}
}

static void play(void (*test)(void), enum hook hook)
{
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, hook);
		test();
	}
}

static size_t entries(struct bpf_map *map)
{
	uint8_t key[64], last[64];
	size_t n = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(map), n ? last : NULL, key)) {
		memcpy(last, key, sizeof(last));
		n++;
	}
	return n;
}

static struct fragment_key key_of(const struct frame *f)
{
	struct fragment_key key = {
		.src = who_addr(f->from, rig->v6),
		.dst = who_addr(f->to, rig->v6),
		.id = rig->v6 ? htonl(0x1234) : htons(0x1234),
		.proto = rig->v6 ? 0 : f->proto,
	};

	return key;
}

static bool noted(const struct frame *f, struct fragment *ret)
{
	struct fragment_key key = key_of(f);

	return !bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.fragments), &key, ret);
}

/* ---- Forwarded ------------------------------------------------------------------------------- */

static void nat(void)
{
	static const struct frame answer = REPLY(DATAGRAM);
	struct frame to_web1 = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct frame to_client = leaving(&answer, VIP, CLIENT, CLIENT);
	size_t bytes = 2508 + PIECES * (rig->v6 ? 48 : 20);
	struct server_stats s;
	struct fragment note;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	send_pieces(&datagram, &to_web1);
	send_pieces(&answer, &to_client);
	assert_int_equal(rig_flows(rig), 2);
	assert_int_equal(entries(rig->skel->maps.fragments), 2);
	assert_true(noted(&datagram, &note));
	assert_int_equal(ntohs(note.sport), who_port(CLIENT));
	assert_int_equal(ntohs(note.dport), who_port(VIP));
	assert_int_equal(note.proto, IPPROTO_UDP);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, 1);
	assert_int_equal(s.in_packets, PIECES);
	assert_int_equal(s.in_bytes, bytes);
	assert_int_equal(s.out_packets, PIECES);
	assert_int_equal(s.out_bytes, bytes);
}

static void test_nat_both_ways(void **state)
{
	play(nat, HOOK_INGRESS);
}

static void dr(void)
{
	struct frame to_web1 = leaving(&datagram, CLIENT, VIP, WEB1);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_DR, 1);
	send_pieces(&datagram, &to_web1);
	assert_int_equal(rig_flows(rig), 1);
}

static void test_dr(void **state)
{
	play(dr, HOOK_INGRESS);
}

static void fullnat(void)
{
	static const struct frame answer = { .from = WEB1, .to = LIP, DATAGRAM };
	struct frame to_web1 = leaving(&datagram, LIP, WEB1, WEB1);
	struct frame to_client = leaving(&answer, VIP, CLIENT, CLIENT);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_FULLNAT, 1);
	send_pieces(&datagram, &to_web1);
	send_pieces(&answer, &to_client);
	assert_int_equal(rig_flows(rig), 2);
}

static void test_fullnat_both_ways(void **state)
{
	play(fullnat, HOOK_INGRESS);
}

/* Each fragment has an outer header of its own, and is inside as it was, one hop later. */
static void tun(void)
{
	struct frame inside = leaving(&datagram, CLIENT, VIP, WEB1);
	size_t grow = rig->v6 ? 40 : 20;
	const struct context usual = {};
	struct outcome o;
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_TUN, 1);
	for (i = 0; i < PIECES; i++) {
		struct bytes in = piece(&datagram, i), want = piece(&inside, i);

		rig_run_bytes(rig, in.at, in.len, &usual, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		assert_int_equal(o.len, want.len + grow);
		assert_memory_equal(o.frame, want.at, ETH);
		assert_int_equal(o.frame[ETH + (rig->v6 ? 6 : 9)],
				 rig->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
		if (!rig->v6)
			assert_int_equal(csum_fold(csum_add(0, o.frame + ETH, 20)), 0);
		assert_memory_equal(o.frame + ETH + grow, want.at + ETH, want.len - ETH);
	}
	rig_books_balance(rig);
}

static void test_tun(void **state)
{
	play(tun, HOOK_INGRESS);
}

static void tcp(void)
{
	static const struct frame syn = REQUEST(.flags = SYN);
	static const struct frame syn_ack = REPLY(.flags = SYN | ACK);
	static const struct frame ack = REQUEST(.flags = ACK, .ack = 77);
	static const struct frame data = REQUEST(.flags = ACK, .ack = 78, .payload = 2500);
	struct frame to_web1 = leaving(&data, CLIENT, WEB1, WEB1);
	struct outcome o;
	struct flow flow;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	rig_run(rig, &syn, NULL, &o);
	rig_run(rig, &syn_ack, NULL, &o);
	rig_run(rig, &ack, NULL, &o);
	send_pieces(&data, &to_web1);
	assert_true(rig_flow(rig, &data, &flow));
	assert_int_equal(WORD_STATE(flow.word), FLOW_ESTABLISHED);
	assert_int_equal(ntohl(flow.ack), 78);
}

static void test_tcp_segments(void **state)
{
	play(tcp, HOOK_INGRESS);
}

static void no_check(void)
{
	static const struct frame f = REQUEST(DATAGRAM, .no_check = true);
	struct frame to_web1 = leaving(&f, CLIENT, WEB1, WEB1);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	send_pieces(&f, &to_web1);
}

static void test_udp_without_checksum(void **state)
{
	play(no_check, HOOK_INGRESS);
}

/* A card may have summed up the frame: the sum must stay right, or the next receiver refuses it. */
static void sum_known(void)
{
	static const struct context known = { .sum_known = true };
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct outcome o;
	unsigned i;

	if (!rig_sum_known_works(rig))
		skip();
	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (i = 0; i < PIECES; i++) {
		struct bytes in = piece(&datagram, i), want = piece(&out, i);

		rig_run_bytes(rig, in.at, in.len, &known, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		assert_memory_equal(o.frame, want.at, want.len);
	}
}

static void test_known_sum_stays_right(void **state)
{
	play(sum_known, HOOK_INGRESS);
}

/* Destination options in the fragmented part: the fragment header does not say UDP. */
static void test_extension_header_behind_the_fragment_header(void **state)
{
	static const struct frame f = REQUEST(DATAGRAM, .ip_options = 4);
	struct frame g = leaving(&f, CLIENT, WEB1, WEB1);
	uint8_t in[FRAME_MAX], out[FRAME_MAX];
	size_t len, i;

	rig_reset(rig, true, HOOK_INGRESS);
	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	len = frame_build(&f, true, in);
	frame_build(&g, true, out);
	in[ETH + 6] = out[ETH + 6] = IPPROTO_DSTOPTS;
	for (i = 0; i < PIECES; i++) {
		struct bytes from = {}, to = {};

		from.len = frame_fragment(in, len, true, i * PIECE, PIECE, from.at);
		to.len = frame_fragment(out, len, true, i * PIECE, PIECE, to.at);
		expect_sent(&from, &to);
	}
}

static void extension_before(void)
{
	static const struct frame f =
		REQUEST(.proto = IPPROTO_UDP, .payload = 16, .ip_options = 12, .fragment = 0x2000);
	static const struct frame g =
		REQUEST(.proto = IPPROTO_UDP, .payload = 16, .ip_options = 12, .fragment = 0x0001);
	struct frame first = rig->v6 ? g : f, out;
	struct outcome o;
	uint8_t want[FRAME_MAX];
	size_t len;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	out = leaving(&first, CLIENT, WEB1, WEB1);
	rig_run(rig, &first, NULL, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, want, len);
}

static void test_options_and_extension_headers_before(void **state)
{
	play(extension_before, HOOK_INGRESS);
}

static void xdp(void)
{
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (i = 0; i < PIECES; i++) {
		struct bytes b = piece(&datagram, i);

		expect_verdict(&b, COUNT_PASSED);
	}
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(counted(COUNT_PASSED_FRAGMENT), 0);
}

static void test_xdp_leaves_fragments_to_tc(void **state)
{
	play(xdp, HOOK_XDP);
}

/* ---- Not ours -------------------------------------------------------------------------------- */

static void others(void)
{
	static const struct frame frames[] = {
		REQUEST(DATAGRAM, .dport = 81),
		{ .from = CLIENT, .to = FRONT, .dport = 5353, DATAGRAM },
		{ .from = WEB1, .to = LOST, DATAGRAM },
		/* as a routing protocol's */
		REQUEST(.proto = 89, .payload = 2500),
	};
	unsigned f, i;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (f = 0; f < sizeof(frames) / sizeof(*frames); f++)
		for (i = 0; i < PIECES; i++) {
			struct bytes b = piece(&frames[f], i);

			expect_verdict(&b, COUNT_PASSED_FRAGMENT);
		}
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(entries(rig->skel->maps.held), 0);
}

static void test_others_fragments_pass(void **state)
{
	play(others, HOOK_INGRESS);
}

static void no_flow(void)
{
	static const struct frame f = REQUEST(.proto = IPPROTO_TCP, .payload = 2500);
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	rig->svcs[SVC].no_flow = NO_FLOW_DROP;
	for (i = 0; i < PIECES; i++) {
		struct bytes b = piece(&f, i);

		/* the others wait for a first one that gets through */
		expect_verdict(&b, i ? COUNT_HELD : COUNT_DROP_NO_FLOW);
	}
	assert_int_equal(rig_flows(rig), 0);
}

static void test_tcp_without_a_flow(void **state)
{
	play(no_flow, HOOK_INGRESS);
}

static void closed(void)
{
	struct bytes first = piece(&datagram, 0), later = piece(&datagram, 1);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	rig_gate(rig, VIP, 7);
	rig_service_key(rig, SVC, VIP, IPPROTO_UDP, GATE);
	rig->gates[GATE].open = 0;
	expect_verdict(&first, COUNT_DROP_GATE);
	expect_verdict(&later, COUNT_HELD); /* nobody will ask for it */
}

static void test_gate_is_closed(void **state)
{
	play(closed, HOOK_INGRESS);
}

static void gate_closes(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct bytes first = piece(&datagram, 0), later = piece(&datagram, 1);
	struct bytes sent = piece(&out, 0);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	rig_gate(rig, VIP, 7);
	rig_service_key(rig, SVC, VIP, IPPROTO_UDP, GATE);
	expect_sent(&first, &sent);
	rig->gates[GATE].open = 0;
	expect_verdict(&later, COUNT_DROP_GATE);
}

static void test_gate_closes_between(void **state)
{
	play(gate_closes, HOOK_INGRESS);
}

/* The flow is gone: the stack must not get the rest. */
static void orphan(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct bytes first = piece(&datagram, 0), later = piece(&datagram, 1);
	struct bytes sent = piece(&out, 0);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	expect_sent(&first, &sent);
	rig_flow_delete(rig, &datagram);
	expect_verdict(&later, COUNT_DROP_FRAGMENT);
	assert_int_equal(rig_flows(rig), 1);
}

static void test_later_one_begins_no_flow(void **state)
{
	play(orphan, HOOK_INGRESS);
}

/* ---- Lies ------------------------------------------------------------------------------------ */

/* A fragment of a TCP SYN or a datagram: len bytes from `at` on. */
static struct bytes slice(uint8_t proto, size_t at, size_t len)
{
	struct frame f = REQUEST(.proto = proto, .flags = SYN, .payload = 100);
	uint8_t whole[FRAME_MAX];
	struct bytes b = {};
	size_t all = frame_build(&f, rig->v6, whole);

	b.len = frame_fragment(whole, all, rig->v6, at, len, b.at);
	return b;
}

static void lies(void)
{
	static const struct {
		uint8_t proto;
		size_t at, len;
	} bad[] = {
		{ IPPROTO_TCP, 0, 8 },	/* no flags */
		{ IPPROTO_TCP, 0, 16 }, /* no checksum */
		{ IPPROTO_TCP, 8, 40 }, /* overwrites the flags */
		{ IPPROTO_UDP, 0, 4 },
	};
	struct bytes b;
	size_t i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	rig_service_key(rig, SVC, VIP, IPPROTO_UDP, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		b = slice(bad[i].proto, bad[i].at, bad[i].len);
		expect_verdict(&b, COUNT_DROP_FRAGMENT);
	}
	/* These are as they should be. */
	b = slice(IPPROTO_TCP, 24, 40);
	expect_verdict(&b, COUNT_HELD);
	b = slice(IPPROTO_UDP, 8, 40);
	expect_verdict(&b, COUNT_HELD);
	assert_int_equal(rig_flows(rig), 0);
}

static void test_headers_in_pieces_are_dropped(void **state)
{
	play(lies, HOOK_INGRESS);
}

/* The last of them would end beyond 65535 bytes. */
static void beyond(void)
{
	struct bytes b = piece(&datagram, 2);
	uint16_t field = htons(rig->v6 ? 0xfff8 : 0x1fff);
	struct iphdr ip;

	if (rig->v6) {
		memcpy(b.at + ETH + sizeof(struct ip6_hdr) + 2, &field, sizeof(field));
	} else {
		memcpy(&ip, b.at + ETH, sizeof(ip));
		ip.frag_off = field;
		ip.check = 0;
		ip.check = csum_fold(csum_add(0, &ip, sizeof(ip)));
		memcpy(b.at + ETH, &ip, sizeof(ip));
	}
	expect_verdict(&b, COUNT_DROP_FRAGMENT);
}

static void test_beyond_the_longest_packet_is_dropped(void **state)
{
	play(beyond, HOOK_INGRESS);
}

/* A fragment header that stands behind the end of its packet is none, even if a first one was seen
 * before. */
static void test_fragment_header_behind_the_packet(void **state)
{
	static const struct context usual;
	const uint16_t none = htons(0), part = htons(4);
	struct outcome o;
	struct bytes b;

	rig_reset(rig, true, HOOK_INGRESS);
	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	b = piece(&datagram, 0);
	rig_run_bytes(rig, b.at, b.len, &usual, &o);
	assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
	b = piece(&datagram, 1);
	memcpy(b.at + ETH + 4, &none, sizeof(none));
	expect_verdict(&b, COUNT_PASSED);
	memcpy(b.at + ETH + 4, &part, sizeof(part));
	expect_verdict(&b, COUNT_PASSED);
}

/* RFC 7112: all headers are in the first one.  Two fragment headers are nobody's. */
static void test_chain_of_headers_must_be_whole(void **state)
{
	static const struct frame f =
		REQUEST(.proto = IPPROTO_UDP, .payload = 100, .ip_options = 4);
	struct bytes b = {}, twice = {};
	uint8_t whole[FRAME_MAX];
	size_t len;

	rig_reset(rig, true, HOOK_INGRESS);
	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	len = frame_build(&f, true, whole);
	whole[ETH + 6] = IPPROTO_DSTOPTS;
	b.len = frame_fragment(whole, len, true, 0, 8, b.at); /* the options only */
	expect_verdict(&b, COUNT_DROP_FRAGMENT);
	b.len = frame_fragment(whole, len, true, 0, 24, b.at);
	twice.len = frame_fragment(b.at, b.len, true, 0, 24, twice.at);
	expect_verdict(&twice, COUNT_PASSED_FRAGMENT);
}

/* ---- Held ------------------------------------------------------------------------------------ */

static void old_note(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct bytes first = piece(&datagram, 0), later = piece(&datagram, 1);
	struct bytes sent0 = piece(&out, 0), sent1 = piece(&out, 1);
	struct fragment_key key = key_of(&datagram);
	struct fragment note;
	int fd = bpf_map__fd(rig->skel->maps.fragments);
	uint32_t hz = rig->skel->rodata->cfg_hz;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	expect_sent(&first, &sent0);
	assert_true(noted(&datagram, &note));
	note.seen -= 14 * hz;
	assert_int_equal(bpf_map_update_elem(fd, &key, &note, BPF_EXIST), 0);
	expect_sent(&later, &sent1);
	note.seen -= 2 * hz;
	assert_int_equal(bpf_map_update_elem(fd, &key, &note, BPF_EXIST), 0);
	expect_verdict(&later, COUNT_HELD);
}

static void test_note_is_good_for_15_seconds(void **state)
{
	play(old_note, HOOK_INGRESS);
}

static void held_frames(void)
{
	struct held_key key = { .packet = key_of(&datagram) };
	struct bytes later = piece(&datagram, 1);
	int fd = bpf_map__fd(rig->skel->maps.held);
	uint32_t hz = rig->skel->rodata->cfg_hz;
	static struct held held;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (key.number = 0; key.number < HELD_EACH; key.number++) {
		expect_verdict(&later, COUNT_HELD);
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &held), 0);
		assert_int_equal(held.len, later.len);
		assert_memory_equal(held.frame, later.at, later.len);
	}
	expect_verdict(&later, COUNT_PASSED_FRAGMENT);
	rig_gate(rig, VIP, 7);
	expect_verdict(&later, COUNT_DROP_FRAGMENT);
	assert_int_equal(entries(rig->skel->maps.held), HELD_EACH);
	/* What nobody asked for in a second makes room. */
	held.seen -= 2 * hz;
	key.number = 2;
	assert_int_equal(bpf_map_update_elem(fd, &key, &held, BPF_EXIST), 0);
	expect_verdict(&later, COUNT_HELD);
	expect_verdict(&later, COUNT_DROP_FRAGMENT);
	assert_int_equal(rig_flows(rig), 0);
}

static void test_four_of_a_packet_are_held(void **state)
{
	play(held_frames, HOOK_INGRESS);
}

static void too_long(void)
{
	static const struct frame f = REQUEST(.proto = IPPROTO_UDP, .payload = 4000);
	uint8_t whole[FRAME_MAX + 64];
	struct bytes b = {};
	size_t len = frame_build(&f, rig->v6, whole), head = rig->v6 ? 48 : 20;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	b.len = frame_fragment(whole, len, rig->v6, 1000, 2040, b.at);
	expect_verdict(&b, COUNT_PASSED_FRAGMENT);
	b.len = frame_fragment(whole, len, rig->v6, 1000, (HELD_LEN - ETH - head) & ~7u, b.at);
	expect_verdict(&b, COUNT_HELD);
}

static void test_jumbo_frames_are_not_held(void **state)
{
	play(too_long, HOOK_INGRESS);
}

/* ---- On the wire ----------------------------------------------------------------------------- */

static void wire_in(const struct bytes *b)
{
	cable_send(cables.front, b->at, b->len, 0);
}

static void wire_out(const struct frame *f, unsigned nth)
{
	struct bytes want = piece(f, nth);
	uint8_t got[FRAME_MAX];
	size_t len = cable_receive(cables.back, who_mac(WEB1), got);

	assert_int_equal(len, want.len);
	assert_memory_equal(got, want.at, len);
}

/* The kernel may look at a frame a moment later. */
static void wire_counted(enum counter what, uint64_t n)
{
	unsigned i;

	for (i = 0; i < 2000 && counted(what) < n; i++)
		usleep(1000);
	assert_int_equal(counted(what), n);
}

static void wire_silent(void)
{
	uint8_t got[FRAME_MAX];

	assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), 0);
}

/* The frames come as the order says; the first of the packet leaves first. */
static void reordered(const char *order, const struct frame *out)
{
	uint64_t replays = strchr(order, '0') - order;
	const char *at;

	for (at = order; *at; at++) {
		struct bytes b = piece(&datagram, (unsigned)(*at - '0'));

		wire_in(&b);
	}
	wire_out(out, 0);
	for (at = order; *at; at++)
		if (*at != '0')
			wire_out(out, (unsigned)(*at - '0'));
	assert_int_equal(counted(COUNT_HELD), replays + 1);
	assert_int_equal(counted(COUNT_MADE_REPLAY), replays + 1);
	assert_int_equal(counted(COUNT_REDIRECTED), PIECES);
	assert_int_equal(entries(rig->skel->maps.held), 0);
	rig_books_balance(rig);
}

static void replay_nat(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct server_stats s;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	reordered("210", &out);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, 1);
	assert_int_equal(s.in_packets, PIECES);
}

static void test_held_ones_follow_the_first(void **state)
{
	play(replay_nat, HOOK_INGRESS);
}

static void replay_dr(void)
{
	struct frame out = leaving(&datagram, CLIENT, VIP, WEB1);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_DR, 1);
	reordered("102", &out);
}

static void test_held_ones_follow_with_dr(void **state)
{
	play(replay_dr, HOOK_INGRESS);
}

/* The kernel resolves the server, and that takes its time. */
static void replay_unresolved(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	rig->servers[SERVER1].hops[0].flags = 0;
	assert_int_equal(
		system(rig->v6 ? "ip neigh replace fd00::11 lladdr 02:00:00:00:00:a1 dev back"
			       : "ip neigh replace 10.0.0.11 lladdr 02:00:00:00:00:a1 dev "
				 "back"),
		0);
	reordered("120", &out);
}

static void test_held_ones_follow_to_an_unresolved_server(void **state)
{
	play(replay_unresolved, HOOK_INGRESS);
}

/* A checksum that the card should finish must not be written into the fragment that takes over. */
static void replay_unfinished(void)
{
	static const struct frame f = REQUEST(DATAGRAM, .unfinished = true);
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct bytes first = piece(&f, 0), later = piece(&datagram, 1);
	uint8_t got[FRAME_MAX];
	size_t len;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	wire_in(&later);
	cable_send(cables.front, first.at, first.len, ETH + (rig->v6 ? 48 : 20));
	len = cable_receive(cables.back, who_mac(WEB1), got);
	assert_int_equal(len, first.len);
	wire_out(&out, 1);
}

static void test_unfinished_checksum_does_not_stay_behind(void **state)
{
	play(replay_unfinished, HOOK_INGRESS);
}

/* Fragments that waited go to the stack when the first one does. */
static void replay_passed(void)
{
	static const struct frame f = REQUEST(DATAGRAM, .dport = 81);
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (i = PIECES; i-- > 0;) {
		struct bytes b = piece(&f, i);

		wire_in(&b);
	}
	wire_counted(COUNT_PASSED_FRAGMENT, PIECES);
	assert_int_equal(counted(COUNT_HELD), PIECES);
	assert_int_equal(counted(COUNT_MADE_REPLAY), PIECES);
	assert_int_equal(counted(COUNT_REDIRECTED), 0);
	rig_books_balance(rig);
}

static void test_held_ones_follow_to_the_stack(void **state)
{
	play(replay_passed, HOOK_INGRESS);
}

static void too_late(void)
{
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	struct held_key key = { .packet = key_of(&datagram) };
	struct bytes first = piece(&datagram, 0), later = piece(&datagram, 1);
	int fd = bpf_map__fd(rig->skel->maps.held);
	static struct held held;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	wire_in(&later);
	wire_counted(COUNT_HELD, 1);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &held), 0);
	held.seen -= 2 * rig->skel->rodata->cfg_hz;
	assert_int_equal(bpf_map_update_elem(fd, &key, &held, BPF_EXIST), 0);
	wire_in(&first);
	wire_out(&out, 0);
	wire_silent();
	assert_int_equal(counted(COUNT_MADE_REPLAY), 0);
	assert_int_equal(entries(rig->skel->maps.held), 0);
}

static void test_held_for_a_second(void **state)
{
	play(too_late, HOOK_INGRESS);
}

/* The first one on one CPU, and another on the other at the same time: none is left behind. */
#define RACES 3000

struct racer {
	pthread_t thread;
	int cpu, far;
	struct bytes frame;
	const struct racer *other;
	unsigned ready; /* for this turn */
};

static void set_id(struct bytes *b, uint16_t id)
{
	uint16_t field = htons(id);
	struct iphdr ip;

	if (rig->v6) {
		memcpy(b->at + ETH + sizeof(struct ip6_hdr) + 6, &field, sizeof(field));
		return;
	}
	memcpy(&ip, b->at + ETH, sizeof(ip));
	ip.id = field;
	ip.check = 0;
	ip.check = csum_fold(csum_add(0, &ip, sizeof(ip)));
	memcpy(b->at + ETH, &ip, sizeof(ip));
}

static void *race(void *arg)
{
	struct racer *r = arg;
	cpu_set_t cpus;
	unsigned i;

	CPU_ZERO(&cpus);
	CPU_SET(r->cpu, &cpus);
	pthread_setaffinity_np(r->thread, sizeof(cpus), &cpus);
	for (i = 1; i <= RACES; i++) {
		set_id(&r->frame, (uint16_t)i);
		__atomic_store_n(&r->ready, i, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&r->other->ready, __ATOMIC_SEQ_CST) < i)
			; /* whoever sleeps here is late for the race */
		cable_send(r->far, r->frame.at, r->frame.len, 0);
	}
	return NULL;
}

static void two_cpus(void)
{
	struct racer racers[2] = {
		{ .cpu = 0, .far = cables.front, .frame = piece(&datagram, 0) },
		{ .cpu = 1, .frame = piece(&datagram, 2) },
	};
	unsigned i;

	racers[1].far = cable_open("far_front");
	racers[0].other = &racers[1];
	racers[1].other = &racers[0];
	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(racers[i].thread, NULL);
	close(racers[1].far);
	wire_counted(COUNT_REDIRECTED, 2 * RACES);
	assert_int_equal(entries(rig->skel->maps.held), 0);
	rig_books_balance(rig);
	print_message("%llu of %u had to wait\n",
		      (unsigned long long)(counted(COUNT_MADE_REPLAY) / 2), RACES);
}

static void test_none_is_left_behind_on_two_cpus(void **state)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	play(two_cpus, HOOK_INGRESS);
}

/* ---- Split ----------------------------------------------------------------------------------- */

/* Frames come out that are, in this order, the fragments of `out` from byte `at` on, with so many
 * bytes each.  grow: behind an outer header. */
static void expect_parts(const struct frame *out, size_t at, const size_t *lens, size_t n,
			 size_t grow)
{
	uint8_t whole[FRAME_MAX], want[FRAME_MAX], got[FRAME_MAX];
	size_t len = frame_build(out, false, whole), i;

	for (i = 0; i < n; at += lens[i++]) {
		size_t part = frame_fragment(whole, len, false, at, lens[i], want);

		assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), part + grow);
		assert_memory_equal(got, want, ETH);
		assert_memory_equal(got + ETH + grow, want + ETH, part - ETH);
		if (!grow)
			continue;
		assert_int_equal(got[ETH + 9], IPPROTO_IPIP);
		assert_int_equal(got[ETH + 2] << 8 | got[ETH + 3], part - ETH + grow);
		assert_int_equal(csum_fold(csum_add(0, got + ETH, 20)), 0);
	}
	rig_books_balance(rig);
}

static void narrow(enum method method, uint8_t proto, uint16_t mtu)
{
	rig_reset(rig, false, HOOK_INGRESS);
	rig_service(rig, SVC, VIP, proto, method, 1);
	rig->servers[SERVER1].hops[0].mtu = mtu;
}

/* The frame, a whole packet, without DF. */
static struct bytes may_split(const struct frame *f)
{
	struct bytes b = {};
	struct iphdr ip;

	b.len = frame_build(f, false, b.at);
	memcpy(&ip, b.at + ETH, sizeof(ip));
	ip.frag_off = 0;
	ip.check = 0;
	memcpy(b.at + ETH, &ip, sizeof(ip));
	ip.check = csum_fold(csum_add(0, b.at + ETH, ip.ihl * 4u));
	memcpy(b.at + ETH, &ip, sizeof(ip));
	return b;
}

static void test_split_for_a_tunnel(void **state)
{
	static const size_t lens[] = { 1456, 1480 - 1456 };
	static const struct frame f = REQUEST(.proto = IPPROTO_UDP, .payload = 1472);
	struct frame out = leaving(&f, CLIENT, VIP, WEB1);
	struct bytes b = may_split(&f);
	struct server_stats s;

	narrow(METHOD_TUN, IPPROTO_UDP, 1500);
	wire_in(&b);
	expect_parts(&out, 0, lens, 2, 20);
	assert_int_equal(counted(COUNT_MADE_FRAGMENT), 2);
	assert_int_equal(counted(COUNT_HELD), 1);
	assert_int_equal(counted(COUNT_REDIRECTED), 2);
	assert_int_equal(counted(COUNT_DROP_TOO_BIG), 0);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, 1);
	assert_int_equal(s.in_packets, 2);
	assert_int_equal(s.in_bytes, 1480 + 2 * 20);
}

/* Each packet is scheduled for itself, but its parts are one, and count once. */
static void test_split_for_a_service_of_one_packet_each(void **state)
{
	static const size_t lens[] = { 1160, 2008 - 1160 };
	static const struct frame f = REQUEST(.proto = IPPROTO_UDP, .payload = 2000);
	struct frame out = leaving(&f, CLIENT, WEB1, WEB1);
	struct bytes b = may_split(&f);
	struct server_stats s;

	narrow(METHOD_NAT, IPPROTO_UDP, 1180);
	rig->svcs[SVC].flags = SVC_ONE_PACKET;
	wire_in(&b);
	expect_parts(&out, 0, lens, 2, 0);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, 1);
	assert_int_equal(rig_flows(rig), 1); /* the way back */
}

static void test_split_for_nat_and_into_more_than_two(void **state)
{
	static const size_t lens[] = { 576, 576, 576, 508 - 228 };
	static const struct frame f = REQUEST(.proto = IPPROTO_UDP, .payload = 2000);
	struct frame out = leaving(&f, CLIENT, WEB1, WEB1);
	struct bytes b = may_split(&f);

	narrow(METHOD_NAT, IPPROTO_UDP, 600);
	wire_in(&b);
	expect_parts(&out, 0, lens, 4, 0);
	/* 1st | rest, 2nd | rest, 3rd | 4th */
	assert_int_equal(counted(COUNT_MADE_FRAGMENT), 6);
	assert_int_equal(counted(COUNT_HELD), 3);
}

/* The checksum covers both parts: nobody can finish it later. */
static void test_split_finishes_the_checksum(void **state)
{
	static const size_t lens[] = { 1160, 848 };
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	unsigned i, parity;

	for (i = 0; i < 4; i++) {
		uint8_t proto = protos[i / 2];
		struct frame f = REQUEST(.proto = proto, .flags = SYN, .unfinished = true);
		struct frame out;
		struct bytes b;
		size_t parts[2] = { lens[0], lens[1] };

		parity = i & 1;
		f.payload = (uint16_t)(2008 - (proto == IPPROTO_UDP ? 8 : 20) - parity);
		parts[1] -= parity;
		b = may_split(&f);
		narrow(METHOD_NAT, proto, 1180);
		out = leaving(&f, CLIENT, WEB1, WEB1);
		out.unfinished = false;
		cable_send(cables.front, b.at, b.len, ETH + 20);
		expect_parts(&out, 0, parts, 2, 0);
	}
}

/* A wrong checksum must arrive as a wrong one. */
static void test_split_does_not_mend_a_checksum(void **state)
{
	static const struct frame f = REQUEST(.proto = IPPROTO_UDP, .payload = 2000);
	struct bytes b = may_split(&f);
	uint8_t got[FRAME_MAX], good[FRAME_MAX];
	struct frame out = leaving(&f, CLIENT, WEB1, WEB1);

	narrow(METHOD_NAT, IPPROTO_UDP, 1180);
	b.at[ETH + 20 + 8] ^= 1;
	wire_in(&b);
	frame_build(&out, false, good);
	assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), ETH + 20 + 1160);
	assert_memory_equal(got + ETH + 26, good + ETH + 26, 2);
	assert_int_equal(got[ETH + 28], good[ETH + 28] ^ 1);
	assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), ETH + 20 + 848);
}

static void test_split_of_a_fragment(void **state)
{
	static const size_t lens[] = { 576, 424, 508 };
	struct frame out = leaving(&datagram, CLIENT, WEB1, WEB1);
	unsigned i;

	narrow(METHOD_NAT, IPPROTO_UDP, 600);
	for (i = 0; i < PIECES; i++) {
		struct bytes b = piece(&datagram, i);

		wire_in(&b);
		if (i < 2)
			expect_parts(&out, i * PIECE, lens, 2, 0);
		else
			expect_parts(&out, i * PIECE, lens + 2, 1, 0);
	}
}

/* RFC 791: a copied option is in all fragments, others are in the first one. */
static void test_split_copies_options(void **state)
{
	static const uint8_t options[16] = {
		0x44, 8, 5, 0, 1, 2, 3, 4, /* timestamps: not copied */
		0x94, 4, 0, 0,		   /* router alert: copied */
		1,    7, 3, 0,		   /* NOP, record route: not copied */
	};
	static const uint8_t in_second[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 0x94, 4, 0, 0, 1, 1, 1, 1 };
	static const struct frame f =
		REQUEST(.proto = IPPROTO_UDP, .payload = 2000, .ip_options = 16);
	struct bytes b = may_split(&f);
	uint8_t got[FRAME_MAX];
	struct iphdr ip;

	memcpy(b.at + ETH + 20, options, sizeof(options));
	memcpy(&ip, b.at + ETH, sizeof(ip));
	ip.check = 0;
	memcpy(b.at + ETH, &ip, sizeof(ip));
	ip.check = csum_fold(csum_add(0, b.at + ETH, 36));
	memcpy(b.at + ETH, &ip, sizeof(ip));
	narrow(METHOD_NAT, IPPROTO_UDP, 1180);
	wire_in(&b);
	assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), ETH + 36 + 1144);
	assert_memory_equal(got + ETH + 20, options, sizeof(options));
	assert_int_equal(csum_fold(csum_add(0, got + ETH, 36)), 0);
	assert_int_equal(cable_receive(cables.back, who_mac(WEB1), got), ETH + 36 + 864);
	assert_memory_equal(got + ETH + 20, in_second, sizeof(in_second));
	assert_int_equal(csum_fold(csum_add(0, got + ETH, 36)), 0);
}

/* What must not be split, or cannot be. */
static void not_split(void)
{
	static const struct frame df = REQUEST(.proto = IPPROTO_UDP, .payload = 2000);
	static const struct context usual;
	struct bytes b = {}, may = may_split(&df);
	struct outcome o;

	rig_service(rig, SVC, VIP, IPPROTO_UDP, METHOD_NAT, 1);
	rig->servers[SERVER1].hops[0].mtu = 1280;
	b.len = frame_build(&df, rig->v6, b.at);
	if (rig->hook == HOOK_XDP) {
		expect_verdict(&b, COUNT_PASSED);
		if (!rig->v6)
			expect_verdict(&may, COUNT_PASSED);
		return;
	}
	rig_run_bytes(rig, b.at, b.len, &usual, &o);
	assert_int_equal(o.action, action_redirect(rig->hook)); /* an answer */
	assert_int_equal(counted(COUNT_DROP_TOO_BIG), 1);
	assert_int_equal(counted(COUNT_MADE_TOO_BIG), 1);
	if (rig->v6)
		return;
	/* not even the header would fit, or no 8 bytes more */
	rig->servers[SERVER1].hops[0].mtu = 19;
	expect_verdict(&may, COUNT_DROP_TOO_BIG);
	rig->servers[SERVER1].hops[0].mtu = 27;
	expect_verdict(&may, COUNT_DROP_TOO_BIG);
	rig->servers[SERVER1].hops[0].mtu = 1000;
	rig_run_bytes(rig, may.at, may.len, &(struct context){ .gso_size = 1000, .gso_segs = 2 },
		      &o);
	assert_int_equal(o.action, action_drop(rig->hook));
	assert_int_equal(counted(COUNT_MADE_FRAGMENT), 0);
}

static void test_not_everything_is_split(void **state)
{
	play(not_split, HOOK_INGRESS);
}

static void test_xdp_leaves_splitting_to_tc(void **state)
{
	play(not_split, HOOK_XDP);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int on_the_wire(void **state)
{
	cables_open(&cables, rig);
	return 0;
}

static int drained(void **state)
{
	cable_drain(cables.back);
	return 0;
}

static int off_the_wire(void **state)
{
	cables_close(&cables, rig);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest bench[] = {
		cmocka_unit_test(test_nat_both_ways),
		cmocka_unit_test(test_dr),
		cmocka_unit_test(test_fullnat_both_ways),
		cmocka_unit_test(test_tun),
		cmocka_unit_test(test_tcp_segments),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_known_sum_stays_right),
		cmocka_unit_test(test_extension_header_behind_the_fragment_header),
		cmocka_unit_test(test_options_and_extension_headers_before),
		cmocka_unit_test(test_xdp_leaves_fragments_to_tc),
		cmocka_unit_test(test_others_fragments_pass),
		cmocka_unit_test(test_tcp_without_a_flow),
		cmocka_unit_test(test_gate_is_closed),
		cmocka_unit_test(test_gate_closes_between),
		cmocka_unit_test(test_later_one_begins_no_flow),
		cmocka_unit_test(test_headers_in_pieces_are_dropped),
		cmocka_unit_test(test_beyond_the_longest_packet_is_dropped),
		cmocka_unit_test(test_fragment_header_behind_the_packet),
		cmocka_unit_test(test_chain_of_headers_must_be_whole),
		cmocka_unit_test(test_note_is_good_for_15_seconds),
		cmocka_unit_test(test_four_of_a_packet_are_held),
		cmocka_unit_test(test_jumbo_frames_are_not_held),
		cmocka_unit_test(test_not_everything_is_split),
		cmocka_unit_test(test_xdp_leaves_splitting_to_tc),
	};
	static const struct CMUnitTest wire[] = {
		cmocka_unit_test_setup(test_held_ones_follow_the_first, drained),
		cmocka_unit_test_setup(test_held_ones_follow_with_dr, drained),
		cmocka_unit_test_setup(test_held_ones_follow_to_an_unresolved_server, drained),
		cmocka_unit_test_setup(test_unfinished_checksum_does_not_stay_behind, drained),
		cmocka_unit_test_setup(test_held_ones_follow_to_the_stack, drained),
		cmocka_unit_test_setup(test_held_for_a_second, drained),
		cmocka_unit_test_setup(test_none_is_left_behind_on_two_cpus, drained),
		cmocka_unit_test_setup(test_split_for_a_tunnel, drained),
		cmocka_unit_test_setup(test_split_for_a_service_of_one_packet_each, drained),
		cmocka_unit_test_setup(test_split_for_nat_and_into_more_than_two, drained),
		cmocka_unit_test_setup(test_split_finishes_the_checksum, drained),
		cmocka_unit_test_setup(test_split_does_not_mend_a_checksum, drained),
		cmocka_unit_test_setup(test_split_of_a_fragment, drained),
		cmocka_unit_test_setup(test_split_copies_options, drained),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(bench, NULL, NULL);
	r += cmocka_run_group_tests(wire, on_the_wire, off_the_wire);
	rig_close(rig);
	return r;
}
