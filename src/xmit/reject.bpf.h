/* SPDX-License-Identifier: BSD-2-Clause */
/* Which drops are told to the packet's sender, and how. */
#ifndef LBD_XMIT_REJECT_BPF_H
#define LBD_XMIT_REJECT_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/answer.bpf.h"

/* Is the packet's sender told of this verdict?  XDP leaves such packets to TC. */
static __always_inline bool reject_is_due(const struct scratch *s, enum counter verdict)
{
	switch (verdict) {
	case COUNT_DROP_NO_FLOW:
		/* RFC 9293 3.10.7.1: a reset is never answered. */
		return s->no_flow != NO_FLOW_DROP && s->pkt.l4_proto == IPPROTO_TCP &&
		       !(s->pkt.tcp_flags & TCP_RST);
	case COUNT_DROP_TOO_BIG:
		/* RFC 1191, RFC 8201: only who cannot have his packets cut is told.  Others come
		 * here when split.bpf.h could not do it. */
		return s->pkt.df;
	case COUNT_DROP_NO_SERVER:
	case COUNT_DROP_TTL:
		return true;
	default:
		return false;
	}
}

/* An IPv6 sender believes nothing below 1280 (RFC 8201 4), an IPv4 one nothing below 68. */
static __always_inline __u32 mtu_to_tell(bool v6, __u32 mtu)
{
	__u32 least = v6 ? IP6_MTU_MIN : IP4_MTU_MIN;

	return mtu < least ? least : mtu;
}

/* Tells the sender of the packet in this CPU's scratch of a verdict that reject_is_due().  from_vip
 * and the outcome: see tc_answer(). */
__noinline int tc_reject(struct __sk_buff *skb, __u32 verdict, __u32 from_vip)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s)
		return 0;
	switch (verdict) {
	case COUNT_DROP_TTL:
		return tc_answer(skb, ANSWER_TIME_EXCEEDED, 0, from_vip);
	case COUNT_DROP_TOO_BIG:
		return tc_answer(skb, ANSWER_TOO_BIG, mtu_to_tell(s->pkt.v6, s->mtu), from_vip);
	default:
		return tc_answer(skb,
				 s->pkt.l4_proto == IPPROTO_TCP ? ANSWER_RESET : ANSWER_UNREACHABLE,
				 0, from_vip);
	}
}

#endif
