// SPDX-License-Identifier: BSD-2-Clause
/* Is what became of a packet right?
 *
 * A frame that was redirected is one of these, and which one shows in its bytes: the packet, with
 * another tuple and one hop less; the same in a tunnel; an answer to its sender; what a client is
 * told of an error on a tunnel's way.  Checksums that were right must be right, and what was wrong
 * must be wrong by as much as before: no error of somebody else may be covered up.
 */
#include "config.h"

#include "right.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "frame.h"
#include "rig.h"
#include "view.h"

#define QUOTE_MAX 512
#define TTL_OWN	  64

enum { IP4_HEAD = 20, IP6_HEAD = 40, TCP_HEAD = 20, UDP_HEAD = 8, ICMP_HEAD = 8 };

/* A packet, without its Ethernet header. */
struct packet {
	const uint8_t *p;
	size_t len;
	struct view v;
};

static bool same(const struct packet *in, const struct packet *out, size_t from, size_t to)
{
	return from >= to || !memcmp(in->p + from, out->p + from, to - from);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* ---- The Ethernet header --------------------------------------------------------------------- */

static bool mac_is_ours(const uint8_t *mac)
{
	return !memcmp(mac, who_mac(FRONT), 6) || !memcmp(mac, who_mac(BACK), 6);
}

/* Servers have marks in their last bytes, see test_mutate.c. */
static bool mac_is_known(const uint8_t *mac)
{
	return !memcmp(mac, who_mac(CLIENT), 6) ||
	       (!memcmp(mac, who_mac(WEB1), 4) && mac[4] >= 0x40 && mac[5] >= 0x80);
}

/* Nobody told the MAC of this one: the kernel asks, and writes both then. */
static bool is_unknown_neighbour(const struct addr *a)
{
	static const struct {
		enum who who;
		size_t bytes; /* of the prefix, in a struct addr */
	} links[] = { { FRONT, 15 }, { BACK, 15 }, { FRONT, 8 }, { BACK, 8 } };
	struct addr link, client;
	bool v6;
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(*links); i++) {
		v6 = links[i].bytes == 8;
		link = who_addr(links[i].who, v6);
		client = who_addr(CLIENT, v6);
		if (!memcmp(a, &link, links[i].bytes) && memcmp(a, &client, sizeof(*a)))
			return true;
	}
	return false;
}

static const char *judge_macs(const struct run *r, const struct addr *to)
{
	const uint8_t none[12] = {};

	if (mac_is_ours(r->out + 6) && mac_is_known(r->out))
		return NULL;
	if (r->hook == HOOK_INGRESS && is_unknown_neighbour(to) &&
	    (!memcmp(r->out, r->in, 12) || !memcmp(r->out, none, 12)))
		return NULL;
	return "MACs";
}

/* ---- Forwarded ------------------------------------------------------------------------------- */

static const char *judge_tcp(const struct packet *in, const struct packet *out)
{
	size_t l4 = in->v.l4, head = (in->p[l4 + 12] >> 4) * 4u;
	bool syn = in->p[l4 + 13] & SYN;

	if (!same(in, out, l4 + 4, l4 + 16) || !same(in, out, l4 + 18, l4 + TCP_HEAD))
		return "TCP header";
	if (!syn && !same(in, out, l4 + TCP_HEAD, l4 + head))
		return "TCP options";
	if (!same(in, out, l4 + head, in->v.end))
		return "TCP payload";
	return view_residue(in->p, &in->v) == view_residue(out->p, &out->v) ? NULL : "TCP checksum";
}

static const char *judge_udp(const struct packet *in, const struct packet *out)
{
	size_t l4 = in->v.l4;
	unsigned before = get16(in->p + l4 + 6), after = get16(out->p + l4 + 6);

	if (!same(in, out, l4 + 4, l4 + 6) || !same(in, out, l4 + UDP_HEAD, in->v.end))
		return "UDP header or payload";
	if (!before != !after)
		return "UDP checksum, that none was made";
	if (before && view_residue(in->p, &in->v) != view_residue(out->p, &out->v))
		return "UDP checksum";
	return NULL;
}

