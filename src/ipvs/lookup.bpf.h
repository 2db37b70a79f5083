/* SPDX-License-Identifier: BSD-2-Clause */
/* Which service a packet is for.
 *
 * One address and one port are looked up at once.  Services of many ports or many addresses are
 * asked afterwards, when there are any: the longest prefix that holds the address lists ranges of
 * ports, the narrowest first.
 */
#ifndef LBD_IPVS_LOOKUP_BPF_H
#define LBD_IPVS_LOOKUP_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"

#define WIDE_BITS (8 * (sizeof(struct wide_key) - offsetof(struct wide_key, proto)))

/* The search through the ranges of one prefix. */
struct range_scan {
	__u32 first;
	__u16 port; /* host order */
	__u16 zero;
	struct svc_ref ref; /* what was found; svc 0: nothing */
};

/* In the form that bpf_loop() wants: 1 ends it. */
static long range_step(__u32 step, struct range_scan *scan)
{
	__u32 slot = scan->first + step;
	struct range *r = bpf_map_lookup_elem(&ranges, &slot);

	if (!r)
		return 1;
	if (scan->port < READ_ONCE(r->port) || scan->port > READ_ONCE(r->last))
		return 0;
	scan->ref.svc = READ_ONCE(r->ref.svc);
	scan->ref.gate = READ_ONCE(r->ref.gate);
	return 1;
}

static __always_inline bool any_wide(void)
{
	__u32 slot = 0;
	struct svc *all = bpf_map_lookup_elem(&svcs, &slot);

	return all && READ_ONCE(all->flags) & SVC_ANY_WIDE;
}

static __always_inline bool service_find_wide(const struct svc_key *exact, struct svc_ref *ret)
{
	struct wide_key key = { .bits = WIDE_BITS, .proto = bpf_htonl(exact->proto) };
	struct range_scan scan = { .port = bpf_ntohs(exact->port) };
	struct wide_ref *list;
	__u32 count;

	key.vip = exact->vip;
	list = bpf_map_lookup_elem(&wide, &key);
	if (!list)
		return false;
	scan.first = list->first;
	count = list->count;
	bpf_loop(count < RANGES_MAX ? count : RANGES_MAX, range_step, &scan, 0);
	*ret = scan.ref;
	return scan.ref.svc;
}

/* Fills *ret with the service that the packet of this key is for.  False: none. */
static __always_inline bool service_find(bool v6, const union flow_key *packet, struct svc_ref *ret)
{
	struct svc_key key = {};
	struct svc_ref *ref;

	if (v6) {
		key.vip = packet->v6.t.dst;
		key.port = packet->v6.t.dport;
	} else {
		key.vip = addr_v4(packet->v4.t.dst);
		key.port = packet->v4.t.dport;
	}
	key.proto = flow_key_proto(v6, packet);
	ref = bpf_map_lookup_elem(&services, &key);
	if (ref) {
		*ret = *ref;
		return true;
	}
	return any_wide() && service_find_wide(&key, ret);
}

/* Puts the service of the packet in this CPU's scratch into s->svc; false: it is for none.  Of its
 * own, so that the keys' place on the stack is free again for what comes next. */
__noinline int service_of_packet(__u32 v6)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct svc_ref ref = {};
	bool found;

	if (!s)
		return false;
	found = v6 ? service_find(true, &s->key, &ref) : service_find(false, &s->key, &ref);
	s->svc = ref;
	return found;
}

#endif
