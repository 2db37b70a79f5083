/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet: what it is, parsed once.  What was parsed lies in per-CPU memory: on the stack it
 * would not fit, and the verifier would look at every path again for each value it may have. */
#ifndef LBD_IPVS_PKT_BPF_H
#define LBD_IPVS_PKT_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ipvs/abi.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/wire.bpf.h"

#define EXT_HEADERS 6 /* IPv6 extension headers that are walked */

#define IP4_OPTION_WORDS 10 /* that may follow an IPv4 header */

#define IP_DF	     0x4000
#define IP_MF	     0x2000
#define IP_OFFSET    0x1fff /* in 8 bytes */
#define IP_FRAGMENT  0x3fff /* more fragments, or an offset */
#define IP6_FRAGMENT 0xfff9
#define IP6_OFFSET   0xfff8 /* in bytes, since it stands 3 bits up */
#define IPPROTO_VRRP 112

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

/* RFC 9260 3: the common header; chunks follow. */
struct sctp_header {
	__be16 source, dest;
	__be32 tag;
	__le32 crc32c;
};
#define SCTP_CHUNK_HEADER 4 /* type, flags, length */

#define SCTP_DATA	       0
#define SCTP_INIT	       1
#define SCTP_INIT_ACK	       2
#define SCTP_SACK	       3
#define SCTP_HEARTBEAT	       4
#define SCTP_HEARTBEAT_ACK     5
#define SCTP_ABORT	       6
#define SCTP_SHUTDOWN	       7
#define SCTP_SHUTDOWN_ACK      8
#define SCTP_ERROR	       9
#define SCTP_COOKIE_ECHO       10
#define SCTP_COOKIE_ACK	       11
#define SCTP_ECNE	       12
#define SCTP_CWR	       13
#define SCTP_SHUTDOWN_COMPLETE 14
#define SCTP_AUTH	       15
#define SCTP_CHUNKS	       16 /* those from here on tell nothing of an association's state */

/* <linux/if_arp.h> needs libc headers that do not exist for this target. */
struct arp_ipv4 {
	__be16 hw_type, proto;
	__u8 hw_len, proto_len;
	__be16 op;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};
#define ARP_REQUEST 1

struct ext_header {
	__u8 next, len; /* len: in 8 bytes, the first 8 not counted */
	__be16 fragment;
	__be32 id; /* of a fragment header */
};

struct routing_header {
	__u8 next, len, type, segments_left;
};

struct icmp_header {
	__u8 type, code;
	__sum16 check;
	__u32 rest;
};
#define ICMP4_UNREACHABLE	   3
#define ICMP4_PORT_UNREACHABLE	   3
#define ICMP4_FRAGMENTATION_NEEDED 4
#define ICMP4_TIME_EXCEEDED	   11
#define ICMP4_PARAMETER_PROBLEM	   12
#define ICMP6_UNREACHABLE	   1
#define ICMP6_PORT_UNREACHABLE	   4
#define ICMP6_TOO_BIG		   2
#define ICMP6_TIME_EXCEEDED	   3
#define ICMP6_PARAMETER_PROBLEM	   4
#define ICMP6_SOLICITATION	   135
#define ICMP6_ADVERTISEMENT	   136

struct pkt {
	__u32 len;	 /* of the frame */
	__be16 eth_type; /* 0: the frame is too short to be one */

	/* IP: valid when `ip` */
	bool ip, v6;
	bool fragment;	    /* of a larger packet */
	bool more;	    /* IPv4: it is not the last one */
	__u8 fragment_next; /* what the fragmented part begins with: protocol, or next header */
	__u16 fragment_at;  /* its place in that, in bytes; 0: it is the first one */
	__be32 fragment_id;
	__u8 l4_proto;
	__u32 l3, l4;	/* offsets */
	__u32 l3_len;	/* IP header and all that belongs to it, without padding */
	__u32 ttl_word; /* the four bytes that hold TTL or hop limit, as they stand */
	__u8 ttl;
	__u8 tos; /* or traffic class */
	bool df;  /* IPv4: must not be fragmented; IPv6: never may */
	struct addr src, dst;

	/* TCP, UDP and SCTP: valid when `ports`; a later fragment has no more than the ports, which
	 * fragment.bpf.h tells it */
	bool ports;
	__be16 sport, dport;
	__u8 tcp_flags;
	__u8 chunk;	/* SCTP: type of the first one */
	__u8 l4_header; /* length of the TCP, UDP or SCTP common header */
	__be32 seq, ack;
	__sum16 l4_check;

