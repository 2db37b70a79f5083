// SPDX-License-Identifier: BSD-2-Clause
/* Mutated packets.
 *
 * A pool of well-formed frames, of all kinds that services of all methods meet: requests, answers,
 * fragments, ICMP errors, what routers on a tunnel's way write, adverts, address resolution.  Two
 * threads take frames from it, damage most of them, mend the checksums of half so that they get
 * deeper, and send them through the programs as a director would: XDP, and what that passes on
 * through TC, or TC only.  right.c judges each that comes out.  At the end each packet must have
 * been counted once, and no flow, template or load be left.
 *
 * Usage: test_mutate [--long | PACKETS [SEED]], or LBD_MUTATE_PACKETS, LBD_MUTATE_SEED
 */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "right.h"
#include "rig.h"
#include "view.h"

#define PACKETS_DEFAULT 1000000ul
#define PACKETS_LONG	20000000ul
#define SEED_DEFAULT	20240229ul
#define TABLE		8192
#define THREADS		2
#define PORTS		2    /* of the one client, and of the local address */
#define LIP_PORTS	16   /* that flows may get */
#define SERVERS		3    /* of a service */
#define RECLAIM_EVERY	2000 /* packets of a thread */
#define COMPLAINTS_MAX	3
#define CLOSING_NS	(20 * 1000000000ull)
#define MUTANT_MAX	2048
#define HEADERS		100 /* bytes of a frame that hold most of them */
#define VRID		51
#define MTU_NARROW	1280
#define POOL_MAX	65536

#define GATED_MORE 32 /* what opens and closes a gate comes so much oftener */

#define PROTO_ANY 0

/* ---- The cast -------------------------------------------------------------------------------- */

static const struct service {
	enum method method[SERVERS];
	uint8_t proto;
	uint8_t flags;
	uint32_t timeout; /* jiffies; 0: over as soon as it is listed */
	uint32_t persist;
	uint32_t upper; /* of the first server's flows */
	uint16_t mss;
	bool keeps_port, other_family, narrow, wide, gated, resumes, empty;
} services[] = {
#define ALL(m) .method = { m, m, m }
	{ ALL(METHOD_NAT), .proto = IPPROTO_TCP, .timeout = 250, .mss = 1200 },
	{ ALL(METHOD_NAT), .proto = IPPROTO_UDP, .timeout = 250 },
	{ ALL(METHOD_DR), .proto = IPPROTO_TCP, .timeout = 250, .mss = 1200 },
	{ ALL(METHOD_DR), .proto = IPPROTO_UDP },
	{ ALL(METHOD_TUN), .proto = IPPROTO_TCP, .timeout = 250, .mss = 1200 },
	{ ALL(METHOD_TUN), .proto = IPPROTO_UDP, .timeout = 250, .other_family = true },
	{ ALL(METHOD_TUN), .proto = IPPROTO_TCP, .timeout = 250, .other_family = true,
	  .narrow = true },
	{ ALL(METHOD_FULLNAT), .proto = IPPROTO_TCP, .timeout = 250, .upper = 4, .mss = 1200 },
	{ ALL(METHOD_FULLNAT), .proto = IPPROTO_UDP, .timeout = 250 },
	{ ALL(METHOD_NAT), .proto = IPPROTO_TCP, .timeout = 1, .persist = 1 },
	{ ALL(METHOD_FULLNAT), .proto = IPPROTO_TCP, .timeout = 250, .persist = 2 },
	{ ALL(METHOD_NAT), .proto = IPPROTO_UDP, .timeout = 250, .flags = SVC_ONE_PACKET },
	{ ALL(METHOD_FULLNAT), .proto = IPPROTO_UDP, .timeout = 1, .flags = SVC_ONE_PACKET },
	{ ALL(METHOD_NAT), .proto = IPPROTO_SCTP, .timeout = 250, .keeps_port = true },
	{ ALL(METHOD_DR), .proto = IPPROTO_SCTP, .timeout = 1 },
	{ ALL(METHOD_TUN), .proto = IPPROTO_SCTP, .timeout = 250, .other_family = true },
	{ ALL(METHOD_NAT), .proto = IPPROTO_TCP, .timeout = 250, .wide = true },
	{ ALL(METHOD_NAT), .proto = IPPROTO_TCP, .timeout = 250, .gated = true, .resumes = true },
	{ .method = { METHOD_NAT, METHOD_TUN, METHOD_FULLNAT },
	  .proto = IPPROTO_UDP,
	  .timeout = 250,
	  .narrow = true },
	{ .method = { METHOD_NAT, METHOD_TUN, METHOD_DR },
	  .proto = IPPROTO_TCP,
	  .timeout = 250,
	  .narrow = true },
	{ ALL(METHOD_NAT), .proto = IPPROTO_TCP, .empty = true },
#undef ALL
};
#define SERVICES (sizeof(services) / sizeof(*services))

/* What is about the packets of a flow, in the frames below. */
static const struct frame to_client = { .from = VIP, .to = CLIENT, .payload = 20 };
static const struct frame to_server = { .from = CLIENT, .to = WEB1, .payload = 20 };
static const struct frame from_lip = { .from = LIP, .to = WEB1, .payload = 20 };
static const struct frame tunnelled = { .from = CLIENT, .to = VIP, .payload = 200, .tunnel = WEB1 };
static const struct frame tunnelled_other = {
	.from = CLIENT, .to = VIP, .payload = 200, .tunnel = WEB1, .tunnel_other_family = true
};

static const uint8_t mss_options[] = { 1, 2, 4, 5, 180, 1, 1, 0 };

#define ERROR(f, t, a)                                                                             \
	.from = (f), .to = (t), .proto = IPPROTO_ICMP, .about = &(a), .icmp_rest = 1300

