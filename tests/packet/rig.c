// SPDX-License-Identifier: BSD-2-Clause
/* The data plane on a bench: namespace, programs, maps. */
#include "config.h"

#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define VERIFIED_MAX   300000u
#define STATUS_SKIPPED 77

/* Both ends of the cables are here; only the director's ends matter. */
static const char *const set_up[] = {
	"ip link add front address 02:00:00:00:00:01 type veth peer name far_front",
	"ip link add back address 02:00:00:00:00:02 type veth peer name far_back",
	"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
	"sysctl -qw net.ipv6.conf.front.accept_dad=0 net.ipv6.conf.back.accept_dad=0",
	"ip link set lo up && ip link set front up && ip link set back up",
	"ip link set far_front up && ip link set far_back up",
	"ip addr add 192.0.2.1/24 dev front && ip addr add 10.0.0.1/24 dev back",
	"ip addr add 2001:db8::1/64 dev front nodad && ip addr add fd00::1/64 dev back nodad",
	"ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:c1 nud permanent dev front",
	"ip neigh replace 2001:db8::77 lladdr 02:00:00:00:00:c1 nud permanent dev front",
	"ip route add 203.0.113.0/24 via 192.0.2.77 mtu lock 1280",
	"ip route add 2001:db8:9::/64 via 2001:db8::77 mtu lock 1280",
};

static void give_up(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	exit(STATUS_SKIPPED);
}

static void namespace_open(void)
{
	size_t i;

	if (geteuid())
		give_up("not root");
	if (unshare(CLONE_NEWNET) < 0)
		give_up("no network namespace can be made");
	for (i = 0; i < sizeof(set_up) / sizeof(*set_up); i++)
		if (system(set_up[i])) {
			fprintf(stderr, "failed: %s\n", set_up[i]);
			give_up("the namespace cannot be set up");
		}
}

static void *map_shared(struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)bpf_map__max_entries(map) * ((bpf_map__value_size(map) + 7) & ~7u);
	void *at;

	len = (len + page - 1) / page * page;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED) {
		perror("mmap of a map");
		exit(1);
	}
	return at;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* Verifiers give up at a million: far below that there is room for one that prunes less. */
static void check_verified(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
		return;
	printf("verified instructions: %-12s %6u\n", bpf_program__name(program),
	       info.verified_insns);
	if (info.verified_insns > VERIFIED_MAX) {
		fprintf(stderr, "more than %u\n", VERIFIED_MAX);
		exit(1);
	}
}

struct rig *rig_open(unsigned flows)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct bpf_program *program;
	uint64_t begun;

	libbpf_set_print(quiet);
	namespace_open();
	if (!rig)
		exit(1);
	rig->front = if_nametoindex("front");
	rig->back = if_nametoindex("back");
	rig->skel = lbd_bpf__open();
	if (!rig->skel)
		exit(1);
	bpf_map__set_max_entries(rig->skel->maps.flows4, flows);
	bpf_map__set_max_entries(rig->skel->maps.flows6, flows);
	bpf_map__set_max_entries(rig->skel->maps.templates, flows);
	begun = now_ns();
	errno = 0;
	if (lbd_bpf__load(rig->skel)) {
		if (errno == EPERM)
			give_up("BPF programs cannot be loaded");
		exit(1);
	}
	printf("loaded in %llu ms\n", (unsigned long long)(now_ns() - begun) / 1000000);
	rig->svcs = map_shared(rig->skel->maps.svcs);
	rig->servers = map_shared(rig->skel->maps.servers);
	rig->rings = map_shared(rig->skel->maps.rings);
	rig->ranges = map_shared(rig->skel->maps.ranges);
	rig->lips = map_shared(rig->skel->maps.lips);
	rig->gates = map_shared(rig->skel->maps.gates);
	rig->reclaim = map_shared(rig->skel->maps.reclaim);
	rig->ports = map_shared(rig->skel->maps.ports);
	bpf_object__for_each_program(program, rig->skel->obj)
	{
		check_verified(program);
	}
	return rig;
}

