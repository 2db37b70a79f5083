/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at the packets that the programs make themselves: every field of their headers, every sum.
 */
#ifndef LBD_TESTS_PACKET_ANSWER_H
#define LBD_TESTS_PACKET_ANSWER_H

#include "rig.h"

/* Who speaks to whom, and the MACs of the frame. */
struct answer {
	enum who from, to, link_from, link_to;
};

/* Checks MACs and IP header; returns what is behind it, proto's header, and its length. */
const uint8_t *answer_ip(const struct outcome *o, bool v6, const struct answer *a, uint8_t proto,
			 size_t *ret_len);

/* Checks the sum of len bytes from proto's header on. */
void answer_sum(const uint8_t *l4, size_t len, bool v6, const struct answer *a, uint8_t proto);

#endif
