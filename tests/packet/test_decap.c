// SPDX-License-Identifier: BSD-2-Clause
/* Decapsulation on a real server: what is opened comes out byte by byte as it went in, everything
 * else stays as it was, and each packet to a tunnel's address is counted once. */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame.h"
#include "lib/csum.h"
#include "rs/decap.skel.h"
#include "rs/decap_abi.h"

#define STATUS_SKIPPED 77
#define NO_COUNTER     DECAP_COUNTERS_N
#define CE	       3

static struct decap_bpf *skel;
static bool xdp; /* which program the tests run */

/* The outer header. */
struct outer {
	enum who to; /* WEB1 */
	bool v6;
	uint8_t proto; /* as the inner packet needs it */
	uint8_t ecn;
	uint8_t options;   /* bytes of IPv4 options */
	uint16_t fragment; /* the fragment field; IPv6: a fragment header with it */
};

static size_t put_outer4(const struct outer *o, uint8_t proto, size_t inner_len, uint8_t *p)
{
	struct addr src = who_addr(FRONT, false), dst = who_addr(o->to, false);
	size_t len = sizeof(struct iphdr) + o->options;
	struct iphdr ip = {
		.version = 4,
		.ihl = len / 4,
		.tos = o->ecn,
		.tot_len = htons((uint16_t)(len + inner_len)),
		.frag_off = htons(o->fragment),
		.ttl = 64,
		.protocol = proto,
		.saddr = src.a[3],
		.daddr = dst.a[3],
	};

	memset(p, 1, len); /* NOP */
	memcpy(p, &ip, sizeof(ip));
	ip.check = csum_fold(csum_add(0, p, len));
	memcpy(p, &ip, sizeof(ip));
	return len;
}

static size_t put_outer6(const struct outer *o, uint8_t proto, size_t inner_len, uint8_t *p)
{
	struct addr src = who_addr(FRONT, true), dst = who_addr(o->to, true);
	uint8_t fragment[8] = { proto, 0, o->fragment >> 8, o->fragment & 0xff };
	size_t extra = o->fragment ? sizeof(fragment) : 0;
	struct ip6_hdr ip = {
		.ip6_flow = htonl(0x60000000u | (uint32_t)o->ecn << 20),
		.ip6_plen = htons((uint16_t)(extra + inner_len)),
		.ip6_hlim = 64,
		.ip6_nxt = extra ? IPPROTO_FRAGMENT : proto,
	};

	memcpy(&ip.ip6_src, &src, sizeof(src));
	memcpy(&ip.ip6_dst, &dst, sizeof(dst));
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), fragment, extra);
	return sizeof(ip) + extra;
}

/* The inner frame in an outer one; the MACs are the same. */
static size_t wrap(const struct outer *o, const uint8_t *inner, size_t len, uint8_t *buf)
{
	bool inner_v6 = inner[12] == 0x86;
	uint16_t type = htons(o->v6 ? ETH_P_IPV6 : ETH_P_IP);
	uint8_t proto = o->proto ? o->proto : inner_v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	struct outer full = *o;
	size_t outer_len;

	full.to = o->to ? o->to : WEB1;
	memcpy(buf, inner, ETH_HLEN);
	memcpy(buf + 12, &type, sizeof(type));
	len -= ETH_HLEN;
	outer_len = (o->v6 ? put_outer6 : put_outer4)(&full, proto, len, buf + ETH_HLEN);
	memcpy(buf + ETH_HLEN + outer_len, inner + ETH_HLEN, len);
	return ETH_HLEN + outer_len + len;
}

/* ---- Running the programs ---- */

struct outcome {
	int action;
	size_t len;
	uint8_t frame[FRAME_MAX];
};

static void run(const uint8_t *frame, size_t len, uint32_t gso_size, struct outcome *ret)
{
	const struct bpf_program *program = xdp ? skel->progs.rs_decap_xdp : skel->progs.rs_decap;
	struct __sk_buff skb = { .gso_size = gso_size, .gso_segs = gso_size ? 2 : 0 };
	struct xdp_md md = { .data_end = (uint32_t)len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = ret->frame, .data_size_out = sizeof(ret->frame), .repeat = 1,
		    .ctx_in = xdp ? (void *)&md : (void *)&skb,
		    .ctx_size_in = xdp ? sizeof(md) : sizeof(skb));

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &opts), 0);
	ret->action = (int)opts.retval;
	ret->len = opts.data_size_out;
}

static int pass(void)
{
	return xdp ? (int)XDP_PASS : TC_ACT_UNSPEC;
}

