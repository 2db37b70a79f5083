// SPDX-License-Identifier: BSD-2-Clause
/* Persistence by IPVS's template rules, and services whose packets are scheduled each for itself:
 * for IPv4 and IPv6, through TC and through XDP. */
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

#define PERSIST 5000u /* jiffies, more than a second at any HZ */
#define SORRY	40

static struct rig *rig;

static void on_all(void (*test)(void))
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		rig_reset(rig, i & 1, i & 2 ? HOOK_XDP : HOOK_INGRESS);
		test();
	}
}

static void persistent(enum method method, uint8_t proto)
{
	rig_service(rig, SVC, VIP, proto, method, 3);
	rig->svcs[SVC].persist = PERSIST;
	rig->svcs[SVC].persist_bits = 128;
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void expect(const struct frame *in, enum counter verdict)
{
	uint64_t before = rig_count(rig, rig->hook, verdict);
	struct outcome o;

	rig_run(rig, in, NULL, &o);
	assert_int_equal(rig_count(rig, rig->hook, verdict), before + 1);
}

static struct flow flow_of(const struct frame *f)
{
	struct flow flow;

	assert_true(rig_flow(rig, f, &flow));
	return flow;
}

/* Begins a flow; returns the server it got. */
static uint32_t open_from(enum who who, uint16_t sport)
{
	const struct frame f = { .from = who, .to = VIP, .flags = SYN, .sport = sport };

	expect(&f, COUNT_REDIRECTED);
	return flow_of(&f).server;
}

/* The flow ends as if it had been idle for too long. */
static void end_from(enum who who, uint16_t sport)
{
	const struct frame f = { .from = who, .to = VIP, .sport = sport };
	struct flow flow = flow_of(&f), twin;
	const struct frame reply = { .from = WEB1 + flow.server - SERVER1,
				     .to = who,
				     .dport = sport };

	flow.seen -= 2000000;
	rig_flow_set(rig, &f, &flow);
	if (rig->servers[flow.server].method == METHOD_NAT && rig_flow(rig, &reply, &twin)) {
		twin.seen = flow.seen;
		rig_flow_set(rig, &reply, &twin);
	}
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
}

/* ---- Templates ------------------------------------------------------------------------------- */

static int templates_fd(void)
{
	return bpf_map__fd(rig->skel->maps.templates);
}

/* The key of who's template, when the first `bits` of its address count. */
static struct template_key template_key(enum who who, unsigned bits)
{
	struct template_key key = { .client = who_addr(who, rig->v6), .svc = SVC };
	uint8_t *byte = (uint8_t *)&key.client;
	unsigned i;

	for (i = bits; i < 128; i++)
		byte[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return key;
}

static bool find_template(enum who who, struct template *ret)
{
	struct template_key key = template_key(who, rig->svcs[SVC].persist_bits);

	return !bpf_map_lookup_elem(templates_fd(), &key, ret);
}

static struct template template_of(enum who who)
{
	struct template t;

	assert_true(find_template(who, &t));
	return t;
}

static void set_template(enum who who, const struct template *t)
{
	struct template_key key = template_key(who, rig->svcs[SVC].persist_bits);

	assert_int_equal(bpf_map_update_elem(templates_fd(), &key, t, BPF_EXIST), 0);
}

static void age_template(enum who who, uint32_t jiffies)
{
	struct template t = template_of(who);

	t.seen -= jiffies;
	set_template(who, &t);
}

static size_t templates(void)
{
	struct template_key key, *last = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(templates_fd(), last, &key); last = &key)
		n++;
	return n;
}

static void no_load(void)
{
	uint32_t id;

	for (id = 0; id < RIG_SLOTS; id++) {
		assert_int_equal(rig->servers[id].active, 0);
		assert_int_equal(rig->servers[id].inactive, 0);
	}
}

/* ---- Persistence ----------------------------------------------------------------------------- */

static void same_server(void)
{
	const struct frame first = { .from = CLIENT, .to = VIP, .sport = 1 };
	uint16_t i;

	persistent(METHOD_NAT, IPPROTO_TCP);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	for (i = 2; i < 8; i++)
		assert_int_equal(open_from(CLIENT, i), SERVER1);
	/* flows that go by a template take nobody's turn */
	assert_int_equal(open_from(STRANGER, 1), SERVER1 + 1);
	assert_int_equal(open_from(NARROW, 1), SERVER1 + 2);
	assert_int_equal(open_from(STRANGER, 2), SERVER1 + 1);
	assert_int_equal(open_from(LOST, 1), SERVER1);
	assert_int_equal(templates(), 4);
	assert_int_equal(template_of(CLIENT).flows, 7);
	assert_int_equal(template_of(STRANGER).flows, 2);
	assert_int_equal(template_of(STRANGER).server, SERVER1 + 1);
	assert_int_equal(flow_of(&first).flags, FLOW_TEMPLATE);
	for (i = 1; i < 8; i++)
		end_from(CLIENT, i);
	assert_int_equal(template_of(CLIENT).flows, 0);
	assert_int_equal(open_from(CLIENT, 9), SERVER1);
	end_from(CLIENT, 9);
	end_from(STRANGER, 1);
	end_from(STRANGER, 2);
	end_from(NARROW, 1);
	end_from(LOST, 1);
	assert_int_equal(template_of(STRANGER).flows, 0);
	no_load();
}

static void test_flows_go_where_the_first_went(void **state)
{
	on_all(same_server);
}

static void without_persistence(void)
{
	const struct frame f = { .from = CLIENT, .to = VIP, .sport = 1 };

	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_NAT, 3);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(CLIENT, 2), SERVER1 + 1);
	assert_int_equal(templates(), 0);
	assert_int_equal(flow_of(&f).flags, 0);
}

