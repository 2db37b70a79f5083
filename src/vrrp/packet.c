// SPDX-License-Identifier: BSD-2-Clause
/* VRRP messages: bytes to facts and back.
 *
 * Version 3 (RFC 9568 section 5):
 *    0: version 3, type 1    1: VRID    2: priority    3: count of addresses
 *    4: 4 bits reserved, 12 bits advertisement interval in centiseconds    6: checksum
 *    8: addresses, 4 or 16 bytes each
 * Version 2 (RFC 3768 section 5, IPv4 only):
 *    4: authentication type    5: advertisement interval in seconds
 *    and 8 bytes of authentication data after the addresses
 *
 * The IPv4 checksum of version 3 has two forms.  RFC 5798 was read as covering a pseudo header, and
 * nearly all who speak VRRPv3 today send that; RFC 9568 5.2.8 says that it covers the message
 * alone.  We send the first, unless told otherwise, and take both.  That of version 2 covers the
 * message with its authentication data. */
#include "vrrp/packet.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/csum.h"
#include "vrrp/vrrp.h"

enum {
	TYPE_ADVERT = 1,
	AT_VRID = 1,
	AT_PRIORITY = 2,
	AT_COUNT = 3,
	AT_INTERVAL = 4,
	AT_AUTH_TYPE = 4, /* version 2 */
	AT_SECONDS = 5,	  /* version 2 */
	AT_CHECKSUM = 6,
	INTERVAL_MASK = 0x0fff,
	CENTISECOND = 10000, /* in microseconds */
	SECOND = 1000000,
	AUTH_NONE = 0, /* RFC 2338 5.3.6; RFC 3768 has only this one left */
	AUTH_PASSWORD = 1,
};

