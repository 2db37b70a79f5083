/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server a new flow goes to, by IPVS's definitions.
 *
 * The daemon lays the servers out in the service's ring, so that one look at a slot is a decision:
 * in turn (rr, wrr), or where the client's address points to (sh, mh).  For lc and wlc the ring is
 * a list, of which the least loaded is taken.  A server that is not available or overloaded now is
 * never taken, though the ring may hold it still; the service's sorry server is when no other can.
 */
#ifndef LBD_IPVS_SCHEDULE_BPF_H
#define LBD_IPVS_SCHEDULE_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"
#include "ipvs/persist.bpf.h"
#include "ipvs/pkt.bpf.h"

/* How many slots are looked at for one flow.  The daemon takes servers that are not available out
 * of the ring soon: this only bridges the time until then.  Of a longer list, lc and wlc look at
 * another part for each flow. */
#define SCAN_MAX 1024

/* PICK_HASH: how often another slot is asked for before the ring is searched in order. */
#define REHASH_MAX 8

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

/* A search through a ring.  Not on the stack: Linux 6.1 takes what a callback finds there at its
 * first call for what it finds at all, and removes the code for anything else. */
struct scan {
	__u32 first, count; /* the ring */
	__u32 at;	    /* where in it to begin */
	__u32 hash;	    /* PICK_HASH: of what the slot is derived */
	__u32 without;	    /* a server that cannot be taken, or 0 */
	__u8 pick;	    /* enum pick */
	bool v6;
	__u16 zero;
	__u32 server;		/* what was found, or 0 */
	__u64 overhead, weight; /* PICK_LC, PICK_WLC: of that server */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scan);
} scans SEC(".maps");

static __always_inline struct scan *scan_get(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&scans, &slot);
}

/* Can packets of this family be sent to the server at all?  Only a tunnel leads to one of the other
 * family. */
static __always_inline bool server_reaches(const struct server *s, bool v6)
{
	__u8 verbs = verbs_of(s).request;

	return verbs && (verbs & VERB_ENCAP || addr_is_v4(&s->addr) == !v6);
}

/* The server, when a new flow may go there now; or NULL. */
static __always_inline struct server *server_open(__u32 id, bool v6)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);

	if (!id || !s || !(READ_ONCE(s->status) & SERVER_TAKES) || !server_reaches(s, v6))
		return NULL;
	return READ_ONCE(s->overloaded) && READ_ONCE(s->upper) ? NULL : s;
}

/* ---- Hashes -------------------------------------------------------------------------------- */

/* What tells clients apart, for PICK_HASH: the words of the address, in host order, XORed, plus the
 * port in host order with SVC_HASH_PORT. */
static __always_inline __u32 client_hash(bool v6, const union flow_key *key, bool with_port)
{
	const struct addr *a = &key->v6.t.src;
	__u32 fold = v6 ? a->a[0] ^ a->a[1] ^ a->a[2] ^ a->a[3] : key->v4.t.src;
	__be16 port = v6 ? key->v6.t.sport : key->v4.t.sport;

	return bpf_ntohl(fold) + (with_port ? bpf_ntohs(port) : 0);
}

/* The slot that a hash points to:
 *
 *   (__u32)(hash * 0x61c88647) * (__u64)count >> 32
 *
 * Nothing in it is a secret or differs between directors.  In a ring of 256 slots it is the bucket
 * of IPVS's sh.  When its server cannot be taken, the next tries are the slots of hash + slot,
 * hash + slot + 1, ... (REHASH_MAX of them), so that the clients of a failed server spread over all
 * others; then slot + 1, slot + 2, ... */
static __always_inline __u32 hash_slot(__u32 hash, __u32 count)
{
	return (__u64)(__u32)(hash * 0x61c88647) * count >> 32;
}

/* SVC_ONE_PACKET: what all fragments of a datagram have in common, and other datagrams have not. */
static __always_inline __u32 fragment_hash(const struct scratch *s, __u32 client)
{
	return client + bpf_ntohl(s->pkt.fragment_id);
}

