// SPDX-License-Identifier: BSD-2-Clause
/* The life of flows under stress.
 *
 * Two threads, each on a CPU of its own, send packets of the same tuples through both programs, in
 * any order: SYN, data, FIN, RST, answers, SYN again.  A third runs the reclaim program all the
 * time, with timeouts so short that it ends flows under their packets.  Every frame that comes out
 * must be right in itself: the service's server, that server's MAC, the client's tuple.  When all
 * is over, so must be the counters: no entry, no load, and every packet in exactly one column.
 *
 * Usage: test_life [--long | OPERATIONS], or LBD_LIFE_OPS=OPERATIONS test_life
 */
#include "config.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define OPS_DEFAULT 1000000ul
#define OPS_LONG    10000000ul
#define TABLE	    8192
#define THREADS	    2
#define SERVICES    6  /* each with servers of its own */
#define SERVERS	    3  /* of a service */
#define PORTS	    32 /* of the one client, so many tuples for each service and family */
#define CLOSING_NS  (20 * 1000000000ull)

static const struct {
	enum method method;
	uint8_t proto;
	uint32_t timeout; /* jiffies; 0: over as soon as it is listed */
	uint32_t persist;
	uint8_t flags;
	uint32_t upper; /* of the first server's flows */
} services[SERVICES] = {
	{ METHOD_NAT, IPPROTO_TCP, .timeout = 0 },
	{ METHOD_NAT, IPPROTO_TCP, .timeout = 1, .upper = 4 },
	{ METHOD_DR, IPPROTO_TCP, .timeout = 0 },
	{ METHOD_NAT, IPPROTO_UDP, .timeout = 0 },
	{ METHOD_NAT, IPPROTO_TCP, .persist = 1 },
	{ METHOD_NAT, IPPROTO_UDP, .timeout = 1, .flags = SVC_ONE_PACKET },
};

/* Where things are in a frame without options. */
static const struct {
	size_t src, dst, addr_len, ports;
} places[2] = {
	{ 14 + 12, 14 + 16, 4, 14 + 20 },
	{ 14 + 8, 14 + 24, 16, 14 + 40 },
};

enum move {
	MOVE_SYN,
	MOVE_ACK,
	MOVE_FIN,
	MOVE_RST,
	MOVE_ANSWER, /* and all after it: by a server */
	MOVE_ANSWER_SYN,
	MOVE_ANSWER_FIN,
	MOVE_ANSWER_RST,
	MOVES,
};

static const uint8_t flags_of[MOVES] = {
	[MOVE_SYN] = SYN,
	[MOVE_ACK] = ACK,
	[MOVE_FIN] = FIN | ACK,
	[MOVE_RST] = RST,
	[MOVE_ANSWER] = ACK,
	[MOVE_ANSWER_SYN] = SYN | ACK,
	[MOVE_ANSWER_FIN] = FIN | ACK,
	[MOVE_ANSWER_RST] = RST | ACK,
};

struct worker {
	pthread_t thread;
	struct rig *rig;
	unsigned cpu;
	uint64_t ops;
	uint32_t random;
	uint64_t forwarded;
	char wrong[200]; /* the first frame that was not right */
};

static atomic_bool stop;
static uint8_t templates[2][2][MOVES][128]; /* [v6][udp][move] */
static size_t template_len[2][2];

/* ---- The cast -------------------------------------------------------------------------------- */

/* The last bytes of an address or MAC tell service and server. */
static uint32_t server_id(unsigned svc, unsigned k, bool v6)
{
	return 1 + ((unsigned)v6 * SERVICES + svc) * SERVERS + k;
}

static unsigned svc_slot(unsigned svc, bool v6)
{
	return 1 + (unsigned)v6 * SERVICES + svc;
}

static void mark_server(uint8_t *last, unsigned svc, unsigned k)
{
	last[-1] = (uint8_t)(0x40 + svc);
	last[0] = (uint8_t)(0x80 + k);
}

static struct addr server_addr(unsigned svc, unsigned k, bool v6)
{
	struct addr a = who_addr(WEB1, v6);

	mark_server((uint8_t *)&a + sizeof(a) - 1, svc, k);
	return a;
}

static struct addr vip_addr(unsigned svc, bool v6)
{
	struct addr a = who_addr(VIP, v6);

	((uint8_t *)&a)[sizeof(a) - 1] = (uint8_t)(0x10 + svc);
	return a;
}