static void test_no_templates_without_persistence(void **state)
{
	on_all(without_persistence);
}

static void udp(void)
{
	struct frame f = { .from = CLIENT, .to = VIP, .proto = IPPROTO_UDP, .payload = 9 };

	persistent(METHOD_DR, IPPROTO_UDP);
	for (f.sport = 1; f.sport < 5; f.sport++) {
		expect(&f, COUNT_REDIRECTED);
		assert_int_equal(flow_of(&f).server, SERVER1);
	}
	assert_int_equal(template_of(CLIENT).flows, 4);
}

static void test_udp_flows_too(void **state)
{
	on_all(udp);
}

static void mask(void)
{
	unsigned bits;

	persistent(METHOD_DR, IPPROTO_TCP);
	rig->svcs[SVC].persist_bits = rig->v6 ? 64 : 96 + 24;
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(STRANGER, 1), SERVER1);
	assert_int_equal(open_from(NARROW, 1), SERVER1 + 1);
	assert_int_equal(template_of(CLIENT).flows, 2);
	/* .77 and .99 are the same in 27 bits, but not in 28 or ...; ::77 and ::99 as well */
	for (bits = 96; bits <= 128; bits++) {
		struct addr a = who_addr(CLIENT, rig->v6), b = who_addr(STRANGER, rig->v6);
		uint32_t differ = ntohl(a.a[3] ^ b.a[3]);
		bool same = !(differ >> (128 - bits) % 32) || bits == 96;
		uint32_t first;

		rig_reset(rig, rig->v6, rig->hook);
		persistent(METHOD_DR, IPPROTO_TCP);
		rig->svcs[SVC].persist_bits = (uint8_t)bits;
		first = open_from(CLIENT, 1);
		assert_int_equal(open_from(STRANGER, 1) == first, same);
		assert_int_equal(template_of(CLIENT).flows, same ? 2 : 1);
	}
	rig_reset(rig, rig->v6, rig->hook);
	persistent(METHOD_DR, IPPROTO_TCP);
	rig->svcs[SVC].persist_bits = 0;
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(NARROW, 1), SERVER1);
	assert_int_equal(template_of(LOST).flows, 2);
}

