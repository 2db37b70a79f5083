// SPDX-License-Identifier: BSD-2-Clause
/* Where the programs hang.
 *
 * TC: clsact is shared with others; our filters sit at one preference and handle, and are ours when
 * the program there uses one of our maps.  A qdisc that we did not make is never removed.  XDP: a
 * link pinned beside the maps; updating it swaps the program.  The TC filters are there in every
 * mode: XDP hands on what it does not do.
 */
#include "xmit/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/list.h"
#include "lib/log.h"

#define TC_HANDLE     0x6c62 /* "lb" */
#define TC_PREFERENCE 49
#define LINK_LOOK     MSEC(100) /* nobody tells when an XDP link is detached */

/* Drivers whose native XDP takes frames in and transmits redirected ones without further set-up. On
 * all others `auto` stays with TC: a veth peer without NAPI drops redirected frames silently,
 * virtio needs spare queues. */
static const char *const xdp_drivers[] = { "i40e", "ice", "ixgbe", "mlx5_core" };

struct port_state {
	struct list node;
	unsigned ifindex;
	char name[IFNAMSIZ];
	char driver[32];
	enum conf_attach mode; /* TC or XDP, as decided */
	const char *reason;
	int xdp_link; /* fd, or -1 */
	bool wanted, attached;
	bool replaced; /* by this daemon's programs already */
	bool xdp_refused;
	uint64_t repaired;
};

struct attach {
	struct loop *loop;
	struct net *net;
	struct maps *maps;
	struct list ports;
	struct net_watch watch;
	struct loop_timer look; /* runs while any interface is in XDP mode */
};

static const struct {
	enum bpf_tc_attach_point point;
	enum maps_program program;
	const char *name;
} directions[] = {
	{ BPF_TC_INGRESS, PROGRAM_INGRESS, "ingress" },
	{ BPF_TC_EGRESS, PROGRAM_EGRESS, "egress" },
};

#define DIRECTIONS (sizeof(directions) / sizeof(*directions))

/* ---- TC ---- */

/* The id of the program at our place of an interface; 0 when there is none. */
static uint32_t filter_at(unsigned ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static int attach_tc_one(struct attach *a, struct port_state *p, size_t d)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE,
		    .flags = BPF_TC_F_REPLACE);
	uint32_t there = filter_at(p->ifindex, directions[d].point);
	int r;

	if (there && !maps_own_program(a->maps, there)) {
		log_err("engine",
			"%s: somebody else's filter stands at %s pref %d handle 0x%x; to remove it: "
			"tc filter del dev %s %s pref %d",
			p->name, directions[d].name, TC_PREFERENCE, TC_HANDLE, p->name,
			directions[d].name, TC_PREFERENCE);
		return -EEXIST;
	}
	r = bpf_tc_hook_create(&hook);
	if (r && r != -EEXIST) {
		log_err("engine", "%s: cannot make a clsact qdisc: %s", p->name, strerror(-r));
		return r;
	}
	hook.attach_point = directions[d].point;
	opts.prog_fd = maps_program_fd(a->maps, directions[d].program);
	r = bpf_tc_attach(&hook, &opts);
	if (r)
		log_err("engine", "%s: cannot attach the %s program: %s", p->name,
			directions[d].name, strerror(-r));
	return r;
}

static void detach_tc(struct attach *a, unsigned ifindex)
{
	size_t d;

	for (d = 0; d < DIRECTIONS; d++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = directions[d].point);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PREFERENCE);
		uint32_t there = filter_at(ifindex, directions[d].point);

		if (there && maps_own_program(a->maps, there))
			bpf_tc_detach(&hook, &opts);
	}
}

/* ---- XDP ---- */

static const char *link_pin(struct attach *a, const struct port_state *p)
{
	char leaf[32];

	snprintf(leaf, sizeof(leaf), "xdp-%u", p->ifindex);
	return maps_pin_path(a->maps, leaf);
}

/* Whether an XDP link still holds on to its interface. */
static bool link_holds(int fd, unsigned ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == ifindex;
}

/* A predecessor's link, if it is still good. */
static int adopt_link(struct attach *a, struct port_state *p)
{
	const char *pin = link_pin(a, p);
	int fd = bpf_obj_get(pin);

	if (fd < 0)
		return -1;
	if (link_holds(fd, p->ifindex))
		return fd;
	close(fd);
	unlink(pin);
	return -1;
}

static int attach_xdp(struct attach *a, struct port_state *p)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int prog = maps_program_fd(a->maps, PROGRAM_XDP), r;

	if (p->xdp_link < 0)
		p->xdp_link = adopt_link(a, p);
	if (p->xdp_link >= 0)
		return bpf_link_update(p->xdp_link, prog, NULL);
	p->xdp_link = bpf_link_create(prog, (int)p->ifindex, BPF_XDP, &opts);
	if (p->xdp_link < 0) {
		r = p->xdp_link;
		p->xdp_link = -1;
		return r;
	}
	unlink(link_pin(a, p)); /* of a link that is dead */
	return bpf_obj_pin(p->xdp_link, link_pin(a, p));
}

