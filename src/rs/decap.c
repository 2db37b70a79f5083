// SPDX-License-Identifier: BSD-2-Clause
/* Decapsulation by BPF: maps, programs, and where they hang.
 *
 * Every start loads programs and maps anew, fills the maps, and only then puts them in the place of
 * what is there.  One program is enough: TC where inner and outer headers are of one family, XDP
 * (generic, any driver has it) where some are not.  A TC filter stays by itself; an XDP link lives
 * as long as its pin.
 */
#include "rs/decap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "rs/decap.skel.h"

#define FOLDER	      "/run/lbd-decap"
#define BPFFS_MAGIC   0xcafe4a11
#define TC_HANDLE     0x6c64 /* "ld" */
#define TC_PREFERENCE 50     /* behind lbd's own, should this be a director too */
#define XDP_PIN	      "xdp"

#define for_each(var, array, n) for (var = (array); var < (array) + (n); var++)

/* ---- The configuration ---- */

static void *grow(void *array, unsigned n, size_t size)
{
	array = reallocarray(array, n + 1, size);
	if (!array)
		abort();
	memset((char *)array + n * size, 0, size);
	return array;
}

void decap_config_add(struct decap_config *c, const struct addr *to)
{
	c->tunnels = grow(c->tunnels, c->n_tunnels, sizeof(*c->tunnels));
	c->tunnels[c->n_tunnels++].to = *to;
}

void decap_config_add_vip(struct decap_config *c, const struct prefix *vip)
{
	struct decap_tunnel *t = &c->tunnels[c->n_tunnels - 1];

	t->vips = grow(t->vips, t->n_vips, sizeof(*t->vips));
	t->vips[t->n_vips++] = *vip;
}

void decap_config_free(struct decap_config *c)
{
	struct decap_tunnel *t;

	for_each(t, c->tunnels, c->n_tunnels)
		free(t->vips);
	free(c->tunnels);
	*c = (struct decap_config){ 0 };
}

/* Is any inner packet of another family than its outer one? */
static bool mixes_families(const struct decap_config *c)
{
	const struct decap_tunnel *t;
	const struct prefix *vip;

	for_each(t, c->tunnels, c->n_tunnels)
		for_each(vip, t->vips, t->n_vips)
			if (addr_family(&t->to) != addr_family(&vip->addr))
				return true;
	return false;
}

/* ---- Pins ---- */

static const char *folder(void)
{
	const char *other = getenv("LBD_DECAP_STATE");

	return other && *other ? other : FOLDER;
}

static char *replace(char *text, char from, char to)
{
	char *at;

	for (at = strchr(text, from); at; at = strchr(at, from))
		*at = to;
	return text;
}

/* The path of a pin of an interface; the interface's folder without one.  A bpffs takes no dots,
 * and no interface has a colon in its name.  *ret is freed by the caller. */
static const char *pin_path(const char *interface, const char *pin, struct str *ret)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%s", interface);
	str_free(ret);
	str_addf(ret, "%s/%s%s%s", folder(), replace(name, '.', ':'), pin ? "/" : "",
		 pin ? pin : "");
	return str_text(ret);
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (uint32_t)fs.f_type == BPFFS_MAGIC;
}

static int open_folder(const char *interface, struct str *why)
{
	struct str path = { 0 };
	int r = 0;

	if (mkdir(folder(), 0755) < 0 && errno != EEXIST)
		r = -errno;
	else if (!is_bpffs(folder()) &&
		 mount("lbd-decap", folder(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755"))
		r = -errno;
	else if (mkdir(pin_path(interface, NULL, &path), 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r)
		str_addf(why, "cannot make a bpffs at %s: %s", folder(), strerror(-r));
	str_free(&path);
	return r;
}

/* The kernel puts files of its own into a bpffs, whose names have a dot. */
static bool is_ours(const struct dirent *e)
{
	return !strchr(e->d_name, '.');
}

/* The bpffs goes with its last folder. */
static void close_folder(void)
{
	DIR *d = is_bpffs(folder()) ? opendir(folder()) : NULL;
	const struct dirent *e;
	bool empty = d;

	while (d && (e = readdir(d)))
		if (is_ours(e))
			empty = false;
	if (d)
		closedir(d);
	if (empty && !umount(folder()))
		rmdir(folder());
}

static int pin_anew(const struct decap_bpf *skel, const char *interface, struct str *why)
{
	struct str path = { 0 };
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, skel->obj) {
		if (bpf_map__is_internal(map))
			continue;
		unlink(pin_path(interface, bpf_map__name(map), &path));
		r = bpf_obj_pin(bpf_map__fd(map), str_text(&path));
		if (r) {
			str_addf(why, "cannot pin %s: %s", str_text(&path), strerror(-r));
			break;
		}
	}
	str_free(&path);
	return r;
}

static int open_pin(const char *interface, const char *pin)
{
	struct str path = { 0 };
	int fd = bpf_obj_get(pin_path(interface, pin, &path));

	str_free(&path);
	return fd;
}

static void remove_pins(const char *interface)
{
	static const char *const pins[] = { "tunnels", "vips", "counters", XDP_PIN };
	struct str path = { 0 };
	size_t i;

	for (i = 0; i < sizeof(pins) / sizeof(*pins); i++)
		unlink(pin_path(interface, pins[i], &path));
	rmdir(pin_path(interface, NULL, &path));
	str_free(&path);
}

/* ---- TC ---- */

/* 1: the program there is ours, 0: there is none, -EEXIST: it is somebody else's. */
static int whose_filter(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd;

	if (bpf_tc_query(&hook, &opts))
		return 0;
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[0] = '\0';
	if (fd >= 0)
		close(fd);
	return strcmp(info.name, "rs_decap") ? -EEXIST : 1;
}

static int attach_tc(int ifindex, int program, struct str *why)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = program);
	int r = whose_filter(ifindex);

	if (r < 0) {
		str_addf(why, "somebody else's filter stands at ingress pref %d handle 0x%x",
			 TC_PREFERENCE, TC_HANDLE);
		return r;
	}
	r = bpf_tc_hook_create(&hook);
	if (!r || r == -EEXIST)
		r = bpf_tc_attach(&hook, &opts);
	if (r)
		str_addf(why, "cannot attach the tc program: %s", strerror(-r));
	return r;
}

/* The qdisc stays: others may use it, and an empty one does nothing. */
static void detach_tc(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE);

	if (whose_filter(ifindex) == 1)
		bpf_tc_detach(&hook, &opts);
}

