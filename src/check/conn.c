// SPDX-License-Identifier: BSD-2-Clause
/* One attempt at a server under one deadline: the same for every type of check. */
#include "check/conn.h"

#include <net/if.h> /* before those of Linux */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/plan.h"

/* Input of one turn of the loop: a server that never stops sending must not keep us. */
#define READ_SIZE 4096
#define READS	  4
/* Of steps that are long (TLS), as many in one turn. */
#define TURN MSEC(2)

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
	return error == ETIMEDOUT ? CHECK_L4TOUT : CHECK_L4CON;
}

static bool is_stream(const struct conn *c)
{
	return c->to->plan->type->transport == TRANSPORT_TCP;
}

/* ---- The end ---- */

static void end(struct conn *c, enum check_result result, int error, const char *detail)
{
	struct talk *t = c->talk;

	c->talk = NULL;
	conn_stop(c);
	c->done(c, (struct conn_end){ result, error, detail, c->days_left });
	talk_free(t);
}

static void end_by_error(struct conn *c, int error, bool at_once)
{
	/* A stream that breaks once it stood is the server's doing. */
	static const enum check_result broken[] = {
		[CONN_DIALLING] = CHECK_L4CON,
		[CONN_SHAKING] = CHECK_L6TLS,
		[CONN_TALKING] = CHECK_L7RSP,
	};
	enum check_result result = conn_judge_error(error, at_once);
	char detail[CHECK_DETAIL_LEN];

	if (result == CHECK_L4CON && is_stream(c))
		result = broken[c->phase];
	snprintf(detail, sizeof(detail), "%s", strerror(error));
	detail[0] = (char)tolower((unsigned char)detail[0]);
	end(c, result, error, detail);
}

static void end_by_tls(struct conn *c, const struct tls_trouble *trouble)
{
	if (trouble->error)
		end_by_error(c, trouble->error, false);
	else
		end(c, CHECK_L6TLS, 0, trouble->why);
}

static void end_by_timeout(struct conn *c)
{
	static const enum check_result results[] = {
		[CONN_DIALLING] = CHECK_L4TOUT,
		[CONN_SHAKING] = CHECK_L6TOUT,
		[CONN_TALKING] = CHECK_L7TOUT,
		[CONN_RUNNING] = CHECK_PROCTOUT,
	};
	long long ms = c->timeout.us / 1000;
	char detail[CHECK_DETAIL_LEN];

	if (c->phase == CONN_RUNNING)
		snprintf(detail, sizeof(detail), "had not ended within %lld ms", ms);
	else if (c->phase == CONN_SHAKING)
		snprintf(detail, sizeof(detail), "no TLS handshake within %lld ms", ms);
	else if (c->phase == CONN_TALKING && c->talk->n_heard)
		snprintf(detail, sizeof(detail), "no whole answer within %lld ms, but %zu bytes",
			 ms, c->talk->n_heard);
	else
		snprintf(detail, sizeof(detail), "no answer within %lld ms", ms);
	end(c, c->to->plan->type->transport == TRANSPORT_ICMP ? CHECK_L4TOUT : results[c->phase], 0,
	    detail);
}

/* ---- Bytes, plain or through TLS ---- */