static uint64_t counted(uint32_t what)
{
	uint64_t cpus[1024] = { 0 }, sum = 0;
	int n = libbpf_num_possible_cpus(), i;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.counters), &what, cpus), 0);
	for (i = 0; i < n; i++)
		sum += cpus[i];
	return sum;
}

static void reset(void)
{
	static uint64_t zeros[1024];
	uint32_t i;

	for (i = 0; i < DECAP_COUNTERS_N; i++)
		bpf_map_update_elem(bpf_map__fd(skel->maps.counters), &i, zeros, BPF_ANY);
}

/* Since the last reset() exactly one packet was counted, as that; NO_COUNTER: none was. */
static void assert_counted(uint32_t what)
{
	uint32_t i;

	for (i = 0; i < DECAP_COUNTERS_N; i++)
		if (counted(i) != (i == what))
			fail_msg("counter %u is %llu, wanted is counter %u", i,
				 (unsigned long long)counted(i), what);
	reset();
}

static void assert_untouched(const uint8_t *frame, size_t len, uint32_t counter)
{
	struct outcome o;

	run(frame, len, 0, &o);
	assert_int_equal(o.action, pass());
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame, frame, len);
	assert_counted(counter);
}

static uint32_t opened_as(bool outer_v6, bool inner_v6)
{
	if (outer_v6)
		return inner_v6 ? DECAP_6IN6 : DECAP_4IN6;
	return inner_v6 ? DECAP_6IN4 : DECAP_4IN4;
}

static void assert_opened(const struct outer *o, const struct frame *f, bool inner_v6)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t inner_len = frame_build(f, inner_v6, inner), len = wrap(o, inner, inner_len, frame);
	struct outcome out;

	run(frame, len, 0, &out);
	assert_int_equal(out.action, pass());
	assert_int_equal(out.len, inner_len);
	assert_memory_equal(out.frame, inner, inner_len);
	assert_counted(opened_as(o->v6, inner_v6));
}

static const struct frame to_vip = { .from = CLIENT, .to = VIP, .link_to = FRONT, .payload = 100 };

#define for_each_pair(outer6, inner6)                                                              \
	for (int pair_ = 0, outer6 = 0, inner6 = 0; pair_ < 4;                                     \
	     pair_++, outer6 = pair_ >> 1, inner6 = pair_ & 1)

/* TC cannot change the family. */
static bool can(bool outer_v6, bool inner_v6)
{
	return xdp || outer_v6 == inner_v6;
}

/* ---- The tests ---- */

static void packets_for_a_vip_are_opened(void **state)
{
	struct frame big = to_vip, tiny = to_vip, udp = to_vip;

	big.payload = 1400;
	tiny.payload = 0;
	udp.proto = IPPROTO_UDP;
	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6 };

		if (!can(v6, inner_v6))
			continue;
		assert_opened(&o, &to_vip, inner_v6);
		assert_opened(&o, &big, inner_v6);
		assert_opened(&o, &tiny, inner_v6);
		assert_opened(&o, &udp, inner_v6);
	}
}

static void tc_leaves_mixed_families_alone(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t len;

	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6 };

		if (can(v6, inner_v6))
			continue;
		len = wrap(&o, inner, frame_build(&to_vip, inner_v6, inner), frame);
		assert_untouched(frame, len, DECAP_MIXED);
	}
}

static void inner_options_and_outer_options_do_not_matter(void **state)
{
	struct frame options = to_vip, fragment = to_vip;

	options.ip_options = 8;
	fragment.fragment = 0x2000;
	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6 }, with_options = { .options = 4 },
			     full = { .options = 40 };

		if (!can(v6, inner_v6))
			continue;
		assert_opened(&o, &options, inner_v6);
		assert_opened(&o, &fragment, inner_v6);
		if (v6)
			continue;
		assert_opened(&with_options, &to_vip, inner_v6);
		assert_opened(&full, &options, inner_v6);
	}
}

/* A super-packet here is of no kind (gso_type cannot be set), which the kernel refuses; those of
 * TCP are seen in tests/net. */
static void what_the_kernel_refuses_stays_whole(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	struct frame big = to_vip;
	struct outcome out;
	size_t len;
	int v6;

	big.payload = 2800;
	for (v6 = 0; v6 < 2; v6++) {
		struct outer o = { .v6 = v6 };

		len = wrap(&o, inner, frame_build(&big, v6, inner), frame);
		run(frame, len, 1400, &out);
		assert_int_equal(out.action, pass());
		assert_int_equal(out.len, len);
		assert_memory_equal(out.frame, frame, len);
		assert_counted(DECAP_REFUSED);
	}
}

