/* SPDX-License-Identifier: BSD-2-Clause */
/* One VRRP instance: turns packets, timers and facts about its interface into events, and performs
 * what the table says. */
#ifndef LBD_VRRP_INSTANCE_H
#define LBD_VRRP_INSTANCE_H

#include "lib/proc.h"
#include "vrrp/socket.h"
#include "vrrp/vips.h"
#include "vrrp/vrrp.h"

/* What all instances of a set share; all borrowed. */
struct vrrp_env {
	struct loop *loop;
	struct net *net;
	struct vrrp_sockets *sockets;
	struct vips *vips;
	struct notify *notify;
	const struct vrrp_ops *ops;
	void *ctx;
	/* The set, and whether an instance of it is BACKUP or MASTER. */
	void *set;
	bool (*runs)(void *set, const char *instance);
	/* An instance has begun to run, or no longer does. */
	void (*started)(void *set);
	const struct proc_user *script_user; /* NULL: who we are */
	bool forming;			     /* the set is not whole: weights wait */
};

struct sync_group;
struct vrrp_instance;

#define VRRP_REASON_LEN 96

/* In INITIALIZE, with a gate to be closed; vrrp_instance_check gets it going.  c is borrowed until
 * the next update.  0 or -ENOMEM. */
int vrrp_instance_new(const struct vrrp_env *env, const struct conf_vrrp *c,
		      struct vrrp_instance **ret);
/* Takes NULL.  Stop it before. */
void vrrp_instance_free(struct vrrp_instance *v);

/* Whether v would go on as the instance that c describes. */
bool vrrp_instance_is(const struct vrrp_instance *v, const struct conf_vrrp *c);
/* c takes the place of the configuration that v has, which must still be there.  Addresses change
 * at the next vips_apply. */
void vrrp_instance_update(struct vrrp_instance *v, const struct conf_vrrp *c);
/* Looks at interface and source address, and starts or stops accordingly. */
void vrrp_instance_check(struct vrrp_instance *v);
/* Closes its gate if that is to be done and the addresses are gone; for when they may just have
 * gone (vrrp_instance_check does it, too). */
void vrrp_instance_close(struct vrrp_instance *v);
bool vrrp_instance_is_in(const struct vrrp_instance *v, const struct conf_vrrp_group *c);
bool vrrp_instance_has_name_of(const struct vrrp_instance *v, const struct vrrp_instance *other);
/* Its gate is another's now. */
void vrrp_instance_leave_gate(struct vrrp_instance *v);

/* What it tracks adds this to its priority, and this is added to it: of a group all have one. */
int vrrp_instance_weight(const struct vrrp_instance *v);
void vrrp_instance_weigh(struct vrrp_instance *v, int weight);
/* The same with its own, unless it is in a group. */
void vrrp_instance_weigh_alone(struct vrrp_instance *v);
void vrrp_instance_service_changed(struct vrrp_instance *v, const char *service);
void vrrp_instance_each_track(const struct vrrp_instance *v, vrrp_track_fn each, void *ctx);

/* NULL: it moves alone. */
void vrrp_instance_join(struct vrrp_instance *v, struct sync_group *g);
const char *vrrp_instance_name(const struct vrrp_instance *v);
enum vrrp_state vrrp_instance_state(const struct vrrp_instance *v);
/* Whether it is MASTER, or would be but for its group. */
bool vrrp_instance_is_able(const struct vrrp_instance *v);
/* Its group is MASTER, or no longer. */
void vrrp_instance_take(struct vrrp_instance *v);
void vrrp_instance_yield(struct vrrp_instance *v, const char *why);

/* For good. */
void vrrp_instance_stop(struct vrrp_instance *v);

void vrrp_instance_status(const struct vrrp_instance *v, struct vrrp_status *ret);

#endif
