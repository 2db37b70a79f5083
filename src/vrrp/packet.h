/* SPDX-License-Identifier: BSD-2-Clause */
/* VRRP messages, version 3 (RFC 9568 section 5) and version 2 (RFC 3768 section 5): bytes to facts
 * and back.  Pure: no instance, log or clock. */
#ifndef LBD_VRRP_PACKET_H
#define LBD_VRRP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/usec.h"

#define VRRP_PROTOCOL	   112
#define VRRP_HEADER_LEN	   8
#define VRRP_MAX_ADDRESSES 255
#define VRRP_AUTH_LEN	   8 /* after the addresses of version 2 */
#define VRRP_PACKET_MAX	   (VRRP_HEADER_LEN + VRRP_MAX_ADDRESSES * 16)

/* One datagram and what its IP header said; data is borrowed. */
struct vrrp_datagram {
	int family;
	struct addr src, dst;
	int hops; /* TTL or hop limit */
	const uint8_t *data;
	size_t len;
};

/* What the routers of one virtual router must agree upon, and how we speak. */
struct vrrp_dialect {
	uint8_t version;      /* 2 (IPv4 only) or 3 */
	usec_t interval;      /* ours: of version 2 whole seconds, of 3 whole centiseconds */
	const char *password; /* version 2: of simple authentication; NULL: none; borrowed */
	bool message_only;    /* version 3, IPv4: what the checksum that we send covers */
};

struct vrrp_advert {
	uint8_t vrid;
	uint8_t priority;
	usec_t interval;
	int family;
	unsigned n_addresses;
	const uint8_t *addresses; /* as on the wire, borrowed from the datagram */
	bool pseudo;		  /* the checksum covers the pseudo header */
	bool trailing;		  /* there are bytes after the last address */
};

/* Why a datagram is no advert of ours, in the order in which it is looked at. */
enum vrrp_verdict {
	VRRP_VALID,
	VRRP_BAD_SHORT,
	VRRP_BAD_TTL,
	VRRP_BAD_VERSION,
	VRRP_BAD_TYPE,
	VRRP_BAD_CHECKSUM,
	VRRP_BAD_AUTH,
	VRRP_BAD_COUNT,
	VRRP_BAD_LINK_LOCAL,
	VRRP_BAD_INTERVAL,
	VRRP_BAD_OTHER_INTERVAL,
	VRRP_VERDICTS,
};

/* "neither form of the checksum is right" */
const char *vrrp_verdict_text(enum vrrp_verdict v);

/* *ret is whole only when the verdict is VRRP_VALID. */
enum vrrp_verdict vrrp_packet_parse(const struct vrrp_datagram *d,
				    const struct vrrp_dialect *dialect, struct vrrp_advert *ret);
/* The i-th address of an advert. */
struct addr vrrp_advert_address(const struct vrrp_advert *a, unsigned i);

/* What an IPv4 raw socket returns begins with the IP header: leaves the payload in *d (data, len).
 * False: it is no whole IPv4 header. */
bool vrrp_strip_ipv4(struct vrrp_datagram *d);

/* Writes an advert into buf (VRRP_PACKET_MAX bytes) and returns its length.  n is at most
 * VRRP_MAX_ADDRESSES; the addresses and src are of one family; dst is what the checksum covers. */
size_t vrrp_packet_build(uint8_t *buf, const struct vrrp_dialect *dialect, uint8_t vrid,
			 uint8_t priority, const struct addr *addresses, unsigned n,
			 const struct addr *src, const struct addr *dst);

/* How many addresses an advert can carry without being fragmented. */
unsigned vrrp_packet_room(uint8_t version, int family, unsigned mtu);

/* 224.0.0.18 or ff02::12 */
struct addr vrrp_group(int family);

#endif
