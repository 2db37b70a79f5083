/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistence: a client's next flows go where its last one went, by IPVS's rules for templates.
 *
 * A template counts the flows that came by it.  It ends when none is left and it is older than the
 * service's `persist`: here it is taken for the client's next server then; the reclaim program
 * removes what nobody asks for.  Server and age are one word of 64 bits, changed by
 * compare-and-swap: of two CPUs that begin a client's first flows at once, both use the winner's
 * server.
 *
 * Entries are not preallocated, but are used again at once all the same.  So a template is removed
 * in two steps, as flows are: whoever removes it sets its server to 0 and looks once more whether
 * it counts a flow.  Who joins counts first and changes the word then, which fails if it was 0 in
 * between; the tag tells whether the entry is this client's at all.
 */
#ifndef LBD_IPVS_PERSIST_BPF_H
#define LBD_IPVS_PERSIST_BPF_H

#include "ipvs/flow.bpf.h"
#include "ipvs/maps.bpf.h"

/* The first half of a struct template. */
union template_word {
	struct {
		__u32 server, seen;
	};
	__u64 word;
};

static __always_inline __be32 mask_word(__be32 word, __s32 bits)
{
	if (bits <= 0)
		return 0;
	return bits >= 32 ? word : word & bpf_htonl(~0u << (32 - bits));
}

/* Makes s->client the template's key for the request half at s->key; slot: of `svcs`. */
static __always_inline void template_key_set(bool v6, struct scratch *s, __u32 slot,
					     const struct svc *svc)
{
	__s32 bits = svc->persist_bits, i;
	__be32 *word = s->client.client.a;

	s->client.client = v6 ? s->key.v6.t.src : addr_v4(s->key.v4.t.src);
#pragma unroll
	for (i = 0; i < 4; i++)
		word[i] = mask_word(word[i], bits - 32 * i);
	s->client.svc = slot;
}

static __always_inline __u32 template_tag(const struct template_key *key)
{
	return hash_words((const __u32 *)key, sizeof(*key) / sizeof(__u32));
}

static __always_inline __u64 *template_word(struct template *t)
{
	return (__u64 *)t;
}

/* *ret_word: server and age, of the same moment; server 0: it is being removed.  NULL: there is
 * none. */
static __always_inline struct template *template_find(const struct template_key *key,
						      union template_word *ret_word)
{
	struct template *t = bpf_map_lookup_elem(&templates, key);

	ret_word->word = 0;
	if (t) {
		ret_word->word = READ_ONCE(*template_word(t));
		barrier();
		if (READ_ONCE(t->tag) != template_tag(key))
			t = NULL;
	}
	/* The compiler shall test t itself, not what tells it that t is set: the verifier wants to
	 * see that. */
	barrier_var(t);
	return t;
}

static __always_inline bool template_is_over(const struct template *t, __u32 seen,
					     const struct svc *svc)
{
	return !READ_ONCE(t->flows) && older_than(seen, READ_ONCE(svc->persist));
}

static __always_inline bool template_swap(struct template *t, union template_word from,
					  union template_word to)
{
	return __sync_val_compare_and_swap(template_word(t), from.word, to.word) == from.word;
}

static __always_inline void template_uncount(struct template *t)
{
	/* An entry that was used again meanwhile may count fewer than we knew of. */
	if (READ_ONCE(t->flows) && !__sync_fetch_and_sub(&t->flows, 1))
		__sync_fetch_and_add(&t->flows, 1);
}

/* The client's flow goes by the template, to its server or to a new one. */
static __always_inline bool template_join(struct template *t, union template_word from,
					  __u32 server)
{
	union template_word to = { .server = server, .seen = now_jiffies() };

	__sync_fetch_and_add(&t->flows, 1);
	if (template_swap(t, from, to))
		return true;
	template_uncount(t);
	return false;
}

/* Makes the template of s->client.  0 or -errno. */
static __always_inline int template_make(struct scratch *s, __u32 server)
{
	s->template = (struct template){
		.server = server,
		.seen = now_jiffies(),
		.flows = 1,
		.tag = template_tag(&s->client),
	};
	return bpf_map_update_elem(&templates, &s->client, &s->template, BPF_NOEXIST);
}

/* A flow that its client's template counts, with its request half at s->key, is over. */
static __always_inline void template_leave(bool v6, struct scratch *s, __u32 server)
{
	struct server *srv = bpf_map_lookup_elem(&servers, &server);
	__u32 slot = srv ? srv->svc : 0;
	struct svc *svc = bpf_map_lookup_elem(&svcs, &slot);
	union template_word word;
	struct template *t;

	if (!svc)
		return;
	template_key_set(v6, s, slot, svc);
	t = template_find(&s->client, &word);
	if (!t)
		return;
	WRITE_ONCE(t->seen, now_jiffies());
	template_uncount(t);
}

/* Removes the template if it is over. */
static __always_inline bool template_forget(const struct template_key *key)
{
	struct svc *svc = bpf_map_lookup_elem(&svcs, &key->svc);
	union template_word word, claimed;
	struct template *t = template_find(key, &word);

	if (!t || !svc || !template_is_over(t, word.seen, svc))
		return false;
	claimed = word;
	claimed.server = 0;
	/* A server that is 0 already was left by a run that could not remove it. */
	if (!template_swap(t, word, claimed))
		return false;
	if (READ_ONCE(t->flows)) {
		template_swap(t, claimed, word);
		return false;
	}
	return !bpf_map_delete_elem(&templates, key);
}

#endif
