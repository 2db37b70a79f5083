/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a flow: its entries, its server's load, and its client's template. */
#ifndef LBD_IPVS_END_BPF_H
#define LBD_IPVS_END_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/persist.bpf.h"

/* Takes what scalars it needs (marks: flow.verbs and, 8 bits higher, flow.flags), and the rest from
 * its user's scratch: so the verifier looks at it once, and not on each path that leads here. */
__noinline int flow_finish(__u32 user, __u32 v6, __u32 server, __u32 state, __u32 marks)
{
	struct scratch *s = scratch_get(user);
	struct hit h = { .verbs = marks };

	if (!s)
		return 0;
	load_unbind(server, state);
	if (marks & FLOW_TEMPLATE << 8)
		template_leave(v6, s, server);
	if (v6)
		flow_remove(true, s, &h);
	else
		flow_remove(false, s, &h);
	return 0;
}

/* Ends a flow whose request half, at s->key, the caller has claimed. */
static __always_inline void flow_end(bool v6, struct scratch *s, const struct hit *h)
{
	flow_finish(s->user, v6, h->server, WORD_STATE(h->word), h->verbs | h->flags << 8);
}

#endif
