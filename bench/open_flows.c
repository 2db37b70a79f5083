// SPDX-License-Identifier: BSD-2-Clause
/* Opens TCP flows in a running lbd: runs its ingress program over a SYN and an ACK of each.
 *
 * Usage: open_flows PIN INTERFACE FLOWS VIP...
 *
 *   PIN     a pinned map: lbd's program is the one that uses it
 *   FLOWS   of each VIP, port 80, from 198.18.0.0 or 2001:db8:9:: on
 */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/csum.h"

#define PROGRAM		"lbd_ingress"
#define PORT_FIRST	1024u
#define PORTS_OF_CLIENT 60000u

struct frame4 {
	struct ether_header eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct frame6 {
	struct ether_header eth;
	struct ip6_hdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static unsigned ifindex;
static int program = -1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static bool program_uses(int fd, __u32 map)
{
	struct bpf_prog_info info = {};
	__u32 ids[64], len = sizeof(info), i;

	info.nr_map_ids = sizeof(ids) / sizeof(*ids);
	info.map_ids = (uintptr_t)ids;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || strcmp(info.name, PROGRAM))
		return false;
	for (i = 0; i < info.nr_map_ids && i < sizeof(ids) / sizeof(*ids); i++)
		if (ids[i] == map)
			return true;
	return false;
}

static int find_program(const char *pin)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), id = 0;
	int fd = bpf_obj_get(pin);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		die(pin);
	close(fd);
	while (!bpf_prog_get_next_id(id, &id)) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd >= 0 && program_uses(fd, info.id))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	die(PROGRAM);
	return -1;
}

static void set_mac(const char *interface, uint8_t *mac)
{
	struct ifreq r = {};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	ifindex = if_nametoindex(interface);
	if (fd < 0 || !ifindex || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		die(interface);
	memcpy(mac, r.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
}

/* True when the program forwarded the frame. */
static bool run(const void *frame, size_t len)
{
	struct __sk_buff skb = { .ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = 1);

	if (bpf_prog_test_run_opts(program, &opts))
		die("BPF_PROG_TEST_RUN");
	return (int)opts.retval == TC_ACT_REDIRECT;
}

static struct tcphdr tcp_header(unsigned n, bool syn)
{
	return (struct tcphdr){
		.source = htons((uint16_t)(PORT_FIRST + n % PORTS_OF_CLIENT)),
		.dest = htons(80),
		.doff = sizeof(struct tcphdr) / 4,
		.window = htons(1000),
		.syn = syn,
		.ack = !syn,
	};
}

static bool send4(const uint8_t *mac, const void *vip, unsigned n, bool syn)
{
	struct frame4 f = {
		.eth.ether_type = htons(ETHERTYPE_IP),
		.ip = { .version = 4,
			.ihl = 5,
			.ttl = 64,
			.protocol = IPPROTO_TCP,
			.tot_len = htons(sizeof(f) - sizeof(f.eth)),
			.frag_off = htons(IP_DF),
			.saddr = htonl(0xc6120000 + n / PORTS_OF_CLIENT) },
	};

	memcpy(f.eth.ether_dhost, mac, ETH_ALEN);
	memcpy(&f.ip.daddr, vip, sizeof(f.ip.daddr));
	f.ip.check = csum_fold(csum_add(0, &f.ip, sizeof(f.ip)));
	f.tcp = tcp_header(n, syn);
	return run(&f, sizeof(f));
}

static bool send6(const uint8_t *mac, const void *vip, unsigned n, bool syn)
{
	struct frame6 f = {
		.eth.ether_type = htons(ETHERTYPE_IPV6),
		.ip = { .ip6_flow = htonl(6u << 28),
			.ip6_nxt = IPPROTO_TCP,
			.ip6_hlim = 64,
			.ip6_plen = htons(sizeof(f.tcp)) },
	};

	memcpy(f.eth.ether_dhost, mac, ETH_ALEN);
	inet_pton(AF_INET6, "2001:db8:9::", &f.ip.ip6_src);
	f.ip.ip6_src.s6_addr32[3] = htonl(n / PORTS_OF_CLIENT);
	memcpy(&f.ip.ip6_dst, vip, sizeof(f.ip.ip6_dst));
	f.tcp = tcp_header(n, syn);
	return run(&f, sizeof(f));
}

/* Returns how many were forwarded, both packets. */
static unsigned open_flows(const uint8_t *mac, const char *text, unsigned flows)
{
	bool v6 = strchr(text, ':');
	uint8_t vip[16];
	unsigned n, good = 0;

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, vip) != 1)
		die(text);
	for (n = 0; n < flows; n++)
		good += v6 ? send6(mac, vip, n, true) && send6(mac, vip, n, false)
			   : send4(mac, vip, n, true) && send4(mac, vip, n, false);
	return good;
}

int main(int argc, char **argv)
{
	uint8_t mac[ETH_ALEN];
	unsigned flows;
	int i, status = 0;

	if (argc < 5) {
		fputs("open_flows PIN INTERFACE FLOWS VIP...\n", stderr);
		return 2;
	}
	program = find_program(argv[1]);
	set_mac(argv[2], mac);
	flows = (unsigned)strtoul(argv[3], NULL, 10);
	for (i = 4; i < argc; i++) {
		unsigned good = open_flows(mac, argv[i], flows);

		printf("%s: %u of %u\n", argv[i], good, flows);
		status |= good != flows;
	}
	return status;
}
