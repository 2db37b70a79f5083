// SPDX-License-Identifier: BSD-2-Clause
/* A group of instances that move as one.
 *
 * A group has no state of its own: it follows from its members.  Each of them can be master as far
 * as it is concerned (it is, or its timer has expired and nobody better was heard since), or cannot
 * (there is a better master, or it does not run).  When all can, all are; when one cannot, none is.
 * So an instance that joins takes part at once, and there is nothing that a change of the
 * configuration could leave behind. */
#include "vrrp/sync.h"

#include <stdio.h>
#include <stdlib.h>

#include "vrrp/instance.h"

struct sync_group {
	const char *name;
	bool settling;
	unsigned n;
	struct vrrp_instance *members[]; /* borrowed */
};

const char *sync_group_name(const struct sync_group *g)
{
	return g->name;
}

void sync_group_add(struct sync_group *g, struct vrrp_instance *v)
{
	g->members[g->n++] = v;
	vrrp_instance_join(v, g);
}

bool sync_group_is_master(const struct sync_group *g)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (vrrp_instance_state(g->members[i]) == VRRP_MASTER)
			return true;
	return false;
}

/* Who keeps the others from being master; NULL: nobody. */
static const struct vrrp_instance *find_unable(const struct sync_group *g)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (!vrrp_instance_is_able(g->members[i]))
			return g->members[i];
	return NULL;
}

static void yield(struct sync_group *g, const struct vrrp_instance *unable)
{
	char why[64 + VRRP_REASON_LEN];
	unsigned i;

	snprintf(why, sizeof(why), "group %s: %s", g->name, vrrp_instance_name(unable));
	for (i = 0; i < g->n; i++)
		if (vrrp_instance_state(g->members[i]) == VRRP_MASTER)
			vrrp_instance_yield(g->members[i], why);
}

void sync_group_settle(struct sync_group *g)
{
	const struct vrrp_instance *unable;
	unsigned i;

	/* Members that are told to move report that they have. */
	if (g->settling)
		return;
	g->settling = true;
	for (i = 0; !find_unable(g) && i < g->n; i++)
		if (vrrp_instance_state(g->members[i]) != VRRP_MASTER)
			vrrp_instance_take(g->members[i]);
	unable = find_unable(g);
	if (unable)
		yield(g, unable);
	g->settling = false;
}

void sync_group_weigh(struct sync_group *g)
{
	int worst = vrrp_instance_weight(g->members[0]), weight;
	unsigned i;

	for (i = 1; i < g->n; i++) {
		weight = vrrp_instance_weight(g->members[i]);
		if (weight < worst)
			worst = weight;
	}
	for (i = 0; i < g->n; i++)
		vrrp_instance_weigh(g->members[i], worst);
}

struct sync_group *sync_group_new(const char *name, unsigned room)
{
	struct sync_group *g = calloc(1, sizeof(*g) + room * sizeof(*g->members));

	if (g)
		g->name = name;
	return g;
}

void sync_group_free(struct sync_group *g)
{
	unsigned i;

	for (i = 0; g && i < g->n; i++)
		vrrp_instance_join(g->members[i], NULL);
	free(g);
}
