/* SPDX-License-Identifier: BSD-2-Clause */
/* What the decapsulation programs and lbd-decap both see. */
#ifndef LBD_RS_DECAP_ABI_H
#define LBD_RS_DECAP_ABI_H

#include <linux/types.h>

#include "lib/addr_type.h"

/* `tunnels`: HASH, destination of the outer header (struct addr) -> __u32, the tunnel's number. */

/* `vips`: LPM_TRIE -> __u32 (not used): what a tunnel may bring.  The number comes first, so each
 * tunnel has prefixes of its own. */
struct decap_vip {
	__u32 bits; /* DECAP_VIP_BITS + those of vip that count, of 128 */
	__u32 tunnel;
	struct addr vip;
};
_Static_assert(sizeof(struct decap_vip) == 24, "abi");
#define DECAP_VIP_BITS 32u

/* IP in IP packets to a tunnel's address, each counted once.
 * X(enum name, exported name, help) */
#define DECAP_COUNTERS(X)                                                                          \
	X(4IN4, "decap_4in4", "IPv4 packets that came in IPv4")                                    \
	X(6IN6, "decap_6in6", "IPv6 packets that came in IPv6")                                    \
	X(4IN6, "decap_4in6", "IPv4 packets that came in IPv6")                                    \
	X(6IN4, "decap_6in4", "IPv6 packets that came in IPv4")                                    \
	X(FRAGMENT, "passed_fragment", "left to the stack: the outer packet is a fragment")        \
	X(MALFORMED, "passed_malformed", "left to the stack: no whole inner header")               \
	X(NOT_VIP, "passed_not_vip", "left to the stack: the inner packet is not for a VIP")       \
	X(MIXED, "passed_mixed", "left to the stack: two families, which takes the xdp program")   \
	X(REFUSED, "passed_refused", "left to the stack: the kernel did not take the header off")  \
	X(ECN, "drop_ecn", "congestion was marked outside, and the inner packet cannot tell it")

enum decap_counter {
#define X(name, text, help) DECAP_##name,
	DECAP_COUNTERS(X)
#undef X
		DECAP_COUNTERS_N,
};

/* `counters`: PERCPU_ARRAY, enum decap_counter -> __u64. */

#endif
