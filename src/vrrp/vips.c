// SPDX-License-Identifier: BSD-2-Clause
/* The addresses of all instances: which are wanted, which are there.
 *
 * An address is wanted while any instance that lists it is MASTER, so one that moves between
 * instances is never touched.  Everything else follows from comparing: an address wanted and not
 * there is added and announced, whether its instance has just won, its interface has just come, or
 * somebody removed it; one that is there and not wanted goes, also when a daemon that crashed has
 * left it behind. */
#include "vrrp/vips.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

#define TURN	    MSEC(2)
#define RETRY	    SEC(1)
#define REPAIR_REST MSEC(50) /* between two repairs, should somebody insist */
#define TOLD	    SEC(10)

struct vip {
	struct list node;
	char interface[16];
	struct prefix prefix; /* as configured */
	unsigned listed;      /* claims that name it */
	unsigned wanted;      /* of them active */
	unsigned ifindex;     /* of its interface when last looked at; 0: there was none */
	bool ours;	      /* we have put it there, or took it over */
	bool unannounced;     /* we have put it there, and the kernel was not ready for packets */
	bool lost;	      /* somebody removed it while it was wanted */
	usec_t not_before;
	struct log_limit failure, removal;
	struct announcement announcement;
};

struct vips {
	struct net *net;	     /* borrowed */
	struct announcer *announcer; /* borrowed */
	struct list all;
	struct list claims;
	struct net_watch watch;
	struct loop_timer timer; /* the next vips_apply that nobody asks for */
	bool held;
};

static struct vip *find(const struct vips *v, const struct conf_vip *c)
{
	struct vip *vip;

	list_for_each(vip, &v->all, node)
		if (addr_equal(&vip->prefix.addr, &c->prefix.addr) &&
		    !strcmp(vip->interface, c->interface))
			return vip;
	return NULL;
}

static struct vip *vip_get(struct vips *v, const struct conf_vip *c, usec_t refresh)
{
	struct vip *vip = find(v, c);

	if (!vip) {
		vip = calloc(1, sizeof(*vip));
		if (!vip)
			return NULL;
		snprintf(vip->interface, sizeof(vip->interface), "%s", c->interface);
		list_init(&vip->announcement.node);
		list_add_tail(&v->all, &vip->node);
	}
	vip->prefix = c->prefix;
	announce_refresh(v->announcer, &vip->announcement, refresh);
	vip->listed++;
	return vip;
}

static void vip_free(struct vip *vip)
{
	announce_stop(&vip->announcement);
	list_del(&vip->node);
	free(vip);
}

static void work_at(struct vips *v, usec_t at)
{
	if (!loop_timer_active(&v->timer) || usec_before(at, v->timer.at))
		loop_timer_at(&v->timer, at);
}

/* Brings ifindex up to date.  NULL when its interface does not exist. */
static const struct net_link *look(struct vips *v, struct vip *vip)
{
	const struct net_link *link = net_link_by_name(v->net, vip->interface);
	unsigned ifindex = link ? link->ifindex : 0;

	if (ifindex != vip->ifindex) {
		vip->ifindex = ifindex;
		vip->ours = vip->lost = vip->unannounced = false;
		announce_stop(&vip->announcement);
	}
	return link;
}

/* With which prefix; an IPv4 address can be there with several. */
static bool is_there(struct vips *v, struct vip *vip, struct prefix *ret)
{
	return look(v, vip) && net_addr_find(v->net, vip->ifindex, &vip->prefix.addr, ret);
}

/* Whoever hears it sends at once: not before the kernel takes packets to the address.  An answer to
 * its own neighbour discovery, lost then, would cost a second. */
static void announce(struct vips *v, struct vip *vip)
{
	vip->unannounced = !net_addr_usable(v->net, vip->ifindex, &vip->prefix.addr);
	if (vip->unannounced)
		return;
	vip->announcement.ifindex = vip->ifindex;
	vip->announcement.addr = vip->prefix.addr;
	announce_start(v->announcer, &vip->announcement);
}

