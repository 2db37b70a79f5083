/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaving: the next hop towards server or client, and whether the packet can go there. */
#ifndef LBD_XMIT_SEND_BPF_H
#define LBD_XMIT_SEND_BPF_H

#include <linux/pkt_cls.h>

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/mss.bpf.h"
#include "xmit/nat.bpf.h"
#include "xmit/tun.bpf.h"

#define HOP_TRIES 3 /* the daemon writes a hop seldom, and in less time than one try takes */

/* <sys/socket.h> is not for this target. */
#define AF_INET	 2
#define AF_INET6 10

/* ---- Next hops ------------------------------------------------------------------------------ */

static __always_inline enum counter hop_to_server(__u32 id, struct nexthop *hop)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);
	__u32 version;
	int i;

	if (!s)
		return COUNT_DROP_ERROR;
	for (i = 0; i < HOP_TRIES; i++) {
		version = READ_ONCE(s->hop);
		barrier();
		*hop = s->hops[version & 1];
		barrier();
		if (READ_ONCE(s->hop) == version)
			return hop->ifindex || hop->flags & HOP_LOCAL ? GO_ON : COUNT_DROP_NO_ROUTE;
	}
	return COUNT_DROP_RACE;
}

/* Where the kernel would send a packet with this tuple. */
static __always_inline enum counter hop_to_client(const struct wire *w, const struct pkt *p,
						  bool v6, const union tuple *to,
						  struct bpf_fib_lookup *fib, struct nexthop *hop)
{
	const __u8 none[6] = {};
	long r;

	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = v6 ? AF_INET6 : AF_INET;
	fib->l4_protocol = p->l4_proto;
	fib->tot_len = p->segment_len;
	fib->ifindex = wire_ifindex(w);
	if (v6) {
		__builtin_memcpy(fib->ipv6_src, &to->v6.src, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, &to->v6.dst, sizeof(fib->ipv6_dst));
	} else {
		fib->ipv4_src = to->v4.src;
		fib->ipv4_dst = to->v4.dst;
	}
	r = bpf_fib_lookup(w->ctx, fib, sizeof(*fib), 0);
	if (r == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		hop->mtu = fib->mtu_result;
		return COUNT_DROP_TOO_BIG;
	}
	if (r != BPF_FIB_LKUP_RET_SUCCESS && r != BPF_FIB_LKUP_RET_NO_NEIGH)
		return COUNT_DROP_NO_ROUTE;
	hop->ifindex = fib->ifindex;
	hop->mtu = 0; /* was looked at */
	if (fib->family == AF_INET6)
		__builtin_memcpy(&hop->gateway, fib->ipv6_dst, sizeof(hop->gateway));
	else
		hop->gateway = addr_v4(fib->ipv4_dst);
	/* Linux 6.1 also succeeds with a neighbour that is not resolved yet. */
	if (r == BPF_FIB_LKUP_RET_SUCCESS && !mac_equal(fib->dmac, none))
		hop->flags = HOP_RESOLVED;
	__builtin_memcpy(hop->dmac, fib->dmac, 6);
	__builtin_memcpy(hop->smac, fib->smac, 6);
	return GO_ON;
}

/* XDP leaves to TC whatever is not plain, before anything was changed. */
static __always_inline bool hop_is_plain(const struct wire *w, const struct nexthop *hop)
{
	__u32 slot = hop->ifindex;
	struct port *port;

	if (!is_xdp(w))
		return true;
	if (hop->flags & HOP_LOCAL)
		return false;
	port = bpf_map_lookup_elem(&ports, &slot);
	return hop->flags & HOP_RESOLVED && port && port->flags & PORT_XDP;
}

/* ---- Going ---------------------------------------------------------------------------------- */

/* Each segment of a super-packet has headers of its own on the wire. */
static __always_inline __u64 wire_bytes(const struct pkt *p)
{
	return p->l3_len + (__u64)(p->segments - 1) * (p->l4 - p->l3 + p->l4_header);
}

static __always_inline void note_traffic(const struct pkt *p, const struct hit *h)
{
	struct server_stats *stats;
	__u64 packets = p->segments, bytes = wire_bytes(p);
	__u32 id = h->server;

	stats = bpf_map_lookup_elem(&server_stats, &id);
	if (!stats)
		return;
	if (h->flags & FLOW_REPLY) {
		stats->out_packets += packets;
		stats->out_bytes += bytes;
	} else {
		stats->in_packets += packets;
		stats->in_bytes += bytes;
	}
}

