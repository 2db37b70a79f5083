// SPDX-License-Identifier: BSD-2-Clause
/* A LAN in one process for tests of src/vrrp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc.h"
#include "vrrp/socket.h"
#include "vrrp_world.h"

enum {
	MAX_HOSTS = 5,
	MAX_TIMERS = 128,
	AT_ONCE = 10000, /* callbacks without time passing */
	SET_TIMERS = 2,	 /* of the set itself, made before any instance's pair of timers */
};

struct letter {
	struct list node;
	usec_t at;
	unsigned ifindex;
	struct vrrp_datagram d;
	uint8_t data[];
};

struct vrrp_socket {
	struct host *host;
	int family;
	unsigned ifindex;
};

struct vrrp_sockets {
	struct host *host;
	struct list listeners;
	uint64_t unknown, turn;
};

struct loop {
	struct host *host;
	uintptr_t timers_made;
};

struct announcer {
	struct host *host;
};

struct news {
	unsigned ifindex;
	struct prefix prefix;
	bool present;
};

struct net {
	struct host *host;
	struct net_link links[LINKS];
	bool exists[LINKS];
	struct on_link addresses[MAX_ADDRESSES];
	unsigned n_addresses;
	struct list watches;
	struct news news[MAX_ADDRESSES];
	unsigned n_news;
	bool link_news[LINKS];
	struct list hops;
	struct addr routes[4];
	unsigned n_routes;
};

struct host {
	struct loop loop;
	struct net net;
	struct announcer announcer;
	struct vrrp_sockets sockets;
	struct vrrp_set *set;
	const struct conf *conf;
	struct list inbox;
	bool frozen, dead;
	bool served;	/* in this callback */
	usec_t slowest; /* advert interval ever configured */
	int add_error, send_error;
	struct gate_of gates[MAX_INSTANCES * 2];
	unsigned n_gates;
	char trace[512];
	struct list procs;
	unsigned started; /* programs */
	char env[2048];	  /* of the last one */
	unsigned healthy, servers;
	unsigned sent, announced, removed;
	usec_t longest, refresh;
};

static struct {
	usec_t now, late, latest, address_cost, delay;
	unsigned lost, twice;
	uint64_t seed;
	bool cut;
	struct host *hosts[MAX_HOSTS];
	unsigned n_hosts;
	struct loop_timer *timers[MAX_TIMERS];
	unsigned n_timers;
} world;

static void note(struct host *h, const char *what)
{
	size_t n = strlen(h->trace), len = strlen(what);

	if (n >= len && !strcmp(h->trace + n - len, what) &&
	    (n == len || h->trace[n - len - 1] == ' '))
		return;
	snprintf(h->trace + n, sizeof(h->trace) - n, "%s%s", n ? " " : "", what);
}

/* ---- lib/loop.h ---- */

usec_t loop_now(void)
{
	return world.now;
}

void loop_timer_init(struct loop_timer *t, struct loop *l, enum loop_priority priority,
		     void (*fire)(struct loop_timer *t, usec_t now))
{
	memset(t, 0, sizeof(*t));
	t->loop = l;
	t->fire = fire;
	/* Of those the right ones must run; what is tracked has its own. */
	t->ev.data = (void *)(priority == LOOP_VRRP ? l->timers_made++ : UINTPTR_MAX);
}

void loop_timer_stop(struct loop_timer *t)
{
	unsigned i;

	for (i = 0; i < world.n_timers; i++) {
		if (world.timers[i] == t) {
			world.timers[i] = world.timers[--world.n_timers];
			return;
		}
	}
}

bool loop_timer_active(const struct loop_timer *t)
{
	unsigned i;

	for (i = 0; i < world.n_timers; i++)
		if (world.timers[i] == t)
			return true;
	return false;
}

void loop_timer_at(struct loop_timer *t, usec_t at)
{
	loop_timer_stop(t);
	assert_true(world.n_timers < MAX_TIMERS);
	t->at = at;
	world.timers[world.n_timers++] = t;
}

void loop_timer_in(struct loop_timer *t, usec_t span)
{
	loop_timer_at(t, usec_add(world.now, span));
}

/* ---- net/net.h ---- */

static struct net_link *link_at(const struct net *n, unsigned i)
{
	return n->exists[i] ? (struct net_link *)&n->links[i] : NULL;
}

const struct net_link *net_link_by_name(const struct net *n, const char *name)
{
	unsigned i;

	for (i = 0; i < LINKS; i++)
		if (link_at(n, i) && !strcmp(n->links[i].name, name))
			return link_at(n, i);
	return NULL;
}