void rig_close(struct rig *rig)
{
	rig_books_balance(rig);
	lbd_bpf__destroy(rig->skel);
	free(rig);
}

/* ---- Filling the maps ----------------------------------------------------------------------- */

static void hash_clear(struct bpf_map *map)
{
	uint8_t key[64], next[64];
	int fd = bpf_map__fd(map);
	bool more = !bpf_map_get_next_key(fd, NULL, key);

	while (more) {
		more = !bpf_map_get_next_key(fd, key, next);
		bpf_map_delete_elem(fd, key);
		memcpy(key, next, sizeof(key));
	}
}

static void percpu_clear(struct bpf_map *map, uint32_t slots)
{
	static uint64_t zeros[1024 * 8];
	uint32_t i;

	for (i = 0; i < slots; i++)
		bpf_map_update_elem(bpf_map__fd(map), &i, zeros, BPF_ANY);
}

static void set_port(struct rig *rig, unsigned ifindex, enum who who)
{
	rig->ports[ifindex].flags = PORT_MAC | PORT_XDP;
	memcpy(rig->ports[ifindex].mac, who_mac(who), 6);
}

void rig_reset(struct rig *rig, bool v6, enum hook hook)
{
	rig_books_balance(rig);
	rig->v6 = v6;
	rig->hook = hook;
	hash_clear(rig->skel->maps.services);
	hash_clear(rig->skel->maps.flows4);
	hash_clear(rig->skel->maps.flows6);
	hash_clear(rig->skel->maps.gate_vrids);
	hash_clear(rig->skel->maps.gate_addrs);
	hash_clear(rig->skel->maps.wide);
	hash_clear(rig->skel->maps.templates);
	hash_clear(rig->skel->maps.fragments);
	hash_clear(rig->skel->maps.held);
	percpu_clear(rig->skel->maps.counters, HOOKS * COUNTERS);
	percpu_clear(rig->skel->maps.server_stats, RIG_SLOTS);
	percpu_clear(rig->skel->maps.port_stats, RIG_PORTS);
	percpu_clear(rig->skel->maps.credits, bpf_map__max_entries(rig->skel->maps.credits));
	memset(rig->svcs, 0, RIG_SLOTS * sizeof(*rig->svcs));
	memset(rig->servers, 0, RIG_SLOTS * sizeof(*rig->servers));
	memset(rig->rings, 0, RIG_SLOTS * sizeof(*rig->rings));
	memset(rig->ranges, 0, RIG_SLOTS * sizeof(*rig->ranges));
	memset(rig->lips, 0, 8 * sizeof(*rig->lips));
	memset(rig->gates, 0, 8 * sizeof(*rig->gates));
	memset(rig->ports, 0, RIG_PORTS * sizeof(*rig->ports));
	set_port(rig, rig->front, FRONT);
	set_port(rig, rig->back, BACK);
	rig->lips[LIP_SLOT] = (struct lip){ .addr = who_addr(LIP, v6),
					    .port = who_port(LIP),
					    .last = who_port(LIP) };
}

static void set_server(struct rig *rig, uint32_t id, uint32_t svc, enum who who, enum method method)
{
	bool maps_ports = method == METHOD_NAT || method == METHOD_FULLNAT;
	struct server *s = &rig->servers[id];
	struct nexthop *hop = &s->hops[0];

	s->addr = who_addr(who, rig->v6);
	s->port = htons(maps_ports ? who_port(who) : who_port(VIP));
	s->lips = method == METHOD_FULLNAT ? SPAN(LIP_SLOT, 1) : 0;
	s->method = method;
	s->svc = svc;
	s->status = SERVER_ALIVE | SERVER_TAKES;
	hop->ifindex = rig->back;
	hop->mtu = 1500;
	hop->flags = HOP_RESOLVED;
	hop->gateway = s->addr;
	hop->source = who_addr(BACK, rig->v6);
	memcpy(hop->dmac, who_mac(who), 6);
	memcpy(hop->smac, who_mac(BACK), 6);
}