static __always_inline bool goes_alone(const struct svc *svc, const struct pkt *p)
{
	return svc->flags & SVC_ONE_PACKET && p->l4_proto == IPPROTO_UDP;
}

/* ---- Searching ----------------------------------------------------------------------------- */

/* The place in the ring that is looked at in a step. */
static __always_inline __u32 scan_slot(const struct scan *scan, __u32 step)
{
	if (scan->pick == PICK_HASH && step) {
		if (step <= REHASH_MAX)
			return hash_slot(scan->hash + scan->at + step - 1, scan->count);
		step -= REHASH_MAX;
	}
	return (scan->at + step) % scan->count;
}

static __always_inline __u32 ring_server(__u32 slot)
{
	__u32 chunk = slot / RING_CHUNK;
	struct ring_chunk *c = bpf_map_lookup_elem(&rings, &chunk);

	return c ? READ_ONCE(c->server[slot % RING_CHUNK]) : 0;
}

/* One step of the search for a server that can be taken, in the form that bpf_loop() wants: 1 ends
 * it. */
static long scan_step(__u32 step, void *none)
{
	struct scan *scan = scan_get();
	__u32 id;

	if (!scan || !scan->count)
		return 1;
	id = ring_server(scan->first + scan_slot(scan, step));
	if (id == scan->without || !server_open(id, scan->v6))
		return 0;
	scan->server = id;
	return 1;
}

/* IPVS: a server's overhead is active * 256 + inactive; for wlc in proportion to its weight.  Among
 * equals the first in the list is taken. */
static long least_step(__u32 step, void *none)
{
	struct scan *scan = scan_get();
	__u64 overhead, weight;
	struct server *s;
	__u32 id;

	if (!scan || !scan->count)
		return 1;
	id = ring_server(scan->first + scan_slot(scan, step));
	s = server_open(id, scan->v6);
	if (!s || id == scan->without)
		return 0;
	overhead = ((__u64)READ_ONCE(s->active) << 8) + READ_ONCE(s->inactive);
	weight = scan->pick == PICK_WLC ? READ_ONCE(s->weight) : 1;
	if (!weight || (scan->server && overhead * scan->weight >= scan->overhead * weight))
		return 0;
	scan->server = id;
	scan->overhead = overhead;
	scan->weight = weight;
	return 0;
}

static __always_inline void scan_begin(struct scan *scan, struct svc *svc, bool v6,
				       const struct scratch *s, __u32 without)
{
	__u64 ring = READ_ONCE(svc->ring);

	*scan = (struct scan){
		.first = SPAN_FIRST(ring),
		.count = SPAN_COUNT(ring),
		.hash = client_hash(v6, &s->key, svc->flags & SVC_HASH_PORT),
		.without = without,
		.pick = without ? PICK_NEXT : svc->pick,
		.v6 = v6,
	};
	if (scan->pick != PICK_HASH && !without && s->pkt.fragment && goes_alone(svc, &s->pkt)) {
		scan->pick = PICK_HASH;
		scan->hash = fragment_hash(s, scan->hash);
	}
}

/* The id of a server for the packet at s->key, or 0 when there is none.  without: a server that
 * turned out not to do, or 0; the rule is set aside then, and any other may be taken. */
static __always_inline __u32 schedule(struct svc *svc, bool v6, const struct scratch *s,
				      __u32 without)
{
	__u32 cursor = __sync_fetch_and_add(&svc->cursor, 1), sorry = READ_ONCE(svc->sorry);
	struct scan *scan = scan_get();
	__u32 count;

	if (!scan)
		return 0;
	scan_begin(scan, svc, v6, s, without);
	count = scan->count;
	if (count) {
		__u32 steps = count < SCAN_MAX ? count : SCAN_MAX;

		switch (scan->pick) {
		case PICK_LC:
		case PICK_WLC:
			scan->at = count > SCAN_MAX ? cursor * SCAN_MAX % count : 0;
			bpf_loop(steps, least_step, NULL, 0);
			break;
		case PICK_HASH:
			scan->at = hash_slot(scan->hash, count);
			if (!scan_step(0, NULL))
				bpf_loop(steps + REHASH_MAX, scan_step, NULL, 0);
			break;
		default:
			scan->at = cursor % count;
			if (!scan_step(0, NULL))
				bpf_loop(steps, scan_step, NULL, 0);
		}
	}
	if (scan->server)
		return scan->server;
	return !without && server_open(sorry, v6) ? sorry : 0;
}