/* Frames of a flow.  proto: of the services that have such. */
static const struct shape {
	uint8_t proto;
	uint8_t type6; /* of ICMPv6, when icmp_type is that of ICMPv4 */
	struct frame f;
} shapes[] = {
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .flags = SYN } },
	{ IPPROTO_TCP,
	  0,
	  { .from = CLIENT,
	    .to = VIP,
	    .flags = SYN,
	    .tcp_options = mss_options,
	    .tcp_options_len = sizeof(mss_options) } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .payload = 101 } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .payload = 1460 } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .payload = 1460, .may_fragment = true } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .flags = FIN | ACK } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .flags = RST } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .payload = 30, .ip_options = 8 } },
	{ IPPROTO_TCP, 0, { .from = CLIENT, .to = VIP, .payload = 30, .atomic = true } },
	{ IPPROTO_TCP,
	  0,
	  { .from = WEB1,
	    .to = CLIENT,
	    .flags = SYN | ACK,
	    .tcp_options = mss_options,
	    .tcp_options_len = sizeof(mss_options) } },
	{ IPPROTO_TCP, 0, { .from = WEB1, .to = CLIENT, .payload = 77 } },
	{ IPPROTO_TCP, 0, { .from = WEB1, .to = CLIENT, .flags = FIN | ACK } },
	{ IPPROTO_TCP, 0, { .from = WEB1, .to = LIP, .flags = SYN | ACK } },
	{ IPPROTO_TCP, 0, { .from = WEB1, .to = LIP, .payload = 77 } },
	{ IPPROTO_UDP, 0, { .from = CLIENT, .to = VIP, .payload = 33 } },
	{ IPPROTO_UDP, 0, { .from = CLIENT, .to = VIP, .payload = 32, .no_check = true } },
	{ IPPROTO_UDP, 0, { .from = CLIENT, .to = VIP, .payload = 1472, .may_fragment = true } },
	{ IPPROTO_UDP, 0, { .from = CLIENT, .to = VIP, .payload = 30, .ip_options = 4 } },
	{ IPPROTO_UDP, 0, { .from = CLIENT, .to = VIP, .payload = 64, .fragment = 0x2000 } },
	{ IPPROTO_UDP, 0, { .from = WEB1, .to = CLIENT, .payload = 64 } },
	{ IPPROTO_UDP, 0, { .from = WEB1, .to = LIP, .payload = 64 } },
	{ IPPROTO_UDP, 0, { .from = WEB1, .to = CLIENT, .payload = 64, .no_check = true } },
	{ IPPROTO_SCTP, 0, { .from = CLIENT, .to = VIP, .payload = 64, .chunk = INIT } },
	{ IPPROTO_SCTP, 0, { .from = CLIENT, .to = VIP, .payload = 64, .chunk = DATA } },
	{ IPPROTO_SCTP, 0, { .from = CLIENT, .to = VIP, .chunk = COOKIE_ECHO } },
	{ IPPROTO_SCTP, 0, { .from = CLIENT, .to = VIP, .chunk = SHUTDOWN } },
	{ IPPROTO_SCTP, 0, { .from = CLIENT, .to = VIP, .chunk = ABORT } },
	{ IPPROTO_SCTP, 0, { .from = WEB1, .to = CLIENT, .chunk = INIT_ACK } },
	{ IPPROTO_SCTP, 0, { .from = WEB1, .to = CLIENT, .chunk = SHUTDOWN_ACK } },
	{ PROTO_ANY, 1, { ERROR(CLIENT, VIP, to_client), .icmp_type = 3, .icmp_code = 3 } },
	{ PROTO_ANY, 2, { ERROR(CLIENT, VIP, to_client), .icmp_type = 3, .icmp_code = 4 } },
	{ PROTO_ANY, 3, { ERROR(CLIENT, VIP, to_client), .icmp_type = 11, .quote = 48 } },
	{ PROTO_ANY, 1, { ERROR(WEB2, CLIENT, to_server), .icmp_type = 3, .icmp_code = 1 } },
	{ PROTO_ANY, 4, { ERROR(WEB2, CLIENT, to_server), .icmp_type = 12 } },
	{ PROTO_ANY, 2, { ERROR(WEB2, LIP, from_lip), .icmp_type = 3, .icmp_code = 4 } },
	{ PROTO_ANY, 2, { ERROR(WEB2, BACK, tunnelled), .icmp_type = 3, .icmp_code = 4 } },
	{ PROTO_ANY, 2, { ERROR(WEB2, BACK, tunnelled_other), .icmp_type = 3, .icmp_code = 4 } },
	{ PROTO_ANY, 1, { ERROR(WEB2, BACK, tunnelled), .icmp_type = 3, .icmp_code = 1 } },
	{ PROTO_ANY, 0, { .from = CLIENT, .to = VIP, .proto = IPPROTO_ICMP, .icmp_type = 8 } },
	{ PROTO_ANY, 135, { .from = CLIENT, .to = VIP, .proto = IPPROTO_ICMP, .payload = 24 } },
	{ PROTO_ANY, 136, { .from = FRONT, .to = VIP, .proto = IPPROTO_ICMP, .payload = 24 } },
	{ PROTO_ANY, 0, { .from = CLIENT, .to = VIP, .proto = IPPROTO_GRE, .payload = 24 } },
	{ PROTO_ANY, 0, { .from = CLIENT, .to = FRONT, .payload = 24 } },
	{ PROTO_ANY, 0, { .from = CLIENT, .to = VIP, .payload = 24, .tagged = true } },
};

/* The bytes that an address or a MAC of a service or server has at its end. */
static void mark(uint8_t *last, unsigned svc, unsigned k)
{
	last[-1] = (uint8_t)(0x40 + svc);
	last[0] = (uint8_t)(0x80 + k);
}

static struct addr server_addr(unsigned svc, unsigned k, bool v6)
{
	struct addr a = who_addr(WEB1, v6);

	mark((uint8_t *)&a + sizeof(a) - 1, svc, k);
	return a;
}

