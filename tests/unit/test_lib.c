// SPDX-License-Identifier: BSD-2-Clause
/* src/lib: addresses, checksums, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/csum.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "lib/siphash.h"
#include "lib/str.h"

static void addresses_of_both_families_read_back(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "192.0.2.1", "::", "2001:db8::1",
					     "fe80::1" };
	char buf[ADDR_STRLEN];
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(addr_parse(texts[i], &a), 0);
		assert_string_equal(addr_str(&a, buf), texts[i]);
	}
	assert_int_equal(addr_parse("192.0.2.1/24", &a), -EINVAL);
	assert_int_equal(addr_parse("host.example", &a), -EINVAL);
	assert_int_equal(addr_parse("", &a), -EINVAL);
}

static void prefix_contains_what_it_names(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool in;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "0.0.0.0/0", "10.1.1.1", true },
		{ "::/0", "10.1.1.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
	};
	struct prefix p;
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(prefix_parse(cases[i].prefix, &p), 0);
		assert_int_equal(addr_parse(cases[i].addr, &a), 0);
		assert_int_equal(prefix_contains(&p, &a), cases[i].in);
	}
	assert_int_equal(prefix_parse("192.0.2.0/33", &p), -EINVAL);
	assert_int_equal(prefix_parse("192.0.2.0/", &p), -EINVAL);
	assert_int_equal(prefix_parse("192.0.2.0/-1", &p), -EINVAL);
}

static void address_order_is_the_networks(void **state)
{
	struct addr a, b;

	addr_parse("10.0.0.9", &a);
	addr_parse("10.0.0.10", &b);
	assert_true(addr_cmp(&a, &b) < 0);
	addr_parse("128.0.0.1", &b);
	assert_true(addr_cmp(&a, &b) < 0);
}

/* The example of RFC 1071, section 3. */
static void checksum_of_the_rfc_example(void **state)
{
	const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(ntohs(csum_fold(csum_add(0, data, sizeof(data)))), 0x220d);
	/* an odd tail counts as if a zero followed */
	assert_int_equal(ntohs(csum_fold(csum_add(0, data, 1))), 0xffff);
	assert_int_equal(ntohs(csum_fold(csum_add(0, data, 3))), (uint16_t)~0xf201);
}

static void quote_shows_what_is_not_text(void **state)
{
	char buf[32];

	assert_string_equal(str_quote("a\n\\\x80", 4, buf, sizeof(buf)), "a\\x0a\\x5c\\x80");
	assert_string_equal(str_quote("0123456789", 10, buf, 8), "0123...");
}

static void distance_counts_slips(void **state)
{
	assert_int_equal(str_distance("weight", "weight"), 0);
	assert_int_equal(str_distance("wieght", "weight"), 1);
	assert_int_equal(str_distance("servers", "server"), 1);
	assert_int_equal(str_distance("", "abc"), 3);
}

/* The authors' vectors_sip64: key 00 01 .. 0f, message 00 01 .. of each length. */
static void siphash_gives_its_authors_vectors(void **state)
{
	static const struct siphash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	static const struct {
		size_t len;
		uint64_t want;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },	{ 2, 0x0d6c8009d9a94f5a },
		{ 3, 0x85676696d7fb7e2d },  { 4, 0xcf2794e0277187b7 },	{ 5, 0x18765564cd99a68d },
		{ 6, 0xcbc9466e58fee3ce },  { 7, 0xab0200f58b01d137 },	{ 8, 0x93f5f5799a932462 },
		{ 9, 0x9e0082df0ba9e4b0 },  { 15, 0xa129ca6149be45e5 }, { 16, 0x3f2acc7f57c29bdb },
		{ 18, 0x4bc1b3f0968dd39c }, { 63, 0x958a324ceb064572 },
	};
	uint8_t message[65];
	size_t i;

	for (i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i - 1);
	/* one byte further on: a message need not be aligned */
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(siphash(&key, message + 1, cases[i].len), cases[i].want);
}

static void arena_gives_zeroed_memory_of_any_size(void **state)
{
	struct arena *a = arena_new();
	char *small = arena_alloc(a, 10), *large = arena_alloc(a, 1 << 20);

	assert_int_equal(small[0] | small[9] | large[0] | large[(1 << 20) - 1], 0);
	assert_string_equal(arena_printf(a, "%s.%d", "x", 5), "x.5");
	arena_free(a);
}

struct ticker {
	struct loop_timer timer;
	struct loop *loop;
	usec_t due, fired;
};

static void on_tick(struct loop_timer *t, usec_t now)
{
	struct ticker *k = container_of(t, struct ticker, timer);

	k->fired = now;
	loop_stop(k->loop);
}

static void timer_is_never_early(void **state)
{
	struct ticker k = { .loop = loop_new() };
	int i;

	loop_timer_init(&k.timer, k.loop, LOOP_NORMAL, on_tick);
	for (i = 0; i < 5; i++) {
		k.due = usec_add(loop_now(), USEC(1300));
		loop_timer_at(&k.timer, k.due);
		loop_run(k.loop);
		assert_false(usec_before(k.fired, k.due));
	}
	loop_free(k.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_both_families_read_back),
		cmocka_unit_test(prefix_contains_what_it_names),
		cmocka_unit_test(address_order_is_the_networks),
		cmocka_unit_test(checksum_of_the_rfc_example),
		cmocka_unit_test(quote_shows_what_is_not_text),
		cmocka_unit_test(distance_counts_slips),
		cmocka_unit_test(siphash_gives_its_authors_vectors),
		cmocka_unit_test(arena_gives_zeroed_memory_of_any_size),
		cmocka_unit_test(timer_is_never_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
