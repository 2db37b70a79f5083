/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers to clients of a service that has no server: TCP reset, ICMP port unreachable.  TC only.
 *
 * The packet becomes its own answer.  It may be a super-packet, and its checksum may be unfinished;
 * new content would inherit that, and a card would write a checksum into the middle of it.  Growing
 * it by change_tail() ends the first, cutting away more than the transport header's offset the
 * second.  Kernels before 54c3f1a81421 (2023) look before they pull: so it is cut twice.
 */
#ifndef LBD_XMIT_REJECT_BPF_H
#define LBD_XMIT_REJECT_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/nat.bpf.h"

#define FIRST_CUT  128 /* beyond any transport header that is parsed; see above */
#define SECOND_CUT 20
#define QUOTE_MAX  512 /* RFC 1812 4.3.2.3: an ICMPv4 message of at most 576 bytes */
#define ANSWER_TTL 64
#define NS_PER_SEC 1000000000ull

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
} __attribute__((packed, aligned(4)));

enum answer_kind {
	ANSWER_RESET,
	ANSWER_ICMP,
	ANSWER_KINDS,
};

/* What one CPU may send: `cost` ns of credit for each answer, `most` ns of it saved up. */
static const volatile struct {
	__u64 cost, most;
} answer_rate[ANSWER_KINDS] = {
	[ANSWER_RESET] = { NS_PER_SEC / 10000, NS_PER_SEC / 10 },
	[ANSWER_ICMP] = { NS_PER_SEC / 1000, NS_PER_SEC / 10 },
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

static __always_inline bool answer_allowed(enum answer_kind kind)
{
	__u32 slot = kind;
	struct credit *c = bpf_map_lookup_elem(&credits, &slot);
	__u64 now = bpf_ktime_get_ns(), ns;

	if (!c)
		return false;
	ns = c->ns + (now - c->since);
	if (ns > answer_rate[kind].most)
		ns = answer_rate[kind].most;
	c->since = now;
	c->ns = ns;
	if (ns < answer_rate[kind].cost)
		return false;
	c->ns = ns - answer_rate[kind].cost;
	return true;
}

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

/* Ethernet and IP headers, turned round; len: what follows the IP header. */
static __always_inline int answer_head(const struct wire *w, bool v6, const union tuple *own,
				       struct answer *a, __u8 proto, __u32 len)
{
	if (bpf_skb_load_bytes(wire_skb(w), 0, a->eth.h_source, 6) ||
	    bpf_skb_load_bytes(wire_skb(w), 6, a->eth.h_dest, 6))
		return -1;
	a->eth.h_proto = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (v6) {
		__builtin_memset(&a->v6.ip, 0, 8);
		a->v6.ip.version = 6;
		a->v6.ip.payload_len = bpf_htons(len);
		a->v6.ip.nexthdr = proto;
		a->v6.ip.hop_limit = ANSWER_TTL;
		__builtin_memcpy(&a->v6.ip.saddr, &own->v6.dst, sizeof(own->v6.dst));
		__builtin_memcpy(&a->v6.ip.daddr, &own->v6.src, sizeof(own->v6.src));
		return 0;
	}
	__builtin_memset(&a->v4.ip, 0, sizeof(a->v4.ip));
	a->v4.ip.version = 4;
	a->v4.ip.ihl = sizeof(a->v4.ip) / 4;
	a->v4.ip.tot_len = bpf_htons(sizeof(a->v4.ip) + len);
	a->v4.ip.frag_off = bpf_htons(IP_DF);
	a->v4.ip.ttl = ANSWER_TTL;
	a->v4.ip.protocol = proto;
	a->v4.ip.saddr = own->v4.dst;
	a->v4.ip.daddr = own->v4.src;
	a->v4.ip.check = csum_apply(0xffff, sum_words((__u32 *)&a->v4.ip, 5));
	return 0;
}

/* RFC 9293 3.10.7.1: the answer of a closed port.  Returns the length behind the IP header. */
static __always_inline __u32 answer_reset(const struct pkt *p, bool v6, const union tuple *own,
					  struct answer *a)
{
	struct tcphdr *tcp = v6 ? &a->v6.tcp : &a->v4.tcp;
	__u32 payload = p->l3_len - (p->l4 - p->l3) - p->l4_header;

	/* Only a SYN comes here, without ACK: sequence 0, and all that it took is acknowledged. */
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = v6 ? own->v6.dport : own->v4.dport;
	tcp->dest = v6 ? own->v6.sport : own->v4.sport;
	tcp->ack_seq = bpf_htonl(bpf_ntohl(p->seq) + 1 + payload);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->rst = 1;
	tcp->check = csum_apply(0xffff, sum_words((__u32 *)tcp, sizeof(*tcp) / 4) +
						sum_pseudo(v6, own, IPPROTO_TCP) +
						bpf_htons(sizeof(*tcp)));
	return sizeof(*tcp);
}

/* RFC 792, RFC 4443 3.1: the head of the packet in question goes along.  0: it cannot be read. */
static __always_inline __u32 answer_icmp(const struct wire *w, const struct pkt *p, bool v6,
					 const union tuple *own, struct answer *a)
{
	struct icmp_header *icmp = v6 ? &a->v6.icmp : &a->v4.icmp;
	__u32 quote = p->l3_len < QUOTE_MAX ? p->l3_len : QUOTE_MAX, len;
	__u64 sum = 0;
	long words;

	__builtin_memset(icmp, 0, sizeof(*icmp) + QUOTE_MAX);
	icmp->type = v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE;
	icmp->code = v6 ? ICMP6_PORT_UNREACHABLE : ICMP4_PORT_UNREACHABLE;
	/* Changes nothing, but tells the verifier of Linux 6.1 that there is at least one byte. */
	quote = (quote - 1) % QUOTE_MAX + 1;
	if (bpf_skb_load_bytes(wire_skb(w), p->l3, icmp + 1, quote))
		return 0;
	/* Zeros follow the quote, so that all of it can be summed up. */
	words = bpf_csum_diff(NULL, 0, (__be32 *)(icmp + 1), QUOTE_MAX, 0);
	if (words < 0)
		return 0;
	len = sizeof(*icmp) + quote;
	if (v6)
		sum = sum_pseudo(v6, own, IPPROTO_ICMPV6) + bpf_htons(len);
	icmp->check = csum_apply(0xffff, sum + (__u32)words + sum_words((__u32 *)icmp, 2));
	return len;
}

/* Makes the packet the frame in a, with len bytes from the IP header on, and sends it back. */
static __always_inline bool answer_send(const struct wire *w, struct answer *a, __u32 len)
{
	const __u32 head = sizeof(a->eth);
	struct __sk_buff *skb = wire_skb(w);

	if (bpf_skb_change_tail(skb, head + len + FIRST_CUT + SECOND_CUT, 0) ||
	    bpf_skb_adjust_room(skb, -FIRST_CUT, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_adjust_room(skb, -SECOND_CUT, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, 0, &a->eth, head, 0) ||
	    bpf_skb_store_bytes(skb, head, &a->eth + 1, len, BPF_F_RECOMPUTE_CSUM))
		return false;
	return bpf_redirect(wire_ifindex(w), 0) == TC_ACT_REDIRECT;
}

/* Tells the packet's sender that nobody serves it.  True: the packet is now the answer. */
static __always_inline bool reject(const struct wire *w, bool v6, struct scratch *s)
{
	const union tuple *own = flow_key_tuple(&s->key);
	const struct pkt *p = &s->pkt;
	bool tcp = p->l4_proto == IPPROTO_TCP;
	__u8 icmp = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	__u32 slot = 0, len;
	struct answer *a = bpf_map_lookup_elem(&answers, &slot);

	if (!a)
		return false;
	if (!answer_allowed(tcp ? ANSWER_RESET : ANSWER_ICMP)) {
		count(w->hook, COUNT_MADE_LIMITED);
		return false;
	}
	len = tcp ? answer_reset(p, v6, own, a) : answer_icmp(w, p, v6, own, a);
	if (!len || len > sizeof(struct icmp_header) + QUOTE_MAX ||
	    answer_head(w, v6, own, a, tcp ? IPPROTO_TCP : icmp, len))
		return false;
	len += v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	if (!answer_send(w, a, len))
		return false;
	count(w->hook, tcp ? COUNT_MADE_RESET : COUNT_MADE_UNREACHABLE);
	return true;
}

#endif