static struct addr vip_addr(unsigned svc, bool v6)
{
	struct addr a = who_addr(VIP, v6);

	((uint8_t *)&a)[sizeof(a) - 1] = (uint8_t)(0x10 + svc);
	return a;
}

static uint32_t server_id(unsigned svc, unsigned k, bool v6)
{
	return 1 + ((unsigned)v6 * SERVICES + svc) * SERVERS + k;
}

static unsigned svc_slot(unsigned svc, bool v6)
{
	return 1 + (unsigned)v6 * SERVICES + svc;
}

static uint16_t server_port(unsigned svc, enum method method)
{
	bool maps = method == METHOD_NAT || method == METHOD_FULLNAT;

	return maps && !services[svc].keeps_port ? who_port(WEB1) : who_port(VIP);
}

static void fill_server(struct rig *rig, unsigned svc, unsigned k, bool v6)
{
	struct server *s = &rig->servers[server_id(svc, k, v6)];
	enum method method = services[svc].method[k];
	bool other = method == METHOD_TUN && services[svc].other_family;

	s->addr = server_addr(svc, k, v6 != other);
	s->method = method;
	s->port = htons(server_port(svc, method));
	s->svc = svc_slot(svc, v6);
	s->lips = method == METHOD_FULLNAT ? SPAN(LIP_SLOT + v6, 1) : 0;
	s->upper = k ? 0 : services[svc].upper;
	s->status = SERVER_ALIVE | SERVER_TAKES;
	s->hops[0].ifindex = rig->back;
	s->hops[0].flags = HOP_RESOLVED;
	s->hops[0].mtu = services[svc].narrow ? MTU_NARROW : ETH_DATA_LEN;
	s->hops[0].gateway = s->addr;
	s->hops[0].source = who_addr(BACK, v6 != other);
	memcpy(s->hops[0].dmac, who_mac(WEB1), 6);
	mark(&s->hops[0].dmac[5], svc, k);
	memcpy(s->hops[0].smac, who_mac(BACK), 6);
}

static void must(int r, const char *what)
{
	if (!r)
		return;
	perror(what);
	exit(1);
}

/* All ports of the VIP. */
static void fill_wide(struct rig *rig, const struct addr *vip, uint8_t proto, struct svc_ref ref)
{
	struct wide_key key = { .bits = 32 + 128, .proto = htonl(proto), .vip = *vip };
	struct wide_ref list = { .first = ref.svc, .count = 1 };

	rig->ranges[ref.svc] = (struct range){ .port = 1, .last = 65535, .ref = ref };
	rig->svcs[0].flags |= SVC_ANY_WIDE;
	must(bpf_map_update_elem(bpf_map__fd(rig->skel->maps.wide), &key, &list, BPF_ANY), "wide");
}

static void fill_service(struct rig *rig, unsigned svc, bool v6)
{
	const struct service *from = &services[svc];
	struct svc_ref ref = { .svc = svc_slot(svc, v6), .gate = from->gated ? GATE : 0 };
	struct svc *s = &rig->svcs[ref.svc];
	struct svc_key key = {
		.vip = vip_addr(svc, v6),
		.port = htons(who_port(VIP)),
		.proto = from->proto,
	};
	unsigned i;

	for (i = 0; i < FLOW_STATES; i++)
		s->timeout[i] = from->timeout;
	for (i = 0; i < SERVERS && !from->empty; i++) {
		fill_server(rig, svc, i, v6);
		rig->rings[ref.svc].server[i] = server_id(svc, i, v6);
	}
	s->ring = SPAN(ref.svc * RING_CHUNK, from->empty ? 0 : SERVERS);
	s->persist = from->persist;
	s->persist_bits = 128;
	s->flags = from->flags;
	s->mss = from->mss;
	if (from->resumes) {
		s->pick = PICK_HASH;
		s->no_flow = NO_FLOW_SCHEDULE;
	}
	if (from->wide)
		fill_wide(rig, &key.vip, from->proto, ref);
	else
		must(bpf_map_update_elem(bpf_map__fd(rig->skel->maps.services), &key, &ref,
					 BPF_ANY),
		     "services");
}

/* A daemon that is dead: each advert closes the gate, for a moment. */
static void fill_gate(struct rig *rig, unsigned svc, bool v6)
{
	struct gate_addr addr = { .addr = vip_addr(svc, v6) };
	struct vrid_key key = { .ifindex = rig->front, .vrid = VRID, .v6 = v6 };
	uint32_t gate = GATE;

	rig->gates[GATE] =
		(struct gate){ .open = 1, .beat_ns = 1, .stale_ns = 1, .fresh_ns = 3000000 };
	must(bpf_map_update_elem(bpf_map__fd(rig->skel->maps.gate_addrs), &addr, &gate, BPF_ANY),
	     "gate_addrs");
	must(bpf_map_update_elem(bpf_map__fd(rig->skel->maps.gate_vrids), &key, &gate, BPF_ANY),
	     "gate_vrids");
}

static void fill(struct rig *rig)
{
	unsigned svc, v6;

	for (v6 = 0; v6 < 2; v6++) {
		rig->lips[LIP_SLOT + v6] = (struct lip){
			.addr = who_addr(LIP, v6),
			.port = who_port(LIP),
			.last = (uint16_t)(who_port(LIP) + LIP_PORTS - 1),
		};
		for (svc = 0; svc < SERVICES; svc++) {
			fill_service(rig, svc, v6);
			if (services[svc].gated)
				fill_gate(rig, svc, v6);
		}
	}
	/* Clients are everywhere. */
	must(system("ip route add default via 192.0.2.77 && "
		    "ip route add default via 2001:db8::77"),
	     "ip route");
}

/* ---- The pool -------------------------------------------------------------------------------- */

