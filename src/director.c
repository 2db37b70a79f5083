// SPDX-License-Identifier: BSD-2-Clause
/* The director: owns the subsystems and carries facts between them.
 *
 *   check  -- verdict -->  ipvs            a server may have new flows, or not
 *   check  -- count -->  vrrp              how many servers are healthy, for who tracks a service
 *   vrrp   -- gate, beat -->  ipvs         who owns an address; the fence's heartbeat
 *   ipvs -- resets -->  net                the ends of a lost server's flows are told
 *   net, ipvs -- links in use -->  xmit    where the programs hang
 */
#include "director.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list.h"
#include "lib/log.h"
#include "net/sysctl.h"

struct director {
	struct loop *loop;
	struct conf *conf;
	struct net *net;
	struct maps *maps;	     /* NULL: engine = "none" */
	struct attach *attach;	     /* likewise */
	struct ipvs_backend *memory; /* only then */
	struct ipvs *ipvs;
	struct net_resets *resets;
	struct vrrp_set *vrrp;
	struct check_set *checks;
	struct sysctls *sysctls;
	struct net_watch watch;
	struct loop_timer attach_soon; /* links came or next hops moved */
	void (*changed)(void *ctx);
	void *changed_ctx;
};

/* ---- Facts that travel ---- */

/* Unknown changes nothing: after a restart a server that was up has flows to go on with. */
static void on_verdict(void *ctx, const char *service, const char *server,
		       enum check_verdict verdict)
{
	struct director *d = ctx;

	if (verdict != CHECK_UNKNOWN)
		ipvs_verdict(d->ipvs, service, server, verdict == CHECK_ALIVE);
	vrrp_set_service_changed(d->vrrp, service);
}

static void on_healthy(void *ctx, const char *service, unsigned *ret_healthy, unsigned *ret_all)
{
	*ret_healthy = *ret_all = 0;
	if (((struct director *)ctx)->checks)
		check_set_count(((struct director *)ctx)->checks, service, ret_healthy, ret_all);
}

static bool path_up(void *ctx, const struct addr *to, usec_t since)
{
	return net_path_up(((struct director *)ctx)->net, to, since);
}

static void on_gate(void *ctx, const char *name, bool open)
{
	struct director *d = ctx;

	ipvs_gate_set(d->ipvs, name, open);
}

static void on_beat(void *ctx, const char *name, usec_t stale, usec_t fresh)
{
	struct director *d = ctx;

	ipvs_gate_beat(d->ipvs, name, stale, fresh);
}

static void on_state(void *ctx, const char *, enum vrrp_state, enum vrrp_state)
{
	struct director *d = ctx;

	if (d->changed)
		d->changed(d->changed_ctx);
}

static bool on_resets(void *ctx, const struct net_reset *list, size_t n)
{
	struct director *d = ctx;

	return net_resets_add(d->resets, list, n);
}

static void on_resets_room(void *ctx)
{
	struct director *d = ctx;

	ipvs_resets_go_on(d->ipvs);
}

static const struct vrrp_ops vrrp_ops = {
	.gate = on_gate,
	.beat = on_beat,
	.state_changed = on_state,
	.healthy = on_healthy,
};

static const struct check_ops check_ops = {
	.verdict = on_verdict,
	.path_up = path_up,
};

/* ---- Interfaces in use ---- */

struct links {
	struct director *d;
	unsigned *ifindexes;
	const char **names;
	unsigned n, room;
};

static void add_link(void *ctx, unsigned ifindex)
{
	struct links *l = ctx;
	const struct net_link *link = net_link_by_index(l->d->net, ifindex);
	unsigned i;

	if (!link)
		return;
	for (i = 0; i < l->n; i++)
		if (l->ifindexes[i] == ifindex)
			return;
	if (l->n == l->room) {
		unsigned room = l->room ? l->room * 2 : 8;
		unsigned *more = realloc(l->ifindexes, room * sizeof(*more));
		const char **names;

		if (!more)
			return;
		l->ifindexes = more;
		names = realloc(l->names, room * sizeof(*names));
		if (!names)
			return;
		l->names = names;
		l->room = room;
	}
	l->names[l->n] = link->name;
	l->ifindexes[l->n++] = ifindex;
}

