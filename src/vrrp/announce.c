// SPDX-License-Identifier: BSD-2-Clause
/* Tells the network where an address now lives: gratuitous ARP (RFC 5227 3, in request form) and
 * unsolicited neighbour advertisements (RFC 4861 7.2.6).
 *
 * Frames are written whole and leave through a packet socket, so that they neither wait for the
 * kernel to have the address nor depend on what it thinks of it. */
#include "vrrp/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/csum.h"
#include "lib/log.h"

enum {
	BURST = 5, /* frames */
	BURSTS = 2,
	FRAMES_A_TURN = 100, /* then others get their turn of the loop */
};

#define BETWEEN_FRAMES MSEC(100)
#define BETWEEN_BURSTS SEC(5)
#define BETWEEN_TURNS  MSEC(5)
#define FAILURE_TOLD   SEC(60)

struct announcer {
	struct net *net; /* borrowed */
	struct list under_way;
	struct loop_timer timer;
	struct log_limit failure;
	int fd;
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

size_t announce_frame(const uint8_t mac[6], const struct addr *addr, bool router,
		      uint8_t frame[ANNOUNCE_FRAME_MAX])
{
	return addr_is_v4(addr) ? arp_frame(mac, addr, frame) : na_frame(mac, addr, router, frame);
}

/* RFC 4861 7.2.6: the Router flag says whether this host forwards.  An IPv6 neighbour that hears a
 * router lose the flag drops it as its default router, so this is not to be guessed. */
static bool forwards(const char *interface)
{
	char path[64], value = '0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/forwarding", interface);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value != '0';
}

static void send_frame(struct announcer *a, const struct announcement *w, usec_t now)
{
	const struct net_link *link = net_link_by_index(a->net, w->ifindex);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)w->ifindex };
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	char text[ADDR_STRLEN];
	uint64_t held_back;
	size_t len;

	if (!link)
		return;
	len = announce_frame(link->mac, &w->addr, !addr_is_v4(&w->addr) && forwards(link->name),
			     frame);
	if (sendto(a->fd, frame, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) >= 0)
		return;
	if (log_allowed(&a->failure, now, FAILURE_TOLD, &held_back))
		log_warn("vrrp", "cannot announce %s on %s: %s (%llu more held back)",
			 addr_str(&w->addr, text), link->name, strerror(errno),
			 (unsigned long long)held_back);
}

/* After its frame went out: when the next one is due, or false when all are sent. */
static bool advance(struct announcement *w, usec_t now)
{
	w->sent++;
	if (w->sent == BURST * BURSTS)
		return false;
	w->due = usec_add(now, w->sent % BURST ? BETWEEN_FRAMES : BETWEEN_BURSTS);
	return true;
}

static void on_timer(struct loop_timer *t, usec_t now)
{
	struct announcer *a = container_of(t, struct announcer, timer);
	struct announcement *w, *tmp;
	usec_t next = { INT64_MAX };
	unsigned sent = 0;

	list_for_each_safe(w, tmp, &a->under_way, node) {
		if (!usec_before(now, w->due) && sent < FRAMES_A_TURN) {
			sent++;
			send_frame(a, w, now);
			if (!advance(w, now)) {
				list_del(&w->node);
				continue;
			}
		}
		if (usec_before(w->due, next))
			next = w->due;
	}
	if (list_empty(&a->under_way))
		return;
	if (sent == FRAMES_A_TURN && usec_before(next, usec_add(now, BETWEEN_TURNS)))
		next = usec_add(now, BETWEEN_TURNS);
	loop_timer_at(&a->timer, next);
}

void announce_start(struct announcer *a, struct announcement *w)
{
	bool under_way = !list_empty(&w->node);

	if (under_way && w->sent < BURST)
		return;
	w->sent = 0;
	w->due = loop_now();
	if (!under_way)
		list_add_tail(&a->under_way, &w->node);
	if (!loop_timer_active(&a->timer) || usec_before(w->due, a->timer.at))
		loop_timer_at(&a->timer, w->due);
}

void announce_stop(struct announcement *w)
{
	list_del(&w->node);
}

int announcer_new(struct loop *loop, struct net *net, struct announcer **ret)
{
	struct announcer *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->net = net;
	list_init(&a->under_way);
	loop_timer_init(&a->timer, loop, LOOP_VRRP, on_timer);
	/* Protocol 0: it only sends. */
	a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0) {
		r = -errno;
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void announcer_free(struct announcer *a)
{
	if (!a)
		return;
	loop_timer_stop(&a->timer);
	close(a->fd);
	free(a);
}
