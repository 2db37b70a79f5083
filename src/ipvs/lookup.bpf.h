/* SPDX-License-Identifier: BSD-2-Clause */
/* Which service a packet is for. */
#ifndef LBD_IPVS_LOOKUP_BPF_H
#define LBD_IPVS_LOOKUP_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"

static __always_inline struct svc_ref *service_find(bool v6, const union flow_key *packet)
{
	struct svc_key key = {};

	if (v6) {
		key.vip = packet->v6.t.dst;
		key.port = packet->v6.t.dport;
	} else {
		key.vip = addr_v4(packet->v4.t.dst);
		key.port = packet->v4.t.dport;
	}
	key.proto = flow_key_proto(v6, packet);
	return bpf_map_lookup_elem(&services, &key);
}

#endif
