/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the frames that the tests send, and those they expect back: always with full checksums, so
 * that comparing bytes checks the sums too. */
#ifndef LBD_TESTS_PACKET_FRAME_H
#define LBD_TESTS_PACKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr_type.h"

#define FRAME_MAX 4096

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

/* Chunks of SCTP. */
#define DATA		  0
#define INIT		  1
#define INIT_ACK	  2
#define SACK		  3
#define HEARTBEAT	  4
#define HEARTBEAT_ACK	  5
#define ABORT		  6
#define SHUTDOWN	  7
#define SHUTDOWN_ACK	  8
#define OP_ERROR	  9
#define COOKIE_ECHO	  10
#define COOKIE_ACK	  11
#define ECNE		  12
#define CWR		  13
#define SHUTDOWN_COMPLETE 14
#define AUTH		  15
#define ASCONF		  0xc1

/* Who can send and receive.  Each has an address of both families, a port and a MAC. */
enum who {
	NOBODY,
	CLIENT,	  /* behind the front interface, its MAC is known there */
	STRANGER, /* on the same segment, but its MAC is not known */
	NARROW,	  /* behind CLIENT, on a route with an MTU of 1280 */
	LOST,	  /* no route leads to it */
	VIP,	  /* port 80 */
	VIP2,	  /* port 80, of another service with the same servers */
	WEB1,	  /* port 8080, behind the back interface; as are the next two */
	WEB2,
	WEB3,
	LIP,   /* one port, 5000: what fullnat's packets come from */
	FRONT, /* the director's own interfaces */
	BACK,
	WHOS,
};

struct frame {
	/* 0 in any of these: the usual, see frame_build() */
	enum who from, to;
	enum who link_from, link_to; /* of the MACs */
	uint8_t proto;		     /* TCP */
	uint8_t flags;		     /* of TCP: ACK */
	uint8_t chunk;		     /* of SCTP: DATA */
	uint8_t ttl;		     /* 64 */
	uint16_t payload;	     /* bytes behind the header */
	uint16_t sport, dport;	     /* theirs */
	uint32_t seq, ack;
	const uint8_t *tcp_options;
	uint8_t tcp_options_len; /* a multiple of 4 */
	uint8_t ip_options;	 /* bytes of IPv4 options; IPv6: one extension header for each 4 */
	uint16_t fragment;	 /* IPv4: the fragment field; IPv6: a fragment header with it */
	bool may_fragment;	 /* IPv4: without DF */
	bool atomic;		 /* IPv6: a fragment header that says "whole" */
	bool no_check;		 /* UDP without a checksum */
	bool tagged;		 /* 802.1Q in band */
	bool broadcast;		 /* to ff:ff:ff:ff:ff:ff */
	const struct frame *about; /* an ICMP error (proto ICMP or ICMPV6) about this one */
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_rest;	  /* the second word of the error */
	uint16_t quote;		  /* bytes of `about` that are quoted; all */
	enum who tunnel;	  /* to whom an outer header leads, from BACK */
	bool tunnel_other_family; /* the outer header is not of the inner family */
	bool unfinished; /* the checksum holds the pseudo header's sum only (CHECKSUM_PARTIAL) */
};

struct addr who_addr(enum who who, bool v6);
uint16_t who_port(enum who who);
const uint8_t *who_mac(enum who who);

/* Writes the frame to buf (FRAME_MAX bytes), returns its length. */
size_t frame_build(const struct frame *f, bool v6, uint8_t *buf);

/* Makes the header checksum of an IPv4 frame right, whose addresses or identification a test
 * changed; others stay as they are. */
void frame_ip_check(uint8_t *frame);

/* Writes to buf the fragment of a frame that holds `len` bytes of what is behind its IP header,
 * from `at` on, which is a multiple of 8; fewer where it ends.  Returns the fragment's length. */
size_t frame_fragment(const uint8_t *frame, size_t frame_len, bool v6, size_t at, size_t len,
		      uint8_t *buf);

#endif
