// SPDX-License-Identifier: BSD-2-Clause
/* src/ipvs: rates by IPVS's estimator, and how the counters of all servers are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/rates.h"
#include "ipvs/stats.h"

/* ---- The estimator ---- */

static const struct server_stats none;

/* As ip_vs_est.c has it, for one counter: `shift` is 9 for 2^-10 a second, 4 for 2^-5. */
struct model {
	uint64_t last, scaled;
};

static void model_tick(struct model *m, uint64_t counter, unsigned shift)
{
	uint64_t rate = (counter - m->last) << shift;

	m->last = counter;
	m->scaled += (uint64_t)(((int64_t)rate - (int64_t)m->scaled) >> 2);
}

static void same_as_ipvs(void **state)
{
	struct server_stats s = none;
	struct model conns = { 0 }, in_packets = { 0 }, out_bytes = { 0 };
	struct estimator e = { 0 };
	struct ipvs_rates r;
	int i;

	srand(1);
	estimator_begin(&e, &none, SEC(10));
	for (i = 1; i <= 200; i++) {
		s.conns += (uint64_t)(rand() % 3000);
		s.in_packets += i % 20 < 10 ? (uint64_t)(rand() % 2000000) : 0;
		s.out_bytes += i > 100 ? (uint64_t)rand() * 8 : 0;
		estimator_add(&e, &s, SEC(10 + 2 * i));
		model_tick(&conns, s.conns, 9);
		model_tick(&in_packets, s.in_packets, 9);
		model_tick(&out_bytes, s.out_bytes, 4);
		r = estimator_rates(&e);
		assert_int_equal(r.cps, (conns.scaled + 0x1ff) >> 10);
		assert_int_equal(r.in_pps, (in_packets.scaled + 0x1ff) >> 10);
		assert_int_equal(r.out_bps, (out_bytes.scaled + 0xf) >> 5);
		assert_int_equal(r.out_pps, 0);
		assert_int_equal(r.in_bps, 0);
	}
	assert_true(r.out_bps > 0 && r.cps > 0);
}

static void one_quarter_at_a_time(void **state)
{
	static const uint64_t rates[] = { 250, 437, 578, 684 };
	struct server_stats s = none;
	struct estimator e = { 0 };
	size_t i;

	estimator_begin(&e, &none, SEC(1));
	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		s.conns += 2000;
		estimator_add(&e, &s, SEC(3 + 2 * i));
		assert_int_equal(estimator_rates(&e).cps, rates[i]);
	}
}

static void steady_rate_is_reached_and_forgotten(void **state)
{
	struct server_stats s = none;
	struct estimator e = { 0 };
	int i;

	estimator_begin(&e, &none, SEC(1));
	for (i = 1; i <= 60; i++) {
		s.in_bytes += 2 * UINT64_C(12500000000); /* 100 Gbit/s */
		s.in_packets += 2 * UINT64_C(148000000);
		estimator_add(&e, &s, SEC(1 + 2 * i));
	}
	assert_in_range(estimator_rates(&e).in_bps, 12499990000, 12500000000);
	assert_in_range(estimator_rates(&e).in_pps, 147999990, 148000000);
	for (; i <= 240; i++)
		estimator_add(&e, &s, SEC(1 + 2 * i));
	assert_int_equal(estimator_rates(&e).in_bps, 0);
	assert_int_equal(estimator_rates(&e).in_pps, 0);
}

static void late_reading_is_divided_by_its_time(void **state)
{
	struct server_stats s = none;
	struct estimator e = { 0 };

	estimator_begin(&e, &none, SEC(1));
	s.conns = 4000;
	estimator_add(&e, &s, SEC(5)); /* 1000 a second, for four seconds */
	assert_int_equal(estimator_rates(&e).cps, 250);
}

static void early_reading_waits(void **state)
{
	struct server_stats s = none;
	struct estimator e = { 0 };

	estimator_begin(&e, &none, SEC(1));
	s.conns = 1000;
	estimator_add(&e, &s, MSEC(1003)); /* a server that has just come */
	assert_int_equal(estimator_rates(&e).cps, 0);
	s.conns = 2000;
	estimator_add(&e, &s, SEC(3));
	assert_int_equal(estimator_rates(&e).cps, 250);
}

static void predecessors_counters_are_no_rate(void **state)
{
	struct server_stats s = { .conns = 1000000, .in_bytes = UINT64_C(1) << 50 };
	struct estimator e = { 0 };

	estimator_add(&e, &s, SEC(100));
	assert_int_equal(estimator_rates(&e).cps, 0);
	s.conns += 2000;
	estimator_add(&e, &s, SEC(102));
	assert_int_equal(estimator_rates(&e).cps, 250);
	assert_int_equal(estimator_rates(&e).in_bps, 0);
}

static void counters_that_begin_anew_are_no_rate(void **state)
{
	struct server_stats s = { .conns = 1000000 };
	struct estimator e = { 0 };

	estimator_begin(&e, &s, SEC(1));
	s.conns = 10;
	estimator_add(&e, &s, SEC(3));
	assert_int_equal(estimator_rates(&e).cps, 0);
	s.conns = 2010;
	estimator_add(&e, &s, SEC(5));
	assert_int_equal(estimator_rates(&e).cps, 250);
}

/* Small rates of many servers are not lost by rounding. */
static void service_is_the_sum_of_its_servers(void **state)
{
	struct server_stats s = { .conns = 1 };
	struct estimator e = { 0 }, sum = { 0 };
	int i;

	estimator_begin(&e, &none, SEC(1));
	estimator_add(&e, &s, SEC(3)); /* an eighth of a connection a second */
	assert_int_equal(estimator_rates(&e).cps, 0);
	for (i = 0; i < 80; i++)
		estimator_sum(&sum, &e);
	assert_int_equal(estimator_rates(&sum).cps, 10);
}

