/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers: the packet becomes a TCP reset or an ICMP error to whoever sent it.  TC only.
 *
 * It may be a super-packet, and its checksum may be unfinished; new content would inherit that, and
 * a card would write a checksum into the middle of it.  Growing it by change_tail() ends the first,
 * cutting away more than the transport header's offset the second.  Kernels before 54c3f1a81421
 * (2023) look before they pull: so it is cut twice.
 */
#ifndef LBD_XMIT_ANSWER_BPF_H
#define LBD_XMIT_ANSWER_BPF_H

#include <linux/pkt_cls.h>

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/nat.bpf.h"

#define FIRST_CUT   128 /* beyond any transport header that is parsed; see above */
#define SECOND_CUT  20
#define QUOTE_MAX   512 /* RFC 1812 4.3.2.3: an ICMPv4 message of at most 576 bytes */
#define ANSWER_TTL  64
#define NS_PER_SEC  1000000000ull
#define IP4_MTU_MIN 68	 /* RFC 791 */
#define IP6_MTU_MIN 1280 /* RFC 8200 5 */

/* The frame, behind two bytes that align what follows the Ethernet header. */
struct answer {
	__u8 pad[2];
	struct ethhdr eth;
	union {
		struct {
			struct iphdr ip;
			union {
				struct tcphdr tcp;
				struct icmp_header icmp;
			};
		} v4;
		struct {
			struct ipv6hdr ip;
			union {
				struct tcphdr tcp;
				struct icmp_header icmp;
			};
		} v6;
		__u8 room[sizeof(struct ipv6hdr) + sizeof(struct icmp_header) + QUOTE_MAX];
	};
	union tuple way; /* from where it goes to where; only a reset looks at the ports */
} __attribute__((packed, aligned(4)));

enum answer_kind {
	ANSWER_RESET,
	ANSWER_UNREACHABLE,
	ANSWER_TIME_EXCEEDED,
	ANSWER_TOO_BIG,
	ANSWER_KINDS,
};

/* What an answer says, the counter that tells of it, and what one CPU may send: `cost` ns of credit
 * for each, `most` ns of it saved up. */
static const volatile struct {
	struct {
		__u8 type, code;
	} v4, v6;
	__u32 made; /* enum counter */
	__u64 cost, most;
} answer_kinds[ANSWER_KINDS] = {
	[ANSWER_RESET] = { {}, {}, COUNT_MADE_RESET, NS_PER_SEC / 10000, NS_PER_SEC / 10 },
	[ANSWER_UNREACHABLE] = { { ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE },
				 { ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE },
				 COUNT_MADE_UNREACHABLE,
				 NS_PER_SEC / 1000,
				 NS_PER_SEC / 10 },
	[ANSWER_TIME_EXCEEDED] = { { ICMP4_TIME_EXCEEDED, 0 },
				   { ICMP6_TIME_EXCEEDED, 0 },
				   COUNT_MADE_TIME_EXCEEDED,
				   NS_PER_SEC / 1000,
				   NS_PER_SEC / 10 },
	[ANSWER_TOO_BIG] = { { ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED },
			     { ICMP6_TOO_BIG, 0 },
			     COUNT_MADE_TOO_BIG,
			     NS_PER_SEC / 1000,
			     NS_PER_SEC / 10 },
};

struct credit {
	__u64 ns, since;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ANSWER_KINDS);
	__type(key, __u32);
	__type(value, struct credit);
} credits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

static __always_inline struct answer *answer_get(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&answers, &slot);
}

/* ---- Whether -------------------------------------------------------------------------------- */

static __always_inline bool answer_allowed(enum answer_kind kind)
{
	__u32 slot = kind;
	struct credit *c = bpf_map_lookup_elem(&credits, &slot);
	__u64 now = bpf_ktime_get_ns(), ns;

	if (!c)
		return false;
	ns = c->ns + (now - c->since);
	if (ns > answer_kinds[kind].most)
		ns = answer_kinds[kind].most;
	c->since = now;
	c->ns = ns;
	if (ns < answer_kinds[kind].cost)
		return false;
	c->ns = ns - answer_kinds[kind].cost;
	return true;
}

/* RFC 1122 3.2.2, RFC 4443 2.4(e): a source that is not one host gets no answer. */
static __always_inline bool addr_is_host(bool v6, const struct addr *a)
{
	__u8 first = bpf_ntohl(a->a[v6 ? 0 : 3]) >> 24;

	if (v6)
		return first != 0xff && (a->a[0] | a->a[1] | a->a[2]);
	return first && first != 127 && first < 224;
}