static struct pooled {
	uint8_t *frame;
	size_t len;
	bool back; /* by which interface it comes in */
} pool[POOL_MAX];
static size_t pooled;
/* Those of them that begin a flow. */
static size_t firsts[POOL_MAX], n_firsts;

static void pool_add(const uint8_t *frame, size_t len, bool back)
{
	struct pooled *p = &pool[pooled];

	if (pooled == POOL_MAX) {
		fprintf(stderr, "the pool is too small\n");
		exit(1);
	}
	p->frame = malloc(len);
	if (!p->frame)
		exit(1);
	memcpy(p->frame, frame, len);
	p->len = len;
	p->back = back;
	pooled++;
}

static void replace(uint8_t *frame, size_t len, const void *from, const void *to, size_t n)
{
	size_t at;

	for (at = ETH_HLEN; at + n <= len; at += 2)
		if (!memcmp(frame + at, from, n))
			memcpy(frame + at, to, n);
}

static void replace_addr(uint8_t *frame, size_t len, enum who who, struct addr to, bool v6)
{
	struct addr from = who_addr(who, v6);
	size_t skip = v6 ? 0 : 12;

	replace(frame, len, (uint8_t *)&from + skip, (uint8_t *)&to + skip, sizeof(from) - skip);
}

static void replace_port(uint8_t *frame, size_t len, uint16_t from, unsigned to)
{
	uint16_t a = htons(from), b = htons((uint16_t)to);

	replace(frame, len, &a, &b, sizeof(a));
}

/* Gives the frame of the usual people to those of a service. */
static void recast(uint8_t *frame, size_t len, unsigned svc, unsigned k, unsigned port)
{
	unsigned v6;

	for (v6 = 0; v6 < 2; v6++) {
		replace_addr(frame, len, VIP, vip_addr(svc, v6), v6);
		replace_addr(frame, len, WEB1, server_addr(svc, k, v6), v6);
	}
	replace_port(frame, len, who_port(CLIENT), 30000 + port);
	replace_port(frame, len, who_port(LIP), who_port(LIP) + port);
	replace_port(frame, len, who_port(WEB1), server_port(svc, services[svc].method[k]));
	view_repair(frame, len);
}

static bool concerns_server(const struct frame *f)
{
	return f->from == WEB1 || f->to == WEB1 || f->tunnel == WEB1 ||
	       (f->about && concerns_server(f->about));
}

/* Is there ever such a frame with this server? */
static bool suits(const struct frame *f, unsigned svc, unsigned k)
{
	enum method method = services[svc].method[k];
	enum who outer = f->about ? f->about->tunnel : NOBODY;

	if (outer)
		return method == METHOD_TUN &&
		       services[svc].other_family == f->about->tunnel_other_family;
	if (f->from == LIP || f->to == LIP)
		return method == METHOD_FULLNAT;
	return !concerns_server(f) || method == METHOD_NAT;
}

static bool begins(const struct frame *f)
{
	if (f->from != CLIENT || f->to != VIP || f->fragment)
		return false;
	return f->proto == IPPROTO_UDP || (f->proto == IPPROTO_TCP && f->flags == SYN) ||
	       (f->proto == IPPROTO_SCTP && f->chunk == INIT);
}

/* All that a service meets of one shape. */
static void pool_shape(const struct shape *shape, unsigned svc, bool v6)
{
	uint8_t proto = services[svc].proto, built[FRAME_MAX], frame[FRAME_MAX];
	struct frame f = shape->f, about;
	unsigned servers, k, port;
	size_t len;

	if (shape->proto != PROTO_ANY && shape->proto != proto)
		return;
	if (!f.proto)
		f.proto = proto;
	if (f.proto == IPPROTO_ICMP && v6) {
		f.proto = IPPROTO_ICMPV6;
		f.icmp_type = shape->type6 ? shape->type6 : 128;
		f.icmp_code = 0;
	}
	if (f.about) {
		about = *f.about;
		about.proto = proto;
		f.about = &about;
	}
	len = frame_build(&f, v6, built);
	servers = concerns_server(&f) ? SERVERS : 1;
	for (k = 0; k < servers; k++)
		for (port = 0; port < PORTS; port++) {
			if (!suits(&f, svc, k) && (k || port))
				continue;
			memcpy(frame, built, len);
			recast(frame, len, svc, k, port);
			if (begins(&f))
				firsts[n_firsts++] = pooled;
			pool_add(frame, len, f.from == WEB1 || f.from == WEB2);
		}
}

/* The parts of a large datagram, and of an answer. */
static void pool_fragments(unsigned svc, bool v6)
{
	static const struct {
		size_t at, len;
	} parts[] = { { 0, 400 }, { 400, 400 }, { 800, 2000 } };
	struct frame ways[] = { { .from = CLIENT, .to = VIP }, { .from = WEB1, .to = CLIENT } };
	uint8_t whole[FRAME_MAX], part[FRAME_MAX];
	uint16_t id;
	size_t len, i, way;

	for (way = 0; way < 2; way++) {
		ways[way].proto = services[svc].proto;
		ways[way].payload = 1100;
		len = frame_build(&ways[way], v6, whole);
		recast(whole, len, svc, 0, 0);
		for (i = 0; i < 3 * PORTS; i++) {
			size_t n = frame_fragment(whole, len, v6, parts[i % 3].at, parts[i % 3].len,
						  part);

			id = htons((uint16_t)(0x4000 + i / 3));
			memcpy(part + (v6 ? ETH_HLEN + 46 : ETH_HLEN + 4), &id, sizeof(id));
			view_repair(part, n);
			pool_add(part, n, way);
		}
	}
}

static void pool_advert(bool v6)
{
	const struct frame f = {
		.from = STRANGER, .to = VIP, .proto = 112, .payload = 20, .ttl = 255
	};
	const uint8_t head[] = { 0x31, VRID, 100, 1, 0, 100, 0, 0 };
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&f, v6, frame);

	memcpy(frame + ETH_HLEN + (v6 ? 40 : 20), head, sizeof(head));
	pool_add(frame, len, false);
}