static void fill_server(struct rig *rig, unsigned svc, unsigned k, bool v6)
{
	struct server *s = &rig->servers[server_id(svc, k, v6)];

	memset(s, 0, sizeof(*s));
	s->addr = server_addr(svc, k, v6);
	s->port = htons(services[svc].method == METHOD_NAT ? 8080 : 80);
	s->method = services[svc].method;
	s->svc = svc_slot(svc, v6);
	s->upper = k ? 0 : services[svc].upper;
	s->status = SERVER_ALIVE | SERVER_TAKES;
	s->hops[0].ifindex = rig->back;
	s->hops[0].flags = HOP_RESOLVED;
	memcpy(s->hops[0].dmac, who_mac(WEB1), 6);
	mark_server(&s->hops[0].dmac[5], svc, k);
	memcpy(s->hops[0].smac, who_mac(BACK), 6);
}

static void fill_service(struct rig *rig, unsigned svc, bool v6)
{
	struct svc_key key = {
		.vip = vip_addr(svc, v6),
		.port = htons(80),
		.proto = services[svc].proto,
	};
	struct svc_ref ref = { .svc = svc_slot(svc, v6) };
	struct svc *s = &rig->svcs[ref.svc];
	unsigned i;

	for (i = 0; i < FLOW_STATES; i++)
		s->timeout[i] = services[svc].timeout;
	for (i = 0; i < SERVERS; i++) {
		fill_server(rig, svc, i, v6);
		rig->rings[ref.svc].server[i] = server_id(svc, i, v6);
	}
	s->ring = SPAN(ref.svc * RING_CHUNK, SERVERS);
	s->persist = services[svc].persist;
	s->persist_bits = 128;
	s->flags = services[svc].flags;
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.services), &key, &ref, BPF_ANY)) {
		perror("services");
		exit(1);
	}
}

static void build_templates(void)
{
	unsigned v6, udp, move;
	uint8_t buf[FRAME_MAX];

	for (v6 = 0; v6 < 2; v6++)
		for (udp = 0; udp < 2; udp++)
			for (move = 0; move < MOVES; move++) {
				bool answer = move >= MOVE_ANSWER;
				struct frame f = {
					.from = answer ? WEB1 : CLIENT,
					.to = answer ? CLIENT : VIP,
					.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
					.flags = flags_of[move],
				};

				template_len[v6][udp] = frame_build(&f, v6, buf);
				memcpy(templates[v6][udp][move], buf, sizeof(templates[0][0][0]));
			}
}

/* ---- One operation --------------------------------------------------------------------------- */

struct op {
	bool v6;
	enum hook hook;
	unsigned svc, server, port;
	enum move move;
};

static uint32_t draw(struct worker *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return (uint32_t)((uint64_t)w->random * below >> 32);
}

static const uint8_t *addr_on_wire(const struct addr *a, bool v6)
{
	return (const uint8_t *)a + (v6 ? 0 : 12);
}

static uint16_t client_port(const struct op *op)
{
	return htons((uint16_t)(30000 + op->port));
}

static size_t make_frame(const struct op *op, uint8_t *frame)
{
	bool answer = op->move >= MOVE_ANSWER, udp = services[op->svc].proto == IPPROTO_UDP;
	size_t at = places[op->v6].dst, len = places[op->v6].addr_len;
	uint16_t port = client_port(op);
	struct addr a = vip_addr(op->svc, op->v6);

	memcpy(frame, templates[op->v6][udp][op->move], sizeof(templates[0][0][0]));
	if (answer) {
		at = places[op->v6].src;
		a = server_addr(op->svc, op->server, op->v6);
	}
	memcpy(frame + at, addr_on_wire(&a, op->v6), len);
	memcpy(frame + places[op->v6].ports + (answer ? 2 : 0), &port, sizeof(port));
	frame_ip_check(frame);
	return template_len[op->v6][udp];
}

/* Is a frame that was sent to a server what it must be?  Which server is not said, but there must
 * be one for which everything fits. */
static bool request_is_right(const struct op *op, const uint8_t *in, const uint8_t *out)
{
	size_t len = places[op->v6].addr_len, dst = places[op->v6].dst, src = places[op->v6].src;
	bool nat = services[op->svc].method == METHOD_NAT;
	uint8_t mac[6];
	struct addr a;
	unsigned k;

	for (k = 0; k < SERVERS; k++) {
		memcpy(mac, who_mac(WEB1), 6);
		mark_server(&mac[5], op->svc, k);
		if (memcmp(out, mac, 6))
			continue;
		a = nat ? server_addr(op->svc, k, op->v6) : vip_addr(op->svc, op->v6);
		return !memcmp(out + dst, addr_on_wire(&a, op->v6), len) &&
		       !memcmp(out + src, in + src, len) &&
		       !memcmp(out + places[op->v6].ports, in + places[op->v6].ports, 2);
	}
	return false;
}

