// SPDX-License-Identifier: BSD-2-Clause
/* src/vrrp as a whole (set, instance, vips) among hosts of a made-up LAN: elections, timers,
 * addresses, gates, changes of configuration.  world_run checks after every callback that addresses
 * and gate follow the state, that the right timers run, and that the beat comes in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vrrp_world.h"

/* Each scenario runs for both. */
static const struct family {
	int family;
	const char *a, *b;		   /* two directors */
	const char *other, *greater;	   /* somebody else, above and below whom they stand */
	const char *vip, *vip2, *vip_text; /* link-local for IPv6: it leads the adverts */
	const char *gateway;
} families[] = {
	{ AF_INET, "10.0.0.2/24", "10.0.0.3/24", "10.0.0.1", "10.0.0.9", "10.0.0.100/24",
	  "10.0.0.101/24", "10.0.0.100", "10.1.0.1/24" },
	{ AF_INET6, "fe80::2/64", "fe80::3/64", "fe80::1", "fe80::9", "fe80::100/64",
	  "2001:db8::101/64", "fe80::100", "fd00::1/64" },
};

#define for_each_family(f) for (f = families; f < families + 2; f++)

static void setup(struct plan *p, const struct family *f, uint8_t priority)
{
	memset(p, 0, sizeof(*p));
	plan_instance(p, 0, "web", f->family, 51, priority);
	plan_vip(p, 0, f->vip, "eth0");
}

static struct plan plans[6];

/* One director, BACKUP. */
static struct host *one(const struct family *f, uint8_t priority)
{
	struct host *h;

	world_begin();
	setup(&plans[0], f, priority);
	h = host_new(f->a);
	host_configure(h, &plans[0].conf);
	return h;
}

/* The same, MASTER. */
static struct host *master(const struct family *f, uint8_t priority)
{
	struct host *h = one(f, priority);

	world_run(SEC(4));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	return h;
}

/* Two directors of one config; h[0] has priority p0 and so on. */
static void pair(const struct family *f, struct host *h[2], uint8_t p0, uint8_t p1)
{
	world_begin();
	setup(&plans[0], f, p0);
	setup(&plans[1], f, p1);
	h[0] = host_new(f->a);
	h[1] = host_new(f->b);
	host_configure(h[0], &plans[0].conf);
	host_configure(h[1], &plans[1].conf);
}

static void hear(struct host *h, const struct family *f, const char *src, uint8_t priority)
{
	host_hear(h, src, 51, priority, SEC(1), f->vip_text);
	world_run(USEC(0));
}

static void assert_roles(struct host *h[2], enum vrrp_state first, enum vrrp_state second)
{
	assert_int_equal(host_state(h[0], "web"), first);
	assert_int_equal(host_state(h[1], "web"), second);
}

/* ---- Start, gain, lose ---- */

static void starts_as_backup_for_a_whole_down_interval(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_run(USEC(3609374));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		assert_int_equal(host_sent(h), 0);
		world_run(USEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_string_equal(host_status(h, "web").reason, "master timer expired");
		world_end();
	}
}

static void owner_is_master_at_once(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 255);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

/* Not only after a crash: whoever made the gate may have left it open. */
static void gains_and_loses_in_order(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		assert_string_equal(host_trace(h), "close");
		host_clear_trace(h);
		world_run(USEC(3609375));
		assert_string_equal(host_trace(h), "open advert add announce");
		host_clear_trace(h);
		hear(h, f, f->other, 101);
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		assert_string_equal(host_trace(h), "remove close");
		world_run(SEC(4));
		host_clear_trace(h);
		host_stop(h);
		assert_string_equal(host_trace(h), "zero remove close");
		world_end();
	}
}

static void backup_stops_silently(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		host_stop(h);
		assert_int_equal(host_sent(h), 0);
		world_end();
	}
}

/* The timer of a director that has no other counts from its last advert. */
static void standby_takes_over_after_its_down_interval(void **state)
{
	const struct family *f;
	struct host *h[2];
	usec_t last;

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		last = host_status(h[1], "web").last_advert;
		host_kill(h[0]);
		world_run(usec_sub(usec_add(last, USEC(3609374)), world_now()));
		assert_int_equal(host_state(h[1], "web"), VRRP_BACKUP);
		world_run(USEC(1));
		assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
		world_end();
	}
}

static void graceful_stop_costs_the_skew_time(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		host_stop(h[0]);
		world_run(USEC(609374));
		assert_int_equal(host_state(h[1], "web"), VRRP_BACKUP);
		world_run(USEC(1));
		assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
		assert_string_equal(host_status(h[1], "web").reason, "the master handed over");
		assert_int_equal(host_status(h[1], "web").counters.priority_zero_received, 1);
		assert_int_equal(host_status(h[0], "web").counters.priority_zero_sent, 1);
		world_end();
	}
}

/* ---- Elections ---- */

static void the_higher_returns_and_preempts(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		host_kill(h[0]);
		world_run(SEC(5));
		assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
		host_start(h[0]);
		host_configure(h[0], &plans[0].conf);
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		world_run(SEC(4));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_false(host_has(h[1], 1, f->vip_text));
		world_end();
	}
}

static void without_preemption_a_living_master_stays(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plans[0].vrrp[0].preempt = false;
		host_kill(h[0]);
		world_run(SEC(5));
		host_start(h[0]);
		host_configure(h[0], &plans[0].conf);
		world_run(SEC(60));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		/* but a dead one is followed without delay */
		host_kill(h[1]);
		world_run(USEC(3218750));
		assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
		world_end();
	}
}

static void preemption_waits_for_its_delay(void **)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plans[0].vrrp[0].preempt_delay = SEC(30);
		host_kill(h[0]);
		world_run(SEC(5));
		host_start(h[0]);
		host_configure(h[0], &plans[0].conf);
		world_run(SEC(30));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		world_run(SEC(5)); /* and the patience with the last advert that was respected */
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		world_end();
	}
}

/* A dead master is not waited for, nor one that hands over. */
static void a_delay_of_preemption_delays_no_takeover(void **)
{
	const struct family *f;
	struct host *h[2];
	int graceful;

	for_each_family(f)
	{
		for (graceful = 0; graceful < 2; graceful++) {
			pair(f, h, 200, 100);
			plans[0].vrrp[0].preempt_delay = SEC(300);
			host_kill(h[0]);
			world_run(SEC(5));
			host_start(h[0]);
			host_configure(h[0], &plans[0].conf);
			world_run(SEC(10));
			assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
			if (graceful)
				host_stop(h[1]);
			else
				host_kill(h[1]);
			world_run(graceful ? MSEC(219) : MSEC(3219));
			assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
			world_end();
		}
	}
}

/* What is respected in between begins the delay anew. */
static void a_better_master_ends_the_delay_of_preemption(void **)
{
	const struct family *f;
	struct host *h;
	int i;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		plans[0].vrrp[0].preempt_delay = SEC(10);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		for (i = 0; i < 19; i++) {
			hear(h, f, f->other, i == 9 ? 150 : 50);
			world_run(SEC(1));
			assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		}
		for (i = 0; i < 6; i++) {
			hear(h, f, f->other, 50);
			world_run(SEC(1));
		}
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void a_machine_that_booted_waits_for_its_network(void **)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin(); /* 1000 s after the boot */
		setup(&plans[0], f, 255);
		plans[0].vrrp[0].startup_delay = MSEC(1010300);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		world_run(USEC(10299999));
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		assert_string_equal(host_status(h, "web").reason,
				    "waits until 1010.3 s after the boot");
		world_run(USEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		/* a restart of the daemon is no boot */
		host_kill(h);
		host_start(h);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static struct host *debounced(const struct family *f, usec_t down, usec_t up)
{
	struct host *h;

	world_begin();
	setup(&plans[0], f, 255);
	plans[0].vrrp[0].link_down_delay = down;
	plans[0].vrrp[0].link_up_delay = up;
	h = host_new(f->a);
	host_configure(h, &plans[0].conf);
	world_run(SEC(1));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	return h;
}

static void a_short_loss_of_link_is_borne(void **)
{
	const struct family *f;
	unsigned announced;
	struct host *h;

	for_each_family(f)
	{
		h = debounced(f, MSEC(1500), USEC(0));
		announced = host_announced(h);
		host_link(h, "eth0", true, false, 1);
		world_run(MSEC(1400));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_announced(h), announced);
		host_clear_trace(h);
		host_link(h, "eth0", true, true, 1);
		world_run(USEC(0));
		assert_string_equal(host_trace(h), "advert announce");
		/* the next one counts from its own beginning */
		host_link(h, "eth0", true, false, 1);
		world_run(USEC(1499999));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_run(USEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		assert_string_equal(host_status(h, "web").reason, "interface eth0 is down");
		world_end();
	}
}

static void a_link_that_flaps_must_be_up_for_its_delay(void **)
{
	const struct family *f;
	struct host *h;
	int i;

	for_each_family(f)
	{
		h = debounced(f, USEC(0), SEC(5));
		for (i = 0; i < 10; i++) {
			host_link(h, "eth0", true, false, 1);
			world_run(SEC(1));
			assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
			host_link(h, "eth0", true, true, 1);
			world_run(MSEC(4999));
			assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		}
		assert_string_equal(host_status(h, "web").reason,
				    "interface eth0 is not up for long enough");
		world_run(MSEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_status(h, "web").counters.became_master, 2);
		world_end();
	}
}

static void an_interface_that_goes_is_not_waited_for(void **)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = debounced(f, SEC(2), USEC(0));
		host_link(h, "eth0", false, false, 1);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		world_end();
	}
}

