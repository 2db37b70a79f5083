/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors about packets of flows: they go where the packet in question came from.  TC only.
 *
 * An error quotes the head of the packet that it is about, as we sent it.  Turned round, the quoted
 * tuple is that of a packet the other way, and so finds the flow: what that tuple becomes, turned
 * round again, is what the quote becomes.  Hence an error from the client's side goes to the
 * server, one from the server's side to the client, whatever the method's verbs.  Servers of dr and
 * tun answer past us: for them only the former come here, and are forwarded as they are.
 *
 * Routers on a tunnel's way write to us about packets of ours that hold the client's.  Only their
 * "too big" can be told to the client, less what the tunnel's header takes.
 */
#ifndef LBD_XMIT_ICMP_BPF_H
#define LBD_XMIT_ICMP_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/gate.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/answer.bpf.h"
#include "xmit/nat.bpf.h"
#include "xmit/reject.bpf.h"
#include "xmit/send.bpf.h"

#define ICMP_FIND_TRIES 4
#define QUOTE_L4_LEN	8 /* RFC 792: at least so much of what follows the IP header */

/* The packet that an error is about: offsets in the frame. */
struct quote {
	__u32 l3, l4;
	__u32 end; /* behind the last byte that was quoted */
	__u8 l4_proto;
};

/* What is too large for the stack: the programs of all that call each other share 512 bytes. */
struct icmp_work {
	struct icmp_header icmp;
	struct quote quote;
	struct nexthop hop;
	__u32 tunnel_to; /* the server that it has to go to in a tunnel; 0: none */
	__u32 label;	 /* of that tunnel's packets */
	union {
		struct iphdr ip4;
		struct ipv6hdr ip6;
		struct ext_header ext;
		struct routing_header routing;
	} head; /* the part of the quote that is looked at */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct icmp_work);
} icmp_works SEC(".maps");

static __always_inline struct icmp_work *icmp_work_get(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&icmp_works, &slot);
}

/* ---- The error ------------------------------------------------------------------------------- */

