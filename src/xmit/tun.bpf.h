/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunnels: a packet as it is behind one more IP header, RFC 2003 (IPv4 outside) and RFC 2473 (IPv6
 * outside).  The family outside is the server's, whatever the one inside. */
#ifndef LBD_XMIT_TUN_BPF_H
#define LBD_XMIT_TUN_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/nat.bpf.h"

#define TUNNEL_TTL 64

/* What stands before the packet then: the end of the Ethernet header, and the new one. */
struct outer4 {
	__be16 eth_type;
	struct iphdr ip;
} __attribute__((packed, aligned(2)));

struct outer6 {
	__be16 eth_type;
	struct ipv6hdr ip;
} __attribute__((packed, aligned(2)));

/* Bytes that a packet to this server grows by. */
static __always_inline __u32 tun_overhead(__u32 id)
{
	const struct server *s = bpf_map_lookup_elem(&servers, &id);

	return s && !addr_is_v4(&s->addr) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

/* The header's own checksum. */
static __always_inline __sum16 tun_check4(const struct outer4 *o)
{
	__u16 word[sizeof(o->ip) / 2];
	__u64 sum = 0;
	int i;

	__builtin_memcpy(word, (const __u8 *)o + offsetof(struct outer4, ip), sizeof(word));
#pragma unroll
	for (i = 0; i < (int)(sizeof(word) / sizeof(*word)); i++)
		sum += word[i];
	return csum_apply(0xffff, sum);
}

/* Makes room of n bytes, a constant, between the Ethernet header and what follows. */
static __always_inline int tun_room(const struct wire *w, __u32 n, __u64 encap)
{
	if (is_xdp(w))
		return bpf_xdp_adjust_head(wire_xdp(w), -(int)n);
	/* Segments of a super-packet keep their size: whether they fit was looked at. */
	return bpf_skb_adjust_room(wire_skb(w), n, BPF_ADJ_ROOM_MAC,
				   encap | BPF_F_ADJ_ROOM_FIXED_GSO);
}

static __always_inline int tun_encap4(const struct wire *w, const struct pkt *p,
				      const struct addr *to, const struct addr *from)
{
	struct outer4 o = {
		.eth_type = bpf_htons(ETH_P_IP),
		.ip = {
			.version = 4,
			.ihl = sizeof(o.ip) / 4,
			.tos = p->tos,
			.tot_len = bpf_htons(p->l3_len + sizeof(o.ip)),
			.frag_off = p->df ? bpf_htons(IP_DF) : 0,
			.ttl = TUNNEL_TTL,
			.protocol = p->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
			.saddr = from->a[3],
			.daddr = to->a[3],
		},
	};
	int r;

	if (!p->df)
		o.ip.id = bpf_get_prandom_u32();
	o.ip.check = tun_check4(&o);
	r = tun_room(w, sizeof(o.ip), BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
	/* The header sums up to zero: the sum of the whole packet stays what it was. */
	return r ? r : wire_store(w, offsetof(struct ethhdr, h_proto), &o, sizeof(o), 0);
}

static __always_inline int tun_encap6(const struct wire *w, const struct pkt *p,
				      const struct addr *to, const struct addr *from, __u32 label)
{
	struct outer6 o = {
		.eth_type = bpf_htons(ETH_P_IPV6),
		.ip = {
			.version = 6,
			.priority = p->tos >> 4,
			.flow_lbl = { p->tos << 4 | (label >> 16 & 0xf), label >> 8, label },
			.payload_len = bpf_htons(p->l3_len),
			.nexthdr = p->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
			.hop_limit = TUNNEL_TTL,
		},
	};
	const struct outer6 none = {};
	int r;

	__builtin_memcpy(&o.ip.saddr, from, sizeof(o.ip.saddr));
	__builtin_memcpy(&o.ip.daddr, to, sizeof(o.ip.daddr));
	r = tun_room(w, sizeof(o.ip), BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	/* A sum that came along must not be adjusted for what stood in the room by chance. */
	if (!r && !is_xdp(w))
		r = wire_store(w, sizeof(struct ethhdr), &none.ip, sizeof(none.ip), 0);
	if (!r)
		r = wire_store(w, sizeof(struct ethhdr), &o.ip, sizeof(o.ip), BPF_F_RECOMPUTE_CSUM);
	return r ? r
		 : wire_store(w, offsetof(struct ethhdr, h_proto), &o.eth_type, sizeof(o.eth_type),
			      0);
}

/* Functions of their own, which the verifier looks at once; so is the packet's description in this
 * CPU's scratch. */
static __always_inline int tun_encap(const struct wire *w, __u32 id, __u32 label)
{
	struct scratch *scratch = scratch_get(SCRATCH_PACKET);
	struct server *s = bpf_map_lookup_elem(&servers, &id);
	struct addr to, from;

	if (!s || !scratch)
		return -1;
	to = s->addr;
	from = s->hops[READ_ONCE(s->hop) & 1].source;
	return addr_is_v4(&to) ? tun_encap4(w, &scratch->pkt, &to, &from)
			       : tun_encap6(w, &scratch->pkt, &to, &from, label);
}

/* Puts the packet into a tunnel to server `id`; its hop was counted already.  label tells flows
 * apart on the way (RFC 6438).  0 or -1. */
__noinline int tc_tun(struct __sk_buff *skb, __u32 id, __u32 label)
{
	const struct wire w = { skb, HOOK_INGRESS };

	return tun_encap(&w, id, label);
}

__noinline int xdp_tun(struct xdp_md *xdp, __u32 id, __u32 label)
{
	const struct wire w = { xdp, HOOK_XDP };

	return tun_encap(&w, id, label);
}

#endif
