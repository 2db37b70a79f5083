// SPDX-License-Identifier: BSD-2-Clause
/* The local ports of fullnat, when there are many flows: one address carries more than 60,000 to
 * one server's port, each with a port of its own, and the same again to another server. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define PORT_FIRST 1024
#define PORT_LAST  65535
#define PORTS	   (PORT_LAST - PORT_FIRST + 1)
#define FLOWS	   60500 /* to each server */
#define CLIENTS	   4
#define TABLE	   262144

static struct rig *rig;
static uint8_t used[65536]; /* by which servers, a bit each */

static void prepare(bool v6, enum hook hook, unsigned servers)
{
	rig_reset(rig, v6, hook);
	memset(used, 0, sizeof(used));
	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_FULLNAT, servers);
	rig->lips[LIP_SLOT].port = PORT_FIRST;
	rig->lips[LIP_SLOT].last = PORT_LAST;
}

/* Where the ports and the source address's last byte stand in a frame. */
static size_t l4_at(bool v6)
{
	return 14 + (v6 ? 40 : 20);
}

/* The nth client's SYN: other addresses and ports, the sums mended by building the frame anew. */
static bool send_syn(unsigned n, struct outcome *ret)
{
	static const enum who clients[CLIENTS] = { CLIENT, STRANGER, NARROW, LOST };
	const struct frame syn = {
		.from = clients[n % CLIENTS],
		.to = VIP,
		.flags = SYN,
		.sport = (uint16_t)(1 + n / CLIENTS),
	};

	rig_run(rig, &syn, NULL, ret);
	return ret->action == action_redirect(rig->hook);
}

/* Each local port is used once for each server. */
static void note_port(const struct outcome *o)
{
	uint8_t server = o->frame[5] == who_mac(WEB1)[5] ? 1 : 2;
	uint16_t port;

	memcpy(&port, o->frame + l4_at(rig->v6), sizeof(port));
	port = ntohs(port);
	assert_true(port >= PORT_FIRST);
	assert_false(used[port] & server);
	used[port] |= server;
}

static void fill(bool v6, enum hook hook)
{
	unsigned n, refused = 0;
	struct outcome o;

	prepare(v6, hook, 2);
	for (n = 0; n < 2 * FLOWS; n++) {
		if (send_syn(n, &o))
			note_port(&o);
		else
			refused++;
	}
	/* 128 attempts each: one in ten thousand at this fill, and the other server is asked too */
	assert_int_equal(refused, 0);
	assert_int_equal(rig_count(rig, hook, COUNT_DROP_NO_PORT), 0);
	assert_int_equal(rig->servers[SERVER1].inactive + rig->servers[SERVER1 + 1].inactive,
			 2 * FLOWS);
	assert_true(rig->servers[SERVER1].inactive > 60000);
	assert_true(rig->servers[SERVER1 + 1].inactive > 60000);
}

static void test_sixty_thousand_to_each_server(void **state)
{
	fill(false, HOOK_INGRESS);
	fill(true, HOOK_XDP);
}

/* All are used up, told, and free again when the flows have ended. */
static void test_full_and_free_again(void **state)
{
	struct outcome o;
	unsigned n, refused = 0;
	uint64_t dropped;

	prepare(false, HOOK_INGRESS, 1);
	rig->lips[LIP_SLOT].last = PORT_FIRST + 499;
	for (n = 0; n < 2000; n++)
		refused += !send_syn(n, &o);
	dropped = rig_count(rig, HOOK_INGRESS, COUNT_DROP_NO_PORT);
	assert_int_equal(dropped, refused);
	assert_int_equal(rig->servers[SERVER1].inactive, 2000 - refused);
	assert_true(refused >= 1500 && refused < 1510); /* hardly a port is not found */
	rig_age(rig, 2000000);
	while (rig_flows(rig)) {
		size_t before = rig_flows(rig);

		assert_int_equal(rig_reclaim(rig), 0);
		assert_true(rig_flows(rig) < before);
	}
	assert_int_equal(rig->servers[SERVER1].inactive, 0);
	for (n = 0; n < 400; n++)
		assert_true(send_syn(5000 + n, &o));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sixty_thousand_to_each_server),
		cmocka_unit_test(test_full_and_free_again),
	};
	int r;

	_Static_assert(FLOWS < PORTS, "there are ports for them");
	rig = rig_open(TABLE);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
