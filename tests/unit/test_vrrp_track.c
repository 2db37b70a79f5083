// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp/track and what an instance makes of it, among hosts of a made-up LAN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vrrp_world.h"

static struct plan plans[4];

static void setup(struct plan *p, uint8_t priority)
{
	memset(p, 0, sizeof(*p));
	plan_instance(p, 0, "web", AF_INET, 51, priority);
	plan_vip(p, 0, "10.0.0.100/24", "eth0");
}

static struct conf_track *track(struct plan *p, enum conf_track_kind kind, int weight)
{
	return plan_track(p, 0, kind, "it", weight);
}

static struct host *start(struct plan *p, const char *address)
{
	struct host *h = host_new(address);

	host_configure(h, &p->conf);
	return h;
}

/* One director with what plans[0] says. */
static struct host *one(void)
{
	return start(&plans[0], "10.0.0.2/24");
}

static void keep(void *ctx, const char *, const struct vrrp_track_status *st)
{
	*(struct vrrp_track_status *)ctx = *st;
}

static struct vrrp_track_status it(struct host *h)
{
	struct vrrp_track_status st = { 0 };

	host_each_track(h, "web", keep, &st);
	return st;
}

static unsigned priority(struct host *h)
{
	return host_status(h, "web").priority;
}

static void begin(uint8_t p)
{
	world_begin();
	setup(&plans[0], p);
}

/* ---- Kinds ---- */

static void a_link_that_fails_is_a_fault(void **)
{
	struct host *h;

	begin(100);
	track(&plans[0], CONF_TRACK_INTERFACE, 0)->interface = "eth1";
	h = one();
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	host_clear_trace(h);
	host_link(h, "eth1", true, false, 2);
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	assert_string_equal(host_status(h, "web").reason, "track it: is down");
	assert_string_equal(host_trace(h), "zero remove close");
	host_link(h, "eth1", false, false, 2);
	world_run(SEC(10));
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	host_link(h, "eth1", true, true, 2);
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	world_end();
}

static void a_link_that_must_be_down(void **)
{
	struct conf_track *t;
	struct host *h;

	begin(100);
	t = track(&plans[0], CONF_TRACK_INTERFACE, 0);
	t->interface = "eth1";
	t->reverse = true;
	h = one();
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	assert_string_equal(host_status(h, "web").reason, "track it: is up");
	host_link(h, "eth1", true, false, 2);
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	world_end();
}

/* A negative weight while it has failed, a positive one while it is good. */
static void weights_are_added_and_bounded(void **)
{
	static const struct {
		int weight;
		unsigned base, good, failed;
	} cases[] = {
		{ -20, 100, 100, 80 },	{ 20, 100, 120, 100 }, { -253, 100, 100, 1 },
		{ 253, 100, 254, 100 }, { -1, 1, 1, 1 },
	};
	struct host *h;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin((uint8_t)cases[i].base);
		track(&plans[0], CONF_TRACK_INTERFACE, cases[i].weight)->interface = "eth1";
		h = one();
		assert_int_equal(priority(h), cases[i].good);
		assert_int_equal(host_status(h, "web").priority_base, cases[i].base);
		host_link(h, "eth1", true, false, 2);
		world_run(USEC(0));
		assert_int_equal(priority(h), cases[i].failed);
		assert_int_equal(it(h).verdict, VRRP_TRACK_FAILED);
		world_end();
	}
}

static void several_weights_add_up(void **)
{
	struct host *h;

	begin(100);
	track(&plans[0], CONF_TRACK_INTERFACE, -30)->interface = "eth1";
	plan_track(&plans[0], 0, CONF_TRACK_INTERFACE, "more", 7)->interface = "eth0";
	plan_track(&plans[0], 0, CONF_TRACK_INTERFACE, "none", -40)->interface = "eth9";
	h = one();
	assert_int_equal(priority(h), 67);
	host_link(h, "eth1", true, false, 2);
	world_run(USEC(0));
	assert_int_equal(priority(h), 37);
	world_end();
}

