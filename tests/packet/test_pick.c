// SPDX-License-Identifier: BSD-2-Clause
/* Which service a packet is for, and which server its flow gets: each for IPv4 and IPv6, through TC
 * and through XDP.  What schedulers choose is compared with models of IPVS's definitions. */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define CROWD	5 /* servers of the larger services */
#define RING_AT 16
#define SORRY	40

static struct rig *rig;

static const struct frame request = { .from = CLIENT, .to = VIP };

static void on_all(void (*test)(void))
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		rig_reset(rig, i & 1, i & 2 ? HOOK_XDP : HOOK_INGRESS);
		test();
	}
}

/* The machine's own, so that a failure can be seen again. */
static uint32_t draw(uint32_t below)
{
	static uint32_t random = 2463534242u;

	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	return (uint32_t)((uint64_t)random * below >> 32);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void expect(const struct frame *in, enum counter verdict)
{
	uint64_t before = rig_count(rig, rig->hook, verdict);
	struct outcome o;

	rig_run(rig, in, NULL, &o);
	assert_int_equal(rig_count(rig, rig->hook, verdict), before + 1);
}

/* No server: TC drops and answers, XDP leaves that to TC. */
static void expect_no_server(const struct frame *in)
{
	expect(in, rig->hook == HOOK_XDP ? COUNT_PASSED : COUNT_DROP_NO_SERVER);
}

/* The same of a packet that has no flow. */
static void expect_no_flow(const struct frame *in)
{
	bool answered = !(in->flags & RST); /* by TC */

	expect(in, answered && rig->hook == HOOK_XDP ? COUNT_PASSED : COUNT_DROP_NO_FLOW);
}

/* The frame is forwarded as out, but for the MACs. */
static void forwarded(const struct frame *in, struct frame out)
{
	uint8_t want[FRAME_MAX];
	struct outcome o;
	size_t len;

	rig_run(rig, in, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	out.flags = in->flags;
	out.ttl = 63;
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame + 12, want + 12, len - 12);
}

static uint32_t server_of(const struct frame *f)
{
	struct flow flow;

	assert_true(rig_flow(rig, f, &flow));
	return flow.server;
}

/* Begins a flow from a port of CLIENT's; returns the server it got. */
static uint32_t open_flow(uint16_t sport)
{
	struct frame f = request;

	f.flags = SYN;
	f.sport = sport;
	expect(&f, COUNT_REDIRECTED);
	return server_of(&f);
}

static void send_flags(uint16_t sport, uint8_t flags)
{
	struct frame f = request;

	f.sport = sport;
	f.flags = flags;
	expect(&f, COUNT_REDIRECTED);
}

/* The flow of that port ends as if it had been idle for too long. */
static void end_flow(uint16_t sport)
{
	struct frame f = request;
	struct flow flow;

	f.sport = sport;
	assert_true(rig_flow(rig, &f, &flow));
	flow.seen -= 2000000;
	rig_flow_set(rig, &f, &flow);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
}

/* A service of n direct servers with slots from SERVER1 on, in the ring as they are. */
static void crowd(enum pick pick, unsigned n)
{
	unsigned i;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_DR, 1);
	for (i = 0; i < n; i++) {
		rig->servers[SERVER1 + i] = rig->servers[SERVER1];
		rig->servers[SERVER1 + i].weight = 1;
		rig->rings[RING_AT / RING_CHUNK + i / RING_CHUNK].server[i % RING_CHUNK] =
			SERVER1 + i;
	}
	rig->svcs[SVC].ring = SPAN(RING_AT, n);
	rig->svcs[SVC].pick = (uint8_t)pick;
}

static void sorry_server(void)
{
	rig->servers[SORRY] = rig->servers[SERVER1];
	rig->svcs[SVC].sorry = SORRY;
}

/* ---- Services of many ports or addresses ----------------------------------------------------- */

