// SPDX-License-Identifier: BSD-2-Clause
/* Ethernet frames that are written whole: gratuitous ARP (RFC 5227 3, in request form), unsolicited
 * neighbour advertisement (RFC 4861 7.2.6), and the headers of IPv6 adverts. */
#include "vrrp/frame.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "lib/csum.h"

enum {
	INTERNETWORK_CONTROL = 0xc0, /* traffic class */
};

static size_t put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return len;
}

static size_t arp_frame(const uint8_t mac[6], const struct addr *addr, uint8_t *frame)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct {
		uint16_t ethertype, hardware, protocol;
		uint8_t hardware_len, protocol_len;
		uint16_t operation;
	} head = {
		htons(ETH_P_ARP), htons(ARPHRD_ETHER), htons(ETH_P_IP), 6, 4, htons(ARPOP_REQUEST),
	};
	const uint8_t *ip = addr_bytes(addr, NULL);
	size_t n = 0;

	n += put(frame + n, everybody, 6);
	n += put(frame + n, mac, 6);
	n += put(frame + n, &head, sizeof(head));
	n += put(frame + n, mac, 6);
	n += put(frame + n, ip, 4);
	n += put(frame + n, everybody, 6);
	n += put(frame + n, ip, 4);
	return n;
}

void vrrp_frame_headers(const uint8_t mac[6], const struct addr *src, const struct addr *group,
			uint8_t protocol, size_t len, uint8_t headers[VRRP_FRAME_HEADERS_LEN])
{
	const uint8_t *to = (const uint8_t *)group->a;
	const uint8_t group_mac[6] = { 0x33, 0x33, to[12], to[13], to[14], to[15] };
	uint16_t ethertype = htons(ETH_P_IPV6);
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6U << 28 | INTERNETWORK_CONTROL << 20),
		.ip6_plen = htons((uint16_t)len),
		.ip6_nxt = protocol,
		.ip6_hlim = 255,
	};
	size_t n = 0;

	memcpy(&ip.ip6_src, src->a, 16);
	memcpy(&ip.ip6_dst, group->a, 16);
	n += put(headers + n, group_mac, 6);
	n += put(headers + n, mac, 6);
	n += put(headers + n, &ethertype, 2);
	put(headers + n, &ip, sizeof(ip));
}

struct na {
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[6];
} __attribute__((packed));

static size_t na_frame(const uint8_t mac[6], const struct addr *addr, bool router, uint8_t *frame)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	struct addr dst = addr_from_bytes(AF_INET6, all_nodes);
	struct na na = {
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved =
			ND_NA_FLAG_OVERRIDE | (router ? ND_NA_FLAG_ROUTER : 0),
		.option = { ND_OPT_TARGET_LINKADDR, 1 },
	};

	memcpy(&na.advert.nd_na_target, addr->a, 16);
	memcpy(na.mac, mac, 6);
	na.advert.nd_na_cksum = csum_fold(csum_add_pseudo(csum_add(0, &na, sizeof(na)), addr, &dst,
							  IPPROTO_ICMPV6, sizeof(na)));
	vrrp_frame_headers(mac, addr, &dst, IPPROTO_ICMPV6, sizeof(na), frame);
	return VRRP_FRAME_HEADERS_LEN + put(frame + VRRP_FRAME_HEADERS_LEN, &na, sizeof(na));
}

size_t vrrp_frame(const uint8_t mac[6], const struct addr *addr, bool router,
		  uint8_t frame[VRRP_FRAME_MAX])
{
	return addr_is_v4(addr) ? arp_frame(mac, addr, frame) : na_frame(mac, addr, router, frame);
}