const struct net_link *net_link_by_index(const struct net *n, unsigned ifindex)
{
	unsigned i;

	for (i = 0; i < LINKS; i++)
		if (link_at(n, i) && n->links[i].ifindex == ifindex)
			return link_at(n, i);
	return NULL;
}

static struct on_link *find_address(const struct net *n, unsigned ifindex, const struct addr *a)
{
	unsigned i;

	for (i = 0; i < n->n_addresses; i++)
		if (n->addresses[i].ifindex == ifindex &&
		    addr_equal(&n->addresses[i].prefix.addr, a))
			return (struct on_link *)&n->addresses[i];
	return NULL;
}

/* As the kernel has it: IPv4 an address once for each prefix, IPv6 once. */
static struct on_link *find_exact(const struct net *n, unsigned ifindex, const struct prefix *p)
{
	unsigned i;

	for (i = 0; i < n->n_addresses; i++)
		if (n->addresses[i].ifindex == ifindex && prefix_equal(&n->addresses[i].prefix, p))
			return (struct on_link *)&n->addresses[i];
	return NULL;
}

bool net_addr_present(const struct net *n, unsigned ifindex, const struct addr *a)
{
	return find_address(n, ifindex, a) != NULL;
}

bool net_addr_usable(const struct net *n, unsigned ifindex, const struct addr *a)
{
	return net_addr_present(n, ifindex, a);
}

bool net_addr_find(const struct net *n, unsigned ifindex, const struct addr *a, struct prefix *ret)
{
	const struct on_link *o = find_address(n, ifindex, a);

	if (o)
		*ret = o->prefix;
	return o;
}

int net_addr_source(const struct net *n, unsigned ifindex, int family,
		    bool (*passes_over)(void *ctx, const struct addr *a), void *ctx,
		    struct addr *ret)
{
	const struct addr *a;
	unsigned i;

	for (i = 0; i < n->n_addresses; i++) {
		a = &n->addresses[i].prefix.addr;
		if (n->addresses[i].ifindex != ifindex || addr_family(a) != family ||
		    (family == AF_INET6 && !addr_is_link_local(a)) ||
		    (passes_over && passes_over(ctx, a)))
			continue;
		*ret = *a;
		return 0;
	}
	return -ENOENT;
}

static void tell(struct net *n, unsigned ifindex, const struct prefix *p, bool present)
{
	assert_true(n->n_news < MAX_ADDRESSES);
	n->news[n->n_news++] = (struct news){ ifindex, *p, present };
}

static void displace(struct net *n, unsigned ifindex, const struct prefix *p)
{
	struct on_link *o = find_exact(n, ifindex, p), gone;
	size_t at;

	if (!o)
		return;
	gone = *o;
	at = (size_t)(o - n->addresses);
	memmove(o, o + 1, (n->n_addresses - at - 1) * sizeof(*o));
	n->n_addresses--;
	tell(n, ifindex, &gone.prefix, false);
}

static void place(struct net *n, unsigned ifindex, const struct prefix *p)
{
	const struct on_link *o = find_address(n, ifindex, &p->addr);

	if (find_exact(n, ifindex, p))
		return;
	if (o && !addr_is_v4(&p->addr))
		displace(n, ifindex, &o->prefix);
	assert_true(n->n_addresses < MAX_ADDRESSES);
	n->addresses[n->n_addresses++] = (struct on_link){ ifindex, *p };
	tell(n, ifindex, p, true);
}

int net_addr_add(struct net *n, unsigned ifindex, const struct prefix *p)
{
	assert_non_null(net_link_by_index(n, ifindex));
	world.now = usec_add(world.now, world.address_cost);
	if (n->host->add_error)
		return n->host->add_error;
	place(n, ifindex, p);
	note(n->host, "add");
	return 0;
}

int net_addr_del(struct net *n, unsigned ifindex, const struct prefix *p)
{
	world.now = usec_add(world.now, world.address_cost);
	n->host->removed++;
	displace(n, ifindex, p);
	note(n->host, "remove");
	return 0;
}

void net_watch_add(struct net *n, struct net_watch *w)
{
	list_add_tail(&n->watches, &w->node);
}

void net_watch_del(struct net *n, struct net_watch *w)
{
	list_del(&w->node);
}

static void answer_all(struct net *n);

