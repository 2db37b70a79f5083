// SPDX-License-Identifier: BSD-2-Clause
/* src/net against the kernel, in network namespaces that die with this process: "here", a fresh one
 * for each test, and "there", behind the other end of the veth pair v0 - p0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/internal.h"
#include "net/net.h"
#include "net/sysctl.h"

#define PATIENCE SEC(20)

/* What the watch was told, newest last, as words. */
struct lab {
	struct loop *loop;
	struct net *net;
	struct net_watch watch;
	struct str told;
	pid_t there;
	struct loop_timer poll;
	bool (*until)(struct lab *lab);
	usec_t deadline;
	bool arrived;
	struct net_hop hop;
	unsigned hop_changes;
	const char *want; /* for the conditions below */
};

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command))
		fail_msg("failed: %s", command);
}

#define run_there(lab, fmt, ...)                                                                   \
	run("nsenter --net=/proc/%d/ns/net " fmt, (int)(lab)->there, ##__VA_ARGS__)

/* What a command prints. */
static struct str output_of(const char *command)
{
	FILE *f = popen(command, "r");
	struct str out = { 0 };
	char buf[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add(&out, buf, n);
	pclose(f);
	return out;
}

static bool prints(const char *command, const char *what)
{
	struct str out = output_of(command);
	bool found = strstr(str_text(&out), what);

	str_free(&out);
	return found;
}

/* ---- The loop, until something holds ---- */

static void on_poll(struct loop_timer *t, usec_t now)
{
	struct lab *lab = container_of(t, struct lab, poll);

	lab->arrived = lab->until(lab);
	if (lab->arrived || usec_before(lab->deadline, now))
		loop_stop(lab->loop);
	else
		loop_timer_in(t, MSEC(5));
}

static bool wait_until(struct lab *lab, bool (*until)(struct lab *lab))
{
	lab->until = until;
	lab->deadline = usec_add(loop_now(), PATIENCE);
	loop_timer_in(&lab->poll, USEC(0));
	loop_run(lab->loop);
	return lab->arrived;
}

static bool was_told(struct lab *lab)
{
	return strstr(str_text(&lab->told), lab->want);
}

static void expect_told(struct lab *lab, const char *what)
{
	lab->want = what;
	if (!wait_until(lab, was_told))
		fail_msg("not told: %s\nbut: %s", what, str_text(&lab->told));
}

/* Everything that happened before is told after this. */
static void catch_up(struct lab *lab)
{
	static unsigned n;
	char want[64];

	n++;
	run("ip link add m%u type veth peer name n%u", n, n);
	snprintf(want, sizeof(want), "link m%u down", n);
	expect_told(lab, want);
	run("ip link del m%u", n);
	snprintf(want, sizeof(want), "gone m%u", n);
	expect_told(lab, want);
	str_free(&lab->told);
}

/* ---- The watch ---- */

static void on_link(struct net_watch *w, const struct net_link *l, bool gone)
{
	struct lab *lab = container_of(w, struct lab, watch);

	if (gone)
		str_addf(&lab->told, "[gone %s]", l->name);
	else
		str_addf(&lab->told, "[link %s %s mtu %u kind %s]", l->name, l->up ? "up" : "down",
			 l->mtu, l->kind);
}

static void on_addr(struct net_watch *w, unsigned ifindex, const struct prefix *p, bool present)
{
	struct lab *lab = container_of(w, struct lab, watch);
	char text[PREFIX_STRLEN];

	str_addf(&lab->told, "[%s %s]", present ? "addr" : "no addr", prefix_str(p, text));
}

static void on_filter(struct net_watch *w, unsigned ifindex)
{
	struct lab *lab = container_of(w, struct lab, watch);

	str_addf(&lab->told, "[filter %u]", ifindex);
}

static void on_hop(struct net_hop *hop)
{
	container_of(hop, struct lab, hop)->hop_changes++;
}

/* ---- Setting up ---- */

static pid_t other_namespace(void)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	lab->there = other_namespace();
	run("ip link set lo up && ip link add v0 type veth peer name p0");
	run("ip link set p0 netns %d && ip link set v0 up", (int)lab->there);
	run_there(lab, "ip link set p0 up");
	lab->loop = loop_new();
	loop_timer_init(&lab->poll, lab->loop, LOOP_NORMAL, on_poll);
	assert_int_equal(net_new(lab->loop, &lab->net), 0);
	lab->watch = (struct net_watch){ .link = on_link, .addr = on_addr, .filter = on_filter };
	net_watch_add(lab->net, &lab->watch);
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	loop_timer_stop(&lab->poll);
	net_watch_del(lab->net, &lab->watch);
	net_free(lab->net);
	loop_free(lab->loop);
	kill(lab->there, SIGKILL);
	waitpid(lab->there, NULL, 0);
	str_free(&lab->told);
	free(lab);
	return 0;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct addr addr_of(const char *text)
{
	return prefix_of(text).addr;
}

static unsigned index_of(struct lab *lab, const char *name)
{
	const struct net_link *l = net_link_by_name(lab->net, name);

	assert_non_null(l);
	assert_ptr_equal(net_link_by_index(lab->net, l->ifindex), l);
	return l->ifindex;
}

/* Texts of both families for tests that run for each. */
static const struct family {
	int family;
	const char *ip; /* the command */
	const char *nodad;
	const char *dip, *peer, *peer_addr, *net;
	const char *vip, *vip_bare, *vip2, *host_vip;
	const char *far, *far_host, *far_net;
	const char *group;
} families[] = {
	{ AF_INET, "ip -4", "", "10.9.0.1/24", "10.9.0.2/24", "10.9.0.2", "10.9.0.0/24",
	  "10.9.0.100/24", "10.9.0.100/32", "10.9.0.101/24", "10.9.0.102/32", "10.20.0.7",
	  "10.20.0.7/32", "10.20.0.0/24", "224.0.0.18" },
	{ AF_INET6, "ip -6", "nodad", "fd09::1/64", "fd09::2/64", "fd09::2", "fd09::/64",
	  "fd09::100/64", "fd09::100/128", "fd09::101/64", "fd09::102/128", "fd20::7",
	  "fd20::7/128", "fd20::/64", "ff02::12" },
};

/* ---- Start ---- */

static void missing_privilege_is_named_at_the_start(void **state)
{
	struct lab *lab = *state;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		struct net *n;

		if (setuid(65534))
			_exit(1);
		_exit(net_new(lab->loop, &n) == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- Links ---- */

static void link_changes_are_told(void **state)
{
	struct lab *lab = *state;

	run("ip link add v1 mtu 1400 type veth peer name p1");
	expect_told(lab, "[link v1 down mtu 1400 kind veth]");
	run("ip link set v1 up && ip link set p1 up");
	expect_told(lab, "[link v1 up mtu 1400 kind veth]");
	assert_true(net_link_by_name(lab->net, "v1")->up);
	run("ip link set p1 down");
	expect_told(lab, "[link v1 down mtu 1400 kind veth]");
	run("ip link set v1 mtu 1300 && ip link set v1 down && ip link set v1 name other");
	expect_told(lab, "[link other down mtu 1300 kind veth]");
	run("ip link del other");
	expect_told(lab, "[gone other]");
	assert_null(net_link_by_name(lab->net, "other"));
}

static void port_that_leaves_a_bridge_is_not_gone(void **state)
{
	struct lab *lab = *state;

	run("ip link add b0 type bridge && ip link set v0 master b0 && ip link set v0 nomaster");
	run("ip link del b0");
	run("ip link add last type veth peer name p1");
	expect_told(lab, "[link last");
	assert_null(strstr(str_text(&lab->told), "[gone v0]"));
	assert_non_null(net_link_by_name(lab->net, "v0"));
}

static void link_that_came_again_under_its_number_is_told_as_gone(void **state)
{
	struct lab *lab = *state;
	unsigned before = index_of(lab, "v0");
	const char *told, *gone, *back;

	run("ip addr add 10.9.0.1/24 dev v0");
	expect_told(lab, "[addr 10.9.0.1/24]");
	run("ip link set v0 netns %d", (int)lab->there);
	run_there(lab, "ip link set v0 netns %d", (int)getpid());
	run("ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up");
	str_free(&lab->told);
	expect_told(lab, "[addr 10.9.0.1/24]");
	told = str_text(&lab->told);
	gone = strstr(told, "[gone v0]");
	back = strstr(told, "[link v0");
	assert_non_null(gone);
	assert_true(gone < back);
	assert_non_null(strstr(told, "[filter"));
	assert_int_equal(index_of(lab, "v0"), before);
}

static void removed_filters_are_told(void **state)
{
	struct lab *lab = *state;
	char want[32];

	snprintf(want, sizeof(want), "[filter %u]", index_of(lab, "v0"));
	run("tc qdisc add dev v0 clsact");
	run("tc filter add dev v0 ingress pref 9 bpf bytecode '1,6 0 0 0'");
	catch_up(lab);
	run("tc filter del dev v0 ingress pref 9");
	expect_told(lab, want);
	catch_up(lab);
	run("tc qdisc del dev v0 clsact");
	expect_told(lab, want);
}

/* ---- Addresses ---- */

static void address_changes_are_told(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0");
	struct addr a4 = addr_of("10.9.0.1"), a6 = addr_of("fd09::1");

	run("ip addr add 10.9.0.1/24 dev v0");
	expect_told(lab, "[addr 10.9.0.1/24]");
	assert_true(net_addr_present(lab->net, v0, &a4));
	run("ip addr add fd09::1/64 dev v0");
	expect_told(lab, "[addr fd09::1/64]");
	/* it was not told before it could be used */
	assert_false(prints("ip -6 addr show dev v0 to fd09::1", "tentative"));
	assert_true(net_addr_present(lab->net, v0, &a6));
	run("ip addr del 10.9.0.1/24 dev v0 && ip addr del fd09::1/64 dev v0");
	expect_told(lab, "[no addr 10.9.0.1/24]");
	expect_told(lab, "[no addr fd09::1/64]");
	assert_false(net_addr_present(lab->net, v0, &a4));
	assert_false(net_addr_present(lab->net, v0, &a6));
}

/* A packet that comes before its local route does would be forwarded, to the link it came from. */
static void address_of_ours_is_usable_when_the_kernel_has_its_route(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0");
	struct prefix p = prefix_of("fd09::100/64");

	assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
	assert_true(net_addr_present(lab->net, v0, &p.addr));
	assert_false(net_addr_usable(lab->net, v0, &p.addr));
	expect_told(lab, "[addr fd09::100/64]");
	assert_true(net_addr_usable(lab->net, v0, &p.addr));
	assert_true(prints("ip -6 route show table local dev v0", "fd09::100"));
	assert_int_equal(net_addr_add(lab->net, v0, &p), 0); /* stays so */
	assert_true(net_addr_usable(lab->net, v0, &p.addr));
}

static void address_that_went_and_came_back_is_not_told(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0");
	struct prefix p = prefix_of("10.9.0.100/24");

	assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
	expect_told(lab, "[addr 10.9.0.100/24]");
	catch_up(lab);
	assert_int_equal(net_addr_del(lab->net, v0, &p), 0);
	assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
	expect_told(lab, ""); /* at once */
	run("ip link add v1 type veth peer name p1");
	expect_told(lab, "[link v1");
	assert_null(strstr(str_text(&lab->told), "10.9.0.100"));
}

/* routes: the command that prints them. */
static void assert_no_trace(struct lab *lab, const struct family *f, const char *routes)
{
	struct prefix vip = prefix_of(f->vip), host_vip = prefix_of(f->host_vip);
	struct str before = output_of(routes), with, after;
	unsigned v0 = index_of(lab, "v0");

	assert_non_null(strstr(str_text(&before), f->net));
	assert_int_equal(net_addr_add(lab->net, v0, &vip), 0);
	assert_int_equal(net_addr_add(lab->net, v0, &vip), 0);
	assert_int_equal(net_addr_add(lab->net, v0, &host_vip), 0);
	assert_true(net_addr_present(lab->net, v0, &vip.addr));
	expect_told(lab, f->vip);
	assert_true(prints("ip addr show dev v0", f->vip));
	with = output_of(routes);
	assert_string_equal(str_text(&before), str_text(&with));

	assert_int_equal(net_addr_del(lab->net, v0, &vip), 0);
	assert_int_equal(net_addr_del(lab->net, v0, &vip), 0);
	assert_int_equal(net_addr_del(lab->net, v0, &host_vip), 0);
	assert_false(prints("ip addr show dev v0", f->vip));
	assert_true(prints("ip addr show dev v0", f->dip));
	after = output_of(routes);
	assert_string_equal(str_text(&before), str_text(&after));
	str_free(&before);
	str_free(&with);
	str_free(&after);
}

static void vips_come_and_go_without_a_trace(void **state)
{
	struct lab *lab = *state;
	char routes[64];
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];

		snprintf(routes, sizeof(routes), "%s route show table main", f->ip);
		run("%s addr add %s dev v0 %s", f->ip, f->dip, f->nodad);
		expect_told(lab, f->dip);
		assert_no_trace(lab, f, routes);
		/* as network managers have it, who make the connected route themselves */
		run("%s addr del %s dev v0", f->ip, f->dip);
		catch_up(lab);
		run("%s addr add %s dev v0 noprefixroute %s", f->ip, f->dip, f->nodad);
		run("%s route add %s dev v0 metric 100", f->ip, f->net);
		expect_told(lab, f->dip);
		assert_no_trace(lab, f, routes);
	}
}

/* A connection from a VIP would die with the next failover. */
static void host_does_not_speak_from_a_vip(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		/* nearer to the destination than the host's own, which IPv6 prefers otherwise */
		struct prefix vip = prefix_of(f->vip), to = prefix_of(f->vip2);
		struct addr own = addr_of(f->dip);
		char command[64], source[64], text[ADDR_STRLEN];

		run("%s addr add %s dev v0 %s", f->ip, f->dip, f->nodad);
		assert_int_equal(net_addr_add(lab->net, v0, &vip), 0);
		snprintf(command, sizeof(command), "ip route get %s", addr_str(&to.addr, text));
		snprintf(source, sizeof(source), "src %s ", addr_str(&own, text));
		assert_true(prints(command, source));
	}
}

/* The host's own address came after the VIP, so the kernel holds the VIP for the subnet's first. */
static void vip_that_came_first_takes_nothing_along(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;
	char routes[64];

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct prefix vip = prefix_of(f->vip);

		snprintf(routes, sizeof(routes), "%s route show table main", f->ip);
		assert_int_equal(net_addr_add(lab->net, v0, &vip), 0);
		run("%s addr add %s dev v0", f->ip, f->dip);
		expect_told(lab, f->dip);
		assert_int_equal(net_addr_del(lab->net, v0, &vip), 0);
		assert_true(prints("ip addr show dev v0", f->dip));
		assert_false(prints("ip addr show dev v0", f->vip));
		assert_true(prints(routes, f->net));
	}
	assert_true(prints("cat /proc/sys/net/ipv4/conf/v0/promote_secondaries", "0"));
}

