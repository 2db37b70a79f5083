// SPDX-License-Identifier: BSD-2-Clause
/* Builds frames for the packet tests. */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/csum.h"

#define ICMP_HEADER 8
#define ICMP_CHECK  2

#define SCTP_HEADER	  12
#define SCTP_CHUNK_HEADER 4
#define SCTP_CRC32C	  8

static const struct {
	const char *v4, *v6;
	uint16_t port;
	uint8_t mac[6];
} people[WHOS] = {
	[CLIENT] = { "192.0.2.77", "2001:db8::77", 40000, { 2, 0, 0, 0, 0, 0xc1 } },
	[STRANGER] = { "192.0.2.99", "2001:db8::99", 40000, { 2, 0, 0, 0, 0, 0xc9 } },
	[NARROW] = { "203.0.113.7", "2001:db8:9::7", 40000, { 2, 0, 0, 0, 0, 0xc1 } },
	[LOST] = { "198.51.100.5", "2001:db8:bad::5", 40000, { 2, 0, 0, 0, 0, 0xc1 } },
	[VIP] = { "192.0.2.10", "2001:db8::10", 80, { 2, 0, 0, 0, 0, 1 } },
	[VIP2] = { "192.0.2.20", "2001:db8::20", 80, { 2, 0, 0, 0, 0, 1 } },
	[WEB1] = { "10.0.0.11", "fd00::11", 8080, { 2, 0, 0, 0, 0, 0xa1 } },
	[WEB2] = { "10.0.0.12", "fd00::12", 8080, { 2, 0, 0, 0, 0, 0xa2 } },
	[WEB3] = { "10.0.0.13", "fd00::13", 8080, { 2, 0, 0, 0, 0, 0xa3 } },
	[LIP] = { "10.0.0.201", "fd00::201", 5000, { 2, 0, 0, 0, 0, 2 } },
	[FRONT] = { "192.0.2.1", "2001:db8::1", 0, { 2, 0, 0, 0, 0, 1 } },
	[BACK] = { "10.0.0.1", "fd00::1", 0, { 2, 0, 0, 0, 0, 2 } },
};

struct addr who_addr(enum who who, bool v6)
{
	struct addr a = {};
	int r = addr_parse(v6 ? people[who].v6 : people[who].v4, &a);

	assert(!r);
	return a;
}

uint16_t who_port(enum who who)
{
	return people[who].port;
}

const uint8_t *who_mac(enum who who)
{
	return people[who].mac;
}

/* The director's interface that somebody is behind. */
static enum who link_of(enum who who)
{
	return who >= WEB1 && who <= WEB3 ? BACK : FRONT;
}

static uint8_t *put_ethernet(const struct frame *f, bool v6, uint8_t *p)
{
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(7) };
	uint16_t type = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);

	/* Unless said otherwise the director is the receiver. */
	memcpy(p, people[f->link_to ? f->link_to : link_of(f->from)].mac, 6);
	if (f->broadcast)
		memset(p, 0xff, 6);
	memcpy(p + 6, people[f->link_from ? f->link_from : f->from].mac, 6);
	p += 12;
	if (f->tagged) {
		memcpy(p, tag, sizeof(tag));
		p += sizeof(tag);
	}
	memcpy(p, &type, sizeof(type));
	return p + sizeof(type);
}

static size_t ip_header_len(const struct frame *f, bool v6)
{
	if (!v6)
		return sizeof(struct iphdr) + f->ip_options;
	return sizeof(struct ip6_hdr) + f->ip_options / 4 * 8 + (f->fragment || f->atomic ? 8 : 0);
}

static void put_ip4(const struct frame *f, uint8_t proto, size_t l4_len, uint8_t *p)
{
	struct addr src = who_addr(f->from, false), dst = who_addr(f->to, false);
	size_t len = ip_header_len(f, false);
	struct iphdr ip = {
		.version = 4,
		.ihl = len / 4,
		.tos = 0x10,
		.tot_len = htons((uint16_t)(len + l4_len)),
		.id = htons(0x1234),
		.frag_off = htons(f->fragment || f->may_fragment ? f->fragment : 0x4000),
		.ttl = f->ttl ? f->ttl : 64,
		.protocol = proto,
		.saddr = src.a[3],
		.daddr = dst.a[3],
	};

	memset(p + sizeof(ip), 1, f->ip_options); /* NOP */
	memcpy(p, &ip, sizeof(ip));
	ip.check = csum_fold(csum_add(0, p, len));
	memcpy(p, &ip, sizeof(ip));
}