/* Changes are told in a later turn, as netlink does. */
static bool tell_news(struct net *n)
{
	struct net_watch *w;
	struct news news;
	unsigned i;

	for (i = 0; i < LINKS; i++) {
		if (!n->link_news[i])
			continue;
		n->link_news[i] = false;
		list_for_each(w, &n->watches, node)
			w->link(w, &n->links[i], !n->exists[i]);
		return true;
	}
	if (!n->n_news)
		return false;
	answer_all(n);
	news = n->news[0];
	memmove(n->news, n->news + 1, --n->n_news * sizeof(*n->news));
	list_for_each(w, &n->watches, node)
		w->addr(w, news.ifindex, &news.prefix, news.present);
	return true;
}

static void answer(struct net *n, struct net_hop *hop)
{
	unsigned i;

	hop->local = false;
	hop->ifindex = 0;
	for (i = 0; i < n->n_addresses; i++)
		hop->local |= addr_equal(&n->addresses[i].prefix.addr, &hop->to);
	for (i = 0; i < n->n_routes; i++)
		if (addr_equal(&n->routes[i], &hop->to))
			hop->ifindex = 1;
}

void net_hop_add(struct net *n, struct net_hop *hop)
{
	answer(n, hop);
	list_add_tail(&n->hops, &hop->node);
}

void net_hop_del(struct net *n, struct net_hop *hop)
{
	list_del(&hop->node);
}

static void answer_all(struct net *n)
{
	struct net_hop *hop, was;

	list_for_each(hop, &n->hops, node) {
		was = *hop;
		answer(n, hop);
		if (was.local != hop->local || was.ifindex != hop->ifindex)
			hop->changed(hop);
	}
}

/* ---- lib/proc.h ---- */

struct proc {
	struct list node;
	struct proc_job job;
	char name[64];
};

int proc_start(const struct proc_job *job, struct proc **ret)
{
	struct host *h = job->loop->host;
	struct proc *p = calloc(1, sizeof(*p));
	const char *const *env;

	p->job = *job;
	snprintf(p->name, sizeof(p->name), "%s", job->argv[0]);
	h->env[0] = '\0';
	for (env = job->env; *env; env++)
		snprintf(h->env + strlen(h->env), sizeof(h->env) - strlen(h->env), "%s\n", *env);
	list_add_tail(&h->procs, &p->node);
	h->started++;
	*ret = p;
	return 0;
}

void proc_abandon(struct proc *p)
{
	if (p)
		list_del(&p->node);
	free(p);
}

void proc_wait(struct proc *p, usec_t until, struct proc_end *ret)
{
	*ret = (struct proc_end){ .timed_out = usec_before(until, world.now) };
	proc_abandon(p);
}

int proc_user_find(const char *name, struct proc_user *ret)
{
	*ret = (struct proc_user){ 1, 1 };
	return 0;
}

const char *proc_end_text(const struct proc_end *end, usec_t timeout, char *buf, size_t size)
{
	snprintf(buf, size, "status %d", end->status);
	return buf;
}

bool host_proc_ends(struct host *h, const char *name, int status)
{
	struct proc_end end = { .status = status };
	struct proc *p;

	list_for_each(p, &h->procs, node) {
		struct proc_job job = p->job;

		if (strcmp(p->name, name) != 0)
			continue;
		proc_abandon(p);
		job.ended(job.ctx, &end);
		return true;
	}
	return false;
}

const char *host_env(const struct host *h)
{
	return h->env;
}

unsigned host_started(const struct host *h)
{
	return h->started;
}

void host_healthy(struct host *h, unsigned healthy, unsigned servers)
{
	h->healthy = healthy;
	h->servers = servers;
	vrrp_set_service_changed(h->set, "www");
}

void host_route(struct host *h, const char *to, bool there)
{
	h->net.n_routes = 0;
	assert_int_equal(addr_parse(to, &h->net.routes[0]), 0);
	h->net.n_routes = there;
	answer_all(&h->net);
}

/* ---- vrrp/announce.h ---- */

int announcer_new(struct loop *loop, struct net *net, struct announcer **ret)
{
	*ret = &net->host->announcer;
	return 0;
}

void announcer_free(struct announcer *a)
{
}

void announce_start(struct announcer *a, struct announcement *w)
{
	assert_int_not_equal(w->ifindex, 0);
	a->host->announced++;
	note(a->host, "announce");
}

void announce_stop(struct announcement *w)
{
}

void announce_refresh(struct announcer *a, struct announcement *w, usec_t refresh)
{
	w->refresh = refresh;
	a->host->refresh = refresh;
}

