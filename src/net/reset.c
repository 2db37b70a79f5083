// SPDX-License-Identifier: BSD-2-Clause
/* Tells the ends of TCP connections that they are over.
 *
 * The packets leave through raw sockets, which neither look at the source address (mostly not one
 * of this host) nor receive anything.  Two queues of bounded size: clients are told first, since
 * they are who waits.  The pace is a credit that grows with time; a turn of the loop uses it as far
 * as its time permits, and the rest after all else that the loop has to do.  A full socket ends the
 * turn, too.  Each queue has sockets of
 * its own: one that waits for the link-layer address of a dead server must not hold up the clients.
 */
#include "net/reset.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/csum.h"
#include "lib/list.h"
#include "lib/log.h"

#define TICK	MSEC(4)
#define CREDIT	(NET_RESETS_PER_SECOND / 250) /* the most that is saved up: a tick's */
#define TURN	MSEC(2)
#define LOOK_AT 32 /* resets from one look at the clock to the next */
#define TTL	64

/* A ring; room is a power of two. */
struct queue {
	struct net_reset *list; /* NULL while it is empty */
	size_t room, first, n;
};

enum {
	URGENT,
	LATER,
	QUEUES,
};

static const size_t rooms[QUEUES] = {
	[URGENT] = 2 * NET_RESETS_AT_ONCE,
	[LATER] = 16 * NET_RESETS_AT_ONCE,
};

struct net_resets {
	struct loop *loop;
	struct loop_timer timer;
	struct queue queues[QUEUES];
	uint32_t credit;    /* resets that may be sent now */
	usec_t credited;    /* until then */
	int fds[QUEUES][2]; /* [v6]; -1: not opened, or it cannot be */
	bool asked;	    /* for room */
	bool told;	    /* that it does not work, once */
	void (*go_on)(void *ctx);
	void *ctx;
	struct net_reset_stats stats;
};

/* ---- Building ---- */

static void build_tcp(const struct net_reset *one, struct tcphdr *tcp)
{
	uint32_t sum = csum_add_pseudo(0, &one->src, &one->dst, IPPROTO_TCP, sizeof(*tcp));

	memset(tcp, 0, sizeof(*tcp));
	tcp->source = one->sport;
	tcp->dest = one->dport;
	tcp->seq = one->seq;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	tcp->check = csum_fold(csum_add(sum, tcp, sizeof(*tcp)));
}

size_t net_reset_build(const struct net_reset *one, uint8_t *buf)
{
	struct ip6_hdr ip6 = { .ip6_vfc = 6 << 4 };
	struct iphdr ip = { .version = 4, .ihl = sizeof(ip) / 4, .ttl = TTL };
	struct tcphdr tcp;

	build_tcp(one, &tcp);
	if (!addr_is_v4(&one->dst)) {
		ip6.ip6_plen = htons(sizeof(tcp));
		ip6.ip6_nxt = IPPROTO_TCP;
		ip6.ip6_hlim = TTL;
		memcpy(&ip6.ip6_src, &one->src, sizeof(ip6.ip6_src));
		memcpy(&ip6.ip6_dst, &one->dst, sizeof(ip6.ip6_dst));
		memcpy(buf, &ip6, sizeof(ip6));
		memcpy(buf + sizeof(ip6), &tcp, sizeof(tcp));
		return sizeof(ip6) + sizeof(tcp);
	}
	ip.tot_len = htons(sizeof(ip) + sizeof(tcp));
	ip.frag_off = htons(IP_DF);
	ip.protocol = IPPROTO_TCP;
	ip.saddr = one->src.a[3];
	ip.daddr = one->dst.a[3];
	ip.check = csum_fold(csum_add(0, &ip, sizeof(ip)));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), &tcp, sizeof(tcp));
	return sizeof(ip) + sizeof(tcp);
}

/* ---- Queues ---- */

static bool queue_push(struct queue *q, size_t room, const struct net_reset *one)
{
	if (!q->list) {
		q->list = malloc(room * sizeof(*q->list));
		if (!q->list)
			return false;
		q->room = room;
		q->first = 0;
	}
	if (q->n == q->room)
		return false;
	q->list[(q->first + q->n++) % q->room] = *one;
	return true;
}

static const struct net_reset *queue_first(const struct queue *q)
{
	return q->n ? &q->list[q->first] : NULL;
}

static void queue_shift(struct queue *q)
{
	q->first = (q->first + 1) % q->room;
	if (--q->n)
		return;
	free(q->list);
	q->list = NULL;
}

