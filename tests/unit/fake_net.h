/* SPDX-License-Identifier: BSD-2-Clause */
/* A network without a kernel: the parts of net/net.h that the engine calls. */
#ifndef LBD_TESTS_FAKE_NET_H
#define LBD_TESTS_FAKE_NET_H

#include "net/net.h"

/* Every next hop is this, until fake_net_move. */
struct net *fake_net_new(void);
void fake_net_free(struct net *n);
/* All next hops change: another link, resolved or not. */
void fake_net_move(struct net *n, unsigned ifindex, bool resolved);
/* An address of lo comes or goes; there is room for one. */
void fake_net_lo(struct net *n, const struct addr *a, bool present);
/* A link comes, with that index, or goes. */
void fake_net_link(struct net *n, const char *name, unsigned ifindex);

#endif