/* The same, as a function that the verifier looks at by itself; slot is one of `svcs`, the packet's
 * key comes from this CPU's scratch. */
__noinline int server_schedule(__u32 v6, __u32 slot, __u32 without)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);

	return s && svc ? schedule(svc, v6, s, without) : 0;
}

/* ---- Persistent clients -------------------------------------------------------------------- */

/* What server_choose() returns: an id, and with it */
#define CHOICE_SERVER(choice) ((choice)&0xffff)
#define CHOICE_TEMPLATE	      0x10000 /* the client's template counts the flow already */
#define CHOICE_ONE_PACKET     0x20000

#define TEMPLATE_TRIES 3 /* its word changes with each flow of the client */

/* Does the template still say where its client goes?  By IPVS its server may have weight 0, unless
 * the service says otherwise, and be overloaded. */
static __always_inline bool template_holds(const struct template *t, union template_word word,
					   const struct svc *svc, __u32 slot, bool v6)
{
	struct server *server = bpf_map_lookup_elem(&servers, &word.server);
	__u32 wants = SERVER_ALIVE;

	if (svc->flags & SVC_EXPIRE_QUIESCENT)
		wants |= SERVER_TAKES;
	/* The slot may belong to another service by now: only flows keep it theirs. */
	return server && server->svc == slot && (READ_ONCE(server->status) & wants) == wants &&
	       server_reaches(server, v6) && !template_is_over(t, word.seen, svc);
}

/* Joins the template of the client of the packet in this CPU's scratch, in a slot of `svcs`, to the
 * server that it holds; else to the one given, in a new template or in place of one that does not
 * hold.  Without a server it is only followed.  Returns a choice, 0 when there is none; when there
 * is no room, or the template is being removed just now, the server given. */
__noinline int template_choose(__u32 v6, __u32 slot, __u32 server)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);
	union template_word word;
	struct template *t;
	int i, r;

	if (!s || !svc)
		return server;
	template_key_set(v6, s, slot, svc);
	for (i = 0; i < TEMPLATE_TRIES; i++) {
		t = template_find(&s->client, &word);
		if (t && word.server && template_holds(t, word, svc, slot, v6)) {
			if (template_join(t, word, word.server))
				return word.server | CHOICE_TEMPLATE;
			continue;
		}
		if (!server || (t && !word.server))
			return server;
		if (t) {
			if (template_join(t, word, server))
				return server | CHOICE_TEMPLATE;
			continue;
		}
		r = template_make(s, server);
		if (!r)
			return server | CHOICE_TEMPLATE;
		if (r != -EEXIST)
			return server;
	}
	return server;
}

/* Where the flow of the packet in this CPU's scratch goes: see CHOICE_SERVER; 0: nowhere.  without:
 * see schedule(). */
__noinline int server_choose(__u32 v6, __u32 slot, __u32 without)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);
	bool persistent, one_packet;
	__u32 choice = 0;

	if (!s || !svc)
		return 0;
	one_packet = goes_alone(svc, &s->pkt);
	persistent = svc->persist && !one_packet && !without;
	if (persistent)
		choice = template_choose(v6, slot, 0);
	if (choice)
		return choice;
	choice = server_schedule(v6, slot, without);
	/* The sorry server is not remembered. */
	if (!choice || (persistent && choice == READ_ONCE(svc->sorry)))
		return choice;
	if (persistent)
		return template_choose(v6, slot, choice);
	return one_packet ? choice | CHOICE_ONE_PACKET : choice;
}

#endif
