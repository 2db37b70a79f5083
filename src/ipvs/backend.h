/* SPDX-License-Identifier: BSD-2-Clause */
/* The wall between the director's logic and the kernel: xmit/maps.c implements it with BPF maps,
 * memory.c without a kernel (engine = "none", unit tests).
 *
 * The shared arrays are written in place; a word that the packet path reads is changed by one
 * aligned store (store_word and its kin).  Everything else goes through the operations. */
#ifndef LBD_IPVS_BACKEND_H
#define LBD_IPVS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipvs/abi.h"

/* The hash maps that the daemon fills. */
enum ipvs_table {
	TABLE_SERVICES,	  /* struct svc_key -> struct svc_ref */
	TABLE_WIDE,	  /* struct wide_key -> struct wide_ref */
	TABLE_GATE_VRIDS, /* struct vrid_key -> __u32 */
	TABLE_GATE_ADDRS, /* struct gate_addr -> __u32 */
	TABLES,
};

/* One entry of a flow map as the sweep sees it. */
struct flow_entry {
	struct flow flow;
	bool v6;
	union {
		struct {
			struct flow4_key key4;
			struct tuple4 to4;
		};
		struct {
			struct flow6_key key6;
			struct tuple6 to6;
		};
	};
};

struct template_entry {
	struct template_key key;
	struct template value;
};

/* Where a reading of a flow map, or of `templates`, stands.  Zero-initialise; done says that the
 * map's end was reached. */
struct flow_cursor {
	bool v6, started, done;
	uint32_t batch;
};

struct ipvs_backend {
	struct svc *svcs;	  /* SVC_MAX */
	struct server *servers;	  /* SERVER_MAX */
	struct ring_chunk *rings; /* RING_CHUNKS */
	struct range *ranges;	  /* RANGE_MAX */
	struct lip *lips;	  /* LIP_MAX */
	struct gate *gates;	  /* GATE_MAX */
	struct reclaim *reclaim;  /* one; belongs to the sweep while it runs */
	unsigned hz;		  /* jiffies in a second */

	/* 0 or -errno (-E2BIG: the table is full). */
	int (*set)(struct ipvs_backend *b, enum ipvs_table t, const void *key, const void *value);
	/* -ENOENT when it is not there. */
	int (*get)(struct ipvs_backend *b, enum ipvs_table t, const void *key, void *ret_value);
	int (*del)(struct ipvs_backend *b, enum ipvs_table t, const void *key);
	/* Every entry once; the callback may delete the entry it is shown. */
	int (*each)(struct ipvs_backend *b, enum ipvs_table t,
		    void (*entry)(void *ctx, const void *key, const void *value), void *ctx);

	/* Sums over the CPUs. */
	int (*read_stats)(struct ipvs_backend *b, uint32_t server, struct server_stats *ret);
	int (*clear_stats)(struct ipvs_backend *b, uint32_t server);
	int (*read_counters)(struct ipvs_backend *b, uint64_t ret[HOOKS][COUNTERS]);

	/* The next entries of one flow map, at most room; the number, or -errno.  These four run in
	 * the sweep's thread. */
	int (*read_flows)(struct ipvs_backend *b, struct flow_cursor *cursor,
			  struct flow_entry *out, unsigned room);
	/* The entry of e's family and key; the rest of e is filled in.  -ENOENT: there is none. */
	int (*get_flow)(struct ipvs_backend *b, struct flow_entry *e);
	/* As read_flows, over `templates`. */
	int (*read_templates)(struct ipvs_backend *b, struct flow_cursor *cursor,
			      struct template_entry *out, unsigned room);
	/* Runs the reclaim program over b->reclaim. */
	int (*run_reclaim)(struct ipvs_backend *b);

	void (*free)(struct ipvs_backend *b);
};

/* A backend that is only memory.  NULL when there is none left. */
struct ipvs_backend *ipvs_memory_backend_new(void);

/* Stores and loads that the packet path sees whole, and in this order. */
static inline void store_word(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void store_long(__u64 *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint32_t load_word(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline uint64_t load_long(const __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif
