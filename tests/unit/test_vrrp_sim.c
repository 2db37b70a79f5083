// SPDX-License-Identifier: BSD-2-Clause
/* Two to five routers in virtual time, on a network that loses, repeats, delays and reorders, with
 * pauses, crashes, restarts, pulled cables and changes of configuration.
 *
 * After each callback the world checks each router for itself (addresses and gate follow the state,
 * one timer each, members of a group agree, the beat comes in time).  After each run, when calm has
 * returned, exactly one router is master, it is the best, and nothing moves any more.
 *
 * LBD_SIM_RUNS says how many runs; LBD_SIM_SEED the first seed, which a failure prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vrrp_world.h"

enum {
	RUNS = 100000,
	ROUTERS = 5,
};

static const char *const names[] = { "web", "in" };

/* What one router has, in two variants between which it changes. */
static struct plan plans[ROUTERS][2];

static struct run {
	uint64_t seed;
	unsigned n, instances;
	int family;
	bool grouped, preempt;
	uint32_t version;
	usec_t interval;
	struct host *hosts[ROUTERS];
	bool frozen[ROUTERS];
	const struct plan *plan[ROUTERS];
} run;

/* The parts that are the same in all runs: they are large. */
static int make_plans(void **)
{
	unsigned i, k;

	for (i = 0; i < ROUTERS; i++)
		for (k = 0; k < 2; k++) {
			plan_instance(&plans[i][k], 0, names[0], AF_INET, 51, 100);
			plan_instance(&plans[i][k], 1, names[1], AF_INET, 52, 100);
			plans[i][k].vrrp[1].interface = "eth1";
		}
	return 0;
}

static void set_vip(struct plan *p, unsigned i, const char *prefix, const char *interface)
{
	p->vrrp[i].n_addresses = 0;
	plan_vip(p, i, prefix, interface);
}

static void prepare(struct plan *p, unsigned priority)
{
	bool v4 = run.family == AF_INET;
	unsigned i;

	p->conf.n_vrrp = run.instances;
	set_vip(p, 0, v4 ? "10.0.0.100/24" : "fe80::100/64", "eth0");
	set_vip(p, 1, v4 ? "10.1.0.1/24" : "fe80::200/64", "eth1");
	for (i = 0; i < 2; i++) {
		p->vrrp[i].family = run.family;
		p->vrrp[i].priority = priority;
		p->vrrp[i].preempt = run.preempt;
		p->vrrp[i].version = run.version;
		p->vrrp[i].advert_interval = run.interval;
		p->vrrp[i].group = NULL;
	}
	p->conf.n_vrrp_groups = 0;
	if (run.grouped)
		plan_group(p, "shop", 2);
}

static void configure(unsigned i, unsigned variant)
{
	run.plan[i] = &plans[i][variant];
	host_configure(run.hosts[i], &run.plan[i]->conf);
}

static void begin(uint64_t seed)
{
	static const int64_t intervals[] = { 10000, 100000, 1000000 };
	char text[32];
	unsigned i;

	world_begin();
	world_seed(seed);
	run = (struct run){ .seed = seed, .n = 2 + world_dice(ROUTERS - 1) };
	run.family = world_dice(2) ? AF_INET : AF_INET6;
	run.grouped = !world_dice(4);
	run.instances = run.grouped ? 2 : 1;
	run.preempt = world_dice(4);
	run.version = run.family == AF_INET && !world_dice(4) ? 2 : 3;
	run.interval = run.version == 2 ? SEC(1) : USEC(intervals[world_dice(3)]);
	for (i = 0; i < run.n; i++) {
		/* Equal priorities, too; but two groups need one order. */
		unsigned base = run.grouped || world_dice(3) ? 10 + 40 * i : 100;

		prepare(&plans[i][0], base + world_dice(run.grouped ? 1 : 10));
		prepare(&plans[i][1], base + 5);
		snprintf(text, sizeof(text), run.family == AF_INET ? "10.0.0.%u/24" : "fe80::%u/64",
			 i + 2);
		run.hosts[i] = host_new(text);
		host_add(run.hosts[i], 2, text);
		configure(i, 0);
	}
}

static usec_t intervals(unsigned tenths)
{
	return USEC(run.interval.us * tenths / 10);
}

