/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of flows: the daemon lists what looks expired, this looks again, and removes what is.
 *
 * What is left of a flow whose maker or remover was refused by the kernel (a reply half alone, or
 * an entry CLAIMED for long) is removed here too, once nobody can still be at work on it.
 */
#ifndef LBD_IPVS_RECLAIM_BPF_H
#define LBD_IPVS_RECLAIM_BPF_H

#include "ipvs/end.bpf.h"
#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/persist.bpf.h"

static __always_inline __u32 timeout_of(__u32 server, __u32 state)
{
	struct server *s = bpf_map_lookup_elem(&servers, &server);
	struct svc *svc;
	__u32 slot;

	if (!s)
		return 0;
	slot = s->svc;
	svc = bpf_map_lookup_elem(&svcs, &slot);
	/* No state is beyond the table: a mask, which the verifier cannot lose sight of, is enough.
	 */
	return svc ? READ_ONCE(svc->timeout[state % FLOW_STATES]) : 0;
}

/* Older than anything that is still at work on an entry: as long as a handshake may take. */
static __always_inline bool is_left_behind(__u32 seen, __u32 server)
{
	__u32 timeout = timeout_of(server, FLOW_SYN_RECV);

	return older_than(seen, timeout < cfg_hz ? cfg_hz : timeout);
}

static __always_inline bool server_is_lost(__u32 id)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);

	return s && READ_ONCE(s->status) & SERVER_LOST;
}

/* Has neither half seen a packet for as long as its state allows? */
static __always_inline bool flow_expired(bool v6, struct scratch *s, const struct hit *h)
{
	__u32 timeout = timeout_of(h->server, WORD_STATE(h->word));
	struct flow *twin;

	if (!older_than(READ_ONCE(h->entry->seen), timeout))
		return false;
	if (!has_twin(h->verbs))
		return true;
	twin = flow_twin(v6, s);
	return !twin || older_than(READ_ONCE(twin->seen), timeout);
}

/* May it go?  The flows of a lost server wait for nothing. */
static __always_inline bool flow_is_over(bool v6, struct scratch *s, const struct hit *h)
{
	return server_is_lost(h->server) || flow_expired(v6, s, h);
}

enum reclaimed {
	RECLAIM_GONE, /* there is no such entry any more */
	RECLAIM_KEPT,
	RECLAIM_ENDED,
	RECLAIM_ORPHAN,
};

/* Ends the request half at s->key, and its twin. */
static __always_inline enum reclaimed reclaim_flow(bool v6, struct scratch *s, const struct hit *h)
{
	if (!flow_is_over(v6, s, h) || !flow_claim(h->entry, h->word))
		return RECLAIM_KEPT;
	/* A packet may have come between the look and the claim, or the server be back. */
	if (!flow_is_over(v6, s, h)) {
		WRITE_ONCE(h->entry->word, h->word);
		return RECLAIM_KEPT;
	}
	flow_end(v6, s, h);
	return RECLAIM_ENDED;
}

/* Does the reply half at s->key belong to a request half?  One of the same tuple may have gone to
 * another server since. */
static __always_inline bool has_request(bool v6, struct scratch *s)
{
	union tuple *turned = flow_to(v6, &s->entry);
	union flow_entry *request;

	flow_key_turn(v6, s);
	request = flow_lookup(v6, &s->other);
	if (!request)
		return false;
	tuple_turn(v6, turned, flow_to(v6, request));
	return tuple_equal(v6, turned, flow_key_tuple(&s->key));
}

/* Removes the reply half at s->key, which never had a request half, when it is idle. */
static __always_inline enum reclaimed reclaim_one_packet(bool v6, struct scratch *s,
							 const struct hit *h)
{
	__u32 timeout = timeout_of(h->server, FLOW_UDP);

	if (!older_than(READ_ONCE(h->entry->seen), timeout) || !flow_claim(h->entry, h->word))
		return RECLAIM_KEPT;
	/* A packet may have come between the look and the claim. */
	if (!older_than(READ_ONCE(h->entry->seen), timeout)) {
		WRITE_ONCE(h->entry->word, h->word);
		return RECLAIM_KEPT;
	}
	flow_delete(v6, &s->key);
	return RECLAIM_ENDED;
}