static void detach_xdp(struct attach *a, struct port_state *p)
{
	if (p->xdp_link < 0)
		p->xdp_link = adopt_link(a, p);
	if (p->xdp_link < 0)
		return;
	unlink(link_pin(a, p));
	close(p->xdp_link);
	p->xdp_link = -1;
}

/* ---- One interface ---- */

static void read_driver(struct port_state *p)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	memcpy(ifr.ifr_name, p->name, sizeof(p->name));
	if (!ioctl(fd, SIOCETHTOOL, &ifr))
		snprintf(p->driver, sizeof(p->driver), "%s", info.driver);
	close(fd);
}

static bool known_good(const struct port_state *p)
{
	size_t i;

	for (i = 0; i < sizeof(xdp_drivers) / sizeof(*xdp_drivers); i++)
		if (!strcmp(p->driver, xdp_drivers[i]))
			return true;
	return false;
}

/* XDP frames go out by interfaces that were put into XDP mode themselves. */
static void publish(struct attach *a, const struct port_state *p)
{
	static const uint8_t none[6];
	const struct net_link *l = net_link_by_index(a->net, p->ifindex);

	maps_set_port(a->maps, p->ifindex, l ? l->mac : none, l, p->mode == CONF_ATTACH_XDP);
}

/* XDP that is refused is said and reported, and the interface runs on TC, which is complete. */
static int hang(struct attach *a, struct port_state *p)
{
	size_t d;
	int r = 0;

	publish(a, p);
	for (d = 0; d < DIRECTIONS && !r; d++)
		r = attach_tc_one(a, p, d);
	p->attached = !r;
	p->replaced = true;
	if (r)
		return r;
	if (p->mode != CONF_ATTACH_XDP) {
		detach_xdp(a, p);
		return 0;
	}
	r = attach_xdp(a, p);
	p->xdp_refused = r;
	if (r)
		log_err("engine", "%s: the driver %s refuses native XDP: %s; it runs on tc",
			p->name, p->driver, strerror(-r));
	else if (!loop_timer_active(&a->look))
		loop_timer_in(&a->look, LINK_LOOK);
	return 0;
}

static void take_off(struct attach *a, struct port_state *p)
{
	detach_xdp(a, p);
	detach_tc(a, p->ifindex);
	maps_set_port(a->maps, p->ifindex, NULL, false, false);
	p->attached = false;
}

static void port_free(struct port_state *p)
{
	list_del(&p->node);
	if (p->xdp_link >= 0)
		close(p->xdp_link);
	free(p);
}

static struct port_state *port_of(struct attach *a, unsigned ifindex)
{
	struct port_state *p;

	list_for_each(p, &a->ports, node)
		if (p->ifindex == ifindex)
			return p;
	return NULL;
}

static struct port_state *port_new(struct attach *a, unsigned ifindex)
{
	const struct net_link *l = net_link_by_index(a->net, ifindex);
	struct port_state *p = l ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->ifindex = ifindex;
	p->xdp_link = -1;
	snprintf(p->name, sizeof(p->name), "%s", l->name);
	read_driver(p);
	list_add_tail(&a->ports, &p->node);
	return p;
}

/* ---- All of them ---- */

static enum conf_attach asked_mode(const struct conf *c, const struct port_state *p)
{
	unsigned i;

	for (i = 0; i < c->director.n_attach_by_interface; i++)
		if (!strcmp(c->director.attach_by_interface[i].interface, p->name))
			return c->director.attach_by_interface[i].attach;
	return c->director.attach;
}

/* Frames that XDP redirects must be taken by the other side too, so `auto` is one decision for all.
 */
static void decide_modes(struct attach *a, const struct conf *c)
{
	bool all_good = true;
	struct port_state *p;

	list_for_each(p, &a->ports, node)
		all_good &= known_good(p);
	list_for_each(p, &a->ports, node) {
		enum conf_attach asked = asked_mode(c, p), mode = asked;
		const char *reason = "configured";

		if (asked == CONF_ATTACH_AUTO) {
			mode = all_good ? CONF_ATTACH_XDP : CONF_ATTACH_TC;
			reason =
				all_good
					? "auto: all interfaces have drivers known to be good at XDP"
				: known_good(p)
					? "auto: another interface's driver is not known to take redirected frames"
					: "auto: this driver is not known to be good at XDP";
		} else if (asked == CONF_ATTACH_XDP && !known_good(p)) {
			reason = "configured; this driver is not known to be good at XDP";
		}
		if (!p->replaced || mode != p->mode)
			log_info("engine", "%s (%s): %s, %s", p->name, p->driver,
				 mode == CONF_ATTACH_XDP ? "xdp" : "tc", reason);
		if (mode != p->mode)
			p->replaced = false;
		p->mode = mode;
		p->reason = reason;
	}
}