static void wide(struct addr vip, unsigned bits, uint8_t proto, uint32_t first, uint32_t count)
{
	struct wide_key key = { .bits = 32 + (rig->v6 ? bits : 96 + bits),
				.proto = htonl(proto),
				.vip = vip };
	struct wide_ref ref = { first, count };

	rig->svcs[0].flags |= SVC_ANY_WIDE;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig->skel->maps.wide), &key, &ref, 0), 0);
}

static void wide_at(enum who who, uint32_t first, uint32_t count)
{
	wide(who_addr(who, rig->v6), rig->v6 ? 128 : 32, IPPROTO_TCP, first, count);
}

static void range(uint32_t slot, uint16_t port, uint16_t last, uint32_t svc)
{
	rig->ranges[slot] = (struct range){ .port = port, .last = last, .ref = { .svc = svc } };
}

/* Two services with a server each, WEB1 and WEB2; no key of their own. */
static void two_services(void)
{
	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 2);
	rig_service(rig, SVC2, VIP, IPPROTO_TCP, METHOD_NAT, 2);
	rig->svcs[SVC].ring = SPAN(0, 1);
	rig->svcs[SVC2].ring = SPAN(1, 1);
	rig->servers[SERVER1].port = rig->servers[SERVER1 + 1].port = 0;
	rig_service_remove(rig, VIP, IPPROTO_TCP);
}

static void goes_to(enum who to, uint16_t dport, enum who server)
{
	const struct frame syn = { .from = CLIENT, .to = to, .flags = SYN, .dport = dport };

	forwarded(&syn, (struct frame){ .from = CLIENT, .to = server, .dport = dport });
}

static void passes(enum who to, uint16_t dport)
{
	const struct frame syn = { .from = CLIENT, .to = to, .flags = SYN, .dport = dport };

	expect(&syn, COUNT_PASSED);
}

static void port_range(void)
{
	const struct frame reply = {
		.from = WEB1, .to = CLIENT, .sport = 8050, .flags = SYN | ACK
	};

	two_services();
	range(3, 8000, 8100, SVC);
	wide_at(VIP, 3, 1);
	goes_to(VIP, 8050, WEB1);
	forwarded(&reply, (struct frame){ .from = VIP, .to = CLIENT, .sport = 8050 });
	goes_to(VIP, 8000, WEB1);
	goes_to(VIP, 8100, WEB1);
	passes(VIP, 7999);
	passes(VIP, 8101);
	passes(VIP2, 8050);
}

static void test_range_of_ports_keeps_the_port(void **state)
{
	on_all(port_range);
}

static void narrowest_first(void)
{
	two_services();
	range(0, 200, 299, SVC2);
	range(1, 1, 65535, SVC);
	wide_at(VIP, 0, 2);
	goes_to(VIP, 199, WEB1);
	goes_to(VIP, 200, WEB2);
	goes_to(VIP, 299, WEB2);
	goes_to(VIP, 300, WEB1);
	goes_to(VIP, 65535, WEB1);
	/* a single port before any range */
	rig_service_key(rig, SVC2, VIP, IPPROTO_TCP, 0);
	goes_to(VIP, 80, WEB2);
	goes_to(VIP, 81, WEB1);
}

static void test_narrowest_range_first(void **state)
{
	on_all(narrowest_first);
}

static void prefix(void)
{
	two_services();
	range(0, 1, 65535, SVC);
	range(1, 443, 443, SVC2);
	wide(who_addr(VIP, rig->v6), rig->v6 ? 64 : 24, IPPROTO_TCP, 0, 1);
	wide_at(VIP2, 1, 1);
	goes_to(VIP, 443, WEB1);
	goes_to(STRANGER, 80, WEB1);
	goes_to(VIP2, 443, WEB2);
	passes(VIP2, 80); /* its own list holds nothing for it */
	passes(NARROW, 80);
	expect(&(struct frame){ .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP, .dport = 443 },
	       COUNT_PASSED);
}

static void test_longest_prefix_decides(void **state)
{
	on_all(prefix);
}

static void wide_flag(void)
{
	two_services();
	range(0, 1, 65535, SVC);
	wide_at(VIP, 0, 1);
	rig->svcs[0].flags = 0;
	passes(VIP, 80);
	rig->svcs[0].flags = SVC_ANY_WIDE;
	goes_to(VIP, 80, WEB1);
}