	/* On the wire: TC may hold a super-packet that leaves as several */
	__u32 segments;
	__u32 segment_len; /* IP length of the largest of them; 0: not known, they fit */
};

/* ---- Parsing ------------------------------------------------------------------------------- */

static __always_inline struct addr addr_v4(__be32 a)
{
	return (struct addr){ { 0, 0, bpf_htonl(0xffff), a } };
}

static __always_inline bool addr_is_v4(const struct addr *a)
{
	return !a->a[0] && !a->a[1] && a->a[2] == bpf_htonl(0xffff);
}

/* Has it no transport header, since that is in another fragment? */
static __always_inline bool pkt_is_later(const struct pkt *p)
{
	return p->fragment_at;
}

/* The length that an IP header claims; a super-packet beyond 64 KB claims 0. */
static __always_inline bool pkt_set_len(const struct wire *w, struct pkt *p, __u32 claimed,
					bool jumbo)
{
	__u32 there = p->len - p->l3;

	p->l3_len = jumbo && wire_gso_size(w) ? there : claimed;
	return p->l3_len <= there;
}

/* RFC 1812 5.2.2: a header whose checksum is wrong may say anything, and the packet goes nowhere.
 * The stack, which gets it, drops and counts it. */
static __always_inline bool ip4_sum_is_right(const struct wire *w, const struct pkt *p,
					     const struct iphdr *ip)
{
	__u32 options = ip->ihl - sizeof(*ip) / 4, i;
	const __u32 *word = (const __u32 *)ip;
	__u64 at = p->l3 + sizeof(*ip), sum = 0;

#pragma unroll
	for (i = 0; i < sizeof(*ip) / 4; i++)
		sum += word[i];
	for (i = 0; i < IP4_OPTION_WORDS; i++, at += 4) {
		if (i >= options)
			break;
		barrier_var(at); /* what is compared with the limit must be what is added */
		word = wire_at(w, at, 4);
		if (!word)
			return false;
		sum += *word;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static __always_inline bool pkt_parse_ip4(const struct wire *w, struct pkt *p)
{
	struct iphdr *ip = wire_at(w, p->l3, sizeof(*ip));
	__u32 total;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (!pkt_set_len(w, p, total, !total) || p->l3_len < ip->ihl * 4u ||
	    !ip4_sum_is_right(w, p, ip))
		return false;
	p->v6 = false;
	p->l4 = p->l3 + ip->ihl * 4;
	p->l4_proto = ip->protocol;
	p->fragment = ip->frag_off & bpf_htons(IP_FRAGMENT);
	p->fragment_at = (bpf_ntohs(ip->frag_off) & IP_OFFSET) * 8;
	p->more = ip->frag_off & bpf_htons(IP_MF);
	p->fragment_id = ip->id;
	p->fragment_next = ip->protocol;
	p->ttl = ip->ttl;
	p->tos = ip->tos;
	p->df = ip->frag_off & bpf_htons(IP_DF);
	p->ttl_word = *(__u32 *)&ip->ttl;
	p->src = addr_v4(ip->saddr);
	p->dst = addr_v4(ip->daddr);
	return true;
}

/* Steps over one IPv6 extension header.  False: there is none at p->l4, or we must not pass it. */
static __always_inline bool pkt_step_ext(const struct wire *w, struct pkt *p)
{
	struct routing_header *routing;
	struct ext_header *ext;

	switch (p->l4_proto) {
	case IPPROTO_ROUTING:
		routing = wire_at(w, p->l4, sizeof(*routing));
		if (!routing || routing->segments_left)
			return false; /* dst is only a station on its way */
		break;
	case IPPROTO_FRAGMENT:
		/* A fragment of a fragment, or not within the packet: of later ones nothing else
		 * says how long they have to be. */
		if (p->fragment || p->l4 + sizeof(*ext) > p->l3 + p->l3_len)
			return false;
		break;
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		break;
	default:
		return false;
	}
	ext = wire_at(w, p->l4, sizeof(*ext));
	if (!ext)
		return false;
	if (p->l4_proto == IPPROTO_FRAGMENT) {
		/* An "atomic" fragment is a whole packet, RFC 6946. */
		p->fragment = ext->fragment & bpf_htons(IP6_FRAGMENT);
		p->fragment_at = bpf_ntohs(ext->fragment) & IP6_OFFSET;
		p->fragment_id = ext->id;
		p->fragment_next = ext->next;
		p->l4 += 8;
	} else {
		p->l4 += (ext->len + 1) * 8;
	}
	p->l4_proto = ext->next;
	return !p->fragment_at;
}

static __always_inline bool pkt_parse_ip6(const struct wire *w, struct pkt *p)
{
	struct ipv6hdr *ip = wire_at(w, p->l3, sizeof(*ip));
	__u32 payload;
	int i;

	if (!ip || ip->version != 6)
		return false;
	payload = bpf_ntohs(ip->payload_len);
	if (!pkt_set_len(w, p, sizeof(*ip) + payload, !payload))
		return false;
	p->v6 = true;
	p->l4 = p->l3 + sizeof(*ip);
	p->l4_proto = ip->nexthdr;
	p->ttl = ip->hop_limit;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->df = true;
	p->ttl_word = *(__u32 *)&ip->payload_len;
	__builtin_memcpy(&p->src, &ip->saddr, sizeof(p->src));
	__builtin_memcpy(&p->dst, &ip->daddr, sizeof(p->dst));
	for (i = 0; i < EXT_HEADERS; i++)
		if (!pkt_step_ext(w, p))
			break;
	return true;
}

static __always_inline bool pkt_parse_tcp(const struct wire *w, struct pkt *p)
{
	struct tcphdr *tcp = wire_at(w, p->l4, sizeof(*tcp));

	if (!tcp || tcp->doff < 5)
		return false;
	p->sport = tcp->source;
	p->dport = tcp->dest;
	p->seq = tcp->seq;
	p->ack = tcp->ack_seq;
	p->l4_check = tcp->check;
	p->tcp_flags = ((__u8 *)tcp)[13];
	p->l4_header = tcp->doff * 4;
	return true;
}

static __always_inline bool pkt_parse_udp(const struct wire *w, struct pkt *p)
{
	struct udphdr *udp = wire_at(w, p->l4, sizeof(*udp));

	if (!udp)
		return false;
	p->sport = udp->source;
	p->dport = udp->dest;
	p->l4_check = udp->check;
	p->l4_header = sizeof(*udp);
	return true;
}

static __always_inline bool pkt_parse_sctp(const struct wire *w, struct pkt *p)
{
	struct sctp_header *sctp = wire_at(w, p->l4, sizeof(*sctp));
	__u32 chunk = p->l4 + sizeof(*sctp);

	if (!sctp || chunk + SCTP_CHUNK_HEADER > p->l3 + p->l3_len)
		return false;
	p->sport = sctp->source;
	p->dport = sctp->dest;
	p->l4_header = sizeof(*sctp);
	return wire_byte(w, chunk, &p->chunk);
}

/* A sender of SCTP super-packets knows the way's MTU, and lets no segment be larger. */
static __always_inline void pkt_measure(const struct wire *w, struct pkt *p)
{
	__u32 gso_size = wire_gso_size(w), segments = wire_gso_segs(w);

	p->segments = segments ? segments : 1;
	p->segment_len = gso_size ? p->l4 - p->l3 + p->l4_header + gso_size : p->l3_len;
	if (gso_size == GSO_BY_FRAGS)
		p->segment_len = 0;
}

static __always_inline void pkt_parse_l4(const struct wire *w, struct pkt *p)
{
	bool whole = false;

	if (p->l4_proto == IPPROTO_TCP)
		whole = pkt_parse_tcp(w, p);
	else if (p->l4_proto == IPPROTO_UDP)
		whole = pkt_parse_udp(w, p);
	else if (p->l4_proto == IPPROTO_SCTP)
		whole = pkt_parse_sctp(w, p);
	p->ports = whole && p->l4 + p->l4_header <= p->l3 + p->l3_len;
	if (p->ports)
		pkt_measure(w, p);
}

/* Fills *p. */
static __always_inline void pkt_parse(const struct wire *w, struct pkt *p)
{
	struct ethhdr *eth = wire_at(w, 0, sizeof(*eth));

	__builtin_memset(p, 0, sizeof(*p));
	p->len = wire_len(w);
	if (!eth)
		return;
	p->eth_type = eth->h_proto;
	p->l3 = sizeof(*eth);
	if (p->eth_type == bpf_htons(ETH_P_IP))
		p->ip = pkt_parse_ip4(w, p);
	else if (p->eth_type == bpf_htons(ETH_P_IPV6))
		p->ip = pkt_parse_ip6(w, p);
	if (p->ip && !p->fragment_at)
		pkt_parse_l4(w, p);
}

#endif
