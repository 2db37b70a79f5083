// SPDX-License-Identifier: BSD-2-Clause
/* The kernel's side of struct ipvs_backend. */
#include "xmit/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lib/list.h"
#include "lib/log.h"
#include "xmit/flowmaps.h"
#include "xmit/lbd.skel.h"
#include "xmit/pins.h"

#define OWN_PROGRAM_MAPS 64 /* maps that one program may use */

struct maps {
	struct ipvs_backend be;
	struct lbd_bpf *skel;
	struct pins *pins;
	struct port *ports; /* PORT_MAX, shared */
	unsigned n_cpus;
};

static struct maps *of(struct ipvs_backend *b)
{
	return container_of(b, struct maps, be);
}

/* ---- Tables ---- */

static int table_fd(struct ipvs_backend *b, enum ipvs_table t)
{
	const struct lbd_bpf *skel = of(b)->skel;
	const struct bpf_map *const tables[TABLES] = {
		[TABLE_SERVICES] = skel->maps.services,
		[TABLE_WIDE] = skel->maps.wide,
		[TABLE_GATE_VRIDS] = skel->maps.gate_vrids,
		[TABLE_GATE_ADDRS] = skel->maps.gate_addrs,
	};

	return bpf_map__fd(tables[t]);
}

static int backend_set(struct ipvs_backend *b, enum ipvs_table t, const void *key,
		       const void *value)
{
	return bpf_map_update_elem(table_fd(b, t), key, value, BPF_ANY);
}

static int backend_get(struct ipvs_backend *b, enum ipvs_table t, const void *key, void *ret_value)
{
	return bpf_map_lookup_elem(table_fd(b, t), key, ret_value);
}

static int backend_del(struct ipvs_backend *b, enum ipvs_table t, const void *key)
{
	return bpf_map_delete_elem(table_fd(b, t), key);
}

/* All keys first: a walk goes astray when its last key is deleted. */
static int backend_each(struct ipvs_backend *b, enum ipvs_table t,
			void (*entry)(void *ctx, const void *key, const void *value), void *ctx)
{
	size_t n = 0, room = 0, i;
	unsigned char value[sizeof(struct svc_ref)];
	struct svc_key *keys = NULL, *more; /* the largest key of the tables */
	const void *last = NULL;
	int fd = table_fd(b, t);

	for (;;) {
		if (n == room) {
			room = room ? room * 2 : 64;
			more = realloc(keys, room * sizeof(*keys));
			if (!more) {
				free(keys);
				return -ENOMEM;
			}
			keys = more;
			last = n ? &keys[n - 1] : NULL;
		}
		if (bpf_map_get_next_key(fd, last, &keys[n]))
			break;
		last = &keys[n++];
	}
	for (i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(fd, &keys[i], value))
			entry(ctx, &keys[i], value);
	free(keys);
	return 0;
}

/* ---- Counters ---- */

static int backend_read_stats(struct ipvs_backend *b, uint32_t server, struct server_stats *ret)
{
	struct maps *m = of(b);
	struct server_stats *cpus = calloc(m->n_cpus, sizeof(*cpus));
	unsigned i;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!cpus)
		return -ENOMEM;
	r = bpf_map_lookup_elem(bpf_map__fd(m->skel->maps.server_stats), &server, cpus);
	for (i = 0; !r && i < m->n_cpus; i++) {
		ret->conns += cpus[i].conns;
		ret->in_packets += cpus[i].in_packets;
		ret->in_bytes += cpus[i].in_bytes;
		ret->out_packets += cpus[i].out_packets;
		ret->out_bytes += cpus[i].out_bytes;
	}
	free(cpus);
	return r;
}

static int backend_clear_stats(struct ipvs_backend *b, uint32_t server)
{
	struct maps *m = of(b);
	struct server_stats *cpus = calloc(m->n_cpus, sizeof(*cpus));
	int r;

	if (!cpus)
		return -ENOMEM;
	r = bpf_map_update_elem(bpf_map__fd(m->skel->maps.server_stats), &server, cpus, BPF_ANY);
	free(cpus);
	return r;
}

static int backend_read_counters(struct ipvs_backend *b, uint64_t ret[HOOKS][COUNTERS])
{
	struct maps *m = of(b);
	uint64_t *cpus = calloc(m->n_cpus, sizeof(*cpus));
	uint32_t key;
	unsigned i;

	if (!cpus)
		return -ENOMEM;
	for (key = 0; key < HOOKS * COUNTERS; key++) {
		uint64_t *sum = &ret[key / COUNTERS][key % COUNTERS];

		*sum = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(m->skel->maps.counters), &key, cpus))
			continue;
		for (i = 0; i < m->n_cpus; i++)
			*sum += cpus[i];
	}
	free(cpus);
	return 0;
}

