// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp/packet and frame: bytes on the wire, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/csum.h"
#include "vrrp/frame.h"
#include "vrrp/packet.h"
#include "vrrp/vrrp.h"

/* Captured from keepalived 2.2.7, but for the one whose checksum covers the message alone. */
static const struct golden {
	const char *bytes, *src, *dst, *addresses[2];
	uint8_t vrid, priority;
	bool pseudo;
	uint8_t version;
	const char *password;
} golden[] = {
	{ "3135c8010064115d0a090066",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.102" },
	  53,
	  200,
	  true,
	  3,
	  NULL },
	{ "3136c8010064115b0a090067",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.103" },
	  54,
	  200,
	  true,
	  3,
	  NULL },
	{ "3136c8010064fbf30a090067",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.103" },
	  54,
	  200,
	  false,
	  3,
	  NULL },
	{ "313500010064d95d0a090066",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.102" },
	  53,
	  0,
	  true,
	  3,
	  NULL },
	{ "3137c8020064d9f8fe80000000000000000000000000010020010db8000000000000000000000100",
	  "fe80::1",
	  "ff02::12",
	  { "fe80::100", "2001:db8::100" },
	  55,
	  200,
	  true,
	  3,
	  NULL },
	{ "313700020064a1f9fe80000000000000000000000000010020010db8000000000000000000000100",
	  "fe80::1",
	  "ff02::12",
	  { "fe80::100", "2001:db8::100" },
	  55,
	  0,
	  true,
	  3,
	  NULL },
	{ "2133c80100010c5d0a0900640000000000000000",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.100" },
	  51,
	  200,
	  false,
	  2,
	  NULL },
	{ "2134c8010101cf400a0900657333637265740000",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.101" },
	  52,
	  200,
	  false,
	  2,
	  "s3cret" },
	{ "213300010001d45d0a0900640000000000000000",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.100" },
	  51,
	  0,
	  false,
	  2,
	  NULL },
	{ "21340001010197410a0900657333637265740000",
	  "10.9.0.1",
	  "224.0.0.18",
	  { "10.9.0.101" },
	  52,
	  0,
	  false,
	  2,
	  "s3cret" },
};
#define N_GOLDEN (sizeof(golden) / sizeof(*golden))

struct sample {
	uint8_t bytes[128];
	struct vrrp_datagram d;
	struct vrrp_dialect how;
};

enum {
	V2 = 6, /* golden: without and with a password */
	V2_PASSWORD,
};

static const struct vrrp_dialect v3 = { .version = 3, .interval = { 1000000 } };

static size_t from_hex(const char *hex, uint8_t *ret)
{
	size_t n;

	for (n = 0; hex[2 * n]; n++)
		assert_int_equal(sscanf(hex + 2 * n, "%2hhx", &ret[n]), 1);
	return n;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void take(struct sample *s, const struct golden *g)
{
	memset(s, 0, sizeof(*s));
	s->d.len = from_hex(g->bytes, s->bytes);
	s->d.data = s->bytes;
	s->d.src = addr(g->src);
	s->d.dst = addr(g->dst);
	s->d.family = addr_family(&s->d.src);
	s->d.hops = 255;
	s->how = (struct vrrp_dialect)
	{
		.version = g->version, .interval = SEC(1)
		, .password = g->password, .message_only = !g->pseudo
	};
}

/* Makes the checksum right again after a change of the bytes. */
static void seal(struct sample *s)
{
	uint16_t sum;

	memset(s->bytes + 6, 0, 2);
	sum = csum_fold(s->how.version == 2
				? csum_add(0, s->bytes, s->d.len)
				: csum_add_pseudo(csum_add(0, s->bytes, s->d.len), &s->d.src,
						  &s->d.dst, VRRP_PROTOCOL, (uint32_t)s->d.len));
	memcpy(s->bytes + 6, &sum, 2);
}

static void golden_packets_are_understood(void **state)
{
	struct vrrp_advert a;
	struct addr got, want;
	struct sample s;
	size_t i;
	unsigned k;

	for (i = 0; i < N_GOLDEN; i++) {
		take(&s, &golden[i]);
		assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_VALID);
		assert_int_equal(a.vrid, golden[i].vrid);
		assert_int_equal(a.priority, golden[i].priority);
		assert_int_equal(a.interval.us, 1000000);
		assert_int_equal(a.pseudo, golden[i].pseudo);
		assert_false(a.trailing);
		assert_int_equal(a.n_addresses, golden[i].addresses[1] ? 2 : 1);
		for (k = 0; k < a.n_addresses; k++) {
			got = vrrp_advert_address(&a, k);
			want = addr(golden[i].addresses[k]);
			assert_true(addr_equal(&got, &want));
		}
	}
}