/* ---- XDP ---- */

/* The pinned link when it still holds on to the interface, else -1. */
static int find_link(const char *interface, int ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = open_pin(interface, XDP_PIN);

	if (fd < 0)
		return -1;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
	    (int)info.xdp.ifindex == ifindex)
		return fd;
	close(fd);
	return -1;
}

static int attach_xdp(const char *interface, int ifindex, int program, struct str *why)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
	struct str path = { 0 };
	int fd = find_link(interface, ifindex), r;

	if (fd >= 0) {
		r = bpf_link_update(fd, program, NULL);
	} else {
		fd = bpf_link_create(program, ifindex, BPF_XDP, &opts);
		r = fd < 0 ? fd : 0;
		if (!r) {
			unlink(pin_path(interface, XDP_PIN, &path));
			r = bpf_obj_pin(fd, str_text(&path));
		}
	}
	if (r)
		str_addf(why, "cannot attach the xdp program: %s%s", strerror(-r),
			 r == -EBUSY || r == -EEXIST ? " (another one is there)" : "");
	if (fd >= 0)
		close(fd);
	str_free(&path);
	return r;
}

static void detach_xdp(const char *interface)
{
	struct str path = { 0 };

	unlink(pin_path(interface, XDP_PIN, &path));
	str_free(&path);
}

/* ---- The maps ---- */

/* How many bits of a struct addr a prefix names. */
static unsigned mapped_len(const struct prefix *p)
{
	return p->len + 128 - addr_bits(&p->addr);
}

static int fill(const struct decap_bpf *skel, const struct decap_config *c)
{
	int tunnels = bpf_map__fd(skel->maps.tunnels), vips = bpf_map__fd(skel->maps.vips), r;
	const struct decap_tunnel *t;
	const struct prefix *vip;
	uint32_t number, one = 1;

	for_each(t, c->tunnels, c->n_tunnels) {
		number = (uint32_t)(t - c->tunnels);
		r = bpf_map_update_elem(tunnels, &t->to, &number, BPF_NOEXIST);
		if (r)
			return r;
		for_each(vip, t->vips, t->n_vips) {
			struct decap_vip key = {
				.bits = DECAP_VIP_BITS + mapped_len(vip),
				.tunnel = number,
				.vip = vip->addr,
			};

			r = bpf_map_update_elem(vips, &key, &one, BPF_ANY);
			if (r)
				return r;
		}
	}
	return 0;
}

static int load(const struct decap_config *c, struct str *why, struct decap_bpf **ret)
{
	struct decap_bpf *skel = decap_bpf__open();
	const struct decap_tunnel *t;
	unsigned n_vips = 1;
	int r = skel ? 0 : -errno;

	if (r)
		goto err;
	for_each(t, c->tunnels, c->n_tunnels)
		n_vips += t->n_vips;
	bpf_map__set_max_entries(skel->maps.tunnels, c->n_tunnels);
	bpf_map__set_max_entries(skel->maps.vips, n_vips);
	r = decap_bpf__load(skel);
	if (!r)
		r = fill(skel, c);
	if (r)
		goto err;
	*ret = skel;
	return 0;

err:
	decap_bpf__destroy(skel);
	str_addf(why, "cannot load the programs: %s", strerror(-r));
	return r;
}

/* ---- What is pinned, read back ---- */

static int compare_tunnels(const void *a, const void *b)
{
	return addr_cmp(&((const struct decap_tunnel *)a)->to,
			&((const struct decap_tunnel *)b)->to);
}