static void pool_arp(unsigned svc, uint8_t op)
{
	uint8_t frame[60] = { [12] = 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, op };
	struct addr client = who_addr(CLIENT, false), vip = vip_addr(svc, false);

	memset(frame, 0xff, 6);
	memcpy(frame + 6, who_mac(CLIENT), 6);
	memcpy(frame + 22, who_mac(CLIENT), 6);
	memcpy(frame + 28, op == 1 ? &client.a[3] : &vip.a[3], 4);
	memcpy(frame + 38, op == 1 ? &vip.a[3] : &client.a[3], 4);
	pool_add(frame, sizeof(frame), false);
}

static void pool_fill(void)
{
	unsigned svc, v6;
	size_t i;

	for (svc = 0; svc < SERVICES; svc++)
		for (v6 = 0; v6 < 2; v6++) {
			for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
				pool_shape(&shapes[i], svc, v6);
			pool_fragments(svc, v6);
			pool_arp(svc, (uint8_t)(1 + v6));
			for (i = 0; i < GATED_MORE && services[svc].gated; i++) {
				pool_advert(v6);
				pool_arp(svc, (uint8_t)(1 + v6));
			}
		}
	printf("%zu frames\n", pooled);
}

/* ---- Mutations ------------------------------------------------------------------------------- */

struct mutant {
	uint8_t frame[MUTANT_MAX];
	size_t len;
	bool back;
	uint64_t random;
};

static uint32_t draw(uint64_t *random, size_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)((*random >> 32) * below >> 32);
}

/* Where: in the headers, most of the time. */
static size_t somewhere(struct mutant *m)
{
	size_t from = draw(&m->random, 16) ? ETH_HLEN : 0, to = m->len;

	if (draw(&m->random, 8) && to > HEADERS)
		to = HEADERS;
	return from < to ? from + draw(&m->random, to - from) : 0;
}

/* So many bytes at the place given, when they are there. */
static void put(struct mutant *m, size_t at, const void *bytes, size_t n)
{
	if (at + n <= m->len)
		memcpy(m->frame + at, bytes, n);
}

static void swap(struct mutant *m, size_t a, size_t b, size_t n)
{
	uint8_t old[16];

	if (a + n > m->len || b + n > m->len)
		return;
	memcpy(old, m->frame + a, n);
	memcpy(m->frame + a, m->frame + b, n);
	memcpy(m->frame + b, old, n);
}

static bool is_v6(const struct mutant *m)
{
	return m->frame[12] == 0x86;
}

static void flip_bit(struct mutant *m)
{
	m->frame[somewhere(m)] ^= (uint8_t)(1u << draw(&m->random, 8));
}

static void set_byte(struct mutant *m)
{
	const uint8_t values[] = { 0, 0xff, 1, 0x80, (uint8_t)m->random };

	m->frame[somewhere(m)] = values[draw(&m->random, sizeof(values))];
}

static void truncate_frame(struct mutant *m)
{
	m->len = ETH_HLEN + draw(&m->random, m->len - ETH_HLEN + 1);
}

/* Up to the end of some header, more or less. */
static void truncate_head(struct mutant *m)
{
	size_t len = ETH_HLEN + draw(&m->random, 100);

	if (len < m->len)
		m->len = len;
}

static void pad(struct mutant *m)
{
	size_t n = draw(&m->random, 64);

	if (m->len + n > MUTANT_MAX)
		return;
	memset(m->frame + m->len, (int)draw(&m->random, 256), n);
	m->len += n;
}

/* The lengths of IP, of its header, of UDP, TCP or an extension header. */
static void set_length(struct mutant *m)
{
	static const uint8_t places[2][6] = { { 16, 16, 14, 38, 46, 62 },
					      { 18, 18, 55, 58, 66, 82 } };
	size_t at = places[is_v6(m)][draw(&m->random, 6)];
	uint16_t value;

	memcpy(&value, m->frame + at, sizeof(value));
	switch (draw(&m->random, 4)) {
	case 0:
		value = (uint16_t)m->random;
		break;
	case 1:
		value = 0;
		break;
	default:
		value = htons((uint16_t)(ntohs(value) + draw(&m->random, 17) - 8));
	}
	put(m, at, &value, sizeof(value));
}

/* The packet's, or those of the packet that it quotes. */
static void swap_headers(struct mutant *m)
{
	size_t head = is_v6(m) ? 40 : 20, n = is_v6(m) ? 16 : 4, l3 = ETH_HLEN;

	if (!draw(&m->random, 4))
		l3 += head + 8;
	switch (draw(&m->random, 3)) {
	case 0:
		swap(m, 0, 6, 6);
		break;
	case 1:
		swap(m, l3 + head - 2 * n, l3 + head - n, n);
		break;
	default:
		swap(m, l3 + head, l3 + head + 2, 2);
	}
}

static void duplicate(struct mutant *m)
{
	size_t from = somewhere(m), to = somewhere(m), n = 1 + draw(&m->random, 40);

	if (from + n <= m->len && to + n <= m->len)
		memmove(m->frame + to, m->frame + from, n);
}

static void insert(struct mutant *m)
{
	size_t at = somewhere(m), n = 1 + draw(&m->random, 40);

	if (m->len + n > MUTANT_MAX || at + n > m->len)
		return;
	memmove(m->frame + at + n, m->frame + at, m->len - at);
	m->len += n;
}

/* The rest of another frame. */
static void splice(struct mutant *m)
{
	const struct pooled *other = &pool[draw(&m->random, pooled)];
	size_t at = somewhere(m);

	if (at >= other->len)
		return;
	memcpy(m->frame + at, other->frame + at, other->len - at);
	m->len = other->len;
}