/* Bytes that were taken, or -1: it waits, or has ended. */
static ssize_t put(struct conn *c, const void *data, size_t len)
{
	struct tls_trouble trouble = { .events = LOOP_WRITE };
	ssize_t n;

	if (c->tls)
		n = tls_write(c->tls, data, len, &trouble);
	else
		n = send(c->fd, data, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (!c->tls && errno != EAGAIN)
		end_by_error(c, errno, false);
	else if (trouble.events)
		loop_io_watch(&c->io, c->fd, trouble.events);
	else
		end_by_tls(c, &trouble);
	return -1;
}

/* The same for bytes that came; 0: no more will. */
static ssize_t get(struct conn *c, void *buf, size_t size)
{
	struct tls_trouble trouble = { .events = LOOP_READ };
	ssize_t n;

	if (c->tls)
		n = tls_read(c->tls, buf, size, &trouble);
	else
		n = recv(c->fd, buf, size, 0);
	if (n >= 0)
		return n;
	if (!c->tls && errno != EAGAIN)
		end_by_error(c, errno, false);
	else if (trouble.events)
		loop_io_watch(&c->io, c->fd, trouble.events);
	else
		end_by_tls(c, &trouble);
	return -1;
}

/* ---- Talking ---- */

static void obey(struct conn *c, enum talk_step step);

static void say(struct conn *c)
{
	const struct talk *t = c->talk;
	ssize_t n;

	while (c->sent < t->out_len) {
		n = put(c, (const char *)t->out + c->sent, t->out_len - c->sent);
		if (n < 0)
			return;
		c->sent += (size_t)n;
	}
	c->talk->out_len = 0;
	loop_io_watch(&c->io, c->fd, LOOP_READ);
}

static void silent_end(struct conn *c)
{
	enum talk_step step = c->talk->plan->type->hear(c->talk, NULL, 0, true);

	if (step == TALK_LISTEN)
		step = talk_end(c->talk, CHECK_L7RSP, "the connection was closed");
	obey(c, step);
}

/* Whether to read on. */
static bool listen_once(struct conn *c)
{
	uint8_t bytes[READ_SIZE];
	enum talk_step step;
	ssize_t n = get(c, bytes, sizeof(bytes));

	if (n < 0)
		return false;
	if (!n && is_stream(c)) {
		silent_end(c);
		return false;
	}
	c->talk->n_heard += (size_t)n;
	step = c->talk->plan->type->hear(c->talk, bytes, (size_t)n, false);
	if (step == TALK_LISTEN)
		return true;
	obey(c, step);
	return false;
}

static void stand_in_line(struct conn *c);

static void hear(struct conn *c)
{
	int i;

	for (i = 0; i < READS; i++)
		if (!listen_once(c))
			return;
	/* The socket may stay silent while OpenSSL still has something. */
	if (c->tls && SSL_pending(c->tls))
		stand_in_line(c);
	else
		loop_io_watch(&c->io, c->fd, LOOP_READ);
}

static void begin(struct conn *c)
{
	c->phase = CONN_TALKING;
	c->talk->tls = c->tls ? SSL_get_version(c->tls) : NULL;
	obey(c, c->talk->plan->type->begin(c->talk));
}

/* ---- Connecting ---- */

static void shake(struct conn *c)
{
	struct tls_trouble trouble;
	const char *lack;

	if (!tls_handshake(c->tls, &trouble)) {
		c->days_left = tls_days_left(c->tls);
		lack = tls_lack(c->tls, &c->to->plan->conf);
		if (lack)
			end(c, CHECK_L6TLS, 0, lack);
		else
			begin(c);
	} else if (trouble.events) {
		loop_io_watch(&c->io, c->fd, trouble.events);
	} else {
		end_by_tls(c, &trouble);
	}
}

static void connected(struct conn *c)
{
	const struct plan *p = c->to->plan;

	if (!p->tls) {
		begin(c);
		return;
	}
	c->phase = CONN_SHAKING;
	c->tls = tls_open(p->tls, &p->conf, &c->to->address, c->fd);
	if (c->tls)
		shake(c);
	else
		end(c, CHECK_LOCAL, ENOMEM, "no memory");
}

static const struct {
	int type, protocol4, protocol6;
} sockets[] = {
	[TRANSPORT_TCP] = { SOCK_STREAM, 0, 0 },
	[TRANSPORT_UDP] = { SOCK_DGRAM, 0, 0 },
	[TRANSPORT_ICMP] = { SOCK_RAW, IPPROTO_ICMP, IPPROTO_ICMPV6 },
};

/* Of all ICMP from that address only echo replies. */
static void filter_icmp(int fd, int family)
{
	struct icmp_filter filter4 = { .data = ~(1U << ICMP_ECHOREPLY) };
	struct icmp6_filter filter6;

	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	if (family == AF_INET)
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter4, sizeof(filter4));
	else
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

static int open_socket(enum transport transport, int family)
{
	/* A reset ends the connection, so that checks leave no TIME_WAIT behind on either side. */
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int on = 1;
	int fd = socket(family, sockets[transport].type | SOCK_NONBLOCK | SOCK_CLOEXEC,
			family == AF_INET ? sockets[transport].protocol4
					  : sockets[transport].protocol6);

	if (fd < 0)
		return -1;
	if (transport == TRANSPORT_TCP)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	else if (family == AF_INET) /* all that ICMP says of it, not only "port unreachable" */
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	if (transport == TRANSPORT_ICMP)
		filter_icmp(fd, family);
	return fd;
}

/* The source of the target's family, if one was given.  Its port is chosen when the target is
 * known, else a source would have but one attempt for each of its ports, to whomever. */
static int bind_source(int fd, const struct conf_check *c, const struct addr *target)
{
	struct sockaddr_storage at;
	const int on = 1;
	socklen_t len;
	unsigned i;

	if (c->interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->interface, strlen(c->interface) + 1))
		return -errno;
	for (i = 0; i < c->n_sources; i++) {
		if (addr_is_v4(&c->sources[i]) != addr_is_v4(target))
			continue;
		len = addr_to_sockaddr(&c->sources[i], 0, 0, &at);
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&at, len))
			return -errno;
	}
	return 0;
}