/* ---- vrrp/socket.h ---- */

int vrrp_sockets_new(struct loop *loop, struct net *net, struct vrrp_sockets **ret)
{
	*ret = &net->host->sockets;
	return 0;
}

void vrrp_sockets_free(struct vrrp_sockets *s)
{
	assert_true(list_empty(&s->listeners));
}

int vrrp_listen(struct vrrp_sockets *s, struct vrrp_listener *l, int family, unsigned ifindex,
		bool multicast)
{
	assert_null(l->socket);
	assert_non_null(net_link_by_index(&s->host->net, ifindex));
	l->socket = calloc(1, sizeof(*l->socket));
	l->socket->host = s->host;
	l->socket->family = family;
	l->socket->ifindex = ifindex;
	list_add_tail(&s->listeners, &l->node);
	return 0;
}

void vrrp_unlisten(struct vrrp_listener *l)
{
	if (!l->socket)
		return;
	list_del(&l->node);
	free(l->socket);
	l->socket = NULL;
}

static void deliver(struct vrrp_sockets *s, const struct letter *m)
{
	struct vrrp_listener *l;

	list_for_each(l, &s->listeners, node) {
		if (l->socket->family == m->d.family && l->socket->ifindex == m->ifindex &&
		    m->d.len > 1 && m->d.data[1] == l->vrid) {
			l->received(l, &m->d, s->turn);
			return;
		}
	}
	s->unknown++;
}

static bool drain(struct host *h)
{
	struct letter *m, *tmp;
	bool any = false;

	h->sockets.turn++;
	list_for_each_safe(m, tmp, &h->inbox, node) {
		if (usec_before(world.now, m->at))
			continue;
		list_del(&m->node);
		deliver(&h->sockets, m);
		free(m);
		any = true;
	}
	return any;
}

void vrrp_serve(struct vrrp_listener *l)
{
	if (!l->socket)
		return;
	l->socket->host->served = true;
	drain(l->socket->host);
}

static void post(struct host *to, unsigned ifindex, const struct vrrp_datagram *d)
{
	struct letter *m = malloc(sizeof(*m) + d->len);

	m->at = world.now;
	if (world.delay.us)
		m->at.us += world_dice((unsigned)world.delay.us);
	m->ifindex = ifindex;
	m->d = *d;
	m->d.data = m->data;
	memcpy(m->data, d->data, d->len);
	list_add_tail(&to->inbox, &m->node);
}

int vrrp_send(struct vrrp_listener *l, const struct addr *src, const struct addr *dst,
	      const void *data, size_t len)
{
	struct vrrp_socket *s = l->socket;
	const struct net_link *from, *to;
	struct vrrp_datagram d = { s->family, *src, *dst, 255, data, len };
	unsigned i;

	assert_non_null(s);
	if (s->host->send_error)
		return s->host->send_error;
	from = net_link_by_index(&s->host->net, s->ifindex);
	if (!from || !net_addr_present(&s->host->net, s->ifindex, src))
		return -EADDRNOTAVAIL;
	note(s->host, ((const uint8_t *)data)[2] ? "advert" : "zero");
	s->host->sent++;
	for (i = 0; i < world.n_hosts; i++) {
		struct host *h = world.hosts[i];

		to = net_link_by_name(&h->net, from->name);
		if (h == s->host || world.cut || h->dead || !to || !to->up || !from->up)
			continue;
		if (!addr_is_multicast(dst) && !net_addr_present(&h->net, to->ifindex, dst))
			continue;
		if (world.lost && world_dice(1000) < world.lost)
			continue;
		post(h, to->ifindex, &d);
		if (world.twice && world_dice(1000) < world.twice)
			post(h, to->ifindex, &d);
	}
	return 0;
}

uint64_t vrrp_sockets_unknown(const struct vrrp_sockets *s)
{
	return s->unknown;
}

/* ---- vrrp_ops ---- */

struct gate_of *host_gate(struct host *h, const char *name)
{
	unsigned i;

	for (i = 0; i < h->n_gates; i++)
		if (!strcmp(h->gates[i].name, name))
			return &h->gates[i];
	assert_true(h->n_gates < sizeof(h->gates) / sizeof(*h->gates));
	h->gates[h->n_gates] = (struct gate_of){ .name = name, .beat = world.now };
	return &h->gates[h->n_gates++];
}

