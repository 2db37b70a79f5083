// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp/notify, and what instances tell by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "vrrp_world.h"

static struct plan plan;
static const char *const program[] = { "/notify", "with", "words" };

/* One director whose instance "web" has a program. */
static struct host *one(uint8_t priority)
{
	struct host *h;

	world_begin();
	memset(&plan, 0, sizeof(plan));
	plan_instance(&plan, 0, "web", AF_INET, 51, priority);
	plan_vip(&plan, 0, "10.0.0.100/24", "eth0");
	plan_vip(&plan, 0, "10.1.0.1/16", "eth1");
	plan.vrrp[0].notify = (const char **)program;
	plan.vrrp[0].n_notify = 3;
	plan.vrrp[0].notify_timeout = SEC(30);
	h = host_new("10.0.0.2/24");
	host_configure(h, &plan.conf);
	world_run(USEC(0));
	return h;
}

static void says(struct host *h, const char *line)
{
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (!strstr(host_env(h), wanted))
		fail_msg("no %s in:\n%s", line, host_env(h));
}

static void ends(struct host *h)
{
	assert_true(host_proc_ends(h, "/notify", 0));
	world_run(USEC(0));
}

static void every_transition_is_told(void **)
{
	struct host *h = one(100);

	assert_int_equal(host_started(h), 1);
	assert_string_equal(host_env(h), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
					 "LBD_EVENT=transition\n"
					 "LBD_INSTANCE=web\n"
					 "LBD_GROUP=\n"
					 "LBD_INTERFACE=eth0\n"
					 "LBD_VRID=51\n"
					 "LBD_FAMILY=ipv4\n"
					 "LBD_STATE=BACKUP\n"
					 "LBD_PREVIOUS=INITIALIZE\n"
					 "LBD_REASON=interface and address are there\n"
					 "LBD_PRIORITY=100\n"
					 "LBD_ADDRESSES=10.0.0.100/24 10.1.0.1/16\n");
	ends(h);
	world_run(SEC(4));
	assert_int_equal(host_started(h), 2);
	says(h, "LBD_STATE=MASTER");
	says(h, "LBD_PREVIOUS=BACKUP");
	says(h, "LBD_REASON=master timer expired");
	ends(h);
	host_link(h, "eth0", true, false, 1);
	world_run(USEC(0));
	says(h, "LBD_STATE=INITIALIZE");
	says(h, "LBD_REASON=interface eth0 is down");
	world_end();
}

/* keepalived starts them all at once, and whichever is last decides. */
static void one_at_a_time_and_the_newest_wins(void **)
{
	struct host *h = one(255);
	int i;

	assert_int_equal(host_started(h), 1);
	says(h, "LBD_STATE=MASTER");
	for (i = 0; i < 50; i++) {
		host_link(h, "eth0", true, false, 1);
		world_run(MSEC(10));
		host_link(h, "eth0", true, true, 1);
		world_run(MSEC(10));
	}
	host_link(h, "eth0", true, false, 1);
	world_run(MSEC(10));
	assert_int_equal(host_started(h), 1);
	ends(h);
	assert_int_equal(host_started(h), 2);
	says(h, "LBD_STATE=INITIALIZE");
	ends(h);
	world_run(SEC(10));
	assert_int_equal(host_started(h), 2);
	world_end();
}

static void a_conflict_is_told_once(void **)
{
	struct host *h = one(255);
	int i;

	ends(h);
	for (i = 0; i < 5; i++) {
		host_hear(h, "10.0.0.1", 51, 50, SEC(1), "10.0.0.100");
		world_run(SEC(1));
	}
	assert_int_equal(host_started(h), 2);
	says(h, "LBD_EVENT=conflict");
	says(h, "LBD_STATE=MASTER");
	ends(h);
	world_run(SEC(10));
	host_hear(h, "10.0.0.1", 51, 0, SEC(1), "10.0.0.100");
	world_run(USEC(0));
	assert_int_equal(host_started(h), 3);
	world_end();
}

/* Also when the one before still runs. */
static void the_stop_is_told(void **)
{
	struct host *h;
	int ended;

	for (ended = 0; ended < 2; ended++) {
		h = one(255);
		if (ended)
			ends(h);
		host_stop(h);
		assert_int_equal(host_started(h), 2);
		says(h, "LBD_STATE=INITIALIZE");
		says(h, "LBD_REASON=stopped");
		world_end();
	}
}

static void an_instance_that_is_removed_is_told_of(void **)
{
	static struct plan none;
	struct host *h = one(255);

	host_configure(h, &none.conf);
	world_run(USEC(0));
	assert_int_equal(host_started(h), 1);
	ends(h);
	assert_int_equal(host_started(h), 2);
	says(h, "LBD_REASON=stopped");
	ends(h);
	world_end();
}

static void a_few_run_at_a_time(void **)
{
	static char names[MAX_INSTANCES][8];
	unsigned i;
	struct host *h;

	world_begin();
	memset(&plan, 0, sizeof(plan));
	for (i = 0; i < MAX_INSTANCES; i++) {
		snprintf(names[i], sizeof(names[i]), "i%u", i);
		plan_instance(&plan, i, names[i], AF_INET, (uint8_t)(i + 1), 255);
		plan.vrrp[i].notify = (const char **)program;
		plan.vrrp[i].n_notify = 1;
		plan.vrrp[i].notify_timeout = SEC(30);
	}
	h = host_new("10.0.0.2/24");
	host_configure(h, &plan.conf);
	assert_int_equal(host_started(h), 0); /* not while instances change */
	world_run(USEC(0));
	assert_int_equal(host_started(h), 16);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_transition_is_told),
		cmocka_unit_test(one_at_a_time_and_the_newest_wins),
		cmocka_unit_test(a_conflict_is_told_once),
		cmocka_unit_test(the_stop_is_told),
		cmocka_unit_test(an_instance_that_is_removed_is_told_of),
		cmocka_unit_test(a_few_run_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