static void last_vip_of_a_subnet_takes_the_route_along(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;
	char routes[64];

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct prefix a = prefix_of(f->vip), b = prefix_of(f->vip2);

		snprintf(routes, sizeof(routes), "%s route show table main", f->ip);
		assert_int_equal(net_addr_add(lab->net, v0, &a), 0);
		assert_int_equal(net_addr_add(lab->net, v0, &b), 0);
		assert_true(prints(routes, f->net));
		assert_int_equal(net_addr_del(lab->net, v0, &a), 0);
		assert_true(prints("ip addr show dev v0", f->vip2));
		assert_true(prints(routes, f->net));
		assert_int_equal(net_addr_del(lab->net, v0, &b), 0);
		assert_false(prints(routes, f->net));
	}
}

/* The host's own connections would die with the next failover. */
static void vip_is_not_chosen_as_source(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct prefix p = prefix_of(f->vip);
		char get[128], source[80];

		snprintf(get, sizeof(get), "%s route get %s", f->ip, f->peer_addr);
		run("%s addr add %s dev v0 %s", f->ip, f->dip, f->nodad);
		expect_told(lab, f->dip);
		assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
		expect_told(lab, f->vip);
		snprintf(source, sizeof(source), "src %.*s ", (int)strcspn(f->vip, "/"), f->vip);
		assert_true(prints(get, "src "));
		assert_false(prints(get, source));
	}
}