static void add_name(struct links *l, const char *name)
{
	const struct net_link *link = name ? net_link_by_name(l->d->net, name) : NULL;

	if (link)
		add_link(l, link->ifindex);
}

/* Those named, or else those that carry addresses or reach servers. */
static void collect_links(struct director *d, struct links *l)
{
	const struct conf *c = d->conf;
	unsigned i, j;

	*l = (struct links){ .d = d };
	for (i = 0; i < c->director.n_interfaces; i++)
		add_name(l, c->director.interfaces[i]);
	if (c->director.n_interfaces)
		return;
	for (i = 0; i < c->n_vrrp; i++) {
		add_name(l, c->vrrp[i].interface);
		for (j = 0; j < c->vrrp[i].n_addresses; j++)
			add_name(l, c->vrrp[i].addresses[j].interface);
	}
	ipvs_each_server_link(d->ipvs, add_link, l);
}

static void free_links(struct links *l)
{
	free(l->ifindexes);
	free(l->names);
}

static void use_families(const struct conf *c, bool *ret_v4, bool *ret_v6)
{
	unsigned i, j;

	*ret_v4 = *ret_v6 = false;
	for (i = 0; i < c->n_services; i++)
		for (j = 0; j < c->services[i].n_vips; j++)
			*(addr_is_v4(&c->services[i].vips[j].addr) ? ret_v4 : ret_v6) = true;
}

static void apply_sysctls(struct director *d, const struct links *l)
{
	struct str problems = { 0 };
	bool v4, v6;

	use_families(d->conf, &v4, &v6);
	sysctls_apply(l->names, l->n, v4, v6, d->conf->director.sysctls == CONF_SYSCTLS_SET,
		      &problems, &d->sysctls);
	log_lines(LEVEL_WARN, "sysctl", str_text(&problems));
	str_free(&problems);
}

static void apply_links(struct director *d)
{
	struct links l;

	if (!d->attach)
		return;
	collect_links(d, &l);
	attach_reconcile(d->attach, d->conf, l.ifindexes, l.n);
	free_links(&l);
}

static void on_attach_soon(struct loop_timer *t, usec_t)
{
	apply_links(container_of(t, struct director, attach_soon));
}

static void links_changed(void *ctx)
{
	struct director *d = ctx;

	if (!loop_timer_active(&d->attach_soon))
		loop_timer_in(&d->attach_soon, USEC(0));
}

static void on_link(struct net_watch *w, const struct net_link *, bool)
{
	links_changed(container_of(w, struct director, watch));
}

/* ---- The whole ---- */

/* Gates and services before addresses, so that no packet meets half of it; checks last, their
 * verdicts need the servers. */
static int apply_engine(struct director *d)
{
	struct links l;
	int r;

	ipvs_reconcile(d->ipvs, d->conf);
	if (!d->attach)
		return 0;
	collect_links(d, &l);
	apply_sysctls(d, &l);
	r = attach_reconcile(d->attach, d->conf, l.ifindexes, l.n);
	free_links(&l);
	return r;
}

struct missing {
	struct director *d;
	enum log_level level;
	unsigned n;
};

static void need_link(void *ctx, const char *name, const struct conf_where *where, bool required)
{
	struct missing *m = ctx;

	if (net_link_by_name(m->d->net, name))
		return;
	log_at(required ? m->level : LEVEL_WARN, "config",
	       "%s:%u: %s: this machine has no interface %s", where->file, where->line, where->path,
	       name);
	m->n += required;
}

/* Names the interfaces that the configuration names and that do not exist; returns how many of them
 * are required. */
static unsigned name_missing_links(struct director *d, const struct conf *c, enum log_level level)
{
	struct missing m = { .d = d, .level = level };

	conf_each_interface(c, need_link, &m);
	return m.n;
}

static void apply_rest(struct director *d)
{
	vrrp_set_reconcile(d->vrrp, d->conf);
	check_set_reconcile(d->checks, d->conf);
}

void director_apply(struct director *d, struct conf *conf)
{
	struct conf *old = d->conf;

	d->conf = conf;
	name_missing_links(d, conf, LEVEL_WARN); /* they are used when they come */
	apply_engine(d);			 /* has logged what it could not do */
	apply_rest(d);
	conf_free(old);
}