static void test_wide_is_asked_only_when_there_is_any(void **state)
{
	on_all(wide_flag);
}

static void many_ranges(void)
{
	unsigned i;

	two_services();
	for (i = 0; i < RANGES_MAX + 1; i++)
		range(10 + i, (uint16_t)(1000 + i), (uint16_t)(1000 + i), SVC);
	wide_at(VIP, 10, RANGES_MAX + 1);
	goes_to(VIP, 1000 + RANGES_MAX - 1, WEB1);
	passes(VIP, 1000 + RANGES_MAX);
	wide_at(VIP, RANGE_MAX - 1, 2); /* beyond the end */
	rig->ranges[RANGE_MAX - 1] = (struct range){};
	passes(VIP, 1000);
	wide_at(VIP, 10, UINT32_MAX);
	goes_to(VIP, 1001, WEB1);
}

static void test_ranges_are_bounded(void **state)
{
	on_all(many_ranges);
}

static void range_gate(void)
{
	two_services();
	range(0, 1, 65535, SVC);
	rig->ranges[0].ref.gate = GATE;
	rig_gate(rig, VIP, 51);
	wide_at(VIP, 0, 1);
	goes_to(VIP, 80, WEB1);
	rig->gates[GATE].open = 0;
	expect(&(struct frame){ .from = CLIENT, .to = VIP, .flags = SYN, .dport = 81 },
	       COUNT_DROP_GATE);
}

static void test_range_has_a_gate(void **state)
{
	on_all(range_gate);
}

/* ---- lc and wlc ------------------------------------------------------------------------------ */

/* IPVS: active * 256 + inactive, for wlc divided by the weight; the first of the least. */
static uint32_t model_least(const uint32_t active[], const uint32_t inactive[],
			    const uint32_t weight[], bool weighs)
{
	int least = -1;
	unsigned i;

	for (i = 0; i < CROWD; i++) {
		uint64_t a = (uint64_t)active[i] * 256 + inactive[i], b;

		if (rig->servers[SERVER1 + i].status != (SERVER_ALIVE | SERVER_TAKES) || !weight[i])
			continue;
		if (least < 0) {
			least = (int)i;
			continue;
		}
		b = (uint64_t)active[least] * 256 + inactive[least];
		if (weighs ? b * weight[i] > a * weight[least] : b > a)
			least = (int)i;
	}
	return SERVER1 + (uint32_t)least;
}

/* Flows begin, are established and end in any order; every choice is the model's. */
static void least_loaded(bool weighs)
{
	enum { NOT, OPENED, ESTABLISHED } flows[64] = {};
	uint32_t of[64] = {}, active[CROWD] = {}, inactive[CROWD] = {};
	uint32_t weight[CROWD] = { 2, 1, 7, 3, 2 };
	unsigned i, step;

	crowd(weighs ? PICK_WLC : PICK_LC, CROWD);
	for (i = 0; i < CROWD; i++)
		rig->servers[SERVER1 + i].weight = weight[i];
	for (step = 0; step < 700; step++) {
		uint32_t f = draw(64), s = of[f];
		uint16_t port = (uint16_t)(1000 + f);

		rig->servers[SERVER1 + 3].status =
			step / 100 % 2 ? SERVER_ALIVE : SERVER_ALIVE | SERVER_TAKES;
		if (flows[f] == NOT) {
			uint32_t want = model_least(active, inactive, weight, weighs);

			assert_int_equal(open_flow(port), want);
			of[f] = want - SERVER1;
			inactive[of[f]]++;
			flows[f] = OPENED;
		} else if (flows[f] == OPENED && draw(3)) {
			send_flags(port, ACK);
			inactive[s]--;
			active[s]++;
			flows[f] = ESTABLISHED;
		} else {
			end_flow(port);
			*(flows[f] == OPENED ? &inactive[s] : &active[s]) -= 1;
			flows[f] = NOT;
		}
	}
	for (i = 0; i < 64; i++)
		if (flows[i] != NOT)
			end_flow((uint16_t)(1000 + i));
	for (i = 0; i < CROWD; i++) {
		assert_int_equal(rig->servers[SERVER1 + i].active, 0);
		assert_int_equal(rig->servers[SERVER1 + i].inactive, 0);
	}
	assert_int_equal(rig_flows(rig), 0);
}

