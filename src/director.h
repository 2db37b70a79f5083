/* SPDX-License-Identifier: BSD-2-Clause */
/* The director: owns the subsystems and carries facts between them.  It computes nothing and
 * decides nothing; arithmetic lives with its owner. */
#ifndef LBD_DIRECTOR_H
#define LBD_DIRECTOR_H

#include "check/check.h"
#include "conf/conf.h"
#include "ipvs/ipvs.h"
#include "lib/loop.h"
#include "lib/str.h"
#include "net/net.h"
#include "vrrp/vrrp.h"
#include "xmit/attach.h"
#include "xmit/maps.h"

struct director;

/* Starts everything that conf asks for and takes conf over, also on failure.  `name` tells several
 * lbd on one host apart (pins). -errno with the cause and the remedy in *why. */
int director_new(struct loop *loop, const char *name, struct conf *conf, struct str *why,
		 struct director **ret);

/* Brings everything to a new configuration and takes it over; the old one is freed. */
void director_apply(struct director *d, struct conf *conf);

/* changed is called after each transition of a VRRP instance. */
void director_on_change(struct director *d, void (*changed)(void *ctx), void *ctx);

/* Hands over to the peer (VRRP priority 0), takes addresses, programs and maps away, frees; takes
 * NULL. */
void director_free(struct director *d);

/* For display; all borrowed.  maps and attach are NULL with engine = "none". */
const struct conf *director_conf(const struct director *d);
const struct net *director_net(const struct director *d);
const struct vrrp_set *director_vrrp(const struct director *d);
const struct check_set *director_checks(const struct director *d);
const struct ipvs *director_ipvs(const struct director *d);
const struct maps *director_maps(const struct director *d);
const struct attach *director_attach(const struct director *d);
/* Packet counters of the programs; zeros with engine = "none". */
void director_resets(const struct director *d, struct net_reset_stats *ret);
void director_counters(const struct director *d, uint64_t ret[HOOKS][COUNTERS]);

#endif
