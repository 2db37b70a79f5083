// SPDX-License-Identifier: BSD-2-Clause
/* Nanoseconds that a new flow takes in lbd's programs, beside one lookup miss and one insert.
 *
 * Prints a line for each batch: what a flow took of lbd, of the reference and of the feeding alone.
 * new_flow.py judges them.
 *
 * Usage: new_flow dr|fullnat 4|6 tc|xdp BATCHES
 */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/new_flow.skel.h"
#include "rig.h"

#define TABLE	  (1u << 20) /* entries */
#define BATCH	  8192u	     /* flows */
#define SERVERS	  3u
#define LIPS	  8u
#define LIP_PORTS 60000u
#define PADDING	  (1u << 23) /* flows from this number on only fill the reference's table */

enum measured {
	LBD,
	INSERT,
	NOTHING,
	MEASURED,
};

static struct rig *rig;
static struct new_flow_bpf *skel;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- One batch ------------------------------------------------------------------------------- */

static const struct bpf_program *program_of(enum measured what)
{
	bool xdp = rig->hook == HOOK_XDP;

	switch (what) {
	case LBD:
		return xdp ? rig->skel->progs.lbd_xdp : rig->skel->progs.lbd_ingress;
	case INSERT:
		return xdp ? skel->progs.insert_xdp : skel->progs.insert_tc;
	default:
		return xdp ? skel->progs.nothing_xdp : skel->progs.nothing_tc;
	}
}

/* BATCH new flows from this number on; returns nanoseconds for each. */
static unsigned run(enum measured what, unsigned first)
{
	bool xdp = rig->hook == HOOK_XDP;
	struct bpf_map *map = xdp ? skel->maps.measured_xdp : skel->maps.measured_tc;
	int expected = what == LBD ? action_redirect(rig->hook) : xdp ? 2 : 0; /* PASS, OK */
	int program = bpf_program__fd(program_of(what)), slot = 0;
	uint8_t in[128] = { 0 };
	struct xdp_md md = { .data_end = sizeof(in), .ingress_ifindex = rig->front };
	struct __sk_buff skb = { .ifindex = rig->front };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .repeat = BATCH);

	memcpy(in, skel->bss->frame, sizeof(skel->bss->frame));
	opts.ctx_in = xdp ? (void *)&md : (void *)&skb;
	opts.ctx_size_in = xdp ? sizeof(md) : sizeof(skb);
	skel->bss->next = first;
	if (bpf_map_update_elem(bpf_map__fd(map), &slot, &program, BPF_ANY))
		die("prog array");
	if (bpf_prog_test_run_opts(
		    bpf_program__fd(xdp ? skel->progs.feed_xdp : skel->progs.feed_tc), &opts))
		die("BPF_PROG_TEST_RUN");
	if ((int)opts.retval != expected || skel->bss->next != first + BATCH) {
		fprintf(stderr, "the program returned %d, not %d\n", (int)opts.retval, expected);
		exit(1);
	}
	return opts.duration;
}

/* ---- A series -------------------------------------------------------------------------------- */

static void fill_lips(void)
{
	struct addr lip = who_addr(LIP, rig->v6);
	unsigned i;

	for (i = 0; i < LIPS; i++) {
		rig->lips[i] = (struct lip){ lip, 5000, 5000 + LIP_PORTS - 1, 0 };
		lip.a[3] = htonl(ntohl(lip.a[3]) + 1);
	}
	for (i = 0; i < SERVERS; i++)
		rig->servers[SERVER1 + i].lips = SPAN(0, LIPS);
}

static void prepare(enum method method, bool v6, enum hook hook)
{
	const struct frame f = { .from = CLIENT, .to = VIP, .flags = SYN, .payload = 40 };
	uint8_t buf[FRAME_MAX];

	rig_reset(rig, v6, hook);
	rig_service(rig, SVC, VIP, IPPROTO_TCP, method, SERVERS);
	if (method == METHOD_FULLNAT)
		fill_lips();
	frame_build(&f, v6, buf);
	memcpy(skel->bss->frame, buf, sizeof(skel->bss->frame));
	skel->bss->v6 = v6;
}

static void all_were_made(unsigned flows)
{
	struct server_stats stats;
	uint64_t conns = 0;
	unsigned i;

	for (i = 0; i < SERVERS; i++) {
		rig_stats(rig, SERVER1 + i, &stats);
		conns += stats.conns;
	}
	if (conns == flows)
		return;
	fprintf(stderr, "%llu flows instead of %u\n", (unsigned long long)conns, flows);
	exit(1);
}

/* The first batch is not printed. */
static void series(enum method method, bool v6, enum hook hook, unsigned batches)
{
	unsigned took[MEASURED], batch, i;

	prepare(method, v6, hook);
	for (batch = 0; batch <= batches; batch++) {
		for (i = 0; i < MEASURED; i++)
			took[(batch + i) % MEASURED] = run((batch + i) % MEASURED, batch * BATCH);
		if (method == METHOD_FULLNAT)
			run(INSERT, PADDING + batch * BATCH);
		if (batch)
			printf("batch %u %u %u\n", took[LBD], took[INSERT], took[NOTHING]);
	}
	all_were_made((batches + 1) * BATCH);
}

/* One CPU: the tables' free entries are kept by CPU. */
static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	enum method method = argc > 1 && !strcmp(argv[1], "dr") ? METHOD_DR : METHOD_FULLNAT;
	unsigned batches = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;

	if (!batches || batches > TABLE / BATCH / 2 - 2) {
		fprintf(stderr, "new_flow dr|fullnat 4|6 tc|xdp 1..%u\n", TABLE / BATCH / 2 - 2);
		return 2;
	}
	rig = rig_open(TABLE);
	skel = new_flow_bpf__open();
	if (!skel)
		die("open");
	bpf_map__set_max_entries(skel->maps.table4, TABLE);
	bpf_map__set_max_entries(skel->maps.table6, TABLE);
	if (new_flow_bpf__load(skel))
		die("load");
	stay_here();
	series(method, *argv[2] == '6', strcmp(argv[3], "xdp") ? HOOK_INGRESS : HOOK_XDP, batches);
	new_flow_bpf__destroy(skel);
	rig_close(rig);
	return 0;
}