static void thaw(unsigned i)
{
	if (run.frozen[i])
		host_freeze(run.hosts[i], false);
	run.frozen[i] = false;
}

static void revive(unsigned i)
{
	thaw(i);
	if (!host_is_dead(run.hosts[i]))
		return;
	host_start(run.hosts[i]);
	configure(i, world_dice(2));
}

static void set_links(unsigned i, bool up0, bool up1)
{
	host_link(run.hosts[i], "eth0", true, up0, 1);
	host_link(run.hosts[i], "eth1", true, up1, 2);
}

static void trouble(void)
{
	unsigned i = world_dice(run.n);
	bool dead = host_is_dead(run.hosts[i]);

	switch (world_dice(10)) {
	case 0:
		world_network(world_dice(500), world_dice(300), intervals(world_dice(15)));
		break;
	case 1:
		world_cut(world_dice(2));
		break;
	case 2:
		if (!dead && !run.frozen[i])
			host_freeze(run.hosts[i], run.frozen[i] = true);
		break;
	case 3:
		thaw(i);
		break;
	case 4:
		host_lose_pending(run.hosts[i]);
		break;
	case 5:
		thaw(i);
		if (!dead)
			host_kill(run.hosts[i]);
		break;
	case 6:
		revive(i);
		break;
	case 7:
		if (!dead && !run.frozen[i]) {
			host_stop(run.hosts[i]);
			host_kill(run.hosts[i]);
		}
		break;
	case 8:
		if (!dead && !run.frozen[i])
			configure(i, world_dice(2));
		break;
	default:
		set_links(i, world_dice(3), world_dice(3));
	}
	world_run(intervals(world_dice(40)));
}

static unsigned count_masters(unsigned instance, unsigned *ret_who)
{
	unsigned i, n = 0;

	for (i = 0; i < run.n; i++)
		if (host_state(run.hosts[i], names[instance]) == VRRP_MASTER) {
			*ret_who = i;
			n++;
		}
	return n;
}

static void wrong(const char *what, unsigned instance)
{
	char text[512];
	unsigned i;
	int n;

	n = snprintf(text, sizeof(text), "seed %llu, %s, %s:", (unsigned long long)run.seed,
		     names[instance], what);
	for (i = 0; i < run.n; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %u=%s/%u", i,
			      vrrp_state_name(host_state(run.hosts[i], names[instance])),
			      run.plan[i]->vrrp[instance].priority);
	fail_msg("%s", text);
}

static uint64_t transitions(unsigned instance)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < run.n; i++)
		sum += host_status(run.hosts[i], names[instance]).counters.became_master;
	return sum;
}

static void calm(void)
{
	uint64_t before[2] = { 0 };
	unsigned i, k, who = 0;

	world_network(0, 0, USEC(0));
	world_cut(false);
	for (i = 0; i < run.n; i++) {
		revive(i);
		set_links(i, true, true);
	}
	world_run(intervals(250));
	for (k = 0; k < run.instances; k++)
		before[k] = transitions(k);
	world_run(intervals(50));
	for (k = 0; k < run.instances; k++) {
		if (count_masters(k, &who) != 1)
			wrong("there is not one master", k);
		if (transitions(k) != before[k])
			wrong("it does not settle", k);
		for (i = 0; run.preempt && i < run.n; i++)
			if (run.plan[i]->vrrp[k].priority > run.plan[who]->vrrp[k].priority)
				wrong("the master is not the best", k);
	}
}

static unsigned long long from_env(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void one_master_after_every_storm(void **)
{
	unsigned long long runs = from_env("LBD_SIM_RUNS", RUNS), i;
	unsigned long long seed = from_env("LBD_SIM_SEED", 1);
	unsigned steps;

	for (i = 0; i < runs; i++) {
		begin(seed + i);
		for (steps = 2 + world_dice(10); steps; steps--)
			trouble();
		calm();
		world_end();
	}
	run.n = 0;
}

/* What the world found wrong it cannot name. */
static int name_seed(void **)
{
	if (run.n)
		printf("# LBD_SIM_SEED=%llu\n", (unsigned long long)run.seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_master_after_every_storm, make_plans,
						name_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