static void golden_packets_are_built(void **state)
{
	uint8_t built[VRRP_PACKET_MAX];
	struct addr addresses[2];
	struct sample s;
	size_t i;
	unsigned n;

	for (i = 0; i < N_GOLDEN; i++) {
		take(&s, &golden[i]);
		for (n = 0; n < 2 && golden[i].addresses[n]; n++)
			addresses[n] = addr(golden[i].addresses[n]);
		assert_int_equal(vrrp_packet_build(built, &s.how, golden[i].vrid,
						   golden[i].priority, addresses, n, &s.d.src,
						   &s.d.dst),
				 s.d.len);
		assert_memory_equal(built, s.bytes, s.d.len);
	}
}

/* Each copy ends where its allocation does, so that AddressSanitizer sees a byte read beyond. */
static void every_truncation_is_short(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	uint8_t *exact;
	size_t i, n;

	for (i = 0; i < N_GOLDEN; i++) {
		take(&s, &golden[i]);
		for (n = 0; n < s.d.len; n++) {
			struct vrrp_datagram d = s.d;

			exact = malloc(n ? n : 1);
			memcpy(exact, s.bytes, n);
			d.data = exact;
			d.len = n;
			assert_int_equal(vrrp_packet_parse(&d, &s.how, &a), VRRP_BAD_SHORT);
			free(exact);
		}
	}
}

static void every_corrupted_byte_is_refused(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	size_t i, at;
	int flip;

	for (i = 0; i < N_GOLDEN; i++) {
		take(&s, &golden[i]);
		for (at = 0; at < s.d.len; at++) {
			for (flip = 1; flip < 256; flip++) {
				s.bytes[at] ^= (uint8_t)flip;
				assert_int_not_equal(vrrp_packet_parse(&s.d, &s.how, &a),
						     VRRP_VALID);
				s.bytes[at] ^= (uint8_t)flip;
			}
		}
	}
}

static void each_fault_has_its_verdict(void **state)
{
	static const struct {
		int at, value; /* at -1: the TTL */
		enum vrrp_verdict v4, v6;
	} cases[] = {
		{ -1, 254, VRRP_BAD_TTL, VRRP_BAD_TTL },
		{ -1, -1, VRRP_BAD_TTL, VRRP_BAD_TTL },
		{ 0, 0x21, VRRP_BAD_VERSION, VRRP_BAD_VERSION }, /* version 2, and also CARP */
		{ 0, 0x41, VRRP_BAD_VERSION, VRRP_BAD_VERSION },
		{ 0, 0x32, VRRP_BAD_TYPE, VRRP_BAD_TYPE },
		{ 3, 3, VRRP_BAD_SHORT, VRRP_BAD_SHORT },
		{ 3, 255, VRRP_BAD_SHORT, VRRP_BAD_SHORT },
		{ 8, 0x20, VRRP_VALID, VRRP_BAD_LINK_LOCAL },
		{ 5, 0, VRRP_BAD_INTERVAL, VRRP_BAD_INTERVAL },
		{ 4, 0xf0, VRRP_VALID, VRRP_VALID }, /* the reserved bits are ignored */
		{ 2, 255, VRRP_VALID, VRRP_VALID },
	};
	struct vrrp_advert a;
	struct sample s;
	size_t i;
	int k;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (k = 0; k < 2; k++) {
			take(&s, &golden[k ? 4 : 0]);
			if (cases[i].at < 0)
				s.d.hops = cases[i].value;
			else
				s.bytes[cases[i].at] = (uint8_t)cases[i].value;
			seal(&s);
			assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a),
					 k ? cases[i].v6 : cases[i].v4);
		}
	}
}