static void least(void)
{
	least_loaded(false);
}

static void weighted_least(void)
{
	least_loaded(true);
}

static void test_lc_is_the_models(void **state)
{
	on_all(least);
}

static void test_wlc_is_the_models(void **state)
{
	on_all(weighted_least);
}

/* Loads of which the products need more than 32 bits, and servers of weight 0. */
static void large_loads(void)
{
	crowd(PICK_WLC, 3);
	rig->servers[SERVER1].weight = 0;
	rig->servers[SERVER1 + 1].active = 3000000;
	rig->servers[SERVER1 + 1].weight = 60000;
	rig->servers[SERVER1 + 2].active = 1000000;
	rig->servers[SERVER1 + 2].weight = 19000;
	assert_int_equal(open_flow(1), SERVER1 + 1); /* 50 a unit of weight, and 52.6 */
	rig->servers[SERVER1 + 2].weight = 21000;
	assert_int_equal(open_flow(2), SERVER1 + 2); /* 47.6 */
}

static void test_wlc_of_large_loads(void **state)
{
	on_all(large_loads);
}

static void long_list(void)
{
	unsigned i;

	crowd(PICK_LC, 2);
	for (i = 0; i < 1536 / RING_CHUNK; i++)
		memset(&rig->rings[i + 200], 0, sizeof(*rig->rings));
	rig->rings[200].server[0] = SERVER1;
	rig->rings[200 + 1500 / RING_CHUNK].server[1500 % RING_CHUNK] = SERVER1 + 1;
	rig->svcs[SVC].ring = SPAN(200 * RING_CHUNK, 1536);
	/* 0-1023; 1024-1535 and 0-511, where both are; 512-1535; 0-1023 */
	assert_int_equal(open_flow(1), SERVER1);
	assert_int_equal(open_flow(2), SERVER1 + 1);
	assert_int_equal(open_flow(3), SERVER1 + 1);
	assert_int_equal(open_flow(4), SERVER1);
}

static void test_each_part_of_a_long_list_has_its_turn(void **state)
{
	on_all(long_list);
}

/* ---- Hashes ---------------------------------------------------------------------------------- */

#define HASH_RING 251

/* A SYN of the nth of many clients; returns the server. */
static uint32_t open_from(uint32_t n, uint16_t sport, uint32_t *ret_fold)
{
	const struct frame f = { .from = CLIENT, .to = VIP, .flags = SYN, .sport = sport };
	size_t at = 14 + (rig->v6 ? 8 : 12), addr_len = rig->v6 ? 16 : 4, i;
	static const struct context usual;
	uint32_t word[4] = {}, id, was[SORRY + 1];
	uint8_t buf[FRAME_MAX];
	struct outcome o;
	size_t len = frame_build(&f, rig->v6, buf);

	for (i = 0; i < 3; i++)
		buf[at + addr_len - 1 - i] = (uint8_t)(n >> 8 * i);
	if (rig->v6)
		buf[at + 5] = (uint8_t)(n * 5);
	frame_ip_check(buf);
	memcpy(word, buf + at, addr_len);
	*ret_fold = ntohl(word[0] ^ word[1] ^ word[2] ^ word[3]);
	for (id = 0; id <= SORRY; id++)
		was[id] = rig->servers[id].inactive;
	rig_run_bytes(rig, buf, len, &usual, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	for (id = 0; id <= SORRY; id++)
		if (rig->servers[id].inactive != was[id])
			return id;
	fail_msg("no server was given a flow");
	return 0;
}

/* As documented in schedule.bpf.h. */
static uint32_t model_slot(uint32_t hash, uint32_t count)
{
	return (uint32_t)((uint64_t)(uint32_t)(hash * 0x61c88647u) * count >> 32);
}

static uint32_t model_hash(uint32_t hash, const uint32_t *ring, uint32_t count)
{
	uint32_t slot = model_slot(hash, count), i;

	for (i = 0; i < 8 + count; i++) {
		uint32_t at = i == 0   ? slot
			      : i <= 8 ? model_slot(hash + slot + i - 1, count)
				       : (slot + i - 8) % count;

		if (rig->servers[ring[at]].status & SERVER_TAKES)
			return ring[at];
	}
	return 0;
}

static void fill_hash_ring(uint32_t *ring, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		ring[i] = SERVER1 + (i * 7 + i / 3) % CROWD;
		rig->rings[(RING_AT + i) / RING_CHUNK].server[i % RING_CHUNK] = ring[i];
	}
	rig->svcs[SVC].ring = SPAN(RING_AT, count);
}