static void test_prefix_tells_clients_apart(void **state)
{
	on_all(mask);
}

static void servers_state(void)
{
	struct server *s = &rig->servers[SERVER1];

	persistent(METHOD_NAT, IPPROTO_TCP);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	s->status = SERVER_ALIVE; /* weight 0 */
	assert_int_equal(open_from(STRANGER, 1), SERVER1 + 1);
	assert_int_equal(open_from(CLIENT, 2), SERVER1);
	s->status = SERVER_ALIVE | SERVER_TAKES;
	s->overloaded = s->upper = 1;
	assert_int_equal(open_from(CLIENT, 3), SERVER1);
	s->status = SERVER_TAKES; /* dead */
	assert_int_equal(open_from(CLIENT, 4), SERVER1 + 2);
	assert_int_equal(template_of(CLIENT).server, SERVER1 + 2);
	assert_int_equal(template_of(CLIENT).flows, 4);
	/* it has moved for good */
	s->status = SERVER_ALIVE | SERVER_TAKES;
	s->upper = 0;
	assert_int_equal(open_from(CLIENT, 5), SERVER1 + 2);
	end_from(CLIENT, 1);
	end_from(CLIENT, 4);
	assert_int_equal(template_of(CLIENT).flows, 3);
}

static void test_template_of_a_quiet_server_holds_of_a_dead_one_not(void **state)
{
	on_all(servers_state);
}

static void quiescent(void)
{
	persistent(METHOD_NAT, IPPROTO_TCP);
	rig->svcs[SVC].flags = SVC_EXPIRE_QUIESCENT;
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(CLIENT, 2), SERVER1);
	rig->servers[SERVER1].status = SERVER_ALIVE;
	assert_int_equal(open_from(CLIENT, 3), SERVER1 + 1);
	assert_int_equal(open_from(CLIENT, 4), SERVER1 + 1);
}

static void test_quiescent_server_loses_its_templates_when_told(void **state)
{
	on_all(quiescent);
}

static void expiry(void)
{
	uint32_t seen;

	persistent(METHOD_NAT, IPPROTO_TCP);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	/* old, but it has a flow */
	age_template(CLIENT, 2 * PERSIST);
	seen = template_of(CLIENT).seen;
	assert_int_equal(open_from(CLIENT, 2), SERVER1);
	assert_in_range(template_of(CLIENT).seen - seen, 2 * PERSIST, 3 * PERSIST);
	/* the end of a flow counts as use */
	age_template(CLIENT, 2 * PERSIST);
	end_from(CLIENT, 1);
	assert_in_range(template_of(CLIENT).seen - seen, 2 * PERSIST, 3 * PERSIST);
	end_from(CLIENT, 2);
	age_template(CLIENT, PERSIST - 1000);
	assert_int_equal(open_from(CLIENT, 3), SERVER1);
	end_from(CLIENT, 3);
	age_template(CLIENT, PERSIST);
	assert_int_equal(open_from(CLIENT, 4), SERVER1 + 1);
	assert_int_equal(template_of(CLIENT).server, SERVER1 + 1);
	assert_int_equal(template_of(CLIENT).flows, 1);
	assert_int_equal(open_from(CLIENT, 5), SERVER1 + 1);
}

static void test_template_expires_after_its_last_flow(void **state)
{
	on_all(expiry);
}

/* IPVS: flows that a template controls are not scheduled anew. */
static void reuse(void)
{
	struct frame rst = { .from = WEB1, .to = CLIENT, .flags = RST | ACK, .dport = 7 };
	const struct frame f = { .from = CLIENT, .to = VIP, .sport = 7 };

	persistent(METHOD_NAT, IPPROTO_TCP);
	assert_int_equal(open_from(CLIENT, 7), SERVER1);
	expect(&rst, COUNT_REDIRECTED);
	assert_int_equal(WORD_STATE(flow_of(&f).word), FLOW_CLOSE);
	rig->servers[SERVER1].status = SERVER_ALIVE;
	assert_int_equal(open_from(CLIENT, 7), SERVER1);
	assert_int_equal(WORD_STATE(flow_of(&f).word), FLOW_SYN_RECV);
	assert_int_equal(template_of(CLIENT).flows, 1);
	assert_int_equal(rig->servers[SERVER1].inactive, 1);
}

