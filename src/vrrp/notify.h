/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the operator's programs when an instance has changed: of one instance one at a time. */
#ifndef LBD_VRRP_NOTIFY_H
#define LBD_VRRP_NOTIFY_H

#include "lib/proc.h"
#include "vrrp/vrrp.h"

struct notify;

/* What a program is told, as LBD_... in its environment. */
struct notify_event {
	const struct conf_vrrp *c; /* the program, and what does not change */
	const char *event;	   /* "transition", "conflict" */
	enum vrrp_state from, to;
	const char *reason;
	uint8_t priority;
};

/* user is borrowed; NULL in *user: who we are. */
int notify_new(struct loop *loop, const struct proc_user *const *user, struct notify **ret);
/* Programs that still run are ended; takes NULL. */
void notify_free(struct notify *n);

/* The program runs in a later turn of the loop, when the one before has ended.  Of several that
 * wait for the same instance only the newest will run.  Copies what it needs.  Nothing when the
 * instance has no program. */
void notify_tell(struct notify *n, const struct notify_event *e);
/* Lets what waits run and waits for it, but not longer than that: when the loop has ended. */
void notify_finish(struct notify *n, usec_t at_most);

#endif
