// SPDX-License-Identifier: BSD-2-Clause
/* The frames that say where an address lives: gratuitous ARP (RFC 5227 3, in request form) and
 * unsolicited neighbour advertisement (RFC 4861 7.2.6). */
#include "vrrp/frame.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "lib/csum.h"

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

struct na {
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[6];
} __attribute__((packed));

static size_t na_frame(const uint8_t mac[6], const struct addr *addr, bool router, uint8_t *frame)
{
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	struct addr dst = addr_from_bytes(AF_INET6, all_nodes);
	uint16_t ethertype = htons(ETH_P_IPV6);
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6U << 28),
		.ip6_plen = htons(sizeof(struct na)),
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_hlim = 255,
	};
	struct na na = {
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved =
			ND_NA_FLAG_OVERRIDE | (router ? ND_NA_FLAG_ROUTER : 0),
		.option = { ND_OPT_TARGET_LINKADDR, 1 },
	};
	size_t n = 0;

	memcpy(&ip.ip6_src, addr->a, 16);
	memcpy(&ip.ip6_dst, all_nodes, 16);
	memcpy(&na.advert.nd_na_target, addr->a, 16);
	memcpy(na.mac, mac, 6);
	na.advert.nd_na_cksum = csum_fold(csum_add_pseudo(csum_add(0, &na, sizeof(na)), addr, &dst,
							  IPPROTO_ICMPV6, sizeof(na)));

	n += put(frame + n, all_nodes_mac, 6);
	n += put(frame + n, mac, 6);
	n += put(frame + n, &ethertype, 2);
	n += put(frame + n, &ip, sizeof(ip));
	n += put(frame + n, &na, sizeof(na));
	return n;
}

size_t vrrp_frame(const uint8_t mac[6], const struct addr *addr, bool router,
		  uint8_t frame[VRRP_FRAME_MAX])
{
	return addr_is_v4(addr) ? arp_frame(mac, addr, frame) : na_frame(mac, addr, router, frame);
}
