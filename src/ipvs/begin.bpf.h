/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of a flow: a service, an open gate, a server, and the entries of both halves.
 *
 * The reply half is inserted first, because it can clash: answers of one server to one client port
 * look the same whatever VIP the client had called.  Whoever inserts the request half has made the
 * flow; another CPU that handled the same packet at the same time takes its own reply half back and
 * uses the winner's flow.  Both halves are opened when both are there.
 */
#ifndef LBD_IPVS_BEGIN_BPF_H
#define LBD_IPVS_BEGIN_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/gate.bpf.h"
#include "ipvs/lookup.bpf.h"
#include "ipvs/schedule.bpf.h"

#define CLASH_TRIES 4 /* servers that are tried when answers would clash with another flow's */

/* What both halves of a flow are made from, with scratch.key and scratch.to of the request half. */
struct plan {
	__u32 server, gate;
	struct method_verbs verbs;
};

static __always_inline void plan_set(struct plan *plan, bool v6, const struct server *server,
				     struct scratch *s)
{
	plan->verbs = verbs_of(server);
	tuple_copy(v6, &s->to, flow_key_tuple(&s->key));
	if (!(plan->verbs.request & VERB_DNAT))
		return;
	if (v6) {
		s->to.v6.dst = server->addr;
		s->to.v6.dport = server->port;
	} else {
		s->to.v4.dst = server->addr.a[3];
		s->to.v4.dport = server->port;
	}
}

/* Inserts one half, CLAIMED; s->entry holds what its tuple becomes.  0 or -errno. */
static __always_inline int plan_insert(const struct plan *plan, bool v6, struct scratch *s,
				       const union flow_key *key, __u8 verbs, __u8 flags)
{
	s->entry.f = (struct flow){
		.word = LIFE_CLAIMED,
		.tag = flow_tag(v6, key),
		.seen = now_jiffies(),
		.server = plan->server,
		.gate = plan->gate,
		.verbs = verbs,
		.flags = flags,
	};
	return bpf_map_update_elem(flow_map(v6), key, &s->entry, BPF_NOEXIST);
}

static __always_inline enum counter plan_failed(int error)
{
	return error == -E2BIG || error == -ENOMEM ? COUNT_DROP_TABLE_FULL : COUNT_DROP_ERROR;
}

/* A reply half is in the way.  Does it belong to this very flow, which another CPU makes just now?
 * Then it holds what ours would. */
static __always_inline bool plan_is_made(bool v6, struct scratch *s)
{
	union flow_entry *reply = flow_lookup(v6, &s->other);

	if (!reply)
		return true; /* gone again: look from the start */
	return tuple_equal(v6, flow_to(v6, reply), flow_to(v6, &s->entry));
}

/* GO_ON: the reply half is there, ours or that of the CPU that was faster. */
static __always_inline enum counter plan_reply(const struct plan *plan, bool v6, struct scratch *s,
					       bool *ret_ours)
{
	int r;

	flow_key_turn(v6, s);
	tuple_turn(v6, flow_to(v6, &s->entry), flow_key_tuple(&s->key));
	r = plan_insert(plan, v6, s, &s->other, plan->verbs.reply, FLOW_REPLY);
	*ret_ours = !r;
	if (!r)
		return GO_ON;
	if (r != -EEXIST)
		return plan_failed(r);
	return plan_is_made(v6, s) ? GO_ON : COUNT_DROP_CLASH;
}

/* The flow is made: it counts, and packets find it. */
static __always_inline void plan_open(const struct plan *plan, bool v6, struct scratch *s)
{
	__u32 generation = bpf_get_prandom_u32() & 0xffff, id = plan->server, state;
	struct server_stats *stats = bpf_map_lookup_elem(&server_stats, &id);

	state = flow_key_proto(v6, &s->key) == IPPROTO_UDP ? FLOW_UDP : FLOW_SYN_RECV;
	if (stats)
		stats->conns++;
	load_add(id, state, 1);
	if (plan->verbs.reply)
		flow_open(v6, &s->other, WORD(LIFE_LIVE, 0, FLOW_NONE, generation));
	flow_open(v6, &s->key, WORD(LIFE_LIVE, WORD_NOOUTPUT, state, generation));
}

/* GO_ON: there is a flow now, made here or on another CPU at the same time. */
static __always_inline enum counter plan_make(const struct plan *plan, bool v6, struct scratch *s)
{
	enum counter verdict;
	bool ours = false;
	int r;

	if (plan->verbs.reply) {
		verdict = plan_reply(plan, v6, s, &ours);
		if (!ours)
			return verdict;
	}
	tuple_copy(v6, flow_to(v6, &s->entry), &s->to);
	r = plan_insert(plan, v6, s, &s->key, plan->verbs.request, 0);
	if (!r) {
		plan_open(plan, v6, s);
		return GO_ON;
	}
	if (ours)
		flow_delete(v6, &s->other);
	return r == -EEXIST ? GO_ON : plan_failed(r);
}

static __always_inline enum counter begin(bool v6, struct scratch *s, bool may_begin)
{
	struct svc_ref *ref = service_find(v6, &s->key);
	struct server *server;
	enum counter verdict;
	struct svc *svc;
	__u32 slot;
	int i;

	if (!ref)
		return COUNT_PASSED;
	verdict = gate_verdict(ref->gate);
	if (verdict != GO_ON)
		return verdict;
	slot = ref->svc;
	svc = bpf_map_lookup_elem(&svcs, &slot);
	if (!svc)
		return COUNT_DROP_ERROR;
	s->no_flow = svc->no_flow;
	if (!may_begin)
		return COUNT_DROP_NO_FLOW;
	for (i = 0; i < CLASH_TRIES; i++) {
		struct plan plan = { .gate = ref->gate };

		plan.server = slot = schedule(svc, v6);
		server = bpf_map_lookup_elem(&servers, &slot);
		if (!server || !slot)
			return COUNT_DROP_NO_SERVER;
		plan_set(&plan, v6, server, s);
		verdict = plan_make(&plan, v6, s);
		if (verdict != COUNT_DROP_CLASH)
			return verdict;
	}
	return COUNT_DROP_CLASH;
}

/* Begins a flow for the packet whose key is in this CPU's scratch.  GO_ON: look for the flow again.
 * A function of its own, which the verifier looks at once and not on each path that leads here. */
__noinline int flow_begin(__u32 v6, __u32 may_begin)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s)
		return COUNT_DROP_ERROR;
	return v6 ? begin(true, s, may_begin) : begin(false, s, may_begin);
}

#endif