static void a_vip_may_be_a_network(void **state)
{
	struct frame f = to_vip;

	f.to = VIP2; /* in WEB2's tunnel: a network */
	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6, .to = WEB2 };

		if (can(v6, inner_v6))
			assert_opened(&o, &f, inner_v6);
	}
}

static void packets_to_others_are_not_looked_at(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t len;

	for_each_pair(v6, inner_v6)
	{
		struct outer other = { .v6 = v6, .to = WEB3 }, udp = { .v6 = v6 };

		udp.proto = IPPROTO_UDP;
		len = frame_build(&to_vip, inner_v6, inner);
		assert_untouched(inner, len, NO_COUNTER);
		assert_untouched(frame, wrap(&other, inner, len, frame), NO_COUNTER);
		assert_untouched(frame, wrap(&udp, inner, len, frame), NO_COUNTER);
		wrap(&udp, inner, len, frame);
		frame[12] = 0x08;
		frame[13] = 0x06; /* ARP */
		assert_untouched(frame, len, NO_COUNTER);
	}
}

/* WEB1's tunnel brings VIP only, WEB2's the network of VIP2 only. */
static void nothing_but_the_tunnels_vips_comes_in(void **state)
{
	static const struct {
		enum who tunnel, to;
	} cases[] = { { WEB1, WEB1 }, { WEB1, VIP2 }, { WEB1, FRONT }, { WEB2, VIP } };
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t i, len;

	for_each_pair(v6, inner_v6)
	{
		for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			struct outer o = { .v6 = v6, .to = cases[i].tunnel };
			struct frame f = to_vip;

			f.to = cases[i].to;
			len = wrap(&o, inner, frame_build(&f, inner_v6, inner), frame);
			assert_untouched(frame, len, DECAP_NOT_VIP);
		}
	}
}

static void outer_fragments_are_left_to_the_stack(void **state)
{
	static const uint16_t fields4[] = { 0x2000, 0x00b9, 0x20b9 }, fields6[] = { 1, 0x5a9, 8 };
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t i, len;

	for_each_pair(v6, inner_v6)
	{
		for (i = 0; i < 3; i++) {
			struct outer o = { .v6 = v6 };

			o.fragment = v6 ? fields6[i] : fields4[i];
			len = wrap(&o, inner, frame_build(&to_vip, inner_v6, inner), frame);
			assert_untouched(frame, len, DECAP_FRAGMENT);
		}
	}
}

/* Cut at each byte: before the inner header is whole, nothing happens. */
static void truncated_packets_are_left_to_the_stack(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t outer_len, need, len;

	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6 };

		wrap(&o, inner, frame_build(&to_vip, inner_v6, inner), frame);
		outer_len = ETH_HLEN + (v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
		need = outer_len + (inner_v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
		/* The kernel gives TC whole outer headers only, BPF_PROG_TEST_RUN no others. */
		for (len = xdp ? ETH_HLEN + 1 : outer_len; len < need; len++)
			assert_untouched(frame, len,
					 len < outer_len ? NO_COUNTER : DECAP_MALFORMED);
	}
}

static void an_inner_packet_of_another_version_is_not_opened(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t len;

	for_each_pair(v6, inner_v6)
	{
		struct outer o = { .v6 = v6, .proto = inner_v6 ? IPPROTO_IPIP : IPPROTO_IPV6 };

		len = wrap(&o, inner, frame_build(&to_vip, inner_v6, inner), frame);
		assert_untouched(frame, len, DECAP_MALFORMED);
	}
}

/* Sets the mark of a frame's IP header. */
static void set_ecn(uint8_t *frame, bool v6, uint8_t ecn)
{
	struct iphdr ip;

	if (v6) {
		frame[ETH_HLEN + 1] = (uint8_t)((frame[ETH_HLEN + 1] & ~0x30) | ecn << 4);
		return;
	}
	memcpy(&ip, frame + ETH_HLEN, sizeof(ip));
	ip.tos = (uint8_t)((ip.tos & ~3) | ecn);
	ip.check = 0;
	ip.check = csum_fold(csum_add(0, &ip, sizeof(ip)));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
}

/* RFC 6040, figure 4: each mark outside with each inside. */
static void marks_of_congestion_come_through(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	size_t inner_len, len;
	uint8_t in, out;

	for_each_pair(v6, inner_v6)
	{
		for (in = 0; in < 16 && can(v6, inner_v6); in++) {
			struct outer o = { .v6 = v6, .ecn = in >> 2 };
			struct outcome result;

			inner_len = frame_build(&to_vip, inner_v6, inner);
			set_ecn(inner, inner_v6, in & 3);
			len = wrap(&o, inner, inner_len, frame);
			run(frame, len, 0, &result);
			if (o.ecn == CE && !(in & 3)) {
				assert_int_equal(result.action, xdp ? (int)XDP_DROP : TC_ACT_SHOT);
				assert_counted(DECAP_ECN);
				continue;
			}
			out = o.ecn == CE ? CE : in & 3;
			set_ecn(inner, inner_v6, out);
			assert_int_equal(result.action, pass());
			assert_int_equal(result.len, inner_len);
			assert_memory_equal(result.frame, inner, inner_len);
			assert_counted(opened_as(v6, inner_v6));
		}
	}
}

