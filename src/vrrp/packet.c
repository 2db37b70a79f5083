// SPDX-License-Identifier: BSD-2-Clause
/* VRRPv3 messages (RFC 9568 section 5): bytes to facts and back.
 *
 *    0: version 3, type 1    1: VRID    2: priority    3: count of addresses
 *    4: 4 bits reserved, 12 bits advertisement interval in centiseconds    6: checksum
 *    8: addresses, 4 or 16 bytes each
 *
 * The IPv4 checksum has two forms.  RFC 5798 was read as covering a pseudo header, and nearly all
 * who speak VRRPv3 today send that; RFC 9568 5.2.8 says that it covers the message alone.  We send
 * the first and take both. */
#include "vrrp/packet.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/csum.h"
#include "vrrp/vrrp.h"

enum {
	VERSION_TYPE = 0x31,
	AT_VRID = 1,
	AT_PRIORITY = 2,
	AT_COUNT = 3,
	AT_INTERVAL = 4,
	AT_CHECKSUM = 6,
	INTERVAL_MASK = 0x0fff,
	CENTISECOND = 10000, /* in microseconds */
};

static const char *const verdict_text[VRRP_VERDICTS] = {
	[VRRP_VALID] = "valid",
	[VRRP_BAD_SHORT] = "shorter than its header or its count of addresses says",
	[VRRP_BAD_TTL] =
		"to the group, but TTL or hop limit is not 255: it comes from another network",
	[VRRP_BAD_VERSION] = "not VRRP version 3",
	[VRRP_BAD_TYPE] = "not an advertisement",
	[VRRP_BAD_CHECKSUM] = "neither form of the checksum is right",
	[VRRP_BAD_COUNT] = "no address in it",
	[VRRP_BAD_LINK_LOCAL] = "the first address is not link-local",
	[VRRP_BAD_INTERVAL] = "advertisement interval of zero",
};

const char *vrrp_verdict_text(enum vrrp_verdict v)
{
	return verdict_text[v];
}

static size_t address_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

struct addr vrrp_group(int family)
{
	static const uint8_t v4[4] = { 224, 0, 0, 18 };
	static const uint8_t v6[16] = { 0xff, 0x02, [15] = 0x12 };

	return addr_from_bytes(family, family == AF_INET ? v4 : v6);
}

unsigned vrrp_packet_room(int family, unsigned mtu)
{
	size_t headers = (family == AF_INET ? 20 : 40) + VRRP_HEADER_LEN;
	size_t room = mtu > headers ? (mtu - headers) / address_size(family) : 0;

	return room < VRRP_MAX_ADDRESSES ? (unsigned)room : VRRP_MAX_ADDRESSES;
}

bool vrrp_strip_ipv4(struct vrrp_datagram *d)
{
	size_t header;

	if (d->len < 20 || d->data[0] >> 4 != 4)
		return false;
	header = (size_t)(d->data[0] & 0xf) * 4;
	if (header < 20 || header > d->len)
		return false;
	d->data += header;
	d->len -= header;
	return true;
}

static uint16_t read16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Over the message and no more: what follows it (padding, somebody's trailer) is not ours. */
static bool checksum_right(const struct vrrp_datagram *d, size_t len, bool *ret_pseudo)
{
	uint32_t message = csum_add(0, d->data, len);
	uint32_t all = csum_add_pseudo(message, &d->src, &d->dst, VRRP_PROTOCOL, (uint32_t)len);

	*ret_pseudo = !csum_fold(all);
	return *ret_pseudo || (d->family == AF_INET && !csum_fold(message));
}

struct addr vrrp_advert_address(const struct vrrp_advert *a, unsigned i)
{
	return addr_from_bytes(a->family, a->addresses + i * address_size(a->family));
}

static bool first_is_link_local(const struct vrrp_advert *a)
{
	struct addr first = vrrp_advert_address(a, 0);

	return addr_is_link_local(&first);
}

enum vrrp_verdict vrrp_packet_parse(const struct vrrp_datagram *d, struct vrrp_advert *ret)
{
	const uint8_t *p = d->data;
	size_t len;

	if (d->len < VRRP_HEADER_LEN)
		return VRRP_BAD_SHORT;
	/* What comes from another network cannot have 255 left.  Only for the group: unicast peers
	 * may be on another network, and keepalived sends IPv6 unicast with the host's default. */
	if (d->hops != 255 && addr_is_multicast(&d->dst))
		return VRRP_BAD_TTL;
	if (p[0] >> 4 != VERSION_TYPE >> 4)
		return VRRP_BAD_VERSION;
	if ((p[0] & 0xf) != (VERSION_TYPE & 0xf))
		return VRRP_BAD_TYPE;
	len = VRRP_HEADER_LEN + p[AT_COUNT] * address_size(d->family);
	if (d->len < len)
		return VRRP_BAD_SHORT;
	if (!checksum_right(d, len, &ret->pseudo))
		return VRRP_BAD_CHECKSUM;

	ret->vrid = p[AT_VRID];
	ret->priority = p[AT_PRIORITY];
	ret->family = d->family;
	ret->n_addresses = p[AT_COUNT];
	ret->addresses = p + VRRP_HEADER_LEN;
	ret->trailing = d->len > len;
	/* The four bits above the interval are reserved: sent as zero, ignored here. */
	ret->interval = USEC((read16(p + AT_INTERVAL) & INTERVAL_MASK) * CENTISECOND);

	/* Errata 8299, 8300 and 8301 of RFC 9568. */
	if (!ret->n_addresses)
		return VRRP_BAD_COUNT;
	if (d->family == AF_INET6 && !first_is_link_local(ret))
		return VRRP_BAD_LINK_LOCAL;
	if (!ret->interval.us)
		return VRRP_BAD_INTERVAL;
	return VRRP_VALID;
}

size_t vrrp_packet_build(uint8_t *buf, uint8_t vrid, uint8_t priority, usec_t interval,
			 const struct addr *addresses, unsigned n, const struct addr *src,
			 const struct addr *dst)
{
	uint16_t cs = htons((uint16_t)(interval.us / CENTISECOND) & INTERVAL_MASK);
	uint8_t *end = buf + VRRP_HEADER_LEN;
	const uint8_t *bytes;
	uint16_t sum;
	size_t size;
	unsigned i;

	buf[0] = VERSION_TYPE;
	buf[AT_VRID] = vrid;
	buf[AT_PRIORITY] = priority;
	buf[AT_COUNT] = (uint8_t)n;
	memcpy(buf + AT_INTERVAL, &cs, sizeof(cs));
	memset(buf + AT_CHECKSUM, 0, sizeof(sum));
	for (i = 0; i < n; i++) {
		bytes = addr_bytes(&addresses[i], &size);
		memcpy(end, bytes, size);
		end += size;
	}
	sum = csum_fold(csum_add_pseudo(csum_add(0, buf, (size_t)(end - buf)), src, dst,
					VRRP_PROTOCOL, (uint32_t)(end - buf)));
	memcpy(buf + AT_CHECKSUM, &sum, sizeof(sum));
	return (size_t)(end - buf);
}
