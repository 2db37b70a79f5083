// SPDX-License-Identifier: BSD-2-Clause
/* src/ipvs: rings, reconciling, gates, on a backend that is only memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "fake_net.h"
#include "ipvs/gate.h"
#include "ipvs/ipvs.h"
#include "ipvs/span.h"

/* ---- Ring space ---- */

static void span_space_rests_before_it_is_used_again(void **state)
{
	struct span_space *s = span_space_new(RING_CHUNKS * RING_CHUNK, RING_CHUNK);
	usec_t now = SEC(100);
	int64_t a = span_take(s, 20, now), b;

	assert_int_equal(a, 0);
	span_give(s, SPAN(a, 20), now);
	b = span_take(s, 20, usec_add(now, MSEC(999)));
	assert_int_equal(b, 32); /* two chunks further */
	assert_int_equal(span_take(s, 20, usec_add(now, SEC(1))), 0);
	span_space_free(s);
}

static void span_space_ends(void **state)
{
	struct span_space *s = span_space_new(RING_CHUNKS * RING_CHUNK, RING_CHUNK);
	int i;

	for (i = 0; i < RING_CHUNKS * RING_CHUNK / RING_LEN_MAX; i++)
		assert_true(span_take(s, RING_LEN_MAX, SEC(1)) >= 0);
	assert_int_equal(span_take(s, 1, SEC(1)), -ENOSPC);
	span_space_free(s);
}

/* ---- The engine ---- */

struct rig {
	struct loop *loop;
	struct net *net;
	struct ipvs_backend *be;
	struct ipvs *v;
	struct prefix vips[2];
	struct conf_server servers[4];
	struct conf_service service;
	struct conf_vip addresses[2];
	struct conf_vrrp vrrp[2];
	struct conf conf;
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int setup(void **state)
{
	static struct rig rig;
	struct rig *r = &rig;
	static const char *const names[] = { "a", "b", "c", "six" };
	char text[32];
	int i;

	memset(r, 0, sizeof(*r));
	r->loop = loop_new();
	r->net = fake_net_new();
	r->be = ipvs_memory_backend_new();
	assert_int_equal(ipvs_new(r->loop, r->net, r->be, &r->v), 0);
	r->vips[0] = (struct prefix){ address("192.0.2.10"), 32 };
	r->vips[1] = (struct prefix){ address("2001:db8::10"), 128 };
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), i < 3 ? "10.0.0.%d" : "fd00::%d", 11 + i);
		r->servers[i] = (struct conf_server){
			.name = names[i], .address = address(text), .port = 8080, .weight = 1
		};
	}
	r->service = (struct conf_service){ .name = "www",
					    .vips = r->vips,
					    .n_vips = 2,
					    .port = 80,
					    .port_last = 80,
					    .protocol = IPPROTO_TCP,
					    .servers = r->servers,
					    .n_servers = 4 };
	r->addresses[0].prefix.addr = r->vips[0].addr;
	r->addresses[1].prefix.addr = r->vips[1].addr;
	r->addresses[0].interface = r->addresses[1].interface = "eth0";
	for (i = 0; i < 2; i++)
		r->vrrp[i] = (struct conf_vrrp){ .name = i ? "six" : "four",
						 .interface = "eth0",
						 .vrid = 51,
						 .family = i ? AF_INET6 : AF_INET,
						 .addresses = &r->addresses[i],
						 .n_addresses = 1 };
	r->conf = (struct conf){
		.services = &r->service, .n_services = 1, .vrrp = r->vrrp, .n_vrrp = 2
	};
	fake_net_link(r->net, "eth0", 2);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	ipvs_free(r->v);
	r->be->free(r->be);
	fake_net_free(r->net);
	loop_free(r->loop);
	return 0;
}

/* What a packet to this VIP would find; asserts that there is something. */
static struct svc_ref lookup(struct rig *r, const struct addr *vip, uint16_t port)
{
	struct svc_key key = { .vip = *vip, .port = htons(port), .proto = IPPROTO_TCP };
	struct svc_ref ref = { 0 };

	assert_int_equal(r->be->get(r->be, TABLE_SERVICES, &key, &ref), 0);
	return ref;
}