static void the_refresh_of_announcements_follows_the_configuration(void **)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 255);
		plans[0].vrrp[0].announce_refresh = SEC(60);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_refresh(h).us, 60000000);
		plans[0].vrrp[0].announce_refresh = USEC(0);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_refresh(h).us, 0);
		world_end();
	}
}

static void a_backup_respects_its_equal(void **state)
{
	const struct family *f;
	struct host *h;
	int i;

	for_each_family(f)
	{
		h = one(f, 100);
		for (i = 0; i < 10; i++) {
			world_run(SEC(1));
			hear(h, f, f->other, 100); /* the lesser address */
		}
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_end();
	}
}

/* seesaw has no tie-break, and two masters stay two for ever. */
static void of_equal_masters_the_greater_address_stays(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 100, 100);
		world_cut(true);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_MASTER);
		world_cut(false);
		world_run(SEC(1));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		world_run(SEC(60));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		world_end();
	}
}

static void two_owners_settle(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 255, 255);
		assert_roles(h, VRRP_MASTER, VRRP_MASTER);
		world_run(SEC(60));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		assert_true(host_status(h[0], "web").counters.second_owner > 50);
		world_end();
	}
}

/* FRR lets the loser go on until its own next advert; keepalived leaves caches pointing to it. */
static void a_losing_advert_is_answered_and_announced_at_once(void **state)
{
	const struct family *f;
	unsigned sent, announced;
	struct host *h;
	int equal;

	for_each_family(f)
	{
		for (equal = 0; equal < 2; equal++) {
			h = master(f, 100);
			sent = host_sent(h);
			announced = host_announced(h);
			hear(h, f, f->other, equal ? 100 : 99);
			assert_int_equal(host_sent(h), sent + 1);
			assert_int_equal(host_announced(h), announced + 1);
			assert_int_equal(host_state(h, "web"), VRRP_MASTER);
			/* the advert timer is not touched: it began at 3.609375 s */
			world_run(USEC(609374));
			assert_int_equal(host_sent(h), sent + 1);
			world_run(USEC(1));
			assert_int_equal(host_sent(h), sent + 2);
			world_run(SEC(1));
			assert_int_equal(host_sent(h), sent + 3);
			world_end();
		}
	}
}

static void a_resigning_rival_is_answered_and_announced_at_once(void **state)
{
	const struct family *f;
	unsigned sent, announced;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		sent = host_sent(h);
		announced = host_announced(h);
		hear(h, f, f->greater, 0);
		assert_int_equal(host_sent(h), sent + 1);
		assert_int_equal(host_announced(h), announced + 1);
		/* the advert timer starts anew */
		world_run(USEC(999999));
		assert_int_equal(host_sent(h), sent + 1);
		world_run(USEC(1));
		assert_int_equal(host_sent(h), sent + 2);
		world_end();
	}
}

static void a_split_brain_heals_to_the_higher(void **state)
{
	const struct family *f;
	struct host *h[2];
	unsigned announced;

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_cut(true);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_MASTER);
		announced = host_announced(h[0]);
		world_cut(false);
		world_run(SEC(1));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		/* Whoever spoke first: if the loser did, the winner said again where the VIP is. */
		if (host_status(h[0], "web").counters.adverts_received)
			assert_true(host_announced(h[0]) > announced);
		world_end();
	}
}

/* ---- Timers ---- */

/* FRR stores it in the wrong byte order, holo by the wrong factor: 2580 ms is 0x0102 centiseconds.
 */
static void the_masters_interval_is_adopted(void **state)
{
	const struct family *f;
	struct host *h;
	int from_master;

	for_each_family(f)
	{
		for (from_master = 0; from_master < 2; from_master++) {
			h = from_master ? master(f, 100) : one(f, 100);
			host_hear(h, f->other, 51, 200, MSEC(2580), f->vip_text);
			world_run(USEC(0));
			assert_int_equal(host_status(h, "web").master_interval.us, 2580000);
			assert_int_equal(host_status(h, "web").counters.interval_mismatch, 1);
			/* 3 * 2.58 s + 156 / 256 of it */
			world_run(USEC(9312186));
			assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
			world_run(USEC(1));
			assert_int_equal(host_state(h, "web"), VRRP_MASTER);
			world_end();
		}
	}
}

/* RFC 3768 6.1: skew of a second, whatever the interval, and that is never adopted. */
static void version_2_reckons_in_seconds(void **)
{
	struct host *h;

	world_begin();
	setup(&plans[0], &families[0], 100);
	plans[0].vrrp[0].version = 2;
	plans[0].vrrp[0].advert_interval = SEC(2);
	h = host_new(families[0].a);
	host_configure(h, &plans[0].conf);
	host_hear(h, families[0].other, 51, 200, SEC(3), families[0].vip_text);
	world_run(USEC(6609374));
	assert_int_equal(host_status(h, "web").counters.drop_other_interval, 1);
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	world_run(USEC(1));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	host_hear(h, families[0].other, 51, 200, SEC(2), families[0].vip_text);
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	world_end();
}

static void versions_do_not_mix(void **)
{
	struct host *h[2];

	world_begin();
	setup(&plans[0], &families[0], 200);
	setup(&plans[1], &families[0], 100);
	plans[1].vrrp[0].version = 2;
	h[0] = host_new(families[0].a);
	h[1] = host_new(families[0].b);
	host_configure(h[0], &plans[0].conf);
	host_configure(h[1], &plans[1].conf);
	world_run(SEC(10));
	assert_roles(h, VRRP_MASTER, VRRP_MASTER);
	assert_in_range(host_status(h[0], "web").counters.drop_version, 5, 10);
	assert_in_range(host_status(h[1], "web").counters.drop_version, 5, 10);
	world_end();
}

static void the_password_keeps_others_out(void **)
{
	struct host *h[2];
	int same;

	for (same = 0; same < 2; same++) {
		world_begin();
		setup(&plans[0], &families[0], 200);
		setup(&plans[1], &families[0], 100);
		plans[0].vrrp[0].version = plans[1].vrrp[0].version = 2;
		plans[0].vrrp[0].password = "s3cret";
		plans[1].vrrp[0].password = same ? "s3cret" : NULL;
		h[0] = host_new(families[0].a);
		h[1] = host_new(families[0].b);
		host_configure(h[0], &plans[0].conf);
		host_configure(h[1], &plans[1].conf);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, same ? VRRP_BACKUP : VRRP_MASTER);
		assert_int_equal(!host_status(h[1], "web").counters.drop_auth, same);
		world_end();
	}
}

static void dead_after_counts_adverts(void **)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		plans[0].vrrp[0].dead_after = 5;
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		world_run(USEC(5609374));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_run(USEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_gate(h, "web")->stale.us, 5609375);
		world_end();
	}
}

