/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments: only the first one of a packet has ports; later ones are told them here.
 *
 * The first one is handled like any packet, it may begin a flow; its ports are noted.  Later ones
 * take them from that note, belong to the same flow then, and only addresses are rewritten.  One
 * that comes before its first is held for a moment.  When the first comes, its flow is made, and
 * then the first and all that waited are put into the receive queue, in order: they come here once
 * more, and find flow and note.  So whatever is done to packets (another method, a next hop to be
 * resolved, the host's own stack) is done to them too.
 *
 * Who can tell whose a fragment is that has no ports?  So all of TCP and UDP are held, those for
 * the host's stack also: without the first one they are of no use there either, and with it they go
 * on. The note is written before `held` is looked at, and `held` before the note is looked at
 * again: of two CPUs that have a first and a later one at the same time at least one sees what the
 * other did. Who removes an entry of `held` has the fragment.  TC only: XDP leaves all fragments to
 * it.
 */
#ifndef LBD_IPVS_FRAGMENT_BPF_H
#define LBD_IPVS_FRAGMENT_BPF_H

#include <linux/errno.h>

#include "ipvs/count.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/gate.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/wire.bpf.h"

#define NOTE_SECONDS 15
#define HELD_SECONDS 1
#define IP_MAX	     65535 /* bytes of a packet that is put together */

/* What does not fit the stack. */
struct fragment_room {
	struct held_key key; /* begins with the key of `fragments` */
	__u32 fence;
	struct fragment note;
	struct held held;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fragment_room);
} fragment_rooms SEC(".maps");

/* ---- What it is ----------------------------------------------------------------------------- */

static __always_inline bool proto_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* May it be of a flow?  IPv6 options may stand between the fragment header and the ports. */
static __always_inline bool fragment_is_followed(const struct pkt *p)
{
	return proto_has_ports(p->fragment_next) || (p->v6 && p->fragment_next == IPPROTO_DSTOPTS);
}

/* A later one that starts within the TCP or SCTP header would overwrite flags or chunk (RFC 1858,
 * RFC 3128), one that ends beyond the longest packet would overwrite anything. */
static __always_inline bool fragment_later_is_bad(const struct pkt *p)
{
	__u32 end = p->fragment_at + p->l3_len - (p->l4 - p->l3);

	return end > IP_MAX || (p->fragment_at == 8 && (p->fragment_next == IPPROTO_TCP ||
							p->fragment_next == IPPROTO_SCTP));
}

/* A first one must have all headers (RFC 1858, RFC 7112): else nobody can tell whose it is. */
static __always_inline bool fragment_first_is_bad(const struct pkt *p)
{
	if (proto_has_ports(p->l4_proto))
		return !p->ports;
	return fragment_is_followed(p) && p->l4 + sizeof(struct ext_header) > p->l3 + p->l3_len;
}

/* Room with the packet's key, or NULL. */
static __always_inline struct fragment_room *fragment_open(const struct pkt *p)
{
	__u32 slot = 0;
	struct fragment_room *room = bpf_map_lookup_elem(&fragment_rooms, &slot);

	if (!room)
		return NULL;
	room->key.packet = (struct fragment_key){
		.src = p->src,
		.dst = p->dst,
		.id = p->fragment_id,
		.proto = p->v6 ? 0 : p->fragment_next,
	};
	return room;
}

/* Whoever looks into one map after this sees what was written to the other one before, or is itself
 * seen there: unlocking a bucket alone is no barrier between the two. */
static __always_inline void fragment_fence(struct fragment_room *room)
{
	__sync_lock_test_and_set(&room->fence, 1);
}

/* ---- Later ones ------------------------------------------------------------------------------ */

/* Tells the packet what was noted of its first fragment.  False: nothing. */
static __always_inline bool fragment_recall(struct pkt *p, struct fragment_room *room)
{
	const struct fragment *note = bpf_map_lookup_elem(&fragments, &room->key.packet);

	if (!note || now_jiffies() - note->seen > NOTE_SECONDS * cfg_hz)
		return false;
	p->l4_proto = note->proto;
	p->sport = note->sport;
	p->dport = note->dport;
	p->ports = proto_has_ports(p->l4_proto);
	p->segments = 1;
	p->segment_len = p->l3_len;
	return true;
}

/* Is room->key free, or has nobody asked for what is there? */
static __always_inline bool held_put(struct fragment_room *room)
{
	const struct held *there;
	int r = bpf_map_update_elem(&held, &room->key, &room->held, BPF_NOEXIST);

	if (r != -EEXIST)
		return !r;
	there = bpf_map_lookup_elem(&held, &room->key);
	if (there && room->held.seen - there->seen <= HELD_SECONDS * cfg_hz)
		return false;
	r = bpf_map_update_elem(&held, &room->key, &room->held, BPF_ANY);
	return !r;
}

static __always_inline bool fragment_hold(struct __sk_buff *skb, const struct pkt *p,
					  struct fragment_room *room)
{
	__u32 len = p->l3 + p->l3_len, i;

	if (!len || len > HELD_LEN)
		return false;
	room->held.seen = now_jiffies();
	room->held.len = len;
	if (bpf_skb_load_bytes(skb, 0, room->held.frame, within(len, 1, HELD_LEN)))
		return false;
	for (i = 0; i < HELD_EACH; i++) {
		room->key.number = i;
		if (held_put(room))
			return true;
	}
	return false;
}

