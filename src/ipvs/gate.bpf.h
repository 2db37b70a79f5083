/* SPDX-License-Identifier: BSD-2-Clause */
/* Gates: which addresses this director owns now, and the fence around a dead daemon.
 *
 * A daemon that died holds its addresses still, while the peer has taken them over.  So the
 * programs listen: an advert of somebody else for an instance whose daemon shows no sign of life
 * sets the instance's latch, and as long as such adverts go on, nobody hears its addresses from us.
 * When the peer falls silent too, we serve again: better a director without a daemon than none.
 */
#ifndef LBD_IPVS_GATE_BPF_H
#define LBD_IPVS_GATE_BPF_H

#include "ipvs/count.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"

#define ADVERT_TTL   255
#define ADVERT_V2_V4 0x21 /* version and type, RFC 3768 */
#define ADVERT_V3    0x31 /* RFC 9568 */

/* The part of an advert that is the same in all versions. */
struct advert {
	__u8 version_type, vrid, priority, count;
	__u8 rest[4];
};

static __always_inline struct gate *gate_get(__u32 id)
{
	return bpf_map_lookup_elem(&gates, &id);
}

static __always_inline bool gate_is_fenced(const struct gate *g)
{
	__u64 heard;

	if (!READ_ONCE(g->fenced))
		return false;
	heard = READ_ONCE(g->heard_ns); /* before the clock, so that their difference is not < 0 */
	return bpf_ktime_get_ns() - heard < READ_ONCE(g->fresh_ns);
}

/* May packets of this gate's services go on? */
static __always_inline enum counter gate_verdict(__u32 id)
{
	struct gate *g;

	if (!id)
		return GO_ON;
	g = gate_get(id);
	if (!g || !READ_ONCE(g->open))
		return COUNT_DROP_GATE;
	return gate_is_fenced(g) ? COUNT_DROP_FENCED : GO_ON;
}

/* The verdict about a packet to dst, whose gate said `verdict`: where it is closed this host may be
 * a server of its peer. */
static __always_inline enum counter gate_closed(enum counter verdict, const struct addr *dst)
{
	struct gate_addr key = { .addr = *dst };
	const __u32 *value;

	if (verdict != COUNT_DROP_GATE)
		return verdict;
	value = bpf_map_lookup_elem(&gate_addrs, &key);
	return value && *value & GATE_ADDR_ON_LO ? COUNT_PASSED_LOCAL : COUNT_DROP_GATE;
}

/* Is any gate fenced?  One read, so that all below costs nothing in good times. */
static __always_inline bool gate_any_fenced(void)
{
	struct gate *all = gate_get(0);

	return all && READ_ONCE(all->fenced);
}

static __always_inline bool addr_is_link_local(const struct addr *a)
{
	return (a->a[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool gate_addr_fenced(const struct wire *w, const struct addr *addr)
{
	struct gate_addr key = { .addr = *addr };
	struct gate *g;
	__u32 *id;

	if (addr_is_link_local(addr))
		key.ifindex = wire_ifindex(w);
	id = bpf_map_lookup_elem(&gate_addrs, &key);
	if (!id)
		return false;
	g = gate_get(GATE_OF(*id));
	return g && gate_is_fenced(g);
}

/* ---- Address resolution of fenced addresses ------------------------------------------------ */

/* The address that an ARP packet asks for (target) or speaks of (sender). */
static __always_inline bool arp_fenced(const struct wire *w, const struct pkt *p, bool sender)
{
	const struct arp_ipv4 *arp = wire_at(w, p->l3, sizeof(*arp));
	struct addr addr;
	__be32 a;

	if (!arp || arp->proto != bpf_htons(ETH_P_IP) || arp->hw_len != 6 || arp->proto_len != 4)
		return false;
	if (!sender && arp->op != bpf_htons(ARP_REQUEST))
		return false;
	__builtin_memcpy(&a, sender ? arp->sender : arp->target, sizeof(a));
	addr = addr_v4(a);
	return gate_addr_fenced(w, &addr);
}

/* The target of a neighbour solicitation or advertisement (RFC 4861 4.3, 4.4). */
static __always_inline bool neighbour_fenced(const struct wire *w, const struct pkt *p, __u8 type)
{
	const struct icmp_header *icmp;
	struct addr addr;

	if (!p->ip || !p->v6 || p->fragment || p->l4_proto != IPPROTO_ICMPV6)
		return false;
	icmp = wire_at(w, p->l4, sizeof(*icmp) + sizeof(addr));
	if (!icmp || icmp->type != type)
		return false;
	__builtin_memcpy(&addr, icmp + 1, sizeof(addr));
	return gate_addr_fenced(w, &addr);
}

/* Does the packet ask who has a fenced address, or go to one? */
static __always_inline bool gate_fences_in(const struct wire *w, const struct pkt *p)
{
	if (!gate_any_fenced())
		return false;
	if (p->eth_type == bpf_htons(ETH_P_ARP))
		return arp_fenced(w, p, false);
	return neighbour_fenced(w, p, ICMP6_SOLICITATION) ||
	       (p->ip && gate_addr_fenced(w, &p->dst));
}

/* Does the packet tell the neighbours that we have a fenced address? */
static __always_inline bool gate_fences_out(const struct wire *w, const struct pkt *p)
{
	if (p->eth_type == bpf_htons(ETH_P_ARP))
		return arp_fenced(w, p, true);
	return neighbour_fenced(w, p, ICMP6_ADVERTISEMENT);
}

/* ---- Adverts ------------------------------------------------------------------------------- */

static __always_inline bool pkt_is_advert(const struct pkt *p)
{
	return p->ip && !p->fragment && p->l4_proto == IPPROTO_VRRP && p->ttl == ADVERT_TTL;
}

static __always_inline void gate_hear(const struct wire *w, const struct pkt *p)
{
	const struct advert *advert = wire_at(w, p->l4, sizeof(*advert));
	struct vrid_key key = { .ifindex = wire_ifindex(w), .v6 = p->v6 };
	struct gate *g, *all;
	__u64 beat, now;
	__u32 *id;

	if (!advert || p->l4 + sizeof(*advert) > p->l3 + p->l3_len || !advert->priority)
		return;
	if (advert->version_type != ADVERT_V3 && (p->v6 || advert->version_type != ADVERT_V2_V4))
		return;
	key.vrid = advert->vrid;
	id = bpf_map_lookup_elem(&gate_vrids, &key);
	if (!id || wire_is_echo(w))
		return;
	g = gate_get(*id);
	if (!g)
		return;
	count(w->hook, COUNT_ADVERT_HEARD);
	beat = READ_ONCE(g->beat_ns); /* before the clock, as above */
	now = bpf_ktime_get_ns();
	WRITE_ONCE(g->heard_ns, now);
	if (!READ_ONCE(g->open) || now - beat <= READ_ONCE(g->stale_ns))
		return;
	if (!__sync_lock_test_and_set(&g->fenced, 1))
		count(w->hook, COUNT_FENCE_SET);
	all = gate_get(0);
	if (all)
		WRITE_ONCE(all->fenced, 1);
}

#endif
