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

#define HASH_MIX   0x9e3779b1
#define PORT_TRIES 128 /* full to 93 %, a table refuses one flow in ten thousand */

/* No verdict, and no flow either: the packet is sent by what stands in s->entry. */
#define FLOW_ONCE COUNTERS

#define CLASH_TRIES 4 /* servers that are tried when answers would clash with another flow's */

/* What both halves of a flow are made from, with scratch.key and scratch.to of the request half. */
struct plan {
	__u64 lips; /* fullnat: struct server's */
	__u32 server, gate;
	__u32 state; /* of the flow, at first */
	__u8 request_flags, reply_flags;
	bool made; /* here, and not on another CPU */
	__u8 zero;
	struct method_verbs verbs;
};

static __always_inline void plan_set(struct plan *plan, bool v6, const struct server *server,
				     struct scratch *s)
{
	plan->verbs = verbs_of(server);
	plan->lips = READ_ONCE(server->lips);
	tuple_copy(v6, &s->to, flow_key_tuple(&s->key));
	if (!(plan->verbs.request & VERB_DNAT))
		return;
	if (v6) {
		s->to.v6.dst = server->addr;
		s->to.v6.dport = server->port ? server->port : s->key.v6.t.dport;
	} else {
		s->to.v4.dst = server->addr.a[3];
		s->to.v4.dport = server->port ? server->port : s->key.v4.t.dport;
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
 * Then it holds what ours would.  One that the service left when it was still SVC_ONE_PACKET is
 * removed. */
static __always_inline bool plan_is_made(const struct plan *plan, bool v6, struct scratch *s)
{
	union flow_entry *reply = flow_lookup(v6, &s->other);
	__u32 word;

	if (!reply)
		return true; /* gone again: look from the start */
	word = READ_ONCE(reply->f.word);
	if (!tuple_equal(v6, flow_to(v6, reply), flow_to(v6, &s->entry)))
		return false;
	if (reply->f.flags & ~plan->reply_flags & FLOW_ONE_PACKET && WORD_LIFE(word) == LIFE_LIVE &&
	    flow_claim(&reply->f, word))
		flow_delete(v6, &s->other);
	return true;
}

/* GO_ON: the reply half is there, ours or that of the CPU that was faster. */
static __always_inline enum counter plan_reply(const struct plan *plan, bool v6, struct scratch *s,
					       bool *ret_ours)
{
	int r;

	flow_key_turn(v6, s);
	tuple_turn(v6, flow_to(v6, &s->entry), flow_key_tuple(&s->key));
	r = plan_insert(plan, v6, s, &s->other, plan->verbs.reply, plan->reply_flags);
	*ret_ours = !r;
	if (!r)
		return GO_ON;
	if (r != -EEXIST)
		return plan_failed(r);
	return plan_is_made(plan, v6, s) ? GO_ON : COUNT_DROP_CLASH;
}

/* ---- Local ports (fullnat) ------------------------------------------------------------------ */

/* A flow's ports are tried in an order of its own: start and step are hashes of the client's tuple
 * and the local address (double hashing).  Two CPUs that begin the same flow try the same ones, and
 * a client that uses its port again gets the port it had, so that a server which still has the old
 * connection in TIME_WAIT sees sequence numbers and timestamps of the same clock. */
struct port_search {
	const struct plan *plan;
	__u32 hash;
	bool v6, ours;
	enum counter verdict;
};

static __always_inline __u32 hash_mix(__u32 h)
{
	h = (h ^ h >> 15) * HASH_MIX;
	return h ^ h >> 13;
}

/* Puts the address and port of the nth attempt into s->to.  False: there is none. */
static __always_inline bool port_choose(const struct port_search *search, struct scratch *s,
					__u32 nth)
{
	__u32 count = SPAN_COUNT(search->plan->lips), slot, start, step, room, port;
	const struct lip *lip;

	if (!count)
		return false;
	slot = SPAN_FIRST(search->plan->lips) + (search->hash + nth) % count;
	lip = bpf_map_lookup_elem(&lips, &slot);
	if (!lip || addr_is_v4(&lip->addr) == search->v6)
		return false;
	room = (__u32)lip->last - lip->port + 1;
	start = hash_mix(search->hash + slot);
	step = hash_mix(start) | 1;
	port = lip->port + (start % 65536 + nth / count * (step % 65536)) % (room ? room : 1);
	if (search->v6) {
		s->to.v6.src = lip->addr;
		s->to.v6.sport = bpf_htons(port);
	} else {
		s->to.v4.src = lip->addr.a[3];
		s->to.v4.sport = bpf_htons(port);
	}
	return true;
}

/* One attempt, in the form that bpf_loop() wants: 1 ends them. */
static long port_try(__u32 nth, struct port_search *search)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s || !port_choose(search, s, nth))
		return 1;
	if (search->v6)
		search->verdict = plan_reply(search->plan, true, s, &search->ours);
	else
		search->verdict = plan_reply(search->plan, false, s, &search->ours);
	return search->verdict != COUNT_DROP_CLASH;
}

