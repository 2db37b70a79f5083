// SPDX-License-Identifier: BSD-2-Clause
/* The TCP state table, cell by cell, for both families and both programs. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define STATES 11

/* IPVS's names, in the order of its tables and of enum flow_state. */
static const char names[] = "NO ES SS SR FW TW CL CW LA LI SA";

enum table {
	INPUT,
	OUTPUT,
	INPUT_ONLY,
};

/* The tables of Linux's ip_vs_proto_tcp.c as text: for each state, in order, the next one. */
static const struct row {
	enum table table;
	uint8_t flags;
	const char *next;
} rows[] = {
	{ INPUT, SYN, "SR ES ES SR SR SR SR SR SR SR SR" },
	{ INPUT, FIN | ACK, "CL CW SS TW TW TW CL CW LA LI TW" },
	{ INPUT, ACK, "CL ES SS ES FW TW CL CW CL LI ES" },
	{ INPUT, RST, "CL CL CL SR CL CL CL CL LA LI SR" },
	{ OUTPUT, SYN | ACK, "SS ES SS SR SS SS SS SS SS LI SR" },
	{ OUTPUT, FIN | ACK, "TW FW SS TW FW TW CL TW LA LI TW" },
	{ OUTPUT, ACK, "ES ES SS ES FW TW CL CW LA ES ES" },
	{ OUTPUT, RST | ACK, "CL CL SS CL CL TW CL CL CL CL CL" },
	{ INPUT_ONLY, SYN, "SR ES ES SR SR SR SR SR SR SR SR" },
	{ INPUT_ONLY, FIN | ACK, "CL FW SS TW FW TW CL CW LA LI TW" },
	{ INPUT_ONLY, ACK, "CL ES SS ES FW TW CL CW CL LI ES" },
	{ INPUT_ONLY, RST, "CL CL CL SR CL CL CL CL LA LI CL" },
};

static struct rig *rig;

static const struct frame request = { .from = CLIENT, .to = VIP };

static unsigned state_named(const char *name)
{
	return (unsigned)(strstr(names, name) - names) / 3;
}

static unsigned state_in_row(const struct row *row, unsigned column)
{
	char name[3] = { row->next[column * 3], row->next[column * 3 + 1] };

	return state_named(name);
}

static void send_flags(bool output, uint8_t flags)
{
	struct frame f = {
		.from = output ? WEB1 : CLIENT,
		.to = output ? CLIENT : VIP,
		.flags = flags,
	};
	struct outcome o;

	rig_run(rig, &f, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
}

/* A flow that has got into a state somehow. */
static void flow_in_state(unsigned state, bool no_output)
{
	struct flow f;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	send_flags(false, SYN);
	assert_true(rig_flow(rig, &request, &f));
	f.word = WORD(LIFE_LIVE, no_output ? WORD_NOOUTPUT : 0, state, WORD_GENERATION(f.word));
	rig_flow_set(rig, &request, &f);
	rig->servers[SERVER1].active = state == FLOW_ESTABLISHED;
	rig->servers[SERVER1].inactive = state != FLOW_ESTABLISHED;
}

static void expect_state(unsigned state)
{
	struct flow f;

	assert_true(rig_flow(rig, &request, &f));
	assert_int_equal(WORD_STATE(f.word), state);
	assert_int_equal(rig->servers[SERVER1].active, state == FLOW_ESTABLISHED);
	assert_int_equal(rig->servers[SERVER1].inactive, state != FLOW_ESTABLISHED);
}

/* A SYN of the client begins another flow where this one is over. */
static bool begins_anew(const struct row *row, unsigned state)
{
	return row->flags == SYN && (state == FLOW_TIME_WAIT || state == FLOW_CLOSE ||
				     (state == FLOW_FIN_WAIT && row->table == INPUT_ONLY));
}

static void play_row(const struct row *row)
{
	struct server_stats s;
	struct flow f;
	unsigned state;

	for (state = 0; state < STATES; state++) {
		rig_reset(rig, rig->v6, rig->hook);
		flow_in_state(state, row->table != INPUT);
		send_flags(row->table == OUTPUT, row->flags);
		expect_state(state_in_row(row, state));
		rig_stats(rig, SERVER1, &s);
		assert_int_equal(s.conns, begins_anew(row, state) ? 2 : 1);
		assert_true(rig_flow(rig, &request, &f));
		if (begins_anew(row, state) || row->table == INPUT_ONLY)
			assert_true(f.word & WORD_NOOUTPUT);
		else
			assert_false(f.word & WORD_NOOUTPUT);
	}
}

static void on_all_programs(void (*test)(void))
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		rig_reset(rig, i & 1, i & 2 ? HOOK_XDP : HOOK_INGRESS);
		test();
	}
}

static void all_rows(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		play_row(&rows[i]);
}

static void test_every_cell(void **state)
{
	on_all_programs(all_rows);
}

static void reset_wins(void)
{
	flow_in_state(FLOW_ESTABLISHED, false);
	send_flags(false, RST | SYN | FIN | ACK);
	expect_state(FLOW_CLOSE);
}

static void syn_before_fin(void)
{
	flow_in_state(FLOW_CLOSE_WAIT, false);
	send_flags(false, SYN | FIN | ACK);
	expect_state(FLOW_SYN_RECV);
}

static void fin_before_ack(void)
{
	flow_in_state(FLOW_ESTABLISHED, false);
	send_flags(true, FIN | ACK);
	expect_state(FLOW_FIN_WAIT);
}

static void test_flags_have_an_order(void **state)
{
	on_all_programs(reset_wins);
	on_all_programs(syn_before_fin);
	on_all_programs(fin_before_ack);
}

static void no_flags_no_change(void)
{
	flow_in_state(FLOW_SYN_RECV, false);
	send_flags(false, PSH);
	expect_state(FLOW_SYN_RECV);
	send_flags(true, PSH);
	expect_state(FLOW_SYN_RECV);
}

static void test_packets_without_flags_change_nothing(void **state)
{
	on_all_programs(no_flags_no_change);
}

/* The server's bare ACKs are not looked at while they change nothing; a SYN in between makes them
 * matter again. */
static void settles_and_unsettles(void)
{
	static const struct frame reply = { .from = WEB1, .to = CLIENT };
	struct flow f;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 1);
	send_flags(false, SYN);
	send_flags(true, SYN | ACK);
	assert_true(rig_flow(rig, &reply, &f));
	assert_false(f.word & WORD_SETTLED);
	send_flags(false, ACK);
	send_flags(true, ACK);
	assert_true(rig_flow(rig, &reply, &f));
	assert_true(f.word & WORD_SETTLED);
	send_flags(false, FIN | ACK);
	expect_state(FLOW_CLOSE_WAIT);
	send_flags(false, SYN);
	expect_state(FLOW_SYN_RECV);
	send_flags(true, ACK);
	expect_state(FLOW_ESTABLISHED);
}

static void test_settled_replies_are_heard_after_a_syn(void **state)
{
	on_all_programs(settles_and_unsettles);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_flags_have_an_order),
		cmocka_unit_test(test_packets_without_flags_change_nothing),
		cmocka_unit_test(test_settled_replies_are_heard_after_a_syn),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