static void each_fault_of_version_2_has_its_verdict(void **state)
{
	static const struct {
		int at, value;
		enum vrrp_verdict plain, password;
	} cases[] = {
		{ 0, 0x31, VRRP_BAD_VERSION, VRRP_BAD_VERSION },
		{ 0, 0x22, VRRP_BAD_TYPE, VRRP_BAD_TYPE },
		{ 3, 2, VRRP_BAD_SHORT, VRRP_BAD_SHORT },
		{ 3, 0, VRRP_BAD_COUNT, VRRP_BAD_AUTH }, /* what follows is not where it was */
		{ 4, 0, VRRP_VALID, VRRP_BAD_AUTH },
		{ 4, 1, VRRP_BAD_AUTH, VRRP_VALID },
		{ 4, 2, VRRP_BAD_AUTH, VRRP_BAD_AUTH }, /* AH */
		{ 5, 0, VRRP_BAD_INTERVAL, VRRP_BAD_INTERVAL },
		{ 5, 2, VRRP_BAD_OTHER_INTERVAL, VRRP_BAD_OTHER_INTERVAL },
		{ 12, 'S', VRRP_VALID, VRRP_BAD_AUTH },
		{ 19, 'x', VRRP_VALID, VRRP_BAD_AUTH },
	};
	struct vrrp_advert a;
	struct sample s;
	size_t i;
	int k;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (k = 0; k < 2; k++) {
			take(&s, &golden[k ? V2_PASSWORD : V2]);
			s.bytes[cases[i].at] = (uint8_t)cases[i].value;
			if (!s.bytes[3])
				s.d.len = VRRP_HEADER_LEN + VRRP_AUTH_LEN;
			seal(&s);
			assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a),
					 k ? cases[i].password : cases[i].plain);
		}
	}
}

/* An FreeBSD or OpenBSD neighbour: same protocol number, and 2 where the version is. */
static void carp_is_no_vrrp(void **state)
{
	uint8_t carp[36] = { 0x21, 51, 100, 7, 0, 1 };
	struct vrrp_datagram d = { AF_INET, addr("10.9.0.1"), addr("224.0.0.18"), 255, carp, 36 };
	struct vrrp_dialect v2 = {.version = 2, .interval = SEC(1) };
	struct vrrp_advert a;
	uint16_t sum = csum_fold(csum_add(0, carp, sizeof(carp)));

	memcpy(carp + 6, &sum, 2);
	assert_int_equal(vrrp_packet_parse(&d, &v2, &a), VRRP_BAD_SHORT);
	assert_int_equal(vrrp_packet_parse(&d, &v3, &a), VRRP_BAD_VERSION);
}

/* RFC 2338 5.3.10: eight bytes, filled with zeros; what is longer is cut. */
static void passwords_have_eight_bytes(void **state)
{
	struct addr src = addr("10.9.0.1"), dst = addr("224.0.0.18"), vip = addr("10.9.0.100");
	struct vrrp_dialect eight = {.version = 2, .interval = SEC(1), .password = "12345678" };
	struct vrrp_dialect nine = {.version = 2, .interval = SEC(1), .password = "123456789" };
	uint8_t built[VRRP_PACKET_MAX];
	struct vrrp_datagram d = { AF_INET, src, dst, 255, built, 0 };
	struct vrrp_advert a;

	d.len = vrrp_packet_build(built, &nine, 1, 1, &vip, 1, &src, &dst);
	assert_int_equal(d.len, 20);
	assert_memory_equal(built + 12, "12345678", 8);
	assert_int_equal(vrrp_packet_parse(&d, &eight, &a), VRRP_VALID);
	eight.password = "1234567";
	assert_int_equal(vrrp_packet_parse(&d, &eight, &a), VRRP_BAD_AUTH);
}