static void hash_distribution(void)
{
	uint32_t ring[HASH_RING], fold, n, got[CROWD] = {};

	crowd(PICK_HASH, CROWD);
	fill_hash_ring(ring, HASH_RING);
	for (n = 0; n < 1000; n++) {
		uint32_t id = open_from(n * 977, 1000, &fold);

		assert_int_equal(id, model_hash(fold, ring, HASH_RING));
		got[id - SERVER1]++;
	}
	for (n = 0; n < CROWD; n++)
		assert_in_range(got[n], 1000 / CROWD * 3 / 4, 1000 / CROWD * 5 / 4);
}

static void test_hash_is_the_models(void **state)
{
	on_all(hash_distribution);
}

static void hash_of_port(void)
{
	uint32_t ring[HASH_RING], fold, n, first = 0, differ = 0;

	crowd(PICK_HASH, CROWD);
	fill_hash_ring(ring, HASH_RING);
	for (n = 0; n < 30; n++) {
		uint32_t id = open_from(7, (uint16_t)(1000 + n), &fold);

		first = n ? first : id;
		assert_int_equal(id, first);
	}
	rig->svcs[SVC].flags = SVC_HASH_PORT;
	for (n = 0; n < 30; n++) {
		uint32_t id = open_from(7, (uint16_t)(2000 + n), &fold);

		assert_int_equal(id, model_hash(fold + 2000 + n, ring, HASH_RING));
		differ += id != first;
	}
	assert_true(differ > 10);
}

static void test_hash_counts_the_port_when_told(void **state)
{
	on_all(hash_of_port);
}

/* Others keep theirs when a server goes; its own clients spread over all others. */
static void hash_fallback(void)
{
	uint32_t ring[HASH_RING], fold, n, got[CROWD] = {}, moved = 0;

	crowd(PICK_HASH, CROWD);
	fill_hash_ring(ring, HASH_RING);
	rig->servers[SERVER1 + 2].status = SERVER_ALIVE;
	for (n = 0; n < 1000; n++) {
		uint32_t id = open_from(n, 1000, &fold);
		uint32_t usual = ring[model_slot(fold, HASH_RING)];

		assert_int_equal(id, model_hash(fold, ring, HASH_RING));
		assert_int_not_equal(id, SERVER1 + 2);
		if (usual != SERVER1 + 2) {
			assert_int_equal(id, usual);
		} else {
			got[id - SERVER1]++;
			moved++;
		}
	}
	for (n = 0; n < CROWD; n++)
		if (n != 2)
			assert_true(got[n] > moved / CROWD / 2);
}

static void test_hash_falls_to_others_at_once(void **state)
{
	on_all(hash_fallback);
}

/* The last server that is left is found, wherever it stands. */
static void hash_search(void)
{
	uint32_t ring[HASH_RING], fold, n;

	crowd(PICK_HASH, CROWD);
	for (n = 0; n < HASH_RING; n++) {
		ring[n] = n == 100 ? SERVER1 + 1 : SERVER1;
		rig->rings[(RING_AT + n) / RING_CHUNK].server[n % RING_CHUNK] = ring[n];
	}
	rig->svcs[SVC].ring = SPAN(RING_AT, HASH_RING);
	rig->servers[SERVER1].status = 0;
	for (n = 0; n < 300; n++)
		assert_int_equal(open_from(n, 1000, &fold), SERVER1 + 1);
}