/* As plan_reply(), with the local address and port that the packet will come from in s->to. */
static __always_inline enum counter plan_reply_ported(const struct plan *plan, bool v6,
						      struct scratch *s, bool *ret_ours)
{
	struct port_search search = {
		.plan = plan,
		.hash = hash_mix(flow_tag(v6, &s->key) ^ cfg_secret),
		.v6 = v6,
		.verdict = COUNT_DROP_NO_PORT,
	};

	bpf_loop(PORT_TRIES, port_try, &search, 0);
	*ret_ours = search.ours;
	return search.verdict == COUNT_DROP_CLASH ? COUNT_DROP_NO_PORT : search.verdict;
}

/* ---- Making --------------------------------------------------------------------------------- */

static __always_inline void count_conn(__u32 server, __s32 n)
{
	struct server_stats *stats = bpf_map_lookup_elem(&server_stats, &server);

	if (stats)
		stats->conns += n;
}

/* The flow is made: it counts, and packets find it. */
static __always_inline void plan_open(const struct plan *plan, bool v6, struct scratch *s)
{
	__u32 generation = bpf_get_prandom_u32() & 0xffff;

	count_conn(plan->server, 1);
	load_bind(plan->server, plan->state);
	if (plan->verbs.reply)
		flow_open(v6, &s->other, WORD(LIFE_LIVE, 0, FLOW_NONE, generation));
	flow_open(v6, &s->key, WORD(LIFE_LIVE, WORD_NOOUTPUT, plan->state, generation));
}

/* Makes the request half; ours: the reply half is there, and was made here.  GO_ON: there is a flow
 * now. */
static __always_inline enum counter plan_request(struct plan *plan, bool v6, struct scratch *s,
						 bool ours)
{
	int r;

	tuple_copy(v6, flow_to(v6, &s->entry), &s->to);
	r = plan_insert(plan, v6, s, &s->key, plan->verbs.request, plan->request_flags);
	if (!r) {
		plan->made = true;
		plan_open(plan, v6, s);
		return GO_ON;
	}
	if (ours)
		flow_delete(v6, &s->other);
	return r == -EEXIST ? GO_ON : plan_failed(r);
}

/* SVC_ONE_PACKET: the packet goes without a flow; only the way back of answers is noted, once for
 * each client and server, and anew with each packet.  FLOW_ONCE: what its request half would be is
 * in s->entry and s->to. */
static __always_inline enum counter plan_once(const struct plan *plan, bool v6, struct scratch *s,
					      bool ours)
{
	__u32 now = now_jiffies(), word = WORD(LIFE_LIVE, 0, FLOW_NONE, bpf_get_prandom_u32());
	union flow_entry *e;

	if (plan->verbs.reply) {
		if (ours)
			flow_open(v6, &s->other, word);
		e = flow_lookup(v6, &s->other);
		if (!e)
			return GO_ON;
		WRITE_ONCE(e->f.seen, now);
		if (WORD_LIFE(READ_ONCE(e->f.word)) != LIFE_LIVE)
			return GO_ON; /* it is being made or removed */
	}
	if (!pkt_is_later(&s->pkt))
		count_conn(plan->server, 1);
	s->entry.f = (struct flow){
		.word = word,
		.seen = now,
		.server = plan->server,
		.gate = plan->gate,
		.verbs = plan->verbs.request,
		.flags = FLOW_ONE_PACKET,
	};
	return FLOW_ONCE;
}

/* The packet will be looked at again, in TC or in parts, which shall choose the same server. */
static __always_inline void flow_once_undo(const struct hit *h)
{
	__u32 id = h->server, slot;
	struct server *server = bpf_map_lookup_elem(&servers, &id);
	struct svc *svc;

	count_conn(id, -1);
	if (!server)
		return;
	slot = server->svc;
	svc = bpf_map_lookup_elem(&svcs, &slot);
	if (svc)
		__sync_fetch_and_sub(&svc->cursor, 1);
}

/* GO_ON: there is a flow now, made here or on another CPU at the same time. */
static __always_inline enum counter plan_make(struct plan *plan, bool v6,
					      const struct server *server, struct scratch *s)
{
	enum counter verdict;
	bool ours = false;

	plan_set(plan, v6, server, s);
	if (plan->verbs.reply) {
		if (plan->verbs.request & VERB_SNAT)
			verdict = plan_reply_ported(plan, v6, s, &ours);
		else
			verdict = plan_reply(plan, v6, s, &ours);
		if (verdict != GO_ON)
			return verdict;
	}
	if (plan->reply_flags & FLOW_ONE_PACKET)
		return plan_once(plan, v6, s, ours);
	return plan->verbs.reply && !ours ? GO_ON : plan_request(plan, v6, s, ours);
}