static void prefix_of_a_vip_can_change(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct prefix p = prefix_of(f->vip), q = p;

		q.len = addr_bits(&p.addr);
		assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
		assert_int_equal(net_addr_add(lab->net, v0, &q), 0);
		assert_int_equal(net_addr_del(lab->net, v0, &p), 0);
		assert_true(net_addr_present(lab->net, v0, &p.addr));
		assert_false(prints("ip addr show dev v0", f->vip));
		assert_true(prints("ip addr show dev v0", f->vip_bare));
		assert_int_equal(net_addr_del(lab->net, v0, &q), 0);
	}
}

static void address_orders_on_no_link_fail_or_do_nothing(void **state)
{
	struct lab *lab = *state;
	struct prefix p = prefix_of("10.9.0.100/24");

	assert_int_equal(net_addr_add(lab->net, 4711, &p), -ENODEV);
	assert_int_equal(net_addr_del(lab->net, 4711, &p), 0);
}

static bool is_vip(void *ctx, const struct addr *a)
{
	struct addr v4 = addr_of("10.9.0.100"), v6 = addr_of("fe80::200:5eff:fe00:233");

	return addr_equal(a, &v4) || addr_equal(a, &v6);
}

static bool has_source(struct lab *lab)
{
	struct addr a;

	return !net_addr_source(lab->net, index_of(lab, "v0"), AF_INET6, is_vip, NULL, &a);
}