/* ---- Flows ---- */

static struct flowmaps flowmaps(struct ipvs_backend *b)
{
	const struct lbd_bpf *skel = of(b)->skel;

	return (struct flowmaps){
		.flows4 = bpf_map__fd(skel->maps.flows4),
		.flows6 = bpf_map__fd(skel->maps.flows6),
		.templates = bpf_map__fd(skel->maps.templates),
	};
}

static int backend_read_flows(struct ipvs_backend *b, struct flow_cursor *cursor,
			      struct flow_entry *out, unsigned room)
{
	struct flowmaps m = flowmaps(b);

	return flowmaps_read(&m, cursor, out, room);
}

static int backend_get_flow(struct ipvs_backend *b, struct flow_entry *e)
{
	struct flowmaps m = flowmaps(b);

	return flowmaps_get(&m, e);
}

static int backend_read_templates(struct ipvs_backend *b, struct flow_cursor *cursor,
				  struct template_entry *out, unsigned room)
{
	struct flowmaps m = flowmaps(b);

	return flowmaps_read_templates(&m, cursor, out, room);
}

static int backend_run_reclaim(struct ipvs_backend *b)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(bpf_program__fd(of(b)->skel->progs.lbd_reclaim), &opts);

	return r ? r : (int)opts.retval;
}

/* ---- Loading ---- */

static size_t shared_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes =
		(((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7) * bpf_map__max_entries(map);

	return (bytes + page - 1) & ~(page - 1);
}

struct shared {
	const struct bpf_map *map;
	void **place;
};

#define SHARED_MAPS 8

static void list_shared(struct maps *m, struct shared ret[SHARED_MAPS])
{
	ret[0] = (struct shared){ m->skel->maps.svcs, (void **)&m->be.svcs };
	ret[1] = (struct shared){ m->skel->maps.servers, (void **)&m->be.servers };
	ret[2] = (struct shared){ m->skel->maps.rings, (void **)&m->be.rings };
	ret[3] = (struct shared){ m->skel->maps.gates, (void **)&m->be.gates };
	ret[4] = (struct shared){ m->skel->maps.reclaim, (void **)&m->be.reclaim };
	ret[5] = (struct shared){ m->skel->maps.ports, (void **)&m->ports };
	ret[6] = (struct shared){ m->skel->maps.ranges, (void **)&m->be.ranges };
	ret[7] = (struct shared){ m->skel->maps.lips, (void **)&m->be.lips };
}

static int map_shared(struct maps *m)
{
	struct shared list[SHARED_MAPS];
	void *p;
	int i;

	list_shared(m, list);
	for (i = 0; i < SHARED_MAPS; i++) {
		p = mmap(NULL, shared_bytes(list[i].map), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(list[i].map), 0);
		if (p == MAP_FAILED)
			return -errno;
		*list[i].place = p;
	}
	return 0;
}

static void unmap_shared(struct maps *m)
{
	struct shared list[SHARED_MAPS];
	int i;

	list_shared(m, list);
	for (i = 0; i < SHARED_MAPS; i++)
		if (*list[i].place)
			munmap(*list[i].place, shared_bytes(list[i].map));
}

/* libbpf's lines are one level too loud for an operator. */
static int on_libbpf_line(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	size_t n;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	n = strcspn(line, "\n");
	line[n] = '\0';
	log_debug("libbpf", "%s", line);
	return 0;
}

static void explain_load(int r, struct str *why)
{
	if (r == -EPERM)
		str_addf(why,
			 "the kernel refuses the BPF programs: %s; CAP_BPF, CAP_PERFMON and "
			 "CAP_NET_ADMIN (or root) are needed",
			 strerror(EPERM));
	else if (r == -ENOMEM)
		str_addf(why,
			 "no memory for the flow tables: lower director.flows or director.flows6");
	else
		str_addf(why,
			 "the kernel refuses the BPF programs: %s (Linux 6.1 or newer is needed; "
			 "log_level = \"debug\" has the kernel's words)",
			 strerror(-r));
}

/* CONFIG_HZ: the coarse clock steps once a jiffy. */
static uint32_t ticks_per_second(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (uint32_t)(1000000000 / tick.tv_nsec);
}

static uint32_t secret(void)
{
	uint32_t n = 1;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK);
	return n;
}