/* 0, 1: it stands already, or -errno. */
static int open_and_connect(struct conn *c)
{
	const struct conf_check *conf = &c->to->plan->conf;
	enum transport transport = c->to->plan->type->transport;
	uint16_t port = transport == TRANSPORT_ICMP ? 0 : c->to->port;
	unsigned scope = conf->interface && addr_is_link_local(&c->to->address)
				 ? if_nametoindex(conf->interface)
				 : 0;
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(&c->to->address, htons(port), scope, &at);
	int r;

	c->fd = open_socket(transport, at.ss_family);
	if (c->fd < 0)
		return -errno;
	r = bind_source(c->fd, conf, &c->to->address);
	if (r)
		return r;
	if (!connect(c->fd, (struct sockaddr *)&at, len))
		return 1;
	return errno == EINPROGRESS ? 0 : -errno;
}

static void run(struct conn *c)
{
	char detail[CHECK_DETAIL_LEN];
	int r = script_start(c->to->plan, &c->to->address, c->to->port, &c->pid, &c->fd);

	c->phase = CONN_RUNNING;
	if (!r) {
		loop_io_watch(&c->io, c->fd, LOOP_READ);
		return;
	}
	c->pid = 0;
	c->fd = -1;
	snprintf(detail, sizeof(detail), "%.100s: %s", c->to->plan->conf.script, strerror(-r));
	end(c, CHECK_LOCAL, 0, detail);
}

static void script_ended(struct conn *c)
{
	char detail[CHECK_DETAIL_LEN];
	enum check_result result;

	loop_io_stop(&c->io);
	result = script_judge(process_end(c->pid, c->fd), detail, sizeof(detail));
	c->pid = 0;
	c->fd = -1;
	end(c, result, 0, detail);
}

static void dial(struct conn *c)
{
	int r;

	c->phase = CONN_DIALLING;
	r = open_and_connect(c);
	if (r < 0)
		end_by_error(c, -r, true);
	else if (r)
		connected(c);
	else
		loop_io_watch(&c->io, c->fd, LOOP_WRITE);
}

static void hang_up(struct conn *c)
{
	loop_io_stop(&c->io);
	list_del(&c->waiting);
	tls_close(c->tls);
	c->tls = NULL;
	if (c->pid)
		process_kill(&c->line->graves, c->pid, c->fd);
	else if (c->fd >= 0)
		close(c->fd);
	c->pid = 0;
	c->fd = -1;
}

static void finish_dialling(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		end_by_error(c, error, false);
	else
		connected(c);
}

static void obey(struct conn *c, enum talk_step step)
{
	struct talk *t = c->talk;

	switch (step) {
	case TALK_LISTEN:
		loop_io_watch(&c->io, c->fd, LOOP_READ);
		break;
	case TALK_SAY:
		c->sent = 0;
		say(c);
		break;
	case TALK_RECONNECT:
		t->request++;
		hang_up(c);
		dial(c);
		break;
	case TALK_OVER:
		end(c, t->result, 0, t->detail);
		break;
	}
}

/* ---- Events ---- */

