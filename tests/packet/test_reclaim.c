// SPDX-License-Identifier: BSD-2-Clause
/* The reclaim program: what it ends, what it keeps, and what it leaves behind: nothing. */
#include "config.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define LONG_AGO  1000u /* jiffies */
#define HANDSHAKE 2000u /* timeout of SYN_RECV, more than a second at any HZ */

static struct rig *rig;

static const struct frame request = { .from = CLIENT, .to = VIP };
static const struct frame reply = { .from = WEB1, .to = CLIENT };

static void forward(const struct frame *like, uint8_t flags)
{
	struct frame f = *like;
	struct outcome o;

	f.flags = flags;
	rig_run(rig, &f, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
}

static void service(enum method method)
{
	rig_service(rig, SVC, VIP, IPPROTO_TCP, method, 1);
	rig->svcs[SVC].timeout[FLOW_SYN_RECV] = HANDSHAKE;
}

static void reclaim(unsigned reclaimed, unsigned orphans, unsigned kept)
{
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, reclaimed);
	assert_int_equal(rig->reclaim->orphans, orphans);
	assert_int_equal(rig->reclaim->kept, kept);
}

static void set_seen_ago(const struct frame *f, uint32_t jiffies)
{
	struct flow flow;

	assert_true(rig_flow(rig, f, &flow));
	flow.seen -= jiffies;
	rig_flow_set(rig, f, &flow);
}

static void delete_half(const struct frame *f)
{
	struct flow flow;

	assert_true(rig_flow(rig, f, &flow));
	rig_flow_delete(rig, f);
	assert_false(rig_flow(rig, f, &flow));
}

static void on_both_families(void (*test)(void))
{
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_INGRESS);
		test();
	}
}

static void pair(void)
{
	service(METHOD_NAT);
	forward(&request, SYN);
	reclaim(0, 0, 2);
	rig_age(rig, HANDSHAKE - 100);
	reclaim(0, 0, 2);
	assert_int_equal(rig->servers[SERVER1].inactive, 1);
	rig_age(rig, 200);
	/* One key ends both halves; the other is gone or kept, as it comes. */
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
	assert_int_equal(rig->servers[SERVER1].active, 0);
}

static void test_pair_ends_when_both_halves_expired(void **state)
{
	on_both_families(pair);
}

static void either_half(void)
{
	service(METHOD_NAT);
	forward(&request, SYN);
	set_seen_ago(&request, HANDSHAKE + 100);
	reclaim(0, 0, 2);
	rig_age(rig, 100);
	set_seen_ago(&reply, HANDSHAKE + 100);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig_flows(rig), 0);
}

static void test_one_half_alive_keeps_both(void **state)
{
	on_both_families(either_half);
}

static void by_state(void)
{
	service(METHOD_NAT);
	rig->svcs[SVC].timeout[FLOW_ESTABLISHED] = 50000;
	rig->svcs[SVC].timeout[FLOW_CLOSE] = 10;
	forward(&request, SYN);
	forward(&reply, SYN | ACK);
	forward(&request, ACK);
	rig_age(rig, HANDSHAKE + 100);
	reclaim(0, 0, 2);
	assert_int_equal(rig->servers[SERVER1].active, 1);
	forward(&reply, RST | ACK);
	rig_age(rig, 100);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig->servers[SERVER1].active, 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
}

static void test_timeout_is_that_of_the_state_now(void **state)
{
	on_both_families(by_state);
}

static void single(void)
{
	service(METHOD_DR);
	forward(&request, SYN);
	reclaim(0, 0, 1);
	rig_age(rig, HANDSHAKE + 100);
	reclaim(1, 0, 0);
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
}

static void test_dr_flow_ends(void **state)
{
	on_both_families(single);
}

static void orphan(void)
{
	service(METHOD_NAT);
	forward(&request, SYN);
	delete_half(&request);
	reclaim(0, 0, 1);
	rig_age(rig, HANDSHAKE + 100);
	reclaim(0, 1, 0);
	assert_int_equal(rig_flows(rig), 0);
}

static void test_reply_half_alone_is_removed_later(void **state)
{
	on_both_families(orphan);
}