static void on_gate(void *ctx, const char *name, bool open)
{
	struct gate_of *g = host_gate(ctx, name);

	/* Next to a beat of its last life the fence would be set. */
	assert_true(!open || g->beats);
	g->opened += open;
	g->changes++;
	g->open = open;
	note(ctx, open ? "open" : "close");
}

static void on_beat(void *ctx, const char *name, usec_t stale, usec_t fresh)
{
	struct host *h = ctx;
	struct gate_of *g = host_gate(h, name);

	assert_true(h->served || host_state(h, name) == VRRP_INITIALIZE);
	g->beat = world.now;
	g->stale = stale;
	g->fresh = fresh;
	g->beats++;
}

static void on_state(void *ctx, const char *name, enum vrrp_state from, enum vrrp_state to)
{
	assert_int_not_equal(from, to);
	assert_int_equal(host_state(ctx, name), to);
}

static void on_healthy(void *ctx, const char *service, unsigned *ret_healthy, unsigned *ret_all)
{
	struct host *h = ctx;

	assert_string_equal(service, "www");
	*ret_healthy = h->healthy;
	*ret_all = h->servers;
}

static const struct vrrp_ops ops = { on_gate, on_beat, on_state, on_healthy };

/* ---- What must always be true ---- */

static bool should_have(struct host *h, const char *interface, const struct addr *a)
{
	struct conf_vip owned[MAX_VIPS + 1];
	unsigned i, k, n;

	for (i = 0; i < h->conf->n_vrrp; i++) {
		if (host_state(h, h->conf->vrrp[i].name) != VRRP_MASTER)
			continue;
		n = conf_vrrp_owned(&h->conf->vrrp[i], owned);
		for (k = 0; k < n; k++)
			if (!strcmp(owned[k].interface, interface) &&
			    addr_equal(&owned[k].prefix.addr, a))
				return true;
	}
	return false;
}

static bool at_work(const struct host *h)
{
	unsigned i;

	for (i = 0; i < world.n_timers; i++)
		if (world.timers[i]->loop == &h->loop &&
		    (uintptr_t)world.timers[i]->ev.data < SET_TIMERS)
			return true;
	return h->net.n_news || h->net.link_news[0] || h->net.link_news[1] || h->add_error;
}

static void check_addresses(struct host *h)
{
	struct conf_vip owned[MAX_VIPS + 1];
	const struct net_link *link;
	unsigned i, k, n;

	if (at_work(h))
		return;
	for (i = 0; i < h->conf->n_vrrp; i++) {
		n = conf_vrrp_owned(&h->conf->vrrp[i], owned);
		for (k = 0; k < n; k++) {
			link = net_link_by_name(&h->net, owned[k].interface);
			if (link && link->up)
				assert_int_equal(
					net_addr_present(&h->net, link->ifindex,
							 &owned[k].prefix.addr),
					should_have(h, owned[k].interface, &owned[k].prefix.addr));
		}
	}
}

static void check_timers(struct host *h)
{
	unsigned running = 0, timers = 0, beats = 0, i;

	for (i = 0; i < h->conf->n_vrrp; i++)
		running += host_state(h, h->conf->vrrp[i].name) != VRRP_INITIALIZE;
	for (i = 0; i < world.n_timers; i++) {
		uintptr_t id = (uintptr_t)world.timers[i]->ev.data;

		if (world.timers[i]->loop != &h->loop || id < SET_TIMERS || id == UINTPTR_MAX)
			continue;
		timers += id % 2 == SET_TIMERS % 2;
		beats += id % 2 != SET_TIMERS % 2;
	}
	assert_int_equal(timers, running);
	assert_int_equal(beats, h->conf->n_vrrp);
}

static void check_groups(struct host *h)
{
	const struct conf_vrrp *v = h->conf->vrrp;
	unsigned i;

	for (i = 0; i + 1 < h->conf->n_vrrp; i++)
		if (v[i].group && v[i + 1].group && !strcmp(v[i].group, v[i + 1].group))
			assert_int_equal(host_state(h, v[i].name) == VRRP_MASTER,
					 host_state(h, v[i + 1].name) == VRRP_MASTER);
}