/* keepalived becomes master after a scheduling stall although adverts wait in its socket. */
static void a_backup_that_stood_still_reads_before_it_claims(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		host_freeze(h[1], true);
		world_run(MSEC(14800));
		host_freeze(h[1], false);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_int_equal(host_status(h[1], "web").counters.became_master, 0);
		world_end();
	}
}

/* A virtual machine that was paused has received nothing meanwhile. */
static void a_paused_machine_gives_the_master_one_more_interval(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		host_freeze(h[1], true);
		world_run(MSEC(14800));
		host_lose_pending(h[1]);
		host_freeze(h[1], false);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_int_equal(host_status(h[1], "web").counters.became_master, 0);
		assert_int_equal(host_status(h[1], "web").counters.late_timer, 1);
		world_end();
	}
}

static void a_late_timer_is_spared_only_once(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		world_late(MSEC(700));
		world_run(USEC(3609375 + 700000 + 1609375 + 700000 - 1));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_run(USEC(1));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void a_stalled_master_yields_to_who_took_over(void **state)
{
	const struct family *f;
	struct host *h[2];
	unsigned sent;

	for_each_family(f)
	{
		pair(f, h, 100, 99);
		world_run(SEC(10));
		host_freeze(h[0], true);
		world_run(SEC(5));
		assert_roles(h, VRRP_MASTER, VRRP_MASTER);
		/* meanwhile the peer's priority was raised */
		plans[2] = plans[1];
		plans[2].conf.vrrp = plans[2].vrrp;
		plans[2].vrrp[0].priority = 150;
		host_configure(h[1], &plans[2].conf);
		sent = host_sent(h[0]);
		host_freeze(h[0], false);
		world_run(USEC(0));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		assert_int_equal(host_sent(h[0]), sent + 1); /* to the adverts that had lost */
		world_end();
	}
}

static void a_stall_is_answered_once_and_not_made_up_for(void **state)
{
	const struct family *f;
	struct host *h[2];
	unsigned sent;

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plans[1].vrrp[0].advert_interval = plans[0].vrrp[0].advert_interval = MSEC(10);
		host_configure(h[0], &plans[0].conf);
		host_configure(h[1], &plans[1].conf);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		host_freeze(h[0], true);
		world_run(SEC(5)); /* 500 adverts pile up */
		sent = host_sent(h[0]);
		host_freeze(h[0], false);
		world_run(USEC(0));
		assert_true(host_sent(h[0]) - sent <= 2);
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		world_run(SEC(1));
		assert_in_range(host_sent(h[0]) - sent, 99, 103);
		world_end();
	}
}

static void adverts_do_not_drift(void **state)
{
	const struct family *f;
	struct host *h;
	unsigned sent;

	for_each_family(f)
	{
		h = master(f, 100);
		sent = host_sent(h);
		world_late(MSEC(90));
		world_run(SEC(1000));
		assert_in_range(host_sent(h) - sent, 999, 1000);
		world_end();
	}
}

/* ---- Adverts that are not to be believed ---- */

static void a_different_address_list_is_no_reason_to_drop(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plan_vip(&plans[1], 0, f->vip2, "eth0");
		host_configure(h[1], &plans[1].conf);
		world_run(SEC(60));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_true(host_status(h[1], "web").counters.address_mismatch > 50);
		assert_true(host_status(h[1], "web").addresses_differ);
		/* the other director follows */
		plans[2] = plans[0];
		plans[2].conf.vrrp = plans[2].vrrp;
		plans[2].vrrp[0].addresses = plans[2].vips[0];
		plan_vip(&plans[2], 0, f->vip2, "eth0");
		host_configure(h[0], &plans[2].conf);
		assert_int_equal(host_state(h[0], "web"), VRRP_MASTER);
		world_run(SEC(60));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_in_range(host_status(h[1], "web").counters.address_mismatch, 50, 70);
		assert_false(host_status(h[1], "web").addresses_differ);
		world_end();
	}
}

static void another_order_of_addresses_is_the_same_list(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plan_vip(&plans[0], 0, f->vip2, "eth0");
		plan_vip(&plans[0], 0, f->gateway, "eth1");
		plan_vip(&plans[1], 0, f->gateway, "eth1");
		plan_vip(&plans[1], 0, f->vip2, "eth0");
		host_configure(h[0], &plans[0].conf);
		host_configure(h[1], &plans[1].conf);
		world_run(SEC(10));
		assert_true(host_status(h[1], "web").counters.adverts_received > 5);
		assert_int_equal(host_status(h[1], "web").counters.address_mismatch, 0);
		world_end();
	}
}

static void our_own_adverts_sent_back_are_ignored(void **state)
{
	const struct family *f;
	char own[ADDR_STRLEN];
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		snprintf(own, sizeof(own), "%.*s", (int)strcspn(f->a, "/"), f->a);
		hear(h, f, own, 250);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_status(h, "web").counters.drop_own, 1);
		assert_int_equal(host_status(h, "web").counters.adverts_received, 0);
		world_end();
	}
}

static void rubbish_is_counted_and_changes_nothing(void **state)
{
	struct rubbish {
		int at, value, hops;
		size_t len;
		size_t counter;
	};
#define C(m) offsetof(struct vrrp_counters, m)
	static const struct rubbish cases[] = {
		{ 0, 0x31, 255, 7, C(drop_short) },	{ 0, 0x31, 64, 12, C(drop_ttl) },
		{ 0, 0x21, 255, 12, C(drop_version) },	{ 0, 0x32, 255, 12, C(drop_type) },
		{ 7, 0x5e, 255, 12, C(drop_checksum) }, { 3, 2, 255, 12, C(drop_short) },
	};
#undef C
	/* VRID 53, priority 200, from 10.9.0.1 */
	static const uint8_t good[] = { 0x31, 0x35, 0xc8, 0x01, 0x00, 0x64,
					0x11, 0x5d, 0x0a, 0x09, 0x00, 0x66 };
	struct vrrp_counters counters;
	uint8_t bytes[sizeof(good)];
	struct host *h;
	size_t i;

	world_begin();
	memset(&plans[0], 0, sizeof(plans[0]));
	plan_instance(&plans[0], 0, "web", AF_INET, 53, 100);
	plan_vip(&plans[0], 0, "10.9.0.102/24", "eth0");
	h = host_new("10.9.0.2/24");
	host_configure(h, &plans[0].conf);
	world_run(SEC(4));
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t before, after;

		counters = host_status(h, "web").counters;
		memcpy(&before, (char *)&counters + cases[i].counter, sizeof(before));
		memcpy(bytes, good, sizeof(good));
		bytes[cases[i].at] = (uint8_t)cases[i].value;
		host_receive(h, 1, "10.9.0.1", NULL, cases[i].hops, bytes, cases[i].len);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		counters = host_status(h, "web").counters;
		memcpy(&after, (char *)&counters + cases[i].counter, sizeof(after));
		assert_int_equal(after, before + 1);
		assert_int_equal(counters.adverts_received, 0);
	}
	/* for nobody here */
	memcpy(bytes, good, sizeof(good));
	bytes[1] = 99;
	host_receive(h, 1, "10.9.0.1", NULL, 255, bytes, sizeof(bytes));
	host_receive(h, 1, "10.9.0.1", NULL, 255, bytes, 1);
	world_run(USEC(0));
	assert_int_equal(host_unknown(h), 2);
	/* and the good one does count */
	host_receive(h, 1, "10.9.0.1", NULL, 255, good, sizeof(good));
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	assert_int_equal(host_status(h, "web").counters.checksum_pseudo, 1);
	world_end();
}

/* ---- Unicast ---- */

static void unicast_peers_elect_one(void **state)
{
	const struct family *f;
	char text[ADDR_STRLEN];
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(f->b, "/"), f->b);
		plan_peer(&plans[0], 0, text);
		plan_peer(&plans[0], 0,
			  f->greater); /* nobody: each peer is spoken to all the same */
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(f->a, "/"), f->a);
		plan_peer(&plans[1], 0, text);
		host_configure(h[0], &plans[0].conf);
		host_configure(h[1], &plans[1].conf);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_int_equal(host_sent(h[0]) % 2, 0);
		host_kill(h[0]);
		world_run(SEC(4));
		assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
		world_end();
	}
}

