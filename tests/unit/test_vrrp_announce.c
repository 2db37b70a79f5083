// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp/announce: how often and when frames leave, under a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "vrrp/announce.h"

static struct {
	usec_t now;
	struct loop_timer *timer; /* the announcer has one */
	bool active;
	unsigned sent;
	usec_t last, closest; /* two frames one after the other */
} world;

/* ---- What the announcer stands on ---- */

usec_t loop_now(void)
{
	return world.now;
}

void loop_timer_init(struct loop_timer *t, struct loop *, enum loop_priority,
		     void (*fire)(struct loop_timer *t, usec_t now))
{
	t->fire = fire;
	world.timer = t;
}

void loop_timer_at(struct loop_timer *t, usec_t at)
{
	t->at = at;
	world.active = true;
}

void loop_timer_stop(struct loop_timer *)
{
	world.active = false;
}

bool loop_timer_active(const struct loop_timer *)
{
	return world.active;
}

const struct net_link *net_link_by_index(const struct net *, unsigned ifindex)
{
	static const struct net_link link = { .ifindex = 1, .name = "eth0", .up = true };

	return ifindex == 1 ? &link : NULL;
}

int __wrap_socket(int, int, int);
int __wrap_socket(int, int, int)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

ssize_t __wrap_sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t __wrap_sendto(int, const void *, size_t len, int, const struct sockaddr *, socklen_t)
{
	usec_t gap = usec_sub(world.now, world.last);

	if (world.sent && usec_before(gap, world.closest))
		world.closest = gap;
	world.sent++;
	world.last = world.now;
	return (ssize_t)len;
}

/* ---- Tests ---- */

static struct announcer *announcer;
static struct announcement all[500];

static void setup(unsigned n, usec_t refresh)
{
	unsigned i;

	memset(&world, 0, sizeof(world));
	memset(all, 0, sizeof(all));
	world.now = SEC(100);
	assert_int_equal(announcer_new(NULL, NULL, &announcer), 0);
	for (i = 0; i < n; i++) {
		list_init(&all[i].node);
		all[i].ifindex = 1;
		addr_parse("192.0.2.1", &all[i].addr);
		announce_refresh(announcer, &all[i], refresh);
		announce_start(announcer, &all[i]);
	}
}

static void run(usec_t span)
{
	usec_t end = usec_add(world.now, span);

	while (world.active && !usec_before(end, world.timer->at)) {
		if (usec_before(world.now, world.timer->at))
			world.now = world.timer->at;
		world.active = false;
		world.timer->fire(world.timer, world.now);
	}
	world.now = end;
}

static void five_frames_and_five_more(void **)
{
	setup(1, USEC(0));
	run(MSEC(400));
	assert_int_equal(world.sent, 5);
	run(MSEC(4999));
	assert_int_equal(world.sent, 5);
	run(MSEC(500));
	assert_int_equal(world.sent, 10);
	run(SEC(1000));
	assert_int_equal(world.sent, 10);
	announcer_free(announcer);
}

static void then_one_each_time_of_refreshing(void **)
{
	setup(1, SEC(60));
	run(SEC(60));
	assert_int_equal(world.sent, 10);
	run(SEC(600));
	assert_int_equal(world.sent, 20);
	announce_stop(&all[0]);
	run(SEC(600));
	assert_int_equal(world.sent, 20);
	announcer_free(announcer);
}

static void a_conflict_begins_the_bursts_anew(void **)
{
	setup(1, SEC(60));
	run(SEC(65)); /* of which 5.8 were the bursts */
	assert_int_equal(world.sent, 10);
	announce_start(announcer, &all[0]);
	run(SEC(10));
	assert_int_equal(world.sent, 20);
	announcer_free(announcer);
}

static void refreshing_can_be_changed(void **)
{
	setup(1, USEC(0));
	run(SEC(100));
	assert_int_equal(world.sent, 10);
	announce_refresh(announcer, &all[0], SEC(10));
	run(SEC(100));
	assert_int_equal(world.sent, 20);
	announce_refresh(announcer, &all[0], USEC(0));
	run(SEC(100));
	assert_int_equal(world.sent, 20);
	announcer_free(announcer);
}

/* 500 addresses that were taken at once: their bursts go out at once, what follows does not. */
static void refreshes_are_paced(void **)
{
	setup(500, SEC(60));
	run(SEC(30));
	assert_int_equal(world.sent, 5000);
	world.closest = SEC(1);
	run(SEC(120));
	assert_in_range(world.sent, 5990, 6000);
	assert_true(world.closest.us >= 5000);
	announcer_free(announcer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_frames_and_five_more),
		cmocka_unit_test(then_one_each_time_of_refreshing),
		cmocka_unit_test(a_conflict_begins_the_bursts_anew),
		cmocka_unit_test(refreshing_can_be_changed),
		cmocka_unit_test(refreshes_are_paced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