/* ---- Sums ----------------------------------------------------------------------------------- */

static __always_inline __u64 sum_words(const __u32 *words, int n)
{
	__u64 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < n; i++)
		sum += words[i];
	return sum;
}

/* The sum of what a pseudo header has, without the length. */
static __always_inline __u64 sum_pseudo(bool v6, const union tuple *t, __u8 proto)
{
	/* Source and destination stand side by side. */
	return bpf_htons(proto) + (v6 ? sum_words(t->v6.src.a, 8) : sum_words(&t->v4.src, 2));
}

/* ---- Making --------------------------------------------------------------------------------- */

/* The IP header; len: what follows it. */
static __always_inline void answer_ip(bool v6, struct answer *a, __u8 proto, __u32 len)
{
	a->eth.h_proto = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (v6) {
		__builtin_memset(&a->v6.ip, 0, 8);
		a->v6.ip.version = 6;
		a->v6.ip.payload_len = bpf_htons(len);
		a->v6.ip.nexthdr = proto;
		a->v6.ip.hop_limit = ANSWER_TTL;
		__builtin_memcpy(&a->v6.ip.saddr, &a->way.v6.src, sizeof(a->way.v6.src));
		__builtin_memcpy(&a->v6.ip.daddr, &a->way.v6.dst, sizeof(a->way.v6.dst));
		return;
	}
	__builtin_memset(&a->v4.ip, 0, sizeof(a->v4.ip));
	a->v4.ip.version = 4;
	a->v4.ip.ihl = sizeof(a->v4.ip) / 4;
	a->v4.ip.tot_len = bpf_htons(sizeof(a->v4.ip) + len);
	a->v4.ip.frag_off = bpf_htons(IP_DF);
	a->v4.ip.ttl = ANSWER_TTL;
	a->v4.ip.protocol = proto;
	a->v4.ip.saddr = a->way.v4.src;
	a->v4.ip.daddr = a->way.v4.dst;
	a->v4.ip.check = csum_apply(0xffff, sum_words((__u32 *)&a->v4.ip, 5));
}

/* RFC 9293 3.10.7.1: what a closed port answers to a segment.  Returns the length behind the IP
 * header. */
static __always_inline __u32 answer_reset(const struct pkt *p, bool v6, struct answer *a)
{
	struct tcphdr *tcp = v6 ? &a->v6.tcp : &a->v4.tcp;
	__u32 len = p->l3_len - (p->l4 - p->l3) - p->l4_header;

	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = v6 ? a->way.v6.sport : a->way.v4.sport;
	tcp->dest = v6 ? a->way.v6.dport : a->way.v4.dport;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	if (p->tcp_flags & TCP_ACK) {
		tcp->seq = p->ack;
	} else {
		/* Sequence 0, and all that the segment took is acknowledged. */
		len += !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);
		tcp->ack_seq = bpf_htonl(bpf_ntohl(p->seq) + len);
		tcp->ack = 1;
	}
	tcp->check = csum_apply(0xffff, sum_words((__u32 *)tcp, sizeof(*tcp) / 4) +
						sum_pseudo(v6, &a->way, IPPROTO_TCP) +
						bpf_htons(sizeof(*tcp)));
	return sizeof(*tcp);
}

/* RFC 792, RFC 4443 3: the head of the packet in question, `quote` bytes (> 0) at `at`, goes along.
 * Returns the length behind the IP header; 0: the packet cannot be read. */