static void set_ttl(struct mutant *m)
{
	const uint8_t values[] = { 0, 1, 2, 255 };

	put(m, is_v6(m) ? 21 : 22, &values[draw(&m->random, sizeof(values))], 1);
}

static void set_proto(struct mutant *m)
{
	static const uint8_t values[] = {
		0, 1, 4, 6, 17, 41, 43, 44, 50, 51, 58, 60, 112, 132, 135
	};

	put(m, is_v6(m) ? (draw(&m->random, 2) ? 20 : 54) : 23,
	    &values[draw(&m->random, sizeof(values))], 1);
}

static void set_fragment(struct mutant *m)
{
	static const uint16_t values[] = { 0, 0x2000, 1, 0x2001, 0x1fff, 0x4000, 0x3fff, 50 };
	uint16_t value = htons(values[draw(&m->random, sizeof(values) / sizeof(*values))]);

	put(m, is_v6(m) ? 56 : 20, &value, sizeof(value));
}

static void set_type(struct mutant *m)
{
	static const uint16_t values[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0 };
	uint16_t value = htons(values[draw(&m->random, sizeof(values) / sizeof(*values))]);

	put(m, 12, &value, sizeof(value));
}

/* Any client, so that tables fill and ports run out. */
static void set_client(struct mutant *m)
{
	uint32_t client = (uint32_t)(m->random >> 16);

	put(m, ETH_HLEN + (is_v6(m) ? 20 : 12), &client, 1 + draw(&m->random, 4));
}

static void set_ports(struct mutant *m)
{
	uint16_t port = draw(&m->random, 8) ? (uint16_t)m->random : 0;

	put(m, ETH_HLEN + (is_v6(m) ? 40 : 20) + 2 * draw(&m->random, 2), &port, sizeof(port));
}

static void (*const mutations[])(struct mutant *m) = {
	flip_bit,	flip_bit,      flip_bit,   set_byte,   set_byte,   set_byte,
	truncate_frame, truncate_head, pad,	   set_length, set_length, swap_headers,
	duplicate,	insert,	       splice,	   set_ttl,    set_proto,  set_proto,
	set_fragment,	set_type,      set_client, set_client, set_ports,
};

/* The next packet. */
static void mutate(struct mutant *m)
{
	size_t which =
		draw(&m->random, 4) ? draw(&m->random, pooled) : firsts[draw(&m->random, n_firsts)];
	const struct pooled *from = &pool[which];
	static const uint8_t amounts[] = { 0, 0, 1, 1, 1, 2, 2, 4 };
	unsigned n = amounts[draw(&m->random, sizeof(amounts))];

	memcpy(m->frame, from->frame, from->len);
	m->len = from->len;
	m->back = from->back;
	if (!draw(&m->random, 64))
		m->back = !m->back;
	while (n--)
		mutations[draw(&m->random, sizeof(mutations) / sizeof(*mutations))](m);
	if (draw(&m->random, 2))
		view_repair(m->frame, m->len);
}

/* ---- The threads ----------------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	struct rig *rig;
	unsigned cpu;
	uint64_t packets;
	struct mutant m;
	bool sums; /* the kernel looks whether a known sum is kept right */
	uint64_t runs[HOOKS], actions[HOOKS][16];
	uint64_t unseen; /* frames that TC made, and the kernel did not hand out */
	unsigned wrong;
};

static pthread_mutex_t reclaiming = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint64_t runs, reclaimed, orphans, forgotten;
	int error;
} reclaims;

static void dump(const char *what, const uint8_t *p, size_t len)
{
	size_t i;

	fprintf(stderr, "%s, %zu bytes:", what, len);
	for (i = 0; i < len && i < 200; i++)
		fprintf(stderr, "%s%02x", i % 32 ? " " : "\n\t", p[i]);
	fprintf(stderr, "\n");
}

static void complain(struct worker *w, const struct run *r, const char *what)
{
	static const char *const hooks[HOOKS] = { "xdp", "tc", "egress" };

	if (w->wrong++ >= COMPLAINTS_MAX)
		return;
	fprintf(stderr, "thread %u, %s, %s: action %d: %s\n", w->cpu, hooks[r->hook],
		w->m.back ? "back" : "front", r->action, what);
	dump("in", r->in, r->in_len);
	dump("out", r->out, r->out_len);
}

static const struct bpf_program *program_of(const struct rig *rig, enum hook hook)
{
	const struct bpf_program *const programs[HOOKS] = {
		[HOOK_XDP] = rig->skel->progs.lbd_xdp,
		[HOOK_INGRESS] = rig->skel->progs.lbd_ingress,
		[HOOK_EGRESS] = rig->skel->progs.lbd_egress,
	};

	return programs[hook];
}

/* The kernel runs TC programs on no IP packet without a whole IP header. */
static bool is_stunted(const struct mutant *m)
{
	size_t len = m->len - ETH_HLEN;

	return (m->frame[12] == 0x08 && len < 20) || (m->frame[12] == 0x86 && len < 40);
}

/* Is it an ICMP error about a tunnel's packet, perhaps? */
static bool quotes_tunnel(const struct mutant *m)
{
	struct view v, quote;
	size_t at;

	if (!view_frame(m->frame, m->len, &v))
		return false;
	at = ETH_HLEN + v.l4 + 8;
	return at < m->len && view_quote(m->frame + at, m->len - at, v.v6, &quote) &&
	       (quote.proto == IPPROTO_IPIP || quote.proto == IPPROTO_IPV6);
}

/* Frames with new content so far, on this CPU: the sum of such is not known any more.  The errors
 * that are told to clients of tunnels count as translated, as many others do. */