static int load(struct maps *m, const char *name, uint32_t flows, uint32_t flows6, struct str *why)
{
	struct bpf_map *map;
	int r;

	m->skel = lbd_bpf__open();
	if (!m->skel) {
		r = -errno;
		explain_load(r, why);
		return r;
	}
	m->skel->rodata->cfg_hz = m->be.hz = ticks_per_second();
	m->skel->rodata->cfg_secret = secret();
	bpf_map__set_max_entries(m->skel->maps.flows4, flows);
	bpf_map__set_max_entries(m->skel->maps.flows6, flows6);
	r = pins_open(name, m->skel->obj, why, &m->pins);
	if (r)
		return r;
	r = lbd_bpf__load(m->skel);
	if (r) {
		explain_load(r, why);
		return r;
	}
	bpf_object__for_each_map(map, m->skel->obj)
		if (!bpf_map__is_internal(map))
			pins_note_own(m->pins, bpf_map__fd(map));
	r = map_shared(m);
	if (r)
		str_addf(why, "cannot map the shared tables: %s", strerror(-r));
	return r;
}

int maps_open(struct loop *loop, const char *name, uint32_t flows, uint32_t flows6, struct str *why,
	      struct maps **ret)
{
	struct maps *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->n_cpus = (unsigned)libbpf_num_possible_cpus();
	m->be.set = backend_set;
	m->be.get = backend_get;
	m->be.del = backend_del;
	m->be.each = backend_each;
	m->be.read_stats = backend_read_stats;
	m->be.clear_stats = backend_clear_stats;
	m->be.read_counters = backend_read_counters;
	m->be.read_flows = backend_read_flows;
	m->be.get_flow = backend_get_flow;
	m->be.read_templates = backend_read_templates;
	m->be.run_reclaim = backend_run_reclaim;
	libbpf_set_print(on_libbpf_line);
	r = load(m, name, flows, flows6, why);
	if (!r)
		r = pins_watch(m->pins, loop);
	if (r) {
		maps_close(m, false);
		return r;
	}
	log_info("engine", pins_adopted(m->pins) ? "adopted the maps in %s" : "new maps in %s",
		 pins_dir(m->pins));
	*ret = m;
	return 0;
}

void maps_close(struct maps *m, bool unpin)
{
	if (!m)
		return;
	pins_close(m->pins, unpin);
	if (m->skel) {
		unmap_shared(m);
		lbd_bpf__destroy(m->skel);
	}
	free(m);
}

struct ipvs_backend *maps_backend(struct maps *m)
{
	return &m->be;
}

void maps_set_port(struct maps *m, unsigned ifindex, const uint8_t mac[6], bool mac_known, bool xdp)
{
	struct port port = { .flags = (mac_known ? PORT_MAC : 0) | (xdp ? PORT_XDP : 0) };
	__u64 whole;

	if (ifindex >= PORT_MAX)
		return;
	if (mac_known)
		memcpy(port.mac, mac, sizeof(port.mac));
	memcpy(&whole, &port, sizeof(whole));
	store_long((__u64 *)&m->ports[ifindex], whole);
}

int maps_program_fd(const struct maps *m, enum maps_program p)
{
	const struct bpf_program *const programs[PROGRAMS] = {
		[PROGRAM_INGRESS] = m->skel->progs.lbd_ingress,
		[PROGRAM_EGRESS] = m->skel->progs.lbd_egress,
		[PROGRAM_XDP] = m->skel->progs.lbd_xdp,
	};

	return bpf_program__fd(programs[p]);
}

bool maps_adopted(const struct maps *m)
{
	return pins_adopted(m->pins);
}

bool maps_own_program(const struct maps *m, uint32_t prog_id)
{
	uint32_t ids[OWN_PROGRAM_MAPS], i;
	struct bpf_prog_info info = { .nr_map_ids = OWN_PROGRAM_MAPS, .map_ids = (uintptr_t)ids };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id), r;

	if (fd < 0)
		return false;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	for (i = 0; !r && i < info.nr_map_ids && i < OWN_PROGRAM_MAPS; i++)
		if (pins_own_map(m->pins, ids[i]))
			return true;
	return false;
}

const char *maps_pin_path(struct maps *m, const char *leaf)
{
	return pins_path(m->pins, leaf);
}

uint64_t maps_repaired(const struct maps *m)
{
	return pins_repaired(m->pins);
}

static uint64_t power_of_two(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

uint64_t maps_flow_bytes(uint32_t flows, uint32_t flows6)
{
	/* Of a preallocated hash: 16 bytes a bucket, buckets rounded up to a power of two; 48 an
	 * element, besides its key and value. */
	return power_of_two(flows) * 16 + power_of_two(flows6) * 16 +
	       flows * (uint64_t)(48 + sizeof(struct flow4_key) + sizeof(struct flow4)) +
	       flows6 * (uint64_t)(48 + sizeof(struct flow6_key) + sizeof(struct flow6));
}
