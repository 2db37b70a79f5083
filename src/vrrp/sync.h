/* SPDX-License-Identifier: BSD-2-Clause */
/* A group of instances that move as one. */
#ifndef LBD_VRRP_SYNC_H
#define LBD_VRRP_SYNC_H

#include <stdbool.h>

struct sync_group;
struct vrrp_instance;

/* name is borrowed; room for so many members.  NULL when there is no memory. */
struct sync_group *sync_group_new(const char *name, unsigned room);
/* Its members are on their own again; takes NULL. */
void sync_group_free(struct sync_group *g);

const char *sync_group_name(const struct sync_group *g);
void sync_group_add(struct sync_group *g, struct vrrp_instance *v);
/* Whether one of them is MASTER, and so all are or are about to be. */
bool sync_group_is_master(const struct sync_group *g);
/* All members get the weight of the one that is worst off. */
void sync_group_weigh(struct sync_group *g);
/* Makes the members agree, after one of them has changed. */
void sync_group_settle(struct sync_group *g);

#endif
