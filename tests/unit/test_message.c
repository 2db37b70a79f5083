// SPDX-License-Identifier: BSD-2-Clause
/* rtnetlink messages: what is read from them, and that malformed ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "net/message.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

static struct nl_msg *start(int type, void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	assert_non_null(msg);
	assert_int_equal(nlmsg_append(msg, header, len, NLMSG_ALIGNTO), 0);
	return msg;
}

static int parse(struct nl_msg *msg, struct message *ret)
{
	int r = message_parse(nlmsg_hdr(msg), ret);

	nlmsg_free(msg);
	return r;
}

static struct nl_msg *link_message(const char *name)
{
	struct ifinfomsg header = { .ifi_type = ARPHRD_ETHER, .ifi_index = 5, .ifi_flags = 3 };
	struct nl_msg *msg = start(RTM_NEWLINK, &header, sizeof(header));
	struct nlattr *info;

	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put_u32(msg, IFLA_MTU, 65536);
	nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "vlan");
	nla_nest_end(msg, info);
	return msg;
}

static struct nl_msg *addr_message(unsigned len, const void *address, int size)
{
	struct ifaddrmsg header = { .ifa_family = AF_INET,
				    .ifa_prefixlen = (uint8_t)len,
				    .ifa_index = 5 };
	struct nl_msg *msg = start(RTM_DELADDR, &header, sizeof(header));

	nla_put(msg, IFA_ADDRESS, 4, "\x0a\x09\x00\xfe");
	nla_put(msg, IFA_LOCAL, size, address);
	nla_put_u32(msg, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	nla_put_u8(msg, IFA_PROTO, 76);
	return msg;
}

static void link_is_read(void **state)
{
	struct message m;

	assert_int_equal(parse(link_message("eth0"), &m), 0);
	assert_int_equal(m.type, MESSAGE_LINK);
	assert_false(m.gone);
	assert_int_equal(m.ifindex, 5);
	assert_string_equal(m.link.name, "eth0");
	assert_string_equal(m.link.kind, "vlan");
	assert_int_equal(m.link.mtu, 65536);
	assert_true(m.link.has_mac);
	assert_memory_equal(m.link.mac, mac, 6);
}

static void address_is_the_local_one_with_its_long_flags(void **state)
{
	struct message m;
	struct prefix want;

	prefix_parse("10.9.0.1/24", &want);
	assert_int_equal(parse(addr_message(24, "\x0a\x09\x00\x01", 4), &m), 0);
	assert_int_equal(m.type, MESSAGE_ADDR);
	assert_true(m.gone);
	assert_true(prefix_equal(&m.addr.prefix, &want));
	assert_int_equal(m.addr.flags, IFA_F_NOPREFIXROUTE);
	assert_int_equal(m.addr.origin, 76);
}

static void neighbour_tells_whether_the_kernel_keeps_it(void **state)
{
	struct ndmsg header = { .ndm_family = AF_INET6,
				.ndm_ifindex = 5,
				.ndm_state = NUD_REACHABLE };
	struct nl_msg *msg = start(RTM_NEWNEIGH, &header, sizeof(header));
	struct message m;
	struct addr want;

	addr_parse("fd09::2", &want);
	nla_put(msg, NDA_DST, 16, &want);
	nla_put(msg, NDA_LLADDR, 6, mac);
	nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	assert_int_equal(parse(msg, &m), 0);
	assert_int_equal(m.type, MESSAGE_NEIGH);
	assert_true(addr_equal(&m.neigh.addr, &want));
	assert_int_equal(m.neigh.state, NUD_REACHABLE);
	assert_true(m.neigh.managed && m.neigh.has_mac);
}

/* expires: what the kernel says of a path MTU that it learnt. */
static struct nl_msg *route_message(bool via, uint32_t expires)
{
	struct rtmsg header = { .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_type = RTN_UNICAST };
	struct nl_msg *msg = start(RTM_NEWROUTE, &header, sizeof(header));
	struct rta_cacheinfo cache = { .rta_expires = (int)expires };
	uint8_t rtvia[18] = { AF_INET6, 0, 0xfd, 0x09 };
	struct nlattr *metrics;

	nla_put_u32(msg, RTA_OIF, 5);
	if (via)
		nla_put(msg, RTA_VIA, sizeof(rtvia), rtvia);
	else
		nla_put(msg, RTA_GATEWAY, 4, "\x0a\x09\x00\xfe");
	metrics = nla_nest_start(msg, RTA_METRICS);
	nla_put_u32(msg, RTAX_MTU, 1280);
	nla_nest_end(msg, metrics);
	nla_put(msg, RTA_CACHEINFO, sizeof(cache), &cache);
	return msg;
}