static void version_2_has_no_pseudo_header(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	uint16_t sum;

	take(&s, &golden[V2]);
	memset(s.bytes + 6, 0, 2);
	sum = csum_fold(csum_add_pseudo(csum_add(0, s.bytes, s.d.len), &s.d.src, &s.d.dst,
					VRRP_PROTOCOL, (uint32_t)s.d.len));
	memcpy(s.bytes + 6, &sum, 2);
	assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_BAD_CHECKSUM);
}

/* keepalived 2.2.7 sends IPv6 unicast with 64. */
static void unicast_may_have_come_a_long_way(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	int k;

	for (k = 0; k < 2; k++) {
		take(&s, &golden[k ? 4 : 0]);
		s.d.dst = addr(k ? "fe80::2" : "10.9.0.2");
		s.d.hops = 64;
		seal(&s);
		assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_VALID);
	}
}

static void an_advert_without_addresses_is_refused(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	int k;

	for (k = 0; k < 2; k++) {
		take(&s, &golden[k ? 4 : 0]);
		s.bytes[3] = 0;
		s.d.len = VRRP_HEADER_LEN;
		seal(&s);
		assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_BAD_COUNT);
	}
}

static void ipv6_needs_its_pseudo_header(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	uint16_t sum;

	take(&s, &golden[4]);
	memset(s.bytes + 6, 0, 2);
	sum = csum_fold(csum_add(0, s.bytes, s.d.len));
	memcpy(s.bytes + 6, &sum, 2);
	assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_BAD_CHECKSUM);
}

static void bytes_after_the_addresses_are_ignored_and_told(void **state)
{
	struct vrrp_advert a;
	struct sample s;
	int k;

	for (k = 0; k < 2; k++) {
		take(&s, &golden[k ? 4 : 0]);
		memset(s.bytes + s.d.len, 0xa5, 28);
		s.d.len += 28;
		assert_int_equal(vrrp_packet_parse(&s.d, &s.how, &a), VRRP_VALID);
		assert_true(a.trailing);
		assert_int_equal(a.n_addresses, k ? 2 : 1);
	}
}

static void intervals_keep_their_centiseconds(void **state)
{
	static const int64_t us[] = { 10000, 20000, 1000000, 2560000, 40950000 };
	struct addr src = addr("10.9.0.1"), dst = addr("224.0.0.18"), vip = addr("10.9.0.102");
	uint8_t built[VRRP_PACKET_MAX];
	struct vrrp_datagram d = { AF_INET, src, dst, 255, built, 0 };
	struct vrrp_advert a;
	size_t i;

	for (i = 0; i < sizeof(us) / sizeof(*us); i++) {
		struct vrrp_dialect how = { .version = 3, .interval = USEC(us[i]) };

		d.len = vrrp_packet_build(built, &how, 1, 1, &vip, 1, &src, &dst);
		assert_int_equal(vrrp_packet_parse(&d, &v3, &a), VRRP_VALID);
		assert_int_equal(a.interval.us, us[i]);
	}
}

static void the_largest_advert_passes_both_ways(void **state)
{
	struct addr src = addr("fe80::1"), dst = addr("ff02::12"), *list;
	uint8_t *built = malloc(VRRP_PACKET_MAX);
	struct vrrp_datagram d = { AF_INET6, src, dst, 255, built, VRRP_PACKET_MAX };
	struct vrrp_advert a;
	struct addr last;
	unsigned i;

	list = calloc(VRRP_MAX_ADDRESSES, sizeof(*list));
	for (i = 0; i < VRRP_MAX_ADDRESSES; i++) {
		list[i] = addr("fe80::");
		((uint8_t *)&list[i])[15] = (uint8_t)i;
	}
	assert_int_equal(vrrp_packet_build(built, &v3, 1, 1, list, VRRP_MAX_ADDRESSES, &src, &dst),
			 VRRP_PACKET_MAX);
	assert_int_equal(vrrp_packet_parse(&d, &v3, &a), VRRP_VALID);
	last = vrrp_advert_address(&a, VRRP_MAX_ADDRESSES - 1);
	assert_true(addr_equal(&last, &list[VRRP_MAX_ADDRESSES - 1]));
	free(built);
	free(list);
}

