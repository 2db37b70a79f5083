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

/* ---- One direction only --------------------------------------------------------------------- */

#define SECOND	250u /* the HZ that programs of the rig believe in */
#define MINUTES 10u

/* Packets of one direction, `step` jiffies apart, for ten minutes: ten times what the flow may be
 * idle.  The sweep asks all the time. */
static void one_way(const struct frame *like, uint32_t step)
{
	uint32_t passed, i;

	service(METHOD_NAT);
	forward(&request, SYN);
	forward(&reply, SYN | ACK);
	forward(&request, ACK);
	for (i = 0; i < FLOW_STATES; i++)
		rig->svcs[SVC].timeout[i] = MINUTES * 60 * SECOND / 10;
	for (passed = 0; passed < MINUTES * 60 * SECOND; passed += step) {
		rig_age(rig, step);
		forward(like, ACK);
		if (passed % (10 * SECOND) < step)
			reclaim(0, 0, 2);
	}
	forward(&request, ACK);
	forward(&reply, ACK);
	assert_int_equal(rig->servers[SERVER1].active, 1);
	rig_age(rig, MINUTES * 60 * SECOND / 10 + 100);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig_flows(rig), 0);
}

static void one_way_of_client(void)
{
	one_way(&request, 50 * SECOND);
}

static void one_way_of_server(void)
{
	one_way(&reply, 50 * SECOND);
}

/* So often that the twin is never told. */
static void stream_of_client(void)
{
	one_way(&request, SECOND / 2);
}

static void stream_of_server(void)
{
	one_way(&reply, SECOND / 2);
}

static void test_ten_minutes_one_way_lose_no_half(void **state)
{
	on_both_families(one_way_of_client);
	on_both_families(one_way_of_server);
	on_both_families(stream_of_client);
	on_both_families(stream_of_server);
}

static void changed_timeout(void)
{
	service(METHOD_NAT);
	forward(&request, SYN);
	forward(&reply, SYN | ACK);
	forward(&request, ACK);
	rig_age(rig, 1000);
	reclaim(0, 0, 2);
	rig->svcs[SVC].timeout[FLOW_ESTABLISHED] = 500;
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig_flows(rig), 0);
}

static void test_changed_timeout_acts_on_existing_flows(void **state)
{
	on_both_families(changed_timeout);
}

/* ---- Servers that leave --------------------------------------------------------------------- */

static unsigned ended(void)
{
	const struct reclaim *r = rig->reclaim;
	unsigned i, n = 0;

	for (i = 0; i < r->n4; i++)
		n += r->ended4[i];
	for (i = 0; i < r->n6; i++)
		n += r->ended6[i];
	return n;
}

static enum method leaving_method;

static void lost(void)
{
	struct frame second = { .from = CLIENT, .to = VIP, .sport = 31000 };
	bool pairs = leaving_method == METHOD_NAT;
	struct outcome o;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, leaving_method, 2);
	forward(&request, SYN); /* to WEB1 */
	forward(&second, SYN);	/* to WEB2 */
	forward(&request, ACK);
	reclaim(0, 0, pairs ? 4 : 2);
	assert_int_equal(ended(), 0);
	rig->servers[SERVER1].status = SERVER_LOST | SERVER_RESET;
	rig_run(rig, &request, NULL, &o);
	assert_int_equal(o.action, action_drop(rig->hook));
	assert_int_equal(rig_count(rig, HOOK_INGRESS, COUNT_DROP_SERVER_GONE), 1);
	/* Fresh as it is: it goes, and the other server's stays. */
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig->reclaim->orphans, 0);
	assert_int_equal(ended(), 1);
	assert_int_equal(rig_flows(rig), pairs ? 2 : 1);
	assert_int_equal(rig->servers[SERVER1].active, 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
	assert_int_equal(rig->servers[SERVER1 + 1].inactive, 1);
	forward(&second, ACK);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(ended(), 0);
}

static void test_flows_of_a_lost_server_end_at_once(void **state)
{
	static const enum method methods[] = { METHOD_NAT, METHOD_DR, METHOD_TUN };
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		leaving_method = methods[i];
		on_both_families(lost);
	}
}

static void lost_ported(void)
{
	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_FULLNAT, 1);
	forward(&request, SYN);
	assert_int_equal(rig_flows(rig), 2);
	rig->servers[SERVER1].status = SERVER_LOST;
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(ended(), 1);
	assert_int_equal(rig_flows(rig), 0);
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
	/* The only port is free again. */
	rig->servers[SERVER1].status = SERVER_ALIVE | SERVER_TAKES;
	forward(&request, SYN);
}

static void test_local_port_of_a_lost_server_is_free(void **state)
{
	on_both_families(lost_ported);
}

static void lost_and_found(void)
{
	service(METHOD_NAT);
	forward(&request, SYN);
	rig->servers[SERVER1].status = SERVER_LOST;
	rig->servers[SERVER1].status = SERVER_ALIVE | SERVER_TAKES;
	reclaim(0, 0, 2);
	rig->servers[SERVER1].status = 0; /* down, but its service keeps the flows */
	reclaim(0, 0, 2);
	forward(&request, ACK);
}

static void test_flows_go_on_when_the_server_is_back_or_keeps_them(void **state)
{
	on_both_families(lost_and_found);
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
		cmocka_unit_test(test_ten_minutes_one_way_lose_no_half),
		cmocka_unit_test(test_changed_timeout_acts_on_existing_flows),
		cmocka_unit_test(test_flows_of_a_lost_server_end_at_once),
		cmocka_unit_test(test_local_port_of_a_lost_server_is_free),
		cmocka_unit_test(test_flows_go_on_when_the_server_is_back_or_keeps_them),
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