/* Removes the reply half at s->key, if it is alone. */
static __always_inline enum reclaimed reclaim_reply(bool v6, struct scratch *s, const struct hit *h)
{
	if (h->flags & FLOW_ONE_PACKET)
		return reclaim_one_packet(v6, s, h);
	if (has_request(v6, s) || !is_left_behind(READ_ONCE(h->entry->seen), h->server))
		return RECLAIM_KEPT;
	if (!flow_claim(h->entry, h->word))
		return RECLAIM_KEPT;
	flow_delete(v6, &s->key);
	return RECLAIM_ORPHAN;
}

/* Removes an entry that was left CLAIMED; its load was counted when it was claimed, or never. */
static __always_inline enum reclaimed reclaim_claimed(bool v6, struct scratch *s)
{
	union flow_entry *e = flow_lookup(v6, &s->key);
	struct hit h = {};

	if (!e)
		return RECLAIM_GONE;
	if (WORD_LIFE(READ_ONCE(e->f.word)) != LIFE_CLAIMED ||
	    !is_left_behind(READ_ONCE(e->f.seen), READ_ONCE(e->f.server)))
		return RECLAIM_KEPT;
	tuple_copy(v6, &s->to, flow_to(v6, e));
	h.verbs = e->f.flags & FLOW_REPLY ? 0 : e->f.verbs;
	flow_remove(v6, s, &h);
	return RECLAIM_ORPHAN;
}

static __always_inline enum reclaimed reclaim_key(bool v6, struct scratch *s)
{
	struct hit h = {};

	switch (flow_find(v6, s, &h)) {
	case FIND_NONE:
		return RECLAIM_GONE;
	case FIND_BUSY:
		return reclaim_claimed(v6, s);
	default:
		return h.flags & FLOW_REPLY ? reclaim_reply(v6, s, &h) : reclaim_flow(v6, s, &h);
	}
}

/* ---- The batch ------------------------------------------------------------------------------ */

static __always_inline struct reclaim *reclaim_get(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&reclaim, &slot);
}

static __always_inline long reclaim_step(bool v6, __u32 i)
{
	struct scratch *s = scratch_get(SCRATCH_RECLAIM);
	struct reclaim *batch = reclaim_get();
	enum reclaimed outcome;

	if (!s || !batch || i >= RECLAIM_BATCH)
		return 1;
	s->user = SCRATCH_RECLAIM;
	if (v6)
		s->key.v6 = batch->keys6[i];
	else
		s->key.v4 = batch->keys4[i];
	outcome = reclaim_key(v6, s);
	if (v6)
		batch->ended6[i] = outcome == RECLAIM_ENDED;
	else
		batch->ended4[i] = outcome == RECLAIM_ENDED;
	switch (outcome) {
	case RECLAIM_ENDED:
		batch->reclaimed++;
		break;
	case RECLAIM_ORPHAN:
		batch->orphans++;
		break;
	case RECLAIM_KEPT:
		batch->kept++;
		break;
	case RECLAIM_GONE:
		break;
	}
	return 0;
}

/* bpf_loop() wants functions of this form. */
static long reclaim_step4(__u32 i, void *none)
{
	return reclaim_step(false, i);
}

static long reclaim_step6(__u32 i, void *none)
{
	return reclaim_step(true, i);
}

static long reclaim_template(__u32 i, void *none)
{
	struct reclaim *batch = reclaim_get();
	struct template_key key;

	if (!batch || i >= RECLAIM_BATCH)
		return 1;
	key = batch->templates[i];
	batch->forgotten += template_forget(&key);
	return 0;
}

static __always_inline int reclaim_run(void)
{
	struct reclaim *batch = reclaim_get();

	if (!batch)
		return -EINVAL;
	batch->reclaimed = 0;
	batch->orphans = 0;
	batch->kept = 0;
	batch->forgotten = 0;
	bpf_loop(batch->n4, reclaim_step4, NULL, 0);
	bpf_loop(batch->n6, reclaim_step6, NULL, 0);
	bpf_loop(batch->n_templates, reclaim_template, NULL, 0);
	batch->jiffies = bpf_jiffies64();
	return 0;
}

#endif
