// SPDX-License-Identifier: BSD-2-Clause
/* Addresses and prefixes of both families behind one type. */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int addr_family(const struct addr *a)
{
	return addr_is_v4(a) ? AF_INET : AF_INET6;
}

unsigned addr_bits(const struct addr *a)
{
	return addr_is_v4(a) ? 32 : 128;
}

const uint8_t *addr_bytes(const struct addr *a, size_t *ret_len)
{
	bool v4 = addr_is_v4(a);

	if (ret_len)
		*ret_len = v4 ? 4 : 16;
	return (const uint8_t *)&a->a[v4 ? 3 : 0];
}

struct addr addr_from_bytes(int family, const void *bytes)
{
	struct addr a = { { 0, 0, htonl(0xffff), 0 } };

	if (family == AF_INET)
		memcpy(&a.a[3], bytes, 4);
	else
		memcpy(a.a, bytes, 16);
	return a;
}

int addr_parse(const char *text, struct addr *ret)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret = addr_from_bytes(AF_INET, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret = addr_from_bytes(AF_INET6, bytes);
	else
		return -EINVAL;
	return 0;
}

const char *addr_str(const struct addr *a, char *buf)
{
	inet_ntop(addr_family(a), addr_bytes(a, NULL), buf, ADDR_STRLEN);
	return buf;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool addr_is_any(const struct addr *a)
{
	return !a->a[0] && !a->a[1] && (addr_is_v4(a) || !a->a[2]) && !a->a[3];
}

bool addr_is_link_local(const struct addr *a)
{
	if (addr_is_v4(a))
		return (ntohl(a->a[3]) & 0xffff0000) == 0xa9fe0000;
	return (ntohl(a->a[0]) & 0xffc00000) == 0xfe800000;
}

bool addr_is_loopback(const struct addr *a)
{
	if (addr_is_v4(a))
		return ntohl(a->a[3]) >> 24 == 127;
	return !a->a[0] && !a->a[1] && !a->a[2] && a->a[3] == htonl(1);
}

bool addr_is_multicast(const struct addr *a)
{
	if (addr_is_v4(a))
		return ntohl(a->a[3]) >> 28 == 0xe;
	return ntohl(a->a[0]) >> 24 == 0xff;
}

socklen_t addr_to_sockaddr(const struct addr *a, __be16 port, unsigned ifindex,
			   struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(a)) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = a->a[3];
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = port;
	memcpy(&in6->sin6_addr, a->a, 16);
	if (addr_is_link_local(a) || addr_is_multicast(a))
		in6->sin6_scope_id = ifindex;
	return sizeof(*in6);
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, __be16 *ret_port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	if (sa->sa_family == AF_INET)
		*ret = addr_from_bytes(AF_INET, &in->sin_addr);
	else if (sa->sa_family == AF_INET6)
		*ret = addr_from_bytes(AF_INET6, &in6->sin6_addr);
	else
		return -EAFNOSUPPORT;
	if (ret_port)
		*ret_port = sa->sa_family == AF_INET ? in->sin_port : in6->sin6_port;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[ADDR_STRLEN];
	struct prefix p;
	unsigned long len;
	char *end;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(host, &p.addr))
		return -EINVAL;
	p.len = addr_bits(&p.addr);
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtoul(slash + 1, &end, 10);
		if (*end || len > p.len)
			return -EINVAL;
		p.len = (unsigned)len;
	}
	*ret = p;
	return 0;
}

const char *prefix_str(const struct prefix *p, char *buf)
{
	char host[ADDR_STRLEN];

	snprintf(buf, PREFIX_STRLEN, "%s/%u", addr_str(&p->addr, host), p->len);
	return buf;
}

const char *prefix_str_short(const struct prefix *p, char *buf)
{
	return p->len == addr_bits(&p->addr) ? addr_str(&p->addr, buf) : prefix_str(p, buf);
}

struct prefix prefix_network(const struct prefix *p)
{
	uint8_t bytes[16];
	size_t len, i;
	const uint8_t *from = addr_bytes(&p->addr, &len);

	memcpy(bytes, from, len);
	for (i = 0; i < len; i++) {
		unsigned before = (unsigned)i * 8;

		if (before >= p->len)
			bytes[i] = 0;
		else if (p->len - before < 8)
			bytes[i] &= (uint8_t)(0xff00 >> (p->len - before));
	}
	return (struct prefix){ addr_from_bytes(addr_family(&p->addr), bytes), p->len };
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	const uint8_t *net, *host;
	size_t net_len, host_len;
	unsigned whole = p->len / 8, rest = p->len % 8;

	net = addr_bytes(&p->addr, &net_len);
	host = addr_bytes(a, &host_len);
	if (net_len != host_len || memcmp(net, host, whole))
		return false;
	return !rest || !((net[whole] ^ host[whole]) >> (8 - rest));
}

bool prefix_equal(const struct prefix *p, const struct prefix *q)
{
	return p->len == q->len && addr_equal(&p->addr, &q->addr);
}
