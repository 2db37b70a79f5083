/* SPDX-License-Identifier: BSD-2-Clause */
/* The door to a packet's bytes, and all that differs between TC and XDP.
 *
 * Both run the same source.  The functions here ask w->hook, which is a constant once everything is
 * inlined, so each program holds its own half only.  That works as long as no pointer to a struct
 * wire goes to a kernel helper.
 */
#ifndef LBD_IPVS_WIRE_BPF_H
#define LBD_IPVS_WIRE_BPF_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <bpf/bpf_helpers.h>

#include "ipvs/abi.h"
#include "ipvs/maps.bpf.h"

#define WIRE_OFFSET_MAX 1023 /* headers are looked for up to here; packets beyond are passed */
#define WIRE_PULL	256  /* TC: so many bytes are made linear */

/* The kernel's: a super-packet of SCTP.  Its linear part is IP and common header, and a list of
 * packets hangs on it, each with its own length: no byte may be taken out of them. */
#define GSO_BY_FRAGS 0xffff

/* x, which is from min to max, as the verifier of Linux 6.1 believes it: not as one comparison of a
 * difference, which is what compilers make of two, and in 64 bits, whose bounds survive a spill. */
static __always_inline __u64 within(__u64 x, __s64 min, __u64 max)
{
	barrier_var(x);
	if (x > max)
		x = max;
	barrier_var(x);
	if ((__s64)x < min)
		x = min;
	barrier_var(x);
	return x;
}

struct wire {
	void *ctx;
	enum hook hook;
};

static __always_inline bool is_xdp(const struct wire *w)
{
	return w->hook == HOOK_XDP;
}

static __always_inline struct __sk_buff *wire_skb(const struct wire *w)
{
	return w->ctx;
}

static __always_inline struct xdp_md *wire_xdp(const struct wire *w)
{
	return w->ctx;
}

static __always_inline void *wire_data(const struct wire *w)
{
	return (void *)(long)(is_xdp(w) ? wire_xdp(w)->data : wire_skb(w)->data);
}

static __always_inline void *wire_end(const struct wire *w)
{
	return (void *)(long)(is_xdp(w) ? wire_xdp(w)->data_end : wire_skb(w)->data_end);
}

static __always_inline __u32 wire_len(const struct wire *w)
{
	return is_xdp(w) ? wire_xdp(w)->data_end - wire_xdp(w)->data : wire_skb(w)->len;
}

/* Where the packet came in; at egress, where it leaves. */
static __always_inline __u32 wire_ifindex(const struct wire *w)
{
	return is_xdp(w) ? wire_xdp(w)->ingress_ifindex : wire_skb(w)->ifindex;
}

/* Of a super-packet; 0 when it is none. */
static __always_inline __u32 wire_gso_size(const struct wire *w)
{
	return is_xdp(w) ? 0 : wire_skb(w)->gso_size;
}

static __always_inline __u32 wire_gso_segs(const struct wire *w)
{
	return is_xdp(w) ? 0 : wire_skb(w)->gso_segs;
}

/* len bytes, a constant, at off; or NULL when the packet has not got them. */
static __always_inline void *wire_at(const struct wire *w, __u64 off, __u64 len)
{
	__u8 *at = wire_data(w);

	if (off > WIRE_OFFSET_MAX)
		return NULL;
	at += off;
	barrier_var(at); /* the pointer that is checked must be the one that is used */
	return at + len > (__u8 *)wire_end(w) ? NULL : at;
}

/* Overwrites len bytes, a constant.  flags are those of bpf_skb_store_bytes(): RECOMPUTE_CSUM where
 * the sum of the whole packet changes, which a card may have delivered along with it. */
static __always_inline int wire_store(const struct wire *w, __u64 off, const void *from, __u32 len,
				      __u64 flags)
{
	void *to;

	if (!is_xdp(w))
		return bpf_skb_store_bytes(wire_skb(w), off, from, len, flags);
	to = wire_at(w, off, len);
	if (!to)
		return -1;
	__builtin_memcpy(to, from, len);
	return 0;
}

/* Reads one byte behind the headers, which may not be linear.  False: it is not there. */
static __always_inline bool wire_byte(const struct wire *w, __u64 off, __u8 *ret)
{
	const __u8 *at;

	if (!is_xdp(w))
		return !bpf_skb_load_bytes(wire_skb(w), off, ret, 1);
	at = wire_at(w, off, 1);
	if (at)
		*ret = *at;
	return at;
}

/* Makes the headers readable.  False: the frame is not for a director at all. */
static __always_inline bool wire_open(const struct wire *w)
{
	struct __sk_buff *skb = wire_skb(w);
	__u32 linear;

	if (is_xdp(w))
		return true;
	linear = skb->data_end - skb->data;
	if (linear < WIRE_PULL && linear < skb->len && skb->gso_size != GSO_BY_FRAGS)
		bpf_skb_pull_data(skb, skb->len < WIRE_PULL ? skb->len : WIRE_PULL);
	/* A tag that the card took off: the VLAN's own interface sees the frame next. */
	return !skb->vlan_present;
}

/* ---- New content (TC) ------------------------------------------------------------------------ */

#define BLANK_CUT   128 /* beyond any transport header that is parsed */
#define BLANK_AGAIN 20

/* Makes the skb a plain frame of len bytes, whose content the caller stores next.
 *
 * The packet may be a super-packet, and its checksum may be unfinished: new content would inherit
 * that, and a card would write a checksum into the middle of it.  Growing by change_tail() ends the
 * first, cutting away more than the transport header's offset the second.  Kernels before
 * 54c3f1a81421 (2023) look before they pull: so it is cut twice.  0 or not. */
static __always_inline int skb_blank(struct __sk_buff *skb, __u32 len)
{
	int r = bpf_skb_change_tail(skb, len + BLANK_CUT + BLANK_AGAIN, 0);

	r = r ? r : bpf_skb_adjust_room(skb, -BLANK_CUT, BPF_ADJ_ROOM_MAC, 0);
	return r ? r : bpf_skb_adjust_room(skb, -BLANK_AGAIN, BPF_ADJ_ROOM_MAC, 0);
}

/* Puts a copy of the frame, as it is now, at the end of its interface's receive queue: it comes to
 * lbd_ingress again.  0 or not. */
static __always_inline int skb_come_again(struct __sk_buff *skb)
{
	return bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
}

/* ---- Whose frame it is ---------------------------------------------------------------------- */

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	__u8 differ = 0;
	int i;

#pragma unroll
	for (i = 0; i < 6; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

/* Does the interface's own MAC stand at off?  No, when the daemon did not tell what it is. */
static __always_inline bool wire_has_port_mac(const struct wire *w, __u64 off)
{
	__u32 slot = wire_ifindex(w);
	struct port *port = bpf_map_lookup_elem(&ports, &slot);
	const __u8 *mac = wire_at(w, off, 6);

	return mac && port && port->flags & PORT_MAC && mac_equal(port->mac, mac);
}

/* Is the frame addressed to us?  XDP knows only what the daemon tells; TC sees what it passes. */
static __always_inline bool wire_is_ours(const struct wire *w)
{
	return is_xdp(w) ? wire_has_port_mac(w, offsetof(struct ethhdr, h_dest))
			 : wire_skb(w)->pkt_type == PACKET_HOST;
}

/* Did this machine send the frame, and something brought it back? */
static __always_inline bool wire_is_echo(const struct wire *w)
{
	return (!is_xdp(w) && wire_skb(w)->pkt_type == PACKET_LOOPBACK) ||
	       wire_has_port_mac(w, offsetof(struct ethhdr, h_source));
}

#endif