static uint32_t ring_len(struct rig *r, uint32_t svc)
{
	return SPAN_COUNT(r->be->svcs[svc].ring);
}

static uint32_t ring_id(struct rig *r, uint32_t svc, uint32_t i)
{
	uint32_t slot = SPAN_FIRST(r->be->svcs[svc].ring) + i;

	return r->be->rings[slot / RING_CHUNK].server[slot % RING_CHUNK];
}

static void on_stop(struct loop_timer *t, usec_t now)
{
	loop_stop(t->loop);
}

/* Lets the loop do what is due at once. */
static void turn(struct rig *r)
{
	struct loop_timer t;

	loop_timer_init(&t, r->loop, LOOP_IDLE, on_stop);
	loop_timer_in(&t, MSEC(5));
	loop_run(r->loop);
}

static void each_family_has_the_servers_of_its_own(void **state)
{
	struct rig *r = *state;
	struct svc_ref four, six;

	ipvs_reconcile(r->v, &r->conf);
	four = lookup(r, &r->vips[0].addr, 80);
	six = lookup(r, &r->vips[1].addr, 80);
	assert_int_not_equal(four.svc, six.svc);
	assert_int_not_equal(four.gate, six.gate);
	assert_int_not_equal(four.gate, 0);
	ipvs_verdict(r->v, "www", "a", true);
	ipvs_verdict(r->v, "www", "b", true);
	ipvs_verdict(r->v, "www", "six", true);
	turn(r);
	assert_int_equal(ring_len(r, four.svc), 2);
	assert_int_equal(ring_len(r, six.svc), 1);
}

static void server_gets_flows_only_after_its_verdict(void **state)
{
	struct rig *r = *state;
	uint32_t svc;

	ipvs_reconcile(r->v, &r->conf);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	assert_int_equal(ring_len(r, svc), 0);
	ipvs_verdict(r->v, "www", "b", true);
	turn(r);
	assert_int_equal(ring_len(r, svc), 1);
	assert_true(addr_equal(&r->be->servers[ring_id(r, svc, 0)].addr, &r->servers[1].address));
}

static void bad_verdict_acts_before_the_ring_is_rebuilt(void **state)
{
	struct rig *r = *state;
	uint32_t svc, id;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	turn(r);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	id = ring_id(r, svc, 0);
	ipvs_verdict(r->v, "www", "a", false);
	assert_int_equal(ring_len(r, svc), 1);
	assert_int_equal(r->be->servers[id].status, 0);
	turn(r);
	assert_int_equal(ring_len(r, svc), 0);
}

static void server_without_weight_stays_out_of_the_ring(void **state)
{
	struct rig *r = *state;

	r->servers[0].weight = 0;
	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	turn(r);
	assert_int_equal(ring_len(r, lookup(r, &r->vips[0].addr, 80).svc), 0);
}

static void another_scheduler_has_another_ring(void **state)
{
	static const struct {
		unsigned scheduler;
		uint32_t mh_size, len;
		enum pick pick;
	} steps[] = {
		{ CONF_SCHED_MH, 509, 509, PICK_HASH }, { CONF_SCHED_MH, 251, 251, PICK_HASH },
		{ CONF_SCHED_SH, 251, 256, PICK_HASH }, { CONF_SCHED_WLC, 251, 2, PICK_WLC },
		{ CONF_SCHED_LC, 251, 2, PICK_LC },	{ CONF_SCHED_RR, 251, 2, PICK_NEXT },
	};
	struct rig *r = *state;
	uint32_t svc;
	size_t i;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	ipvs_verdict(r->v, "www", "b", true);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		r->service.scheduler = steps[i].scheduler;
		r->service.mh_size = steps[i].mh_size;
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(ring_len(r, svc), steps[i].len);
		assert_int_equal(r->be->svcs[svc].pick, steps[i].pick);
	}
}

static void next_hop_turns_over_as_a_whole(void **state)
{
	struct rig *r = *state;
	const struct server *srv;
	uint32_t before;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	turn(r);
	srv = &r->be->servers[ring_id(r, lookup(r, &r->vips[0].addr, 80).svc, 0)];
	before = srv->hop;
	assert_int_equal(srv->hops[before & 1].ifindex, 2);
	fake_net_move(r->net, 3, false);
	assert_int_equal(srv->hop, before + 1);
	assert_int_equal(srv->hops[srv->hop & 1].ifindex, 3);
	assert_int_equal(srv->hops[srv->hop & 1].flags, 0);
	assert_int_equal(srv->hops[before & 1].ifindex,
			 2); /* a reader under way still has a whole one */
}