/* Makes the flow of the packet in this CPU's scratch, to what server_choose() chose.  These are
 * functions of their own: the verifier looks at them once, and not on each path that leads here. */
__noinline int flow_make(__u32 v6, __u32 choice, __u32 gate, __u32 state)
{
	__u32 id = CHOICE_SERVER(choice);
	struct server *server = bpf_map_lookup_elem(&servers, &id);
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	enum counter verdict;
	struct plan plan = {
		.server = id,
		.gate = gate,
		.state = state,
		.request_flags = choice & CHOICE_TEMPLATE ? FLOW_TEMPLATE : 0,
		.reply_flags =
			choice & CHOICE_ONE_PACKET ? FLOW_REPLY | FLOW_ONE_PACKET : FLOW_REPLY,
	};

	if (!server || !s)
		return COUNT_DROP_ERROR;
	if (v6)
		verdict = plan_make(&plan, true, server, s);
	else
		verdict = plan_make(&plan, false, server, s);
	if (choice & CHOICE_TEMPLATE && !plan.made)
		template_leave(v6, s, id);
	return verdict;
}

/* May a packet begin a flow that is not the first of one?  With NO_FLOW_SCHEDULE, where a hash
 * finds the server again that the lost flow had.  And later fragments where datagrams have no flow.
 */
static __always_inline bool svc_resumes(__u32 slot, struct scratch *s)
{
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);

	if (!svc)
		return false;
	s->no_flow = svc->no_flow;
	if (pkt_is_later(&s->pkt))
		return goes_alone(svc, &s->pkt);
	return svc->no_flow == NO_FLOW_SCHEDULE && svc->pick == PICK_HASH && pkt_goes_on(&s->pkt);
}

/* The state that a flow begins in. */
static __always_inline __u32 state_at_first(const struct pkt *p)
{
	if (p->l4_proto == IPPROTO_UDP)
		return FLOW_UDP;
	if (p->l4_proto == IPPROTO_SCTP)
		return p->chunk == SCTP_INIT ? FLOW_SCTP_INIT : FLOW_SCTP_ESTABLISHED;
	return p->tcp_flags & TCP_SYN ? FLOW_SYN_RECV : FLOW_ESTABLISHED;
}

/* The server of a fullnat flow that ends because its client uses the port again; 0: another flow.
 * In TIME_WAIT the flow's local port rests, since the server may have its connection there too.  At
 * another server the new flow would set the port free, and the next client to get it would meet an
 * old connection with a clock that is not its own, and wait for its second SYN.  At the same server
 * the port search finds the same port. */
static __always_inline __u32 server_resting(const struct hit *h)
{
	return h->verbs & VERB_SNAT && WORD_STATE(h->word) == FLOW_TIME_WAIT ? h->server : 0;
}

/* That server, if the slot of `svcs` may choose it now; else 0. */
__noinline int server_again(__u32 v6, __u32 slot, __u32 resting)
{
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);
	struct server *server = server_open(resting, v6);

	if (!svc || !server || server->svc != slot || svc->persist ||
	    resting == READ_ONCE(svc->sorry))
		return 0;
	return resting;
}

/* Begins a flow for the packet in this CPU's scratch.  resting: see server_resting().  GO_ON: look
 * for the flow again.  FLOW_ONCE: it has none. */
__noinline int flow_begin(__u32 v6, __u32 may_begin, __u32 resting)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	enum counter verdict;
	__u32 choice = 0;
	int i;

	if (!s)
		return COUNT_DROP_ERROR;
	if (!service_of_packet(v6))
		return COUNT_PASSED;
	verdict = gate_verdict(s->svc.gate);
	if (verdict != GO_ON)
		return gate_closed(verdict, &s->pkt.dst);
	if (!may_begin && !svc_resumes(s->svc.svc, s))
		return COUNT_DROP_NO_FLOW;
	verdict = COUNT_DROP_NO_SERVER;
	if (resting)
		choice = server_again(v6, s->svc.svc, resting);
	for (i = 0; i < CLASH_TRIES; i++) {
		if (i || !choice)
			choice = server_choose(v6, s->svc.svc, CHOICE_SERVER(choice));
		if (!choice)
			return verdict;
		verdict = flow_make(v6, choice, s->svc.gate, state_at_first(&s->pkt));
		if (verdict != COUNT_DROP_CLASH && verdict != COUNT_DROP_NO_PORT)
			return verdict;
		if (choice & CHOICE_TEMPLATE)
			return verdict; /* no other server than that */
	}
	return verdict;
}

#endif
