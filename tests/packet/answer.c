// SPDX-License-Identifier: BSD-2-Clause
/* Looks at the packets that the programs make themselves. */
#include "answer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/csum.h"

static const uint8_t *check_ip4(const uint8_t *p, const struct answer *a, uint8_t proto, size_t len)
{
	struct addr src = who_addr(a->from, false), dst = who_addr(a->to, false);
	struct iphdr ip;

	memcpy(&ip, p, sizeof(ip));
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.ihl, 5);
	assert_int_equal(ntohs(ip.tot_len), len);
	assert_int_equal(ntohs(ip.frag_off), 0x4000);
	assert_int_equal(ip.ttl, 64);
	assert_int_equal(ip.protocol, proto);
	assert_int_equal(ip.saddr, src.a[3]);
	assert_int_equal(ip.daddr, dst.a[3]);
	assert_int_equal(csum_fold(csum_add(0, p, sizeof(ip))), 0);
	return p + sizeof(ip);
}

static const uint8_t *check_ip6(const uint8_t *p, const struct answer *a, uint8_t proto, size_t len)
{
	struct addr src = who_addr(a->from, true), dst = who_addr(a->to, true);
	struct ip6_hdr ip;

	memcpy(&ip, p, sizeof(ip));
	assert_int_equal(ntohl(ip.ip6_flow) >> 28, 6);
	assert_int_equal(ntohs(ip.ip6_plen), len - sizeof(ip));
	assert_int_equal(ip.ip6_nxt, proto);
	assert_int_equal(ip.ip6_hlim, 64);
	assert_memory_equal(&ip.ip6_src, &src, 16);
	assert_memory_equal(&ip.ip6_dst, &dst, 16);
	return p + sizeof(ip);
}

const uint8_t *answer_ip(const struct outcome *o, bool v6, const struct answer *a, uint8_t proto,
			 size_t *ret_len)
{
	uint16_t type = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	size_t len = o->len - sizeof(struct ethhdr);
	const uint8_t *p = o->frame, *l4;

	assert_memory_equal(p, who_mac(a->link_to), 6);
	assert_memory_equal(p + 6, who_mac(a->link_from), 6);
	assert_memory_equal(p + 12, &type, 2);
	p += sizeof(struct ethhdr);
	l4 = v6 ? check_ip6(p, a, proto, len) : check_ip4(p, a, proto, len);
	*ret_len = (size_t)(o->frame + o->len - l4);
	return l4;
}

void answer_sum(const uint8_t *l4, size_t len, bool v6, const struct answer *a, uint8_t proto)
{
	struct addr src = who_addr(a->from, v6), dst = who_addr(a->to, v6);
	uint32_t sum = 0;

	if (proto != IPPROTO_ICMP)
		sum = csum_add_pseudo(0, &src, &dst, proto, (uint32_t)len);
	assert_int_equal(csum_fold(csum_add(sum, l4, len)), 0);
}