/* What follows the ports in a quote, of which any number of bytes may be there. */
static const char *judge_quoted_l4(const struct packet *in, const struct packet *out)
{
	size_t l4 = in->v.l4, end = in->v.end, check;

	switch (in->v.proto) {
	case IPPROTO_TCP:
		check = l4 + 16;
		break;
	case IPPROTO_UDP:
		check = l4 + 6;
		if (!get16(in->p + check))
			return same(in, out, l4 + 4, end) ? NULL : "quoted UDP";
		break;
	default:
		return same(in, out, l4 + 4, end) ? NULL : "quoted transport header";
	}
	if (check + 2 > end)
		return same(in, out, l4 + 4, end) ? NULL : "quoted TCP";
	if (!same(in, out, l4 + 4, check) || !same(in, out, check + 2, end))
		return "quoted transport header";
	return view_residue(in->p, &in->v) == view_residue(out->p, &out->v)
		       ? NULL
		       : "quoted transport checksum";
}

static const char *judge_quote(const struct packet *in, const struct packet *out)
{
	if (in->v.l4 != out->v.l4 || in->v.end != out->v.end || in->v.proto != out->v.proto)
		return "quoted headers";
	if (in->v.v6 ? !same(in, out, 0, 8) : !same(in, out, 0, 10))
		return "quoted IP header";
	if (!same(in, out, in->v.v6 ? IP6_HEAD : IP4_HEAD, in->v.l4))
		return "quoted options";
	if (view_head_residue(in->p, &in->v) != view_head_residue(out->p, &out->v))
		return "quoted IP checksum";
	return judge_quoted_l4(in, out);
}

static const char *judge_icmp(const struct packet *in, const struct packet *out)
{
	size_t l4 = in->v.l4, quote = l4 + ICMP_HEAD;
	struct packet quote_in = { .p = in->p + quote, .len = in->v.end - quote };
	struct packet quote_out = { .p = out->p + quote, .len = in->v.end - quote };

	if (!same(in, out, l4, l4 + 2) || !same(in, out, l4 + 4, quote))
		return "ICMP header";
	if (view_residue(in->p, &in->v) != view_residue(out->p, &out->v))
		return "ICMP checksum";
	if (!view_quote(quote_in.p, quote_in.len, in->v.v6, &quote_in.v) ||
	    !view_quote(quote_out.p, quote_out.len, in->v.v6, &quote_out.v))
		return "ICMP without a quote";
	return judge_quote(&quote_in, &quote_out);
}

static const char *judge_l4(const struct packet *in, const struct packet *out)
{
	if (in->v.later)
		return same(in, out, in->v.l4, in->v.end) ? NULL : "later fragment";
	switch (in->v.proto) {
	case IPPROTO_TCP:
		return judge_tcp(in, out);
	case IPPROTO_UDP:
		return judge_udp(in, out);
	case IPPROTO_SCTP:
		return same(in, out, in->v.l4, in->v.end) ? NULL : "SCTP";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return judge_icmp(in, out);
	default:
		return "protocol that is not forwarded";
	}
}

static const char *judge_ip(const struct packet *in, const struct packet *out)
{
	size_t ttl = in->v.v6 ? 7 : 8;

	if (!same(in, out, 0, ttl) || !same(in, out, in->v.v6 ? IP6_HEAD : IP4_HEAD, in->v.l4) ||
	    (!in->v.v6 && in->p[9] != out->p[9]))
		return "IP header";
	if (in->p[ttl] <= 1 || out->p[ttl] != in->p[ttl] - 1)
		return "TTL";
	return view_head_residue(out->p, &out->v) ? "IP checksum" : NULL;
}

static const char *judge_forwarded(const struct packet *in, struct packet *out)
{
	const char *wrong;

	if (out->len != in->len)
		return "length";
	if (!view_ip(out->p, out->len, in->v.v6, &out->v) || in->v.claimed != in->v.end)
		return "IP length";
	wrong = judge_ip(in, out);
	wrong = wrong ? wrong : judge_l4(in, out);
	if (wrong)
		return wrong;
	if (!same(in, out, in->v.end, in->len))
		return "behind the packet";
	if (view_is_valid(in->p, &in->v) && !view_is_valid(out->p, &out->v))
		return "checksum";
	return NULL;
}

static const char *judge_tunnelled(const struct packet *in, struct packet *out)
{
	size_t head = out->v.v6 ? IP6_HEAD : IP4_HEAD;
	struct packet inner = { .p = out->p + head, .len = out->len - head };

	if (out->v.proto != (in->v.v6 ? IPPROTO_IPV6 : IPPROTO_IPIP) || out->v.l4 != head)
		return "no tunnel";
	if (out->v.claimed != in->v.claimed + head || out->p[out->v.v6 ? 7 : 8] != TTL_OWN)
		return "tunnel's length or TTL";
	if (view_head_residue(out->p, &out->v))
		return "tunnel's IP checksum";
	return judge_forwarded(in, &inner);
}