static void source_is_the_hosts_own_address(void **state)
{
	struct lab *lab = *state;
	struct prefix p = prefix_of("10.9.0.100/24"), q = prefix_of("fe80::200:5eff:fe00:233/64");
	unsigned v0 = index_of(lab, "v0");
	struct addr a, want = addr_of("10.9.0.1");

	assert_int_equal(net_addr_source(lab->net, v0, AF_INET, NULL, NULL, &a), -ENOENT);
	assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
	assert_int_equal(net_addr_source(lab->net, v0, AF_INET, is_vip, NULL, &a), -ENOENT);
	run("ip addr add 10.8.0.1/24 dev v0 && ip addr add 10.9.0.1/24 dev v0");
	run("ip addr del 10.8.0.1/24 dev v0");
	catch_up(lab);
	/* secondary as long as the VIP is the subnet's first address */
	assert_int_equal(net_addr_source(lab->net, v0, AF_INET, is_vip, NULL, &a), -ENOENT);
	assert_int_equal(net_addr_del(lab->net, v0, &p), 0);
	assert_int_equal(net_addr_add(lab->net, v0, &p), 0);
	catch_up(lab);
	assert_int_equal(net_addr_source(lab->net, v0, AF_INET, is_vip, NULL, &a), 0);
	assert_true(addr_equal(&a, &want));

	assert_int_equal(net_addr_add(lab->net, v0, &q), 0);
	assert_true(wait_until(lab, has_source));
	assert_int_equal(net_addr_source(lab->net, v0, AF_INET6, is_vip, NULL, &a), 0);
	assert_true(addr_is_link_local(&a));
	assert_false(addr_equal(&a, &q.addr));
	assert_false(prints("ip -6 addr show dev v0 scope link", "tentative"));
}

static void membership_outlives_the_daemon(void **state)
{
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;

	for (i = 0; i < 2; i++) {
		struct addr group = addr_of(families[i].group);

		assert_int_equal(net_group_join(lab->net, v0, &group), 0);
		assert_int_equal(net_group_join(lab->net, v0, &group), 0);
		assert_false(net_addr_present(lab->net, v0, &group));
	}
	/* IPv6 loses the address with the link; joining again is then all the same no error. */
	run("ip link set v0 down && ip link set v0 up");
	catch_up(lab);
	for (i = 0; i < 2; i++) {
		struct addr group = addr_of(families[i].group);

		assert_int_equal(net_group_join(lab->net, v0, &group), 0);
	}
	net_watch_del(lab->net, &lab->watch);
	net_free(lab->net);
	assert_true(prints("ip maddr show dev v0", "224.0.0.18"));
	assert_true(prints("ip maddr show dev v0", "ff02::12"));
	assert_int_equal(net_new(lab->loop, &lab->net), 0);
	net_watch_add(lab->net, &lab->watch);
	for (i = 0; i < 2; i++) {
		struct addr group = addr_of(families[i].group);

		assert_int_equal(net_group_leave(lab->net, v0, &group), 0);
		assert_int_equal(net_group_leave(lab->net, v0, &group), 0);
	}
	assert_false(prints("ip maddr show dev v0", "224.0.0.18"));
}