static __always_inline __u32 answer_icmp(struct __sk_buff *skb, bool v6, enum answer_kind kind,
					 __u32 rest, __u32 at, __u32 quote, struct answer *a)
{
	struct icmp_header *icmp = v6 ? &a->v6.icmp : &a->v4.icmp;
	__u64 sum = 0;
	__u32 len;
	long words;

	__builtin_memset(icmp, 0, sizeof(*icmp) + QUOTE_MAX);
	icmp->type = v6 ? answer_kinds[kind].v6.type : answer_kinds[kind].v4.type;
	icmp->code = v6 ? answer_kinds[kind].v6.code : answer_kinds[kind].v4.code;
	icmp->rest = bpf_htonl(rest);
	if (quote > QUOTE_MAX)
		quote = QUOTE_MAX;
	/* Changes nothing, but tells the verifier of Linux 6.1 that there is at least one byte. */
	quote = (quote - 1) % QUOTE_MAX + 1;
	if (bpf_skb_load_bytes(skb, at, icmp + 1, quote))
		return 0;
	/* Zeros follow the quote, so that all of it can be summed up. */
	words = bpf_csum_diff(NULL, 0, (__be32 *)(icmp + 1), QUOTE_MAX, 0);
	if (words < 0)
		return 0;
	len = sizeof(*icmp) + quote;
	if (v6)
		sum = sum_pseudo(v6, &a->way, IPPROTO_ICMPV6) + bpf_htons(len);
	icmp->check = csum_apply(0xffff, sum + (__u32)words + sum_words((__u32 *)icmp, 2));
	return len;
}

/* Puts the frame in a, with len bytes from the IP header on, in the place of the packet. */
static __always_inline bool answer_write(struct __sk_buff *skb, struct answer *a, __u32 len)
{
	const __u32 head = sizeof(a->eth);

	if (!len || len > sizeof(a->room))
		return false;
	return !bpf_skb_change_tail(skb, head + len + FIRST_CUT + SECOND_CUT, 0) &&
	       !bpf_skb_adjust_room(skb, -FIRST_CUT, BPF_ADJ_ROOM_MAC, 0) &&
	       !bpf_skb_adjust_room(skb, -SECOND_CUT, BPF_ADJ_ROOM_MAC, 0) &&
	       !bpf_skb_store_bytes(skb, 0, &a->eth, head, 0) &&
	       !bpf_skb_store_bytes(skb, head, &a->eth + 1, len, BPF_F_RECOMPUTE_CSUM);
}

/* ---- Answering ------------------------------------------------------------------------------ */

/* Where the answer comes from: the address that the packet went to, which is a VIP or a local
 * address of ours; the servers of nat write to clients, and hear the VIP that their client called,
 * which stands in s->to. */
static __always_inline void answer_turn(bool v6, struct scratch *s, bool from_vip, struct answer *a)
{
	tuple_turn(v6, &a->way, flow_key_tuple(&s->key));
	if (from_vip && v6)
		a->way.v6.src = s->to.v6.src;
	else if (from_vip)
		a->way.v4.src = s->to.v4.src;
}

static __always_inline bool answer_make(struct __sk_buff *skb, bool v6, struct scratch *s,
					enum answer_kind kind, __u32 rest, bool from_vip)
{
	__u8 proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	const struct pkt *p = &s->pkt;
	struct answer *a = answer_get();
	__u32 len;

	if (!a || !addr_is_host(v6, &p->src))
		return false;
	if (!answer_allowed(kind)) {
		count(HOOK_INGRESS, COUNT_MADE_LIMITED);
		return false;
	}
	answer_turn(v6, s, from_vip, a);
	if (kind == ANSWER_RESET) {
		proto = IPPROTO_TCP;
		len = answer_reset(p, v6, a);
	} else {
		len = answer_icmp(skb, v6, kind, rest, p->l3, p->l3_len, a);
	}
	if (!len || bpf_skb_load_bytes(skb, 0, a->eth.h_source, 6) ||
	    bpf_skb_load_bytes(skb, 6, a->eth.h_dest, 6))
		return false;
	answer_ip(v6, a, proto, len);
	len += v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	if (!answer_write(skb, a, len) || bpf_redirect(skb->ifindex, 0) != TC_ACT_REDIRECT)
		return false;
	count(HOOK_INGRESS, answer_kinds[kind].made);
	return true;
}

/* Makes the packet, which lies parsed in this CPU's scratch with its tuple in scratch.key, an
 * answer to its sender, out where it came in.  kind: enum answer_kind; rest: the second word of an
 * ICMP error, host order (of ANSWER_TOO_BIG: the MTU); from_vip: the answer comes from the source
 * that stands in scratch.to, else from the packet's destination.  1: return TC_ACT_REDIRECT; 0: no
 * answer goes out, drop it. */
__noinline int tc_answer(struct __sk_buff *skb, __u32 kind, __u32 rest, __u32 from_vip)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s || kind >= ANSWER_KINDS)
		return 0;
	return s->pkt.v6 ? answer_make(skb, true, s, kind, rest, from_vip)
			 : answer_make(skb, false, s, kind, rest, from_vip);
}

#endif
