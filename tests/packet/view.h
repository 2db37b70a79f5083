/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things are in any packet, well-formed or not: a parser of its own, so that the programs'
 * does not judge itself. */
#ifndef LBD_TESTS_PACKET_VIEW_H
#define LBD_TESTS_PACKET_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr_type.h"

/* Offsets from the beginning of the IP header. */
struct view {
	bool v6;
	bool fragment, later; /* part of a packet; not its first */
	size_t claimed;	      /* length that the header tells */
	size_t end;	      /* the same, but no more than there is */
	size_t l4;
	uint8_t proto;
	struct addr src, dst;
};

/* Looks at the IP packet at p, of which `len` bytes are there.  False: it is none, or its headers
 * are not all there. */
bool view_ip(const uint8_t *p, size_t len, bool v6, struct view *ret);

/* The same of a quote, which holds no more than the head of a packet: whatever that says, all of
 * `len` bytes are of it. */
bool view_quote(const uint8_t *p, size_t len, bool v6, struct view *ret);

/* The IP packet of a frame without tags. */
bool view_frame(const uint8_t *frame, size_t len, struct view *ret);

/* The sum of all that the transport checksum covers, it included, modulo 65535: 0 when it is right
 * and the packet whole; forwarding must not change it.  SCTP has none. */
uint16_t view_residue(const uint8_t *p, const struct view *v);
/* The same of an IPv4 header. */
uint16_t view_head_residue(const uint8_t *p, const struct view *v);

/* Is this the packet of a sender who can count?  UDP without a checksum is right too. */
bool view_is_valid(const uint8_t *p, const struct view *v);

/* Makes all checksums of a frame right, as far as there is one: inner packets and quotes also. */
void view_repair(uint8_t *frame, size_t len);

#endif
