// SPDX-License-Identifier: BSD-2-Clause
/* Where things are in any packet. */
#include "config.h"

#include "view.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/csum.h"

#define NESTED_MAX 4

enum { IP4_HEAD = 20, IP6_HEAD = 40, ICMP_HEAD = 8 };

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- Parsing --------------------------------------------------------------------------------- */

static bool view_ip4(const uint8_t *p, size_t len, struct view *v)
{
	unsigned place;

	if (len < IP4_HEAD || p[0] >> 4 != 4 || (p[0] & 15) < 5)
		return false;
	v->l4 = (p[0] & 15) * 4u;
	v->claimed = get16(p + 2);
	place = get16(p + 6);
	v->fragment = place & 0x3fff;
	v->later = place & 0x1fff;
	v->proto = p[9];
	v->src = addr_from_bytes(AF_INET, p + 12);
	v->dst = addr_from_bytes(AF_INET, p + 16);
	return true;
}

/* Steps over one extension header. */
static bool view_ext(const uint8_t *p, size_t len, struct view *v)
{
	const uint8_t *ext = p + v->l4;

	if (v->l4 + 8 > len || v->later)
		return false;
	switch (v->proto) {
	case IPPROTO_ROUTING:
		if (ext[3])
			return false;
		/* fall through */
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		v->l4 += (ext[1] + 1u) * 8;
		break;
	case IPPROTO_FRAGMENT:
		v->fragment = v->fragment || get16(ext + 2) & 0xfff9;
		v->later = get16(ext + 2) & 0xfff8;
		v->l4 += 8;
		break;
	default:
		return false;
	}
	v->proto = ext[0];
	return true;
}

static bool view_ip6(const uint8_t *p, size_t len, struct view *v)
{
	if (len < IP6_HEAD || p[0] >> 4 != 6)
		return false;
	v->l4 = IP6_HEAD;
	v->claimed = IP6_HEAD + get16(p + 4);
	v->proto = p[6];
	v->src = addr_from_bytes(AF_INET6, p + 8);
	v->dst = addr_from_bytes(AF_INET6, p + 24);
	while (view_ext(p, len, v))
		;
	return true;
}

static bool view_headers(const uint8_t *p, size_t len, bool v6, struct view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->v6 = v6;
	return v6 ? view_ip6(p, len, ret) : view_ip4(p, len, ret);
}

bool view_ip(const uint8_t *p, size_t len, bool v6, struct view *ret)
{
	if (!view_headers(p, len, v6, ret))
		return false;
	ret->end = least(ret->claimed, len);
	return ret->l4 <= ret->end;
}

bool view_quote(const uint8_t *p, size_t len, bool v6, struct view *ret)
{
	if (!view_headers(p, len, v6, ret))
		return false;
	ret->end = len;
	return ret->l4 <= ret->end;
}

bool view_frame(const uint8_t *frame, size_t len, struct view *ret)
{
	unsigned type;

	if (len < ETH_HLEN)
		return false;
	type = get16(frame + 12);
	return (type == ETH_P_IP || type == ETH_P_IPV6) &&
	       view_ip(frame + ETH_HLEN, len - ETH_HLEN, type == ETH_P_IPV6, ret);
}

/* ---- Sums ------------------------------------------------------------------------------------ */

/* Where a transport header has its Internet checksum. */
static bool check_place(uint8_t proto, size_t *ret)
{
	switch (proto) {
	case IPPROTO_TCP:
		*ret = 16;
		return true;
	case IPPROTO_UDP:
		*ret = 6;
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		*ret = 2;
		return true;
	default:
		return false;
	}
}

static uint32_t sum_l4(const uint8_t *p, const struct view *v, size_t end)
{
	uint32_t sum = 0, len = (uint32_t)(end - v->l4);

	if (v->proto != IPPROTO_ICMP)
		sum = csum_add_pseudo(0, &v->src, &v->dst, v->proto, len);
	return csum_add(sum, p + v->l4, len);
}

static uint16_t residue(uint32_t sum)
{
	return (uint16_t)~csum_fold(sum) % 0xffff;
}

uint16_t view_residue(const uint8_t *p, const struct view *v)
{
	return residue(sum_l4(p, v, v->end));
}

uint16_t view_head_residue(const uint8_t *p, const struct view *v)
{
	return v->v6 ? 0 : residue(csum_add(0, p, v->l4));
}

bool view_is_valid(const uint8_t *p, const struct view *v)
{
	size_t end = v->end, at;

	if (view_head_residue(p, v) || v->claimed != v->end || v->fragment ||
	    !check_place(v->proto, &at) || v->l4 + at + 2 > end)
		return false;
	if (v->proto == IPPROTO_UDP) {
		end = v->l4 + get16(p + v->l4 + 4);
		if (end > v->end || end < v->l4 + 8)
			return false;
		if (!get16(p + v->l4 + at))
			return true;
	}
	return !residue(sum_l4(p, v, end));
}

/* ---- Repairing ------------------------------------------------------------------------------- */

static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t check = csum_fold(sum);

	memcpy(at, &check, sizeof(check));
}

/* What an ICMP error quotes, or a tunnel carries; 0: nothing. */
static size_t nested_at(const uint8_t *p, const struct view *v, bool *ret_v6)
{
	*ret_v6 = v->v6;
	switch (v->proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		*ret_v6 = v->proto == IPPROTO_IPV6;
		return v->l4;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (v->l4 + ICMP_HEAD > v->end || p[v->l4] > 12)
			return 0;
		return v->l4 + ICMP_HEAD;
	default:
		return 0;
	}
}

static void repair_ip(uint8_t *p, size_t len, bool v6, int depth)
{
	struct view v;
	size_t at;

	if (depth == NESTED_MAX || !view_ip(p, len, v6, &v))
		return;
	if (!v6) {
		memset(p + 10, 0, 2);
		put_sum(p + 10, csum_add(0, p, v.l4));
	}
	if (v.fragment)
		return;
	at = nested_at(p, &v, &v6);
	if (at)
		repair_ip(p + at, v.end - at, v6, depth + 1);
	if (!check_place(v.proto, &at) || v.l4 + at + 2 > v.end)
		return;
	at += v.l4;
	memset(p + at, 0, 2);
	put_sum(p + at, sum_l4(p, &v, v.end));
	if (v.proto == IPPROTO_UDP && !get16(p + at))
		memset(p + at, 0xff, 2);
}

void view_repair(uint8_t *frame, size_t len)
{
	unsigned type;

	if (len < ETH_HLEN)
		return;
	type = get16(frame + 12);
	if (type == ETH_P_IP || type == ETH_P_IPV6)
		repair_ip(frame + ETH_HLEN, len - ETH_HLEN, type == ETH_P_IPV6, 0);
}