static void test_syn_on_a_closed_flow_goes_by_the_template(void **state)
{
	on_all(reuse);
}

static void sorry_forgotten(void)
{
	const struct frame f = { .from = CLIENT, .to = VIP, .sport = 1 };

	persistent(METHOD_NAT, IPPROTO_TCP);
	rig->servers[SORRY] = rig->servers[SERVER1 + 2];
	rig->svcs[SVC].sorry = SORRY;
	rig->svcs[SVC].ring = 0;
	assert_int_equal(open_from(CLIENT, 1), SORRY);
	assert_int_equal(flow_of(&f).flags, 0);
	assert_int_equal(templates(), 0);
	rig->svcs[SVC].ring = SPAN(0, 3);
	assert_int_equal(open_from(CLIENT, 2), SERVER1 + 1);
	/* nor does it replace a template */
	rig->servers[SERVER1 + 1].status = 0;
	rig->svcs[SVC].ring = 0;
	assert_int_equal(open_from(CLIENT, 3), SORRY);
	assert_int_equal(template_of(CLIENT).server, SERVER1 + 1);
	assert_int_equal(template_of(CLIENT).flows, 1);
}

static void test_sorry_server_is_not_remembered(void **state)
{
	on_all(sorry_forgotten);
}

/* A slot without flows may have become another service's, or unfit. */
static void foreign_slot(void)
{
	persistent(METHOD_NAT, IPPROTO_TCP);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	end_from(CLIENT, 1);
	rig->servers[SERVER1].svc = SVC2;
	rig->svcs[SVC].ring = SPAN(1, 2);
	assert_in_range(open_from(CLIENT, 2), SERVER1 + 1, SERVER1 + 2);
	end_from(CLIENT, 2);
	rig->servers[template_of(CLIENT).server].addr = who_addr(WEB2, !rig->v6);
	rig->servers[SERVER1].svc = SVC;
	rig->svcs[SVC].ring = SPAN(0, 1);
	assert_int_equal(open_from(CLIENT, 3), SERVER1);
}

static void test_template_of_a_slot_used_again(void **state)
{
	on_all(foreign_slot);
}

static void full_templates(void)
{
	struct template_key key = { .svc = 1000 };
	struct template t = {};
	uint16_t i;

	persistent(METHOD_NAT, IPPROTO_TCP);
	for (i = 0; i < RIG_FLOWS; i++) {
		key.client.a[0] = i;
		if (bpf_map_update_elem(templates_fd(), &key, &t, BPF_ANY))
			break;
	}
	/* Scheduled as without persistence, and nothing is lost. */
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(CLIENT, 2), SERVER1 + 1);
	assert_false(find_template(CLIENT, &t));
	end_from(CLIENT, 1);
	end_from(CLIENT, 2);
	no_load();
}

static void test_no_room_for_templates(void **state)
{
	on_all(full_templates);
}

/* Flows that cannot be made are not counted. */
static void full_flows(void)
{
	struct frame f = { .from = CLIENT, .to = VIP, .flags = SYN };
	struct outcome o;
	unsigned i;

	persistent(METHOD_NAT, IPPROTO_TCP);
	for (i = 0; i < RIG_FLOWS; i++) {
		f.sport = (uint16_t)(1000 + i);
		rig_run(rig, &f, NULL, &o);
	}
	assert_true(rig_count(rig, rig->hook, COUNT_DROP_TABLE_FULL) > 0);
	assert_int_equal(template_of(CLIENT).flows, rig_flows(rig) / 2);
	assert_int_equal(rig->servers[SERVER1].inactive, rig_flows(rig) / 2);
}

