/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the ends of TCP connections that they are over: sends resets in the name of the other end,
 * paced. */
#ifndef LBD_NET_RESET_H
#define LBD_NET_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/loop.h"

/* As it stands on the wire.  seq is what dst acknowledged last: RFC 5961 3.2 wants it exact. */
struct net_reset {
	struct addr src, dst; /* of one family */
	__be16 sport, dport;
	__be32 seq;
	bool urgent; /* goes before all that are not */
};

#define NET_RESETS_PER_SECOND 160000 /* a turn's worth takes about 2 ms */
#define NET_RESETS_AT_ONCE    8192   /* that one call of net_resets_add() may bring */
#define NET_RESET_LEN	      60     /* an IPv6 and a TCP header */

struct net_resets;

struct net_reset_stats {
	uint64_t sent;
	uint64_t failed; /* the kernel refused: no route, a filter, no socket */
};

/* go_on is called when there is room again after net_resets_add() has said that there is none. */
int net_resets_new(struct loop *loop, void (*go_on)(void *ctx), void *ctx, struct net_resets **ret);
void net_resets_free(struct net_resets *r); /* takes NULL; what is not sent yet is forgotten */

/* Takes n resets, at most NET_RESETS_AT_ONCE, to be sent soon.  False: wait for go_on before the
 * next call.  What comes in spite of that, and finds no room, counts as failed. */
bool net_resets_add(struct net_resets *r, const struct net_reset *list, size_t n);

void net_resets_get_stats(const struct net_resets *r, struct net_reset_stats *ret);

/* Writes the packet, from the IP header on, to buf (NET_RESET_LEN bytes); returns its length. */
size_t net_reset_build(const struct net_reset *one, uint8_t *buf);

#endif