/* TC: the kernel finds the neighbour's address, and keeps the packet until then. */
static __always_inline int redirect_unresolved(const struct nexthop *hop)
{
	struct bpf_redir_neigh neigh = {};

	if (addr_is_v4(&hop->gateway)) {
		neigh.nh_family = AF_INET;
		neigh.ipv4_nh = hop->gateway.a[3];
	} else {
		neigh.nh_family = AF_INET6;
		__builtin_memcpy(neigh.ipv6_nh, &hop->gateway, sizeof(neigh.ipv6_nh));
	}
	return bpf_redirect_neigh(hop->ifindex, &neigh, sizeof(neigh), 0);
}

static __always_inline enum counter redirect(const struct wire *w, const struct nexthop *hop)
{
	struct {
		__u8 dmac[6], smac[6];
	} macs;
	int action;

	if (!is_xdp(w) && !(hop->flags & HOP_RESOLVED)) {
		action = redirect_unresolved(hop);
		return action == TC_ACT_REDIRECT ? COUNT_REDIRECTED : COUNT_DROP_ERROR;
	}
	/* Always with our own source: a switch would learn the sender's on our port otherwise. */
	__builtin_memcpy(macs.dmac, hop->dmac, 6);
	__builtin_memcpy(macs.smac, hop->smac, 6);
	if (wire_store(w, 0, &macs, sizeof(macs), 0))
		return COUNT_DROP_ERROR;
	/* Out where it came in is a redirect too: veth loses what XDP_TX sends. */
	action = bpf_redirect(hop->ifindex, 0);
	return action == (is_xdp(w) ? XDP_REDIRECT : TC_ACT_REDIRECT) ? COUNT_REDIRECTED
								      : COUNT_DROP_ERROR;
}

/* Counts the packet in this CPU's scratch, which came in by one interface and leaves by another,
 * where it grew by so many bytes. */
static __always_inline void note_ports(__u32 from, __u32 to, __u32 grow)
{
	struct port_stats *in = bpf_map_lookup_elem(&port_stats, &from);
	struct port_stats *out = bpf_map_lookup_elem(&port_stats, &to);
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	__u64 packets, bytes;

	if (!s)
		return;
	packets = s->pkt.segments;
	bytes = wire_bytes(&s->pkt);
	if (in) {
		in->in_packets += packets;
		in->in_bytes += bytes;
	}
	if (out) {
		out->out_packets += packets;
		out->out_bytes += bytes + packets * grow;
	}
}

/* Sends the packet, which an outer header made grow, to the next hop. */
static __always_inline enum counter leave(const struct wire *w, const struct nexthop *hop,
					  __u32 grow)
{
	enum counter verdict = redirect(w, hop);

	if (verdict == COUNT_REDIRECTED)
		note_ports(wire_ifindex(w), hop->ifindex, grow);
	return verdict;
}

/* Notes the packet in its flow and in the statistics. */
static __always_inline void note(const struct pkt *p, bool v6, struct scratch *s,
				 const struct hit *h)
{
	flow_touch(p, v6, s, h);
	flow_track(p, v6, s, h);
	note_traffic(p, h);
}

/* Sends a packet of a flow on its way.  DROP_TOO_BIG: s->mtu is what would fit. */
static __always_inline enum counter send(const struct wire *w, bool v6, struct scratch *s,
					 const struct hit *h)
{
	const struct pkt *p = &s->pkt;
	struct nexthop hop = {};
	enum counter verdict;
	__u32 grow = 0;
	int r;

	if (h->flags & FLOW_REPLY)
		verdict = hop_to_client(w, p, v6, &s->to, &s->fib, &hop);
	else
		verdict = hop_to_server(h->server, &hop);
	s->mtu = hop.mtu;
	if (verdict != GO_ON)
		return verdict;
	if (!hop_is_plain(w, &hop))
		return COUNT_PASSED;
	if (hop.flags & HOP_LOCAL) {
		note(p, v6, s, h);
		return COUNT_PASSED_LOCAL;
	}
	if (p->ttl <= 1)
		return COUNT_DROP_TTL;
	if (h->verbs & VERB_ENCAP)
		grow = tun_overhead(h->server);
	if (hop.mtu && p->segment_len + grow > hop.mtu) {
		s->mtu = hop.mtu - grow;
		return COUNT_DROP_TOO_BIG;
	}
	note(p, v6, s, h);
	if (mss_apply(w, p, h->server))
		return COUNT_DROP_ERROR;
	if (has_twin(h->verbs))
		r = rewrite_tuple(w, p, v6, flow_key_tuple(&s->key), &s->to);
	else
		r = rewrite_ip(w, p, v6, flow_key_tuple(&s->key), flow_key_tuple(&s->key));
	if (!r && h->verbs & VERB_ENCAP)
		r = is_xdp(w) ? xdp_tun(wire_xdp(w), h->server, flow_tag(v6, &s->key))
			      : tc_tun(wire_skb(w), h->server, flow_tag(v6, &s->key));
	return r ? COUNT_DROP_ERROR : leave(w, &hop, grow);
}

#endif
