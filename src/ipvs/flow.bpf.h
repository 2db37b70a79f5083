/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow table: find, begin, change, end.  This header alone knows that each family has a map.
 *
 * The life of an entry hangs on its word, see abi.h.  Entries are preallocated: a deleted one is
 * used again at once, maybe for another key, while some CPU still holds a pointer to it.  Therefore
 * an entry is CLAIMED while it is written and before it is deleted, and flow_find() believes what
 * it copied only if life, generation and tag were the same before and after.  `seen` and `ack` are
 * written without that care: through a stale pointer they may freshen another flow, which costs
 * nothing but a late expiry.
 *
 * The order of loads matters here, and BPF has no load barrier that is cheap: this holds on
 * machines that do not reorder loads with loads (x86, s390).
 */
#ifndef LBD_IPVS_FLOW_BPF_H
#define LBD_IPVS_FLOW_BPF_H

#include <linux/errno.h>

#include "ipvs/maps.bpf.h"
#include "ipvs/pkt.bpf.h"
#include "ipvs/state.bpf.h"
#include "ipvs/wire.bpf.h"

#define CAS_TRIES    4 /* a word changes a few times in a flow's life: enough for any race */
#define DELETE_TRIES 4 /* the kernel refuses (EBUSY) when a bucket's lock is held on this CPU */

union tuple {
	struct tuple4 v4;
	struct tuple6 v6;
};

union flow_key {
	struct flow4_key v4;
	struct flow6_key v6;
};

union flow_entry {
	struct flow f; /* stands first in both */
	struct flow4 v4;
	struct flow6 v6;
};

/* What is too large for the stack.  The programs of one CPU never interrupt each other, but the
 * reclaim program can be interrupted by them and has a place of its own. */
struct scratch {
	__u32 user; /* enum scratch_user: whose it is */
	struct pkt pkt;
	union flow_key key;   /* of the packet, or of the request half */
	union flow_key other; /* of the other half */
	union tuple to;	      /* what the packet's tuple becomes */
	union flow_entry entry;
	struct svc_ref svc; /* that the packet is for */
	struct template_key client;
	struct template template; /* that is to be made */
	struct bpf_fib_lookup fib;
	__u32 mtu;    /* of a packet that is too big: what it has to fit into */
	__u32 event;  /* of the packet: enum event; verifiers need not follow each value */
	__u8 no_flow; /* of a packet that has no flow: enum no_flow of its service */
};