/* Looks for an id with which the IPv4 header's checksum is the wanted one. */
static void choose_check(uint8_t *frame, uint16_t wanted)
{
	struct iphdr ip;
	uint32_t id;

	memcpy(&ip, frame + ETH_HLEN, sizeof(ip));
	for (id = 0; id < 0x10000; id++) {
		ip.id = htons((uint16_t)id);
		ip.check = 0;
		ip.check = csum_fold(csum_add(0, &ip, sizeof(ip)));
		if (ip.check == htons(wanted))
			break;
	}
	assert_true(id < 0x10000);
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
}

static void a_mark_changes_the_sum_also_where_it_carries(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX + 100];
	const struct outer o = { .ecn = CE };
	struct outcome result;
	size_t inner_len, len;
	uint16_t check;
	uint8_t ecn;

	for (check = 0; check < 4; check++) {
		for (ecn = 1; ecn < CE; ecn++) {
			inner_len = frame_build(&to_vip, false, inner);
			set_ecn(inner, false, ecn);
			choose_check(inner, check);
			len = wrap(&o, inner, inner_len, frame);
			run(frame, len, 0, &result);
			set_ecn(inner, false, CE);
			assert_memory_equal(result.frame, inner, inner_len);
			assert_counted(DECAP_4IN4);
		}
	}
}

/* ---- Setting up ---- */

static void add_tunnel(enum who to, bool v6, uint32_t number)
{
	struct addr a = who_addr(to, v6);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.tunnels), &a, &number, BPF_ANY),
			 0);
}

static void add_vip(uint32_t tunnel, enum who vip, bool v6, unsigned len)
{
	struct decap_vip key = {
		.bits = DECAP_VIP_BITS + (v6 ? 0 : 96) + len,
		.tunnel = tunnel,
		.vip = who_addr(vip, v6),
	};
	uint32_t one = 1;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.vips), &key, &one, BPF_ANY), 0);
}

static int use_tc(void **state)
{
	xdp = false;
	reset();
	return 0;
}

static int use_xdp(void **state)
{
	xdp = true;
	reset();
	return 0;
}

static void load(void)
{
	int v6;

	skel = decap_bpf__open();
	if (!skel)
		exit(1);
	bpf_map__set_max_entries(skel->maps.tunnels, 8);
	bpf_map__set_max_entries(skel->maps.vips, 16);
	errno = 0;
	if (decap_bpf__load(skel)) {
		fprintf(stderr, "%sBPF programs cannot be loaded\n",
			errno == EPERM ? "skipped: " : "");
		exit(errno == EPERM ? STATUS_SKIPPED : 1);
	}
	for (v6 = 0; v6 < 2; v6++) {
		add_tunnel(WEB1, v6, (uint32_t)v6);
		add_tunnel(WEB2, v6, (uint32_t)(2 + v6));
		add_vip((uint32_t)v6, VIP, false, 32);
		add_vip((uint32_t)v6, VIP, true, 128);
		add_vip((uint32_t)(2 + v6), VIP2, false, 30);
		add_vip((uint32_t)(2 + v6), VIP2, true, 124);
	}
}

#define BOTH(test)                                                                                 \
	{ #test " (tc)", test, use_tc, NULL, NULL },                                               \
	{                                                                                          \
#test " (xdp)", test, use_xdp, NULL, NULL                                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(packets_for_a_vip_are_opened),
		cmocka_unit_test_setup(tc_leaves_mixed_families_alone, use_tc),
		BOTH(inner_options_and_outer_options_do_not_matter),
		cmocka_unit_test_setup(what_the_kernel_refuses_stays_whole, use_tc),
		BOTH(a_vip_may_be_a_network),
		BOTH(packets_to_others_are_not_looked_at),
		BOTH(nothing_but_the_tunnels_vips_comes_in),
		BOTH(outer_fragments_are_left_to_the_stack),
		BOTH(truncated_packets_are_left_to_the_stack),
		BOTH(an_inner_packet_of_another_version_is_not_opened),
		BOTH(marks_of_congestion_come_through),
		BOTH(a_mark_changes_the_sum_also_where_it_carries),
	};
	int r;

	load();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	decap_bpf__destroy(skel);
	return r;
}
