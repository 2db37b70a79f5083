// SPDX-License-Identifier: BSD-2-Clause
/* Takes the outer header off packets that a director sent through a tunnel, for real servers whose
 * kernel has no ipip, ip6_tunnel or sit.
 *
 * rs_decap (TC ingress) does what needs no new ethertype: IPv4 in IPv4 and IPv6 in IPv6.
 * rs_decap_xdp, from the same source, does all four; on a server it may well be generic XDP.  Only
 * packets to an address of `tunnels` whose inner destination is one of that tunnel's VIPs are
 * opened: nobody tunnels anything else in.  All others go to the stack as they came.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "rs/decap_abi.h"

#define IP4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define OUTER_MAX    60
#define HEADERS	     (ETH_HLEN + OUTER_MAX + sizeof(struct ipv6hdr))

/* RFC 3168: the low bits of the traffic class. */
#define ECN_MASK 3
#define ECN_NONE 0
#define ECN_CE	 3

/* clang-format off */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct addr);
	__type(value, __u32);
} tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct decap_vip);
	__type(value, __u32);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNTERS_N);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");
/* clang-format on */

/* What comes of a packet, besides enum decap_counter. */
enum {
	NOT_OURS = DECAP_COUNTERS_N,
	GO_ON,
};

/* The frame, of TC or of XDP: which is a constant once everything is inlined. */
struct frame {
	void *ctx;
	bool xdp;
};

struct packet {
	bool v6, inner_v6;
	__u8 ecn, inner_ecn;
	__u8 proto;	 /* that of the inner packet, as the outer header names it */
	bool fragment;	 /* the outer packet is one */
	__u32 outer_len; /* of the outer header, 20 to 60 */
	__sum16 inner_check;
	struct addr outer_dst, inner_dst;
};

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n)
		(*n)++;
}

static __always_inline struct addr addr_v4(__be32 a)
{
	return (struct addr){ { 0, 0, bpf_htonl(0xffff), a } };
}

static __always_inline struct addr addr_v6(const struct in6_addr *a)
{
	struct addr ret;

	__builtin_memcpy(&ret, a, sizeof(ret));
	return ret;
}

static __always_inline __u8 traffic_class(const struct ipv6hdr *ip)
{
	return ip->priority << 4 | ip->flow_lbl[0] >> 4;
}

/* len bytes, a constant, at off; or NULL when the packet has not got them. */
static __always_inline void *at(const struct frame *f, __u64 off, __u64 len)
{
	struct __sk_buff *skb = f->ctx;
	struct xdp_md *xdp = f->ctx;
	__u8 *p = (void *)(long)(f->xdp ? xdp->data : skb->data);
	void *end = (void *)(long)(f->xdp ? xdp->data_end : skb->data_end);

	if (off > HEADERS)
		return NULL; /* never, but the verifier wants to see it */
	p += off;
	barrier_var(p); /* the pointer that is checked must be the one that is used */
	return p + len > (__u8 *)end ? NULL : p;
}

/* ---- Parsing -------------------------------------------------------------------------------- */