enum scratch_user {
	SCRATCH_PACKET,
	SCRATCH_RECLAIM,
	SCRATCH_USERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_USERS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_get(enum scratch_user user)
{
	__u32 slot = user;

	return bpf_map_lookup_elem(&scratches, &slot);
}

/* What a packet's flow tells, with scratch.to: a consistent copy, and the entry to note things in.
 */
struct hit {
	struct flow *entry;
	__u32 word;
	__u32 seen;
	__u32 server;
	__u32 gate;
	__u8 verbs;
	__u8 flags;
};

enum find {
	FIND_NONE,
	FIND_LIVE,
	FIND_BUSY, /* begins or ends just now: look again */
};

static __always_inline __u32 now_jiffies(void)
{
	return (__u32)bpf_jiffies64();
}

/* `seen` may be later than the `now` that we read before it. */
static __always_inline bool older_than(__u32 seen, __u32 timeout)
{
	return (__s32)(now_jiffies() - seen) >= (__s32)timeout;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

static __always_inline void *flow_map(bool v6)
{
	return v6 ? (void *)&flows6 : (void *)&flows4;
}

static __always_inline union flow_entry *flow_lookup(bool v6, const union flow_key *key)
{
	return bpf_map_lookup_elem(flow_map(v6), key);
}

static __always_inline bool tuple_equal(bool v6, const union tuple *a, const union tuple *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;
	__u32 words = (v6 ? sizeof(a->v6) : sizeof(a->v4)) / sizeof(*x), differ = 0, i;

#pragma unroll
	for (i = 0; i < words; i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

static __always_inline void tuple_copy(bool v6, union tuple *to, const union tuple *from)
{
	if (v6)
		to->v6 = from->v6;
	else
		to->v4 = from->v4;
}

/* The tuple of a packet the other way.  from and to are not the same memory. */
static __always_inline void tuple_turn(bool v6, union tuple *to, const union tuple *from)
{
	if (v6) {
		to->v6.src = from->v6.dst;
		to->v6.dst = from->v6.src;
		to->v6.sport = from->v6.dport;
		to->v6.dport = from->v6.sport;
	} else {
		to->v4.src = from->v4.dst;
		to->v4.dst = from->v4.src;
		to->v4.sport = from->v4.dport;
		to->v4.dport = from->v4.sport;
	}
}

static __always_inline void tuple_of(const struct pkt *p, bool v6, union tuple *t)
{
	if (v6) {
		t->v6.src = p->src;
		t->v6.dst = p->dst;
		t->v6.sport = p->sport;
		t->v6.dport = p->dport;
	} else {
		t->v4.src = p->src.a[3];
		t->v4.dst = p->dst.a[3];
		t->v4.sport = p->sport;
		t->v4.dport = p->dport;
	}
}

/* A key begins with its tuple. */
static __always_inline union tuple *flow_key_tuple(union flow_key *key)
{
	return (union tuple *)key;
}

static __always_inline __u8 flow_key_proto(bool v6, const union flow_key *key)
{
	return v6 ? key->v6.proto : key->v4.proto;
}

static __always_inline void flow_key_set_proto(bool v6, union flow_key *key, __u8 proto)
{
	__u8 *at = v6 ? &key->v6.proto : &key->v4.proto;

	*(__u32 *)at = 0; /* the padding too */
	*at = proto;
}

/* Makes s->other the key of the half that packets the other way find, from s->to. */
static __always_inline void flow_key_turn(bool v6, struct scratch *s)
{
	tuple_turn(v6, flow_key_tuple(&s->other), &s->to);
	flow_key_set_proto(v6, &s->other, flow_key_proto(v6, &s->key));
}

static __always_inline __u32 hash_words(const __u32 *word, __u32 words)
{
	__u32 hash = 0, i;

#pragma unroll
	for (i = 0; i < words; i++) {
		hash = (hash ^ word[i]) * 0x9e3779b1;
		hash ^= hash >> 15;
	}
	return hash;
}

static __always_inline __u32 flow_tag(bool v6, const union flow_key *key)
{
	return hash_words((const __u32 *)key,
			  (v6 ? sizeof(key->v6) : sizeof(key->v4)) / sizeof(__u32));
}

static __always_inline union tuple *flow_to(bool v6, union flow_entry *e)
{
	return v6 ? (union tuple *)&e->v6.to : (union tuple *)&e->v4.to;
}

static __always_inline bool has_twin(__u8 verbs)
{
	return verbs & (VERB_DNAT | VERB_SNAT);
}

/* ---- Finding ------------------------------------------------------------------------------- */

/* Same flow in the same entry, alive both times; its state may have changed. */
static __always_inline bool word_same_life(__u32 a, __u32 b)
{
	return !((a ^ b) & WORD(3, 0, 0, 0xffff));
}

static __always_inline void hit_set(struct hit *h, struct flow *f)
{
	h->entry = f;
	h->seen = READ_ONCE(f->seen);
	h->server = READ_ONCE(f->server);
	h->gate = READ_ONCE(f->gate);
	h->verbs = READ_ONCE(f->verbs);
	h->flags = READ_ONCE(f->flags);
}

/* The flow of the packet at s->key. */
static __always_inline enum find flow_find(bool v6, struct scratch *s, struct hit *h)
{
	union flow_entry *e = flow_lookup(v6, &s->key);
	__u32 tag = flow_tag(v6, &s->key);

	if (!e)
		return FIND_NONE;
	h->word = READ_ONCE(e->f.word);
	if (WORD_LIFE(h->word) != LIFE_LIVE || READ_ONCE(e->f.tag) != tag)
		return FIND_BUSY;
	hit_set(h, &e->f);
	tuple_copy(v6, &s->to, flow_to(v6, e));
	barrier();
	if (!word_same_life(READ_ONCE(e->f.word), h->word) || READ_ONCE(e->f.tag) != tag)
		return FIND_BUSY;
	return FIND_LIVE;
}

/* The other half of the pair that was found, or NULL. */
static __always_inline struct flow *flow_twin(bool v6, struct scratch *s)
{
	union flow_entry *twin;

	flow_key_turn(v6, s);
	twin = flow_lookup(v6, &s->other);
	if (!twin || READ_ONCE(twin->f.tag) != flow_tag(v6, &s->other))
		return NULL;
	return &twin->f;
}

/* Notes a packet.  The twin is told when it may not have heard for a second: a pair is expired only
 * when both halves are. */
static __always_inline void flow_touch(const struct pkt *p, bool v6, struct scratch *s,
				       const struct hit *h)
{
	__u32 now = now_jiffies();
	struct flow *twin;

	if (p->tcp_flags & TCP_ACK && h->entry->ack != p->ack)
		h->entry->ack = p->ack;
	if (h->seen == now)
		return;
	WRITE_ONCE(h->entry->seen, now);
	if (!has_twin(h->verbs) || now - h->seen < cfg_hz)
		return;
	twin = flow_twin(v6, s);
	if (twin)
		WRITE_ONCE(twin->seen, now);
}

/* ---- A server's load ----------------------------------------------------------------------- */

static __always_inline void load_add(__u32 id, __u32 state, __s32 n)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);

	if (!s)
		return;
	if (FLOW_IS_ACTIVE(state))
		__sync_fetch_and_add(&s->active, n);
	else
		__sync_fetch_and_add(&s->inactive, n);
}

/* IPVS's rules: a server is overloaded when a flow brings it to `upper`, until the end of one takes
 * it below `lower` (three quarters of `upper` when that is 0).  Two CPUs may judge at once: each
 * looks again after it has changed the word, by an exchange that orders it before that look. */
__noinline int load_judge(__u32 id)
{
	struct server *s = bpf_map_lookup_elem(&servers, &id);
	__u64 upper, lower, total;
	__u32 overloaded;
	__s32 sum;
	int i;

	if (!s || (!READ_ONCE(s->upper) && !READ_ONCE(s->overloaded)))
		return 0;
	upper = READ_ONCE(s->upper);
	lower = READ_ONCE(s->lower);
	for (i = 0; i < CAS_TRIES; i++) {
		/* A flow that ends while another CPU moves it from one count to the other may take
		 * one of them below 0 for a moment, but not their sum beyond what it is. */
		sum = READ_ONCE(s->active) + READ_ONCE(s->inactive);
		total = sum > 0 ? sum : 0;
		if (upper && total >= upper)
			overloaded = 1;
		else if (!upper || (lower ? total < lower : total * 4 < upper * 3))
			overloaded = 0;
		else
			break;
		if (READ_ONCE(s->overloaded) == overloaded)
			break;
		__sync_lock_test_and_set(&s->overloaded, overloaded);
	}
	return 0;
}

/* A flow begins at a server, in this state. */
static __always_inline void load_bind(__u32 id, __u32 state)
{
	load_add(id, state, 1);
	load_judge(id);
}

/* A flow of that state ends. */
static __always_inline void load_unbind(__u32 id, __u32 state)
{
	load_add(id, state, -1);
	load_judge(id);
}

/* ---- Changing state ------------------------------------------------------------------------ */

/* Applies an event to the word of request half f; whoever changed it moves the server's load, so
 * each change is counted once.  Returns the word that holds then, 0 when the flow is gone. */
static __always_inline __u32 flow_step(struct flow *f, __u32 word, __u32 server, enum event event,
				       bool output)
{
	__u32 next, was;
	int i;

	for (i = 0; i < CAS_TRIES; i++) {
		next = word_after(word, event, output);
		if (next == word)
			return word;
		was = __sync_val_compare_and_swap(&f->word, word, next);
		if (was == word) {
			if (WORD_STATE(word) != WORD_STATE(next)) {
				load_add(server, WORD_STATE(word), -1);
				load_add(server, WORD_STATE(next), 1);
			}
			return next;
		}
		if (!word_same_life(was, word))
			return 0;
		word = was;
	}
	return 0;
}

/* Would a bare ACK of the server change this state?  Then reply halves must not be settled. */
static __always_inline bool word_unsettled(__u32 word)
{
	return word_after(word, EVENT_ACK, true) != word;
}

static __always_inline void flow_settle(struct flow *reply, __u32 word, bool settled)
{
	__u32 next = settled ? word | WORD_SETTLED : word & ~WORD_SETTLED;

	/* Losing costs nothing: the half ends, or the client's ACK changes the state as well. */
	if (next != word)
		__sync_val_compare_and_swap(&reply->word, word, next);
}

static __always_inline void flow_track_request(bool v6, struct scratch *s, const struct hit *h,
					       enum event event)
{
	struct flow *reply;
	__u32 word;

	if (word_after(h->word, event, false) == h->word)
		return;
	word = flow_step(h->entry, h->word, h->server, event, false);
	if (!word || !has_twin(h->verbs) || !word_unsettled(word))
		return;
	reply = flow_twin(v6, s);
	if (reply)
		flow_settle(reply, READ_ONCE(reply->word), false);
}

static __always_inline void flow_track_reply(bool v6, struct scratch *s, const struct hit *h,
					     enum event event)
{
	struct flow *request;
	__u32 word;

	if (event == EVENT_ACK && h->word & WORD_SETTLED)
		return;
	request = flow_twin(v6, s);
	if (!request)
		return;
	/* It may be the request half of the tuple's next flow, with another server, by now. */
	word = READ_ONCE(request->word);
	barrier();
	if (WORD_LIFE(word) != LIFE_LIVE || READ_ONCE(request->server) != h->server)
		return;
	word = flow_step(request, word, h->server, event, true);
	if (word)
		flow_settle(h->entry, h->word, !word_unsettled(word));
}

/* Follows the connection or association of the packet in this CPU's scratch.  entry and the rest
 * are its flow's struct hit: the verifier looks at this by itself, and not on each way here.  Most
 * packets change nothing and touch nothing: bare ACKs of the client are looked up in a table, those
 * of a settled server not even that. */
__noinline int flow_follow(struct flow *entry, __u32 v6, __u32 word, __u32 server,
			   __u32 verbs_flags)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct hit h = { .entry = entry, .word = word, .server = server, .verbs = verbs_flags };
	bool is_reply = verbs_flags >> 8 & FLOW_REPLY;

	if (!s || !entry)
		return 0;
	if (is_reply && v6)
		flow_track_reply(true, s, &h, s->event);
	else if (is_reply)
		flow_track_reply(false, s, &h, s->event);
	else if (v6)
		flow_track_request(true, s, &h, s->event);
	else
		flow_track_request(false, s, &h, s->event);
	return 0;
}

static __always_inline void flow_track(const struct pkt *p, bool v6, struct scratch *s,
				       const struct hit *h)
{
	s->event = pkt_event(p);
	if (READ_ONCE(s->event) != EVENTS)
		flow_follow(h->entry, v6, h->word, h->server, h->verbs | h->flags << 8);
}

/* ---- Beginning and ending ------------------------------------------------------------------ */

static __always_inline void flow_delete(bool v6, const union flow_key *key)
{
	int i;

	for (i = 0; i < DELETE_TRIES; i++) {
		/* Before Linux 6.4 map operations return an int: the upper half is not the sign. */
		int r = bpf_map_delete_elem(flow_map(v6), key);

		if (!r || r == -ENOENT)
			return;
	}
}

/* From now on packets find the entry. */
static __always_inline void flow_open(bool v6, const union flow_key *key, __u32 word)
{
	union flow_entry *e = flow_lookup(v6, key);

	if (e)
		WRITE_ONCE(e->f.word, word);
}

/* LIVE -> CLAIMED.  False: somebody else was faster, or the state changed. */
static __always_inline bool flow_claim(struct flow *f, __u32 word)
{
	__u32 claimed = word ^ LIFE_LIVE ^ LIFE_CLAIMED;

	return __sync_val_compare_and_swap(&f->word, word, claimed) == word;
}

/* Removes both halves of a flow whose request half, at s->key, the caller has claimed. */
static __always_inline void flow_remove(bool v6, struct scratch *s, const struct hit *h)
{
	union flow_entry *reply;

	if (has_twin(h->verbs)) {
		flow_key_turn(v6, s);
		reply = flow_lookup(v6, &s->other);
		if (reply) {
			/* The half belongs to the pair, and so to us; but its word may change just
			 * now, to settled. */
			__sync_lock_test_and_set(&reply->f.word, LIFE_CLAIMED);
			flow_delete(v6, &s->other);
		}
	}
	flow_delete(v6, &s->key);
}

/* Is this the SYN (SCTP: INIT) of a new flow, and the one it found is over? */
static __always_inline bool flow_begins_anew(const struct pkt *p, const struct hit *h)
{
	return p->l4_proto != IPPROTO_UDP && pkt_begins(p) && !(h->flags & FLOW_REPLY) &&
	       word_is_over(h->word);
}

/* Could this packet as well begin a flow with another server? */
static __always_inline bool flow_can_move(const struct pkt *p, const struct hit *h)
{
	return pkt_begins(p) && !(h->flags & FLOW_REPLY);
}

#endif
