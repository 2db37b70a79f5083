// SPDX-License-Identifier: BSD-2-Clause
/* A backend that is only memory: for engine = "none", where checks and VRRP run alone, and for the
 * unit tests of everything above the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/backend.h"
#include "lib/list.h"

struct entry {
	struct list node;
	unsigned char key[sizeof(struct wide_key)], value[sizeof(struct wide_ref)];
};

struct memory {
	struct ipvs_backend be;
	struct list tables[TABLES];
};

static const struct {
	size_t key, value;
} sizes[TABLES] = {
	[TABLE_SERVICES] = { sizeof(struct svc_key), sizeof(struct svc_ref) },
	[TABLE_WIDE] = { sizeof(struct wide_key), sizeof(struct wide_ref) },
	[TABLE_GATE_VRIDS] = { sizeof(struct vrid_key), sizeof(uint32_t) },
	[TABLE_GATE_ADDRS] = { sizeof(struct gate_addr), sizeof(uint32_t) },
};

static struct memory *of(struct ipvs_backend *b)
{
	return container_of(b, struct memory, be);
}

static struct entry *find(struct memory *m, enum ipvs_table t, const void *key)
{
	struct entry *e;

	list_for_each(e, &m->tables[t], node)
		if (!memcmp(e->key, key, sizes[t].key))
			return e;
	return NULL;
}

static int memory_set(struct ipvs_backend *b, enum ipvs_table t, const void *key, const void *value)
{
	struct entry *e = find(of(b), t, key);

	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		memcpy(e->key, key, sizes[t].key);
		list_add_tail(&of(b)->tables[t], &e->node);
	}
	memcpy(e->value, value, sizes[t].value);
	return 0;
}

static int memory_get(struct ipvs_backend *b, enum ipvs_table t, const void *key, void *ret_value)
{
	struct entry *e = find(of(b), t, key);

	if (!e)
		return -ENOENT;
	memcpy(ret_value, e->value, sizes[t].value);
	return 0;
}

static int memory_del(struct ipvs_backend *b, enum ipvs_table t, const void *key)
{
	struct entry *e = find(of(b), t, key);

	if (!e)
		return -ENOENT;
	list_del(&e->node);
	free(e);
	return 0;
}

static int memory_each(struct ipvs_backend *b, enum ipvs_table t,
		       void (*each)(void *ctx, const void *key, const void *value), void *ctx)
{
	struct entry *e, *next;

	list_for_each_safe(e, next, &of(b)->tables[t], node)
		each(ctx, e->key, e->value);
	return 0;
}

static int memory_read_stats(struct ipvs_backend *, uint32_t, struct server_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	return 0;
}

static int memory_clear_stats(struct ipvs_backend *, uint32_t)
{
	return 0;
}

static int memory_read_counters(struct ipvs_backend *, uint64_t ret[HOOKS][COUNTERS])
{
	memset(ret, 0, sizeof(uint64_t) * HOOKS * COUNTERS);
	return 0;
}

static int memory_read_flows(struct ipvs_backend *, struct flow_cursor *cursor, struct flow_entry *,
			     unsigned)
{
	cursor->done = true;
	return 0;
}

static int memory_get_flow(struct ipvs_backend *, struct flow_entry *)
{
	return -ENOENT;
}

static int memory_read_templates(struct ipvs_backend *, struct flow_cursor *cursor,
				 struct template_entry *, unsigned)
{
	cursor->done = true;
	return 0;
}

static int memory_run_reclaim(struct ipvs_backend *b)
{
	b->reclaim->reclaimed = b->reclaim->orphans = b->reclaim->kept = 0;
	return 0;
}

static void memory_free(struct ipvs_backend *b)
{
	struct memory *m = of(b);
	struct entry *e, *next;
	int t;

	for (t = 0; t < TABLES; t++)
		list_for_each_safe(e, next, &m->tables[t], node)
			free(e);
	free(b->svcs);
	free(b->servers);
	free(b->rings);
	free(b->ranges);
	free(b->lips);
	free(b->gates);
	free(b->reclaim);
	free(m);
}

struct ipvs_backend *ipvs_memory_backend_new(void)
{
	struct memory *m = calloc(1, sizeof(*m));
	int t;

	if (!m)
		return NULL;
	for (t = 0; t < TABLES; t++)
		list_init(&m->tables[t]);
	m->be = (struct ipvs_backend){
		.svcs = calloc(SVC_MAX, sizeof(struct svc)),
		.servers = calloc(SERVER_MAX, sizeof(struct server)),
		.rings = calloc(RING_CHUNKS, sizeof(struct ring_chunk)),
		.ranges = calloc(RANGE_MAX, sizeof(struct range)),
		.lips = calloc(LIP_MAX, sizeof(struct lip)),
		.gates = calloc(GATE_MAX, sizeof(struct gate)),
		.reclaim = calloc(1, sizeof(struct reclaim)),
		.hz = 100,
		.set = memory_set,
		.get = memory_get,
		.del = memory_del,
		.each = memory_each,
		.read_stats = memory_read_stats,
		.clear_stats = memory_clear_stats,
		.read_counters = memory_read_counters,
		.read_flows = memory_read_flows,
		.get_flow = memory_get_flow,
		.read_templates = memory_read_templates,
		.run_reclaim = memory_run_reclaim,
		.free = memory_free,
	};
	if (m->be.svcs && m->be.servers && m->be.rings && m->be.ranges && m->be.lips &&
	    m->be.gates && m->be.reclaim)
		return &m->be;
	memory_free(&m->be);
	return NULL;
}