static void tell_owners(struct vips *v, const struct vip *vip)
{
	struct vip_claim *c;
	unsigned i;

	list_for_each(c, &v->claims, node)
		for (i = 0; c->active && i < c->n; i++)
			if (c->vips[i] == vip)
				c->repaired(c);
}

static void tell_failure(struct vip *vip, const char *what, int r, usec_t now)
{
	char text[PREFIX_STRLEN];
	uint64_t held_back;

	if (log_allowed(&vip->failure, now, TOLD, &held_back))
		log_err("vrrp", "cannot %s %s on %s: %s", what, prefix_str(&vip->prefix, text),
			vip->interface, strerror(-r));
}

static void tell_repair(struct vip *vip, usec_t now)
{
	char text[PREFIX_STRLEN];
	uint64_t held_back;

	if (log_allowed(&vip->removal, now, TOLD, &held_back))
		log_warn("vrrp",
			 "%s was removed from %s by somebody else: put back (%llu more held back)",
			 prefix_str(&vip->prefix, text), vip->interface,
			 (unsigned long long)held_back);
}

/* Somebody, or an earlier configuration, gave it another prefix. */
static void correct_prefix(struct vips *v, struct vip *vip, const struct prefix *wrong, usec_t now)
{
	int r = net_addr_del(v->net, vip->ifindex, wrong);

	if (r)
		tell_failure(vip, "correct the prefix of", r, now);
}

/* Called for a vip that is wanted.  True when it took a system call. */
static bool put_there(struct vips *v, struct vip *vip, usec_t now)
{
	const struct net_link *link = look(v, vip);
	struct prefix at;
	bool there = is_there(v, vip, &at);
	int r;

	/* A link that goes down takes its IPv6 addresses along; that is nobody's doing. */
	if (!link || !link->up || (there && at.len == vip->prefix.len)) {
		vip->ours |= there;
		vip->lost = false;
		if (vip->unannounced)
			announce(v, vip);
		return false;
	}
	if (usec_before(now, vip->not_before)) {
		work_at(v, vip->not_before);
		return false;
	}
	r = net_addr_add(v->net, vip->ifindex, &vip->prefix);
	if (r) {
		tell_failure(vip, "add", r, now);
		vip->not_before = usec_add(now, RETRY);
		work_at(v, vip->not_before);
		return true;
	}
	if (there)
		correct_prefix(v, vip, &at, now);
	vip->ours = true;
	announce(v, vip);
	if (vip->lost) {
		vip->lost = false;
		vip->not_before = usec_add(now, REPAIR_REST);
		tell_repair(vip, now);
		tell_owners(v, vip);
	}
	return true;
}

/* Called for a vip that is not wanted.  True when it took a system call. */
static bool take_away(struct vips *v, struct vip *vip, usec_t now)
{
	char text[PREFIX_STRLEN];
	struct prefix at;
	unsigned n;
	int r;

	vip->lost = vip->unannounced = false;
	vip->not_before = USEC(0);
	announce_stop(&vip->announcement);
	for (n = 0; n < 32 && is_there(v, vip, &at); n++) {
		r = net_addr_del(v->net, vip->ifindex, &at);
		if (r) {
			tell_failure(vip, "remove", r, now);
			work_at(v, usec_add(now, RETRY));
			return true;
		}
		if (!vip->ours)
			log_warn("vrrp", "%s was on %s although we are not its master: removed",
				 prefix_str(&at, text), vip->interface);
	}
	vip->ours = false;
	return n;
}

/* False when the time was up before all was done. */
static bool work(struct vips *v, usec_t until)
{
	struct vip *vip, *tmp;
	struct prefix at;

	list_for_each(vip, &v->all, node)
		if (vip->wanted && put_there(v, vip, loop_now()) && !usec_before(loop_now(), until))
			return false;
	list_for_each_safe(vip, tmp, &v->all, node) {
		bool touched = !vip->wanted && take_away(v, vip, loop_now());

		if (!vip->listed && !is_there(v, vip, &at))
			vip_free(vip);
		if (touched && !usec_before(loop_now(), until))
			return false;
	}
	return true;
}