static void reconcile_again_changes_nothing(void **state)
{
	struct rig *r = *state;
	struct svc_ref before, after;
	uint64_t ring;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	turn(r);
	before = lookup(r, &r->vips[0].addr, 80);
	ring = r->be->svcs[before.svc].ring;
	ipvs_reconcile(r->v, &r->conf);
	after = lookup(r, &r->vips[0].addr, 80);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_true(ring == r->be->svcs[before.svc].ring);
}

static void successor_adopts_service_server_and_gate(void **state)
{
	struct rig *r = *state;
	struct svc_ref before, after;
	uint32_t id;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "c", true);
	ipvs_gate_set(r->v, "four", true);
	turn(r);
	before = lookup(r, &r->vips[0].addr, 80);
	id = ring_id(r, before.svc, 0);
	ipvs_free(r->v);
	assert_int_equal(ipvs_new(r->loop, r->net, r->be, &r->v), 0);
	ipvs_reconcile(r->v, &r->conf);
	after = lookup(r, &r->vips[0].addr, 80);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(ring_len(r, after.svc), 1); /* up without waiting for the first check */
	assert_int_equal(ring_id(r, after.svc, 0), id);
	assert_int_equal(r->be->gates[after.gate].open, 1);
}

static void removed_server_keeps_its_slot_until_a_sweep(void **state)
{
	struct rig *r = *state;
	uint32_t svc, id;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "c", true);
	turn(r);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	id = ring_id(r, svc, 0);
	r->service.n_servers = 2; /* a and b */
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->servers[id].status, 0);
	assert_int_equal(r->be->servers[id].svc, svc);
	/* wanted again: the same slot */
	r->service.n_servers = 4;
	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "c", true);
	turn(r);
	assert_int_equal(ring_id(r, svc, 0), id);
}

/* Server a's slot, up. */
static struct server *server_a(struct rig *r)
{
	uint32_t svc;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_verdict(r->v, "www", "a", true);
	turn(r);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	assert_int_equal(ring_len(r, svc), 1);
	return &r->be->servers[ring_id(r, svc, 0)];
}

static const struct {
	unsigned conf;
	uint32_t status;
} downs[] = {
	{ CONF_DOWN_KEEP, 0 },
	{ CONF_DOWN_DROP, SERVER_LOST },
	{ CONF_DOWN_RESET, SERVER_LOST | SERVER_RESET },
};

#define DOWNS (sizeof(downs) / sizeof(*downs))

static void flows_of_a_failed_server_end_if_the_service_wants_it(void **state)
{
	struct rig *r = *state;
	struct server *a;
	size_t i;

	for (i = 0; i < DOWNS; i++) {
		r->service.on_server_down = downs[i].conf;
		a = server_a(r);
		assert_int_equal(a->status, SERVER_ALIVE | SERVER_TAKES);
		ipvs_verdict(r->v, "www", "a", false);
		assert_int_equal(a->status, downs[i].status);
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(a->status, downs[i].status);
		/* Whoever changes the mind while it is down means this one, too. */
		r->service.on_server_down = CONF_DOWN_DROP;
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(a->status, SERVER_LOST);
		ipvs_verdict(r->v, "www", "a", true);
		assert_int_equal(a->status, SERVER_ALIVE | SERVER_TAKES);
		/* Weight 0 drains. */
		r->servers[0].weight = 0;
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(a->status, SERVER_ALIVE);
		r->servers[0].weight = 1;
	}
}

static void server_that_was_never_up_is_not_lost(void **state)
{
	struct rig *r = *state;
	uint32_t id;

	r->service.on_server_down = CONF_DOWN_RESET;
	ipvs_reconcile(r->v, &r->conf);
	for (id = 1; id < SERVER_MAX; id++)
		assert_int_equal(r->be->servers[id].status, 0);
}

