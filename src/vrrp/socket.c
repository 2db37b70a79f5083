// SPDX-License-Identifier: BSD-2-Clause
/* The raw sockets: one for each (family, interface), shared by the instances there. */
#include "vrrp/socket.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "vrrp/frame.h"

enum {
	IPV4_HEADER_MAX = 60,
	RECEIVE_BUFFER = 1 << 20, /* a second of adverts of 255 masters at 10 ms */
	DATAGRAMS_A_TURN = 1000,  /* a flood must not keep the loop; the rest wakes it again */
	INTERNETWORK_CONTROL = 0xc0,
};

struct vrrp_sockets {
	struct loop *loop; /* borrowed */
	struct net *net;   /* borrowed */
	struct list all;
	int frames; /* packet socket: see by_frame */
	uint64_t unknown, turn;
};

struct vrrp_socket {
	struct list node;
	struct vrrp_sockets *owner;
	const struct family *family;
	unsigned ifindex;
	int fd;
	struct loop_io io;
	struct list listeners;
	unsigned multicast; /* listeners that need the group */
};

struct option {
	int name, value;
};

/* Where the families differ. */
static const struct family {
	int family, level;
	bool with_header; /* a datagram comes with its IP header */
	/* To the group as whole frames: the kernel's own membership is an address of the interface,
	 * which in IPv6 has a local route, and what follows that never leaves the machine. */
	bool by_frame;
	int join, pktinfo, hops;  /* group membership; what control messages are called */
	struct option options[7]; /* up to the first without a name */
} families[] = {
	{
		.family = AF_INET, .level = IPPROTO_IP, .with_header = true,
		.join = IP_ADD_MEMBERSHIP, .pktinfo = IP_PKTINFO, .hops = IP_TTL,
		.options = {
			{ IP_TTL, 255 }, { IP_MULTICAST_TTL, 255 }, { IP_MULTICAST_LOOP, 0 },
			{ IP_TOS, INTERNETWORK_CONTROL }, { IP_PKTINFO, 1 }, { IP_RECVTTL, 1 },
		},
	},
	{
		.family = AF_INET6, .level = IPPROTO_IPV6, .by_frame = true,
		.join = IPV6_ADD_MEMBERSHIP, .pktinfo = IPV6_PKTINFO, .hops = IPV6_HOPLIMIT,
		.options = {
			{ IPV6_UNICAST_HOPS, 255 }, { IPV6_TCLASS, INTERNETWORK_CONTROL },
			{ IPV6_RECVPKTINFO, 1 }, { IPV6_RECVHOPLIMIT, 1 },
		},
	},
};

/* struct in_pktinfo or in6_pktinfo, both ways. */
union pktinfo {
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
};

static size_t write_pktinfo(int family, union pktinfo *p, const struct addr *src, unsigned ifindex)
{
	memset(p, 0, sizeof(*p));
	if (family == AF_INET) {
		p->v4.ipi_ifindex = (int)ifindex;
		memcpy(&p->v4.ipi_spec_dst, addr_bytes(src, NULL), 4);
		return sizeof(p->v4);
	}
	p->v6.ipi6_ifindex = ifindex;
	memcpy(&p->v6.ipi6_addr, addr_bytes(src, NULL), 16);
	return sizeof(p->v6);
}

static unsigned read_pktinfo(int family, const union pktinfo *p, struct addr *ret_dst)
{
	if (family == AF_INET) {
		*ret_dst = addr_from_bytes(AF_INET, &p->v4.ipi_addr);
		return (unsigned)p->v4.ipi_ifindex;
	}
	*ret_dst = addr_from_bytes(AF_INET6, &p->v6.ipi6_addr);
	return p->v6.ipi6_ifindex;
}

static struct addr source_of(int family, const struct sockaddr_storage *from)
{
	return family == AF_INET
		       ? addr_from_bytes(family, &((const struct sockaddr_in *)from)->sin_addr)
		       : addr_from_bytes(family, &((const struct sockaddr_in6 *)from)->sin6_addr);
}

/* ---- Receiving ---- */

/* What the control messages say of a datagram; false when it came by another interface or they do
 * not say enough to check it. */
