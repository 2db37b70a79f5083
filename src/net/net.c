// SPDX-License-Identifier: BSD-2-Clause
/* Follows the host's network.
 *
 * Two rtnetlink sockets: one that only listens, non-blocking, in the loop; and one for requests,
 * whose answers the kernel gives within the system call.  net.c listens, reads everything at the
 * start and again after a loss, and tells the watches; link.c, addr.c, hop.c and neigh.c keep the
 * facts.  The vrrp instances, the director and the engine ask and watch through net.h.
 *
 * A loss is answered by reading everything: first what still waits in the socket is thrown away (it
 * is older than what will be read), then links and addresses are dumped; what happens meanwhile
 * waits in the socket and is applied afterwards. */
#include "net/net.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/internal.h"

#define EVENT_BUFFER   (64 * 1024)
#define RECEIVE_BUFFER (8 * 1024 * 1024) /* a limit, not memory: some 10,000 messages */

void pace_start(struct pace *p, usec_t now)
{
	p->started = now;
}

void pace_stop(struct pace *p, usec_t now, bool done)
{
	p->spent = usec_add(p->spent, usec_sub(now, p->started));
	if (!done)
		return;
	p->ready = usec_add(now, USEC(p->spent.us * PACE_REST));
	p->spent = USEC(0);
}

/* ---- Watches ---- */

void net_watch_add(struct net *n, struct net_watch *w)
{
	list_add_tail(&n->watches, &w->node);
}

void net_watch_del(struct net *n, struct net_watch *w)
{
	if (n->cursor == &w->node)
		n->cursor = w->node.next;
	list_del(&w->node);
}

struct net_watch *net_watch_first(struct net *n)
{
	n->cursor = n->watches.next;
	return net_watch_next(n);
}

struct net_watch *net_watch_next(struct net *n)
{
	struct net_watch *w;

	if (n->cursor == &n->watches)
		return NULL;
	w = container_of(n->cursor, struct net_watch, node);
	n->cursor = n->cursor->next;
	return w;
}

static void tell(struct net *n)
{
	links_tell(n);
	addrs_tell(n);
	links_tell_gone(n);
	hops_tell(n);
}

/* ---- Reading everything ---- */

/* The deadline is for a namespace where somebody changes things faster than we throw them away. */
static void discard_events(struct net *n)
{
	usec_t deadline = usec_add(loop_now(), MSEC(20));
	ssize_t len;

	do
		len = recv(nl_socket_get_fd(n->events), n->buf, EVENT_BUFFER, MSG_DONTWAIT);
	while ((len >= 0 || errno == ENOBUFS || errno == EINTR) &&
	       usec_before(loop_now(), deadline));
}

static int read_all(struct net *n)
{
	int r;

	n->reading++;
	r = links_read(n);
	if (!r)
		r = addrs_read(n);
	if (r)
		return r;
	hops_route_changed(n);
	neighs_suspect(n, 0);
	return 0;
}

static void resync_soon(struct net *n)
{
	usec_t now = loop_now(), ready = n->resync_pace.ready;

	if (!loop_timer_active(&n->resync))
		loop_timer_at(&n->resync, usec_before(now, ready) ? ready : now);
}

static void on_resync(struct loop_timer *t, usec_t now)
{
	struct net *n = container_of(t, struct net, resync);
	uint64_t held_back;
	usec_t end;
	int r;

	n->stats.resyncs++;
	pace_start(&n->resync_pace, now);
	discard_events(n);
	r = read_all(n);
	end = loop_now();
	pace_stop(&n->resync_pace, end, true);
	/* Overtaken by changes (EINTR), most likely: once more, after the rest. */
	if (r)
		resync_soon(n);
	if (log_allowed(&n->resync_log, now, SEC(10), &held_back))
		log_warn("netlink",
			 "messages were lost: read everything again in %lld us%s%s (and %llu times "
			 "since this was last said)",
			 (long long)usec_sub(end, now).us, r ? ": " : "", r ? strerror(-r) : "",
			 (unsigned long long)held_back);
	tell(n);
}

/* ---- Events ---- */

static int apply_route(struct net *n, const struct message *)
{
	hops_route_changed(n);
	return 0;
}

static int apply_neigh(struct net *n, const struct message *m)
{
	neigh_apply(n, m);
	return 0;
}

static int apply_filter(struct net *n, const struct message *m)
{
	link_filter_gone(n, m->ifindex);
	return 0;
}