static void hear_unicast(struct host *h, const struct family *f, const char *from)
{
	struct vrrp_dialect how = {.version = 3, .interval = SEC(1) };
	uint8_t packet[VRRP_PACKET_MAX];
	struct addr src, dst, vip;
	char own[ADDR_STRLEN];

	snprintf(own, sizeof(own), "%.*s", (int)strcspn(f->a, "/"), f->a);
	addr_parse(from, &src);
	addr_parse(own, &dst);
	addr_parse(f->vip_text, &vip);
	host_receive(h, 1, from, own, 255, packet,
		     vrrp_packet_build(packet, &how, 51, 200, &vip, 1, &src, &dst));
	world_run(USEC(0));
}

static void unicast_believes_its_peers_alone(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		plan_peer(&plans[0], 0, f->greater);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		world_run(SEC(4));
		hear_unicast(h, f, f->other); /* no peer */
		hear(h, f, f->greater, 200);  /* a peer, but to the group */
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_status(h, "web").counters.drop_peer, 2);
		hear_unicast(h, f, f->greater);
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_end();
	}
}

static void multicast_ignores_adverts_to_ourselves(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		hear_unicast(h, f, f->other);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_status(h, "web").counters.drop_peer, 1);
		world_end();
	}
}

/* ---- Interfaces ---- */

static void waits_for_its_interface_and_starts_by_itself(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		h = host_new(f->a);
		host_link(h, "eth0", false, false, 1);
		host_configure(h, &plans[0].conf);
		world_run(SEC(10));
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		assert_string_equal(host_status(h, "web").reason, "interface eth0 does not exist");
		assert_int_equal(host_gate(h, "web")->beats, 10);

		host_link(h, "eth0", true, false, 7);
		world_run(USEC(0));
		assert_string_equal(host_status(h, "web").reason, "interface eth0 is down");
		host_link(h, "eth0", true, true, 7);
		world_run(USEC(0));
		assert_string_equal(host_status(h, "web").reason,
				    "eth0 has no address to send adverts from");
		host_add(h, 7, f->a);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_run(SEC(4));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void a_master_without_link_gives_up_and_comes_back(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		host_clear_trace(h);
		host_link(h, "eth0", true, false, 1);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		assert_string_equal(host_trace(h), "remove close");
		assert_false(host_has(h, 1, f->vip_text));
		host_link(h, "eth0", true, true, 1);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_run(SEC(4));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void an_interface_made_anew_is_used_by_its_new_index(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		host_link(h, "eth0", true, true, 9);
		host_add(h, 9, f->a);
		world_run(SEC(5));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_true(host_has(h, 9, f->vip_text));
		assert_int_equal(host_status(h, "web").counters.send_errors, 0);
		assert_int_equal(host_status(h, "web").counters.became_master, 2);
		world_end();
	}
}

/* Two directors that both speak from the VIP would take each other's adverts for their own. */
static void an_address_of_ours_is_none_to_speak_from(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		h = host_new(f->vip); /* left by a crashed daemon */
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		host_add(h, 1, f->a);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_end();
	}
}

static void a_configured_source_must_be_there(void **state)
{
	const struct family *f;
	char second[PREFIX_STRLEN];
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		plans[0].vrrp[0].has_source = true;
		addr_parse(f->greater, &plans[0].vrrp[0].source);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_state(h, "web"), VRRP_INITIALIZE);
		snprintf(second, sizeof(second), "%s/24", f->greater);
		host_add(h, 1, second);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_end();
	}
}

static void failing_sends_are_counted_and_tried_again(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		host_fail_sends(h, -ENOBUFS);
		world_run(SEC(5));
		assert_int_equal(host_status(h, "web").counters.send_errors, 5);
		host_fail_sends(h, 0);
		host_clear_trace(h);
		world_run(SEC(1));
		assert_string_equal(host_trace(h), "advert");
		world_end();
	}
}

/* ---- Addresses ---- */

static void the_inside_gateway_moves_with_the_vip(void **state)
{
	const struct family *f;
	struct host *h[2];
	char gateway[ADDR_STRLEN];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		plan_vip(&plans[0], 0, f->gateway, "eth1");
		plan_vip(&plans[1], 0, f->gateway, "eth1");
		host_configure(h[0], &plans[0].conf);
		host_configure(h[1], &plans[1].conf);
		snprintf(gateway, sizeof(gateway), "%.*s", (int)strcspn(f->gateway, "/"),
			 f->gateway);
		world_run(SEC(5));
		assert_true(host_has(h[0], 2, gateway) && host_has(h[0], 1, f->vip_text));
		assert_false(host_has(h[1], 2, gateway) || host_has(h[1], 1, f->vip_text));
		host_stop(h[0]);
		world_run(SEC(1));
		assert_false(host_has(h[0], 2, gateway) || host_has(h[0], 1, f->vip_text));
		assert_true(host_has(h[1], 2, gateway) && host_has(h[1], 1, f->vip_text));
		world_end();
	}
}

static void the_made_link_local_address_is_owned(void **state)
{
	struct host *h;

	world_begin();
	memset(&plans[0], 0, sizeof(plans[0]));
	plan_instance(&plans[0], 0, "web", AF_INET6, 51, 100);
	plan_vip(&plans[0], 0, "2001:db8::10/64", "eth0");
	h = host_new("fe80::2/64");
	host_configure(h, &plans[0].conf);
	world_run(SEC(4));
	assert_true(host_has(h, 1, "fe80::200:5eff:fe00:233"));
	assert_int_equal(host_status(h, "web").n_addresses, 2);
	host_stop(h);
	assert_false(host_has(h, 1, "fe80::200:5eff:fe00:233"));
	world_end();
}

static void what_somebody_removes_is_put_back(void **state)
{
	const struct family *f;
	unsigned announced;
	struct host *h;
	int i;

	for_each_family(f)
	{
		h = master(f, 100);
		announced = host_announced(h);
		for (i = 1; i <= 5; i++) {
			host_remove(h, 1, f->vip);
			world_run(MSEC(60));
			assert_true(host_has(h, 1, f->vip_text));
			assert_int_equal(host_status(h, "web").counters.address_repaired, i);
		}
		assert_int_equal(host_announced(h), announced + 5);
		assert_int_equal(host_status(h, "web").counters.became_master, 1);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void what_cannot_be_added_is_tried_again(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		log_set_level((enum log_level) - 1); /* it complains, rightly */
		host_fail_adds(h, -ENOBUFS);
		world_run(SEC(5));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_false(host_has(h, 1, f->vip_text));
		host_fail_adds(h, 0);
		world_run(SEC(1));
		assert_true(host_has(h, 1, f->vip_text));
		assert_int_equal(host_status(h, "web").counters.address_repaired, 0);
		world_end();
	}
}

static void what_a_crashed_daemon_left_goes_while_backup(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		host_kill(h);
		assert_true(host_has(h, 1, f->vip_text));
		assert_true(host_gate(h, "web")->open);
		host_start(h);
		host_clear_trace(h);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		assert_false(host_has(h, 1, f->vip_text));
		assert_false(host_gate(h, "web")->open);
		/* closing lifts the fence, and then nobody may answer ARP for what was left */
		assert_string_equal(host_trace(h), "remove close");
		world_end();
	}
}

/* The fence of a dead daemon is lifted with the gate: by then the kernel has nothing left to answer
 * for, also when there is too much for one turn. */
static void a_gate_that_a_crash_left_closes_after_the_addresses(void **state)
{
	const struct family *f;
	char text[PREFIX_STRLEN];
	struct host *h;
	unsigned k;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		for (k = 0; k < 20; k++) {
			snprintf(text, sizeof(text),
				 f->family == AF_INET ? "10.2.0.%u/24" : "fd01::%u/64", k + 1);
			plan_vip(&plans[0], 0, text, "eth0");
		}
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		world_run(SEC(5));
		host_kill(h);
		host_start(h);
		host_clear_trace(h);
		world_address_cost(MSEC(1));
		host_configure(h, &plans[0].conf);
		for (k = 0; host_gate(h, "web")->open; k++) {
			assert_int_equal(host_gate(h, "web")->beats, 0);
			assert_true(k < 1000);
			world_run(MSEC(1));
		}
		assert_true(k > 1);
		assert_string_equal(host_trace(h), "remove close");
		assert_false(host_has(h, 1, f->vip_text));
		world_run(SEC(1));
		assert_true(host_gate(h, "web")->beats > 0);
		world_end();
	}
}