/* ---- A lost message ---- */

static bool has_resynced(struct lab *lab)
{
	struct net_stats stats;

	net_get_stats(lab->net, &stats);
	return stats.resyncs && !loop_timer_active(&lab->net->resync);
}

static void overrun_ends_in_the_kernels_state(void **state)
{
	enum { MANY = 2000 };
	struct lab *lab = *state;
	unsigned v0 = index_of(lab, "v0"), i;
	struct str script = { 0 };
	struct net_stats stats;

	run("ip addr add 10.9.0.1/24 dev v0 && ip addr add 10.9.9.9/32 dev v0");
	run("ip link add gone0 type veth peer name gone1");
	catch_up(lab);
	assert_int_equal(net_set_buffer(lab->net, 2048), 0);
	/* While nobody reads: 2000 come, half of them go, so does a link, and one comes. */
	for (i = 0; i < MANY; i++)
		str_addf(&script, "addr add 10.10.%u.%u/32 dev v0\n", i / 250, i % 250 + 1);
	for (i = 0; i < MANY; i += 2)
		str_addf(&script, "addr del 10.10.%u.%u/32 dev v0\n", i / 250, i % 250 + 1);
	str_addf(&script, "addr del 10.9.9.9/32 dev v0\n");
	str_addf(&script, "link del gone0\nlink add new0 type veth peer name new1\n");

	FILE *f = popen("ip -batch -", "w");

	assert_non_null(f);
	fputs(str_text(&script), f);
	assert_int_equal(pclose(f), 0);
	str_free(&script);

	assert_true(wait_until(lab, has_resynced));
	net_set_buffer(lab->net, 1 << 20);
	catch_up(lab);
	for (i = 0; i < MANY; i++) {
		char text[32];
		struct addr a;

		snprintf(text, sizeof(text), "10.10.%u.%u", i / 250, i % 250 + 1);
		a = addr_of(text);
		assert_int_equal(net_addr_present(lab->net, v0, &a), i % 2);
	}
	assert_null(net_link_by_name(lab->net, "gone0"));
	assert_non_null(net_link_by_name(lab->net, "new0"));
	net_get_stats(lab->net, &stats);
	assert_int_equal(stats.malformed, 0);
}

static void resync_tells_only_what_differs(void **state)
{
	struct lab *lab = *state;
	unsigned i;

	run("ip addr add 10.9.0.1/24 dev v0 && ip addr add 10.9.0.9/24 dev v0");
	catch_up(lab);
	assert_int_equal(net_set_buffer(lab->net, 2048), 0);
	run("ip addr del 10.9.0.9/24 dev v0");
	for (i = 0; i < 30; i++)
		run("ip link set v0 mtu %u", 1400 + i);
	run("ip link set v0 mtu 1500");
	assert_true(wait_until(lab, has_resynced));
	assert_non_null(strstr(str_text(&lab->told), "[no addr 10.9.0.9/24]"));
	assert_null(strstr(str_text(&lab->told), "10.9.0.1/24"));
	assert_null(strstr(str_text(&lab->told), "[gone"));
	assert_null(strstr(str_text(&lab->told), "[link lo"));
}

/* ---- Next hops ---- */

static uint8_t last_byte_of_dmac;

static bool is_resolved(struct lab *lab)
{
	return lab->hop.resolved && lab->hop.dmac[5] == last_byte_of_dmac;
}

static bool is_resolved_by_gateway(struct lab *lab)
{
	return is_resolved(lab) && !addr_equal(&lab->hop.gateway, &lab->hop.to);
}

static bool has_no_route(struct lab *lab)
{
	return !lab->hop.ifindex && !lab->hop.local;
}

static bool is_local(struct lab *lab)
{
	return lab->hop.local && !lab->hop.ifindex;
}

static bool has_own_mac_and_mtu(struct lab *lab)
{
	unsigned i = addr_is_v4(&lab->hop.to) ? 0 : 1;

	return lab->hop.smac[4] == 1 && lab->hop.smac[5] == i && lab->hop.mtu == 1400 + i;
}

static void add_hop(struct lab *lab, const char *to)
{
	lab->hop = (struct net_hop){ .to = addr_of(to), .changed = on_hop };
	lab->hop_changes = 0;
	net_hop_add(lab->net, &lab->hop);
	assert_int_equal(lab->hop_changes, 0);
}

static void both_ends_have_addresses(struct lab *lab, const struct family *f)
{
	run_there(lab, "ip link set p0 address 02:00:00:00:00:02");
	run_there(lab, "%s addr replace %s dev p0 %s", f->ip, f->peer, f->nodad);
	run("%s addr replace %s dev v0 %s", f->ip, f->dip, f->nodad);
	catch_up(lab);
	last_byte_of_dmac = 2;
}