static bool answer_is_right(const struct op *op, const uint8_t *in, const uint8_t *out)
{
	size_t len = places[op->v6].addr_len, dst = places[op->v6].dst;
	const uint8_t *ports = out + places[op->v6].ports;
	struct addr vip = vip_addr(op->svc, op->v6);
	uint16_t sport = htons(80), dport = client_port(op);

	return !memcmp(out, who_mac(CLIENT), 6) && !memcmp(out + dst, in + dst, len) &&
	       !memcmp(out + places[op->v6].src, addr_on_wire(&vip, op->v6), len) &&
	       !memcmp(ports, &sport, 2) && !memcmp(ports + 2, &dport, 2);
}

/* TC tells a client whose flow is over so. */
static bool is_reset(const struct op *op, const uint8_t *in, const uint8_t *out)
{
	size_t len = places[op->v6].addr_len, dst = places[op->v6].dst, src = places[op->v6].src;
	const uint8_t *sent = in + places[op->v6].ports, *ports = out + places[op->v6].ports;

	return op->hook == HOOK_INGRESS && services[op->svc].proto == IPPROTO_TCP &&
	       !memcmp(out, who_mac(CLIENT), 6) && !memcmp(out + dst, in + src, len) &&
	       !memcmp(out + src, in + dst, len) && !memcmp(ports, sent + 2, 2) &&
	       !memcmp(ports + 2, sent, 2) && ports[13] & RST;
}

static void complain(struct worker *w, const struct op *op, const char *what)
{
	if (!w->wrong[0])
		snprintf(w->wrong, sizeof(w->wrong),
			 "%s: IPv%c, hook %d, service %u, port %u, move %d", what,
			 op->v6 ? '6' : '4', op->hook, op->svc, op->port, op->move);
}

static void operate(struct worker *w, const struct op *op)
{
	const struct lbd_bpf *skel = w->rig->skel;
	uint8_t in[FRAME_MAX], out[FRAME_MAX];
	size_t len = make_frame(op, in);
	struct __sk_buff skb = {};
	struct xdp_md xdp = { .data_end = (uint32_t)len };
	bool answer = op->move >= MOVE_ANSWER, xdp_run = op->hook == HOOK_XDP;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	skb.ifindex = xdp.ingress_ifindex = answer ? w->rig->back : w->rig->front;
	opts.ctx_in = xdp_run ? (void *)&xdp : (void *)&skb;
	opts.ctx_size_in = xdp_run ? sizeof(xdp) : sizeof(skb);
	if (bpf_prog_test_run_opts(
		    bpf_program__fd(xdp_run ? skel->progs.lbd_xdp : skel->progs.lbd_ingress),
		    &opts)) {
		complain(w, op, strerror(errno));
		return;
	}
	if ((int)opts.retval != action_redirect(op->hook))
		return;
	if (!answer && is_reset(op, in, out))
		return;
	w->forwarded++;
	if (!(answer ? answer_is_right(op, in, out) : request_is_right(op, in, out)))
		complain(w, op, "a frame went the wrong way");
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t cpus;
	uint64_t i;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	for (i = 0; i < w->ops; i++) {
		struct op op = {
			.v6 = draw(w, 2),
			.hook = draw(w, 2) ? HOOK_XDP : HOOK_INGRESS,
			.svc = draw(w, SERVICES),
			.server = draw(w, SERVERS),
			/* half of all on two tuples, where the threads meet */
			.port = draw(w, 2) ? draw(w, 2) : draw(w, PORTS),
			.move = draw(w, 3) ? draw(w, MOVES) : MOVE_SYN,
		};

		operate(w, &op);
	}
	return NULL;
}

/* ---- The reclaim ----------------------------------------------------------------------------- */

struct reclaimer {
	pthread_t thread;
	struct rig *rig;
	uint64_t runs, reclaimed, orphans, kept, forgotten;
	int error;
};

static int reclaim_once(struct reclaimer *r)
{
	r->error = rig_reclaim(r->rig);
	r->runs++;
	r->reclaimed += r->rig->reclaim->reclaimed;
	r->orphans += r->rig->reclaim->orphans;
	r->kept += r->rig->reclaim->kept;
	r->forgotten += r->rig->reclaim->forgotten;
	return r->error;
}

static void *reclaim_all_the_time(void *arg)
{
	struct reclaimer *r = arg;

	while (!atomic_load(&stop))
		if (reclaim_once(r))
			break;
	return NULL;
}

/* ---- The end --------------------------------------------------------------------------------- */