/* The packet, a later fragment, is told its ports.  GO_ON: it may have some now. */
static __always_inline enum counter fragment_later(struct __sk_buff *skb, struct pkt *p,
						   struct fragment_room *room)
{
	struct gate_addr vip = { .addr = p->dst };
	int r;

	if (fragment_later_is_bad(p))
		return COUNT_DROP_FRAGMENT;
	if (!fragment_is_followed(p) || fragment_recall(p, room))
		return GO_ON;
	if (!fragment_hold(skb, p, room))
		return bpf_map_lookup_elem(&gate_addrs, &vip) ? COUNT_DROP_FRAGMENT
							      : COUNT_PASSED_FRAGMENT;
	fragment_fence(room);
	if (!fragment_recall(p, room))
		return COUNT_HELD;
	/* The first one came meanwhile: whose is this? */
	r = bpf_map_delete_elem(&held, &room->key);
	return r ? COUNT_HELD : GO_ON;
}

/* The fragment in this CPU's scratch, before its flow is looked for.  GO_ON, or its verdict. */
__noinline int tc_fragment(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct fragment_room *room = s ? fragment_open(&s->pkt) : NULL;

	if (!room)
		return COUNT_DROP_ERROR;
	if (pkt_is_later(&s->pkt))
		return fragment_later(skb, &s->pkt, room);
	return fragment_first_is_bad(&s->pkt) ? COUNT_DROP_FRAGMENT : GO_ON;
}

/* ---- First ones ------------------------------------------------------------------------------ */

static __always_inline void fragment_note(const struct pkt *p, struct fragment_room *room)
{
	room->note = (struct fragment){
		.sport = p->ports ? p->sport : 0,
		.dport = p->ports ? p->dport : 0,
		.seen = now_jiffies(),
		.proto = p->l4_proto,
	};
	bpf_map_update_elem(&fragments, &room->key.packet, &room->note, BPF_ANY);
}

/* Takes the fragment at room->key out of `held`.  False: there is none that is worth it. */
static __always_inline bool held_take(struct fragment_room *room)
{
	const struct held *there = bpf_map_lookup_elem(&held, &room->key);
	int r;

	if (!there || bpf_probe_read_kernel(&room->held, sizeof(room->held), there))
		return false;
	r = bpf_map_delete_elem(&held, &room->key);
	return !r && now_jiffies() - room->held.seen <= HELD_SECONDS * cfg_hz;
}

/* The skb becomes the fragment in room->held, and comes again. */
static __always_inline int held_replay(struct __sk_buff *skb, const struct fragment_room *room)
{
	__u64 len = within(room->held.len, 1, HELD_LEN);
	int r = skb_blank(skb, len);

	r = r ? r : bpf_skb_store_bytes(skb, 0, room->held.frame, len, BPF_F_RECOMPUTE_CSUM);
	return r ? r : skb_come_again(skb);
}

/* The first fragment in this CPU's scratch, when its flow is there, or when it goes to the stack:
 * notes its ports.  GO_ON; or HELD: it comes again, and so do those that had waited for it. */
__noinline int tc_fragment_first(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct fragment_room *room = s ? fragment_open(&s->pkt) : NULL;
	bool again = false;
	__u32 i;

	if (!room || !fragment_is_followed(&s->pkt))
		return GO_ON;
	fragment_note(&s->pkt, room);
	fragment_fence(room);
	for (i = 0; i < HELD_EACH; i++) {
		room->key.number = i;
		if (!held_take(room))
			continue;
		if (!again && skb_come_again(skb))
			return GO_ON;
		if (!again)
			count(HOOK_INGRESS, COUNT_MADE_REPLAY);
		again = true;
		if (held_replay(skb, room))
			break;
		count(HOOK_INGRESS, COUNT_MADE_REPLAY);
	}
	return again ? COUNT_HELD : GO_ON;
}

/* ---- On a packet's way ----------------------------------------------------------------------- */

/* Before anything is done with it; most packets are no fragments.  GO_ON, or its verdict. */
static __always_inline enum counter fragment_enter(const struct wire *w, const struct pkt *p)
{
	if (!p->fragment)
		return GO_ON;
	return is_xdp(w) ? COUNT_PASSED : tc_fragment(wire_skb(w));
}

/* When its flow is there, before it is sent.  GO_ON, or HELD. */
static __always_inline enum counter fragment_has_flow(const struct wire *w, const struct pkt *p)
{
	if (is_xdp(w) || !p->fragment || pkt_is_later(p))
		return GO_ON;
	return tc_fragment_first(wire_skb(w));
}

/* A later one, and there is no flow, or it could not be sent.  Nobody is told about these, RFC 1122
 * 3.2.2.  UDP to a service would have begun a flow with the first one. */
static __always_inline enum counter fragment_has_none(const struct pkt *p, enum counter verdict)
{
	return verdict == COUNT_DROP_NO_FLOW && p->l4_proto == IPPROTO_UDP ? COUNT_DROP_FRAGMENT
									   : verdict;
}

/* When its verdict is known: what is left to the stack are all fragments of a packet. */
static __always_inline enum counter fragment_leave(const struct wire *w, const struct pkt *p,
						   enum counter verdict)
{
	if (is_xdp(w) || !p->fragment || verdict != COUNT_PASSED)
		return verdict;
	if (!pkt_is_later(p) && tc_fragment_first(wire_skb(w)) == COUNT_HELD)
		return COUNT_HELD;
	return COUNT_PASSED_FRAGMENT;
}

#endif