static void flows_of_a_removed_server_end_if_the_service_wants_it(void **state)
{
	struct rig *r = *state;
	struct server *a;
	size_t i;

	for (i = 0; i < DOWNS; i++) {
		r->conf.n_services = 1;
		r->service.n_servers = 4;
		r->service.servers = r->servers;
		r->service.on_server_down = downs[i].conf;
		a = server_a(r);
		r->service.n_servers = 3;
		r->service.servers = r->servers + 1;
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(a->status, downs[i].status);
		/* and with its service */
		r->service.n_servers = 4;
		r->service.servers = r->servers;
		a = server_a(r);
		r->conf.n_services = 0;
		ipvs_reconcile(r->v, &r->conf);
		assert_int_equal(a->status, downs[i].status);
	}
}

/* It was taken out of the file while no daemon ran. */
static void adopted_server_that_nobody_wants_is_lost(void **state)
{
	struct rig *r = *state;
	struct server *a;

	r->service.on_server_down = CONF_DOWN_RESET;
	a = server_a(r);
	ipvs_free(r->v);
	assert_int_equal(ipvs_new(r->loop, r->net, r->be, &r->v), 0);
	r->service.n_servers = 3;
	r->service.servers = r->servers + 1;
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(a->status, SERVER_LOST | SERVER_RESET);
}

/* A local port may not come back while the server remembers its last connection. */
static void fullnat_rests_in_time_wait_for_a_minute(void **state)
{
	struct rig *r = *state;
	uint32_t svc;

	r->service.timeouts.time_wait = SEC(5);
	ipvs_reconcile(r->v, &r->conf);
	svc = lookup(r, &r->vips[0].addr, 80).svc;
	assert_int_equal(r->be->svcs[svc].timeout[FLOW_TIME_WAIT], 5 * r->be->hz);
	r->servers[1].method = CONF_METHOD_FULLNAT;
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->svcs[svc].timeout[FLOW_TIME_WAIT], 60 * r->be->hz);
	r->service.timeouts.time_wait = SEC(90);
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->svcs[svc].timeout[FLOW_TIME_WAIT], 90 * r->be->hz);
}

static void removed_service_leaves_no_key(void **state)
{
	struct rig *r = *state;
	struct svc_key key = { .vip = r->vips[0].addr, .port = htons(80), .proto = IPPROTO_TCP };
	struct svc_ref ref;

	ipvs_reconcile(r->v, &r->conf);
	r->conf.n_services = 0;
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->get(r->be, TABLE_SERVICES, &key, &ref), -ENOENT);
}

static void service_on_another_port_is_another_service(void **state)
{
	struct rig *r = *state;
	struct svc_key old = { .vip = r->vips[0].addr, .port = htons(80), .proto = IPPROTO_TCP };
	struct svc_ref ref;

	ipvs_reconcile(r->v, &r->conf);
	r->service.port = r->service.port_last = 81;
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->get(r->be, TABLE_SERVICES, &old, &ref), -ENOENT);
	lookup(r, &r->vips[0].addr, 81);
}

static void vip_that_moves_between_instances_changes_its_gate(void **state)
{
	struct rig *r = *state;
	struct gate_addr key = { .addr = r->vips[0].addr };
	struct svc_ref before, after;
	uint32_t gate;

	ipvs_reconcile(r->v, &r->conf);
	before = lookup(r, &r->vips[0].addr, 80);
	r->vrrp[0].n_addresses = 0;
	r->vrrp[1].addresses = r->addresses;
	r->vrrp[1].n_addresses = 2;
	ipvs_reconcile(r->v, &r->conf);
	after = lookup(r, &r->vips[0].addr, 80);
	assert_int_equal(before.svc, after.svc);
	assert_int_not_equal(before.gate, after.gate);
	assert_int_equal(r->be->get(r->be, TABLE_GATE_ADDRS, &key, &gate), 0);
	assert_int_equal(gate, after.gate);
}