static bool has_room(const struct net_resets *r)
{
	int i;

	for (i = 0; i < QUEUES; i++)
		if (rooms[i] - r->queues[i].n < NET_RESETS_AT_ONCE)
			return false;
	return true;
}

/* ---- Sending ---- */

static void failed(struct net_resets *r, const struct net_reset *one, int error)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	r->stats.failed++;
	if (!r->told)
		log_warn("resets", "one from %s to %s cannot be sent: %s", addr_str(&one->src, src),
			 addr_str(&one->dst, dst), strerror(error));
	r->told = true;
}

/* Protocol IPPROTO_RAW: we bring the IP header. */
static int socket_for(struct net_resets *r, const struct net_reset *one)
{
	bool v6 = !addr_is_v4(&one->dst);
	int *fd = &r->fds[one->urgent ? URGENT : LATER][v6];

	if (*fd < 0)
		*fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     IPPROTO_RAW);
	return *fd;
}

/* False: the kernel takes no more just now. */
static bool send_one(struct net_resets *r, const struct net_reset *one)
{
	int fd = socket_for(r, one);
	uint8_t packet[NET_RESET_LEN];
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&one->dst, 0, 0, &to);
	size_t len = net_reset_build(one, packet);

	if (fd >= 0 &&
	    sendto(fd, packet, len, MSG_DONTWAIT, (struct sockaddr *)&to, to_len) == (ssize_t)len)
		r->stats.sent++;
	else if (fd >= 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	else
		failed(r, one, errno);
	return true;
}

static void take_credit(struct net_resets *r, usec_t now)
{
	int64_t us = usec_sub(now, r->credited).us;
	int64_t more = us < TICK.us ? us * NET_RESETS_PER_SECOND / 1000000 : CREDIT;

	if (!more)
		return; /* goes on counting from where it was */
	r->credit = r->credit + more < CREDIT ? r->credit + (uint32_t)more : CREDIT;
	r->credited = now;
}

/* Sends until credit, time, or what there is to send runs out.  True: it was the time. */
static bool send_some(struct net_resets *r, usec_t end)
{
	struct queue *q;
	unsigned i;

	for (i = 1; r->credit; i++) {
		q = &r->queues[r->queues[URGENT].n ? URGENT : LATER];
		if (!q->n || !send_one(r, queue_first(q)))
			return false;
		queue_shift(q);
		r->credit--;
		if (i % LOOK_AT == 0 && usec_before(end, loop_now()))
			return true;
	}
	return false;
}

static void on_tick(struct loop_timer *t, usec_t now)
{
	struct net_resets *r = container_of(t, struct net_resets, timer);
	bool late;

	take_credit(r, now);
	late = send_some(r, usec_add(now, TURN));
	if (r->queues[URGENT].n || r->queues[LATER].n)
		loop_timer_in(t, late ? USEC(0) : TICK);
	if (r->asked && has_room(r)) {
		r->asked = false;
		r->go_on(r->ctx);
	}
}

bool net_resets_add(struct net_resets *r, const struct net_reset *list, size_t n)
{
	size_t i;
	int which;

	for (i = 0; i < n; i++) {
		which = list[i].urgent ? URGENT : LATER;
		if (!queue_push(&r->queues[which], rooms[which], &list[i]))
			failed(r, &list[i], ENOMEM);
	}
	if (n && !loop_timer_active(&r->timer))
		loop_timer_in(&r->timer, USEC(0));
	r->asked = !has_room(r);
	return !r->asked;
}

void net_resets_get_stats(const struct net_resets *r, struct net_reset_stats *ret)
{
	*ret = r->stats;
}

int net_resets_new(struct loop *loop, void (*go_on)(void *ctx), void *ctx, struct net_resets **ret)
{
	struct net_resets *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->go_on = go_on;
	r->ctx = ctx;
	memset(r->fds, 0xff, sizeof(r->fds)); /* -1 */
	loop_timer_init(&r->timer, loop, LOOP_IDLE, on_tick);
	*ret = r;
	return 0;
}

void net_resets_free(struct net_resets *r)
{
	int i, v6;

	if (!r)
		return;
	loop_timer_stop(&r->timer);
	for (i = 0; i < QUEUES; i++) {
		for (v6 = 0; v6 < 2; v6++)
			if (r->fds[i][v6] >= 0)
				close(r->fds[i][v6]);
		free(r->queues[i].list);
	}
	free(r);
}
