// SPDX-License-Identifier: BSD-2-Clause
/* The programs.  A packet's story: parse, fence, flow, or service and new flow, rewrite, send.
 *
 * lbd_ingress (TC) handles everything.  lbd_xdp, from the same source, handles the plain cases
 * early and passes all other packets on untouched; lbd_ingress sees them next.  lbd_egress only
 * keeps a fenced director quiet.  lbd_reclaim, which the daemon runs, ends flows that are over.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "ipvs/abi.h"
#include "ipvs/begin.bpf.h"
#include "ipvs/count.bpf.h"
#include "ipvs/end.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/fragment.bpf.h"
#include "ipvs/gate.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/reclaim.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/icmp.bpf.h"
#include "xmit/reject.bpf.h"
#include "xmit/send.bpf.h"
#include "xmit/split.bpf.h"

#define FIND_TRIES 5

/* clang-format off */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
/* clang-format on */

/* May the packet, which belongs to a flow, use it?  A server that failed gets nothing that may as
 * well go to another one; what else its flows meet, their service says. */
static __always_inline enum counter flow_verdict(const struct pkt *p, const struct hit *h,
						 bool *ret_anew)
{
	__u32 id = h->server;
	const struct server *server = bpf_map_lookup_elem(&servers, &id);
	__u32 status;

	if (!server)
		return COUNT_DROP_ERROR;
	status = READ_ONCE(server->status);
	*ret_anew = !(status & SERVER_ALIVE) && flow_can_move(p, h);
	if (*ret_anew)
		return GO_ON;
	if (status & SERVER_LOST)
		return COUNT_DROP_SERVER_GONE;
	*ret_anew = flow_begins_anew(p, h);
	return GO_ON;
}

/* Finds the packet's flow, or begins it.  GO_ON: *ret is it. */
static __always_inline enum counter find_or_begin(bool v6, struct scratch *s, struct hit *ret)
{
	const struct pkt *p = &s->pkt;
	enum counter verdict;
	__u32 resting = 0;
	enum find found;
	bool anew;
	int i;

	tuple_of(p, v6, flow_key_tuple(&s->key));
	flow_key_set_proto(v6, &s->key, p->l4_proto);
	for (i = 0; i < FIND_TRIES; i++) {
		found = flow_find(v6, s, ret);
		if (found == FIND_BUSY)
			continue;
		if (found == FIND_LIVE) {
			verdict = gate_closed(gate_verdict(ret->gate), &p->dst);
			if (verdict == GO_ON)
				verdict = flow_verdict(p, ret, &anew);
			if (verdict != GO_ON || !anew)
				return verdict;
			if (!flow_claim(ret->entry, ret->word))
				continue;
			resting = server_resting(ret);
			flow_end(v6, s, ret);
		}
		verdict = flow_begin(v6, pkt_begins(p), resting);
		if (verdict == FLOW_ONCE) {
			hit_set(ret, &s->entry.f);
			return GO_ON;
		}
		if (verdict != GO_ON)
			return verdict;
	}
	return COUNT_DROP_RACE;
}

/* Does the packet go to its client's address, as the answers of nat servers do? */
static __always_inline bool reply_is_to_client(const struct hit *h)
{
	return h->flags & FLOW_REPLY && !(h->verbs & VERB_DNAT);
}

static __always_inline enum counter forward(const struct wire *w, bool v6, struct scratch *s,
					    bool *ret_answered)
{
	enum counter verdict;
	struct hit h = {};

	verdict = find_or_begin(v6, s, &h);
	if (verdict == GO_ON)
		verdict = fragment_has_flow(w, &s->pkt);
	if (verdict == GO_ON)
		verdict = send(w, v6, s, &h);
	if (verdict == COUNT_DROP_TOO_BIG)
		verdict = split_too_big(w, &s->pkt, s->mtu);
	if (pkt_is_later(&s->pkt))
		return fragment_has_none(&s->pkt, verdict);
	if (reject_is_due(s, verdict) && !is_xdp(w)) {
		*ret_answered = tc_reject(wire_skb(w), verdict, reply_is_to_client(&h));
		return verdict;
	}
	if (reject_is_due(s, verdict))
		verdict = COUNT_PASSED; /* TC makes answers */
	if (verdict == (is_xdp(w) ? COUNT_PASSED : COUNT_HELD) && h.flags == FLOW_ONE_PACKET)
		flow_once_undo(&h);
	return verdict;
}

static __always_inline enum counter handle(const struct wire *w, bool *ret_answered)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	enum counter verdict;
	struct pkt *p;

	if (!s || !wire_open(w))
		return COUNT_PASSED;
	p = &s->pkt;
	pkt_parse(w, p);
	if (pkt_is_advert(p))
		gate_hear(w, p);
	if (gate_fences_in(w, p))
		return COUNT_DROP_FENCED;
	if (!p->ip || !wire_is_ours(w))
		return COUNT_PASSED;
	verdict = fragment_enter(w, p);
	if (verdict != GO_ON)
		return verdict;
	if (!is_xdp(w) && !p->fragment && pkt_is_icmp(p))
		return icmp_handle(wire_skb(w));
	verdict = COUNT_PASSED;
	if (p->ports && p->v6)
		verdict = forward(w, true, s, ret_answered);
	else if (p->ports)
		verdict = forward(w, false, s, ret_answered);
	return fragment_leave(w, p, verdict);
}

/* Counts the verdict and turns it into what the hook returns. */
static __always_inline int finish(const struct wire *w, enum counter verdict)
{
	count(w->hook, verdict);
	switch (verdict) {
	case COUNT_REDIRECTED:
		return is_xdp(w) ? XDP_REDIRECT : TC_ACT_REDIRECT;
	case COUNT_PASSED_LOCAL:
	case COUNT_PASSED_FRAGMENT:
		count(w->hook, COUNT_PASSED);
		/* fall through */
	case COUNT_PASSED:
		/* In TC: other owners' filters are asked next. */
		return is_xdp(w) ? XDP_PASS : TC_ACT_UNSPEC;
	default:
		return is_xdp(w) ? XDP_DROP : TC_ACT_SHOT;
	}
}

static __always_inline int run(const struct wire *w)
{
	enum counter verdict;
	bool answered = false;
	int action;

	count(w->hook, COUNT_SEEN);
	verdict = handle(w, &answered);
	action = finish(w, verdict);
	return answered ? TC_ACT_REDIRECT : action;
}

SEC("tc")
int lbd_ingress(struct __sk_buff *skb)
{
	const struct wire w = { skb, HOOK_INGRESS };

	return run(&w);
}

SEC("xdp")
int lbd_xdp(struct xdp_md *xdp)
{
	const struct wire w = { xdp, HOOK_XDP };

	return run(&w);
}

SEC("tc")
int lbd_egress(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	const struct wire w = { skb, HOOK_EGRESS };
	enum counter verdict = COUNT_PASSED;

	count(w.hook, COUNT_SEEN);
	if (gate_any_fenced() && s && wire_open(&w)) {
		pkt_parse(&w, &s->pkt);
		if (gate_fences_out(&w, &s->pkt))
			verdict = COUNT_DROP_FENCED;
	}
	return finish(&w, verdict);
}

SEC("syscall")
int lbd_reclaim(void *unused)
{
	return reclaim_run();
}