static void check(struct host *h)
{
	usec_t patience = usec_add(h->slowest, usec_add(world.latest, MSEC(10)));
	unsigned i, k;

	if (!h->set || !h->conf)
		return;
	for (i = 0; i < h->n_gates; i++) {
		struct gate_of *g = &h->gates[i];
		bool master = false, configured = false;

		for (k = 0; k < h->conf->n_vrrp; k++)
			if (!strcmp(h->conf->vrrp[k].name, g->name))
				configured = true;
		if (configured)
			master = host_state(h, g->name) == VRRP_MASTER;
		assert_true(g->open || !master);
		/* Addresses go in turns, and what closes comes after them. */
		assert_true(!g->open || master || at_work(h));
		if (configured && g->open == master)
			assert_true(usec_sub(world.now, g->beat).us <= patience.us);
	}
	check_timers(h);
	check_addresses(h);
	check_groups(h);
}

/* ---- The clock ---- */

static void called(struct host *h, usec_t start)
{
	usec_t took = usec_sub(world.now, start);

	if (usec_before(h->longest, took))
		h->longest = took;
	check(h);
}

static bool has_letters(const struct host *h)
{
	struct letter *m;

	list_for_each(m, &h->inbox, node)
		if (!usec_before(world.now, m->at))
			return true;
	return false;
}

/* When the next datagram arrives anywhere; INT64_MAX: none is under way. */
static usec_t next_letter(void)
{
	usec_t next = USEC(INT64_MAX);
	struct letter *m;
	unsigned i;

	for (i = 0; i < world.n_hosts; i++)
		if (!world.hosts[i]->frozen && world.hosts[i]->set)
			list_for_each(m, &world.hosts[i]->inbox, node)
				if (usec_before(m->at, next))
					next = m->at;
	return next;
}

/* What lies waiting, without time passing; true when there was something. */
static bool settle(void)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < world.n_hosts; i++) {
		struct host *h = world.hosts[i];
		usec_t start = world.now;

		if (h->frozen || !h->set)
			continue;
		h->served = false;
		if ((has_letters(h) && drain(h)) || tell_news(&h->net)) {
			called(h, start);
			any = true;
		}
	}
	return any;
}

static struct loop_timer *next_timer(void)
{
	struct loop_timer *best = NULL;
	unsigned i;

	for (i = 0; i < world.n_timers; i++)
		if (!world.timers[i]->loop->host->frozen &&
		    (!best || usec_before(world.timers[i]->at, best->at)))
			best = world.timers[i];
	return best;
}

void world_run(usec_t span)
{
	usec_t end = usec_add(world.now, span), at;
	unsigned at_once = 0;
	struct loop_timer *t;
	struct host *h;

	for (;;) {
		/* Two hosts that answer each other's answers would go on for ever. */
		assert_true(at_once++ < AT_ONCE);
		if (settle())
			continue;
		t = next_timer();
		at = next_letter();
		if (usec_before(at, end) && (!t || usec_before(at, usec_add(t->at, world.late)))) {
			if (usec_before(world.now, at))
				world.now = at;
			at_once = 0;
			continue;
		}
		if (!t)
			break;
		at = usec_add(t->at, world.late);
		if (usec_before(end, at))
			break;
		if (usec_before(world.now, at)) {
			world.now = at;
			at_once = 0;
		}
		h = t->loop->host;
		h->served = false;
		loop_timer_stop(t);
		at = world.now;
		t->fire(t, world.now);
		called(h, at);
	}
	if (usec_before(world.now, end))
		world.now = end;
}

usec_t world_now(void)
{
	return world.now;
}

void world_cut(bool cut)
{
	world.cut = cut;
}

void world_network(unsigned lost, unsigned twice, usec_t delay)
{
	world.lost = lost;
	world.twice = twice;
	world.delay = delay;
}

void world_seed(uint64_t seed)
{
	/* splitmix64: seeds that differ in a bit lead far apart */
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
	world.seed = seed ^ (seed >> 31) ^ 0x9e3779b97f4a7c15;
}

unsigned world_dice(unsigned sides)
{
	world.seed ^= world.seed << 13;
	world.seed ^= world.seed >> 7;
	world.seed ^= world.seed << 17;
	return (unsigned)(world.seed >> 33) % sides;
}

void world_late(usec_t by)
{
	world.late = by;
	if (usec_before(world.latest, by))
		world.latest = by;
}

void world_address_cost(usec_t cost)
{
	world.address_cost = cost;
}

void world_begin(void)
{
	memset(&world, 0, sizeof(world));
	world.now = SEC(1000);
	world_seed(1);
	log_set_level(LEVEL_ERR);
}

void world_end(void)
{
	unsigned i;

	for (i = 0; i < world.n_hosts; i++) {
		host_lose_pending(world.hosts[i]);
		vrrp_set_free(world.hosts[i]->set);
		free(world.hosts[i]);
	}
	assert_int_equal(world.n_timers, 0);
}