static void hop_is_resolved_and_follows_the_mac(void **state)
{
	struct lab *lab = *state;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct addr peer = addr_of(f->peer);
		const struct net_link *v0;

		both_ends_have_addresses(lab, f);
		add_hop(lab, f->peer_addr);
		assert_true(wait_until(lab, is_resolved));
		assert_true(lab->hop_changes > 0);
		v0 = net_link_by_name(lab->net, "v0");
		assert_int_equal(lab->hop.ifindex, v0->ifindex);
		assert_memory_equal(lab->hop.smac, v0->mac, 6);
		assert_int_equal(lab->hop.mtu, 1500);
		assert_true(addr_equal(&lab->hop.gateway, &peer));

		run_there(lab, "ip link set p0 address 02:00:00:00:00:03");
		run("%s neigh replace %s lladdr 02:00:00:00:00:03 dev v0 nud reachable", f->ip,
		    f->peer_addr);
		last_byte_of_dmac = 3;
		assert_true(wait_until(lab, is_resolved));

		run("ip link set v0 address 02:00:00:00:01:%02x && ip link set v0 mtu %u", i,
		    1400 + i);
		assert_true(wait_until(lab, has_own_mac_and_mtu));
		run("ip link set v0 mtu 1500");
		net_hop_del(lab->net, &lab->hop);
	}
}

static void hop_follows_the_route(void **state)
{
	struct lab *lab = *state;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];

		both_ends_have_addresses(lab, f);
		add_hop(lab, f->far);
		assert_true(has_no_route(lab));
		run("%s route add %s via %s mtu 1280", f->ip, f->far_net, f->peer_addr);
		assert_true(wait_until(lab, is_resolved_by_gateway));
		assert_int_equal(lab->hop.mtu, 1280);
		run("%s addr add %s dev lo", f->ip, f->far_host);
		assert_true(wait_until(lab, is_local));
		run("%s addr del %s dev lo", f->ip, f->far_host);
		assert_true(wait_until(lab, is_resolved_by_gateway));
		run("%s route add unreachable %s", f->ip, f->far_host);
		assert_true(wait_until(lab, has_no_route));
		run("%s route del unreachable %s", f->ip, f->far_host);
		assert_true(wait_until(lab, is_resolved_by_gateway));
		run("%s rule add to %s prohibit", f->ip, f->far_net);
		assert_true(wait_until(lab, has_no_route));
		run("%s rule del to %s prohibit", f->ip, f->far_net);
		assert_true(wait_until(lab, is_resolved_by_gateway));
		/* IPv4 routes die with their link untold */
		run("ip link set v0 down");
		assert_true(wait_until(lab, has_no_route));
		run("ip link set v0 up");
		net_hop_del(lab->net, &lab->hop);
	}
}

static void path_is_up_once_its_link_has_settled(void **state)
{
	struct lab *lab = *state;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];
		struct addr peer = addr_of(f->peer), far = addr_of(f->far),
			    own = addr_of("127.0.0.1");
		usec_t before = loop_now();

		both_ends_have_addresses(lab, f);
		assert_true(net_path_up(lab->net, &own, before));
		assert_false(net_path_up(lab->net, &far, before));
		if (i == 0) /* the second time it came up just now */
			assert_true(net_path_up(lab->net, &peer, before));
		run_there(lab, "ip link set p0 down");
		expect_told(lab, "[link v0 down");
		assert_false(net_path_up(lab->net, &peer, loop_now()));
		str_free(&lab->told);
		run_there(lab, "ip link set p0 up");
		expect_told(lab, "[link v0 up");
		assert_false(net_path_up(lab->net, &peer, before));
		assert_false(net_path_up(lab->net, &peer, loop_now()));
		assert_true(net_path_up(lab->net, &peer, usec_add(loop_now(), SEC(1))));
		str_free(&lab->told);
	}
}

static bool is_managed(struct lab *lab)
{
	return prints("ip neigh show dev v0", lab->want) &&
	       prints("ip neigh show dev v0", "managed");
}

static void neighbour_is_kept_by_the_kernel(void **state)
{
	struct lab *lab = *state;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct family *f = &families[i];

		run("ip neigh flush dev v0");
		both_ends_have_addresses(lab, f);
		add_hop(lab, f->peer_addr);
		assert_true(wait_until(lab, is_resolved));
		lab->want = "02:00:00:00:00:02";
		assert_true(is_managed(lab));
		/* flushed, replaced, link down and up: the mark is lost and comes back */
		run("ip neigh flush dev v0");
		assert_true(wait_until(lab, is_managed));
		run("%s neigh change %s lladdr 02:00:00:00:00:02 dev v0 nud stale", f->ip,
		    f->peer_addr);
		assert_true(wait_until(lab, is_managed));
		run_there(lab, "ip link set p0 down");
		run_there(lab, "ip link set p0 up");
		run_there(lab, "%s addr replace %s dev p0 %s", f->ip, f->peer, f->nodad);
		assert_true(wait_until(lab, is_managed));
		net_hop_del(lab->net, &lab->hop);
		assert_false(prints("ip neigh show dev v0", "managed"));
	}
}