static bool read_control(const struct vrrp_socket *s, struct msghdr *m, struct vrrp_datagram *d)
{
	const struct family *f = s->family;
	unsigned ifindex = 0;
	struct cmsghdr *c;

	d->hops = -1;
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != f->level)
			continue;
		if (c->cmsg_type == f->hops) {
			memcpy(&d->hops, CMSG_DATA(c), sizeof(d->hops));
		} else if (c->cmsg_type == f->pktinfo) {
			union pktinfo info;

			memcpy(&info, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
			ifindex = read_pktinfo(f->family, &info, &d->dst);
		}
	}
	return ifindex == s->ifindex;
}

static void dispatch(struct vrrp_socket *s, const struct vrrp_datagram *d)
{
	struct vrrp_listener *l;

	/* Byte 1 is the VRID; whether the rest deserves the name of VRRP is the instance's to say.
	 */
	if (d->len > 1) {
		list_for_each(l, &s->listeners, node) {
			if (l->vrid == d->data[1]) {
				l->received(l, d, s->owner->turn);
				return;
			}
		}
	}
	s->owner->unknown++;
}

/* One datagram; false when there was none. */
static bool receive(struct vrrp_socket *s)
{
	uint8_t data[IPV4_HEADER_MAX + VRRP_PACKET_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(union pktinfo)) + CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_storage from;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct vrrp_datagram d = { .family = s->family->family, .data = data };
	ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR;
	d.len = (size_t)n;
	d.src = source_of(d.family, &from);
	if (read_control(s, &m, &d) && (!s->family->with_header || vrrp_strip_ipv4(&d)))
		dispatch(s, &d);
	else
		s->owner->unknown++;
	return true;
}

static void drain(struct vrrp_socket *s)
{
	unsigned n;

	s->owner->turn++;
	for (n = 0; n < DATAGRAMS_A_TURN; n++)
		if (!receive(s))
			return;
}

static void on_ready(struct loop_io *io, int)
{
	drain(container_of(io, struct vrrp_socket, io));
}

void vrrp_serve(struct vrrp_listener *l)
{
	if (l->socket)
		drain(l->socket);
}

/* ---- Sending ---- */