static void room_follows_the_mtu(void **state)
{
	assert_int_equal(vrrp_packet_room(3, AF_INET, 1500), 255);
	assert_int_equal(vrrp_packet_room(3, AF_INET6, 1500), 90);
	assert_int_equal(vrrp_packet_room(3, AF_INET, 68), 10);
	assert_int_equal(vrrp_packet_room(2, AF_INET, 68), 8);
	assert_int_equal(vrrp_packet_room(3, AF_INET, 20), 0);
}

static void ipv4_header_is_stripped_with_its_options(void **state)
{
	static const struct {
		size_t len, payload;
		uint8_t first;
		bool whole;
	} cases[] = {
		{ 32, 12, 0x45, true }, { 36, 12, 0x46, true }, { 20, 0, 0x45, true },
		{ 19, 0, 0x45, false }, { 23, 0, 0x46, false }, { 32, 0, 0x44, false },
		{ 32, 0, 0x65, false }, { 0, 0, 0x45, false },
	};
	struct vrrp_datagram d;
	uint8_t *bytes;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bytes = calloc(1, cases[i].len ? cases[i].len : 1);
		bytes[0] = cases[i].first;
		d = (struct vrrp_datagram){ .data = bytes, .len = cases[i].len };
		assert_int_equal(vrrp_strip_ipv4(&d), cases[i].whole);
		if (cases[i].whole) {
			assert_int_equal(d.len, cases[i].payload);
			assert_ptr_equal(d.data, bytes + cases[i].len - cases[i].payload);
		}
		free(bytes);
	}
}

static struct conf_vip vip(const char *prefix, const char *interface)
{
	struct conf_vip v = { .interface = interface };

	assert_int_equal(prefix_parse(prefix, &v.prefix), 0);
	return v;
}

static void link_local_addresses_lead_ipv6_adverts(void **state)
{
	struct conf_vip list[3] = { vip("2001:db8::10/64", "eth0"), vip("fe80::1/64", "eth1"),
				    vip("2001:db8::11/64", "eth0") };
	struct conf_vrrp c = { .interface = "eth0",
			       .vrid = 0x33,
			       .family = AF_INET6,
			       .addresses = list,
			       .n_addresses = 3 };
	struct conf_vip owned[4];
	char text[PREFIX_STRLEN];

	/* One on another interface does not count: it is made from the virtual MAC. */
	assert_int_equal(conf_vrrp_owned(&c, owned), 4);
	assert_string_equal(prefix_str(&owned[0].prefix, text), "fe80::200:5eff:fe00:233/64");
	assert_string_equal(owned[0].interface, "eth0");
	assert_string_equal(prefix_str(&owned[1].prefix, text), "2001:db8::10/64");
	assert_string_equal(prefix_str(&owned[3].prefix, text), "2001:db8::11/64");

	list[1].interface = "eth0";
	assert_int_equal(conf_vrrp_owned(&c, owned), 3);
	assert_string_equal(prefix_str(&owned[0].prefix, text), "fe80::1/64");
	assert_string_equal(prefix_str(&owned[1].prefix, text), "2001:db8::10/64");
	assert_string_equal(prefix_str(&owned[2].prefix, text), "2001:db8::11/64");
}

static void ipv4_adverts_keep_their_order(void **state)
{
	struct conf_vip list[2] = { vip("192.0.2.10/24", "eth0"), vip("169.254.0.1/16", "eth0") };
	struct conf_vrrp c = { .interface = "eth0",
			       .vrid = 1,
			       .family = AF_INET,
			       .addresses = list,
			       .n_addresses = 2 };
	struct conf_vip owned[3];

	assert_int_equal(conf_vrrp_owned(&c, owned), 2);
	assert_true(prefix_equal(&owned[0].prefix, &list[0].prefix));
	assert_true(prefix_equal(&owned[1].prefix, &list[1].prefix));
}

