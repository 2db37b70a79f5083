// SPDX-License-Identifier: BSD-2-Clause
/* Any datagram is refused, or is an advert all of whose addresses can be read and which, built
 * again from what was understood, is understood as the same.
 *
 * Byte 0: bit 0 IPv6, bit 1 with an IPv4 header to strip, bit 2 the checksum is made right (so that
 * the fuzzer comes past it), bit 3 version 2 (of IPv4), bit 4 that has a password.  Byte 1: hops.
 * The rest arrives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/csum.h"
#include "vrrp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void same_when_built_again(const struct vrrp_datagram *d, const struct vrrp_dialect *how,
				  const struct vrrp_advert *a)
{
	struct vrrp_dialect same = *how;
	static struct addr addresses[VRRP_MAX_ADDRESSES];
	static uint8_t built[VRRP_PACKET_MAX];
	struct vrrp_datagram again = *d;
	struct vrrp_advert b;
	unsigned i;

	for (i = 0; i < a->n_addresses; i++) {
		addresses[i] = vrrp_advert_address(a, i);
		if (addr_family(&addresses[i]) != d->family)
			return; /* ::ffff:0:0/96 on the wire: understood, but never sent by us */
	}
	again.data = built;
	same.interval = a->interval;
	again.len = vrrp_packet_build(built, &same, a->vrid, a->priority, addresses, a->n_addresses,
				      &d->src, &d->dst);
	must(again.len <= d->len);
	must(vrrp_packet_parse(&again, how, &b) == VRRP_VALID);
	must(b.pseudo == (how->version == 3) && !b.trailing && b.vrid == a->vrid &&
	     b.priority == a->priority);
	must(b.interval.us == a->interval.us && b.n_addresses == a->n_addresses);
	must(!memcmp(b.addresses, a->addresses,
		     a->n_addresses * (d->family == AF_INET ? 4U : 16U)));
}

static void make_checksum_right(struct vrrp_datagram *d, uint8_t version)
{
	static uint8_t copy[1 << 16];
	size_t len = VRRP_HEADER_LEN +
		     (d->len > 3 ? d->data[3] : 0U) * (d->family == AF_INET ? 4 : 16) +
		     (version == 2 ? VRRP_AUTH_LEN : 0);
	uint16_t sum;

	if (d->len < len || d->len > sizeof(copy))
		return;
	memcpy(copy, d->data, d->len);
	memset(copy + 6, 0, 2);
	sum = csum_fold(version == 2 ? csum_add(0, copy, len)
				     : csum_add_pseudo(csum_add(0, copy, len), &d->src, &d->dst,
						       VRRP_PROTOCOL, (uint32_t)len));
	memcpy(copy + 6, &sum, 2);
	d->data = copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrrp_dialect how = {.version = 3, .interval = SEC(1) };
	struct vrrp_datagram d = { 0 };
	struct vrrp_advert a;

	if (size < 2)
		return 0;
	d.family = data[0] & 1 ? AF_INET6 : AF_INET;
	d.hops = data[1];
	addr_parse(d.family == AF_INET ? "10.9.0.1" : "fe80::1", &d.src);
	d.dst = vrrp_group(d.family);
	d.data = data + 2;
	d.len = size - 2;
	if (data[0] & 2 && !vrrp_strip_ipv4(&d))
		return 0;
	if (data[0] & 8 && d.family == AF_INET)
		how.version = 2;
	if (data[0] & 16 && how.version == 2)
		how.password = "s3cret";
	if (data[0] & 4)
		make_checksum_right(&d, how.version);
	if (vrrp_packet_parse(&d, &how, &a) == VRRP_VALID)
		same_when_built_again(&d, &how, &a);
	return 0;
}
