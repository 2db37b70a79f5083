/* SPDX-License-Identifier: BSD-2-Clause */
/* Rewriting: another tuple for the packet, one hop less to live, and the checksums that follow.
 *
 * In TC a packet may carry an unfinished checksum (CHECKSUM_PARTIAL), a sum that the card made
 * (CHECKSUM_COMPLETE), or be a super-packet; the helpers know, so all L4 sums there go through
 * bpf_l4_csum_replace().  In XDP the sums are complete and are updated by RFC 1624, equation 3.
 */
#ifndef LBD_XMIT_NAT_BPF_H
#define LBD_XMIT_NAT_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"

/* ttl, protocol, checksum, addresses: what changes in an IPv4 header, from offset 8 on. */
struct ip4_part {
	__u8 ttl, proto;
	__sum16 check;
	__be32 src, dst;
};
#define IP4_PART 8

/* The same of an IPv6 header, from offset 4 on. */
struct ip6_part {
	__be16 payload_len;
	__u8 next, hop_limit;
	struct addr src, dst;
};
#define IP6_PART 4

static __always_inline __u32 csum_fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

/* A checksum field after sum was added to what it covers. */
static __always_inline __sum16 csum_apply(__sum16 check, __u64 sum)
{
	sum = csum_fold32(sum + (__u16)~check);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* How the sum of n words changes when they do. */
static __always_inline __u64 csum_change(const __be32 *from, const __be32 *to, int n)
{
	__u64 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < n; i++)
		sum += (__u64)(__u32)~from[i] + to[i];
	return sum;
}

static __always_inline __u64 csum_change_addrs(bool v6, const union tuple *from,
					       const union tuple *to)
{
	if (v6)
		return csum_change(from->v6.src.a, to->v6.src.a, 4) +
		       csum_change(from->v6.dst.a, to->v6.dst.a, 4);
	return csum_change(&from->v4.src, &to->v4.src, 1) +
	       csum_change(&from->v4.dst, &to->v4.dst, 1);
}

static __always_inline __be32 tuple_ports(bool v6, const union tuple *t)
{
	__be16 pair[2] = { v6 ? t->v6.sport : t->v4.sport, v6 ? t->v6.dport : t->v4.dport };
	__be32 both;

	__builtin_memcpy(&both, pair, sizeof(both));
	return both;
}

static __always_inline int rewrite_ip4(const struct wire *w, const struct pkt *p,
				       const union tuple *from, const union tuple *to)
{
	struct ip4_part part;
	__u16 before, after;

	__builtin_memcpy(&part, &p->ttl_word, sizeof(p->ttl_word));
	__builtin_memcpy(&before, &part, sizeof(before));
	part.ttl--;
	__builtin_memcpy(&after, &part, sizeof(after));
	part.check =
		csum_apply(part.check, csum_change_addrs(false, from, to) + (__u16)~before + after);
	part.src = to->v4.src;
	part.dst = to->v4.dst;
	/* The header's sum stays what it was, and with it the packet's. */
	return wire_store(w, p->l3 + IP4_PART, &part, sizeof(part), 0);
}

static __always_inline int rewrite_ip6(const struct wire *w, const struct pkt *p,
				       const union tuple *to)
{
	struct ip6_part part;

	__builtin_memcpy(&part, &p->ttl_word, sizeof(p->ttl_word));
	part.hop_limit--;
	part.src = to->v6.src;
	part.dst = to->v6.dst;
	return wire_store(w, p->l3 + IP6_PART, &part, sizeof(part), BPF_F_RECOMPUTE_CSUM);
}

/* Takes a hop off, and gives the packet, whose tuple is `from`, the addresses of `to`. */
static __always_inline int rewrite_ip(const struct wire *w, const struct pkt *p, bool v6,
				      const union tuple *from, const union tuple *to)
{
	return v6 ? rewrite_ip6(w, p, to) : rewrite_ip4(w, p, from, to);
}

static __always_inline __u64 l4_check_offset(const struct pkt *p)
{
	return p->l4 + (p->l4_proto == IPPROTO_TCP ? offsetof(struct tcphdr, check)
						   : offsetof(struct udphdr, check));
}

static __always_inline int update_l4_xdp(const struct wire *w, const struct pkt *p, __u64 change)
{
	bool udp = p->l4_proto == IPPROTO_UDP;
	__sum16 check = p->l4_check;

	if (udp && !check)
		return 0; /* the sender made none */
	check = csum_apply(check, change);
	if (udp && !check)
		check = 0xffff;
	return wire_store(w, l4_check_offset(p), &check, sizeof(check), 0);
}

static __always_inline int update_l4_tc(const struct wire *w, const struct pkt *p, __u64 addrs,
					__be32 before, __be32 after)
{
	__u64 at = l4_check_offset(p), flags = 0;
	int r;

	if (p->l4_proto == IPPROTO_UDP)
		flags = BPF_F_MARK_MANGLED_0;
	r = bpf_l4_csum_replace(wire_skb(w), at, 0, csum_fold32(addrs), BPF_F_PSEUDO_HDR | flags);
	if (r || before == after)
		return r;
	/* Not part of the pseudo header: an unfinished sum stays as it is. */
	return bpf_l4_csum_replace(wire_skb(w), at, before, after, sizeof(before) | flags);
}

/* Gives the packet, whose tuple is `from`, the tuple `to`.  Of a fragmented packet the first one
 * has ports and a checksum, which covers all of them and is updated there; later ones have
 * addresses. */
static __always_inline int rewrite_tuple(const struct wire *w, const struct pkt *p, bool v6,
					 const union tuple *from, const union tuple *to)
{
	__be32 before = tuple_ports(v6, from), after = tuple_ports(v6, to);
	__u64 addrs = csum_change_addrs(v6, from, to), flags = 0;
	int r;

	if (pkt_is_later(p))
		return rewrite_ip(w, p, v6, from, to);
	/* CRC32c: over the ports, which stay as they are, but not over the addresses. */
	if (p->l4_proto == IPPROTO_SCTP)
		return before == after ? rewrite_ip(w, p, v6, from, to) : -1;
	if (is_xdp(w))
		r = update_l4_xdp(w, p, addrs + csum_change(&before, &after, 1));
	else
		r = update_l4_tc(w, p, addrs, before, after);
	if (p->l4_proto == IPPROTO_UDP && !p->l4_check)
		flags = BPF_F_RECOMPUTE_CSUM; /* no UDP checksum makes up for the ports */
	if (!r && before != after)
		r = wire_store(w, p->l4, &after, sizeof(after), flags);
	return r ? r : rewrite_ip(w, p, v6, from, to);
}

#endif