/* ---- Made here ------------------------------------------------------------------------------- */

/* Headers as they are only in packets of our own. */
static bool is_made_here(const struct packet *out)
{
	if (out->v.claimed != out->len || !view_is_valid(out->p, &out->v))
		return false;
	if (out->v.v6)
		return out->p[7] == TTL_OWN && out->v.l4 == IP6_HEAD;
	return out->p[8] == TTL_OWN && out->v.l4 == IP4_HEAD && get16(out->p + 6) == 0x4000;
}

/* Does an ICMP error of ours quote what begins at `from`? */
static bool quotes(const struct packet *out, const uint8_t *from, size_t len)
{
	size_t quote = out->v.end - out->v.l4 - ICMP_HEAD;

	return out->v.proto == (out->v.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
	       quote == (len < QUOTE_MAX ? len : QUOTE_MAX) &&
	       !memcmp(out->p + out->v.l4 + ICMP_HEAD, from, quote);
}

static bool is_reset(const struct packet *in, const struct packet *out)
{
	return in->v.proto == IPPROTO_TCP && out->v.proto == IPPROTO_TCP &&
	       out->len == out->v.l4 + TCP_HEAD && out->p[out->v.l4 + 13] & RST &&
	       !memcmp(out->p + out->v.l4, in->p + in->v.l4 + 2, 2) &&
	       !memcmp(out->p + out->v.l4 + 2, in->p + in->v.l4, 2);
}

static bool is_answer(const struct run *r, const struct packet *in, const struct packet *out)
{
	return r->hook == HOOK_INGRESS && in->v.v6 == out->v.v6 && is_made_here(out) &&
	       !memcmp(r->out, r->in + 6, 6) && !memcmp(r->out + 6, r->in, 6) &&
	       !memcmp(&out->v.dst, &in->v.src, sizeof(out->v.dst)) &&
	       (is_reset(in, out) || quotes(out, in->p, in->v.end));
}

/* A router wrote about a tunnel's packet, and the client is told of its own in it. */
static bool is_told(const struct run *r, const struct packet *in, const struct packet *out)
{
	struct packet outer = { .p = in->p + in->v.l4 + ICMP_HEAD };

	if (r->hook != HOOK_INGRESS || !is_made_here(out) || in->v.end < in->v.l4 + ICMP_HEAD)
		return false;
	outer.len = in->v.end - in->v.l4 - ICMP_HEAD;
	if (!view_quote(outer.p, outer.len, in->v.v6, &outer.v))
		return false;
	return quotes(out, outer.p + outer.v.l4, outer.len - outer.v.l4);
}

/* ---- Judging --------------------------------------------------------------------------------- */

static const char *judge_redirected(const struct run *r)
{
	struct packet in = { .p = r->in + ETH_HLEN, .len = r->in_len - ETH_HLEN };
	struct packet out = { .p = r->out + ETH_HLEN, .len = r->out_len - ETH_HLEN };
	const char *wrong, *tunnel;

	if (!view_frame(r->in, r->in_len, &in.v) || !view_frame(r->out, r->out_len, &out.v))
		return "no IP";
	if (is_answer(r, &in, &out))
		return NULL;
	if (is_told(r, &in, &out))
		return judge_macs(r, &out.v.dst);
	tunnel = judge_tunnelled(&in, &out);
	if (!tunnel)
		return judge_macs(r, &out.v.dst);
	if (out.v.proto == IPPROTO_IPIP || out.v.proto == IPPROTO_IPV6)
		return tunnel;
	wrong = get16(r->in + 12) == get16(r->out + 12) ? judge_forwarded(&in, &out) : "family";
	return wrong ? wrong : judge_macs(r, &out.v.dst);
}

const char *run_judge(const struct run *r)
{
	if (r->action == action_redirect(r->hook))
		return r->hook == HOOK_EGRESS ? "egress redirects" : judge_redirected(r);
	if (r->action == action_drop(r->hook))
		return NULL;
	if (r->action != action_pass(r->hook))
		return "a return value that there is not";
	if (r->in_len != r->out_len || memcmp(r->in, r->out, r->in_len))
		return "changed, but passed";
	return NULL;
}