static void put_ip6(const struct frame *f, uint8_t proto, size_t l4_len, uint8_t *p)
{
	struct addr src = who_addr(f->from, true), dst = who_addr(f->to, true);
	size_t len = ip_header_len(f, true), ext = len - sizeof(struct ip6_hdr);
	struct ip6_hdr ip = {
		.ip6_flow = htonl(0x61012345), /* version, traffic class, label */
		.ip6_plen = htons((uint16_t)(ext + l4_len)),
		.ip6_hlim = f->ttl ? f->ttl : 64,
		.ip6_nxt = proto,
	};
	uint8_t *next = &p[offsetof(struct ip6_hdr, ip6_nxt)], *at = p + sizeof(ip);
	/* as they may follow each other in practice */
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING };
	int i;

	memcpy(&ip.ip6_src, &src, sizeof(src));
	memcpy(&ip.ip6_dst, &dst, sizeof(dst));
	memcpy(p, &ip, sizeof(ip));
	for (i = 0; i < f->ip_options / 4; i++, at += 8) {
		*next = kinds[i < 3 ? i : 1];
		memset(at, 0, 8);
		at[2] = 1; /* PadN; of a routing header: its type */
		at[3] = *next == IPPROTO_ROUTING ? 0 : 4;
		next = at;
	}
	if (f->fragment || f->atomic) {
		uint16_t where = htons(f->fragment);

		*next = IPPROTO_FRAGMENT;
		memset(at, 0, 8);
		memcpy(at + 2, &where, sizeof(where));
		next = at;
	}
	*next = proto;
}

static size_t put_tcp(const struct frame *f, uint8_t *p)
{
	struct tcphdr tcp = {
		.th_sport = htons(f->sport ? f->sport : people[f->from].port),
		.th_dport = htons(f->dport ? f->dport : people[f->to].port),
		.th_seq = htonl(f->seq ? f->seq : 0x01020304),
		.th_ack = htonl(f->ack),
		.th_off = (sizeof(tcp) + f->tcp_options_len) / 4,
		.th_flags = f->flags ? f->flags : ACK,
		.th_win = htons(0x7000),
	};

	memcpy(p, &tcp, sizeof(tcp));
	if (f->tcp_options_len)
		memcpy(p + sizeof(tcp), f->tcp_options, f->tcp_options_len);
	return sizeof(tcp) + f->tcp_options_len;
}

static size_t put_udp(const struct frame *f, uint8_t *p)
{
	struct udphdr udp = {
		.uh_sport = htons(f->sport ? f->sport : people[f->from].port),
		.uh_dport = htons(f->dport ? f->dport : people[f->to].port),
		.uh_ulen = htons((uint16_t)(sizeof(udp) + f->payload)),
	};

	memcpy(p, &udp, sizeof(udp));
	return sizeof(udp);
}

/* The common header and one chunk, RFC 9260 3. */
static size_t put_sctp(const struct frame *f, uint8_t *p)
{
	uint16_t ports[2] = { htons(f->sport ? f->sport : people[f->from].port),
			      htons(f->dport ? f->dport : people[f->to].port) };
	uint16_t chunk_len = htons((uint16_t)(SCTP_CHUNK_HEADER + f->payload));
	uint32_t tag = htonl(f->chunk == INIT ? 0 : 0x0a0b0c0d);

	memcpy(p, ports, sizeof(ports));
	memcpy(p + 4, &tag, sizeof(tag));
	p[SCTP_HEADER] = f->chunk;
	memcpy(p + SCTP_HEADER + 2, &chunk_len, sizeof(chunk_len));
	return SCTP_HEADER + SCTP_CHUNK_HEADER;
}