/* At the start, what a predecessor left on interfaces that are not in use any more. */
static void take_off_strays(struct attach *a)
{
	struct if_nameindex *all = if_nameindex(), *i;

	for (i = all; i && i->if_index; i++)
		if (!port_of(a, i->if_index))
			detach_tc(a, i->if_index);
	if_freenameindex(all);
}

int attach_reconcile(struct attach *a, const struct conf *c, const unsigned *ifindexes, unsigned n)
{
	bool first = list_empty(&a->ports);
	struct port_state *p, *next;
	int r, last = 0;
	unsigned i;

	list_for_each(p, &a->ports, node)
		p->wanted = false;
	for (i = 0; i < n; i++) {
		p = port_of(a, ifindexes[i]);
		if (!p)
			p = port_new(a, ifindexes[i]);
		if (p)
			p->wanted = true;
	}
	list_for_each_safe(p, next, &a->ports, node) {
		if (p->wanted)
			continue;
		take_off(a, p);
		log_info("engine", "%s: programs taken off", p->name);
		port_free(p);
	}
	decide_modes(a, c);
	list_for_each(p, &a->ports, node) {
		if (p->replaced && p->attached)
			continue;
		r = hang(a, p);
		if (r)
			last = r;
	}
	if (first)
		take_off_strays(a);
	return last;
}

/* Detached, or its pin removed: both are mended. */
static void look_at_link(struct attach *a, struct port_state *p)
{
	bool holds = p->xdp_link >= 0 && link_holds(p->xdp_link, p->ifindex);

	if (p->xdp_refused || (holds && !access(link_pin(a, p), F_OK)))
		return;
	if (!holds)
		detach_xdp(a, p);
	if (holds ? bpf_obj_pin(p->xdp_link, link_pin(a, p)) : attach_xdp(a, p))
		return; /* again at the next look */
	p->repaired++;
	log_warn("engine", "%s: the xdp %s had been removed: put back", p->name,
		 holds ? "link's pin" : "program");
}

static void on_look(struct loop_timer *t, usec_t)
{
	struct attach *a = container_of(t, struct attach, look);
	struct port_state *p;

	list_for_each(p, &a->ports, node) {
		if (p->mode != CONF_ATTACH_XDP || !p->replaced)
			continue;
		look_at_link(a, p);
		loop_timer_in(t, LINK_LOOK);
	}
}

/* Somebody touched the filters of an interface: what is missing of ours is put back. */
static void on_filter(struct net_watch *w, unsigned ifindex)
{
	struct attach *a = container_of(w, struct attach, watch);
	struct port_state *p = port_of(a, ifindex);
	size_t d;

	if (!p || !p->replaced)
		return;
	for (d = 0; d < DIRECTIONS; d++) {
		int fd = maps_program_fd(a->maps, directions[d].program);

		if (filter_at(ifindex, directions[d].point) == program_id(fd))
			continue;
		if (attach_tc_one(a, p, d))
			continue;
		p->repaired++;
		log_warn("engine", "%s: the %s program had been removed: put back", p->name,
			 directions[d].name);
	}
}

static void on_link(struct net_watch *w, const struct net_link *link, bool gone)
{
	struct attach *a = container_of(w, struct attach, watch);
	struct port_state *p = port_of(a, link->ifindex);

	if (!p)
		return;
	if (!gone) {
		publish(a, p); /* its MAC may be another */
		return;
	}
	maps_set_port(a->maps, p->ifindex, NULL, false, false);
	if (p->xdp_link >= 0)
		unlink(link_pin(a, p));
	port_free(p);
}

int attach_new(struct loop *loop, struct net *net, struct maps *maps, struct attach **ret)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->loop = loop;
	a->net = net;
	a->maps = maps;
	list_init(&a->ports);
	a->watch.filter = on_filter;
	a->watch.link = on_link;
	loop_timer_init(&a->look, loop, LOOP_IDLE, on_look);
	net_watch_add(net, &a->watch);
	*ret = a;
	return 0;
}

void attach_free(struct attach *a, bool detach)
{
	struct port_state *p, *next;

	if (!a)
		return;
	net_watch_del(a->net, &a->watch);
	loop_timer_stop(&a->look);
	list_for_each_safe(p, next, &a->ports, node) {
		if (detach)
			take_off(a, p);
		port_free(p);
	}
	free(a);
}

void attach_each(const struct attach *a, void (*each)(void *ctx, const struct attach_status *s),
		 void *ctx)
{
	const struct port_state *p;

	list_for_each(p, &a->ports, node) {
		struct attach_status s = {
			.ifindex = p->ifindex,
			.interface = p->name,
			.mode = p->mode == CONF_ATTACH_XDP && p->xdp_link >= 0 ? "xdp" : "tc",
			.reason = p->reason,
			.driver = p->driver,
			.attached = p->attached,
			.repaired = p->repaired,
		};

		each(ctx, &s);
	}
}