/* The tuple has gone to another server since; the half that the old one left belongs to nobody. */
static void orphan_of_reused_tuple(void)
{
	struct flow f;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 2);
	rig->svcs[SVC].timeout[FLOW_SYN_RECV] = HANDSHAKE;
	forward(&request, SYN);
	delete_half(&request);
	rig_age(rig, HANDSHAKE + 100);
	forward(&request, SYN); /* WEB2's turn */
	reclaim(0, 1, 2);
	assert_false(rig_flow(rig, &reply, &f));
	assert_int_equal(rig_flows(rig), 2);
}

static void test_reply_half_of_a_former_flow_is_removed(void **state)
{
	on_both_families(orphan_of_reused_tuple);
}

static void claimed(void)
{
	struct flow f;

	service(METHOD_NAT);
	forward(&request, SYN);
	assert_true(rig_flow(rig, &request, &f));
	f.word = f.word ^ LIFE_LIVE ^ LIFE_CLAIMED;
	rig_flow_set(rig, &request, &f);
	rig->servers[SERVER1].inactive = 0; /* whoever claims, counts */
	reclaim(0, 0, 2);
	rig_age(rig, HANDSHAKE + 100);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 0);
	assert_true(rig->reclaim->orphans >= 1);
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
}

static void test_entry_left_claimed_is_removed_later(void **state)
{
	on_both_families(claimed);
}

/* Packets one way only keep the pair alive: the half that hears tells its twin. */
static void refresh(void)
{
	struct flow f, before;

	service(METHOD_NAT);
	forward(&request, SYN);
	set_seen_ago(&reply, LONG_AGO);
	assert_true(rig_flow(rig, &reply, &before));
	forward(&request, ACK); /* its own was fresh: no need to tell */
	assert_true(rig_flow(rig, &reply, &f));
	assert_int_equal(f.seen, before.seen);
	set_seen_ago(&request, LONG_AGO);
	forward(&request, ACK);
	assert_true(rig_flow(rig, &reply, &f));
	assert_true(f.seen - before.seen >= LONG_AGO);
}

static void test_twin_is_told_after_a_second(void **state)
{
	on_both_families(refresh);
}

static void test_unknown_keys_are_ignored(void **state)
{
	struct reclaim *batch = rig->reclaim;

	rig_reset(rig, false, HOOK_INGRESS);
	memset(batch, 0xa5, sizeof(*batch));
	batch->n4 = batch->n6 = RECLAIM_BATCH;
	assert_int_equal(rig_reclaim_listed(rig), 0);
	assert_int_equal(batch->reclaimed, 0);
	assert_int_equal(batch->orphans, 0);
	assert_int_equal(batch->kept, 0);
}

static void test_batch_larger_than_its_room_is_cut(void **state)
{
	struct reclaim *batch = rig->reclaim;

	rig_reset(rig, false, HOOK_INGRESS);
	batch->n4 = 2 * RECLAIM_BATCH;
	batch->n6 = UINT32_MAX;
	assert_int_equal(rig_reclaim_listed(rig), 0);
	assert_int_equal(batch->reclaimed, 0);
}

static void test_empty_run_tells_the_time(void **state)
{
	struct flow f;

	rig_reset(rig, false, HOOK_INGRESS);
	service(METHOD_NAT);
	forward(&request, SYN);
	rig->reclaim->n4 = rig->reclaim->n6 = 0;
	rig->reclaim->jiffies = 0;
	assert_int_equal(rig_reclaim_listed(rig), 0);
	assert_true(rig->reclaim->jiffies > 0);
	assert_true(rig_flow(rig, &request, &f));
	assert_in_range((uint32_t)rig->reclaim->jiffies - f.seen, 0, LONG_AGO);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair_ends_when_both_halves_expired),
		cmocka_unit_test(test_one_half_alive_keeps_both),
		cmocka_unit_test(test_timeout_is_that_of_the_state_now),
		cmocka_unit_test(test_dr_flow_ends),
		cmocka_unit_test(test_reply_half_alone_is_removed_later),
		cmocka_unit_test(test_reply_half_of_a_former_flow_is_removed),
		cmocka_unit_test(test_entry_left_claimed_is_removed_later),
		cmocka_unit_test(test_twin_is_told_after_a_second),
		cmocka_unit_test(test_unknown_keys_are_ignored),
		cmocka_unit_test(test_batch_larger_than_its_room_is_cut),
		cmocka_unit_test(test_empty_run_tells_the_time),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