void rig_service_key(struct rig *rig, uint32_t slot, enum who vip, uint8_t proto, uint32_t gate)
{
	struct svc_key key = {
		.vip = who_addr(vip, rig->v6),
		.port = htons(who_port(vip)),
		.proto = proto,
	};
	struct svc_ref ref = { .svc = slot, .gate = gate };

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(rig->skel->maps.services), &key, &ref, BPF_ANY), 0);
}

void rig_service_remove(struct rig *rig, enum who vip, uint8_t proto)
{
	struct svc_key key = {
		.vip = who_addr(vip, rig->v6),
		.port = htons(who_port(vip)),
		.proto = proto,
	};

	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(rig->skel->maps.services), &key), 0);
}

void rig_service(struct rig *rig, uint32_t slot, enum who vip, uint8_t proto, enum method method,
		 unsigned n)
{
	struct svc *svc = &rig->svcs[slot];
	unsigned i;

	for (i = 0; i < n; i++) {
		set_server(rig, SERVER1 + i, slot, WEB1 + i, method);
		rig->rings[0].server[i] = SERVER1 + i;
	}
	svc->ring = SPAN(0, n);
	for (i = 0; i < FLOW_STATES; i++)
		svc->timeout[i] = 1000000;
	rig_service_key(rig, slot, vip, proto, 0);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void rig_gate(struct rig *rig, enum who who, uint8_t vrid)
{
	struct gate_addr addr = { .addr = who_addr(who, rig->v6) };
	struct vrid_key key = { .ifindex = rig->front, .vrid = vrid, .v6 = rig->v6 };
	uint32_t gate = GATE;

	rig->gates[GATE].open = 1;
	rig->gates[GATE].beat_ns = now_ns();
	rig->gates[GATE].stale_ns = 3600ull * 1000000000u;
	rig->gates[GATE].fresh_ns = 3600ull * 1000000000u;
	bpf_map_update_elem(bpf_map__fd(rig->skel->maps.gate_addrs), &addr, &gate, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(rig->skel->maps.gate_vrids), &key, &gate, BPF_ANY);
}

/* ---- Running the programs ------------------------------------------------------------------- */

static const struct bpf_program *program_of(const struct rig *rig)
{
	switch (rig->hook) {
	case HOOK_XDP:
		return rig->skel->progs.lbd_xdp;
	case HOOK_INGRESS:
		return rig->skel->progs.lbd_ingress;
	default:
		return rig->skel->progs.lbd_egress;
	}
}

static int run_bytes(struct rig *rig, const void *frame, size_t len, const struct context *c,
		     struct outcome *ret)
{
	struct __sk_buff skb = { .gso_size = c->gso_size, .gso_segs = c->gso_segs };
	struct xdp_md xdp = { .data_end = (uint32_t)len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = ret->frame, .data_size_out = sizeof(ret->frame), .repeat = 1);
	unsigned ifindex = c->ifindex;
	int r;

	if (!ifindex)
		ifindex = memcmp(frame, who_mac(BACK), 6) ? rig->front : rig->back;
	skb.ifindex = ifindex;
	xdp.ingress_ifindex = ifindex;
	opts.ctx_in = rig->hook == HOOK_XDP ? (void *)&xdp : (void *)&skb;
	opts.ctx_size_in = rig->hook == HOOK_XDP ? sizeof(xdp) : sizeof(skb);
	if (c->sum_known)
		opts.flags = RIG_SUM_KNOWN;
	memset(ret, 0, sizeof(*ret));
	r = bpf_prog_test_run_opts(bpf_program__fd(program_of(rig)), &opts);
	ret->action = (int)opts.retval;
	ret->len = opts.data_size_out;
	return r;
}

void rig_run_bytes(struct rig *rig, const void *frame, size_t len, const struct context *c,
		   struct outcome *ret)
{
	assert_int_equal(run_bytes(rig, frame, len, c, ret), 0);
}

void rig_run(struct rig *rig, const struct frame *f, const struct context *c, struct outcome *ret)
{
	static const struct context usual;
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(f, rig->v6, frame);

	c = c ? c : &usual;
	rig_run_bytes(rig, frame, c->len ? c->len : len, c, ret);
}

bool rig_sum_known_works(struct rig *rig)
{
	const struct frame f = { .from = CLIENT, .to = FRONT, .flags = ACK };
	const struct context c = { .sum_known = true };
	uint8_t frame[FRAME_MAX];
	struct outcome o;
	size_t len = frame_build(&f, rig->v6, frame);

	return rig->hook == HOOK_INGRESS && !run_bytes(rig, frame, len, &c, &o);
}

int action_pass(enum hook hook)
{
	return hook == HOOK_XDP ? XDP_PASS : TC_ACT_UNSPEC;
}

int action_drop(enum hook hook)
{
	return hook == HOOK_XDP ? XDP_DROP : TC_ACT_SHOT;
}

int action_redirect(enum hook hook)
{
	return hook == HOOK_XDP ? XDP_REDIRECT : TC_ACT_REDIRECT;
}

/* ---- Looking at the maps -------------------------------------------------------------------- */

uint64_t rig_count(struct rig *rig, enum hook hook, enum counter what)
{
	uint64_t cpus[1024] = {}, sum = 0;
	uint32_t slot = hook * COUNTERS + what;
	int n = libbpf_num_possible_cpus(), i;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.counters), &slot, cpus),
			 0);
	for (i = 0; i < n; i++)
		sum += cpus[i];
	return sum;
}

