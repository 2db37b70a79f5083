// SPDX-License-Identifier: BSD-2-Clause
/* Many flows, begun and ended: nothing is left of them, and what the sweep over them costs.
 *
 * All four methods, both families.  Flows are opened by SYN and ACK, counted by a pass, closed by
 * a RST and swept; then opened again with the same tuples, which a local port or an id that had
 * leaked would prevent, and ended by the loss of their servers.
 *
 * Usage: test_million [--long | FLOWS]; --long: a million.  LBD_MILLION_FLOWS may hold the same.
 */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipvs/pass.h"
#include "rig.h"
#include "xmit/flowmaps.h"

#define FLOWS_DEFAULT 100000u
#define FLOWS_LONG    1000000u
#define KINDS	      (METHODS * 2) /* method, family */
#define CLIENT_PORTS  50000u
#define LIP_PORTS     60000u
#define LIPS	      8u /* of a family */
#define PASSES	      5

/* Where things are in a frame without options. */
static const struct {
	size_t src_end, ports;
} places[2] = { { 14 + 16, 14 + 20 }, { 14 + 24, 14 + 40 } };

static struct rig *rig;
static struct ipvs_backend backend;
static struct pass *pass;
static unsigned flows;
static bool right = true;

static void expect(bool good, const char *what)
{
	if (!good)
		printf("FAILED: %s\n", what);
	right = right && good;
}

/* ---- The services ---- */

static enum method method_of(unsigned kind)
{
	return kind / 2;
}

static bool v6_of(unsigned kind)
{
	return kind & 1;
}

static uint32_t slot_of(unsigned kind)
{
	return kind + 1;
}

static bool pairs(unsigned kind)
{
	return method_of(kind) == METHOD_NAT || method_of(kind) == METHOD_FULLNAT;
}

static struct addr nth(struct addr a, unsigned n)
{
	a.a[3] = htonl(ntohl(a.a[3]) + n);
	return a;
}

static void fill_lips(bool v6)
{
	unsigned i;

	for (i = 0; i < LIPS; i++)
		rig->lips[1 + v6 * LIPS + i] = (struct lip){ .addr = nth(who_addr(LIP, v6), i),
							     .port = 5000,
							     .last = 5000 + LIP_PORTS - 1 };
}

static void fill_service(unsigned kind)
{
	struct svc_key key = { .vip = nth(who_addr(VIP, v6_of(kind)), kind),
			       .port = htons(80),
			       .proto = IPPROTO_TCP };
	struct svc_ref ref = { .svc = slot_of(kind) };
	struct svc *svc = &rig->svcs[ref.svc];
	struct server *s = &rig->servers[ref.svc];
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->addr = nth(who_addr(WEB1, v6_of(kind)), 0);
	s->port = htons(pairs(kind) ? 8080 : 80);
	s->method = method_of(kind);
	s->svc = ref.svc;
	s->lips = method_of(kind) == METHOD_FULLNAT ? SPAN(1 + v6_of(kind) * LIPS, LIPS) : 0;
	s->status = SERVER_ALIVE | SERVER_TAKES;
	s->hops[0].ifindex = rig->back;
	s->hops[0].mtu = 1500;
	s->hops[0].flags = HOP_RESOLVED;
	s->hops[0].source = who_addr(BACK, v6_of(kind));
	memcpy(s->hops[0].dmac, who_mac(WEB1), 6);
	for (i = 0; i < FLOW_STATES; i++)
		svc->timeout[i] = 1000000;
	rig->rings[ref.svc].server[0] = ref.svc;
	svc->ring = SPAN(ref.svc * RING_CHUNK, 1);
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.services), &key, &ref, BPF_ANY))
		expect(false, "a service");
}

/* ---- Packets ---- */

static uint8_t templates[2][256];
static size_t template_len[2];

static void send_one(unsigned i, uint8_t flags)
{
	unsigned kind = i % KINDS, client = i / KINDS;
	bool v6 = v6_of(kind);
	struct addr vip = nth(who_addr(VIP, v6), kind);
	uint16_t port = htons((uint16_t)(1024 + client % CLIENT_PORTS));
	uint8_t in[256], out[512], *ports = in + places[v6].ports;
	struct __sk_buff skb = { .ifindex = rig->front };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in,
		    .data_size_in = (uint32_t)template_len[v6], .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &skb, .ctx_size_in = sizeof(skb),
		    .repeat = 1);

	memcpy(in, templates[v6], sizeof(in));
	in[places[v6].src_end - 2 - 2 * v6] = (uint8_t)(client / CLIENT_PORTS);
	memcpy(ports - 4, &vip.a[3], 4);
	memcpy(ports, &port, 2);
	ports[13] = flags;
	frame_ip_check(in);
	if (bpf_prog_test_run_opts(bpf_program__fd(rig->skel->progs.lbd_ingress), &opts) ||
	    (int)opts.retval != action_redirect(HOOK_INGRESS))
		if (right) {
			printf("flow %u, flags %#x: not forwarded\n", i, flags);
			right = false;
		}
}

static void send_all(uint8_t flags)
{
	unsigned i;

	for (i = 0; i < flows; i++)
		send_one(i, flags);
}

static void build_templates(void)
{
	const struct frame f = { .from = CLIENT, .to = VIP, .seq = 1000, .ack = 2000 };
	uint8_t buf[FRAME_MAX];
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		template_len[v6] = frame_build(&f, v6, buf);
		memcpy(templates[v6], buf, sizeof(templates[0]));
	}
}