static void a_lower_priority_is_advertised_at_once_and_loses(void **)
{
	struct host *h[2];

	begin(150);
	track(&plans[0], CONF_TRACK_INTERFACE, -60)->interface = "eth1";
	setup(&plans[1], 100);
	h[0] = one();
	h[1] = start(&plans[1], "10.0.0.3/24");
	world_run(SEC(10));
	assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
	host_clear_trace(h[0]);
	host_link(h[0], "eth1", true, false, 2);
	world_run(USEC(0));
	assert_string_equal(host_trace(h[0]), "advert");
	assert_int_equal(host_status(h[1], "web").master_priority, 90);
	world_run(SEC(4));
	assert_int_equal(host_state(h[0], "web"), VRRP_BACKUP);
	assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
	host_link(h[0], "eth1", true, true, 2);
	world_run(SEC(4));
	assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
	world_end();
}

static void addresses_are_found_on_any_interface(void **)
{
	struct conf_track *t;
	struct host *h;

	begin(100);
	t = track(&plans[0], CONF_TRACK_ADDRESS, 0);
	assert_int_equal(addr_parse("10.7.0.1", &t->address), 0);
	t->has_address = true;
	h = one();
	world_run(SEC(4));
	assert_string_equal(host_status(h, "web").reason, "track it: is not here");
	host_add(h, 2, "10.7.0.1/24");
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	host_remove(h, 2, "10.7.0.1/24");
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	world_end();
}

static void routes_come_and_go(void **)
{
	struct conf_track *t;
	struct host *h;

	begin(100);
	t = track(&plans[0], CONF_TRACK_ROUTE, -50);
	assert_int_equal(addr_parse("203.0.113.1", &t->route), 0);
	t->has_route = true;
	h = one();
	assert_int_equal(priority(h), 50);
	host_route(h, "203.0.113.1", true);
	world_run(USEC(0));
	assert_int_equal(priority(h), 100);
	host_route(h, "203.0.113.1", false);
	world_run(USEC(0));
	assert_int_equal(priority(h), 50);
	world_end();
}

static void files_exist_or_not(void **)
{
	char path[] = "/tmp/lbd-track-XXXXXX";
	struct conf_track *t;
	struct host *h;
	int fd;

	begin(100);
	t = track(&plans[0], CONF_TRACK_FILE, 0);
	t->file = path;
	t->reverse = true; /* a switch for maintenance */
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	h = one();
	world_run(SEC(4));
	assert_string_equal(host_status(h, "web").reason, "track it: exists");
	assert_int_equal(unlink(path), 0);
	world_run(SEC(5));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	world_end();
}

static void processes_run_or_not(void **)
{
	struct host *h;

	begin(100);
	track(&plans[0], CONF_TRACK_PROCESS, 10)->process = "no-such-process";
	plan_track(&plans[0], 0, CONF_TRACK_PROCESS, "self", 20)->process = "test_vrrp_track";
	h = one();
	world_run(SEC(2));
	assert_int_equal(priority(h), 120);
	world_end();
}

static void another_instance_must_run(void **)
{
	struct host *h;

	begin(100);
	plan_instance(&plans[0], 1, "other", AF_INET, 52, 100)->interface = "eth1";
	plan_vip(&plans[0], 1, "10.1.0.1/24", "eth1");
	track(&plans[0], CONF_TRACK_INSTANCE, 0)->instance = "other";
	h = one();
	world_run(SEC(1)); /* "other" has nothing to speak from */
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	assert_string_equal(host_status(h, "web").reason, "track it: cannot run");
	host_add(h, 2, "10.1.0.2/24");
	world_run(USEC(0));
	assert_int_equal(host_state(h, "other"), VRRP_BACKUP);
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	host_link(h, "eth1", true, false, 2);
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
	world_end();
}

/* ---- Scripts ---- */

static const char *const script[] = { "/it" };

static struct conf_track *track_script(int weight)
{
	struct conf_track *t = track(&plans[0], CONF_TRACK_SCRIPT, weight);

	t->script = (const char **)script;
	t->n_script = 1;
	return t;
}