static int apply_nothing(struct net *, const struct message *)
{
	return 0;
}

static int (*const apply[])(struct net *n, const struct message *m) = {
	[MESSAGE_OTHER] = apply_nothing, [MESSAGE_LINK] = link_apply,
	[MESSAGE_ADDR] = addr_apply,	 [MESSAGE_NEIGH] = apply_neigh,
	[MESSAGE_ROUTE] = apply_route,	 [MESSAGE_FILTER] = apply_filter,
};

static void take_datagram(struct net *n, int left)
{
	struct nlmsghdr *h = (struct nlmsghdr *)n->buf;
	struct message m;

	for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		n->stats.messages++;
		if (message_parse(h, &m))
			n->stats.malformed++;
		else if (apply[m.type](n, &m))
			resync_soon(n);
	}
	if (left > 0)
		n->stats.malformed++;
}

/* Takes one datagram; whether there may be more. */
static bool receive(struct net *n)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t len;

	len = recvfrom(nl_socket_get_fd(n->events), n->buf, EVENT_BUFFER, MSG_DONTWAIT | MSG_TRUNC,
		       (struct sockaddr *)&from, &from_len);
	if (len < 0 && errno == ENOBUFS) {
		resync_soon(n);
		return true;
	}
	if (len < 0)
		return errno == EINTR;
	/* Only the kernel is believed. */
	if (from.nl_pid)
		return true;
	if (len > EVENT_BUFFER)
		resync_soon(n);
	else
		take_datagram(n, (int)len);
	return true;
}

static void on_events(struct loop_io *io, int)
{
	struct net *n = container_of(io, struct net, io);
	usec_t deadline = usec_add(loop_now(), NET_TURN);

	while (receive(n) && usec_before(loop_now(), deadline))
		;
	tell(n);
}

/* ---- Start and end ---- */

int net_set_buffer(struct net *n, int bytes)
{
	int fd = nl_socket_get_fd(n->events);

	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN in the first user namespace. */
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    !setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
		return 0;
	return -errno;
}

static int listen_to_events(struct net *n)
{
	static const int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	  RTNLGRP_TC,
		RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,	  RTNLGRP_IPV6_RULE,
	};
	size_t i;
	int r;

	r = request_connect(&n->events);
	if (r)
		return r;
	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (nl_socket_add_membership(n->events, groups[i]) < 0)
			return -errno;
	r = net_set_buffer(n, RECEIVE_BUFFER);
	if (r)
		return r;
	loop_io_watch(&n->io, nl_socket_get_fd(n->events), LOOP_READ);
	return 0;
}

/* The kernel checks the capability before it looks at what is ordered: here, nothing. */
static int check_privilege(struct net *n)
{
	struct ifaddrmsg nothing = { .ifa_family = AF_INET };
	int r = request_run(n->req, request_new(RTM_DELADDR, 0, &nothing, sizeof(nothing)), NULL,
			    NULL);

	return r == -EPERM || r == -ENOMEM ? r : 0;
}

static int start(struct net *n)
{
	int tries, r;

	n->buf = malloc(EVENT_BUFFER);
	if (!n->buf)
		return -ENOMEM;
	r = request_socket_new(&n->req);
	if (!r)
		r = check_privilege(n);
	if (!r)
		r = listen_to_events(n);
	if (r)
		return r;
	r = -EINTR;
	for (tries = 0; tries < 5 && r == -EINTR; tries++)
		r = read_all(n);
	return r;
}

int net_new(struct loop *loop, struct net **ret)
{
	struct net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->loop = loop;
	list_init(&n->watches);
	list_init(&n->links);
	list_init(&n->dirty_links);
	list_init(&n->dirty_addrs);
	loop_io_init(&n->io, loop, LOOP_NORMAL, on_events);
	loop_timer_init(&n->resync, loop, LOOP_NORMAL, on_resync);
	hops_init(n);
	r = start(n);
	if (r) {
		net_free(n);
		return r;
	}
	tell(n); /* to nobody: what stands there now is no news */
	*ret = n;
	return 0;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	loop_io_stop(&n->io);
	loop_timer_stop(&n->resync);
	hops_stop(n);
	links_free(n);
	nl_socket_free(n->events);
	request_socket_free(n->req);
	free(n->buf);
	free(n);
}

void net_get_stats(const struct net *n, struct net_stats *ret)
{
	*ret = n->stats;
	ret->malformed += request_malformed(n->req);
}