bool counter_is_end(enum counter what)
{
	static const char *const names[COUNTERS] = {
#define X(name, text, help) [COUNT_##name] = text,
		LBD_COUNTERS(X)
#undef X
	};

	return what == COUNT_REDIRECTED || what == COUNT_PASSED || what == COUNT_HELD ||
	       !strncmp(names[what], "drop_", strlen("drop_"));
}

static bool books_balance(struct rig *rig)
{
	enum counter c;
	enum hook hook;
	uint64_t sum;

	for (hook = 0; hook < HOOKS; hook++) {
		for (sum = 0, c = 0; c < COUNTERS; c++)
			if (counter_is_end(c))
				sum += rig_count(rig, hook, c);
		if (sum != rig_count(rig, hook, COUNT_SEEN))
			return false;
	}
	return true;
}

void rig_books_balance(struct rig *rig)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	int i;

	/* Where the programs are attached, a packet of the kernel's own may be under way just now.
	 */
	for (i = 0; i < 100 && !books_balance(rig); i++)
		nanosleep(&pause, NULL);
	assert_true(books_balance(rig));
}

void rig_port_stats(struct rig *rig, unsigned ifindex, struct port_stats *ret)
{
	struct port_stats cpus[256] = {};
	int n = libbpf_num_possible_cpus(), i;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.port_stats), &ifindex, cpus), 0);
	for (i = 0; i < n; i++) {
		ret->in_packets += cpus[i].in_packets;
		ret->in_bytes += cpus[i].in_bytes;
		ret->out_packets += cpus[i].out_packets;
		ret->out_bytes += cpus[i].out_bytes;
	}
}

void rig_stats(struct rig *rig, uint32_t server, struct server_stats *ret)
{
	struct server_stats cpus[256] = {};
	int n = libbpf_num_possible_cpus(), i;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.server_stats), &server, cpus), 0);
	for (i = 0; i < n; i++) {
		ret->conns += cpus[i].conns;
		ret->in_packets += cpus[i].in_packets;
		ret->in_bytes += cpus[i].in_bytes;
		ret->out_packets += cpus[i].out_packets;
		ret->out_bytes += cpus[i].out_bytes;
	}
}

static int flows_fd(const struct rig *rig, bool v6)
{
	return bpf_map__fd(v6 ? rig->skel->maps.flows6 : rig->skel->maps.flows4);
}