static void test_flows_that_found_no_room_are_not_counted(void **state)
{
	on_all(full_flows);
}

/* Its answers would look like another flow's, and no other server will do. */
static void clash(void)
{
	const struct frame other = { .from = CLIENT, .to = VIP2, .flags = SYN };

	persistent(METHOD_NAT, IPPROTO_TCP);
	rig_service_key(rig, SVC, VIP2, IPPROTO_TCP, 0);
	assert_int_equal(open_from(CLIENT, 0), SERVER1);
	expect(&other, COUNT_DROP_CLASH);
	assert_int_equal(template_of(CLIENT).flows, 1);
	assert_int_equal(rig_flows(rig), 2);
}

static void test_clash_does_not_leave_the_templates_server(void **state)
{
	on_all(clash);
}

/* ---- The end of templates -------------------------------------------------------------------- */

static void forget(enum who who, unsigned forgotten)
{
	struct reclaim *batch = rig->reclaim;

	batch->n4 = batch->n6 = 0;
	batch->n_templates = 1;
	batch->templates[0] = template_key(who, rig->svcs[SVC].persist_bits);
	assert_int_equal(rig_reclaim_listed(rig), 0);
	batch->n_templates = 0;
	assert_int_equal(batch->forgotten, forgotten);
	assert_int_equal(batch->reclaimed, 0);
}

static void reclaim_templates(void)
{
	struct template t;

	persistent(METHOD_NAT, IPPROTO_TCP);
	forget(CLIENT, 0);
	open_from(CLIENT, 1);
	open_from(STRANGER, 1);
	forget(CLIENT, 0);
	age_template(CLIENT, 2 * PERSIST);
	forget(CLIENT, 0); /* it counts a flow */
	end_from(CLIENT, 1);
	forget(CLIENT, 0); /* which ended just now */
	age_template(CLIENT, PERSIST - 1000);
	forget(CLIENT, 0);
	assert_int_equal(template_of(CLIENT).server, SERVER1);
	age_template(CLIENT, 1000);
	forget(CLIENT, 1);
	assert_false(find_template(CLIENT, &t));
	assert_int_equal(templates(), 1);
	/* one that a former run could not remove: nobody goes by it meanwhile */
	end_from(STRANGER, 1);
	t = template_of(STRANGER);
	t.server = 0;
	t.seen -= PERSIST;
	set_template(STRANGER, &t);
	open_from(STRANGER, 2);
	assert_int_equal(template_of(STRANGER).flows, 0);
	forget(STRANGER, 1);
	assert_int_equal(templates(), 0);
	/* when the service is not persistent any more */
	open_from(NARROW, 1);
	rig->svcs[SVC].persist = 0;
	forget(NARROW, 0);
	end_from(NARROW, 1); /* with the same run */
	assert_int_equal(rig->reclaim->forgotten, 1);
	assert_int_equal(templates(), 0);
}

static void test_reclaim_forgets_templates(void **state)
{
	on_all(reclaim_templates);
}

/* The entry that a look-up led to was used again for another client meanwhile. */
static void foreign_tag(void)
{
	struct template t;

	persistent(METHOD_NAT, IPPROTO_TCP);
	open_from(CLIENT, 1);
	t = template_of(CLIENT);
	t.tag ^= 1;
	t.flows = 5;
	t.seen -= 2 * PERSIST;
	set_template(CLIENT, &t);
	end_from(CLIENT, 1);
	assert_int_equal(template_of(CLIENT).flows, 5);
	t.flows = 0;
	set_template(CLIENT, &t);
	forget(CLIENT, 0);
	open_from(CLIENT, 2);
	assert_int_equal(template_of(CLIENT).flows, 0);
}

static void test_entry_of_another_client_is_left_alone(void **state)
{
	on_all(foreign_tag);
}

/* ---- One packet ------------------------------------------------------------------------------ */