/* ---- Reading ---- */

struct reading {
	struct loop *loop;
	struct ipvs_backend *be;
	struct rates *rates;
	bool used[SERVER_MAX];
	unsigned read[SERVER_MAX];
	unsigned batches, largest;
	struct loop_timer look;
	uint32_t last; /* what is waited for */
	unsigned times;
};

static struct reading reading;

static int fake_read(struct ipvs_backend *b, uint32_t first, unsigned n, struct server_stats *ret)
{
	unsigned i;

	assert_true(first + n <= SERVER_MAX);
	reading.batches++;
	if (n > reading.largest)
		reading.largest = n;
	for (i = 0; i < n; i++) {
		reading.read[first + i]++;
		ret[i] = (struct server_stats){ .conns = 1000u * reading.read[first + i] };
	}
	return 0;
}

static int fake_read_port(struct ipvs_backend *b, uint32_t ifindex, struct port_stats *ret)
{
	static uint64_t packets;

	*ret = (struct port_stats){ .in_packets = packets += ifindex == 7 ? 2000 : 0 };
	return ifindex == 9 ? -ENOENT : 0;
}

static void on_look(struct loop_timer *t, usec_t now)
{
	if (reading.read[reading.last] >= reading.times)
		loop_stop(t->loop);
	else
		loop_timer_in(t, MSEC(10));
}

/* Until the last slot was read so often. */
static void run_until_read(uint32_t last, unsigned times)
{
	reading.last = last;
	reading.times = times;
	loop_timer_in(&reading.look, MSEC(10));
	loop_run(reading.loop);
}

static int setup(void **state)
{
	memset(&reading, 0, sizeof(reading));
	reading.loop = loop_new();
	reading.be = ipvs_memory_backend_new();
	reading.be->read_stats = fake_read;
	reading.be->read_port = fake_read_port;
	loop_timer_init(&reading.look, reading.loop, LOOP_NORMAL, on_look);
	return rates_new(reading.loop, reading.be, reading.used, &reading.rates);
}

static int teardown(void **state)
{
	rates_free(reading.rates);
	reading.be->free(reading.be);
	loop_free(reading.loop);
	return 0;
}

static void only_used_slots_are_read(void **state)
{
	static const uint32_t used[] = { 1, 2, 5, 40000, SERVER_MAX - 1 };
	uint32_t id, sum = 0;
	size_t i;

	for (i = 0; i < 5; i++)
		reading.used[used[i]] = true;
	run_until_read(SERVER_MAX - 1, 1);
	for (i = 0; i < 5; i++)
		assert_int_equal(reading.read[used[i]], 1);
	for (id = 0; id < SERVER_MAX; id++)
		sum += reading.read[id];
	assert_int_equal(reading.batches, 3);
	assert_int_equal(sum, 7); /* 3 and 4 lie between */
}

static void all_servers_are_read_in_turns(void **state)
{
	uint32_t id;

	memset(reading.used + 1, true, SERVER_MAX - 1);
	for (id = 1; id < SERVER_MAX; id++)
		rates_begin(reading.rates, id);
	run_until_read(SERVER_MAX - 1, 1);
	for (id = 1; id < SERVER_MAX; id++)
		assert_int_equal(reading.read[id], 1);
	assert_int_equal(reading.read[0], 0);
	assert_int_equal(reading.largest, 64);
}

static void rates_are_those_of_the_slot_s_own_time(void **state)
{
	reading.used[3] = reading.used[4] = true;
	rates_begin(reading.rates, 3);
	run_until_read(4, 1);
	/* 1000 in two seconds or more, with a weight of a quarter; a predecessor's: not yet */
	assert_in_range(estimator_rates(rates_of_server(reading.rates, 3)).cps, 1, 125);
	assert_int_equal(estimator_rates(rates_of_server(reading.rates, 4)).cps, 0);
	rates_end(reading.rates, 3);
	assert_int_equal(estimator_rates(rates_of_server(reading.rates, 3)).cps, 0);
}

static void interfaces_in_use_have_rates(void **state)
{
	static const unsigned both[] = { 7, 9 }, more[] = { 8, 7 };
	uint64_t was;

	reading.used[1] = true;
	rates_set_ports(reading.rates, both, 2);
	run_until_read(1, 2);
	was = estimator_rates(rates_of_port(reading.rates, 7)).in_pps;
	assert_in_range(was, 1, 250);
	assert_null(rates_of_port(reading.rates, 8));
	rates_set_ports(reading.rates, more, 2);
	assert_int_equal(estimator_rates(rates_of_port(reading.rates, 7)).in_pps, was);
	assert_int_equal(estimator_rates(rates_of_port(reading.rates, 8)).in_pps, 0);
	assert_null(rates_of_port(reading.rates, 9));
}

int main(void)
{
#define READING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_ipvs),
		cmocka_unit_test(one_quarter_at_a_time),
		cmocka_unit_test(steady_rate_is_reached_and_forgotten),
		cmocka_unit_test(late_reading_is_divided_by_its_time),
		cmocka_unit_test(early_reading_waits),
		cmocka_unit_test(predecessors_counters_are_no_rate),
		cmocka_unit_test(counters_that_begin_anew_are_no_rate),
		cmocka_unit_test(service_is_the_sum_of_its_servers),
		READING(only_used_slots_are_read),
		READING(all_servers_are_read_in_turns),
		READING(rates_are_those_of_the_slot_s_own_time),
		READING(interfaces_in_use_have_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
