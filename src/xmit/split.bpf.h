/* SPDX-License-Identifier: BSD-2-Clause */
/* Splitting: an IPv4 packet without DF that does not fit its next hop, or a tunnel, becomes two
 * fragments (RFC 791 3.2), as every router must do it (RFC 1812 4.2.2.7).
 *
 * It is split as it came in, before anything was done to it, and both parts are put into the
 * receive queue.  There they are fragments like others, see fragment.bpf.h: each is handled, put
 * into a tunnel of its own if that is the method, and split again if it is still too big.  So a
 * server behind a tunnel gets whole outer packets, whatever ends the tunnel there, and puts the
 * inner ones together itself.  TC only.
 *
 * A checksum that the card was to finish is finished here: it covers what is in both.
 */
#ifndef LBD_XMIT_SPLIT_BPF_H
#define LBD_XMIT_SPLIT_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/nat.bpf.h"

#define SPLIT_MAX    9216 /* IP bytes of a packet that is split: a jumbo frame */
#define SPLIT_STEP   512  /* bytes that bpf_csum_diff() takes */
#define IP4_HEAD_MAX 60
#define IP4_OPTIONS  20 /* where they begin */

#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_COPIED 0x80

/* The packet; a header; where the loops over them are; and after the packet room that is never
 * used, but which the verifier wants because it takes offset and length for independent. */
struct split {
	__u8 eth[sizeof(struct ethhdr)];
	__u8 pad[2];
	union {
		struct iphdr ip;
		__u8 head[IP4_HEAD_MAX + 4];
	};
	__u32 head_len;
	__u32 erase, option_end; /* from where on options become NOPs; where the next one begins */
	__u32 at, len, sum;	 /* bytes of the packet: summed up, in all; their sum */
	__u8 packet[2 * SPLIT_MAX + SPLIT_STEP];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct split);
} splits SEC(".maps");

static __always_inline struct split *split_get(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&splits, &slot);
}

/* ---- The checksum ---------------------------------------------------------------------------- */

static __always_inline __u16 sum_fold16(__u64 sum)
{
	return ~csum_apply(0xffff, sum);
}

/* Adds the next bytes, in the form that bpf_loop() wants: 1 ends it. */
static long split_sum_step(__u32 step, void *unused)
{
	struct split *split = split_get();
	__u64 at, n;

	if (!split || split->at >= split->len)
		return 1;
	at = within(split->at, 0, SPLIT_MAX);
	n = (within(split->len - split->at, 1, SPLIT_STEP) + 3) & ~3u;
	split->sum = bpf_csum_diff(NULL, 0, (__be32 *)&split->packet[at], n, split->sum);
	split->at = at + n;
	return 0;
}

/* Finishes a checksum that holds the pseudo header's sum only (CHECKSUM_PARTIAL); one that was
 * finished, and may be wrong, stays what it is. */
static __always_inline void split_finish_sum(const struct pkt *p, struct split *split)
{
	__u64 head = p->l4 - p->l3, len = p->l3_len, at;
	bool udp = p->l4_proto == IPPROTO_UDP;
	__be32 pair[2] = { p->src.a[3], p->dst.a[3] };
	__u64 pseudo = (__u64)pair[0] + pair[1] + bpf_htons(p->l4_proto) + bpf_htons(len - head);
	__sum16 check = p->l4_check;

	at = head + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
	if (p->fragment || p->l4_proto == IPPROTO_SCTP || check != sum_fold16(pseudo))
		return;
	len = within(len, 0, SPLIT_MAX);
	__builtin_memset(&split->packet[len], 0, 4);
	split->at = head;
	split->len = len;
	split->sum = 0;
	bpf_loop(SPLIT_MAX / SPLIT_STEP + 1, split_sum_step, NULL, 0);
	check = csum_apply(0xffff, split->sum);
	if (udp && !check)
		check = 0xffff;
	__builtin_memcpy(&split->packet[within(at, 0, SPLIT_MAX)], &check, sizeof(check));
}

/* ---- Headers --------------------------------------------------------------------------------- */

/* One byte of the options: the loop is bounded by the header and not by what that says. */
static long split_option_step(__u32 step, void *unused)
{
	struct split *split = split_get();
	__u64 i = IP4_OPTIONS + step;
	__u8 kind, len;

	if (!split || i >= split->head_len)
		return 1;
	i = within(i, IP4_OPTIONS, IP4_HEAD_MAX - 1);
	if (i >= split->option_end) {
		kind = split->head[i];
		len = split->head[i + 1];
		if (kind == OPTION_END)
			return 1;
		split->option_end = i + (kind == OPTION_NOP || len < 2 ? 1 : len);
		split->erase = kind & OPTION_COPIED ? split->option_end : i;
	}
	if (i >= split->erase)
		split->head[i] = OPTION_NOP;
	return 0;
}