static bool books_balance(struct rig *rig, uint64_t ops)
{
	uint64_t seen = 0, sum = 0;
	enum counter c;
	enum hook h;

	for (h = HOOK_XDP; h <= HOOK_INGRESS; h++) {
		seen += rig_count(rig, h, COUNT_SEEN);
		for (c = COUNT_REDIRECTED; c < COUNTERS; c++) {
			static const char *const names[COUNTERS] = {
#define X(name, text, help) text,
				LBD_COUNTERS(X)
#undef X
			};
			uint64_t n = rig_count(rig, h, c);

			if (n)
				printf("%s %s: %lu\n", h == HOOK_XDP ? "xdp" : "tc", names[c],
				       (unsigned long)n);
			if (counter_is_end(c))
				sum += n;
		}
	}
	if (seen == ops && sum == ops)
		return true;
	printf("of %lu packets %lu were seen and %lu accounted for\n", (unsigned long)ops,
	       (unsigned long)seen, (unsigned long)sum);
	return false;
}

static bool no_load(struct rig *rig)
{
	uint32_t id;
	bool none = true;

	for (id = 0; id <= server_id(SERVICES - 1, SERVERS - 1, true); id++) {
		struct server *s = &rig->servers[id];

		if (s->active || s->inactive || s->overloaded) {
			printf("server %u: %d active, %d inactive, overloaded %u\n", id,
			       (int)s->active, (int)s->inactive, s->overloaded);
			none = false;
		}
	}
	return none;
}

/* Templates that count no flow are forgotten; the others stay. */
static size_t templates_left(struct rig *rig)
{
	int fd = bpf_map__fd(rig->skel->maps.templates);
	struct template_key key, *last = NULL;
	struct template t;
	size_t n = 0;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key, n++)
		if (!bpf_map_lookup_elem(fd, &key, &t))
			printf("a template counts %d flows\n", (int)t.flows);
	return n;
}

static bool all_is_over(struct rig *rig, struct reclaimer *r, uint64_t ops)
{
	uint64_t end = now_ns() + CLOSING_NS;
	bool right = books_balance(rig, ops) && !rig_count(rig, HOOK_INGRESS, COUNT_DROP_ERROR) &&
		     !rig_count(rig, HOOK_XDP, COUNT_DROP_ERROR);

	while (rig_flows(rig) && now_ns() < end && !r->error)
		reclaim_once(r);
	usleep(100000); /* templates outlive flows for a jiffy */
	reclaim_once(r);
	printf("reclaim: %lu runs, %lu flows, %lu orphans, %lu kept, %lu templates\n",
	       (unsigned long)r->runs, (unsigned long)r->reclaimed, (unsigned long)r->orphans,
	       (unsigned long)r->kept, (unsigned long)r->forgotten);
	if (rig_flows(rig)) {
		printf("%zu entries are left\n", rig_flows(rig));
		right = false;
	}
	if (templates_left(rig) || !r->forgotten)
		right = false;
	return no_load(rig) && right && !r->error && !r->orphans;
}

static uint64_t how_many(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[1] : getenv("LBD_LIFE_OPS");

	if (!wanted)
		return OPS_DEFAULT;
	return strcmp(wanted, "--long") ? strtoul(wanted, NULL, 10) : OPS_LONG;
}

int main(int argc, char **argv)
{
	uint64_t ops = how_many(argc, argv) / THREADS * THREADS, start;
	struct worker workers[THREADS] = {};
	struct reclaimer reclaimer = {};
	bool right = true;
	unsigned i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS) {
		fprintf(stderr, "skipped: %d CPUs are needed\n", THREADS);
		return 77;
	}
	reclaimer.rig = rig_open(TABLE);
	rig_reset(reclaimer.rig, false, HOOK_INGRESS);
	for (i = 0; i < 2 * SERVICES; i++)
		fill_service(reclaimer.rig, i / 2, i & 1);
	build_templates();
	start = now_ns();
	for (i = 0; i < THREADS; i++) {
		workers[i].rig = reclaimer.rig;
		workers[i].cpu = i;
		workers[i].ops = ops / THREADS;
		workers[i].random = 2463534242u + i * 77777u;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	pthread_create(&reclaimer.thread, NULL, reclaim_all_the_time, &reclaimer);
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("thread %u: %lu packets, %lu forwarded\n", i, (unsigned long)workers[i].ops,
		       (unsigned long)workers[i].forwarded);
		if (workers[i].wrong[0])
			printf("thread %u: %s\n", i, workers[i].wrong);
		right = right && !workers[i].wrong[0] && workers[i].forwarded;
	}
	atomic_store(&stop, true);
	pthread_join(reclaimer.thread, NULL);
	printf("%.1f s\n", (double)(now_ns() - start) / 1e9);
	right = all_is_over(reclaimer.rig, &reclaimer, ops) && right && reclaimer.reclaimed;
	rig_close(reclaimer.rig);
	puts(right ? "ok" : "FAILED");
	return right ? 0 : 1;
}