static __always_inline int parse_outer4(const struct frame *f, struct packet *p)
{
	const struct iphdr *ip = at(f, ETH_HLEN, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return NOT_OURS;
	p->outer_len = ip->ihl * 4;
	p->proto = ip->protocol;
	p->fragment = ip->frag_off & bpf_htons(IP4_FRAGMENT);
	p->ecn = ip->tos & ECN_MASK;
	p->outer_dst = addr_v4(ip->daddr);
	return GO_ON;
}

/* A director writes no extension headers.  The first of two fragments has one. */
static __always_inline int parse_outer6(const struct frame *f, struct packet *p)
{
	const struct ipv6hdr *ip = at(f, ETH_HLEN, sizeof(*ip));
	const __u8 *next;

	if (!ip || ip->version != 6)
		return NOT_OURS;
	p->v6 = true;
	p->outer_len = sizeof(*ip);
	p->proto = ip->nexthdr;
	p->ecn = traffic_class(ip) & ECN_MASK;
	p->outer_dst = addr_v6(&ip->daddr);
	if (p->proto == IPPROTO_FRAGMENT) {
		next = at(f, ETH_HLEN + sizeof(*ip), 1);
		p->proto = next ? *next : IPPROTO_NONE;
		p->fragment = true;
	}
	return GO_ON;
}

static __always_inline int parse_inner4(const struct frame *f, struct packet *p)
{
	const struct iphdr *ip = at(f, ETH_HLEN + (__u64)p->outer_len, sizeof(*ip));

	if (!ip || ip->version != 4)
		return DECAP_MALFORMED;
	p->inner_ecn = ip->tos & ECN_MASK;
	p->inner_check = ip->check;
	p->inner_dst = addr_v4(ip->daddr);
	return GO_ON;
}

static __always_inline int parse_inner6(const struct frame *f, struct packet *p)
{
	const struct ipv6hdr *ip = at(f, ETH_HLEN + (__u64)p->outer_len, sizeof(*ip));

	if (!ip || ip->version != 6)
		return DECAP_MALFORMED;
	p->inner_ecn = traffic_class(ip) & ECN_MASK;
	p->inner_dst = addr_v6(&ip->daddr);
	return GO_ON;
}

/* GO_ON: it is to be opened, and *p says how. */
static __always_inline int parse(const struct frame *f, struct packet *p)
{
	const struct ethhdr *eth = at(f, 0, sizeof(*eth));
	struct decap_vip key = { .bits = DECAP_VIP_BITS + 128 };
	const __u32 *tunnel;
	int r = NOT_OURS;

	if (eth && eth->h_proto == bpf_htons(ETH_P_IP))
		r = parse_outer4(f, p);
	else if (eth && eth->h_proto == bpf_htons(ETH_P_IPV6))
		r = parse_outer6(f, p);
	if (r != GO_ON || (p->proto != IPPROTO_IPIP && p->proto != IPPROTO_IPV6))
		return NOT_OURS;
	tunnel = bpf_map_lookup_elem(&tunnels, &p->outer_dst);
	if (!tunnel)
		return NOT_OURS;
	if (p->fragment)
		return DECAP_FRAGMENT;
	p->inner_v6 = p->proto == IPPROTO_IPV6;
	r = p->inner_v6 ? parse_inner6(f, p) : parse_inner4(f, p);
	if (r != GO_ON)
		return r;
	key.tunnel = *tunnel;
	key.vip = p->inner_dst;
	return bpf_map_lookup_elem(&vips, &key) ? GO_ON : DECAP_NOT_VIP;
}

/* ---- Congestion marks ----------------------------------------------------------------------- */

/* Overwrites len bytes, a constant.  A card may have summed up the packet: RECOMPUTE_CSUM. */
static __always_inline int store(const struct frame *f, __u64 off, const void *from, __u32 len)
{
	void *to;

	if (!f->xdp)
		return bpf_skb_store_bytes(f->ctx, off, from, len, BPF_F_RECOMPUTE_CSUM);
	to = at(f, off, len);
	if (!to)
		return -1;
	__builtin_memcpy(to, from, len);
	return 0;
}

static __always_inline int mark_inner4(const struct frame *f, const struct packet *p)
{
	__u64 off = ETH_HLEN + (__u64)p->outer_len;
	/* RFC 1624: the word of version and TOS grows by as much as the mark does. */
	__u32 sum = (__u16)~bpf_ntohs(p->inner_check) + (ECN_CE - p->inner_ecn);
	__sum16 check = bpf_htons((__u16) ~(sum + (sum >> 16)));
	const struct iphdr *ip = at(f, off, sizeof(*ip));
	__u8 tos;

	if (!ip)
		return -1;
	tos = ip->tos | ECN_CE;
	return store(f, off + offsetof(struct iphdr, tos), &tos, sizeof(tos)) ||
	       store(f, off + offsetof(struct iphdr, check), &check, sizeof(check));
}

static __always_inline int mark_inner6(const struct frame *f, const struct packet *p)
{
	__u64 off = ETH_HLEN + (__u64)p->outer_len;
	const struct ipv6hdr *ip = at(f, off, sizeof(*ip));
	__u8 low;

	if (!ip)
		return -1;
	low = ip->flow_lbl[0] | ECN_CE << 4;
	return store(f, off + offsetof(struct ipv6hdr, flow_lbl), &low, sizeof(low));
}

/* RFC 6040 4.2: a router on the way may have marked the outer header. */
static __always_inline int keep_mark(const struct frame *f, const struct packet *p)
{
	if (p->ecn != ECN_CE || p->inner_ecn == ECN_CE)
		return GO_ON;
	if (p->inner_ecn == ECN_NONE)
		return DECAP_ECN;
	if (p->inner_v6 ? mark_inner6(f, p) : mark_inner4(f, p))
		return DECAP_REFUSED;
	return GO_ON;
}

/* ---- Taking the header off ------------------------------------------------------------------ */

static __always_inline int cut_xdp(const struct frame *f, const struct packet *p)
{
	struct ethhdr *eth = at(f, 0, sizeof(*eth)), kept;

	if (!eth)
		return DECAP_REFUSED;
	kept = *eth;
	kept.h_proto = bpf_htons(p->inner_v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (bpf_xdp_adjust_head(f->ctx, (int)p->outer_len))
		return DECAP_REFUSED;
	eth = at(f, 0, sizeof(*eth));
	if (!eth)
		return DECAP_REFUSED; /* cannot be: parse() saw the inner header */
	*eth = kept;
	return GO_ON;
}

/* A super-packet's segments keep their size: they were counted without the outer header. */
static __always_inline int cut_tc(const struct frame *f, const struct packet *p)
{
	if (bpf_skb_adjust_room(f->ctx, -(__s32)p->outer_len, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO))
		return DECAP_REFUSED;
	return GO_ON;
}

/* The one decision: what is counted, or NOT_OURS. */
static __always_inline int decap(const struct frame *f)
{
	struct packet p = {};
	int r = parse(f, &p);

	if (r != GO_ON)
		return r;
	if (!f->xdp && p.v6 != p.inner_v6)
		return DECAP_MIXED;
	r = keep_mark(f, &p);
	if (r == GO_ON)
		r = f->xdp ? cut_xdp(f, &p) : cut_tc(f, &p);
	if (r != GO_ON)
		return r;
	if (p.v6)
		return p.inner_v6 ? DECAP_6IN6 : DECAP_4IN6;
	return p.inner_v6 ? DECAP_6IN4 : DECAP_4IN4;
}

SEC("tc")
int rs_decap(struct __sk_buff *skb)
{
	const struct frame f = { .ctx = skb };
	__u32 linear = skb->data_end - skb->data;
	int r;

	if (linear < HEADERS && linear < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
	r = decap(&f);
	if (r < DECAP_COUNTERS_N)
		count(r);
	return r == DECAP_ECN ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("xdp")
int rs_decap_xdp(struct xdp_md *xdp)
{
	const struct frame f = { .ctx = xdp, .xdp = true };
	int r = decap(&f);

	if (r < DECAP_COUNTERS_N)
		count(r);
	return r == DECAP_ECN ? XDP_DROP : XDP_PASS;
}