static void test_hash_searches_the_ring(void **state)
{
	on_all(hash_search);
}

/* In a ring of 256 slots: hash_32(ntohl(address) + ntohs(port), 8), the bucket of ip_vs_sh.c. */
static void hash_as_ipvs(void)
{
	uint32_t fold, n, i;

	crowd(PICK_HASH, 32);
	for (i = 0; i < 256; i++)
		rig->rings[RING_AT / RING_CHUNK + i / RING_CHUNK].server[i % RING_CHUNK] =
			SERVER1 + i / 8;
	rig->svcs[SVC].ring = SPAN(RING_AT, 256);
	for (n = 0; n < 100; n++) {
		uint32_t id = open_from(n * 31, 1000, &fold);

		assert_int_equal(id, SERVER1 + (fold * 0x61c88647u >> 24) / 8);
	}
}

static void test_hash_is_that_of_ipvs_sh(void **state)
{
	on_all(hash_as_ipvs);
}

/* Answers would look like those of another flow: another server, whatever the hash says. */
static void clash(void)
{
	const struct frame other = { .from = CLIENT, .to = VIP2, .flags = SYN };
	enum pick pick;

	for (pick = PICK_NEXT; pick <= PICK_HASH; pick++) {
		uint32_t first;

		rig_reset(rig, rig->v6, rig->hook);
		rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
		rig_service_key(rig, SVC, VIP2, IPPROTO_TCP, 0);
		rig->svcs[SVC].pick = (uint8_t)pick;
		rig->servers[SERVER1].weight = 100;
		rig->servers[SERVER1 + 1].weight = rig->servers[SERVER1 + 2].weight = 1;
		rig->servers[SERVER1 + 1].inactive = rig->servers[SERVER1 + 2].inactive = 50;
		first = open_flow(40000);
		rig->svcs[SVC].cursor = 0;
		expect(&other, COUNT_REDIRECTED);
		assert_int_not_equal(server_of(&other), first);
	}
}

static void test_clash_takes_another_than_the_rule_says(void **state)
{
	on_all(clash);
}

/* ---- Overload, and the sorry server ---------------------------------------------------------- */

static void threshold(uint32_t upper, uint32_t lower)
{
	crowd(PICK_NEXT, 2);
	rig->servers[SERVER1].upper = upper;
	rig->servers[SERVER1].lower = lower;
	rig->rings[1].server[1] = SERVER1; /* the second stands behind it */
	rig->rings[1].server[2] = SERVER1 + 1;
	rig->svcs[SVC].ring = SPAN(RING_AT, 2);
}

/* IPVS without a lower one: below three quarters. */
static void upper_only(void)
{
	struct server *s = &rig->servers[SERVER1];
	uint16_t i;

	threshold(8, 0);
	for (i = 1; i <= 8; i++) {
		assert_int_equal(s->overloaded, 0);
		assert_int_equal(open_flow(i), SERVER1);
	}
	assert_int_equal(s->overloaded, 1);
	rig->svcs[SVC].ring = SPAN(RING_AT, 3);
	for (i = 9; i <= 14; i++)
		assert_int_equal(open_flow(i), SERVER1 + 1);
	send_flags(1, ACK); /* active ones count too */
	end_flow(1);
	end_flow(2);
	assert_int_equal(s->overloaded, 1); /* 6 of 8 */
	end_flow(3);
	assert_int_equal(s->overloaded, 0);
	rig->svcs[SVC].ring = SPAN(RING_AT, 2);
	assert_int_equal(open_flow(20), SERVER1);
	assert_int_equal(s->overloaded, 0); /* 6: not yet again */
}

static void test_overloaded_until_below_three_quarters(void **state)
{
	on_all(upper_only);
}