static uint64_t made_here(const struct worker *w)
{
	static const enum counter made[] = {
		COUNT_MADE_RESET,      COUNT_MADE_UNREACHABLE, COUNT_MADE_TIME_EXCEEDED,
		COUNT_MADE_TOO_BIG,    COUNT_MADE_FRAGMENT,    COUNT_MADE_REPLAY,
		COUNT_ICMP_TRANSLATED,
	};
	size_t n = sizeof(made) / sizeof(*made), i;
	uint64_t cpus[1024], sum = 0;
	uint32_t slot;

	if (!quotes_tunnel(&w->m))
		n--;
	for (i = 0; i < n; i++) {
		slot = HOOK_INGRESS * COUNTERS + made[i];
		if (!bpf_map_lookup_elem(bpf_map__fd(w->rig->skel->maps.counters), &slot, cpus))
			sum += cpus[w->cpu];
	}
	return sum;
}

/* Returns what the program did. */
static int run(struct worker *w, enum hook hook)
{
	unsigned ifindex = w->m.back ? w->rig->back : w->rig->front;
	struct xdp_md xdp = { .data_end = (uint32_t)w->m.len, .ingress_ifindex = ifindex };
	struct __sk_buff skb = { .ifindex = ifindex };
	uint8_t out[FRAME_MAX];
	struct run r = { .hook = hook, .in = w->m.frame, .in_len = w->m.len, .out = out };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = w->m.frame,
		    .data_size_in = (uint32_t)w->m.len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);
	const char *wrong;
	uint64_t made = 0;

	opts.ctx_in = hook == HOOK_XDP ? (void *)&xdp : (void *)&skb;
	opts.ctx_size_in = hook == HOOK_XDP ? sizeof(xdp) : sizeof(skb);
	if (w->sums && hook == HOOK_INGRESS && !draw(&w->m.random, 8)) {
		opts.flags = RIG_SUM_KNOWN;
		made = made_here(w);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program_of(w->rig, hook)), &opts)) {
		if (errno == EBADMSG && made_here(w) > made) {
			w->runs[hook]++;
			w->unseen++;
			return action_drop(hook);
		}
		if (errno != EINVAL || !is_stunted(&w->m))
			complain(w, &r, strerror(errno));
		return action_drop(hook);
	}
	w->runs[hook]++;
	r.action = (int)opts.retval;
	r.out_len = opts.data_size_out;
	w->actions[hook][opts.retval & 15]++;
	wrong = run_judge(&r);
	if (wrong)
		complain(w, &r, wrong);
	return r.action;
}

/* The keys that come next in a map, all around it: halves of pairs may be far from each other. */
static uint32_t list_keys(const struct bpf_map *map, void *cursor, void *keys, size_t size)
{
	uint8_t *at = keys;
	uint32_t n;

	for (n = 0; n < RECLAIM_BATCH; n++, at += size) {
		if (bpf_map_get_next_key(bpf_map__fd(map), cursor, at)) {
			memset(cursor, 0, size); /* no key: from the first one on, next time */
			break;
		}
		memcpy(cursor, at, size);
	}
	return n;
}

static int reclaim_once(struct rig *rig)
{
	static struct template_key template;
	static struct flow4_key key4;
	static struct flow6_key key6;
	const struct lbd_bpf *skel = rig->skel;
	struct reclaim *batch = rig->reclaim;

	batch->n4 = list_keys(skel->maps.flows4, &key4, batch->keys4, sizeof(key4));
	batch->n6 = list_keys(skel->maps.flows6, &key6, batch->keys6, sizeof(key6));
	batch->n_templates =
		list_keys(skel->maps.templates, &template, batch->templates, sizeof(template));
	reclaims.error = rig_reclaim_listed(rig);
	reclaims.runs++;
	reclaims.reclaimed += batch->reclaimed;
	reclaims.orphans += batch->orphans;
	reclaims.forgotten += batch->forgotten;
	/* As the daemon, when it is back. */
	rig->gates[GATE].fenced = 0;
	rig->gates[0].fenced = 0;
	return reclaims.error;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t cpus;
	uint64_t i;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	for (i = 0; i < w->packets; i++) {
		mutate(&w->m);
		if (!draw(&w->m.random, 32))
			run(w, HOOK_EGRESS);
		else if (draw(&w->m.random, 2) || run(w, HOOK_XDP) == action_pass(HOOK_XDP))
			run(w, HOOK_INGRESS);
		if (i % RECLAIM_EVERY == RECLAIM_EVERY - 1) {
			pthread_mutex_lock(&reclaiming);
			reclaim_once(w->rig);
			pthread_mutex_unlock(&reclaiming);
		}
	}
	return NULL;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void print_counts(struct rig *rig, enum hook hook)
{
	static const char *const names[COUNTERS] = {
#define X(name, text, help) text,
		LBD_COUNTERS(X)
#undef X
	};
	enum counter c;

	for (c = 0; c < COUNTERS; c++)
		if (rig_count(rig, hook, c))
			printf(" %s %lu", names[c], (unsigned long)rig_count(rig, hook, c));
	printf("\n");
}

/* No packet makes a helper of the kernel refuse.  Did each run end in one column?  And in the one
 * that the return value says, as far as that tells: answers are redirected too, in the column of a
 * drop. */
static bool hook_balances(struct rig *rig, const struct worker *workers, enum hook h)
{
	uint64_t runs = 0, redirected = 0, passed = 0, unseen = 0, sum = 0, answers = 0;
	uint64_t counted = rig_count(rig, h, COUNT_REDIRECTED);
	enum counter c;
	unsigned i;

	for (i = 0; i < THREADS; i++) {
		runs += workers[i].runs[h];
		redirected += workers[i].actions[h][action_redirect(h) & 15];
		passed += workers[i].actions[h][action_pass(h) & 15];
		unseen += h == HOOK_INGRESS ? workers[i].unseen : 0;
	}
	for (c = 0; c < COUNTERS; c++)
		if (counter_is_end(c))
			sum += rig_count(rig, h, c);
	for (c = COUNT_MADE_RESET; c <= COUNT_MADE_TOO_BIG; c++)
		answers += rig_count(rig, h, c);
	if (sum == runs && rig_count(rig, h, COUNT_SEEN) == runs &&
	    rig_count(rig, h, COUNT_PASSED) == passed && !rig_count(rig, h, COUNT_DROP_ERROR) &&
	    counted + answers >= redirected && counted + answers <= redirected + unseen)
		return true;
	printf("%lu runs, %lu redirected, %lu passed, %lu not seen: the counters tell otherwise\n",
	       (unsigned long)runs, (unsigned long)redirected, (unsigned long)passed,
	       (unsigned long)unseen);
	return false;
}

static bool books_balance(struct rig *rig, const struct worker *workers)
{
	static const char *const hooks[HOOKS] = { "xdp", "tc", "egress" };
	bool right = true;
	enum hook h;

	for (h = 0; h < HOOKS; h++) {
		printf("%s:", hooks[h]);
		print_counts(rig, h);
		right = hook_balances(rig, workers, h) && right;
	}
	return right;
}

static bool no_load(struct rig *rig)
{
	uint32_t id;
	bool none = true;

	for (id = 0; id < RIG_SLOTS; id++) {
		const struct server *s = &rig->servers[id];

		if (s->active || s->inactive || s->overloaded) {
			printf("server %u: %d active, %d inactive, overloaded %u\n", id,
			       (int)s->active, (int)s->inactive, s->overloaded);
			none = false;
		}
	}
	return none;
}

static size_t templates_left(struct rig *rig)
{
	int fd = bpf_map__fd(rig->skel->maps.templates);
	struct template_key key, *last = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key)
		n++;
	return n;
}

