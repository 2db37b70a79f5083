// SPDX-License-Identifier: BSD-2-Clause
/* Tells the network where an address now lives.
 *
 * Frames are written whole (frame.c) and leave through a packet socket, so that they neither wait
 * for the kernel to have the address nor depend on what it thinks of it. */
#include "vrrp/announce.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "vrrp/frame.h"

enum {
	BURST = 5, /* frames */
	BURSTS = 2,
	FRAMES_A_TURN = 100, /* then others get their turn of the loop */
};

#define BETWEEN_FRAMES	  MSEC(100)
#define BETWEEN_BURSTS	  SEC(5)
#define BETWEEN_TURNS	  MSEC(5)
#define BETWEEN_REFRESHES MSEC(5)
#define FAILURE_TOLD	  SEC(60)

struct announcer {
	struct net *net; /* borrowed */
	struct list under_way;
	struct loop_timer timer;
	struct log_limit failure;
	usec_t refreshed; /* the last time that any address was */
	int fd;
};

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
	uint8_t frame[VRRP_FRAME_MAX];
	char text[ADDR_STRLEN];
	uint64_t held_back;
	size_t len;

	if (!link)
		return;
	len = vrrp_frame(link->mac, &w->addr, !addr_is_v4(&w->addr) && forwards(link->name), frame);
	if (sendto(a->fd, frame, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) >= 0)
		return;
	if (log_allowed(&a->failure, now, FAILURE_TOLD, &held_back))
		log_warn("vrrp", "cannot announce %s on %s: %s (%llu more held back)",
			 addr_str(&w->addr, text), link->name, strerror(errno),
			 (unsigned long long)held_back);
}

static bool in_burst(const struct announcement *w)
{
	return w->sent < BURST * BURSTS;
}

/* After its frame went out: when the next one is due, or false when all are sent. */
static bool advance(struct announcement *w, usec_t now)
{
	if (in_burst(w))
		w->sent++;
	if (in_burst(w))
		w->due = usec_add(now, w->sent % BURST ? BETWEEN_FRAMES : BETWEEN_BURSTS);
	else
		w->due = usec_add(now, w->refresh);
	return in_burst(w) || w->refresh.us;
}

/* Whether its frame may go now.  A refresh waits while another has just gone: so those that became
 * due together spread, and stay apart. */
static bool may_go(struct announcer *a, struct announcement *w, usec_t now)
{
	usec_t next = usec_add(a->refreshed, BETWEEN_REFRESHES);

	if (usec_before(now, w->due))
		return false;
	if (in_burst(w))
		return true;
	if (usec_before(now, next)) {
		w->due = next;
		return false;
	}
	a->refreshed = now;
	return true;
}

static void on_timer(struct loop_timer *t, usec_t now)
{
	struct announcer *a = container_of(t, struct announcer, timer);
	struct announcement *w, *tmp;
	usec_t next = { INT64_MAX };
	unsigned sent = 0;

	list_for_each_safe(w, tmp, &a->under_way, node) {
		if (sent < FRAMES_A_TURN && may_go(a, w, now)) {
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

static void go_on_at(struct announcer *a, struct announcement *w, usec_t due)
{
	w->due = due;
	if (list_empty(&w->node))
		list_add_tail(&a->under_way, &w->node);
	if (!loop_timer_active(&a->timer) || usec_before(w->due, a->timer.at))
		loop_timer_at(&a->timer, w->due);
}

void announce_start(struct announcer *a, struct announcement *w)
{
	w->active = true;
	if (!list_empty(&w->node) && w->sent < BURST)
		return;
	w->sent = 0;
	go_on_at(a, w, loop_now());
}

void announce_stop(struct announcement *w)
{
	w->active = false;
	list_del(&w->node);
}

void announce_refresh(struct announcer *a, struct announcement *w, usec_t refresh)
{
	bool same = w->refresh.us == refresh.us;

	w->refresh = refresh;
	if (same || !w->active || in_burst(w))
		return;
	if (refresh.us)
		go_on_at(a, w, usec_add(loop_now(), refresh));
	else
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
