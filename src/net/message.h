/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads rtnetlink messages: pure functions from bytes to facts. */
#ifndef LBD_NET_MESSAGE_H
#define LBD_NET_MESSAGE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

enum message_type {
	MESSAGE_OTHER, /* nothing that lbd follows */
	MESSAGE_LINK,
	MESSAGE_ADDR,
	MESSAGE_NEIGH,
	MESSAGE_ROUTE,	/* also a policy rule */
	MESSAGE_FILTER, /* a qdisc, filter or chain */
};

struct message_link {
	char name[16]; /* "": not said */
	char kind[16];
	unsigned flags; /* IFF_* */
	uint32_t mtu;	/* 0: not said */
	bool has_mac;
	uint8_t mac[6];
};

struct message_addr {
	struct prefix prefix;
	uint32_t flags; /* IFA_F_* */
	uint8_t origin; /* IFA_PROTO: who made it */
};

struct message_neigh {
	struct addr addr;
	uint16_t state; /* NUD_* */
	bool managed;	/* the kernel keeps it resolved */
	bool has_mac;
	uint8_t mac[6];
};

struct message_route {
	uint8_t type; /* RTN_* */
	bool has_gateway;
	struct addr gateway;
	bool has_source;
	struct addr source; /* that packets of ours would carry */
	uint32_t mtu;	    /* 0: not said, or learnt from the path */
};

struct message {
	enum message_type type;
	bool gone; /* it was deleted */
	unsigned ifindex;
	union {
		struct message_link link;
		struct message_addr addr;
		struct message_neigh neigh;
		struct message_route route;
	};
};

/* The message at h, of which h->nlmsg_len bytes can be read.  What is well formed but of no
 * interest is MESSAGE_OTHER.  0 or -EBADMSG. */
int message_parse(const struct nlmsghdr *h, struct message *ret);

#endif