void director_on_change(struct director *d, void (*changed)(void *ctx), void *ctx)
{
	d->changed = changed;
	d->changed_ctx = ctx;
}

static int open_engine(struct director *d, const char *name, struct str *why)
{
	const struct conf_director *c = &d->conf->director;
	int r;

	if (c->engine == CONF_ENGINE_NONE) {
		d->memory = ipvs_memory_backend_new();
		return d->memory ? 0 : -ENOMEM;
	}
	r = maps_open(d->loop, name, c->flows, c->flows6, why, &d->maps);
	if (r)
		return r;
	log_info("engine", "the flow tables take %llu MiB",
		 (unsigned long long)(maps_flow_bytes(c->flows, c->flows6) >> 20));
	return attach_new(d->loop, d->net, d->maps, &d->attach);
}

int director_new(struct loop *loop, const char *name, struct conf *conf, struct str *why,
		 struct director **ret)
{
	struct director *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (!d)
		goto err;
	d->loop = loop;
	d->conf = conf;
	loop_timer_init(&d->attach_soon, loop, LOOP_NORMAL, on_attach_soon);
	d->watch.link = on_link;
	r = net_new(loop, &d->net);
	if (r) {
		str_addf(why, "netlink: %s", strerror(-r));
		goto err;
	}
	net_watch_add(d->net, &d->watch);
	if (name_missing_links(d, conf, LEVEL_ERR)) {
		r = -ENODEV;
		str_addf(why, "not all interfaces are there");
		goto err;
	}
	r = open_engine(d, name, why);
	if (r)
		goto err;
	r = ipvs_new(loop, d->net, d->maps ? maps_backend(d->maps) : d->memory, &d->ipvs);
	if (r)
		goto err;
	ipvs_on_server_link(d->ipvs, links_changed, d);
	r = net_resets_new(loop, on_resets_room, d, &d->resets);
	if (r)
		goto err;
	ipvs_on_resets(d->ipvs, on_resets, d);
	r = vrrp_set_new(loop, d->net, &vrrp_ops, d, &d->vrrp);
	if (r) {
		str_addf(why, "VRRP: %s", strerror(-r));
		goto err;
	}
	r = check_set_new(loop, &check_ops, d, &d->checks);
	if (r)
		goto err;
	r = apply_engine(d);
	if (r) {
		str_addf(why, "the engine's programs cannot be attached: %s", strerror(-r));
		goto err;
	}
	apply_rest(d);
	*ret = d;
	return 0;

err:
	if (!why->len)
		str_addf(why, "%s", strerror(-r));
	if (d)
		director_free(d);
	else
		conf_free(conf);
	return r;
}

void director_free(struct director *d)
{
	if (!d)
		return;
	loop_timer_stop(&d->attach_soon);
	check_set_free(d->checks);
	if (d->vrrp)
		vrrp_set_stop(d->vrrp);
	vrrp_set_free(d->vrrp);
	ipvs_free(d->ipvs);
	net_resets_free(d->resets);
	attach_free(d->attach, true);
	maps_close(d->maps, true);
	if (d->memory)
		d->memory->free(d->memory);
	sysctls_restore(d->sysctls);
	if (d->net)
		net_watch_del(d->net, &d->watch);
	net_free(d->net);
	conf_free(d->conf);
	free(d);
}

const struct conf *director_conf(const struct director *d)
{
	return d->conf;
}

const struct net *director_net(const struct director *d)
{
	return d->net;
}

const struct vrrp_set *director_vrrp(const struct director *d)
{
	return d->vrrp;
}

const struct check_set *director_checks(const struct director *d)
{
	return d->checks;
}

const struct ipvs *director_ipvs(const struct director *d)
{
	return d->ipvs;
}

const struct maps *director_maps(const struct director *d)
{
	return d->maps;
}

const struct attach *director_attach(const struct director *d)
{
	return d->attach;
}

void director_resets(const struct director *d, struct net_reset_stats *ret)
{
	net_resets_get_stats(d->resets, ret);
}

void director_counters(const struct director *d, uint64_t ret[HOOKS][COUNTERS])
{
	struct ipvs_backend *be = d->maps ? maps_backend(d->maps) : d->memory;

	be->read_counters(be, ret);
}
