/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the programs hang: clsact filters and XDP links of the interfaces in use, kept there. */
#ifndef LBD_XMIT_ATTACH_H
#define LBD_XMIT_ATTACH_H

#include "conf/conf.h"
#include "lib/loop.h"
#include "net/net.h"
#include "xmit/maps.h"

struct attach;

/* net and maps are borrowed. */
int attach_new(struct loop *loop, struct net *net, struct maps *maps, struct attach **ret);

/* Makes the programs hang on exactly these interfaces, each in the mode that c asks for.  Those of
 * a predecessor are replaced without losing a packet; what hangs elsewhere and is ours is removed.
 * A filter of somebody else in our place is an error: logged, and the last such -errno is returned.
 * XDP that a driver refuses is only logged: the interface then runs on TC. */
int attach_reconcile(struct attach *a, const struct conf *c, const unsigned *ifindexes, unsigned n);

/* With `detach` nothing of ours is left on the interfaces.  Takes NULL. */
void attach_free(struct attach *a, bool detach);

struct attach_status {
	unsigned ifindex;
	const char *interface; /* borrowed */
	const char *mode;      /* "tc", "xdp" */
	const char *reason;    /* why that mode */
	const char *driver;
	bool attached;
	uint64_t repaired; /* times that somebody had removed a program */
};
void attach_each(const struct attach *a, void (*each)(void *ctx, const struct attach_status *s),
		 void *ctx);

#endif
