// SPDX-License-Identifier: BSD-2-Clause
/* Questions and orders to the kernel, each with its answer. */
#include "net/request.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE (64 * 1024) /* the kernel's datagrams of a dump have at most 32 KiB */

struct request_socket {
	struct nl_sock *sk;
	uint32_t seq;
	uint64_t malformed;
	uint8_t buf[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* One answer while it is read. */
struct answer {
	void (*each)(void *ctx, const struct message *m);
	void *ctx;
	bool done, overtaken;
	int result;
};

struct nl_msg *request_new(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	if (msg && nlmsg_append(msg, (void *)header, len, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int request_put_addr(struct nl_msg *msg, int attribute, const struct addr *a)
{
	const uint8_t *bytes;
	size_t len;

	bytes = addr_bytes(a, &len);
	return nla_put(msg, attribute, (int)len, bytes) < 0 ? -ENOMEM : 0;
}

/* The error that stands in an NLMSG_ERROR, or at the end of a dump; 0 is success. */
static int read_result(struct request_socket *s, struct nlmsghdr *h)
{
	int error;

	if (nlmsg_datalen(h) < (int)sizeof(error)) {
		s->malformed++;
		return -EBADMSG;
	}
	memcpy(&error, nlmsg_data(h), sizeof(error));
	return error;
}

static void take_message(struct request_socket *s, struct nlmsghdr *h, struct answer *a)
{
	struct message m;

	/* The end of an answer that was given up. */
	if (h->nlmsg_seq != s->seq)
		return;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->overtaken = true;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		a->result = read_result(s, h);
		a->done = true;
	} else if (message_parse(h, &m)) {
		s->malformed++;
	} else if (a->each) {
		a->each(a->ctx, &m);
	}
}

static int read_datagram(struct request_socket *s, struct answer *a)
{
	struct nlmsghdr *h = (struct nlmsghdr *)s->buf;
	ssize_t n;
	int left;

	do
		n = recv(nl_socket_get_fd(s->sk), s->buf, sizeof(s->buf), MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EIO : -errno;
	if (n > (ssize_t)sizeof(s->buf))
		return -EMSGSIZE;
	for (left = (int)n; !a->done && nlmsg_ok(h, left); h = nlmsg_next(h, &left))
		take_message(s, h, a);
	return 0;
}

int request_run(struct request_socket *s, struct nl_msg *msg,
		void (*each)(void *ctx, const struct message *m), void *ctx)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct answer a = { .each = each, .ctx = ctx };
	struct nlmsghdr *h;
	int r = 0;

	if (!msg)
		return -ENOMEM;
	h = nlmsg_hdr(msg);
	h->nlmsg_seq = ++s->seq;
	if (sendto(nl_socket_get_fd(s->sk), h, h->nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		r = -errno;
	nlmsg_free(msg);
	while (!r && !a.done)
		r = read_datagram(s, &a);
	if (r)
		return r;
	return a.result ? a.result : a.overtaken ? -EINTR : 0;
}

struct one {
	struct message *ret;
	bool seen;
};

static void take_one(void *ctx, const struct message *m)
{
	struct one *one = ctx;

	*one->ret = *m;
	one->seen = true;
}

int request_ask(struct request_socket *s, struct nl_msg *msg, struct message *ret)
{
	struct one one = { .ret = ret };
	int r = request_run(s, msg, take_one, &one);

	return r ? r : one.seen ? 0 : -EBADMSG;
}

uint64_t request_malformed(const struct request_socket *s)
{
	return s->malformed;
}

int request_connect(struct nl_sock **ret)
{
	struct nl_sock *sk = nl_socket_alloc();
	int r;

	if (!sk)
		return -ENOMEM;
	errno = 0;
	r = nl_connect(sk, NETLINK_ROUTE);
	if (r < 0) {
		r = errno ? -errno : -EPROTO;
		nl_socket_free(sk);
		return r;
	}
	*ret = sk;
	return 0;
}

int request_socket_new(struct request_socket **ret)
{
	struct request_socket *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = request_connect(&s->sk);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void request_socket_free(struct request_socket *s)
{
	if (!s)
		return;
	nl_socket_free(s->sk);
	free(s);
}