/* ---- The engine's control side, on the rig's maps ---- */

static struct flowmaps flowmaps(void)
{
	return (struct flowmaps){ .flows4 = bpf_map__fd(rig->skel->maps.flows4),
				  .flows6 = bpf_map__fd(rig->skel->maps.flows6),
				  .templates = bpf_map__fd(rig->skel->maps.templates) };
}

static int read_flows(struct ipvs_backend *b, struct flow_cursor *c, struct flow_entry *out,
		      unsigned room)
{
	struct flowmaps m = flowmaps();

	return flowmaps_read(&m, c, out, room);
}

static int get_flow(struct ipvs_backend *b, struct flow_entry *e)
{
	struct flowmaps m = flowmaps();

	return flowmaps_get(&m, e);
}

static int read_templates(struct ipvs_backend *b, struct flow_cursor *c, struct template_entry *out,
			  unsigned room)
{
	struct flowmaps m = flowmaps();

	return flowmaps_read_templates(&m, c, out, room);
}

static int run_reclaim(struct ipvs_backend *b)
{
	return rig_reclaim_listed(rig);
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One pass; returns its resets. */
static uint64_t sweep(const char *what)
{
	const struct pass_stats *s = &pass->stats;
	uint64_t resets = 0, turns = 0;
	double before = cpu_ms();

	pass_begin(pass);
	do {
		pass_turn(pass);
		resets += pass->n_resets;
		turns++;
	} while (!pass->done && !pass->error);
	expect(!pass->error, "the pass");
	printf("%-8s %7lu entries, %7lu ended, %lu turns: %6.1f ms, CPU %6.1f ms\n", what,
	       (unsigned long)(s->entries4 + s->entries6), (unsigned long)s->reclaimed,
	       (unsigned long)turns, (double)s->took.us / 1e3, cpu_ms() - before);
	return resets;
}

static bool loads_are(uint32_t active, uint32_t inactive)
{
	unsigned kind;

	for (kind = 0; kind < KINDS; kind++) {
		const struct server *s = &rig->servers[slot_of(kind)];

		if (s->active != active || s->inactive != inactive) {
			printf("server %u: %u active, %u inactive\n", slot_of(kind), s->active,
			       s->inactive);
			return false;
		}
	}
	return true;
}

static void set_all(uint32_t status, enum flow_state state, uint32_t timeout)
{
	unsigned kind;

	for (kind = 0; kind < KINDS; kind++) {
		rig->servers[slot_of(kind)].status = status;
		rig->svcs[slot_of(kind)].timeout[state] = timeout;
	}
}

static void open_all(void)
{
	send_all(SYN);
	send_all(ACK);
	expect(loads_are(flows / KINDS, 0), "all are established");
}

static void nothing_is_left(void)
{
	expect(loads_are(0, 0), "no load");
	expect(!rig_flows(rig), "no entry");
	expect(!pass->stats.orphans, "no half alone");
}

static void life(void)
{
	int i;

	open_all();
	for (i = 0; i < PASSES; i++)
		sweep("sweep");
	expect(pass->stats.flows == flows && !pass->stats.reclaimed, "all are counted");
	expect(!pass->stats.corrected && loads_are(flows / KINDS, 0), "nothing to set right");

	send_all(RST);
	expect(loads_are(0, flows / KINDS), "all are closed");
	set_all(SERVER_ALIVE | SERVER_TAKES, FLOW_CLOSE, 0);
	sweep("expired");
	expect(pass->stats.reclaimed == flows, "all have ended");
	nothing_is_left();
}

static void loss(void)
{
	uint64_t resets;

	open_all();
	set_all(SERVER_LOST | SERVER_RESET, FLOW_CLOSE, 0);
	resets = sweep("lost");
	expect(pass->stats.lost == flows, "all were lost");
	/* The servers have not said anything. */
	expect(resets == flows && pass->stats.resets_unknown == flows / 2, "clients are told");
	nothing_is_left();
}

int main(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[1] : getenv("LBD_MILLION_FLOWS");
	unsigned kind;

	flows = FLOWS_DEFAULT;
	if (wanted)
		flows = strcmp(wanted, "--long") ? (unsigned)strtoul(wanted, NULL, 10) : FLOWS_LONG;
	flows = flows / KINDS * KINDS;
	rig = rig_open(flows);
	pass = calloc(1, sizeof(*pass));
	if (!pass)
		return 1;
	rig_reset(rig, false, HOOK_INGRESS);
	fill_lips(false);
	fill_lips(true);
	for (kind = 0; kind < KINDS; kind++)
		fill_service(kind);
	backend = (struct ipvs_backend){
		.svcs = rig->svcs,
		.servers = rig->servers,
		.gates = rig->gates,
		.lips = rig->lips,
		.reclaim = rig->reclaim,
		.read_flows = read_flows,
		.get_flow = get_flow,
		.read_templates = read_templates,
		.run_reclaim = run_reclaim,
	};
	pass->be = &backend;
	build_templates();
	life();
	set_all(SERVER_ALIVE | SERVER_TAKES, FLOW_CLOSE, 0);
	loss();
	rig_close(rig);
	puts(right ? "ok" : "FAILED");
	return right ? 0 : 1;
}