static __always_inline bool pkt_is_icmp(const struct pkt *p)
{
	return p->l4_proto == (p->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Errors that tell a sender something.  Source quench is none (RFC 6633), a redirect is for us. */
static __always_inline bool icmp_is_error(bool v6, const struct icmp_header *icmp)
{
	if (v6)
		return icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER_PROBLEM;
	return icmp->type == ICMP4_UNREACHABLE || icmp->type == ICMP4_TIME_EXCEEDED ||
	       icmp->type == ICMP4_PARAMETER_PROBLEM;
}

/* The MTU that an error tells, 0 when it tells of something else (RFC 1191, RFC 4443 3.2). */
static __always_inline __u32 icmp_mtu(bool v6, const struct icmp_header *icmp)
{
	__u32 rest = bpf_ntohl(icmp->rest);

	if (v6)
		return icmp->type == ICMP6_TOO_BIG ? rest : 0;
	return icmp->type == ICMP4_UNREACHABLE && icmp->code == ICMP4_FRAGMENTATION_NEEDED
		       ? rest & 0xffff
		       : 0;
}

/* ---- The quote ------------------------------------------------------------------------------- */

static __always_inline bool quote_parse_ip4(struct __sk_buff *skb, struct icmp_work *work,
					    union tuple *t)
{
	struct iphdr *ip = &work->head.ip4;
	struct quote *q = &work->quote;

	if (bpf_skb_load_bytes(skb, q->l3, ip, sizeof(*ip)) || ip->version != 4 || ip->ihl < 5 ||
	    ip->frag_off & bpf_htons(IP_OFFSET))
		return false;
	q->l4 = q->l3 + ip->ihl * 4;
	q->l4_proto = ip->protocol;
	t->v4.src = ip->saddr;
	t->v4.dst = ip->daddr;
	return true;
}

/* Steps over one extension header.  False: there is none at q->l4, or we must not pass it. */
static __always_inline bool quote_step_ext(struct __sk_buff *skb, struct icmp_work *work)
{
	struct ext_header *ext = &work->head.ext;
	struct quote *q = &work->quote;
	__u32 len = 8;

	if (bpf_skb_load_bytes(skb, q->l4, ext, sizeof(*ext)))
		return false;
	switch (q->l4_proto) {
	case IPPROTO_ROUTING:
		if (work->head.routing.segments_left)
			return false;
		/* fall through */
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		len += ext->len * 8;
		break;
	case IPPROTO_FRAGMENT:
		if (ext->fragment & bpf_htons(IP6_OFFSET))
			return false;
		break;
	default:
		return false;
	}
	q->l4_proto = ext->next;
	q->l4 += len;
	return true;
}

static __always_inline bool quote_parse_ip6(struct __sk_buff *skb, struct icmp_work *work,
					    union tuple *t)
{
	struct ipv6hdr *ip = &work->head.ip6;
	struct quote *q = &work->quote;
	int i;

	if (bpf_skb_load_bytes(skb, q->l3, ip, sizeof(*ip)) || ip->version != 6)
		return false;
	q->l4 = q->l3 + sizeof(*ip);
	q->l4_proto = ip->nexthdr;
	__builtin_memcpy(&t->v6.src, &ip->saddr, sizeof(t->v6.src));
	__builtin_memcpy(&t->v6.dst, &ip->daddr, sizeof(t->v6.dst));
	for (i = 0; i < EXT_HEADERS; i++)
		if (!quote_step_ext(skb, work))
			break;
	return true;
}

/* Reads the packet at quote.l3, and its tuple; ports are read whatever stands in their place.
 * False: it is not the first, or only, part of a packet, or too little of it is there. */
static __always_inline bool quote_parse(struct __sk_buff *skb, bool v6, struct icmp_work *work,
					union tuple *t)
{
	const struct quote *q = &work->quote;

	if (!(v6 ? quote_parse_ip6(skb, work, t) : quote_parse_ip4(skb, work, t)) ||
	    q->l4 + QUOTE_L4_LEN > q->end)
		return false;
	return !bpf_skb_load_bytes(skb, q->l4, v6 ? &t->v6.sport : &t->v4.sport, 4);
}

static __always_inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return !((a->a[0] ^ b->a[0]) | (a->a[1] ^ b->a[1]) | (a->a[2] ^ b->a[2]) |
		 (a->a[3] ^ b->a[3]));
}

/* ---- Finding its flow ------------------------------------------------------------------------ */

/* GO_ON: the flow at s->key may go on, and *h is it. */
static __always_inline enum counter icmp_find(bool v6, struct scratch *s, struct hit *h)
{
	enum find found;
	int i;

	for (i = 0; i < ICMP_FIND_TRIES; i++) {
		found = flow_find(v6, s, h);
		if (found == FIND_NONE)
			return COUNT_PASSED; /* about a packet of this host's, perhaps */
		if (found == FIND_LIVE)
			return gate_verdict(h->gate);
	}
	return COUNT_DROP_RACE;
}

/* ---- Translating ----------------------------------------------------------------------------- */

/* Where the quoted transport header has its checksum; 0: it has none that depends on the tuple, or
 * was cut off before it. */
static __always_inline __u32 quote_check_offset(const struct quote *q)
{
	__u32 at;

	if (q->l4_proto == IPPROTO_TCP)
		at = q->l4 + offsetof(struct tcphdr, check);
	else if (q->l4_proto == IPPROTO_UDP)
		at = q->l4 + offsetof(struct udphdr, check);
	else
		return 0;
	return at + sizeof(__sum16) <= q->end ? at : 0;
}

/* Adds `change` to a checksum field in the quote; *sum: how the sum of the message changes. */
static __always_inline int quote_fix_check(struct __sk_buff *skb, __u32 at, __u64 change, bool udp,
					   __u64 *sum)
{
	__sum16 before, after;

	if (bpf_skb_load_bytes(skb, at, &before, sizeof(before)))
		return -1;
	if (udp && !before)
		return 0; /* the sender made none */
	after = csum_apply(before, change);
	if (udp && !after)
		after = 0xffff;
	*sum += (__u16)~before + after;
	return bpf_skb_store_bytes(skb, at, &after, sizeof(after), 0);
}

/* Gives the quote the tuple in s->other, and its checksums what follows from that.  The stores
 * leave the packet's sum alone: the message's checksum will make up for them. */
static __always_inline int quote_rewrite(struct __sk_buff *skb, bool v6, const struct quote *q,
					 struct scratch *s, __u64 *sum)
{
	const union tuple *from = flow_key_tuple(&s->key), *to = flow_key_tuple(&s->other);
	__be32 before = tuple_ports(v6, from), after = tuple_ports(v6, &s->to);
	__u64 addrs = csum_change_addrs(v6, from, &s->to); /* both turned: it is the same */
	__u64 ports_change = csum_change(&before, &after, 1);
	__u32 at = quote_check_offset(q);
	int r;

	*sum = addrs + ports_change;
	if (v6)
		r = bpf_skb_store_bytes(skb, q->l3 + offsetof(struct ipv6hdr, saddr), &to->v6.src,
					32, 0);
	else
		r = bpf_skb_store_bytes(skb, q->l3 + offsetof(struct iphdr, saddr), &to->v4.src, 8,
					0);
	if (!r)
		r = bpf_skb_store_bytes(skb, q->l4, v6 ? &to->v6.sport : &to->v4.sport, 4, 0);
	if (!r && !v6)
		r = quote_fix_check(skb, q->l3 + offsetof(struct iphdr, check), addrs, false, sum);
	if (!r && at)
		r = quote_fix_check(skb, at, addrs + ports_change, q->l4_proto == IPPROTO_UDP, sum);
	return r;
}

/* The error's own addresses: its destination is the sender of the packet in question.  Its source
 * stays, where the other side may see it; both go to s->key and s->other. */
static __always_inline void icmp_addrs(const struct pkt *p, bool v6, struct scratch *s,
				       const struct hit *h)
{
	union tuple *from = flow_key_tuple(&s->key), *to = flow_key_tuple(&s->other);

	tuple_of(p, v6, from);
	tuple_copy(v6, to, from);
	if (v6) {
		if (h->verbs & VERB_SNAT)
			to->v6.src = s->to.v6.src;
		if (h->verbs & VERB_DNAT)
			to->v6.dst = s->to.v6.dst;
		return;
	}
	if (h->verbs & VERB_SNAT)
		to->v4.src = s->to.v4.src;
	if (h->verbs & VERB_DNAT)
		to->v4.dst = s->to.v4.dst;
}

static __always_inline int icmp_rewrite(const struct wire *w, bool v6, const struct quote *q,
					struct scratch *s, const struct hit *h)
{
	const union tuple *from = flow_key_tuple(&s->key), *to = flow_key_tuple(&s->other);
	__u32 check = s->pkt.l4 + offsetof(struct icmp_header, check);
	struct __sk_buff *skb = wire_skb(w);
	__u64 sum = 0;
	int r = 0;

	if (has_twin(h->verbs)) {
		flow_key_turn(v6, s);
		r = quote_rewrite(skb, v6, q, s, &sum);
		if (!r)
			r = bpf_l4_csum_replace(skb, check, 0, csum_fold32(sum), 0);
	}
	icmp_addrs(&s->pkt, v6, s, h);
	if (!r && v6)
		r = bpf_l4_csum_replace(skb, check, 0, csum_fold32(csum_change_addrs(v6, from, to)),
					BPF_F_PSEUDO_HDR);
	return r ? r : rewrite_ip(w, &s->pkt, v6, from, to);
}

/* ---- From a tunnel's way --------------------------------------------------------------------- */

/* Is addr the server that h's flow goes to? */
static __always_inline bool hit_is_server(const struct hit *h, const struct addr *addr)
{
	__u32 id = h->server;
	struct server *server = bpf_map_lookup_elem(&servers, &id);

	return server && addr_equal(&server->addr, addr);
}

/* GO_ON: the packet is now the error for the client whose packet, v6, was quoted as q. */
static __always_inline enum counter tunnel_tell(struct __sk_buff *skb, bool v6, struct scratch *s,
						const struct quote *q, __u32 mtu)
{
	struct answer *a = answer_get();
	__u32 len;

	if (!a)
		return COUNT_DROP_ERROR;
	tuple_turn(v6, &a->way, flow_key_tuple(&s->key));
	len = answer_icmp(skb, v6, ANSWER_TOO_BIG, mtu_to_tell(v6, mtu), q->l3, q->end - q->l3, a);
	if (!len || len > sizeof(struct icmp_header) + QUOTE_MAX)
		return COUNT_DROP_ERROR;
	answer_ip(v6, a, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, len);
	len += v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	/* redirect() writes the MACs; where the kernel does, they must not look like a multicast.
	 */
	__builtin_memset(a->eth.h_dest, 0, 6);
	__builtin_memset(a->eth.h_source, 0, 6);
	if (s->pkt.v6 != v6 && bpf_skb_change_proto(skb, a->eth.h_proto, 0))
		return COUNT_DROP_ERROR;
	return answer_write(skb, a, len) ? GO_ON : COUNT_DROP_ERROR;
}

/* The server that the quoted tunnel packet, at `at`, went to. */
static __always_inline int tunnel_server(struct __sk_buff *skb, bool v6, __u32 at, struct addr *rip)
{
	if (v6)
		return bpf_skb_load_bytes(skb, at + offsetof(struct ipv6hdr, daddr), rip,
					  sizeof(*rip));
	*rip = addr_v4(0);
	return bpf_skb_load_bytes(skb, at + offsetof(struct iphdr, daddr), &rip->a[3],
				  sizeof(rip->a[3]));
}

/* v6: of the client's packet, which work->quote is about. */
static __always_inline enum counter tunnel_error(struct __sk_buff *skb, bool v6, struct scratch *s,
						 struct icmp_work *work, __u32 mtu)
{
	const struct wire w = { skb, HOOK_INGRESS };
	struct quote *q = &work->quote;
	struct hit h = {};
	struct addr rip;
	enum counter verdict;

	if (tunnel_server(skb, s->pkt.v6, s->pkt.l4 + sizeof(struct icmp_header), &rip) ||
	    !quote_parse(skb, v6, work, flow_key_tuple(&s->key)))
		return COUNT_PASSED;
	flow_key_set_proto(v6, &s->key, q->l4_proto);
	verdict = icmp_find(v6, s, &h);
	if (verdict != GO_ON)
		return verdict;
	if (!(h.verbs & VERB_ENCAP) || !hit_is_server(&h, &rip))
		return COUNT_PASSED;
	if (!mtu || (!v6 && !(work->head.ip4.frag_off & bpf_htons(IP_DF))))
		return COUNT_DROP_ICMP;
	tuple_turn(v6, &s->to, flow_key_tuple(&s->key));
	s->pkt.segment_len = 1; /* fits anywhere; for 0 the kernel measures what came in */
	__builtin_memset(&work->hop, 0, sizeof(work->hop));
	verdict = hop_to_client(&w, &s->pkt, v6, &s->to, &s->fib, &work->hop);
	if (verdict == GO_ON)
		verdict = tunnel_tell(skb, v6, s, q, mtu);
	return verdict == GO_ON ? redirect(&w, &work->hop) : verdict;
}

/* Tells a client what a router on its tunnel's way said: the error that tc_icmp_error() left in
 * this CPU's memory.  Returns an enum counter. */
__noinline int tc_tunnel_error(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct icmp_work *work = icmp_work_get();
	__u32 mtu, head;

	if (!s || !work)
		return COUNT_DROP_ERROR;
	mtu = icmp_mtu(s->pkt.v6, &work->icmp);
	head = work->quote.l4 - work->quote.l3;
	mtu = mtu > head ? mtu - head : 0;
	work->quote.l3 = work->quote.l4;
	return work->quote.l4_proto == IPPROTO_IPV6 ? tunnel_error(skb, true, s, work, mtu)
						    : tunnel_error(skb, false, s, work, mtu);
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Reads the error, and the quoted packet's tuple into s->to. */
static __always_inline bool icmp_parse(struct __sk_buff *skb, bool v6, struct scratch *s,
				       struct icmp_work *work)
{
	struct icmp_header *icmp = &work->icmp;
	const struct pkt *p = &s->pkt;

	work->quote.l3 = p->l4 + sizeof(*icmp);
	work->quote.end = p->l3 + p->l3_len;
	if (bpf_skb_load_bytes(skb, p->l4, icmp, sizeof(*icmp)) || !icmp_is_error(v6, icmp) ||
	    !quote_parse(skb, v6, work, &s->to))
		return false;
	/* Errors go to the sender of what they are about. */
	return v6 ? addr_equal(&p->dst, &s->to.v6.src) : p->dst.a[3] == s->to.v4.src;
}

/* Finds the way to the other side.  GO_ON: it is in work->hop, and the error fits. */
static __always_inline enum counter icmp_hop(const struct wire *w, bool v6, struct scratch *s,
					     struct icmp_work *work, const struct hit *h)
{
	struct nexthop *hop = &work->hop;
	struct pkt *p = &s->pkt;
	enum counter verdict;
	__u32 grow = 0;

	p->segments = 1;
	p->segment_len = p->l3_len;
	__builtin_memset(hop, 0, sizeof(*hop));
	if (h->flags & FLOW_REPLY)
		verdict = hop_to_client(w, p, v6, &s->to, &s->fib, hop);
	else
		verdict = hop_to_server(h->server, hop);
	if (verdict != GO_ON)
		return verdict;
	if (hop->flags & HOP_LOCAL)
		return COUNT_PASSED_LOCAL;
	if (p->ttl <= 1)
		return COUNT_DROP_TTL;
	if (h->verbs & VERB_ENCAP)
		grow = tun_overhead(h->server);
	return hop->mtu && p->segment_len + grow > hop->mtu ? COUNT_DROP_TOO_BIG : GO_ON;
}

static __always_inline enum counter icmp_send(struct __sk_buff *skb, bool v6, struct scratch *s,
					      struct icmp_work *work, const struct hit *h)
{
	const struct wire w = { skb, HOOK_INGRESS };
	enum counter verdict;

	work->tunnel_to = h->verbs & VERB_ENCAP ? h->server : 0;
	work->label = flow_tag(v6, &s->key);
	verdict = icmp_hop(&w, v6, s, work, h);
	if (verdict != GO_ON)
		return verdict;
	note_traffic(&s->pkt, h);
	if (icmp_rewrite(&w, v6, &work->quote, s, h))
		return COUNT_DROP_ERROR;
	return leave(&w, &work->hop, work->tunnel_to ? tun_overhead(h->server) : 0);
}

static __always_inline enum counter icmp_error(struct __sk_buff *skb, bool v6, struct scratch *s,
					       struct icmp_work *work)
{
	const struct quote *q = &work->quote;
	enum counter verdict;
	struct hit h = {};

	if (!icmp_parse(skb, v6, s, work))
		return COUNT_PASSED;
	if (q->l4_proto == IPPROTO_IPIP || q->l4_proto == IPPROTO_IPV6)
		return GO_ON;
	tuple_turn(v6, flow_key_tuple(&s->key), &s->to);
	flow_key_set_proto(v6, &s->key, q->l4_proto);
	verdict = icmp_find(v6, s, &h);
	return verdict == GO_ON ? icmp_send(skb, v6, s, work, &h) : verdict;
}

/* Sends an ICMP error, which lies parsed in this CPU's scratch, where it belongs.  Returns an enum
 * counter.  Two things are left to icmp_handle(), since all that call each other share one stack:
 * GO_ON: it is about a tunnel's packet; REDIRECTED: it may have to go into a tunnel itself. */
__noinline int tc_icmp_error(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct icmp_work *work = icmp_work_get();

	if (!s || !work)
		return COUNT_DROP_ERROR;
	work->tunnel_to = 0;
	return s->pkt.v6 ? icmp_error(skb, true, s, work) : icmp_error(skb, false, s, work);
}

/* What becomes of an ICMP packet.  Nobody is told of these drops: there are no errors about errors
 * (RFC 1122 3.2.2). */
static __always_inline enum counter icmp_handle(struct __sk_buff *skb)
{
	enum counter verdict = tc_icmp_error(skb);
	struct icmp_work *work = icmp_work_get();

	if (verdict == GO_ON)
		verdict = tc_tunnel_error(skb);
	if (verdict != COUNT_REDIRECTED || !work)
		return verdict;
	if (work->tunnel_to && tc_tun(skb, work->tunnel_to, work->label))
		return COUNT_DROP_ERROR;
	count(HOOK_INGRESS, COUNT_ICMP_TRANSLATED);
	return COUNT_REDIRECTED;
}

#endif