static const struct frame datagram = {
	.from = CLIENT, .to = VIP, .proto = IPPROTO_UDP, .payload = 33
};

static void one_packet(enum method method, unsigned n)
{
	rig_service(rig, SVC, VIP, IPPROTO_UDP, method, n);
	rig->svcs[SVC].flags = SVC_ONE_PACKET;
	rig->svcs[SVC].timeout[FLOW_UDP] = PERSIST;
}

/* in is forwarded as out, but for the MACs. */
static void forwarded(const struct frame *in, struct frame out)
{
	uint8_t want[FRAME_MAX];
	struct outcome o;
	size_t len;

	rig_run(rig, in, NULL, &o);
	assert_int_equal(o.action, action_redirect(rig->hook));
	out.proto = in->proto;
	out.payload = in->payload;
	out.ttl = 63;
	len = frame_build(&out, rig->v6, want);
	assert_int_equal(o.len, len);
	assert_memory_equal(o.frame + 12, want + 12, len - 12);
}

static void datagram_to(enum who server)
{
	forwarded(&datagram, (struct frame){ .from = CLIENT, .to = server });
}

static struct frame answer_of(enum who server)
{
	return (struct frame){ .from = server, .to = CLIENT, .proto = IPPROTO_UDP, .payload = 44 };
}

static void expect_conns(uint32_t server, uint64_t n)
{
	struct server_stats s;

	rig_stats(rig, server, &s);
	assert_int_equal(s.conns, n);
	assert_int_equal(s.in_packets, n);
}

static void each_for_itself(void)
{
	struct frame answer;
	enum who who;

	one_packet(METHOD_NAT, 3);
	for (who = WEB1; who <= WEB3; who++)
		datagram_to(who);
	datagram_to(WEB1);
	/* no request half ever; the way back once for each server */
	assert_int_equal(rig_flows(rig), 3);
	for (who = WEB1; who <= WEB3; who++) {
		answer = answer_of(who);
		assert_int_equal(flow_of(&answer).flags, FLOW_REPLY | FLOW_ONE_PACKET);
		forwarded(&answer, (struct frame){ .from = VIP, .to = CLIENT });
	}
	expect_conns(SERVER1, 2);
	expect_conns(SERVER1 + 1, 1);
	no_load();
}

static void test_one_packet_is_scheduled_for_itself(void **state)
{
	on_all(each_for_itself);
}

static void fullnat_each(void)
{
	struct frame answer = { .from = WEB1, .to = LIP, .proto = IPPROTO_UDP, .payload = 5 };
	unsigned i;

	one_packet(METHOD_FULLNAT, 2);
	for (i = 0; i < 4; i++)
		forwarded(&datagram, (struct frame){ .from = LIP, .to = i & 1 ? WEB2 : WEB1 });
	assert_int_equal(rig_flows(rig), 2);
	forwarded(&answer, (struct frame){ .from = VIP, .to = CLIENT });
	answer.from = WEB2;
	forwarded(&answer, (struct frame){ .from = VIP, .to = CLIENT });
	no_load();
}

static void test_one_packet_with_fullnat(void **state)
{
	on_all(fullnat_each);
}

static void stateless(void)
{
	one_packet(METHOD_DR, 2);
	datagram_to(VIP);
	datagram_to(VIP);
	datagram_to(VIP);
	assert_int_equal(rig_flows(rig), 0);
	expect_conns(SERVER1, 2);
	expect_conns(SERVER1 + 1, 1);
	rig->servers[SERVER1].method = rig->servers[SERVER1 + 1].method = METHOD_TUN;
	expect(&datagram, COUNT_REDIRECTED);
	assert_int_equal(rig_flows(rig), 0);
	expect_conns(SERVER1 + 1, 2);
	no_load();
}

static void test_one_packet_to_dr_and_tun_leaves_nothing(void **state)
{
	on_all(stateless);
}