static const char *const verdict_text[VRRP_VERDICTS] = {
	[VRRP_VALID] = "valid",
	[VRRP_BAD_SHORT] = "shorter than its header or its count of addresses says",
	[VRRP_BAD_TTL] =
		"to the group, but TTL or hop limit is not 255: it comes from another network",
	[VRRP_BAD_VERSION] = "another version of VRRP than this instance's",
	[VRRP_BAD_TYPE] = "not an advertisement",
	[VRRP_BAD_CHECKSUM] = "no form of the checksum is right",
	[VRRP_BAD_AUTH] = "another authentication or password than ours",
	[VRRP_BAD_COUNT] = "no address in it",
	[VRRP_BAD_LINK_LOCAL] = "the first address is not link-local",
	[VRRP_BAD_INTERVAL] = "advertisement interval of zero",
	[VRRP_BAD_OTHER_INTERVAL] = "another advertisement interval than ours (version 2)",
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

static size_t auth_size(uint8_t version)
{
	return version == 2 ? VRRP_AUTH_LEN : 0;
}

unsigned vrrp_packet_room(uint8_t version, int family, unsigned mtu)
{
	size_t headers = (family == AF_INET ? 20 : 40) + VRRP_HEADER_LEN + auth_size(version);
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
static bool checksum_right(const struct vrrp_datagram *d, uint8_t version, size_t len,
			   bool *ret_pseudo)
{
	uint32_t message = csum_add(0, d->data, len);
	uint32_t all = csum_add_pseudo(message, &d->src, &d->dst, VRRP_PROTOCOL, (uint32_t)len);

	*ret_pseudo = version != 2 && !csum_fold(all);
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

/* What version 2 writes after the addresses: the first eight bytes of the password, zeros behind.
 */
static void write_auth(const struct vrrp_dialect *dialect, uint8_t auth[VRRP_AUTH_LEN])
{
	memset(auth, 0, VRRP_AUTH_LEN);
	if (dialect->password)
		memcpy(auth, dialect->password, strnlen(dialect->password, VRRP_AUTH_LEN));
}

static uint8_t auth_type(const struct vrrp_dialect *dialect)
{
	return dialect->password ? AUTH_PASSWORD : AUTH_NONE;
}

/* RFC 2338 7.1: type and data as configured here.  Without authentication the data is ignored. */
static bool auth_right(const struct vrrp_dialect *dialect, const uint8_t *p, size_t len)
{
	uint8_t auth[VRRP_AUTH_LEN];

	if (p[AT_AUTH_TYPE] != auth_type(dialect))
		return false;
	write_auth(dialect, auth);
	return !dialect->password || !memcmp(p + len - VRRP_AUTH_LEN, auth, sizeof(auth));
}

static usec_t read_interval(uint8_t version, const uint8_t *p)
{
	if (version == 2)
		return USEC((int64_t)p[AT_SECONDS] * SECOND);
	/* The four bits above the interval are reserved: sent as zero, ignored here. */
	return USEC((read16(p + AT_INTERVAL) & INTERVAL_MASK) * CENTISECOND);
}

enum vrrp_verdict vrrp_packet_parse(const struct vrrp_datagram *d,
				    const struct vrrp_dialect *dialect, struct vrrp_advert *ret)
{
	const uint8_t *p = d->data, version = dialect->version;
	size_t len;

	if (d->len < VRRP_HEADER_LEN)
		return VRRP_BAD_SHORT;
	/* What comes from another network cannot have 255 left.  Only for the group: unicast peers
	 * may be on another network, and keepalived sends IPv6 unicast with the host's default. */
	if (d->hops != 255 && addr_is_multicast(&d->dst))
		return VRRP_BAD_TTL;
	if (p[0] >> 4 != version)
		return VRRP_BAD_VERSION;
	if ((p[0] & 0xf) != TYPE_ADVERT)
		return VRRP_BAD_TYPE;
	len = VRRP_HEADER_LEN + p[AT_COUNT] * address_size(d->family) + auth_size(version);
	if (d->len < len)
		return VRRP_BAD_SHORT;
	if (!checksum_right(d, version, len, &ret->pseudo))
		return VRRP_BAD_CHECKSUM;
	if (version == 2 && !auth_right(dialect, p, len))
		return VRRP_BAD_AUTH;

	ret->vrid = p[AT_VRID];
	ret->priority = p[AT_PRIORITY];
	ret->family = d->family;
	ret->n_addresses = p[AT_COUNT];
	ret->addresses = p + VRRP_HEADER_LEN;
	ret->trailing = d->len > len;
	ret->interval = read_interval(version, p);

	/* Errata 8299, 8300 and 8301 of RFC 9568. */
	if (!ret->n_addresses)
		return VRRP_BAD_COUNT;
	if (d->family == AF_INET6 && !first_is_link_local(ret))
		return VRRP_BAD_LINK_LOCAL;
	if (!ret->interval.us)
		return VRRP_BAD_INTERVAL;
	/* RFC 3768 7.1; version 3 adopts it. */
	if (version == 2 && ret->interval.us != dialect->interval.us)
		return VRRP_BAD_OTHER_INTERVAL;
	return VRRP_VALID;
}

static void write_interval(const struct vrrp_dialect *dialect, uint8_t *buf)
{
	uint16_t cs = htons((uint16_t)(dialect->interval.us / CENTISECOND) & INTERVAL_MASK);

	memcpy(buf + AT_INTERVAL, &cs, sizeof(cs));
	if (dialect->version == 2) {
		buf[AT_AUTH_TYPE] = auth_type(dialect);
		buf[AT_SECONDS] = (uint8_t)(dialect->interval.us / SECOND);
	}
}

size_t vrrp_packet_build(uint8_t *buf, const struct vrrp_dialect *dialect, uint8_t vrid,
			 uint8_t priority, const struct addr *addresses, unsigned n,
			 const struct addr *src, const struct addr *dst)
{
	bool message_only =
		dialect->version == 2 || (dialect->message_only && addr_family(src) == AF_INET);
	uint8_t *end = buf + VRRP_HEADER_LEN;
	const uint8_t *bytes;
	uint32_t covered;
	uint16_t sum;
	size_t size;
	unsigned i;

	buf[0] = (uint8_t)(dialect->version << 4 | TYPE_ADVERT);
	buf[AT_VRID] = vrid;
	buf[AT_PRIORITY] = priority;
	buf[AT_COUNT] = (uint8_t)n;
	write_interval(dialect, buf);
	memset(buf + AT_CHECKSUM, 0, sizeof(sum));
	for (i = 0; i < n; i++) {
		bytes = addr_bytes(&addresses[i], &size);
		memcpy(end, bytes, size);
		end += size;
	}
	if (dialect->version == 2) {
		write_auth(dialect, end);
		end += VRRP_AUTH_LEN;
	}
	covered = csum_add(0, buf, (size_t)(end - buf));
	if (!message_only)
		covered = csum_add_pseudo(covered, src, dst, VRRP_PROTOCOL, (uint32_t)(end - buf));
	sum = csum_fold(covered);
	memcpy(buf + AT_CHECKSUM, &sum, sizeof(sum));
	return (size_t)(end - buf);
}
