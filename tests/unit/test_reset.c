// SPDX-License-Identifier: BSD-2-Clause
/* Resets: their bytes, their pace, and that the kernel sends them in any name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/csum.h"
#include "net/reset.h"

#define SEQ 0x12345678

static struct {
	struct loop *loop;
	struct net_resets *resets;
	unsigned went_on;
	bool namespace;
} t;

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* From an address that is not ours to one that is. */
static struct net_reset reset(bool v6, bool urgent)
{
	return (struct net_reset){
		.src = address(v6 ? "2001:db8::10" : "198.51.100.10"),
		.dst = address(v6 ? "::1" : "127.0.0.1"),
		.sport = htons(80),
		.dport = htons(4000),
		.seq = htonl(SEQ),
		.urgent = urgent,
	};
}

static void looks_right(const struct net_reset *r, const uint8_t *tcp)
{
	uint32_t sum = csum_add_pseudo(0, &r->src, &r->dst, IPPROTO_TCP, 20);
	struct tcphdr h;

	memcpy(&h, tcp, sizeof(h));
	assert_int_equal(csum_fold(csum_add(sum, tcp, 20)), 0);
	assert_int_equal(ntohs(h.source), 80);
	assert_int_equal(ntohs(h.dest), 4000);
	assert_int_equal(ntohl(h.seq), SEQ);
	assert_int_equal(h.ack_seq, 0);
	assert_int_equal(tcp[12], 5 << 4);
	assert_int_equal(tcp[13], TH_RST);
}

static void packet_is_right(void **state)
{
	struct net_reset four = reset(false, true), six = reset(true, true);
	uint8_t buf[NET_RESET_LEN];

	assert_int_equal(net_reset_build(&four, buf), 40);
	assert_int_equal(buf[0], 0x45);
	assert_int_equal(buf[2] << 8 | buf[3], 40);
	assert_int_equal(buf[9], IPPROTO_TCP);
	assert_int_equal(csum_fold(csum_add(0, buf, 20)), 0);
	assert_memory_equal(buf + 12, &four.src.a[3], 4);
	assert_memory_equal(buf + 16, &four.dst.a[3], 4);
	looks_right(&four, buf + 20);

	assert_int_equal(net_reset_build(&six, buf), 60);
	assert_int_equal(buf[0], 0x60);
	assert_int_equal(buf[4] << 8 | buf[5], 20);
	assert_int_equal(buf[6], IPPROTO_TCP);
	assert_memory_equal(buf + 8, &six.src, 16);
	assert_memory_equal(buf + 24, &six.dst, 16);
	looks_right(&six, buf + 40);
}

/* ---- Sending ---- */

static void on_go_on(void *ctx)
{
	t.went_on++;
}

static int setup(void **state)
{
	t.loop = loop_new();
	t.went_on = 0;
	return net_resets_new(t.loop, on_go_on, NULL, &t.resets);
}

static int teardown(void **state)
{
	net_resets_free(t.resets);
	loop_free(t.loop);
	return 0;
}

static uint64_t handled(void)
{
	struct net_reset_stats s;

	net_resets_get_stats(t.resets, &s);
	return s.sent + s.failed;
}

static void on_look(struct loop_timer *timer, usec_t now)
{
	loop_stop(timer->loop);
}

/* Until so many have been handled; at most ten seconds. */
static void run_until(uint64_t n)
{
	usec_t end = usec_add(loop_now(), SEC(10));
	struct loop_timer look;

	loop_timer_init(&look, t.loop, LOOP_NORMAL, on_look);
	while (handled() < n && usec_before(loop_now(), end)) {
		loop_timer_in(&look, MSEC(1));
		loop_run(t.loop);
	}
	assert_int_equal(handled(), n);
}

static void need_namespace(void)
{
	if (!t.namespace)
		skip();
}

static int listener(bool v6)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_TCP);

	assert_true(fd >= 0);
	return fd;
}

static void goes_out_in_a_foreign_name(void **state)
{
	uint8_t buf[128];
	int v6, fd;

	need_namespace();
	for (v6 = 0; v6 < 2; v6++) {
		struct net_reset r = reset(v6, true);

		fd = listener(v6);
		assert_true(net_resets_add(t.resets, &r, 1));
		run_until((uint64_t)v6 + 1);
		/* An IPv6 socket gives no IP header. */
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), v6 ? 20 : 40);
		looks_right(&r, buf + (v6 ? 0 : 20));
		close(fd);
	}
}

static void clients_come_first(void **state)
{
	struct net_reset list[20];
	uint8_t buf[128];
	int fd, i;

	need_namespace();
	fd = listener(false);
	for (i = 0; i < 20; i++) {
		list[i] = reset(false, i % 2);
		list[i].sport = htons((uint16_t)i);
	}
	assert_true(net_resets_add(t.resets, list, 20));
	run_until(20);
	for (i = 0; i < 20; i++) {
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 40);
		assert_int_equal(buf[21], i < 10 ? 2 * i + 1 : 2 * (i - 10));
	}
	close(fd);
}

static struct net_reset *many(bool urgent)
{
	struct net_reset *list = calloc(NET_RESETS_AT_ONCE, sizeof(*list));
	size_t i;

	assert_non_null(list);
	for (i = 0; i < NET_RESETS_AT_ONCE; i++)
		list[i] = reset(i & 1, urgent);
	return list;
}

static void sending_is_paced(void **state)
{
	struct net_reset *list;
	usec_t start;

	need_namespace();
	list = many(true);
	start = loop_now();
	net_resets_add(t.resets, list, NET_RESETS_AT_ONCE);
	run_until(NET_RESETS_AT_ONCE);
	/* All but the first turn's had to wait. */
	assert_true(usec_sub(loop_now(), start).us >=
		    (NET_RESETS_AT_ONCE - NET_RESETS_PER_SECOND / 250) * 1000000ll /
			    NET_RESETS_PER_SECOND);
	free(list);
}

static void who_is_told_to_wait_is_called(void **state)
{
	struct net_reset_stats s;
	struct net_reset *list;
	unsigned added = 1;

	need_namespace();
	list = many(true);
	while (net_resets_add(t.resets, list, NET_RESETS_AT_ONCE))
		added++;
	assert_true(added > 1);
	assert_int_equal(t.went_on, 0);
	run_until((uint64_t)added * NET_RESETS_AT_ONCE);
	assert_int_equal(t.went_on, 1);
	net_resets_get_stats(t.resets, &s);
	assert_int_equal(s.failed, 0);
	assert_true(net_resets_add(t.resets, list, 1));
	free(list);
}

static void what_cannot_be_sent_is_counted(void **state)
{
	struct net_reset list[2] = { reset(false, true), reset(true, false) };
	struct net_reset_stats s;

	need_namespace();
	list[0].dst = address("203.0.113.1");
	list[1].dst = address("2001:db8:1::1");
	net_resets_add(t.resets, list, 2);
	run_until(2);
	net_resets_get_stats(t.resets, &s);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.sent, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_is_right),
		TEST(goes_out_in_a_foreign_name),
		TEST(clients_come_first),
		TEST(sending_is_paced),
		TEST(who_is_told_to_wait_is_called),
		TEST(what_cannot_be_sent_is_counted),
	};

	t.namespace = !unshare(CLONE_NEWNET) && !system("ip link set lo up");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
