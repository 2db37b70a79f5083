/* SPDX-License-Identifier: BSD-2-Clause */
/* The MSS clamp: what a SYN, or the answer to one, announces is at most what the service says.
 *
 * Servers of dr and tun answer past us, so there only what clients announce is bounded.
 */
#ifndef LBD_XMIT_MSS_BPF_H
#define LBD_XMIT_MSS_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"
#include "xmit/nat.bpf.h"

#define TCP_OPTIONS_MAX 40
#define TCP_OPTION_END	0
#define TCP_OPTION_NOP	1
#define TCP_OPTION_MSS	2
#define MSS_LEN		4 /* kind, length, value */

/* The walk over a header's options. */
struct options {
	__u8 byte[64]; /* a power of two, so that an index can be cut to it */
	__u32 len;
	__u32 at;
	bool found; /* the MSS option, at `at` */
};
#define OPTION(o, at) ((o)->byte[(at) % sizeof((o)->byte)])

static __always_inline long options_load(const struct wire *w, const struct pkt *p,
					 struct options *o)
{
	__u32 at = p->l4 + sizeof(struct tcphdr), len;

	/* Changes nothing, but tells the verifier that there is at least one byte. */
	len = (o->len - 1) % sizeof(o->byte) + 1;
	return is_xdp(w) ? bpf_xdp_load_bytes(wire_xdp(w), at, o->byte, len)
			 : bpf_skb_load_bytes(wire_skb(w), at, o->byte, len);
}

/* Looks at one option, in the form that bpf_loop() wants: 1 ends it. */
static long options_step(__u32 step, struct options *o)
{
	__u8 kind = OPTION(o, o->at), len = OPTION(o, o->at + 1);

	if (o->at + MSS_LEN > o->len || kind == TCP_OPTION_END)
		return 1;
	if (kind == TCP_OPTION_NOP) {
		o->at++;
		return 0;
	}
	o->found = kind == TCP_OPTION_MSS && len == MSS_LEN;
	if (o->found || len < 2) /* no option is so short */
		return 1;
	o->at += len;
	return 0;
}

/* Lets the checksum follow.  swapped: the value begins at an odd byte, and stands in the words that
 * are summed up the other way round. */
static __always_inline long mss_sum(const struct wire *w, struct pkt *p, bool swapped,
				    __be16 before, __be16 after)
{
	__u64 at = p->l4 + offsetof(struct tcphdr, check);

	if (swapped) {
		before = __builtin_bswap16(before);
		after = __builtin_bswap16(after);
	}
	if (!is_xdp(w)) /* not part of the pseudo header: an unfinished sum stays as it is */
		return bpf_l4_csum_replace(wire_skb(w), at, before, after, sizeof(before));
	p->l4_check = csum_apply(p->l4_check, (__u64)(__u16)~before + after);
	return wire_store(w, at, &p->l4_check, sizeof(p->l4_check), 0);
}

static __always_inline long mss_clamp(const struct wire *w, struct pkt *p, __u16 most)
{
	struct options o = { .len = p->l4_header - sizeof(struct tcphdr) };
	__be16 before, after = bpf_htons(most);
	long r;

	if (!o.len || o.len > TCP_OPTIONS_MAX)
		return 0;
	r = options_load(w, p, &o);
	if (r)
		return r;
	bpf_loop(TCP_OPTIONS_MAX, options_step, &o, 0);
	before = bpf_htons(OPTION(&o, o.at + 2) << 8 | OPTION(&o, o.at + 3));
	if (!o.found || bpf_ntohs(before) <= most)
		return 0;
	r = mss_sum(w, p, o.at & 1, before, after);
	if (r)
		return r;
	return wire_store(w, p->l4 + sizeof(struct tcphdr) + o.at + 2, &after, sizeof(after), 0);
}

/* Bounds what the SYN in this CPU's scratch announces to `most`.  0, or a kernel helper refused. */
__noinline int tc_mss_clamp(struct __sk_buff *skb, __u16 most)
{
	const struct wire w = { skb, HOOK_INGRESS };
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	return s ? mss_clamp(&w, &s->pkt, most) : -1;
}

__noinline int xdp_mss_clamp(struct xdp_md *xdp, __u16 most)
{
	const struct wire w = { xdp, HOOK_XDP };
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	return s ? mss_clamp(&w, &s->pkt, most) : -1;
}

/* What SYNs of this server's service may announce; 0: anything. */
static __always_inline __u16 mss_of(__u32 id)
{
	struct server *server = bpf_map_lookup_elem(&servers, &id);
	__u32 slot;
	struct svc *svc;

	if (!server)
		return 0;
	slot = server->svc;
	svc = bpf_map_lookup_elem(&svcs, &slot);
	return svc ? svc->mss : 0;
}

/* Clamps the packet of a flow with this server, if it is a SYN. */
static __always_inline int mss_apply(const struct wire *w, const struct pkt *p, __u32 server)
{
	__u16 most;

	if (!(p->tcp_flags & TCP_SYN))
		return 0;
	most = mss_of(server);
	if (!most)
		return 0;
	return is_xdp(w) ? xdp_mss_clamp(wire_xdp(w), most) : tc_mss_clamp(wire_skb(w), most);
}

#endif