/* RFC 9260 appendix A: the remainder's bits in reverse, as the polynomial's here. */
static void put_crc32c(uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;
	uint8_t bytes[4];
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= p[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	crc = ~crc;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(crc >> 8 * i);
	memcpy(p + SCTP_CRC32C, bytes, sizeof(bytes));
}

/* The IP packet of another frame. */
static size_t put_inside(const struct frame *f, bool v6, uint8_t *p)
{
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(f, v6, frame) - sizeof(struct ethhdr);

	memcpy(p, frame + sizeof(struct ethhdr), len);
	return len;
}

static size_t put_icmp(const struct frame *f, bool v6, uint8_t *p)
{
	uint32_t rest = htonl(f->icmp_rest);
	size_t len;

	p[0] = f->icmp_type;
	p[1] = f->icmp_code;
	memcpy(p + 4, &rest, sizeof(rest));
	if (!f->about)
		return ICMP_HEADER;
	len = put_inside(f->about, v6 != f->about->tunnel_other_family, p + ICMP_HEADER);
	if (f->quote && f->quote < len) {
		memset(p + ICMP_HEADER + f->quote, 0, len - f->quote);
		len = f->quote;
	}
	return ICMP_HEADER + len;
}

static void put_check(const struct frame *f, bool v6, uint8_t proto, uint8_t *l4, size_t len)
{
	struct addr src = who_addr(f->from, v6), dst = who_addr(f->to, v6);
	uint32_t sum = csum_add_pseudo(0, &src, &dst, proto, (uint32_t)len);
	uint8_t *at;
	uint16_t check;

	if (proto == IPPROTO_TCP)
		at = l4 + offsetof(struct tcphdr, th_sum);
	else if (proto == IPPROTO_UDP && !f->no_check)
		at = l4 + offsetof(struct udphdr, uh_sum);
	else if (proto == IPPROTO_ICMPV6)
		at = l4 + ICMP_CHECK;
	else if (proto == IPPROTO_ICMP)
		at = l4 + ICMP_CHECK, sum = 0;
	else if (proto == IPPROTO_SCTP)
		return put_crc32c(l4, len);
	else
		return;
	check = csum_fold(f->unfinished ? sum : csum_add(sum, l4, len));
	if (f->unfinished)
		check = (uint16_t)~check;
	else if (proto == IPPROTO_UDP && !check)
		check = 0xffff;
	memcpy(at, &check, sizeof(check));
}

/* Puts the outer header before the IP packet of len bytes; returns its length. */
static size_t put_outer(const struct frame *f, bool v6, uint8_t *ip, size_t len)
{
	bool outer6 = v6 != f->tunnel_other_family;
	struct frame outer = { .from = BACK, .to = f->tunnel };
	size_t grow = outer6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	uint16_t type = htons(outer6 ? ETH_P_IPV6 : ETH_P_IP);
	uint8_t proto = v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	struct iphdr ip4;

	memmove(ip + grow, ip, len);
	memcpy(ip - 2, &type, sizeof(type));
	if (outer6) {
		put_ip6(&outer, proto, len, ip);
		memset(ip + 1, 0, 3); /* no flow label */
		return grow;
	}
	put_ip4(&outer, proto, len, ip);
	memcpy(&ip4, ip, sizeof(ip4));
	ip4.id = 0;
	ip4.check = 0;
	ip4.check = csum_fold(csum_add(0, &ip4, sizeof(ip4)));
	memcpy(ip, &ip4, sizeof(ip4));
	return grow;
}

size_t frame_build(const struct frame *f, bool v6, uint8_t *buf)
{
	uint8_t proto = f->proto ? f->proto : IPPROTO_TCP, *ip, *l4;
	size_t len = 0, i;

	memset(buf, 0, FRAME_MAX);
	ip = put_ethernet(f, v6, buf);
	l4 = ip + ip_header_len(f, v6);
	if (proto == IPPROTO_TCP)
		len = put_tcp(f, l4);
	else if (proto == IPPROTO_UDP)
		len = put_udp(f, l4);
	else if (proto == IPPROTO_SCTP)
		len = put_sctp(f, l4);
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		len = put_icmp(f, v6, l4);
	for (i = 0; i < f->payload; i++)
		l4[len + i] = (uint8_t)(i * 7 + 3);
	len += f->payload;
	assert(l4 + len <= buf + FRAME_MAX);
	if (v6)
		put_ip6(f, proto, len, ip);
	else
		put_ip4(f, proto, len, ip);
	put_check(f, v6, proto, l4, len);
	len += (size_t)(l4 - ip);
	if (f->tunnel)
		len += put_outer(f, v6, ip, len);
	return (size_t)(ip - buf) + len;
}

void frame_ip_check(uint8_t *frame)
{
	const uint8_t type[2] = { ETH_P_IP >> 8, ETH_P_IP & 0xff };
	uint8_t *at = frame + sizeof(struct ethhdr);
	struct iphdr ip;

	if (memcmp(at - sizeof(type), type, sizeof(type)))
		return;
	memset(at + offsetof(struct iphdr, check), 0, sizeof(ip.check));
	memcpy(&ip, at, sizeof(ip));
	ip.check = csum_fold(csum_add(0, at, ip.ihl * 4u));
	memcpy(at, &ip, sizeof(ip));
}

size_t frame_fragment(const uint8_t *frame, size_t frame_len, bool v6, size_t at, size_t len,
		      uint8_t *buf)
{
	const size_t eth = sizeof(struct ethhdr);
	struct ip6_frag part = { .ip6f_ident = htonl(0x1234) };
	struct ip6_hdr ip6;
	struct iphdr ip;
	size_t head, out;
	bool more;

	memcpy(&ip, frame + eth, sizeof(ip));
	head = v6 ? sizeof(ip6) : ip.ihl * 4u;
	more = eth + head + at + len < frame_len;
	if (!more)
		len = frame_len - eth - head - at;
	memcpy(buf, frame, eth + head);
	out = eth + head;
	if (v6) {
		memcpy(&ip6, buf + eth, sizeof(ip6));
		part.ip6f_nxt = ip6.ip6_nxt;
		part.ip6f_offlg = htons((uint16_t)(at | more));
		ip6.ip6_nxt = IPPROTO_FRAGMENT;
		ip6.ip6_plen = htons((uint16_t)(sizeof(part) + len));
		memcpy(buf + eth, &ip6, sizeof(ip6));
		memcpy(buf + out, &part, sizeof(part));
		out += sizeof(part);
	} else {
		ip.tot_len = htons((uint16_t)(head + len));
		ip.frag_off = htons((uint16_t)(at / 8 | (more ? 0x2000 : 0)));
		ip.check = 0;
		memcpy(buf + eth, &ip, sizeof(ip));
		ip.check = csum_fold(csum_add(0, buf + eth, head));
		memcpy(buf + eth, &ip, sizeof(ip));
	}
	memcpy(buf + out, frame + eth + head + at, len);
	return out + len;
}