static void route_has_gateway_and_mtu(void **state)
{
	struct message m;
	struct addr v4, v6;

	addr_parse("10.9.0.254", &v4);
	addr_parse("fd09::", &v6);
	assert_int_equal(parse(route_message(false, 0), &m), 0);
	assert_int_equal(m.type, MESSAGE_ROUTE);
	assert_int_equal(m.ifindex, 5);
	assert_true(m.route.has_gateway && addr_equal(&m.route.gateway, &v4));
	assert_int_equal(m.route.mtu, 1280);

	assert_int_equal(parse(route_message(true, 0), &m), 0);
	assert_true(m.route.has_gateway && addr_equal(&m.route.gateway, &v6));
	assert_int_equal(parse(route_message(false, 600), &m), 0);
	assert_int_equal(m.route.mtu, 0);
}

static void bridge_and_proxy_messages_are_not_taken_for_ours(void **state)
{
	struct ifinfomsg link = { .ifi_family = AF_BRIDGE, .ifi_index = 5 };
	struct ndmsg fdb = { .ndm_family = AF_BRIDGE, .ndm_ifindex = 5 };
	struct ndmsg proxy = { .ndm_family = AF_INET, .ndm_ifindex = 5, .ndm_flags = NTF_PROXY };
	struct message m;

	assert_int_equal(parse(start(RTM_DELLINK, &link, sizeof(link)), &m), 0);
	assert_int_equal(m.type, MESSAGE_OTHER);
	assert_int_equal(parse(start(RTM_NEWNEIGH, &fdb, sizeof(fdb)), &m), 0);
	assert_int_equal(m.type, MESSAGE_OTHER);
	assert_int_equal(parse(start(RTM_NEWNEIGH, &proxy, sizeof(proxy)), &m), 0);
	assert_int_equal(m.type, MESSAGE_OTHER);
	assert_int_equal(parse(start(4711, &link, sizeof(link)), &m), 0);
	assert_int_equal(m.type, MESSAGE_OTHER);
}

static void malformed_messages_are_refused(void **state)
{
	struct tcmsg tc = { 0 };
	struct message m;

	assert_int_equal(parse(link_message("a_name_of_16_chr"), &m), -EBADMSG);
	assert_int_equal(parse(addr_message(33, "\x0a\x09\x00\x01", 4), &m), -EBADMSG);
	assert_int_equal(parse(addr_message(24, "\x0a\x09\x00", 3), &m), -EBADMSG);
	assert_int_equal(parse(start(RTM_DELADDR, &tc, 4), &m), -EBADMSG);
	assert_int_equal(parse(start(RTM_DELQDISC, &tc, sizeof(tc) - 4), &m), -EBADMSG);
	assert_int_equal(parse(start(RTM_NEWNEIGH,
				     &(struct ndmsg){ .ndm_family = AF_INET, .ndm_ifindex = 5 },
				     sizeof(struct ndmsg)),
			       &m),
			 -EBADMSG);
}

/* Cut anywhere, and copied so that the sanitizer sees a read past the end. */
static void cut_messages_are_never_read_past_their_end(void **state)
{
	struct nl_msg *whole[] = { link_message("eth0"), addr_message(24, "\x0a\x09\x00\x01", 4),
				   route_message(true, 0), route_message(false, 0) };
	struct message m;
	size_t i, len;

	for (i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		const struct nlmsghdr *h = nlmsg_hdr(whole[i]);

		for (len = sizeof(*h); len < h->nlmsg_len; len++) {
			struct nlmsghdr *cut = malloc(len);

			memcpy(cut, h, len);
			cut->nlmsg_len = (uint32_t)len;
			if (!message_parse(cut, &m))
				assert_true(m.type != MESSAGE_ADDR || len > sizeof(*h) + 8);
			free(cut);
		}
		nlmsg_free(whole[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_is_read),
		cmocka_unit_test(address_is_the_local_one_with_its_long_flags),
		cmocka_unit_test(neighbour_tells_whether_the_kernel_keeps_it),
		cmocka_unit_test(route_has_gateway_and_mtu),
		cmocka_unit_test(bridge_and_proxy_messages_are_not_taken_for_ours),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(cut_messages_are_never_read_past_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