static void what_a_crashed_owner_left_is_taken_over(void **state)
{
	const struct family *f;
	unsigned removed;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 255);
		host_kill(h);
		removed = host_removed(h);
		host_start(h);
		host_clear_trace(h);
		host_configure(h, &plans[0].conf);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_true(host_has(h, 1, f->vip_text));
		assert_int_equal(host_removed(h), removed);
		assert_string_equal(host_trace(h), "open advert announce");
		world_end();
	}
}

static void what_was_left_with_another_prefix_goes_too(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		setup(&plans[0], f, 100);
		h = host_new(f->a);
		host_add(h, 1, f->vip_text); /* of full length */
		host_add(h, 1, f->vip);
		host_configure(h, &plans[0].conf);
		assert_false(host_has(h, 1, f->vip_text));
		world_end();
	}
}

static void a_changed_prefix_is_corrected(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		plans[1] = plans[0];
		plans[1].conf.vrrp = plans[1].vrrp;
		plans[1].vrrp[0].addresses = plans[1].vips[0];
		assert_int_equal(prefix_parse(f->vip_text, &plans[1].vips[0][0].prefix), 0);
		host_clear_trace(h);
		host_configure(h, &plans[1].conf);
		assert_true(host_has_prefix(h, 1, f->vip_text));
		assert_false(host_has_prefix(h, 1, f->vip));
		assert_ptr_equal(strstr(host_trace(h), "add"), host_trace(h)); /* never without */
		world_run(SEC(1));
		assert_int_equal(host_status(h, "web").counters.address_repaired, 0);
		assert_int_equal(host_status(h, "web").counters.became_master, 1);
		world_end();
	}
}

static void a_vip_that_somebody_adds_to_a_backup_goes(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = one(f, 100);
		host_add(h, 1, f->vip);
		world_run(USEC(0));
		assert_false(host_has(h, 1, f->vip_text));
		world_end();
	}
}

/* keepalived sends no advert for seconds while it adds and announces 80 addresses. */
static void many_addresses_delay_no_advert(void **state)
{
	char text[PREFIX_STRLEN];
	struct host *h;
	unsigned i, sent;

	world_begin();
	memset(&plans[0], 0, sizeof(plans[0]));
	plan_instance(&plans[0], 0, "web", AF_INET, 51, 100)->advert_interval = MSEC(10);
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1/24", 1 + i / 250, i % 250);
		plan_vip(&plans[0], 0, text, "eth0");
	}
	h = host_new("10.0.0.2/24");
	host_configure(h, &plans[0].conf);
	world_address_cost(USEC(100));
	world_run(USEC(36093));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	assert_int_equal(host_status(h, "web").counters.adverts_sent, 1);
	sent = host_sent(h);
	world_run(MSEC(100));
	assert_true(host_has(h, 1, "10.2.249.1"));
	assert_in_range(host_sent(h) - sent, 9, 11);
	host_hear(h, "10.0.0.9", 51, 200, MSEC(10), "10.1.0.1");
	world_run(USEC(0));
	assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
	world_run(MSEC(30));
	host_hear(h, "10.0.0.9", 51, 200, MSEC(10), "10.1.0.1");
	world_run(MSEC(30));
	assert_false(host_has(h, 1, "10.1.0.1"));
	assert_false(host_has(h, 1, "10.2.249.1"));
	assert_true(host_longest_callback(h).us <= 2200);
	world_end();
}

/* Neither does giving them up, and the gate of an instance that is no more is not left open. */
static void many_addresses_go_with_their_instance(void **state)
{
	char text[PREFIX_STRLEN];
	struct host *h;
	unsigned i;

	world_begin();
	memset(plans, 0, sizeof(plans));
	plan_instance(&plans[0], 0, "web", AF_INET, 51, 100)->advert_interval = MSEC(10);
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1/24", 1 + i / 250, i % 250);
		plan_vip(&plans[0], 0, text, "eth0");
	}
	h = host_new("10.0.0.2/24");
	host_configure(h, &plans[0].conf);
	world_run(SEC(1));
	assert_int_equal(host_state(h, "web"), VRRP_MASTER);
	world_address_cost(USEC(100));
	host_configure(h, &plans[1].conf);
	world_run(MSEC(100));
	assert_false(host_has(h, 1, "10.1.0.1") || host_has(h, 1, "10.2.249.1"));
	/* a turn for the instance, one for the set */
	assert_true(host_longest_callback(h).us <= 4400);
	assert_false(host_gate(h, "web")->open);
	world_end();
}

/* ---- Changes of the configuration ---- */

static void the_same_configuration_again_does_nothing(void **state)
{
	const struct family *f;
	struct host *h;
	unsigned sent;

	for_each_family(f)
	{
		h = master(f, 100);
		host_clear_trace(h);
		sent = host_sent(h);
		plans[1] = plans[0];
		plans[1].conf.vrrp = plans[1].vrrp;
		plans[1].vrrp[0].addresses = plans[1].vips[0];
		host_configure(h, &plans[1].conf);
		memset(&plans[0], 0xa5, sizeof(plans[0])); /* the old one may be freed */
		assert_string_equal(host_trace(h), "");
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_run(SEC(10));
		assert_int_equal(host_sent(h), sent + 10);
		world_end();
	}
}

static void a_changed_priority_is_told_at_once(void **state)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		plans[2] = plans[0];
		plans[2].conf.vrrp = plans[2].vrrp;
		plans[2].vrrp[0].addresses = plans[2].vips[0];
		plans[2].vrrp[0].priority = 50;
		host_clear_trace(h[0]);
		host_configure(h[0], &plans[2].conf);
		assert_string_equal(host_trace(h[0]), "advert");
		world_run(SEC(4));
		assert_roles(h, VRRP_BACKUP, VRRP_MASTER);
		world_end();
	}
}

static void another_vrid_or_unicast_goes_on_in_its_state(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		plans[1] = plans[0];
		plans[1].conf.vrrp = plans[1].vrrp;
		plans[1].vrrp[0].addresses = plans[1].vips[0];
		plans[1].vrrp[0].vrid = 77;
		host_configure(h, &plans[1].conf);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		hear(h, f, f->other, 200);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		host_hear(h, f->other, 77, 200, SEC(1), f->vip_text);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		world_end();
	}
}

/* keepalived needs two reloads for it, and in the first nobody has the address. */
static void an_address_that_moves_between_instances_is_not_touched(void **state)
{
	const struct family *f;
	unsigned removed;
	struct host *h;
	int way;

	for_each_family(f)
	{
		for (way = 0; way < 2; way++) {
			world_begin();
			memset(plans, 0, sizeof(plans));
			plan_instance(&plans[0], 0, "one", f->family, 1, 100);
			plan_instance(&plans[0], 1, "two", f->family, 2, 100);
			plan_vip(&plans[0], 0, f->vip, "eth0");
			plan_vip(&plans[0], !way, f->vip2, "eth0");
			plan_instance(&plans[1], 0, "one", f->family, 1, 100);
			plan_instance(&plans[1], 1, "two", f->family, 2, 100);
			plan_vip(&plans[1], 0, f->vip, "eth0");
			plan_vip(&plans[1], way, f->vip2, "eth0");
			h = host_new(f->a);
			host_configure(h, &plans[0].conf);
			world_run(SEC(4));
			removed = host_removed(h);
			/* in IPv6 a link-local address that was made may come or go: not these two
			 */
			host_configure(h, &plans[1].conf);
			assert_true(host_has(h, 1, f->vip_text));
			world_run(SEC(4));
			assert_int_equal(host_state(h, "one"), VRRP_MASTER);
			assert_int_equal(host_state(h, "two"), VRRP_MASTER);
			if (f->family == AF_INET)
				assert_int_equal(host_removed(h), removed);
			world_end();
		}
	}
}

/* Whether the old instance stays (and loses the address) or goes (another name for the same):
 * nobody waits for a master that is ourselves. */
