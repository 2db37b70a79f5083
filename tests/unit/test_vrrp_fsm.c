// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp/fsm: every cell of the table, and the arithmetic of the timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vrrp/fsm.h"

#define EV(name) VRRP_EV_##name
#define DO(name) VRRP_DO_##name
#define GAIN	 (DO(OPEN) | DO(SEND) | DO(CLAIM) | DO(ANNOUNCE) | DO(ARM_ADVERT))
#define LOSE	 (DO(RELEASE) | DO(CLOSE))

/* RFC 9568 6.4, line by line; what is not here must be empty (see the next table). */
static const struct {
	enum vrrp_state state;
	enum vrrp_event event;
	enum vrrp_state next;
	unsigned actions;
} filled[] = {
	{ VRRP_INITIALIZE, EV(STARTUP), VRRP_BACKUP, DO(OWN_INTERVAL) | DO(ARM_DOWN) },
	{ VRRP_INITIALIZE, EV(STARTUP_OWNER), VRRP_MASTER, GAIN },
	{ VRRP_INITIALIZE, EV(STARTUP_HEIR), VRRP_MASTER, GAIN }, /* ours, not the RFC's */

	{ VRRP_BACKUP, EV(SHUTDOWN), VRRP_INITIALIZE, DO(CANCEL) },
	{ VRRP_BACKUP, EV(FAULT), VRRP_INITIALIZE, DO(CANCEL) },
	{ VRRP_BACKUP, EV(WITHDRAW), VRRP_INITIALIZE, DO(CANCEL) },
	{ VRRP_BACKUP, EV(TIMER), VRRP_MASTER, GAIN },
	{ VRRP_BACKUP, EV(GROUP_TAKES), VRRP_MASTER, GAIN }, /* groups are not the RFC's */
	{ VRRP_BACKUP, EV(HELD), VRRP_BACKUP, DO(ARM_DOWN) },
	{ VRRP_BACKUP, EV(ADVERT_ZERO), VRRP_BACKUP, DO(ARM_SKEW) },
	{ VRRP_BACKUP, EV(ADVERT_BETTER), VRRP_BACKUP, DO(ADOPT) | DO(ARM_DOWN) },

	{ VRRP_MASTER, EV(SHUTDOWN), VRRP_INITIALIZE, DO(CANCEL) | DO(SEND_ZERO) | LOSE },
	{ VRRP_MASTER, EV(FAULT), VRRP_INITIALIZE, DO(CANCEL) | LOSE },
	{ VRRP_MASTER, EV(WITHDRAW), VRRP_INITIALIZE, DO(CANCEL) | DO(SEND_ZERO) | LOSE },
	{ VRRP_MASTER, EV(GROUP_YIELDS), VRRP_BACKUP,
	  DO(OWN_INTERVAL) | DO(SEND_ZERO) | LOSE | DO(ARM_DOWN) },
	{ VRRP_MASTER, EV(CHANGED), VRRP_MASTER, DO(SEND) | DO(ARM_ADVERT) },
	{ VRRP_MASTER, EV(RELINKED), VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) | DO(ARM_ADVERT) },
	{ VRRP_MASTER, EV(TIMER), VRRP_MASTER, DO(SEND) | DO(ARM_NEXT) },
	{ VRRP_MASTER, EV(ADVERT_ZERO), VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) | DO(ARM_ADVERT) },
	{ VRRP_MASTER, EV(ADVERT_WORSE), VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) },
	{ VRRP_MASTER, EV(ADVERT_BETTER), VRRP_BACKUP, DO(ADOPT) | LOSE | DO(ARM_DOWN) },
};

static const struct {
	enum vrrp_state state;
	enum vrrp_event event;
} empty[] = {
	/* not running: what still arrives is nobody's */
	{ VRRP_INITIALIZE, EV(SHUTDOWN) },
	{ VRRP_INITIALIZE, EV(FAULT) },
	{ VRRP_INITIALIZE, EV(WITHDRAW) },
	{ VRRP_INITIALIZE, EV(CHANGED) },
	{ VRRP_INITIALIZE, EV(RELINKED) },
	{ VRRP_INITIALIZE, EV(TIMER) },
	{ VRRP_INITIALIZE, EV(ADVERT_ZERO) },
	{ VRRP_INITIALIZE, EV(ADVERT_BETTER) },
	{ VRRP_INITIALIZE, EV(ADVERT_WORSE) },
	/* running already */
	{ VRRP_BACKUP, EV(STARTUP) },
	{ VRRP_BACKUP, EV(STARTUP_OWNER) },
	{ VRRP_BACKUP, EV(STARTUP_HEIR) },
	{ VRRP_MASTER, EV(STARTUP) },
	{ VRRP_MASTER, EV(STARTUP_OWNER) },
	{ VRRP_MASTER, EV(STARTUP_HEIR) },
	/* of a group */
	{ VRRP_INITIALIZE, EV(HELD) },
	{ VRRP_INITIALIZE, EV(GROUP_TAKES) },
	{ VRRP_INITIALIZE, EV(GROUP_YIELDS) },
	{ VRRP_BACKUP, EV(GROUP_YIELDS) },
	{ VRRP_MASTER, EV(HELD) },
	{ VRRP_MASTER, EV(GROUP_TAKES) },
	/* a backup says nothing, so there is nothing to say anew */
	{ VRRP_BACKUP, EV(CHANGED) },
	{ VRRP_BACKUP, EV(RELINKED) },
	/* preemption: the timer runs on */
	{ VRRP_BACKUP, EV(ADVERT_WORSE) },
};