static void failed_neighbour_keeps_its_last_mac(void **state)
{
	struct lab *lab = *state;

	both_ends_have_addresses(lab, &families[0]);
	add_hop(lab, "10.9.0.2");
	assert_true(wait_until(lab, is_resolved));
	run_there(lab, "ip addr del 10.9.0.2/24 dev p0");
	run("ip neigh change 10.9.0.2 dev v0 nud failed");
	catch_up(lab);
	assert_true(prints("ip neigh show dev v0", "10.9.0.2"));
	assert_false(prints("ip neigh show dev v0", "02:00:00:00:00:02"));
	assert_true(is_resolved(lab));
	net_hop_del(lab->net, &lab->hop);
}

static void fixed_neighbour_of_the_operator_stays_fixed(void **state)
{
	struct lab *lab = *state;

	both_ends_have_addresses(lab, &families[0]);
	run("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:77 dev v0 nud permanent");
	add_hop(lab, "10.9.0.2");
	assert_true(lab->hop.resolved);
	assert_int_equal(lab->hop.dmac[5], 0x77);
	catch_up(lab);
	net_hop_del(lab->net, &lab->hop);
	assert_true(prints("ip neigh show dev v0", "PERMANENT"));
}

struct other_hop {
	struct net_hop hop;
	struct lab *lab;
	unsigned changes;
};

/* One that takes the other one away when it hears of a change. */
static void on_hop_delete_other(struct net_hop *hop)
{
	struct other_hop *o = container_of(hop, struct other_hop, hop);

	if (!o->changes++ && o->lab->hop.changed)
		net_hop_del(o->lab->net, &o->lab->hop);
	o->lab->hop.changed = NULL;
}

static bool both_heard(struct lab *lab)
{
	return !lab->hop.changed && lab->want;
}

static void hops_may_go_while_changes_are_told(void **state)
{
	struct lab *lab = *state;
	struct other_hop other = { .lab = lab };

	both_ends_have_addresses(lab, &families[0]);
	other.hop.to = addr_of("10.20.0.8");
	other.hop.changed = on_hop_delete_other;
	net_hop_add(lab->net, &other.hop);
	add_hop(lab, "10.20.0.7");
	lab->want = "";
	run("ip route add 10.20.0.0/24 via 10.9.0.2");
	assert_true(wait_until(lab, both_heard));
	assert_int_equal(lab->hop_changes, 0);
	net_hop_del(lab->net, &other.hop);
}

/* ---- Sysctls ---- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	char buf[32] = "";

	assert_non_null(f);
	assert_non_null(fgets(buf, sizeof(buf), f));
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	if (strcmp(buf, text))
		fail_msg("%s is %s, not %s", path, buf, text);
}

#define V4 "/proc/sys/net/ipv4/"
#define V6 "/proc/sys/net/ipv6/"

static const struct {
	const char *path, *before, *set;
} sysctl_cases[] = {
	{ V4 "ip_forward", "0", "1" },
	{ V4 "conf/all/accept_redirects", "0", "0" }, /* the kernel changes it with ip_forward */
	{ V4 "conf/all/send_redirects", "1", "0" },
	{ V4 "conf/v0/send_redirects", "1", "0" },
	{ V4 "conf/v0/rp_filter", "1", "2" },
	{ V4 "conf/v1/forwarding", "1", "1" },
	{ V4 "conf/v1/rp_filter", "1", "1" }, /* carries no traffic of ours */
	{ V6 "conf/all/forwarding", "0", "1" },
	{ V6 "conf/v0/accept_ra", "1", "2" },
	{ V6 "conf/v1/accept_ra", "0", "0" },
	{ V6 "conf/v0/forwarding", "0", "1" },
};

#define N_SYSCTL_CASES (sizeof(sysctl_cases) / sizeof(*sysctl_cases))

static void prepare_sysctls(void)
{
	size_t i;

	run("ip link add v1 type veth peer name p1");
	for (i = 0; i < N_SYSCTL_CASES; i++)
		write_file(sysctl_cases[i].path, sysctl_cases[i].before);
}

static void sysctls_are_set_and_put_back(void **state)
{
	static const char *const interfaces[] = { "v0", "later0" };
	struct str problems = { 0 };
	struct sysctls *s = NULL;
	size_t i;

	prepare_sysctls();
	assert_int_equal(sysctls_apply(interfaces, 2, true, true, true, &problems, &s), 0);
	assert_string_equal(str_text(&problems), "");
	for (i = 0; i < N_SYSCTL_CASES; i++)
		assert_file(sysctl_cases[i].path, sysctl_cases[i].set);
	/* the operator's hand in between counts */
	write_file(V4 "conf/v0/rp_filter", "0");
	sysctls_restore(s);
	for (i = 0; i < N_SYSCTL_CASES; i++)
		if (strcmp(sysctl_cases[i].path, V4 "conf/v0/rp_filter"))
			assert_file(sysctl_cases[i].path, sysctl_cases[i].before);
	assert_file(V4 "conf/v0/rp_filter", "0");
	sysctls_restore(NULL);
}