static void tcp_as_usual(void)
{
	rig_service(rig, SVC, VIP, IPPROTO_TCP, METHOD_DR, 3);
	rig->svcs[SVC].flags = SVC_ONE_PACKET;
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(open_from(CLIENT, 1), SERVER1);
	assert_int_equal(rig_flows(rig), 1);
}

static void test_one_packet_is_for_udp(void **state)
{
	on_all(tcp_as_usual);
}

static void refreshed(void)
{
	struct frame answer = answer_of(WEB1);
	struct flow f;

	one_packet(METHOD_NAT, 1);
	rig->svcs[SVC].timeout[FLOW_SYN_RECV] = 0; /* what orphans are measured by */
	datagram_to(WEB1);
	rig_age(rig, PERSIST - 1000);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->kept, 1);
	datagram_to(WEB1);
	rig_age(rig, PERSIST - 1000);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->kept, 1);
	/* an answer keeps it as well */
	forwarded(&answer, (struct frame){ .from = VIP, .to = CLIENT });
	rig_age(rig, PERSIST - 1000);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->kept, 1);
	rig_age(rig, 1000);
	assert_int_equal(rig_reclaim(rig), 0);
	assert_int_equal(rig->reclaim->reclaimed, 1);
	assert_int_equal(rig->reclaim->orphans, 0);
	assert_false(rig_flow(rig, &answer, &f));
	assert_int_equal(rig_flows(rig), 0);
	no_load();
}

static void test_way_back_ends_when_idle(void **state)
{
	on_all(refreshed);
}

/* A port of the client's that the same server answers by way of another VIP. */
static void one_packet_clash(void)
{
	const struct frame other = {
		.from = CLIENT, .to = VIP2, .proto = IPPROTO_UDP, .payload = 33
	};

	one_packet(METHOD_NAT, 2);
	rig_service_key(rig, SVC, VIP2, IPPROTO_UDP, 0);
	datagram_to(WEB1);
	rig->svcs[SVC].cursor = 0;
	forwarded(&other, (struct frame){ .from = CLIENT, .to = WEB2 });
	rig->svcs[SVC].ring = SPAN(0, 1);
	expect(&other, COUNT_DROP_CLASH);
}

static void test_one_packet_clash(void **state)
{
	on_all(one_packet_clash);
}

static void switched(void)
{
	struct frame answer = answer_of(WEB1);
	struct server_stats s;

	one_packet(METHOD_NAT, 1);
	datagram_to(WEB1);
	/* no longer: the next datagram begins a flow, and the way back is the flow's */
	rig->svcs[SVC].flags = 0;
	datagram_to(WEB1);
	assert_int_equal(rig_flows(rig), 2);
	assert_int_equal(flow_of(&datagram).flags, 0);
	assert_int_equal(flow_of(&answer).flags, FLOW_REPLY);
	assert_int_equal(rig->servers[SERVER1].inactive, 1);
	/* again: flows that are there go on */
	rig->svcs[SVC].flags = SVC_ONE_PACKET;
	datagram_to(WEB1);
	assert_int_equal(rig_flows(rig), 2);
	rig_stats(rig, SERVER1, &s);
	assert_int_equal(s.conns, 2);
	assert_int_equal(s.in_packets, 3);
}

static void test_one_packet_switched_on_and_off(void **state)
{
	on_all(switched);
}