static void both_thresholds(void)
{
	struct server *s = &rig->servers[SERVER1];

	threshold(3, 2);
	open_flow(1);
	open_flow(2);
	assert_int_equal(s->overloaded, 0);
	open_flow(3);
	assert_int_equal(s->overloaded, 1);
	end_flow(1);
	assert_int_equal(s->overloaded, 1);
	end_flow(2);
	assert_int_equal(s->overloaded, 0);
}

static void test_overloaded_until_below_the_lower_threshold(void **state)
{
	on_all(both_thresholds);
}

/* A flow that is begun anew in its own place neither adds nor removes. */
static void overload_and_reuse(void)
{
	struct server *s = &rig->servers[SERVER1];

	threshold(1, 0);
	assert_int_equal(open_flow(1), SERVER1);
	assert_int_equal(s->overloaded, 1);
	send_flags(1, RST);
	rig->svcs[SVC].ring = SPAN(RING_AT, 2);
	send_flags(1, ACK);
	send_flags(1, FIN | ACK);
	assert_int_equal(open_flow(1), SERVER1);
	assert_int_equal(s->overloaded, 1);
	assert_int_equal(s->active + s->inactive, 1);
	/* without thresholds the mark of former ones means nothing */
	s->upper = 0;
	assert_int_equal(open_flow(2), SERVER1);
	assert_int_equal(s->overloaded, 0);
}

static void test_overload_of_a_flow_begun_anew(void **state)
{
	on_all(overload_and_reuse);
}

static void skipped_by(enum pick pick)
{
	uint16_t i;

	crowd(pick, 3);
	rig->servers[SERVER1].overloaded = rig->servers[SERVER1 + 2].overloaded = 1;
	rig->servers[SERVER1].upper = rig->servers[SERVER1 + 2].upper = 10;
	rig->servers[SERVER1].active = rig->servers[SERVER1 + 2].active = 9;
	rig->servers[SERVER1 + 1].inactive = 50000;
	for (i = 1; i < 6; i++)
		assert_int_equal(open_flow(i), SERVER1 + 1);
	rig->servers[SERVER1 + 1].overloaded = rig->servers[SERVER1 + 1].upper = 1;
	expect_no_server(&(struct frame){ .from = CLIENT, .to = VIP, .flags = SYN, .sport = 9 });
	/* flows that are there go on */
	send_flags(1, ACK);
}

static void overloaded_skipped(void)
{
	enum pick pick;

	for (pick = PICK_NEXT; pick <= PICK_HASH; pick++) {
		rig_reset(rig, rig->v6, rig->hook);
		skipped_by(pick);
	}
}

static void test_all_schedulers_skip_overloaded_servers(void **state)
{
	on_all(overloaded_skipped);
}

static void sorry_when_nobody_else(void)
{
	static const struct frame syn = { .from = CLIENT, .to = VIP, .flags = SYN, .sport = 77 };
	enum pick pick;

	for (pick = PICK_NEXT; pick <= PICK_HASH; pick++) {
		rig_reset(rig, rig->v6, rig->hook);
		crowd(pick, 2);
		sorry_server();
		assert_in_range(open_flow(1), SERVER1, SERVER1 + 1);
		rig->servers[SERVER1].status = SERVER_ALIVE;
		rig->servers[SERVER1 + 1].status = 0;
		assert_int_equal(open_flow(2), SORRY);
		rig->svcs[SVC].ring = 0;
		assert_int_equal(open_flow(3), SORRY);
		rig->svcs[SVC].ring = SPAN(RING_AT, 2);
		rig->servers[SERVER1].status = SERVER_ALIVE | SERVER_TAKES;
		assert_int_equal(open_flow(4), SERVER1);
		rig->servers[SERVER1].status = 0;
		rig->servers[SORRY].status = SERVER_ALIVE;
		expect_no_server(&syn);
		rig->servers[SORRY].status = SERVER_ALIVE | SERVER_TAKES;
		rig->servers[SORRY].addr = who_addr(WEB1, !rig->v6);
		expect_no_server(&syn);
		rig->servers[SORRY].method = METHODS;
		expect_no_server(&syn);
	}
}