static void read_tunnels(int fd, struct decap_config *ret)
{
	struct addr key, *last = NULL;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key)
		decap_config_add(ret, &key);
	if (ret->n_tunnels)
		qsort(ret->tunnels, ret->n_tunnels, sizeof(*ret->tunnels), compare_tunnels);
}

static void read_vips(int fd, int tunnels, struct decap_config *ret)
{
	struct decap_vip key, *last = NULL;
	struct decap_tunnel *t;
	uint32_t number;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key) {
		struct prefix vip = { .addr = key.vip };

		vip.len = key.bits - DECAP_VIP_BITS - (128 - addr_bits(&vip.addr));
		for_each(t, ret->tunnels, ret->n_tunnels) {
			if (bpf_map_lookup_elem(tunnels, &t->to, &number) || number != key.tunnel)
				continue;
			t->vips = grow(t->vips, t->n_vips, sizeof(*t->vips));
			t->vips[t->n_vips++] = vip;
		}
	}
}

static void read_counters(int fd, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus(), i;
	uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	uint32_t c;

	for (c = 0; values && c < DECAP_COUNTERS_N; c++) {
		if (bpf_map_lookup_elem(fd, &c, values))
			continue;
		for (i = 0; i < cpus; i++)
			ret[c] += values[i];
	}
	free(values);
}

static const char *program_of(const char *interface)
{
	int ifindex = (int)if_nametoindex(interface), fd;

	if (!ifindex)
		return "none";
	fd = find_link(interface, ifindex);
	if (fd >= 0) {
		close(fd);
		return "xdp";
	}
	return whose_filter(ifindex) == 1 ? "tc" : "none";
}

/* ---- Public ---- */

static int no_debug(enum libbpf_print_level level, const char *format, va_list args)
{
	/* The kernel's notes of EEXIST for a qdisc that is there are no news. */
	return level == LIBBPF_WARN && !strstr(format, "Kernel error message")
		       ? vfprintf(stderr, format, args)
		       : 0;
}

int decap_start(const char *interface, const struct decap_config *c, struct str *why)
{
	int ifindex = (int)if_nametoindex(interface), r;
	struct decap_bpf *skel;

	libbpf_set_print(no_debug);
	if (!ifindex) {
		str_addf(why, "there is no such interface");
		return -ENODEV;
	}
	r = load(c, why, &skel);
	if (r)
		return r;
	r = open_folder(interface, why);
	if (r)
		goto out;
	if (mixes_families(c)) {
		r = attach_xdp(interface, ifindex, bpf_program__fd(skel->progs.rs_decap_xdp), why);
		if (!r)
			detach_tc(ifindex);
	} else {
		r = attach_tc(ifindex, bpf_program__fd(skel->progs.rs_decap), why);
		if (!r)
			detach_xdp(interface);
	}
	if (!r)
		r = pin_anew(skel, interface, why);
	else if (!strcmp(program_of(interface), "none"))
		remove_pins(interface);
	close_folder();
out:
	decap_bpf__destroy(skel);
	return r;
}

int decap_stop(const char *interface, struct str *why)
{
	int ifindex = (int)if_nametoindex(interface);
	struct str path = { 0 };
	int r = access(pin_path(interface, NULL, &path), F_OK) ? -errno : 0;

	str_free(&path);
	libbpf_set_print(no_debug);
	if (ifindex && whose_filter(ifindex) == 1) {
		detach_tc(ifindex);
		r = 0;
	}
	if (r) {
		str_addf(why, "nothing was started here");
		return r;
	}
	remove_pins(interface);
	close_folder();
	return 0;
}

int decap_look(const char *interface, struct decap_state *ret, struct str *why)
{
	int tunnels = open_pin(interface, "tunnels"), vips = open_pin(interface, "vips");
	int counters = open_pin(interface, "counters"), r = 0;

	libbpf_set_print(no_debug);
	*ret = (struct decap_state){ .program = program_of(interface) };
	if (tunnels < 0 || vips < 0 || counters < 0) {
		r = tunnels < 0 ? tunnels : vips < 0 ? vips : counters;
		str_addf(why, "%s", r == -ENOENT ? "nothing was started here" : strerror(-r));
		goto out;
	}
	read_tunnels(tunnels, &ret->config);
	read_vips(vips, tunnels, &ret->config);
	read_counters(counters, ret->counters);
out:
	if (tunnels >= 0)
		close(tunnels);
	if (vips >= 0)
		close(vips);
	if (counters >= 0)
		close(counters);
	return r;
}

void decap_state_free(struct decap_state *s)
{
	decap_config_free(&s->config);
}

void decap_each(void (*each)(void *ctx, const char *interface), void *ctx)
{
	DIR *d = is_bpffs(folder()) ? opendir(folder()) : NULL;
	const struct dirent *e;
	char name[IFNAMSIZ];

	while (d && (e = readdir(d))) {
		if (!is_ours(e) || strlen(e->d_name) >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.15s", e->d_name);
		each(ctx, replace(name, ':', '.'));
	}
	if (d)
		closedir(d);
}