static void an_address_that_moves_to_a_new_instance_is_not_touched(void **)
{
	const struct family *f;
	unsigned removed;
	struct host *h;
	int stays;

	for_each_family(f)
	{
		for (stays = 0; stays < 2; stays++) {
			world_begin();
			memset(plans, 0, sizeof(plans));
			plan_instance(&plans[0], 0, "one", f->family, 1, 100);
			plan_vip(&plans[0], 0, f->vip, "eth0");
			plan_vip(&plans[0], 0, f->vip2, "eth0");
			plan_instance(&plans[1], 0, "new", f->family, stays ? 2 : 1, 100);
			plan_vip(&plans[1], 0, f->vip, "eth0");
			if (stays)
				plan_instance(&plans[1], 1, "one", f->family, 1, 100);
			plan_vip(&plans[1], stays, f->vip2, "eth0");
			h = host_new(f->a);
			host_configure(h, &plans[0].conf);
			world_run(SEC(4));
			host_clear_trace(h);
			removed = host_removed(h);
			host_configure(h, &plans[1].conf);
			assert_int_equal(host_state(h, "new"), VRRP_MASTER);
			assert_string_equal(host_status(h, "new").reason,
					    "its addresses are ours already");
			world_run(SEC(4));
			assert_int_equal(host_removed(h), removed);
			/* a link-local address for "one", which has none of its own any more */
			if (f->family == AF_INET)
				assert_null(strstr(host_trace(h), "add"));
			/* a better master hears of it, and answers */
			host_hear(h, f->other, stays ? 2 : 1, 200, SEC(1), f->vip_text);
			world_run(USEC(0));
			assert_int_equal(host_state(h, "new"), VRRP_BACKUP);
			assert_false(host_has(h, 1, f->vip_text));
			world_end();
		}
	}
}

/* The gate goes by name: the one that goes must not close it behind the one that has come. */
static void an_instance_on_another_interface_keeps_its_gate(void **)
{
	char text[PREFIX_STRLEN];
	const struct family *f;
	struct host *h;
	unsigned i, k;

	for_each_family(f)
	{
		world_begin();
		memset(plans, 0, sizeof(plans));
		for (k = 0; k < 2; k++) {
			plan_instance(&plans[k], 0, "web", f->family, 1, 100);
			plan_vip(&plans[k], 0, f->vip, "eth0");
			for (i = 0; k == 0 && i < 20; i++) {
				snprintf(text, sizeof(text),
					 f->family == AF_INET ? "10.2.0.%u/24" : "fd01::%u/64",
					 i + 1);
				plan_vip(&plans[k], 0, text, "eth0");
			}
		}
		plans[1].vrrp[0].interface = "eth1";
		h = host_new(f->a);
		host_add(h, 2, f->b);
		host_configure(h, &plans[0].conf);
		world_run(SEC(4));
		world_address_cost(MSEC(1)); /* they go in turns */
		host_configure(h, &plans[1].conf);
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_true(host_gate(h, "web")->open);
		world_run(SEC(1));
		assert_true(host_gate(h, "web")->open);
		world_end();
	}
}

/* It is its successor only in what it has. */
static void a_new_instance_in_place_of_a_backup_is_backup(void **)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		world_run(SEC(10));
		plan_instance(&plans[2], 0, "new", f->family, 51, 100);
		plans[2].vrrp[0].n_addresses = 0;
		plan_vip(&plans[2], 0, f->vip, "eth0");
		host_clear_trace(h[1]);
		host_configure(h[1], &plans[2].conf);
		assert_int_equal(host_state(h[1], "new"), VRRP_BACKUP);
		assert_null(strstr(host_trace(h[1]), "advert"));
		world_end();
	}
}

static void the_address_of_an_instance_that_goes_stays_with_the_other(void **state)
{
	const struct family *f;
	unsigned removed;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		memset(plans, 0, sizeof(plans));
		plan_instance(&plans[0], 0, "one", f->family, 1, 100);
		plan_instance(&plans[0], 1, "two", f->family, 2, 100);
		plan_vip(&plans[0], 0, f->vip, "eth0");
		plan_vip(&plans[0], 1, f->vip2, "eth0");
		plan_instance(&plans[1], 0, "two", f->family, 2, 100);
		plan_vip(&plans[1], 0, f->vip, "eth0");
		h = host_new(f->a);
		host_configure(h, &plans[0].conf);
		world_run(SEC(4));
		host_clear_trace(h);
		removed = host_removed(h);
		host_configure(h, &plans[1].conf);
		assert_int_equal(host_state(h, "two"), VRRP_MASTER);
		assert_true(host_has(h, 1, f->vip_text));
		/* what nobody lists any more: vip2, and of IPv6 the link-local one that was made */
		assert_int_equal(host_removed(h) - removed, f->family == AF_INET ? 1 : 2);
		assert_null(strstr(host_trace(h), "add"));
		world_end();
	}
}

static void instances_come_and_go(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		memset(&plans[1], 0, sizeof(plans[1]));
		host_clear_trace(h);
		host_configure(h, &plans[1].conf);
		assert_string_equal(host_trace(h), "zero remove close");
		assert_false(host_has(h, 1, f->vip_text));
		host_configure(h, &plans[0].conf);
		world_run(SEC(4));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		world_end();
	}
}

static void another_interface_is_another_instance(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		host_add(h, 2, f->b);
		plans[1] = plans[0];
		plans[1].conf.vrrp = plans[1].vrrp;
		plans[1].vrrp[0].addresses = plans[1].vips[0];
		plans[1].vrrp[0].interface = plans[1].vips[0][0].interface = "eth1";
		host_configure(h, &plans[1].conf);
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		assert_false(host_has(h, 1, f->vip_text));
		world_run(SEC(4));
		assert_true(host_has(h, 2, f->vip_text));
		world_end();
	}
}

static void swap_vips(struct conf_vip *a, struct conf_vip *b)
{
	struct conf_vip c = *a;

	*a = *b;
	*b = c;
}

/* Of both families, and no advert has them. */
static void extra_addresses_move_and_are_not_advertised(void **)
{
	static const char *const extra[] = { "10.5.0.1/24", "2001:db8:5::1/64" };
	const struct family *f;
	struct host *h[2];
	unsigned removed, i;

	for_each_family(f)
	{
		pair(f, h, 200, 100);
		for (i = 0; i < 2; i++)
			plan_vip(&plans[0], 0, extra[i], "eth1");
		plans[0].vrrp[0].n_extra = 2;
		host_configure(h[0], &plans[0].conf);
		world_run(SEC(10));
		assert_roles(h, VRRP_MASTER, VRRP_BACKUP);
		assert_true(host_has(h[0], 2, "10.5.0.1"));
		assert_true(host_has(h[0], 2, "2001:db8:5::1"));
		assert_int_equal(host_status(h[0], "web").n_addresses, 3);
		assert_int_equal(host_status(h[1], "web").counters.address_mismatch, 0);
		/* one that becomes an extra one, or is one no longer, stays where it is */
		removed = host_removed(h[0]);
		plans[2] = plans[0];
		plans[2].conf.vrrp = plans[2].vrrp;
		plans[2].vrrp[0].addresses = plans[2].vips[0];
		if (f->family == AF_INET6) /* two of IPv6, the other is the extra one */
			swap_vips(&plans[2].vips[0][1], &plans[2].vips[0][2]);
		plans[2].vrrp[0].n_extra = 1;
		host_configure(h[0], &plans[2].conf);
		world_run(SEC(2));
		assert_int_equal(host_removed(h[0]), removed);
		assert_true(host_status(h[1], "web").addresses_differ);
		host_stop(h[0]);
		assert_false(host_has(h[0], 2, "10.5.0.1"));
		assert_false(host_has(h[0], 2, "2001:db8:5::1"));
		world_end();
	}
}

/* ---- Groups ---- */

/* Two instances, "web" on eth0 and "in" on eth1, that move as one. */
static void plan_pair_of_links(struct plan *p, const struct family *f, uint8_t priority)
{
	memset(p, 0, sizeof(*p));
	plan_instance(p, 0, "web", f->family, 51, priority);
	plan_instance(p, 1, "in", f->family, 52, priority)->interface = "eth1";
	plan_vip(p, 0, f->vip, "eth0");
	plan_vip(p, 1, f->gateway, "eth1");
	plan_group(p, "shop", 2);
}

