// SPDX-License-Identifier: BSD-2-Clause
/* src/ipvs/sched.c against models written from IPVS's definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "ipvs/sched.h"
#include "lib/siphash.h"

#define N_MAX 300

static const unsigned all[] = { CONF_SCHED_RR,	CONF_SCHED_WRR, CONF_SCHED_LC,
				CONF_SCHED_WLC, CONF_SCHED_SH,	CONF_SCHED_MH };

/* Sizes that IPVS can be built with. */
static const uint32_t sizes[] = { 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- Servers ---- */

/* Server i is 10.9.0.(1 + i) or fd00:9::(1 + i), port 80, and has an id that does not follow its
 * address. */
static struct sched_server server(size_t i, uint32_t weight, bool v6)
{
	struct sched_server s = { .id = (uint32_t)(i * 7919 % 65521 + 1), .weight = weight };

	s.port = htons(80);
	s.addr.a[0] = htonl(v6 ? 0xfd000009 : 0);
	s.addr.a[2] = htonl(v6 ? 0 : 0xffff);
	s.addr.a[3] = htonl((v6 ? 0 : 0x0a090000) + (uint32_t)i + 1);
	return s;
}

static void equal_servers(struct sched_server *s, size_t n, bool v6)
{
	size_t i;

	for (i = 0; i < n; i++)
		s[i] = server(i, 1, v6);
}

/* A generator of its own: the same lists everywhere. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

/* Any number of servers with any weights, some of them 0, not in the order of their addresses; some
 * differ only in their ports. */
static size_t random_servers(uint32_t *seed, struct sched_server *s, uint32_t weight_below)
{
	size_t n = 1 + draw(seed, 40), i, k;
	bool v6 = draw(seed, 2);

	for (i = 0; i < n; i++) {
		k = (i * 17 + 5) % 41;
		s[i] = server(k, draw(seed, weight_below), v6);
		s[i].addr = server(k / 2, 0, v6).addr;
		s[i].port = htons(k % 2 ? 255 : 256); /* the smaller one has the larger low byte */
	}
	s[draw(seed, (uint32_t)n)].weight = 1 + draw(seed, weight_below);
	return n;
}

static uint32_t ring(unsigned scheduler, uint32_t size, const struct sched_server *s, size_t n,
		     uint32_t *ids)
{
	struct sched_params p = { scheduler, size };
	uint32_t len = sched_ring_len(&p, s, n);

	assert_in_range(len, 0, RING_LEN_MAX);
	memset(ids, 0xee, RING_LEN_MAX * sizeof(*ids));
	assert_int_equal(sched_ring_fill(&p, s, n, ids), 0);
	if (len < RING_LEN_MAX)
		assert_int_equal(ids[len], 0xeeeeeeee);
	return len;
}

static uint32_t count_of(const uint32_t *ids, uint32_t len, uint32_t id)
{
	uint32_t found = 0, i;

	for (i = 0; i < len; i++)
		found += ids[i] == id;
	return found;
}

static uint32_t changed(const uint32_t *a, const uint32_t *b, uint32_t len)
{
	uint32_t found = 0, i;

	for (i = 0; i < len; i++)
		found += a[i] != b[i];
	return found;
}

/* ---- Models ---- */

static uint32_t highest(const struct sched_server *s, size_t n)
{
	uint32_t max = 0;
	size_t i;

	for (i = 0; i < n; i++)
		max = s[i].weight > max ? s[i].weight : max;
	return max;
}

/* The largest number that divides all weights, by trial. */
static uint32_t divisor(const struct sched_server *s, size_t n)
{
	uint32_t d;
	size_t i;

	for (d = highest(s, n); d > 1; d--) {
		for (i = 0; i < n; i++)
			if (s[i].weight % d)
				break;
		if (i == n)
			return d;
	}
	return 1;
}

/* wrr as the LVS documents give it: i and cw live from one connection to the next. */
struct wrr {
	size_t i;
	int64_t cw;
};

static uint32_t model_wrr_next(struct wrr *w, const struct sched_server *s, size_t n)
{
	for (;;) {
		w->i = (w->i + 1) % n;
		if (!w->i) {
			w->cw -= divisor(s, n);
			if (w->cw <= 0)
				w->cw = highest(s, n);
		}
		if (s[w->i].weight >= w->cw)
			return s[w->i].id;
	}
}

/* sh: bucket by bucket; the next server's turn comes when this one has its weight. */
static void model_sh(const struct sched_server *s, size_t n, uint32_t *ids)
{
	size_t at = 0;
	uint32_t had = 0, bucket;

	for (bucket = 0; bucket < 256; bucket++) {
		while (had >= s[at].weight) {
			at = (at + 1) % n;
			had = 0;
		}
		ids[bucket] = s[at].id;
		had++;
	}
}

static uint64_t model_hash(const struct sched_server *s, uint64_t secret)
{
	const struct siphash_key key = { secret, secret };
	struct {
		struct addr addr;
		__be16 port;
	} name = { s->addr, s->port };

	return siphash(&key, &name, 18);
}

static int by_address(const void *a, const void *b)
{
	const struct sched_server *s = a, *t = b;
	int r = memcmp(&s->addr, &t->addr, sizeof(s->addr));

	return r ? r : (int)ntohs(s->port) - (int)ntohs(t->port);
}

/* mh as the paper's pseudo code: whole preference lists; a round is IPVS's: turns in a row. */
static void model_mh(const struct sched_server *listed, size_t n, uint32_t size, uint32_t *ids)
{
	static struct sched_server s[N_MAX];
	uint64_t next[N_MAX] = { 0 };
	uint32_t filled = 0, shift = 0, unit = divisor(listed, n), index_bits = 0;
	size_t i;

	while (size >> index_bits)
		index_bits++;
	while (highest(listed, n) / unit >> shift >> index_bits / 2)
		shift++;
	memcpy(s, listed, n * sizeof(*s));
	qsort(s, n, sizeof(*s), by_address);
	memset(ids, 0, size * sizeof(*ids));
	while (filled < size)
		for (i = 0; i < n; i++) {
			uint64_t offset = model_hash(&s[i], 2654435761) % size;
			uint64_t skip = model_hash(&s[i], 2654446892) % (size - 1) + 1;
			uint32_t turns = s[i].weight / unit >> shift;

			if (!turns && s[i].weight)
				turns = 1;
			for (; turns && filled < size; turns--, filled++) {
				while (ids[(offset + next[i] * skip) % size])
					next[i]++;
				ids[(offset + next[i] * skip) % size] = s[i].id;
			}
		}
}

/* ---- Sequences and lists ---- */

static void rr_and_lc_list_each_server_once_in_order(void **state)
{
	static const unsigned which[] = { CONF_SCHED_RR, CONF_SCHED_LC, CONF_SCHED_WLC };
	static uint32_t ids[RING_LEN_MAX];
	struct sched_server s[4];
	size_t i, k;

	for (i = 0; i < 4; i++)
		s[i] = server(9 - i, i == 2 ? 0 : 10 + (uint32_t)i, false);
	for (k = 0; k < COUNT(which); k++) {
		assert_int_equal(ring(which[k], 0, s, 4, ids), 3);
		assert_int_equal(ids[0], s[0].id);
		assert_int_equal(ids[1], s[1].id);
		assert_int_equal(ids[2], s[3].id);
	}
}

static void wrr_hands_out_ipvs_order(void **state)
{
	/* ip_vs_wrr: weights 4, 3, 2 give A A B A B C A B C */
	static const struct sched_server servers[] = { { .id = 1, .weight = 4 },
						       { .id = 2, .weight = 3 },
						       { .id = 3, .weight = 2 } };
	static const uint32_t want[] = { 1, 1, 2, 1, 2, 3, 1, 2, 3 };
	static uint32_t ids[RING_LEN_MAX];

	assert_int_equal(ring(CONF_SCHED_WRR, 0, servers, 3, ids), 9);
	assert_memory_equal(ids, want, sizeof(want));
}

static void wrr_counts_in_the_common_divisor(void **state)
{
	static const struct sched_server servers[] = { { .id = 7, .weight = 200 },
						       { .id = 8, .weight = 100 } };
	static const uint32_t want[] = { 7, 7, 8 };
	static uint32_t ids[RING_LEN_MAX];

	assert_int_equal(ring(CONF_SCHED_WRR, 0, servers, 2, ids), 3);
	assert_memory_equal(ids, want, sizeof(want));
}

/* The ring is one cycle: after its end IPVS begins again as it began. */
static void wrr_is_a_cycle_of_the_model(void **state)
{
	static uint32_t ids[RING_LEN_MAX];
	struct sched_server s[41];
	uint32_t seed = 1, len, i, trial;

	for (trial = 0; trial < 60; trial++) {
		size_t n = random_servers(&seed, s, 2 + trial * 4);
		struct wrr model = { n - 1, 0 };

		len = ring(CONF_SCHED_WRR, 0, s, n, ids);
		assert_true(len);
		for (i = 0; i < 2 * len; i++)
			assert_int_equal(ids[i % len], model_wrr_next(&model, s, n));
	}
}

static void wrr_of_huge_weights_fits_a_ring_and_keeps_everybody(void **state)
{
	static const struct sched_server servers[] = { { .id = 1, .weight = 65535 },
						       { .id = 2, .weight = 65534 },
						       { .id = 3, .weight = 1 } };
	static uint32_t ids[RING_LEN_MAX];
	uint32_t len = ring(CONF_SCHED_WRR, 0, servers, 3, ids);

	assert_in_range(len, 3, RING_LEN_MAX);
	assert_int_equal(count_of(ids, len, 3), 1);
	assert_in_range(count_of(ids, len, 1) - count_of(ids, len, 2), 0, 1);
}

/* ---- sh ---- */

static void sh_fills_buckets_as_the_model(void **state)
{
	static uint32_t ids[RING_LEN_MAX];
	uint32_t want[256], seed = 2, trial;
	struct sched_server s[41];

	for (trial = 0; trial < 100; trial++) {
		size_t n = random_servers(&seed, s, 2 + trial * 4);

		assert_int_equal(ring(CONF_SCHED_SH, 0, s, n, ids), 256);
		model_sh(s, n, want);
		assert_memory_equal(ids, want, sizeof(want));
	}
}

/* What IPVS does with weights that sum to more than its buckets. */
static void sh_gives_the_last_servers_nothing_when_weights_are_large(void **state)
{
	static const uint32_t want[] = { 100, 100, 56, 0 };
	static uint32_t ids[RING_LEN_MAX];
	struct sched_server s[4];
	size_t i;

	for (i = 0; i < 4; i++)
		s[i] = server(i, 100, true);
	assert_int_equal(ring(CONF_SCHED_SH, 0, s, 4, ids), 256);
	for (i = 0; i < 4; i++)
		assert_int_equal(count_of(ids, 256, s[i].id), want[i]);
}

/* ---- mh ---- */

static void mh_is_the_table_of_the_model(void **state)
{
	static uint32_t ids[RING_LEN_MAX], want[RING_LEN_MAX];
	struct sched_server s[41];
	uint32_t seed = 3, trial;

	for (trial = 0; trial < 36; trial++) {
		uint32_t size = sizes[trial % COUNT(sizes)];
		size_t n = random_servers(&seed, s, trial % 2 ? 20 : 65536);

		assert_int_equal(ring(CONF_SCHED_MH, size, s, n, ids), size);
		model_mh(s, n, size, want);
		assert_memory_equal(ids, want, size * sizeof(*ids));
	}
}

/* Directors of different releases stand in for each other: this table never changes.  The number
 * comes from another implementation than the one under test. */
static void mh_is_the_same_table_for_ever(void **state)
{
	static const struct siphash_key key = { 1, 2 };
	static uint32_t ids[RING_LEN_MAX];
	static uint8_t bytes[4093];
	struct sched_server s[5];
	uint32_t i;

	for (i = 0; i < 5; i++) {
		s[i] = server(i, i + 1, i & 1);
		s[i].id = i + 1;
	}
	ring(CONF_SCHED_MH, 4093, s, 5, ids);
	for (i = 0; i < 4093; i++)
		bytes[i] = (uint8_t)ids[i];
	assert_int_equal(siphash(&key, bytes, sizeof(bytes)), 0x89315b0a415ad94d);
}

static void mh_shares_follow_weights(void **state)
{
	static const struct {
		size_t n;
		uint32_t size, weights; /* of server i: 1 + i % weights */
	} cases[] = {
		{ 1, 251, 1 },	   { 3, 4093, 1 },    { 3, 4093, 3 },	 { 10, 65521, 1 },
		{ 10, 65521, 10 }, { 100, 16381, 1 }, { 100, 65521, 1 }, { 100, 65521, 10 },
		{ 300, 65521, 1 }, { 300, 65521, 3 },
	};
	static struct sched_server s[N_MAX];
	static uint32_t ids[RING_LEN_MAX];
	size_t c, i;
	unsigned v6;

	for (c = 0; c < COUNT(cases); c++)
		for (v6 = 0; v6 < 2; v6++) {
			double sum = 0, share;

			for (i = 0; i < cases[c].n; i++) {
				s[i] = server(i, 1 + (uint32_t)i % cases[c].weights, v6);
				sum += s[i].weight;
			}
			ring(CONF_SCHED_MH, cases[c].size, s, cases[c].n, ids);
			for (i = 0; i < cases[c].n; i++) {
				share = count_of(ids, cases[c].size, s[i].id) /
					(double)cases[c].size;
				assert_true(share >= 0.98 * s[i].weight / sum);
				assert_true(share <= 1.02 * s[i].weight / sum);
			}
		}
}

/* As IPVS: 65535 : 1 is shifted by 12 bits for a table of 8 bits, and becomes 15 : 1. */
static void mh_shifts_weights_that_are_large_for_its_table(void **state)
{
	static uint32_t ids[RING_LEN_MAX];
	struct sched_server s[] = { server(0, 65535, false), server(1, 1, false) };

	ring(CONF_SCHED_MH, 251, s, 2, ids);
	assert_in_range(count_of(ids, 251, s[1].id), 251 / 16, 251 / 16 + 1);
	assert_int_equal(count_of(ids, 251, s[0].id) + count_of(ids, 251, s[1].id), 251);
}

static void mh_moves_little_more_than_what_a_removed_server_had(void **state)
{
	static const size_t counts[] = { 3, 10, 100 };
	static uint32_t before[RING_LEN_MAX], after[RING_LEN_MAX];
	struct sched_server s[100], rest[100];
	size_t c, gone, n;
	unsigned v6;

	for (c = 0; c < COUNT(counts); c++)
		for (v6 = 0; v6 < 2; v6++) {
			n = counts[c];
			equal_servers(s, n, v6);
			ring(CONF_SCHED_MH, 65521, s, n, before);
			for (gone = 0; gone < n; gone++) {
				memcpy(rest, s, sizeof(s));
				memmove(rest + gone, rest + gone + 1,
					(n - gone - 1) * sizeof(*rest));
				ring(CONF_SCHED_MH, 65521, rest, n - 1, after);
				assert_int_equal(count_of(after, 65521, s[gone].id), 0);
				assert_in_range(changed(before, after, 65521), 65521 / n - 1,
						65521 / n + 65521 / 100);
			}
		}
}

static void mh_does_not_look_at_the_order_of_servers(void **state)
{
	static uint32_t ids[RING_LEN_MAX], again[RING_LEN_MAX];
	struct sched_server s[41], t[41];
	uint32_t seed = 4, trial;
	size_t i, n;

	for (trial = 0; trial < 20; trial++) {
		n = random_servers(&seed, s, 30);
		ring(CONF_SCHED_MH, 4093, s, n, ids);
		for (i = 0; i < n; i++)
			t[i] = s[(n - i + trial) % n];
		ring(CONF_SCHED_MH, 4093, t, n, again);
		assert_memory_equal(ids, again, 4093 * sizeof(*ids));
	}
}

/* The other director has the same servers in other slots. */
static void mh_does_not_look_at_ids(void **state)
{
	static uint32_t ids[RING_LEN_MAX], other[RING_LEN_MAX];
	struct sched_server s[10], t[10];
	uint32_t i;

	equal_servers(s, 10, false);
	memcpy(t, s, sizeof(s));
	for (i = 0; i < 10; i++) {
		s[i].id = 1 + i;
		t[i].id = 10 - i;
	}
	ring(CONF_SCHED_MH, 4093, s, 10, ids);
	ring(CONF_SCHED_MH, 4093, t, 10, other);
	for (i = 0; i < 4093; i++)
		assert_int_equal(ids[i], 11 - other[i]);
}

/* IPVS sums address and port up, so these two would walk the same way there. */
static void mh_tells_ports_and_addresses_apart(void **state)
{
	static uint32_t one[RING_LEN_MAX], two[RING_LEN_MAX], rest[RING_LEN_MAX];
	struct sched_server s[3];

	equal_servers(s, 3, false);
	s[0].port = htons(81);
	ring(CONF_SCHED_MH, 4093, s, 3, one);
	s[0].port = htons(82);
	ring(CONF_SCHED_MH, 4093, s, 3, two);
	assert_true(changed(one, two, 4093) > 4093 / 3);
	s[0].port = htons(81);
	ring(CONF_SCHED_MH, 4093, s + 1, 2, rest);
	assert_in_range(changed(one, rest, 4093), 4093 / 3, 4093 / 3 + 4093 / 50);
}

/* ---- All ---- */

static void two_runs_are_equal(void **state)
{
	static uint32_t ids[RING_LEN_MAX], again[RING_LEN_MAX];
	struct sched_server s[41];
	uint32_t seed = 5, len;
	size_t k, n;

	for (k = 0; k < COUNT(all); k++) {
		n = random_servers(&seed, s, 50);
		len = ring(all[k], 509, s, n, ids);
		assert_int_equal(ring(all[k], 509, s, n, again), len);
		assert_memory_equal(ids, again, len * sizeof(*ids));
	}
}

static void a_server_of_weight_0_is_as_if_it_were_not_there(void **state)
{
	static uint32_t ids[RING_LEN_MAX], without[RING_LEN_MAX];
	struct sched_server s[41], t[41];
	uint32_t seed = 6, len, trial;
	size_t i, k, n, m;

	for (trial = 0; trial < 20; trial++)
		for (k = 0; k < COUNT(all); k++) {
			n = random_servers(&seed, s, 4);
			for (i = m = 0; i < n; i++)
				if (s[i].weight)
					t[m++] = s[i];
			len = ring(all[k], 251, s, n, ids);
			assert_int_equal(ring(all[k], 251, t, m, without), len);
			assert_memory_equal(ids, without, len * sizeof(*ids));
		}
}

static void no_server_means_no_ring(void **state)
{
	static uint32_t ids[RING_LEN_MAX];
	struct sched_server s[] = { server(0, 0, false), server(1, 0, false) };
	size_t k;

	for (k = 0; k < COUNT(all); k++) {
		assert_int_equal(ring(all[k], 251, NULL, 0, ids), 0);
		assert_int_equal(ring(all[k], 251, s, 2, ids), 0);
	}
}

/* A table that is too small has each of its slots for another server. */
static void more_servers_than_slots_fill_the_table(void **state)
{
	static uint32_t ids[RING_LEN_MAX];
	static struct sched_server s[N_MAX];
	uint32_t k;
	size_t i;

	for (k = 0; k < 2; k++) {
		equal_servers(s, N_MAX, k);
		assert_int_equal(ring(CONF_SCHED_MH, 251, s, N_MAX, ids), 251);
		for (i = 0; i < 251; i++)
			assert_int_equal(count_of(ids, 251, ids[i]), 1);
		assert_int_equal(ring(CONF_SCHED_SH, 0, s, N_MAX, ids), 256);
		for (i = 0; i < 256; i++)
			assert_int_equal(ids[i], s[i].id);
	}
}

static void every_scheduler_says_its_name_and_what_its_ring_is(void **state)
{
	static const char *const names[] = { "rr", "wrr", "lc", "wlc", "sh", "mh" };
	static const enum pick picks[] = { PICK_NEXT, PICK_NEXT, PICK_LC,
					   PICK_WLC,  PICK_HASH, PICK_HASH };
	size_t k;

	for (k = 0; k < COUNT(all); k++) {
		assert_string_equal(sched_name(all[k]), names[k]);
		assert_int_equal(sched_pick(all[k]), picks[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rr_and_lc_list_each_server_once_in_order),
		cmocka_unit_test(wrr_hands_out_ipvs_order),
		cmocka_unit_test(wrr_counts_in_the_common_divisor),
		cmocka_unit_test(wrr_is_a_cycle_of_the_model),
		cmocka_unit_test(wrr_of_huge_weights_fits_a_ring_and_keeps_everybody),
		cmocka_unit_test(sh_fills_buckets_as_the_model),
		cmocka_unit_test(sh_gives_the_last_servers_nothing_when_weights_are_large),
		cmocka_unit_test(mh_is_the_table_of_the_model),
		cmocka_unit_test(mh_is_the_same_table_for_ever),
		cmocka_unit_test(mh_shares_follow_weights),
		cmocka_unit_test(mh_shifts_weights_that_are_large_for_its_table),
		cmocka_unit_test(mh_moves_little_more_than_what_a_removed_server_had),
		cmocka_unit_test(mh_does_not_look_at_the_order_of_servers),
		cmocka_unit_test(mh_does_not_look_at_ids),
		cmocka_unit_test(mh_tells_ports_and_addresses_apart),
		cmocka_unit_test(two_runs_are_equal),
		cmocka_unit_test(a_server_of_weight_0_is_as_if_it_were_not_there),
		cmocka_unit_test(no_server_means_no_ring),
		cmocka_unit_test(more_servers_than_slots_fill_the_table),
		cmocka_unit_test(every_scheduler_says_its_name_and_what_its_ring_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
