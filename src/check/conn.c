// SPDX-License-Identifier: BSD-2-Clause
/* A connection to a server under one deadline: the same for every type of check. */
#include "check/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/list.h"

/* Errors that say something of this host and nothing of the server.  Those that are also made from
 * what the network answers (ICMP, ARP) are ours only when connect() itself gives them. */
static const struct {
	int error;
	bool only_at_once;
} local_errors[] = {
	{ EMFILE, false },	  /* our descriptors are used up */
	{ ENFILE, false },	  /* so are the host's */
	{ ENOMEM, false },	  /* no memory for the socket */
	{ ENOBUFS, false },	  /* nor for the packet */
	{ EADDRNOTAVAIL, false }, /* no free port, or no address to speak from */
	{ EADDRINUSE, false },	  /* the same, of a bound socket */
	{ EAGAIN, false },	  /* no free port (EAGAIN of connect(2)) */
	{ ENETDOWN, false },	  /* our interface is down */
	{ ENODEV, false },	  /* our interface is gone */
	{ EAFNOSUPPORT, false },  /* this host has no IPv6 */
	{ EPERM, false },	  /* our own firewall's OUTPUT rule */
	{ EACCES, true },	  /* prohibit route; later: ICMPv6 "administratively prohibited" */
	{ EINVAL, true },	  /* blackhole route */
	{ ENETUNREACH, true },	  /* we have no route; later: a router has none */
	{ EHOSTUNREACH, true },	  /* unreachable route; later: no answer to ARP, or ICMP says so */
};

enum check_result conn_judge_error(int error, bool at_once)
{
	size_t i;

	for (i = 0; i < sizeof(local_errors) / sizeof(*local_errors); i++)
		if (local_errors[i].error == error && (at_once || !local_errors[i].only_at_once))
			return CHECK_LOCAL;
	return error == ETIMEDOUT ? CHECK_TIMEOUT : CHECK_REFUSED;
}

static void end(struct conn *c, enum check_result result, int error)
{
	conn_stop(c);
	c->done(c, (struct conn_end){ result, error });
}

static void finish(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	end(c, error ? conn_judge_error(error, false) : CHECK_UP, error);
}

static void on_connected(struct loop_io *io, int)
{
	finish(container_of(io, struct conn, io));
}

static void on_deadline(struct loop_timer *t, usec_t)
{
	struct conn *c = container_of(t, struct conn, deadline);
	struct pollfd fd = { .fd = c->fd, .events = POLLOUT };

	/* After a turn that was too long the timer runs before the answer is looked at, which may
	 * have come in time: our lateness is not the server's. */
	if (poll(&fd, 1, 0) > 0)
		finish(c);
	else
		end(c, CHECK_TIMEOUT, 0);
}

/* A reset ends the connection, so that checks leave no TIME_WAIT behind on either side. */
static int open_socket(int family)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return fd;
}

void conn_start(struct conn *c, const struct addr *to, uint16_t port, usec_t timeout)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(to, htons(port), 0, &at);

	c->fd = open_socket(at.ss_family);
	if (c->fd < 0) {
		end(c, conn_judge_error(errno, true), errno);
		return;
	}
	if (!connect(c->fd, (struct sockaddr *)&at, len)) {
		end(c, CHECK_UP, 0);
	} else if (errno != EINPROGRESS) {
		end(c, conn_judge_error(errno, true), errno);
	} else {
		loop_io_watch(&c->io, c->fd, LOOP_WRITE);
		loop_timer_in(&c->deadline, timeout);
	}
}

void conn_stop(struct conn *c)
{
	loop_timer_stop(&c->deadline);
	loop_io_stop(&c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void conn_init(struct conn *c, struct loop *loop, void (*done)(struct conn *c, struct conn_end end))
{
	loop_io_init(&c->io, loop, LOOP_NORMAL, on_connected);
	loop_timer_init(&c->deadline, loop, LOOP_NORMAL, on_deadline);
	c->fd = -1;
	c->done = done;
}