static void grouped(const struct family *f, struct host *h[2], uint8_t p0, uint8_t p1)
{
	world_begin();
	plan_pair_of_links(&plans[0], f, p0);
	plan_pair_of_links(&plans[1], f, p1);
	h[0] = host_new(f->a);
	h[1] = host_new(f->b);
	host_add(h[0], 2, f->a);
	host_add(h[1], 2, f->b);
	host_configure(h[0], &plans[0].conf);
	host_configure(h[1], &plans[1].conf);
	world_run(SEC(10));
}

static void assert_group(struct host *h[2], unsigned master)
{
	const char *const names[] = { "web", "in" };
	unsigned i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < 2; k++)
			assert_int_equal(host_state(h[i], names[k]) == VRRP_MASTER, i == master);
}

static void a_group_moves_when_one_link_fails(void **)
{
	const struct family *f;
	struct host *h[2];
	usec_t cut;

	for_each_family(f)
	{
		grouped(f, h, 200, 100);
		assert_group(h, 0);
		cut = world_now();
		host_link(h[0], "eth1", true, false, 2);
		world_run(SEC(4));
		assert_group(h, 1);
		assert_int_equal(host_state(h[0], "web"), VRRP_BACKUP);
		assert_int_equal(host_state(h[0], "in"), VRRP_INITIALIZE);
		assert_true(usec_sub(host_status(h[1], "in").since, cut).us < 3700000);
		assert_int_equal(host_status(h[0], "web").counters.priority_zero_sent, 1);
		/* it returns as one, too */
		host_link(h[0], "eth1", true, true, 2);
		world_run(SEC(10));
		assert_group(h, 0);
		assert_int_equal(host_status(h[0], "web").counters.became_master, 2);
		assert_int_equal(host_status(h[1], "web").counters.became_master, 1);
		world_end();
	}
}

/* A member for which somebody else is master keeps the others back: without flapping. */
static void a_group_waits_for_all_of_its_members(void **)
{
	const struct family *f;
	struct host *h[2];
	int i;

	for_each_family(f)
	{
		grouped(f, h, 200, 100);
		for (i = 0; i < 60; i++) {
			hear(h[0], f, f->other, 250);
			world_run(SEC(1));
			hear(h[1], f, f->other, 250);
		}
		assert_int_equal(host_state(h[0], "in"), VRRP_BACKUP);
		assert_int_equal(host_state(h[1], "in"), VRRP_BACKUP);
		assert_int_equal(host_status(h[0], "in").counters.became_master, 1);
		assert_int_equal(host_status(h[1], "in").counters.became_master, 0);
		assert_string_equal(host_status(h[0], "in").reason, "group shop: web");
		world_run(SEC(10));
		assert_group(h, 0);
		world_end();
	}
}

static void a_group_follows_a_graceful_stop_at_once(void **)
{
	const struct family *f;
	struct host *h[2];

	for_each_family(f)
	{
		grouped(f, h, 200, 100);
		host_clear_trace(h[0]);
		host_stop(h[0]);
		assert_int_equal(host_status(h[0], "web").counters.priority_zero_sent, 1);
		assert_int_equal(host_status(h[0], "in").counters.priority_zero_sent, 1);
		world_run(USEC(609376));
		assert_int_equal(host_state(h[1], "web"), VRRP_MASTER);
		assert_int_equal(host_state(h[1], "in"), VRRP_MASTER);
		world_end();
	}
}

/* keepalived 2.4.3 takes the whole group down and up. */
static void a_member_that_is_added_moves_nothing(void **)
{
	const struct family *f;
	struct host *h[2];
	int first, i;

	for_each_family(f)
	{
		for (first = 0; first < 2; first++) {
			grouped(f, h, 200, 100);
			for (i = 0; i < 2; i++) {
				plan_pair_of_links(&plans[2 + i], f, i ? 100 : 200);
				plan_instance(&plans[2 + i], 2, "new", f->family, 53,
					      i ? 100 : 200);
				plan_vip(&plans[2 + i], 2, f->vip2, "eth0");
				plan_group(&plans[2 + i], "shop", 3);
			}
			host_configure(h[first], &plans[2 + first].conf);
			world_run(SEC(10));
			host_configure(h[!first], &plans[2 + !first].conf);
			world_run(SEC(10));
			assert_group(h, 0);
			assert_int_equal(host_state(h[0], "new"), VRRP_MASTER);
			assert_int_equal(host_state(h[1], "new"), VRRP_BACKUP);
			assert_int_equal(host_status(h[0], "web").counters.became_master, 1);
			assert_int_equal(host_status(h[1], "new").counters.became_master, 0);
			/* and one that is taken out */
			host_configure(h[first], &plans[first].conf);
			world_run(SEC(10));
			host_configure(h[!first], &plans[!first].conf);
			world_run(SEC(10));
			assert_group(h, 0);
			assert_int_equal(host_status(h[0], "web").counters.became_master, 1);
			world_end();
		}
	}
}

static void owners_in_a_group_start_together(void **)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		world_begin();
		plan_pair_of_links(&plans[0], f, 255);
		h = host_new(f->a);
		host_configure(h, &plans[0].conf); /* nothing to speak from on eth1 */
		world_run(SEC(10));
		assert_int_equal(host_state(h, "web"), VRRP_BACKUP);
		host_add(h, 2, f->b);
		world_run(USEC(0));
		assert_int_equal(host_state(h, "web"), VRRP_MASTER);
		assert_int_equal(host_state(h, "in"), VRRP_MASTER);
		world_end();
	}
}

/* ---- The beat ---- */

static void beat_says_how_long_silence_may_last(void **state)
{
	const struct family *f;
	struct host *h;

	for_each_family(f)
	{
		h = master(f, 100);
		assert_int_equal(host_gate(h, "web")->stale.us, 3609375);
		assert_int_equal(host_gate(h, "web")->fresh.us, 3609375);
		/* a peer that speaks less often is silent for longer */
		host_hear(h, f->other, 51, 50, SEC(2), f->vip_text);
		world_run(SEC(1));
		assert_int_equal(host_gate(h, "web")->stale.us, 3609375);
		assert_int_equal(host_gate(h, "web")->fresh.us, 2 * 3609375);
		world_end();
	}
}

/* ---- Anything, in any order ---- */

static unsigned dice(unsigned sides)
{
	static uint64_t seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % sides;
}

static void throw_something(struct host *h, const struct family *f)
{
	const char *from = dice(2) ? f->other : f->greater;
	uint8_t rubbish[64];
	size_t i;

	switch (dice(14)) {
	case 0:
	case 1:
	case 2:
		host_hear(h, from, (uint8_t)(51 + dice(2)), (uint8_t)dice(256),
			  MSEC(10 * (1 + dice(400))), f->vip_text);
		break;
	case 3:
		host_hear(h, from, 51, dice(2) ? 0 : 100, SEC(1), f->vip_text);
		break;
	case 4:
		for (i = 0; i < sizeof(rubbish); i++)
			rubbish[i] = (uint8_t)dice(256);
		rubbish[1] = 51;
		host_receive(h, 1, from, NULL, dice(2) ? 255 : 1, rubbish, dice(sizeof(rubbish)));
		break;
	case 5:
		host_link(h, "eth0", true, dice(2), 1);
		break;
	case 6:
		host_link(h, "eth1", dice(4), dice(2), 2);
		break;
	case 7:
		host_remove(h, 1, f->vip);
		break;
	case 8:
		host_add(h, 1, f->vip);
		break;
	case 9:
		host_remove(h, 1, f->a);
		break;
	case 10:
		host_add(h, 1, f->a);
		break;
	case 11:
		host_configure(h, &plans[dice(6)].conf);
		break;
	case 12:
		world_late(USEC(dice(4) ? 0 : dice(3000000)));
		break;
	default:
		host_freeze(h, true);
		world_run(USEC(dice(10000000)));
		host_freeze(h, false);
	}
	world_run(USEC(dice(4) ? dice(100000) : dice(5000000)));
}