size_t rig_flows(struct rig *rig)
{
	struct flow6_key key, *last = NULL;
	size_t n = 0;
	int v6;

	for (v6 = 0; v6 < 2; v6++)
		for (last = NULL; !bpf_map_get_next_key(flows_fd(rig, v6), last, &key); last = &key)
			n++;
	return n;
}

union key {
	struct flow4_key v4;
	struct flow6_key v6;
};

union value {
	struct flow f;
	struct flow4 v4;
	struct flow6 v6;
};

static union key key_of(const struct rig *rig, const struct frame *f)
{
	struct addr src = who_addr(f->from, rig->v6), dst = who_addr(f->to, rig->v6);
	uint16_t sport = htons(f->sport ? f->sport : who_port(f->from));
	uint16_t dport = htons(f->dport ? f->dport : who_port(f->to));
	uint8_t proto = f->proto ? f->proto : IPPROTO_TCP;
	union key key = {};

	if (rig->v6)
		key.v6 = (struct flow6_key){ .t = { src, dst, sport, dport }, .proto = proto };
	else
		key.v4 = (struct flow4_key){ .t = { src.a[3], dst.a[3], sport, dport },
					     .proto = proto };
	return key;
}

bool rig_flow(struct rig *rig, const struct frame *f, struct flow *ret)
{
	union key key = key_of(rig, f);
	union value value = {};

	if (bpf_map_lookup_elem(flows_fd(rig, rig->v6), &key, &value))
		return false;
	*ret = value.f;
	return true;
}

void rig_flow_set(struct rig *rig, const struct frame *f, const struct flow *to)
{
	union key key = key_of(rig, f);
	union value value = {};

	assert_int_equal(bpf_map_lookup_elem(flows_fd(rig, rig->v6), &key, &value), 0);
	value.f = *to;
	assert_int_equal(bpf_map_update_elem(flows_fd(rig, rig->v6), &key, &value, BPF_EXIST), 0);
}

void rig_flow_delete(struct rig *rig, const struct frame *f)
{
	union key key = key_of(rig, f);

	assert_int_equal(bpf_map_delete_elem(flows_fd(rig, rig->v6), &key), 0);
}

/* ---- Time ----------------------------------------------------------------------------------- */

int rig_reclaim_listed(struct rig *rig)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(bpf_program__fd(rig->skel->progs.lbd_reclaim), &opts);

	return r ? r : (int)opts.retval;
}

int rig_reclaim(struct rig *rig)
{
	struct reclaim *batch = rig->reclaim;
	int templates = bpf_map__fd(rig->skel->maps.templates);
	struct flow6_key key6, *last6 = NULL;
	struct flow4_key key4, *last4 = NULL;
	struct template_key *last = NULL;

	batch->n4 = batch->n6 = 0;
	while (batch->n4 < RECLAIM_BATCH &&
	       !bpf_map_get_next_key(flows_fd(rig, false), last4, &key4)) {
		batch->keys4[batch->n4++] = key4;
		last4 = &key4;
	}
	while (batch->n6 < RECLAIM_BATCH &&
	       !bpf_map_get_next_key(flows_fd(rig, true), last6, &key6)) {
		batch->keys6[batch->n6++] = key6;
		last6 = &key6;
	}
	batch->n_templates = 0;
	while (batch->n_templates < RECLAIM_BATCH &&
	       !bpf_map_get_next_key(templates, last, &batch->templates[batch->n_templates]))
		last = &batch->templates[batch->n_templates++];
	return rig_reclaim_listed(rig);
}

void rig_age(struct rig *rig, uint32_t jiffies)
{
	static union key keys[RIG_FLOWS];
	int fd = flows_fd(rig, rig->v6);
	union value value;
	size_t n = 0, i;

	/* All keys first: an update moves the entry to another place. */
	while (n < RIG_FLOWS && !bpf_map_get_next_key(fd, n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	for (i = 0; i < n; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &keys[i], &value), 0);
		value.f.seen -= jiffies;
		assert_int_equal(bpf_map_update_elem(fd, &keys[i], &value, BPF_EXIST), 0);
	}
}