static void test_sorry_server_when_no_other_can(void **state)
{
	on_all(sorry_when_nobody_else);
}

/* ---- Packets that have lost their flow ------------------------------------------------------- */

static void resume(void)
{
	struct frame f = request;
	struct flow flow;
	uint32_t id;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
	rig->svcs[SVC].pick = PICK_HASH;
	id = open_flow(0);
	rig->svcs[SVC].no_flow = NO_FLOW_SCHEDULE;
	rig_reset(rig, rig->v6, rig->hook);
	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
	rig->svcs[SVC].pick = PICK_HASH;
	rig->svcs[SVC].no_flow = NO_FLOW_SCHEDULE;
	f.flags = RST;
	expect(&f, COUNT_DROP_NO_FLOW);
	f.flags = RST | ACK;
	expect(&f, COUNT_DROP_NO_FLOW);
	f.flags = SYN | ACK;
	expect_no_flow(&f);
	f.flags = PSH;
	expect_no_flow(&f);
	assert_int_equal(rig_flows(rig), 0);
	f.flags = ACK;
	forwarded(&f, (struct frame){ .from = CLIENT, .to = WEB1 + id - SERVER1 });
	assert_true(rig_flow(rig, &f, &flow));
	assert_int_equal(flow.server, id);
	assert_int_equal(WORD_STATE(flow.word), FLOW_ESTABLISHED);
	assert_int_equal(rig->servers[id].active, 1);
	assert_int_equal(rig->servers[id].inactive, 0);
	f.sport = 41000;
	f.flags = FIN | ACK;
	expect(&f, COUNT_REDIRECTED);
	assert_true(rig_flow(rig, &f, &flow));
	assert_int_equal(WORD_STATE(flow.word), FLOW_FIN_WAIT);
}

static void test_flow_goes_on_where_the_hash_says(void **state)
{
	on_all(resume);
}

static void no_resume(void)
{
	struct frame f = request;
	enum pick pick;

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_DR, 3);
	f.flags = ACK;
	rig->svcs[SVC].no_flow = NO_FLOW_SCHEDULE;
	for (pick = PICK_NEXT; pick < PICK_HASH; pick++) {
		rig->svcs[SVC].pick = (uint8_t)pick;
		expect_no_flow(&f);
	}
	assert_int_equal(rig_flows(rig), 0);
}

static void test_only_a_hash_can_resume(void **state)
{
	on_all(no_resume);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_of_ports_keeps_the_port),
		cmocka_unit_test(test_narrowest_range_first),
		cmocka_unit_test(test_longest_prefix_decides),
		cmocka_unit_test(test_wide_is_asked_only_when_there_is_any),
		cmocka_unit_test(test_ranges_are_bounded),
		cmocka_unit_test(test_range_has_a_gate),
		cmocka_unit_test(test_lc_is_the_models),
		cmocka_unit_test(test_wlc_is_the_models),
		cmocka_unit_test(test_wlc_of_large_loads),
		cmocka_unit_test(test_each_part_of_a_long_list_has_its_turn),
		cmocka_unit_test(test_hash_is_the_models),
		cmocka_unit_test(test_hash_counts_the_port_when_told),
		cmocka_unit_test(test_hash_falls_to_others_at_once),
		cmocka_unit_test(test_hash_searches_the_ring),
		cmocka_unit_test(test_hash_is_that_of_ipvs_sh),
		cmocka_unit_test(test_clash_takes_another_than_the_rule_says),
		cmocka_unit_test(test_overloaded_until_below_three_quarters),
		cmocka_unit_test(test_overloaded_until_below_the_lower_threshold),
		cmocka_unit_test(test_overload_of_a_flow_begun_anew),
		cmocka_unit_test(test_all_schedulers_skip_overloaded_servers),
		cmocka_unit_test(test_sorry_server_when_no_other_can),
		cmocka_unit_test(test_flow_goes_on_where_the_hash_says),
		cmocka_unit_test(test_only_a_hash_can_resume),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