static bool nothing_left(struct rig *rig)
{
	uint64_t end = now_ns() + CLOSING_NS;
	unsigned svc, state;

	for (svc = 0; svc < RIG_SLOTS; svc++)
		for (state = 0; state < FLOW_STATES; state++)
			rig->svcs[svc].timeout[state] = 0;
	while ((rig_flows(rig) || templates_left(rig)) && now_ns() < end && !reclaims.error)
		reclaim_once(rig);
	printf("reclaim: %lu runs, %lu flows, %lu orphans, %lu templates; left: %zu, %zu\n",
	       (unsigned long)reclaims.runs, (unsigned long)reclaims.reclaimed,
	       (unsigned long)reclaims.orphans, (unsigned long)reclaims.forgotten, rig_flows(rig),
	       templates_left(rig));
	return !reclaims.error && !reclaims.orphans && !rig_flows(rig) && !templates_left(rig);
}

/* Whatever the seed, each of these has come about; else the test tests less than it says. */
static bool went_everywhere(struct rig *rig)
{
	static const struct {
		enum hook hook;
		enum counter what;
	} places[] = {
		{ HOOK_XDP, COUNT_REDIRECTED },	      { HOOK_INGRESS, COUNT_REDIRECTED },
		{ HOOK_INGRESS, COUNT_HELD },	      { HOOK_INGRESS, COUNT_ICMP_TRANSLATED },
		{ HOOK_INGRESS, COUNT_DROP_FENCED },  { HOOK_INGRESS, COUNT_DROP_NO_FLOW },
		{ HOOK_INGRESS, COUNT_DROP_TTL },     { HOOK_INGRESS, COUNT_DROP_TOO_BIG },
		{ HOOK_INGRESS, COUNT_MADE_RESET },   { HOOK_INGRESS, COUNT_MADE_TIME_EXCEEDED },
		{ HOOK_INGRESS, COUNT_MADE_TOO_BIG }, { HOOK_INGRESS, COUNT_MADE_FRAGMENT },
		{ HOOK_INGRESS, COUNT_MADE_REPLAY },  { HOOK_EGRESS, COUNT_DROP_FENCED },
	};
	bool right = true;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!rig_count(rig, places[i].hook, places[i].what)) {
			printf("hook %d: counter %d stands at 0\n", places[i].hook, places[i].what);
			right = false;
		}
	return right;
}

static uint64_t wanted(int argc, char **argv, int arg, const char *variable, uint64_t otherwise)
{
	const char *text = argc > arg ? argv[arg] : getenv(variable);

	if (!text)
		return otherwise;
	return strcmp(text, "--long") ? strtoul(text, NULL, 10) : PACKETS_LONG;
}

int main(int argc, char **argv)
{
	uint64_t packets = wanted(argc, argv, 1, "LBD_MUTATE_PACKETS", PACKETS_DEFAULT);
	uint64_t seed = wanted(argc, argv, 2, "LBD_MUTATE_SEED", SEED_DEFAULT), start;
	static struct worker workers[THREADS];
	struct rig *rig;
	bool right = true, sums;
	unsigned i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS) {
		fprintf(stderr, "skipped: %d CPUs are needed\n", THREADS);
		return 77;
	}
	rig = rig_open(TABLE);
	rig_reset(rig, false, HOOK_INGRESS);
	sums = rig_sum_known_works(rig);
	rig_reset(rig, false, HOOK_INGRESS);
	fill(rig);
	pool_fill();
	printf("%lu packets, seed %lu\n", (unsigned long)packets, (unsigned long)seed);
	for (i = 0; i < THREADS; i++) {
		workers[i].rig = rig;
		workers[i].cpu = i;
		workers[i].packets = packets / THREADS;
		workers[i].m.random = (seed + i + 1) * 0x9e3779b97f4a7c15u;
		workers[i].sums = sums;
	}
	start = now_ns();
	for (i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].wrong)
			printf("thread %u: %u wrong\n", i, workers[i].wrong);
		right = right && !workers[i].wrong;
	}
	printf("%.1f s\n", (double)(now_ns() - start) / 1e9);
	right = books_balance(rig, workers) && right;
	right = went_everywhere(rig) && right;
	right = nothing_left(rig) && right;
	right = no_load(rig) && right;
	rig_close(rig);
	puts(right ? "ok" : "FAILED");
	return right ? 0 : 1;
}