static void go_on(struct conn *c)
{
	if (c->phase == CONN_RUNNING)
		script_ended(c);
	else if (c->phase == CONN_DIALLING)
		finish_dialling(c);
	else if (c->phase == CONN_SHAKING)
		shake(c);
	else if (c->talk->out_len)
		say(c);
	else
		hear(c);
}

static void on_turn(struct loop_timer *t, usec_t now)
{
	struct conn_line *l = container_of(t, struct conn_line, turn);
	usec_t deadline = usec_add(now, TURN);

	while (!list_empty(&l->waiting) && usec_before(loop_now(), deadline)) {
		struct conn *c = container_of(l->waiting.next, struct conn, waiting);

		list_del(&c->waiting);
		go_on(c);
	}
	if (!list_empty(&l->waiting))
		loop_timer_in(t, USEC(0));
}

static void stand_in_line(struct conn *c)
{
	loop_io_stop(&c->io);
	list_del(&c->waiting);
	if (!c->line) {
		go_on(c);
		return;
	}
	list_add_tail(&c->line->waiting, &c->waiting);
	if (!loop_timer_active(&c->line->turn))
		loop_timer_in(&c->line->turn, USEC(0));
}

static void on_ready(struct loop_io *io, int)
{
	struct conn *c = container_of(io, struct conn, io);

	if (c->to->plan->tls)
		stand_in_line(c);
	else
		go_on(c);
}

/* After a turn that was too long, or while it stands in line, the timer runs before what has come
 * in time is looked at: our lateness is not the server's. */
static void on_deadline(struct loop_timer *t, usec_t)
{
	struct conn *c = container_of(t, struct conn, deadline);
	bool writes = c->phase == CONN_DIALLING || (c->phase == CONN_TALKING && c->talk->out_len);
	struct pollfd fd = { .fd = c->fd, .events = writes ? POLLOUT : POLLIN };
	enum talk_step (*silence)(struct talk * t) = c->to->plan->type->silence;
	enum talk_step step;

	if (!list_empty(&c->waiting) || poll(&fd, 1, 0) > 0) {
		list_del(&c->waiting);
		go_on(c);
	}
	if (c->talk && c->phase == CONN_TALKING && silence) {
		step = silence(c->talk);
		if (step != TALK_LISTEN)
			obey(c, step);
	}
	if (c->talk)
		end_by_timeout(c);
}

void conn_start(struct conn *c, const struct conn_target *to, usec_t timeout)
{
	c->to = to;
	c->timeout = timeout;
	c->days_left = INT_MAX;
	if (to->plan->trouble[0]) {
		end(c, CHECK_LOCAL, 0, to->plan->trouble);
		return;
	}
	c->talk = calloc(1, sizeof(*c->talk));
	if (!c->talk) {
		end(c, CHECK_LOCAL, ENOMEM, "no memory");
		return;
	}
	c->talk->plan = to->plan;
	c->talk->address = &to->address;
	c->talk->port = to->port;
	if (getrandom(&c->talk->nonce, sizeof(c->talk->nonce), GRND_NONBLOCK) < 0)
		c->talk->nonce = (uint32_t)loop_now().us;
	loop_timer_in(&c->deadline, timeout);
	if (to->plan->type->transport == TRANSPORT_PROCESS)
		run(c);
	else
		dial(c);
}

void conn_stop(struct conn *c)
{
	loop_timer_stop(&c->deadline);
	hang_up(c);
	talk_free(c->talk);
	c->talk = NULL;
}

void conn_init(struct conn *c, struct loop *loop, void (*done)(struct conn *c, struct conn_end end))
{
	loop_io_init(&c->io, loop, LOOP_NORMAL, on_ready);
	loop_timer_init(&c->deadline, loop, LOOP_NORMAL, on_deadline);
	list_init(&c->waiting);
	c->fd = -1;
	c->talk = NULL;
	c->tls = NULL;
	c->line = NULL;
	c->pid = 0;
	c->done = done;
}

void conn_line_init(struct conn_line *l, struct loop *loop)
{
	list_init(&l->waiting);
	loop_timer_init(&l->turn, loop, LOOP_NORMAL, on_turn);
	process_graves_init(&l->graves, loop);
}

void conn_line_stop(struct conn_line *l)
{
	loop_timer_stop(&l->turn);
	process_graves_release(&l->graves);
}