/* ---- Hosts ---- */

struct host *host_new(const char *address)
{
	struct host *h = calloc(1, sizeof(*h));
	unsigned i;

	assert_true(world.n_hosts < MAX_HOSTS);
	world.hosts[world.n_hosts++] = h;
	h->loop.host = h->net.host = h->announcer.host = h->sockets.host = h;
	list_init(&h->sockets.listeners);
	list_init(&h->net.watches);
	list_init(&h->net.hops);
	list_init(&h->procs);
	list_init(&h->inbox);
	for (i = 0; i < LINKS; i++) {
		h->net.exists[i] = true;
		h->net.links[i].ifindex = i + 1;
		snprintf(h->net.links[i].name, sizeof(h->net.links[i].name), "eth%u", i);
		h->net.links[i].mtu = 1500;
		h->net.links[i].up = true;
	}
	host_add(h, 1, address);
	h->net.n_news = 0;
	host_start(h);
	return h;
}

void host_start(struct host *h)
{
	unsigned i;

	assert_null(h->set);
	for (i = 0; i < h->n_gates; i++)
		h->gates[i].beats = 0;
	h->dead = false;
	h->loop.timers_made = 0;
	assert_int_equal(vrrp_set_new(&h->loop, &h->net, &ops, h, &h->set), 0);
}

void host_configure(struct host *h, const struct conf *c)
{
	usec_t start = world.now;
	unsigned i;

	for (i = 0; i < c->n_vrrp; i++) {
		if (usec_before(h->slowest, c->vrrp[i].advert_interval))
			h->slowest = c->vrrp[i].advert_interval;
		host_gate(h, c->vrrp[i].name)->beat = world.now;
	}
	h->served = true;
	vrrp_set_reconcile(h->set, c);
	h->conf = c;
	called(h, start);
}

bool host_is_dead(const struct host *h)
{
	return h->dead;
}

void host_freeze(struct host *h, bool frozen)
{
	unsigned i;

	h->frozen = frozen;
	/* It was not there to beat; from now on it is. */
	for (i = 0; i < h->n_gates; i++)
		h->gates[i].beat = world.now;
}

void host_lose_pending(struct host *h)
{
	struct letter *m;

	while (!list_empty(&h->inbox)) {
		m = container_of(h->inbox.next, struct letter, node);
		list_del(&m->node);
		free(m);
	}
}

void host_kill(struct host *h)
{
	vrrp_set_free(h->set);
	h->set = NULL;
	h->conf = NULL;
	h->dead = true;
	host_lose_pending(h);
}

void host_stop(struct host *h)
{
	vrrp_set_stop(h->set);
	h->conf = NULL;
}

static void keep(void *ctx, const struct vrrp_status *st)
{
	struct vrrp_status *ret = ctx;

	if (!strcmp(st->name, ret->name))
		*ret = *st;
}

struct vrrp_status host_status(struct host *h, const char *name)
{
	struct vrrp_status st = { .name = name };

	vrrp_set_each(h->set, keep, &st);
	return st;
}

void host_each_track(struct host *h, const char *name, vrrp_track_fn each, void *ctx)
{
	vrrp_set_each_track(h->set, name, each, ctx);
}

enum vrrp_state host_state(struct host *h, const char *name)
{
	return host_status(h, name).state;
}

uint64_t host_unknown(const struct host *h)
{
	return vrrp_set_unknown_vrid(h->set);
}

bool host_has(const struct host *h, unsigned ifindex, const char *address)
{
	struct addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	return net_addr_present(&h->net, ifindex, &a);
}

bool host_has_prefix(const struct host *h, unsigned ifindex, const char *prefix)
{
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p), 0);
	return find_exact(&h->net, ifindex, &p);
}

const char *host_trace(struct host *h)
{
	return h->trace;
}

void host_clear_trace(struct host *h)
{
	h->trace[0] = '\0';
}

unsigned host_sent(const struct host *h)
{
	return h->sent;
}

unsigned host_announced(const struct host *h)
{
	return h->announced;
}

unsigned host_removed(const struct host *h)
{
	return h->removed;
}

usec_t host_refresh(const struct host *h)
{
	return h->refresh;
}

usec_t host_longest_callback(const struct host *h)
{
	return h->longest;
}

