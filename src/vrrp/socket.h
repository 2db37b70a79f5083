/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw sockets: one for each (family, interface), shared by the instances there. */
#ifndef LBD_VRRP_SOCKET_H
#define LBD_VRRP_SOCKET_H

#include "lib/list.h"
#include "lib/loop.h"
#include "net/net.h"
#include "vrrp/packet.h"

struct vrrp_sockets;
struct vrrp_socket;

/* One VRID on one socket; embedded in the instance.  Zero-initialise, then set vrid and received.
 */
struct vrrp_listener {
	uint8_t vrid;
	/* A datagram for the VRID, unchecked but for its interface.  turn counts how often sockets
	 * were read: datagrams of one turn had been waiting together.  Must not call vrrp_unlisten.
	 */
	void (*received)(struct vrrp_listener *l, const struct vrrp_datagram *d, uint64_t turn);
	struct vrrp_socket *socket; /* NULL while it listens to nothing */
	bool multicast;
	struct list node; /* the socket's */
};

/* loop and net are borrowed.  0 or -errno (-EPERM: CAP_NET_RAW is missing). */
int vrrp_sockets_new(struct loop *loop, struct net *net, struct vrrp_sockets **ret);
void vrrp_sockets_free(struct vrrp_sockets *s); /* after the last listener has left; takes NULL */

/* Opens what is needed; with multicast also joins the group.  0 or -errno (-EPERM: CAP_NET_RAW). */
int vrrp_listen(struct vrrp_sockets *s, struct vrrp_listener *l, int family, unsigned ifindex,
		bool multicast);
void vrrp_unlisten(struct vrrp_listener *l); /* also when it listens to nothing */

/* Reads what waits on the listener's socket and gives it to those it is for. */
void vrrp_serve(struct vrrp_listener *l);
/* Never waits.  0 or -errno. */
int vrrp_send(struct vrrp_listener *l, const struct addr *src, const struct addr *dst,
	      const void *data, size_t len);

/* Datagrams that are for nobody here, or too short to say for whom. */
uint64_t vrrp_sockets_unknown(const struct vrrp_sockets *s);

#endif