static void make_plans(const struct family *f)
{
	memset(plans, 0, sizeof(plans));
	plan_instance(&plans[0], 0, "web", f->family, 51, 100);
	plan_vip(&plans[0], 0, f->vip, "eth0");
	plan_vip(&plans[0], 0, f->gateway, "eth1");
	plan_instance(&plans[1], 0, "web", f->family, 51, 255);
	plan_vip(&plans[1], 0, f->vip, "eth0");
	plan_instance(&plans[1], 1, "two", f->family, 52, 100);
	plan_vip(&plans[1], 1, f->vip2, "eth0");
	plan_vip(&plans[1], 1, f->gateway, "eth1");
	plan_instance(&plans[4], 0, "web", f->family, 51, 100);
	plan_vip(&plans[4], 0, f->vip, "eth0");
	plan_instance(&plans[4], 1, "two", f->family, 52, 100);
	plan_vip(&plans[4], 1, f->vip2, "eth0");
	plan_instance(&plans[4], 2, "in", f->family, 53, 100)->interface = "eth1";
	plan_vip(&plans[4], 2, f->gateway, "eth1");
	plan_group(&plans[4], "shop", 3);
	plan_instance(&plans[5], 0, "web", f->family, 51, 100);
	plan_vip(&plans[5], 0, f->vip, "eth0");
	plan_instance(&plans[5], 1, "two", f->family, 52, 100);
	plan_vip(&plans[5], 1, f->vip2, "eth0");
	plan_group(&plans[5], "shop", 2);
	plan_instance(&plans[2], 0, "two", f->family, 52, 100)->advert_interval = MSEC(100);
	plan_vip(&plans[2], 0, f->vip, "eth0");
	plan_instance(&plans[3], 0, "web", f->family, 51, 100)->preempt = false;
	plans[3].vrrp[0].link_down_delay = SEC(2);
	plans[3].vrrp[0].link_up_delay = SEC(1);
	plans[2].vrrp[0].preempt_delay = SEC(3);
	plan_vip(&plans[3], 0, f->vip, "eth0");
	plan_peer(&plans[3], 0, f->other);
}

/* What must hold is checked by the world after each callback. */
static void holds_through_100000_random_events(void **state)
{
	const struct family *f;
	unsigned masters = 0;
	struct host *h;
	int i;

	for_each_family(f)
	{
		world_begin();
		make_plans(f);
		h = host_new(f->a);
		host_add(h, 2, f->b);
		host_configure(h, &plans[0].conf);
		for (i = 0; i < 50000; i++) {
			throw_something(h, f);
			masters += host_state(h, "web") == VRRP_MASTER;
		}
		world_end();
	}
	assert_in_range(masters, 5000, 90000); /* it was not one state that held */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_as_backup_for_a_whole_down_interval),
		cmocka_unit_test(owner_is_master_at_once),
		cmocka_unit_test(gains_and_loses_in_order),
		cmocka_unit_test(backup_stops_silently),
		cmocka_unit_test(standby_takes_over_after_its_down_interval),
		cmocka_unit_test(graceful_stop_costs_the_skew_time),
		cmocka_unit_test(the_higher_returns_and_preempts),
		cmocka_unit_test(without_preemption_a_living_master_stays),
		cmocka_unit_test(preemption_waits_for_its_delay),
		cmocka_unit_test(a_delay_of_preemption_delays_no_takeover),
		cmocka_unit_test(a_better_master_ends_the_delay_of_preemption),
		cmocka_unit_test(a_machine_that_booted_waits_for_its_network),
		cmocka_unit_test(a_short_loss_of_link_is_borne),
		cmocka_unit_test(a_link_that_flaps_must_be_up_for_its_delay),
		cmocka_unit_test(an_interface_that_goes_is_not_waited_for),
		cmocka_unit_test(the_refresh_of_announcements_follows_the_configuration),
		cmocka_unit_test(a_backup_respects_its_equal),
		cmocka_unit_test(of_equal_masters_the_greater_address_stays),
		cmocka_unit_test(two_owners_settle),
		cmocka_unit_test(a_losing_advert_is_answered_and_announced_at_once),
		cmocka_unit_test(a_resigning_rival_is_answered_and_announced_at_once),
		cmocka_unit_test(a_split_brain_heals_to_the_higher),
		cmocka_unit_test(the_masters_interval_is_adopted),
		cmocka_unit_test(version_2_reckons_in_seconds),
		cmocka_unit_test(versions_do_not_mix),
		cmocka_unit_test(the_password_keeps_others_out),
		cmocka_unit_test(dead_after_counts_adverts),
		cmocka_unit_test(a_backup_that_stood_still_reads_before_it_claims),
		cmocka_unit_test(a_paused_machine_gives_the_master_one_more_interval),
		cmocka_unit_test(a_late_timer_is_spared_only_once),
		cmocka_unit_test(a_stalled_master_yields_to_who_took_over),
		cmocka_unit_test(a_stall_is_answered_once_and_not_made_up_for),
		cmocka_unit_test(adverts_do_not_drift),
		cmocka_unit_test(a_different_address_list_is_no_reason_to_drop),
		cmocka_unit_test(another_order_of_addresses_is_the_same_list),
		cmocka_unit_test(our_own_adverts_sent_back_are_ignored),
		cmocka_unit_test(rubbish_is_counted_and_changes_nothing),
		cmocka_unit_test(unicast_peers_elect_one),
		cmocka_unit_test(unicast_believes_its_peers_alone),
		cmocka_unit_test(multicast_ignores_adverts_to_ourselves),
		cmocka_unit_test(waits_for_its_interface_and_starts_by_itself),
		cmocka_unit_test(a_master_without_link_gives_up_and_comes_back),
		cmocka_unit_test(an_interface_made_anew_is_used_by_its_new_index),
		cmocka_unit_test(an_address_of_ours_is_none_to_speak_from),
		cmocka_unit_test(a_configured_source_must_be_there),
		cmocka_unit_test(failing_sends_are_counted_and_tried_again),
		cmocka_unit_test(the_inside_gateway_moves_with_the_vip),
		cmocka_unit_test(the_made_link_local_address_is_owned),
		cmocka_unit_test(what_somebody_removes_is_put_back),
		cmocka_unit_test(what_cannot_be_added_is_tried_again),
		cmocka_unit_test(what_a_crashed_daemon_left_goes_while_backup),
		cmocka_unit_test(a_gate_that_a_crash_left_closes_after_the_addresses),
		cmocka_unit_test(what_a_crashed_owner_left_is_taken_over),
		cmocka_unit_test(what_was_left_with_another_prefix_goes_too),
		cmocka_unit_test(a_changed_prefix_is_corrected),
		cmocka_unit_test(a_vip_that_somebody_adds_to_a_backup_goes),
		cmocka_unit_test(many_addresses_delay_no_advert),
		cmocka_unit_test(many_addresses_go_with_their_instance),
		cmocka_unit_test(the_same_configuration_again_does_nothing),
		cmocka_unit_test(a_changed_priority_is_told_at_once),
		cmocka_unit_test(another_vrid_or_unicast_goes_on_in_its_state),
		cmocka_unit_test(an_address_that_moves_between_instances_is_not_touched),
		cmocka_unit_test(an_address_that_moves_to_a_new_instance_is_not_touched),
		cmocka_unit_test(an_instance_on_another_interface_keeps_its_gate),
		cmocka_unit_test(a_new_instance_in_place_of_a_backup_is_backup),
		cmocka_unit_test(the_address_of_an_instance_that_goes_stays_with_the_other),
		cmocka_unit_test(instances_come_and_go),
		cmocka_unit_test(another_interface_is_another_instance),
		cmocka_unit_test(extra_addresses_move_and_are_not_advertised),
		cmocka_unit_test(a_group_moves_when_one_link_fails),
		cmocka_unit_test(a_group_waits_for_all_of_its_members),
		cmocka_unit_test(a_group_follows_a_graceful_stop_at_once),
		cmocka_unit_test(a_member_that_is_added_moves_nothing),
		cmocka_unit_test(owners_in_a_group_start_together),
		cmocka_unit_test(beat_says_how_long_silence_may_last),
		cmocka_unit_test(holds_through_100000_random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