/* The fragments of a datagram stay together, and datagrams spread all the same. */
static void test_fragments_of_one_packet_go_together(void **state)
{
	static const struct context usual;
	uint8_t whole[FRAME_MAX], part[FRAME_MAX];
	struct frame f = datagram;
	size_t len, part_len, at;
	unsigned used = 0, i;
	struct outcome o;
	int v6;

	f.payload = 600;
	f.may_fragment = true;
	for (i = 0; i < 100; i++) {
		uint8_t macs[3];

		v6 = i >= 50;
		if (i % 50 == 0) {
			rig_reset(rig, v6, HOOK_INGRESS);
			one_packet(v6 ? METHOD_NAT : METHOD_DR, 3);
			rig->svcs[SVC].pick = i ? PICK_LC : PICK_NEXT;
			used = 0;
		}
		len = frame_build(&f, v6, whole);
		for (at = 0; at < 3; at++) {
			part_len = frame_fragment(whole, len, v6, at * 256, 256, part);
			/* the low byte of the identification */
			part[14 + (v6 ? 40 + 7 : 5)] = (uint8_t)i;
			frame_ip_check(part);
			rig_run_bytes(rig, part, part_len, &usual, &o);
			assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
			macs[at] = o.frame[5];
		}
		assert_int_equal(macs[0], macs[1]);
		assert_int_equal(macs[0], macs[2]);
		used |= 1u << (macs[0] & 0xf);
		if (i % 50 == 49) {
			struct server_stats s;
			uint64_t conns = 0;
			uint32_t id;

			for (id = SERVER1; id < SERVER1 + 3; id++) {
				rig_stats(rig, id, &s);
				assert_in_range(s.conns, 8, 30);
				conns += s.conns;
			}
			assert_int_equal(conns, 50);
			assert_int_equal(used, 0xe);
		}
	}
	no_load();
}

/* What xdp cannot send is TC's, and counts once. */
static void test_xdp_hands_on_one_packet_undone(void **state)
{
	struct server_stats s;
	struct outcome o;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig_reset(rig, v6, HOOK_XDP);
		one_packet(METHOD_NAT, 2);
		rig->servers[SERVER1].hops[0].flags = 0; /* not resolved */
		rig_run(rig, &datagram, NULL, &o);
		assert_int_equal(o.action, action_pass(HOOK_XDP));
		assert_int_equal(rig->svcs[SVC].cursor, 0);
		rig_stats(rig, SERVER1, &s);
		assert_int_equal(s.conns, 0);
		rig->hook = HOOK_INGRESS;
		rig_run(rig, &datagram, NULL, &o);
		assert_int_equal(o.action, action_redirect(HOOK_INGRESS));
		expect_conns(SERVER1, 1);
		rig->hook = HOOK_XDP;
		datagram_to(WEB2);
		expect_conns(SERVER1 + 1, 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_go_where_the_first_went),
		cmocka_unit_test(test_no_templates_without_persistence),
		cmocka_unit_test(test_udp_flows_too),
		cmocka_unit_test(test_prefix_tells_clients_apart),
		cmocka_unit_test(test_template_of_a_quiet_server_holds_of_a_dead_one_not),
		cmocka_unit_test(test_quiescent_server_loses_its_templates_when_told),
		cmocka_unit_test(test_template_expires_after_its_last_flow),
		cmocka_unit_test(test_syn_on_a_closed_flow_goes_by_the_template),
		cmocka_unit_test(test_sorry_server_is_not_remembered),
		cmocka_unit_test(test_template_of_a_slot_used_again),
		cmocka_unit_test(test_no_room_for_templates),
		cmocka_unit_test(test_flows_that_found_no_room_are_not_counted),
		cmocka_unit_test(test_clash_does_not_leave_the_templates_server),
		cmocka_unit_test(test_reclaim_forgets_templates),
		cmocka_unit_test(test_entry_of_another_client_is_left_alone),
		cmocka_unit_test(test_one_packet_is_scheduled_for_itself),
		cmocka_unit_test(test_one_packet_with_fullnat),
		cmocka_unit_test(test_one_packet_to_dr_and_tun_leaves_nothing),
		cmocka_unit_test(test_one_packet_is_for_udp),
		cmocka_unit_test(test_way_back_ends_when_idle),
		cmocka_unit_test(test_one_packet_clash),
		cmocka_unit_test(test_one_packet_switched_on_and_off),
		cmocka_unit_test(test_fragments_of_one_packet_go_together),
		cmocka_unit_test(test_xdp_hands_on_one_packet_undone),
	};
	int r;

	rig = rig_open(RIG_FLOWS);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_close(rig);
	return r;
}