static int send_frame(const struct vrrp_socket *s, const struct addr *src, const struct addr *group,
		      const void *data, size_t len)
{
	const struct net_link *link = net_link_by_index(s->owner->net, s->ifindex);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)s->ifindex };
	uint8_t headers[VRRP_FRAME_HEADERS_LEN];
	struct iovec iov[] = { { headers, sizeof(headers) }, { (void *)data, len } };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2
	};

	if (!link)
		return -ENODEV;
	vrrp_frame_headers(link->mac, src, group, VRRP_PROTOCOL, len, headers);
	return sendmsg(s->owner->frames, &m, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_datagram(const struct vrrp_socket *s, const struct addr *src,
			 const struct addr *dst, const void *data, size_t len)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(union pktinfo))];
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct sockaddr_storage to;
	union pktinfo info;
	size_t info_len;
	struct msghdr m = { .msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1 };

	info_len = write_pktinfo(s->family->family, &info, src, s->ifindex);
	control.head.cmsg_level = s->family->level;
	control.head.cmsg_type = s->family->pktinfo;
	control.head.cmsg_len = CMSG_LEN(info_len);
	memcpy(CMSG_DATA(&control.head), &info, info_len);
	m.msg_control = &control;
	m.msg_controllen = CMSG_SPACE(info_len);
	m.msg_namelen = addr_to_sockaddr(dst, 0, s->ifindex, &to);
	return sendmsg(s->fd, &m, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int vrrp_send(struct vrrp_listener *l, const struct addr *src, const struct addr *dst,
	      const void *data, size_t len)
{
	struct vrrp_socket *s = l->socket;

	if (!s)
		return -ENOTCONN;
	if (s->family->by_frame && addr_is_multicast(dst))
		return send_frame(s, src, dst, data, len);
	return send_datagram(s, src, dst, data, len);
}

/* ---- Life ---- */

/* The kernel's own membership outlives the daemon: a dead director's data plane must go on hearing
 * its peer.  The socket's outlives those who flush addresses. */
static int join(struct vrrp_socket *s)
{
	struct addr group = vrrp_group(s->family->family);
	struct ip_mreqn v4 = { .imr_ifindex = (int)s->ifindex };
	struct ipv6_mreq v6 = { .ipv6mr_interface = s->ifindex };
	bool is_v4 = s->family->family == AF_INET;
	char text[ADDR_STRLEN];
	int r;

	memcpy(&v4.imr_multiaddr, addr_bytes(&group, NULL), 4);
	memcpy(&v6.ipv6mr_multiaddr, group.a, 16);
	if (setsockopt(s->fd, s->family->level, s->family->join, is_v4 ? (void *)&v4 : (void *)&v6,
		       is_v4 ? sizeof(v4) : sizeof(v6)) &&
	    errno != EADDRINUSE) /* joined before, and not left since */
		return -errno;
	r = net_group_join(s->owner->net, s->ifindex, &group);
	if (r < 0)
		log_warn(
			"vrrp",
			"the kernel cannot join %s by itself: %s; ignoring it, but a dead daemon may not be fenced",
			addr_str(&group, text), strerror(-r));
	return 0;
}

static void leave(struct vrrp_socket *s)
{
	struct addr group = vrrp_group(s->family->family);

	/* Closing the socket ends its own membership. */
	net_group_leave(s->owner->net, s->ifindex, &group);
}

static int configure(const struct vrrp_socket *s)
{
	int size = RECEIVE_BUFFER, ifindex = (int)s->ifindex;
	const struct option *o;

	if (setsockopt(s->fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)))
		return -errno;
	for (o = s->family->options; o->name; o++)
		if (setsockopt(s->fd, s->family->level, o->name, &o->value, sizeof(o->value)))
			return -errno;
	/* Beyond net.core.rmem_max with CAP_NET_ADMIN; a smaller buffer is no reason not to run. */
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

static int socket_new(struct vrrp_sockets *owner, const struct family *f, unsigned ifindex,
		      struct vrrp_socket **ret)
{
	struct vrrp_socket *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->owner = owner;
	s->family = f;
	s->ifindex = ifindex;
	list_init(&s->listeners);
	s->fd = socket(f->family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, VRRP_PROTOCOL);
	if (s->fd < 0) {
		r = -errno;
		goto err_free;
	}
	r = configure(s);
	if (r < 0)
		goto err_close;
	loop_io_init(&s->io, owner->loop, LOOP_VRRP, on_ready);
	loop_io_watch(&s->io, s->fd, LOOP_READ);
	list_add_tail(&owner->all, &s->node);
	*ret = s;
	return 0;

err_close:
	close(s->fd);
err_free:
	free(s);
	return r;
}

static void socket_free(struct vrrp_socket *s)
{
	loop_io_stop(&s->io);
	close(s->fd);
	list_del(&s->node);
	free(s);
}

static int socket_get(struct vrrp_sockets *owner, int family, unsigned ifindex,
		      struct vrrp_socket **ret)
{
	struct vrrp_socket *s;
	size_t i;

	list_for_each(s, &owner->all, node) {
		if (s->family->family == family && s->ifindex == ifindex) {
			*ret = s;
			return 0;
		}
	}
	for (i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (families[i].family == family)
			return socket_new(owner, &families[i], ifindex, ret);
	return -EAFNOSUPPORT;
}

int vrrp_listen(struct vrrp_sockets *owner, struct vrrp_listener *l, int family, unsigned ifindex,
		bool multicast)
{
	struct vrrp_socket *s = NULL;
	int r;

	r = socket_get(owner, family, ifindex, &s);
	if (r < 0)
		return r;
	if (multicast && !s->multicast) {
		r = join(s);
		if (r < 0 && list_empty(&s->listeners))
			socket_free(s);
		if (r < 0)
			return r;
	}
	s->multicast += multicast;
	l->socket = s;
	l->multicast = multicast;
	list_add_tail(&s->listeners, &l->node);
	return 0;
}

void vrrp_unlisten(struct vrrp_listener *l)
{
	struct vrrp_socket *s = l->socket;

	if (!s)
		return;
	l->socket = NULL;
	list_del(&l->node);
	s->multicast -= l->multicast;
	if (l->multicast && !s->multicast)
		leave(s);
	if (list_empty(&s->listeners))
		socket_free(s);
}

uint64_t vrrp_sockets_unknown(const struct vrrp_sockets *s)
{
	return s->unknown;
}

int vrrp_sockets_new(struct loop *loop, struct net *net, struct vrrp_sockets **ret)
{
	struct vrrp_sockets *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->net = net;
	list_init(&s->all);
	/* Protocol 0: it only sends. */
	s->frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->frames < 0) {
		r = -errno;
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void vrrp_sockets_free(struct vrrp_sockets *s)
{
	if (!s)
		return;
	close(s->frames);
	free(s);
}