static void ends(struct host *h, int status)
{
	assert_true(host_proc_ends(h, "/it", status));
	world_run(SEC(1));
}

static void a_script_is_waited_for_at_the_start(void **)
{
	struct host *h;

	begin(100);
	track_script(0);
	h = one();
	world_run(SEC(20));
	assert_string_equal(host_status(h, "web").reason, "track it: not known yet");
	assert_int_equal(host_started(h), 1); /* never two at a time */
	ends(h, 0);
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	world_end();
}

static void rise_and_fall_count_in_a_row(void **)
{
	struct conf_track *t;
	struct host *h;

	begin(100);
	t = track_script(-10);
	t->rise = 2;
	t->fall = 3;
	h = one();
	world_run(USEC(0));
	assert_int_equal(priority(h), 100);
	ends(h, 1); /* the first counts at once */
	assert_int_equal(priority(h), 90);
	assert_string_equal(it(h).detail, "status 1");
	ends(h, 0);
	assert_int_equal(priority(h), 90);
	ends(h, 1);
	ends(h, 0);
	assert_int_equal(priority(h), 90);
	ends(h, 0);
	assert_int_equal(priority(h), 100);
	ends(h, 1);
	ends(h, 1);
	ends(h, 0);
	ends(h, 1);
	ends(h, 1);
	assert_int_equal(priority(h), 100);
	ends(h, 1);
	assert_int_equal(priority(h), 90);
	world_end();
}

/* What is tracked anew does not disturb a master until it is known to have failed. */
static void a_reload_keeps_what_is_known(void **)
{
	struct host *h;

	begin(100);
	h = one();
	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	track_script(0);
	plans[1] = plans[0];
	plans[1].conf.vrrp = plans[1].vrrp;
	plans[1].vrrp[0].tracks = plans[1].tracks[0];
	plans[1].vrrp[0].addresses = plans[1].vips[0];
	host_clear_trace(h);
	host_configure(h, &plans[1].conf);
	world_run(SEC(5));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	ends(h, 0);
	/* another weight: nothing is run anew, nothing is forgotten */
	plans[2] = plans[1];
	plans[2].conf.vrrp = plans[2].vrrp;
	plans[2].vrrp[0].tracks = plans[2].tracks[0];
	plans[2].vrrp[0].addresses = plans[2].vips[0];
	plans[2].tracks[0][0].weight = 50;
	host_configure(h, &plans[2].conf);
	assert_int_equal(priority(h), 150);
	assert_int_equal(it(h).verdict, VRRP_TRACK_GOOD);
	ends(h, 1);
	assert_int_equal(priority(h), 100);
	/* no longer tracked: the program is ended */
	setup(&plans[3], 100);
	host_configure(h, &plans[3].conf);
	assert_false(host_proc_ends(h, "/it", 0));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	assert_null(strstr(host_trace(h), "remove"));
	world_end();
}

/* ---- Services ---- */

static void service_pair(struct host *h[2], int weight)
{
	struct conf_track *t;
	unsigned i;

	world_begin();
	for (i = 0; i < 2; i++) {
		setup(&plans[i], i ? 100 : 150);
		t = track(&plans[i], CONF_TRACK_SERVICE, weight);
		t->service = "www";
		t->below = 50;
		t->delay = SEC(5);
		h[i] = host_new(i ? "10.0.0.3/24" : "10.0.0.2/24");
		host_healthy(h[i], 4, 4);
		host_configure(h[i], &plans[i].conf);
	}
	world_run(SEC(10));
	assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
}

static void a_share_of_servers_is_enough(void **)
{
	struct host *h[2];

	service_pair(h, -60);
	host_healthy(h[0], 2, 4);
	world_run(SEC(20));
	assert_int_equal(priority(h[0]), 150);
	host_healthy(h[0], 1, 4);
	world_run(SEC(4));
	assert_int_equal(priority(h[0]), 150); /* a master bears it for a while */
	world_run(SEC(2));
	assert_int_equal(priority(h[0]), 90);
	assert_string_equal(it(h[0]).detail, "1 of 4 servers are healthy");
	world_run(SEC(5));
	assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
	/* it is a standby now, which does not trust the first sign of recovery */
	host_healthy(h[0], 4, 4);
	world_run(SEC(4));
	assert_int_equal(priority(h[0]), 90);
	world_run(SEC(2));
	assert_int_equal(priority(h[0]), 150);
	world_end();
}

