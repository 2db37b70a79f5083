// SPDX-License-Identifier: BSD-2-Clause
/* Frames on the wire. */
#include "config.h"

#include "cable.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE                                                                                   \
	400 /* ms: frames are there at once, it is the absence of one that takes so long           \
	     */

int cable_open(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	return fd;
}

/* A checksum that is to be finished is then, by the director, before the far end sees the frame;
 * one that only seems to be so, too. */
static void checksum_offload_off(const char *name)
{
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq request = { .ifr_data = (void *)&off };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

static void attach(struct rig *rig, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
		    .prog_fd = bpf_program__fd(rig->skel->progs.lbd_ingress));
	int r = bpf_tc_hook_create(&hook);

	assert_true(!r || r == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void detach(unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	bpf_tc_detach(&hook, &opts);
}

void cables_open(struct cables *cables, struct rig *rig)
{
	checksum_offload_off("front");
	checksum_offload_off("back");
	assert_int_equal(system("ip link set front mtu 4000 && ip link set far_front mtu 4000"), 0);
	attach(rig, rig->front);
	attach(rig, rig->back);
	cables->front = cable_open("far_front");
	cables->back = cable_open("far_back");
}

void cables_close(struct cables *cables, struct rig *rig)
{
	close(cables->front);
	close(cables->back);
	detach(rig->front);
	detach(rig->back);
}

void cable_send(int far, const void *frame, size_t len, size_t l4)
{
	struct virtio_net_hdr head = {};
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)frame, len } };
	const uint8_t *ip = (const uint8_t *)frame + sizeof(struct ethhdr);
	uint8_t proto = ip[0] >> 4 == 6 ? ip[6] : ip[9];

	if (l4) {
		head.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		head.csum_start = (uint16_t)l4;
		head.csum_offset = proto == IPPROTO_TCP ? 16 : 6;
	}
	assert_int_equal(writev(far, parts, 2), sizeof(head) + len);
}

void cable_drain(int far)
{
	uint8_t head[64];

	while (recv(far, head, sizeof(head), MSG_DONTWAIT) > 0)
		;
}

size_t cable_receive(int far, const uint8_t *mac, uint8_t *buf)
{
	struct pollfd ready = { .fd = far, .events = POLLIN };
	struct virtio_net_hdr head;
	struct iovec parts[2] = { { &head, sizeof(head) }, { buf, FRAME_MAX } };
	struct sockaddr_ll from;
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = parts,
		.msg_iovlen = 2,
	};
	ssize_t n;

	while (poll(&ready, 1, PATIENCE) > 0) {
		n = recvmsg(far, &message, 0);
		assert_true(n > (ssize_t)sizeof(head));
		if (from.sll_pkttype == PACKET_OUTGOING || memcmp(buf, mac, 6))
			continue;
		assert_int_equal(head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
		return (size_t)n - sizeof(head);
	}
	return 0;
}