void vips_apply(struct vips *v)
{
	usec_t now = loop_now();

	if (!v->held && !work(v, usec_add(now, TURN)))
		work_at(v, now);
}

void vips_hold(struct vips *v, bool held)
{
	v->held = held;
	vips_apply(v);
}

void vips_finish(struct vips *v)
{
	work(v, USEC(INT64_MAX));
}

static void on_timer(struct loop_timer *t, usec_t)
{
	vips_apply(container_of(t, struct vips, timer));
}

/* Watches only take note: net is in the middle of telling everybody, and more may follow that
 * explains this change (a link going down, an address coming back). */
static void on_link(struct net_watch *w, const struct net_link *, bool)
{
	work_at(container_of(w, struct vips, watch), loop_now());
}

static void on_addr(struct net_watch *w, unsigned ifindex, const struct prefix *p, bool present)
{
	struct vips *v = container_of(w, struct vips, watch);
	struct vip *vip;

	list_for_each(vip, &v->all, node) {
		if (vip->ifindex != ifindex || !addr_equal(&vip->prefix.addr, &p->addr))
			continue;
		if (!present && vip->wanted && vip->ours)
			vip->lost = true;
		work_at(v, loop_now());
	}
}

bool vips_known(const struct vips *v, const struct addr *a)
{
	struct vip *vip;

	list_for_each(vip, &v->all, node)
		if (addr_equal(&vip->prefix.addr, a))
			return true;
	return false;
}

static void unlist(struct vip **vips, unsigned n, bool active)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		vips[i]->listed--;
		vips[i]->wanted -= active;
	}
	free(vips);
}

int vip_claim_set(struct vips *v, struct vip_claim *c, const struct conf_vip *list, unsigned n,
		  usec_t refresh)
{
	struct vip **vips = calloc(n ? n : 1, sizeof(*vips));
	unsigned i;

	if (!vips)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		vips[i] = vip_get(v, &list[i], refresh);
		if (!vips[i]) {
			unlist(vips, i, c->active);
			return -ENOMEM;
		}
		vips[i]->wanted += c->active;
	}
	if (c->vips)
		unlist(c->vips, c->n, c->active);
	else
		list_add_tail(&v->claims, &c->node);
	c->vips = vips;
	c->n = n;
	return 0;
}

bool vip_claim_ours(const struct vip_claim *c)
{
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (c->vips[i]->ours)
			return true;
	return false;
}

void vip_claim_activate(struct vip_claim *c, bool active)
{
	unsigned i;

	if (c->active == active)
		return;
	c->active = active;
	for (i = 0; i < c->n; i++)
		c->vips[i]->wanted += active ? 1 : -1;
}

void vip_claim_announce(struct vips *v, struct vip_claim *c)
{
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (look(v, c->vips[i]))
			announce(v, c->vips[i]);
}

bool vip_claim_stands(struct vips *v, const struct vip_claim *c)
{
	struct prefix at;
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (!c->vips[i]->wanted && is_there(v, c->vips[i], &at))
			return true;
	return false;
}

void vip_claim_drop(struct vips *, struct vip_claim *c)
{
	if (!c->vips)
		return;
	unlist(c->vips, c->n, c->active);
	list_del(&c->node);
	*c = (struct vip_claim){ .repaired = c->repaired };
}

int vips_new(struct loop *loop, struct net *net, struct announcer *announcer, struct vips **ret)
{
	struct vips *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->net = net;
	v->announcer = announcer;
	list_init(&v->all);
	list_init(&v->claims);
	loop_timer_init(&v->timer, loop, LOOP_VRRP, on_timer);
	v->watch.link = on_link;
	v->watch.addr = on_addr;
	net_watch_add(net, &v->watch);
	*ret = v;
	return 0;
}

void vips_free(struct vips *v)
{
	struct vip *vip, *tmp;

	if (!v)
		return;
	list_for_each_safe(vip, tmp, &v->all, node)
		vip_free(vip);
	loop_timer_stop(&v->timer);
	net_watch_del(v->net, &v->watch);
	free(v);
}