/* ---- Announcements ---- */

static const uint8_t mac[6] = { 0x02, 0x00, 0x00, 0x00, 0x00, 0xab };

static void gratuitous_arp_is_a_broadcast_request(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX], want[VRRP_FRAME_MAX];
	struct addr a = addr("192.0.2.10");
	size_t len = from_hex("ffffffffffff0200000000ab0806"
			      "0001080006040001"
			      "0200000000abc000020a"
			      "ffffffffffffc000020a",
			      want);

	assert_int_equal(vrrp_frame(mac, &a, true, frame), len);
	assert_memory_equal(frame, want, len);
}

static void neighbour_advertisement_overrides(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX], want[VRRP_FRAME_MAX];
	struct addr a = addr("2001:db8::10"), all = addr("ff02::1");
	size_t len = from_hex("3333000000010200000000ab86dd"
			      "6c00000000203aff"
			      "20010db8000000000000000000000010"
			      "ff020000000000000000000000000001"
			      "8800000020000000"
			      "20010db8000000000000000000000010"
			      "02010200000000ab",
			      want);
	uint32_t sum;

	assert_int_equal(vrrp_frame(mac, &a, false, frame), len);
	sum = csum_add_pseudo(csum_add(0, frame + 54, 32), &a, &all, 58, 32);
	assert_int_equal(csum_fold(sum), 0);
	memset(frame + 56, 0, 2);
	assert_memory_equal(frame, want, len);

	vrrp_frame(mac, &a, true, frame);
	assert_int_equal(frame[58], 0xa0);
}

static void headers_of_an_ipv6_advert(void **state)
{
	uint8_t headers[VRRP_FRAME_HEADERS_LEN], want[VRRP_FRAME_HEADERS_LEN];
	struct addr src = addr("fe80::1"), group = addr("ff02::12");
	size_t len = from_hex("3333000000120200000000ab86dd"
			      "6c000000002870ff"
			      "fe800000000000000000000000000001"
			      "ff020000000000000000000000000012",
			      want);

	assert_int_equal(len, sizeof(want));
	vrrp_frame_headers(mac, &src, &group, VRRP_PROTOCOL, 40, headers);
	assert_memory_equal(headers, want, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_packets_are_understood),
		cmocka_unit_test(golden_packets_are_built),
		cmocka_unit_test(every_truncation_is_short),
		cmocka_unit_test(every_corrupted_byte_is_refused),
		cmocka_unit_test(each_fault_has_its_verdict),
		cmocka_unit_test(each_fault_of_version_2_has_its_verdict),
		cmocka_unit_test(carp_is_no_vrrp),
		cmocka_unit_test(passwords_have_eight_bytes),
		cmocka_unit_test(version_2_has_no_pseudo_header),
		cmocka_unit_test(unicast_may_have_come_a_long_way),
		cmocka_unit_test(an_advert_without_addresses_is_refused),
		cmocka_unit_test(ipv6_needs_its_pseudo_header),
		cmocka_unit_test(bytes_after_the_addresses_are_ignored_and_told),
		cmocka_unit_test(intervals_keep_their_centiseconds),
		cmocka_unit_test(the_largest_advert_passes_both_ways),
		cmocka_unit_test(room_follows_the_mtu),
		cmocka_unit_test(ipv4_header_is_stripped_with_its_options),
		cmocka_unit_test(link_local_addresses_lead_ipv6_adverts),
		cmocka_unit_test(ipv4_adverts_keep_their_order),
		cmocka_unit_test(gratuitous_arp_is_a_broadcast_request),
		cmocka_unit_test(neighbour_advertisement_overrides),
		cmocka_unit_test(headers_of_an_ipv6_advert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
