/* SPDX-License-Identifier: BSD-2-Clause */
/* What an instance depends on beside its peers: interfaces, scripts, services, ... */
#ifndef LBD_VRRP_TRACK_H
#define LBD_VRRP_TRACK_H

#include <stdbool.h>
#include <stddef.h>

#include "vrrp/vrrp.h"

struct tracks;
struct vrrp_env;

/* changed: something has changed that tracks_look would find; called from the loop, not from a
 * function of this file.  0 or -ENOMEM. */
int tracks_new(const struct vrrp_env *env, void (*changed)(void *ctx), void *ctx,
	       struct tracks **ret);
void tracks_free(struct tracks *ts); /* takes NULL */

/* Makes them match c, which is borrowed until the next call.  What is tracked as before keeps what
 * is known of it.  0 or -ENOMEM: some are missing. */
int tracks_reconcile(struct tracks *ts, const struct conf_vrrp *c);
/* Brings the verdicts up to date.  master: whether the instance is. */
void tracks_look(struct tracks *ts, bool master);
/* A service's servers have changed. */
void tracks_service(struct tracks *ts, const char *service);
/* What the verdicts add to the priority, negative or positive. */
int tracks_weight(const struct tracks *ts);
/* Whether the instance must not run, with the reason.  starting: it does not run now, so that what
 * is not known yet counts against it. */
bool tracks_forbid(const struct tracks *ts, bool starting, char *why, size_t size);

void tracks_each(const struct tracks *ts, const char *instance, vrrp_track_fn each, void *ctx);

#endif
