/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of all instances: which are wanted, which are there.  Nobody else adds or removes
 * one. */
#ifndef LBD_VRRP_VIPS_H
#define LBD_VRRP_VIPS_H

#include "conf/conf.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "net/net.h"
#include "vrrp/announce.h"

struct vips;
struct vip;

/* What one instance owns; embedded in it.  Zero-initialise. */
struct vip_claim {
	struct vip **vips; /* borrowed from struct vips; the array is the claim's */
	unsigned n;
	bool active; /* the instance is MASTER: they are wanted */
	/* One of them had been removed by somebody else and was put back. */
	void (*repaired)(struct vip_claim *c);
	struct list node; /* vips' */
};

int vips_new(struct loop *loop, struct net *net, struct announcer *announcer, struct vips **ret);
void vips_free(struct vips *v); /* claims must be dropped before; takes NULL */

/* Which addresses a claim is about, and how often they are announced while it has them (0: not
 * again).  Interfaces are touched by vips_apply only.  0 or -ENOMEM, the claim as it was. */
int vip_claim_set(struct vips *v, struct vip_claim *c, const struct conf_vip *list, unsigned n,
		  usec_t refresh);
/* Whether this daemon has put one of them on its interface, for whichever claim. */
bool vip_claim_ours(const struct vip_claim *c);
void vip_claim_activate(struct vip_claim *c, bool active);
/* Those that the kernel takes packets to; the others are announced when it does. */
void vip_claim_announce(struct vips *v, struct vip_claim *c);
/* Whether an address of c that nobody wants is still there. */
bool vip_claim_stands(struct vips *v, const struct vip_claim *c);
void vip_claim_drop(struct vips *v, struct vip_claim *c);

/* Makes the interfaces match: what is missing first, then away with what nobody wants.  What takes
 * longer than 2 ms is done in later turns of the loop. */
void vips_apply(struct vips *v);
/* While held, vips_apply does nothing: several claims change, and what one gives up another may
 * take.  Letting go applies. */
void vips_hold(struct vips *v, bool held);
/* The same to the end. */
void vips_finish(struct vips *v);

/* Whether a is an address of any instance (and so none to speak from). */
bool vips_known(const struct vips *v, const struct addr *a);

#endif