/* Whoever notices first, and whoever sees them come back first. */
static void servers_dead_for_both_move_nothing(void **)
{
	struct host *h[2];
	int first, again;

	for (first = 0; first < 2; first++) {
		service_pair(h, -60);
		for (again = 0; again < 5; again++) {
			host_healthy(h[first], 0, 4);
			world_run(SEC(4));
			host_healthy(h[!first], 0, 4);
			world_run(SEC(30));
			assert_int_equal(priority(h[0]), 90);
			assert_int_equal(priority(h[1]), 40);
			host_healthy(h[first], 4, 4);
			world_run(SEC(4));
			host_healthy(h[!first], 4, 4);
			world_run(SEC(30));
		}
		assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
		assert_int_equal(host_status(h[0], "web").counters.became_master, 1);
		assert_int_equal(host_status(h[1], "web").counters.became_master, 0);
		world_end();
	}
}

/* ---- Groups ---- */

static void a_group_goes_by_its_worst_member(void **)
{
	struct host *h[2];
	unsigned i;

	world_begin();
	for (i = 0; i < 2; i++) {
		setup(&plans[i], i ? 100 : 150);
		plan_instance(&plans[i], 1, "in", AF_INET, 52, i ? 100 : 150);
		plan_vip(&plans[i], 1, "10.0.0.101/24", "eth0");
		plan_group(&plans[i], "shop", 2);
		track(&plans[i], CONF_TRACK_INTERFACE, -60)->interface = "eth1";
		h[i] = start(&plans[i], i ? "10.0.0.3/24" : "10.0.0.2/24");
	}
	world_run(SEC(10));
	assert_int_equal(host_state(h[0], "in"), VRRP_MASTER);
	host_link(h[0], "eth1", true, false, 2);
	world_run(USEC(0));
	assert_int_equal(host_status(h[0], "in").priority, 90);
	world_run(SEC(5));
	assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
	assert_int_equal(host_state(h[1], "in"), VRRP_MASTER);
	/* a reload in between tells nobody another priority */
	host_clear_trace(h[1]);
	host_link(h[1], "eth1", true, false, 2);
	world_run(SEC(10));
	host_clear_trace(h[0]);
	host_configure(h[0], &plans[0].conf);
	assert_string_equal(host_trace(h[0]), "");
	world_end();
}

static void an_owner_is_weighed_by_nothing(void **)
{
	struct host *h;

	begin(255);
	track(&plans[0], CONF_TRACK_INTERFACE, -60)->interface = "eth9";
	h = one();
	assert_int_equal(priority(h), 255);
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_fails_is_a_fault),
		cmocka_unit_test(a_link_that_must_be_down),
		cmocka_unit_test(weights_are_added_and_bounded),
		cmocka_unit_test(several_weights_add_up),
		cmocka_unit_test(a_lower_priority_is_advertised_at_once_and_loses),
		cmocka_unit_test(addresses_are_found_on_any_interface),
		cmocka_unit_test(routes_come_and_go),
		cmocka_unit_test(files_exist_or_not),
		cmocka_unit_test(processes_run_or_not),
		cmocka_unit_test(another_instance_must_run),
		cmocka_unit_test(a_script_is_waited_for_at_the_start),
		cmocka_unit_test(rise_and_fall_count_in_a_row),
		cmocka_unit_test(a_reload_keeps_what_is_known),
		cmocka_unit_test(a_share_of_servers_is_enough),
		cmocka_unit_test(servers_dead_for_both_move_nothing),
		cmocka_unit_test(a_group_goes_by_its_worst_member),
		cmocka_unit_test(an_owner_is_weighed_by_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