/* What only the first fragment has becomes NOPs. */
static __always_inline void split_options(struct split *split)
{
	split->erase = split->option_end = IP4_OPTIONS;
	bpf_loop(IP4_HEAD_MAX - IP4_OPTIONS, split_option_step, NULL, 0);
}

static __always_inline void split_head(struct split *split, __u32 head, __u32 len, __u16 place)
{
	__u64 sum;

	split->ip.tot_len = bpf_htons(head + len);
	split->ip.frag_off = bpf_htons(place);
	split->ip.check = 0;
	sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)split->head, within(head, 20, IP4_HEAD_MAX),
				   0);
	split->ip.check = csum_apply(0xffff, sum);
}

/* ---- Both parts ------------------------------------------------------------------------------ */

/* Puts the header in `split`, and len bytes of the packet, into the receive queue.  0 or not. */
static __always_inline int split_emit(struct __sk_buff *skb, struct split *split, __u32 head,
				      __u32 from, __u32 len)
{
	const __u32 eth = sizeof(split->eth);
	int r;

	r = skb_blank(skb, eth + head + len);
	r = r ? r : bpf_skb_store_bytes(skb, 0, split->eth, eth, 0);
	r = r ? r
	      : bpf_skb_store_bytes(skb, eth, split->head, within(head, 20, IP4_HEAD_MAX),
				    BPF_F_RECOMPUTE_CSUM);
	r = r ? r
	      : bpf_skb_store_bytes(skb, eth + head, &split->packet[within(from, 0, SPLIT_MAX)],
				    within(len, 1, SPLIT_MAX), BPF_F_RECOMPUTE_CSUM);
	r = r ? r : skb_come_again(skb);
	if (!r)
		count(HOOK_INGRESS, COUNT_MADE_FRAGMENT);
	return r;
}

/* The frame as it came.  0 or not. */
static __always_inline int split_load(struct __sk_buff *skb, const struct pkt *p,
				      struct split *split)
{
	int r;

	r = bpf_skb_load_bytes(skb, 0, split->eth, sizeof(split->eth));
	r = r ? r
	      : bpf_skb_load_bytes(skb, p->l3, split->head,
				   within(p->l4 - p->l3, 20, IP4_HEAD_MAX));
	return r ? r
		 : bpf_skb_load_bytes(skb, p->l3, split->packet, within(p->l3_len, 1, SPLIT_MAX));
}

/* Splits the packet in this CPU's scratch, of which `mtu` bytes would fit: HELD, it comes again in
 * two parts; or why not. */
__noinline int tc_split(struct __sk_buff *skb, __u32 mtu)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct split *split = split_get();
	__u32 head, first, rest;
	const struct pkt *p;
	__u16 place;

	if (!s || !split)
		return COUNT_DROP_ERROR;
	p = &s->pkt;
	split->head_len = head = p->l4 - p->l3;
	if (head < sizeof(struct iphdr) || head > IP4_HEAD_MAX || p->l3_len > SPLIT_MAX ||
	    mtu < head || mtu >= p->l3_len)
		return COUNT_DROP_TOO_BIG;
	first = (mtu - head) & ~7u;
	/* Of a first fragment all headers are expected, here too. */
	if (!first || first < p->l4_header || split_load(skb, p, split))
		return COUNT_DROP_TOO_BIG;
	rest = p->l3_len - head - first;
	split_finish_sum(p, split);
	place = p->fragment_at / 8;
	split_head(split, head, first, place | IP_MF);
	if (split_emit(skb, split, head, head, first))
		return COUNT_DROP_ERROR;
	if (!pkt_is_later(p))
		split_options(split);
	split_head(split, head, rest, (place + first / 8) | (p->more ? IP_MF : 0));
	return split_emit(skb, split, head, head + first, rest) ? COUNT_DROP_ERROR : COUNT_HELD;
}

/* The verdict about a packet that is too big: it may be split. */
static __always_inline enum counter split_too_big(const struct wire *w, const struct pkt *p,
						  __u32 mtu)
{
	if (p->df || p->segments > 1)
		return COUNT_DROP_TOO_BIG;
	return is_xdp(w) ? COUNT_PASSED : tc_split(wire_skb(w), mtu);
}

#endif