void host_link(struct host *h, const char *name, bool exists, bool up, unsigned ifindex)
{
	struct net *n = &h->net;
	unsigned i, k;

	for (i = 0; i < LINKS; i++) {
		if (strcmp(n->links[i].name, name))
			continue;
		for (k = n->n_addresses; k-- > 0;)
			if (n->addresses[k].ifindex == n->links[i].ifindex &&
			    (!exists || ifindex != n->links[i].ifindex))
				displace(n, n->links[i].ifindex, &n->addresses[k].prefix);
		n->exists[i] = exists;
		n->links[i].up = up;
		n->links[i].ifindex = ifindex;
		n->link_news[i] = true;
	}
}

void host_add(struct host *h, unsigned ifindex, const char *prefix)
{
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p), 0);
	place(&h->net, ifindex, &p);
}

void host_remove(struct host *h, unsigned ifindex, const char *prefix)
{
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p), 0);
	displace(&h->net, ifindex, &p);
}

void host_fail_adds(struct host *h, int error)
{
	h->add_error = error;
}

void host_fail_sends(struct host *h, int error)
{
	h->send_error = error;
}

void host_receive(struct host *h, unsigned ifindex, const char *src, const char *dst, int hops,
		  const void *data, size_t len)
{
	struct vrrp_datagram d = { .hops = hops, .data = data, .len = len };

	assert_int_equal(addr_parse(src, &d.src), 0);
	d.family = addr_family(&d.src);
	d.dst = vrrp_group(d.family);
	if (dst)
		assert_int_equal(addr_parse(dst, &d.dst), 0);
	post(h, ifindex, &d);
}

void host_hear(struct host *h, const char *src, uint8_t vrid, uint8_t priority, usec_t interval,
	       const char *vip)
{
	bool v2 = h->conf && h->conf->n_vrrp && h->conf->vrrp[0].version == 2;
	struct vrrp_dialect how = { .version = v2 ? 2 : 3, .interval = interval };
	uint8_t packet[VRRP_PACKET_MAX];
	struct addr from, group, a;

	assert_int_equal(addr_parse(src, &from), 0);
	assert_int_equal(addr_parse(vip, &a), 0);
	group = vrrp_group(addr_family(&from));
	host_receive(h, 1, src, NULL, 255, packet,
		     vrrp_packet_build(packet, &how, vrid, priority, &a, 1, &from, &group));
}

/* ---- Plans ---- */

struct conf_vrrp *plan_instance(struct plan *p, unsigned i, const char *name, int family,
				uint8_t vrid, uint8_t priority)
{
	p->conf.vrrp = p->vrrp;
	if (p->conf.n_vrrp <= i)
		p->conf.n_vrrp = i + 1;
	p->vrrp[i] = (struct conf_vrrp)
	{
		.name = name, .interface = "eth0", .vrid = vrid, .version = 3, .priority = priority,
		.dead_after = 3, .advert_interval = SEC(1)
		, .preempt = true, .family = family, .addresses = p->vips[i],
		  .unicast_peers = p->peers[i], .tracks = p->tracks[i],
	};
	return &p->vrrp[i];
}

void plan_vip(struct plan *p, unsigned i, const char *prefix, const char *interface)
{
	struct conf_vip *v = &p->vips[i][p->vrrp[i].n_addresses++];

	assert_int_equal(prefix_parse(prefix, &v->prefix), 0);
	v->interface = interface;
}

void plan_group(struct plan *p, const char *name, unsigned n)
{
	unsigned i;

	p->conf.vrrp_groups = &p->group;
	p->conf.n_vrrp_groups = 1;
	p->group.name = name;
	p->group.members = p->members;
	p->group.n_members = n;
	for (i = 0; i < n; i++) {
		p->members[i] = p->vrrp[i].name;
		p->vrrp[i].group = name;
	}
}

struct conf_track *plan_track(struct plan *p, unsigned i, enum conf_track_kind kind,
			      const char *name, int weight)
{
	struct conf_track *t = &p->tracks[i][p->vrrp[i].n_tracks++];

	*t = (struct conf_track){ .name = name, .kind = kind, .weight = weight };
	if (kind == CONF_TRACK_SCRIPT || kind == CONF_TRACK_FILE || kind == CONF_TRACK_PROCESS) {
		t->interval = t->timeout = SEC(1);
		t->rise = t->fall = 1;
	}
	return t;
}

void plan_peer(struct plan *p, unsigned i, const char *address)
{
	assert_int_equal(addr_parse(address, &p->peers[i][p->vrrp[i].n_unicast_peers++]), 0);
}
