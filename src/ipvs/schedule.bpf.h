/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server a new flow goes to: the next one of the service's ring. */
#ifndef LBD_IPVS_SCHEDULE_BPF_H
#define LBD_IPVS_SCHEDULE_BPF_H

#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"

/* How far the ring is searched when its next server is not available.  The daemon takes such
 * servers out of the ring soon: this only bridges the time until then. */
#define SCAN_MAX 1024

/* What the halves of a flow do, by method; no verbs: flows of it cannot be made. */
struct method_verbs {
	__u8 request, reply;
};

static const volatile struct method_verbs method_verbs[METHODS] = {
	[METHOD_NAT] = { VERB_DNAT | VERB_L2, VERB_SNAT | VERB_L2 },
	[METHOD_DR] = { VERB_L2, 0 },
	[METHOD_TUN] = { VERB_ENCAP | VERB_L2, 0 },
	[METHOD_FULLNAT] = { VERB_DNAT | VERB_SNAT | VERB_L2, VERB_DNAT | VERB_SNAT | VERB_L2 },
};

static __always_inline struct method_verbs verbs_of(const struct server *s)
{
	struct method_verbs none = {};

	return s->method < METHODS ? method_verbs[s->method] : none;
}

struct scan {
	__u32 first, count; /* the ring */
	__u32 at;	    /* where in it to look */
	bool v6;
	__u32 server; /* what was found, or 0 */
};

/* Only a tunnel leads to a server of the other family. */
static __always_inline bool server_fits(__u32 id, bool v6)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);

	return id && s && READ_ONCE(s->status) & SERVER_TAKES &&
	       (s->method == METHOD_TUN || addr_is_v4(&s->addr) == !v6);
}

/* One step of the search, in the form that bpf_loop() wants: 1 ends it. */
static long scan_step(__u32 step, struct scan *scan)
{
	__u32 slot = scan->first + (scan->at + step) % scan->count, chunk = slot / RING_CHUNK;
	struct ring_chunk *c = bpf_map_lookup_elem(&rings, &chunk);
	__u32 id;

	if (!c)
		return 1;
	id = READ_ONCE(c->server[slot % RING_CHUNK]);
	if (!server_fits(id, scan->v6))
		return 0;
	scan->server = id;
	return 1;
}

/* The id of a server, or 0 when there is none. */
static __always_inline __u32 schedule(struct svc *svc, bool v6)
{
	__u64 ring = READ_ONCE(svc->ring);
	struct scan scan = {
		.first = SPAN_FIRST(ring),
		.count = SPAN_COUNT(ring),
		.v6 = v6,
	};

	if (!scan.count)
		return 0;
	scan.at = __sync_fetch_and_add(&svc->cursor, 1) % scan.count;
	if (!scan_step(0, &scan))
		bpf_loop(scan.count < SCAN_MAX ? scan.count : SCAN_MAX, scan_step, &scan, 0);
	return scan.server;
}

#endif