#define N(a) (sizeof(a) / sizeof(*(a)))

static void every_cell_is_as_the_rfc_says(void **state)
{
	size_t i;

	for (i = 0; i < N(filled); i++) {
		struct vrrp_step s = vrrp_fsm(filled[i].state, filled[i].event);

		assert_int_equal(s.next, filled[i].next);
		assert_int_equal(s.actions, filled[i].actions);
	}
	for (i = 0; i < N(empty); i++) {
		struct vrrp_step s = vrrp_fsm(empty[i].state, empty[i].event);

		assert_int_equal(s.next, 0);
		assert_int_equal(s.actions, 0);
	}
}

static void the_two_lists_cover_the_table(void **state)
{
	unsigned seen[VRRP_MASTER + 1][VRRP_EV_N] = { 0 };
	int s, e;
	size_t i;

	for (i = 0; i < N(filled); i++)
		seen[filled[i].state][filled[i].event]++;
	for (i = 0; i < N(empty); i++)
		seen[empty[i].state][empty[i].event]++;
	for (s = VRRP_INITIALIZE; s <= VRRP_MASTER; s++)
		for (e = 0; e < VRRP_EV_N; e++)
			assert_int_equal(seen[s][e], 1);
}

/* A BACKUP without a running timer would wait for ever. */
static void each_way_into_a_running_state_arms_one_timer(void **state)
{
	const unsigned arming = DO(ARM_ADVERT) | DO(ARM_NEXT) | DO(ARM_SKEW) | DO(ARM_DOWN);
	int s, e;

	for (s = VRRP_INITIALIZE; s <= VRRP_MASTER; s++) {
		for (e = 0; e < VRRP_EV_N; e++) {
			struct vrrp_step step = vrrp_fsm((enum vrrp_state)s, (enum vrrp_event)e);

			assert_true(__builtin_popcount(step.actions & arming) <= 1);
			if (!step.next)
				continue;
			/* a timer that has fired must be armed again, whatever it led to */
			if (step.next != VRRP_INITIALIZE && ((int)step.next != s || e == EV(TIMER)))
				assert_int_equal(__builtin_popcount(step.actions & arming), 1);
			if (step.next == VRRP_INITIALIZE)
				assert_true(step.actions & DO(CANCEL));
		}
	}
}

static void order_is_gate_advert_addresses_announcement(void **state)
{
	assert_true(DO(OPEN) < DO(SEND) && DO(SEND) < DO(CLAIM) && DO(CLAIM) < DO(ANNOUNCE));
	assert_true(DO(SEND_ZERO) < DO(RELEASE) && DO(RELEASE) < DO(CLOSE));
	/* the interval is adopted before a timer is armed with it */
	assert_true(DO(ADOPT) < DO(ARM_DOWN) && DO(OWN_INTERVAL) < DO(ARM_DOWN));
}

static void skew_and_down_keep_their_fraction(void **state)
{
	static const struct {
		uint8_t priority;
		int64_t interval, skew, down; /* microseconds */
	} cases[] = {
		{ 100, 1000000, 609375, 3609375 },
		{ 100, 10000, 6093, 36093 },
		{ 254, 10000, 78, 30078 },
		{ 255, 1000000, 3906, 3003906 },
		{ 100, 40950000, 24953906, 147803906 },
		{ 1, 40950000, 40790039, 163640039 },
		{ 150, 100000, 41406, 341406 },
	};
	size_t i;

	for (i = 0; i < N(cases); i++) {
		usec_t interval = USEC(cases[i].interval);

		assert_int_equal(vrrp_skew(3, cases[i].priority, interval).us, cases[i].skew);
		assert_int_equal(vrrp_down(3, cases[i].priority, interval, 3).us, cases[i].down);
	}
	assert_int_equal(vrrp_down(3, 100, SEC(1), 5).us, 5609375);
	/* RFC 3768 6.1: of a second, whatever the interval */
	assert_int_equal(vrrp_skew(2, 100, SEC(10)).us, 609375);
	assert_int_equal(vrrp_down(2, 100, SEC(10), 3).us, 30609375);
}

static void all_have_names(void **state)
{
	int i;

	for (i = 0; i < VRRP_EV_N; i++)
		assert_non_null(vrrp_event_text((enum vrrp_event)i));
	assert_string_equal(vrrp_state_name(VRRP_INITIALIZE), "INITIALIZE");
	assert_string_equal(vrrp_state_name(VRRP_BACKUP), "BACKUP");
	assert_string_equal(vrrp_state_name(VRRP_MASTER), "MASTER");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_as_the_rfc_says),
		cmocka_unit_test(the_two_lists_cover_the_table),
		cmocka_unit_test(each_way_into_a_running_state_arms_one_timer),
		cmocka_unit_test(order_is_gate_advert_addresses_announcement),
		cmocka_unit_test(skew_and_down_keep_their_fraction),
		cmocka_unit_test(all_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
