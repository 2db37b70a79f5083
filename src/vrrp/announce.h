/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the network where an address now lives: gratuitous ARP, unsolicited neighbour
 * advertisement. */
#ifndef LBD_VRRP_ANNOUNCE_H
#define LBD_VRRP_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "net/net.h"

struct announcer;

/* One address being announced; embedded in its owner.  Initialise node with list_init. */
struct announcement {
	struct list node; /* borrowed by the announcer */
	unsigned ifindex;
	struct addr addr;
	bool active;   /* begun and not stopped */
	unsigned sent; /* of the bursts */
	usec_t due;
	usec_t refresh; /* then one frame each time that this has passed; 0: no more */
};

/* 0 or -errno (-EPERM: CAP_NET_RAW is missing). */
int announcer_new(struct loop *loop, struct net *net, struct announcer **ret);
void announcer_free(struct announcer *a); /* takes NULL */

/* Five frames now, 100 ms apart, and five more after five seconds.  Begins anew when those are
 * under way, but never cuts the first five short: whatever asks, an address is announced at most
 * ten times a second.  ifindex and addr are set by the caller. */
void announce_start(struct announcer *a, struct announcement *w);
void announce_stop(struct announcement *w);
/* How often it is announced once the bursts are over, until stopped.  Those frames are paced: when
 * many are due, some come later. */
void announce_refresh(struct announcer *a, struct announcement *w, usec_t refresh);

#endif