/* No packet meets a gate that is closed only because its instance is new. */
static void gate_of_a_new_instance_begins_as_its_addresses_had_it(void **state)
{
	struct rig *r = *state;
	struct gate *before, *after;

	ipvs_reconcile(r->v, &r->conf);
	ipvs_gate_beat(r->v, "four", MSEC(300), MSEC(900));
	ipvs_gate_set(r->v, "four", true);
	before = &r->be->gates[lookup(r, &r->vips[0].addr, 80).gate];
	assert_int_equal(before->open, 1);
	r->vrrp[0].name = "heir";
	r->vrrp[0].vrid = 99;
	ipvs_reconcile(r->v, &r->conf);
	after = &r->be->gates[lookup(r, &r->vips[0].addr, 80).gate];
	assert_ptr_not_equal(before, after);
	assert_int_equal(after->open, 1);
	assert_true(after->beat_ns == before->beat_ns && after->stale_ns == 300000000);
	ipvs_gate_set(r->v, "heir", false);
	assert_int_equal(after->open, 0);
}

static void gate_follows_its_interface(void **state)
{
	struct rig *r = *state;
	struct vrid_key at2 = { .ifindex = 2, .vrid = 51 }, at9 = { .ifindex = 9, .vrid = 51 };
	uint32_t gate;

	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->get(r->be, TABLE_GATE_VRIDS, &at2, &gate), 0);
	fake_net_link(r->net, "eth0", 9);
	assert_int_equal(r->be->get(r->be, TABLE_GATE_VRIDS, &at2, &gate), -ENOENT);
	assert_int_equal(r->be->get(r->be, TABLE_GATE_VRIDS, &at9, &gate), 0);
}

static void beat_lifts_the_fence(void **state)
{
	struct rig *r = *state;
	struct gate *g;

	ipvs_reconcile(r->v, &r->conf);
	g = &r->be->gates[lookup(r, &r->vips[0].addr, 80).gate];
	ipvs_gate_set(r->v, "four", true);
	g->fenced = r->be->gates[0].fenced = 1;
	ipvs_gate_beat(r->v, "four", MSEC(300), MSEC(900));
	assert_int_equal(g->fenced, 0);
	assert_int_equal(r->be->gates[0].fenced, 0);
	assert_int_equal(g->open, 1);
	assert_true(g->stale_ns == 300000000 && g->fresh_ns == 900000000);
}

static void address_that_no_instance_owns_has_the_open_gate(void **state)
{
	struct rig *r = *state;

	r->conf.n_vrrp = 0;
	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(lookup(r, &r->vips[0].addr, 80).gate, 0);
	assert_int_equal(r->be->gates[0].open, 1);
}

static void made_link_local_address_has_a_gate_on_its_link(void **state)
{
	struct rig *r = *state;
	struct gate_addr key = { .addr = address("fe80::200:5eff:fe00:233"), .ifindex = 2 };
	uint32_t gate;

	ipvs_reconcile(r->v, &r->conf);
	assert_int_equal(r->be->get(r->be, TABLE_GATE_ADDRS, &key, &gate), 0);
	assert_int_equal(gate, lookup(r, &r->vips[1].addr, 80).gate);
}

int main(void)
{
#define RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(span_space_rests_before_it_is_used_again),
		cmocka_unit_test(span_space_ends),
		RIG(each_family_has_the_servers_of_its_own),
		RIG(server_gets_flows_only_after_its_verdict),
		RIG(bad_verdict_acts_before_the_ring_is_rebuilt),
		RIG(server_without_weight_stays_out_of_the_ring),
		RIG(another_scheduler_has_another_ring),
		RIG(next_hop_turns_over_as_a_whole),
		RIG(reconcile_again_changes_nothing),
		RIG(successor_adopts_service_server_and_gate),
		RIG(removed_server_keeps_its_slot_until_a_sweep),
		RIG(flows_of_a_failed_server_end_if_the_service_wants_it),
		RIG(server_that_was_never_up_is_not_lost),
		RIG(flows_of_a_removed_server_end_if_the_service_wants_it),
		RIG(adopted_server_that_nobody_wants_is_lost),
		RIG(fullnat_rests_in_time_wait_for_a_minute),
		RIG(removed_service_leaves_no_key),
		RIG(service_on_another_port_is_another_service),
		RIG(vip_that_moves_between_instances_changes_its_gate),
		RIG(gate_of_a_new_instance_begins_as_its_addresses_had_it),
		RIG(gate_follows_its_interface),
		RIG(beat_lifts_the_fence),
		RIG(made_link_local_address_has_a_gate_on_its_link),
		RIG(address_that_no_instance_owns_has_the_open_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