static void sysctls_of_an_interface_that_came_later_are_added(void **state)
{
	static const char *const interfaces[] = { "v0", "v2" };
	struct str problems = { 0 };
	struct sysctls *s = NULL;
	size_t i;

	prepare_sysctls();
	assert_int_equal(sysctls_apply(interfaces, 1, true, true, true, &problems, &s), 0);
	write_file(V4 "conf/v0/rp_filter", "0"); /* the operator's */
	run("ip link add v2 type veth peer name p2");
	write_file(V4 "conf/v2/send_redirects", "1");
	assert_int_equal(sysctls_apply(interfaces, 2, true, true, true, &problems, &s), 0);
	assert_string_equal(str_text(&problems), "");
	assert_file(V4 "conf/v2/send_redirects", "0");
	sysctls_restore(s);
	assert_file(V4 "conf/v2/send_redirects", "1");
	assert_file(V4 "conf/v0/rp_filter", "0");
	for (i = 0; i < N_SYSCTL_CASES; i++)
		if (strcmp(sysctl_cases[i].path, V4 "conf/v0/rp_filter"))
			assert_file(sysctl_cases[i].path, sysctl_cases[i].before);
}

static void sysctls_are_only_checked(void **state)
{
	static const char *const interfaces[] = { "v0" };
	struct str problems = { 0 };
	struct sysctls *s = NULL;
	size_t i;

	prepare_sysctls();
	assert_int_equal(sysctls_apply(interfaces, 1, true, true, false, &problems, &s), 0);
	for (i = 0; i < N_SYSCTL_CASES; i++)
		assert_file(sysctl_cases[i].path, sysctl_cases[i].before);
	assert_non_null(
		strstr(str_text(&problems),
		       "net.ipv4.ip_forward is 0, must be 1: sysctl -w net.ipv4.ip_forward=1\n"));
	assert_non_null(
		strstr(str_text(&problems), "net.ipv4.conf.v0.rp_filter is 1, must be 2: "));
	assert_non_null(
		strstr(str_text(&problems), "net.ipv6.conf.v0.accept_ra is 1, must be 2: "));
	assert_non_null(
		strstr(str_text(&problems), "net.ipv6.conf.all.forwarding is 0, must be 1: "));
	assert_null(strstr(str_text(&problems), "conf.v1"));
	str_free(&problems);
	sysctls_restore(s);
	s = NULL;

	/* of the family that is not used nothing is said */
	assert_int_equal(sysctls_apply(interfaces, 1, true, false, false, &problems, &s), 0);
	assert_null(strstr(str_text(&problems), "ipv6"));
	str_free(&problems);
	sysctls_restore(s);
}

static void sysctl_of_an_interface_with_a_dot_is_named_as_sysctl_takes_it(void **state)
{
	static const char *const interfaces[] = { "v0.100" };
	struct str problems = { 0 };
	struct sysctls *s = NULL;

	run("ip link set v0 name v0.100 2>/dev/null || ip link set v0 down name v0.100");
	write_file(V4 "conf/v0.100/send_redirects", "1");
	assert_int_equal(sysctls_apply(interfaces, 1, true, false, false, &problems, &s), 0);
	assert_non_null(
		strstr(str_text(&problems), "sysctl -w net.ipv4.conf.v0/100.send_redirects=0\n"));
	str_free(&problems);
	sysctls_restore(s);
}

#define lab_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(missing_privilege_is_named_at_the_start),
		lab_test(link_changes_are_told),
		lab_test(port_that_leaves_a_bridge_is_not_gone),
		lab_test(link_that_came_again_under_its_number_is_told_as_gone),
		lab_test(removed_filters_are_told),
		lab_test(address_changes_are_told),
		lab_test(address_of_ours_is_usable_when_the_kernel_has_its_route),
		lab_test(address_that_went_and_came_back_is_not_told),
		lab_test(vips_come_and_go_without_a_trace),
		lab_test(host_does_not_speak_from_a_vip),
		lab_test(vip_that_came_first_takes_nothing_along),
		lab_test(last_vip_of_a_subnet_takes_the_route_along),
		lab_test(vip_is_not_chosen_as_source),
		lab_test(prefix_of_a_vip_can_change),
		lab_test(address_orders_on_no_link_fail_or_do_nothing),
		lab_test(source_is_the_hosts_own_address),
		lab_test(membership_outlives_the_daemon),
		lab_test(overrun_ends_in_the_kernels_state),
		lab_test(resync_tells_only_what_differs),
		lab_test(hop_is_resolved_and_follows_the_mac),
		lab_test(hop_follows_the_route),
		lab_test(path_is_up_once_its_link_has_settled),
		lab_test(neighbour_is_kept_by_the_kernel),
		lab_test(failed_neighbour_keeps_its_last_mac),
		lab_test(fixed_neighbour_of_the_operator_stays_fixed),
		lab_test(hops_may_go_while_changes_are_told),
		lab_test(sysctls_are_set_and_put_back),
		lab_test(sysctls_of_an_interface_that_came_later_are_added),
		lab_test(sysctls_are_only_checked),
		lab_test(sysctl_of_an_interface_with_a_dot_is_named_as_sysctl_takes_it),
	};

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "skipped: no network namespace of one's own: %s\n",
			strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
