// SPDX-License-Identifier: BSD-2-Clause
/* All VRRP instances of this director, made to match the configuration. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "vrrp/instance.h"
#include "vrrp/notify.h"
#include "vrrp/sync.h"

/* How long programs may take that are told of the stop. */
#define STOP_PROGRAMS SEC(3)

struct vrrp_set {
	struct vrrp_env env;
	struct announcer *announcer;
	struct vrrp_instance **instances;
	unsigned n;
	struct sync_group **groups;
	unsigned n_groups;
	struct proc_user script_user;
	bool tracks_services; /* any instance: verdicts on servers are many */
	struct net_watch watch;
	struct loop_timer recheck;
};

static void check_all(struct vrrp_set *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		vrrp_instance_check(s->instances[i]);
}

static void close_all(struct vrrp_set *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		vrrp_instance_close(s->instances[i]);
}

static void on_recheck(struct loop_timer *t, usec_t)
{
	check_all(container_of(t, struct vrrp_set, recheck));
}

/* Only takes note: net is in the middle of telling, and an instance that reacts calls net. */
static void on_link(struct net_watch *w, const struct net_link *, bool)
{
	loop_timer_at(&container_of(w, struct vrrp_set, watch)->recheck, loop_now());
}

static void on_addr(struct net_watch *w, unsigned, const struct prefix *, bool)
{
	loop_timer_at(&container_of(w, struct vrrp_set, watch)->recheck, loop_now());
}

static struct vrrp_instance *find(const struct vrrp_set *s, const struct conf_vrrp *c)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (vrrp_instance_is(s->instances[i], c))
			return s->instances[i];
	return NULL;
}

static bool is_among(struct vrrp_instance *const *list, unsigned n, const struct vrrp_instance *v)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}

/* Stops those that are not kept and leaves them alone in the set.  Whoever is told of it may look
 * at the set, so it is whole throughout. */
static void retire(struct vrrp_set *s, struct vrrp_instance *const *kept, unsigned n_kept)
{
	unsigned i, n = 0;

	for (i = 0; i < s->n; i++)
		if (!is_among(kept, n_kept, s->instances[i]))
			vrrp_instance_stop(s->instances[i]);
	for (i = 0; i < s->n; i++)
		if (!is_among(kept, n_kept, s->instances[i]))
			s->instances[n++] = s->instances[i];
	s->n = n;
}

static void free_all(struct vrrp_instance **instances, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		vrrp_instance_free(instances[i]);
	free(instances);
}

/* A gate goes by name: one that another instance has now is not the old one's to close. */
static void hand_on_gates(struct vrrp_instance *const *gone, unsigned n_gone,
			  struct vrrp_instance *const *next, unsigned n)
{
	unsigned i, k;

	for (i = 0; i < n_gone; i++)
		for (k = 0; k < n; k++)
			if (vrrp_instance_has_name_of(gone[i], next[k]))
				vrrp_instance_leave_gate(gone[i]);
}

/* ---- Groups ---- */

/* Each instance is on its own: for as long as the set is not whole. */
static void dissolve_groups(struct vrrp_set *s)
{
	while (s->n_groups)
		sync_group_free(s->groups[--s->n_groups]);
	free(s->groups);
	s->groups = NULL;
}

static void form_group(struct vrrp_set *s, const struct conf_vrrp_group *c)
{
	struct sync_group *g = sync_group_new(c->name, s->n);
	unsigned i;

	if (!g) {
		log_err("vrrp", "no memory for group %s: its instances move alone", c->name);
		return;
	}
	for (i = 0; i < s->n; i++)
		if (vrrp_instance_is_in(s->instances[i], c))
			sync_group_add(g, s->instances[i]);
	s->groups[s->n_groups++] = g;
}

static void form_groups(struct vrrp_set *s, const struct conf *c)
{
	unsigned i;

	s->groups = calloc(c->n_vrrp_groups + 1, sizeof(struct sync_group *));
	if (!s->groups)
		log_err("vrrp", "no memory for groups: all instances move alone");
	for (i = 0; s->groups && i < c->n_vrrp_groups; i++)
		form_group(s, &c->vrrp_groups[i]);
}

static void settle_groups(struct vrrp_set *s)
{
	unsigned i;

	for (i = 0; i < s->n_groups; i++)
		sync_group_settle(s->groups[i]);
}

static void weigh_all(struct vrrp_set *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		vrrp_instance_weigh_alone(s->instances[i]);
	for (i = 0; i < s->n_groups; i++)
		sync_group_weigh(s->groups[i]);
}

/* ---- What instances ask of the set ---- */

static bool runs(void *set, const char *name)
{
	const struct vrrp_set *s = set;
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(vrrp_instance_name(s->instances[i]), name))
			return vrrp_instance_state(s->instances[i]) != VRRP_INITIALIZE;
	return false;
}

/* Others may track it. */
static void on_started(void *set)
{
	loop_timer_at(&((struct vrrp_set *)set)->recheck, loop_now());
}

static bool tracks_services(const struct conf *c)
{
	unsigned i, k;

	for (i = 0; i < c->n_vrrp; i++)
		for (k = 0; k < c->vrrp[i].n_tracks; k++)
			if (c->vrrp[i].tracks[k].kind == CONF_TRACK_SERVICE)
				return true;
	return false;
}

static bool has_scripts(const struct conf *c)
{
	unsigned i, k;

	for (i = 0; i < c->n_vrrp; i++) {
		if (c->vrrp[i].n_notify)
			return true;
		for (k = 0; k < c->vrrp[i].n_tracks; k++)
			if (c->vrrp[i].tracks[k].kind == CONF_TRACK_SCRIPT)
				return true;
	}
	return false;
}

/* Without its user a script is not run: not as us. */
static void find_script_user(struct vrrp_set *s, const struct conf *c)
{
	static const struct proc_user nobody = { 65534, 65534 };
	int r;

	if (!has_scripts(c))
		return;
	r = proc_user_find(c->director.script_user, &s->script_user);
	if (r < 0) {
		log_err("vrrp", "script_user \"%s\": %s: scripts run as user id %u",
			c->director.script_user, r == -ENOENT ? "no such user" : strerror(-r),
			nobody.uid);
		s->script_user = nobody;
	}
	s->env.script_user = s->script_user.uid == geteuid() ? NULL : &s->script_user;
}

/* In this order, so that an address which moves between instances is never unwanted: those that
 * stay take their new addresses, those that go give theirs up, those that are new may become master
 * at once, then the interfaces are made to match, and what a crashed daemon left open is closed. */
void vrrp_set_reconcile(struct vrrp_set *s, const struct conf *c)
{
	struct vrrp_instance **next = calloc(c->n_vrrp + 1, sizeof(*next)), **gone;
	unsigned n = 0, n_gone, i;

	if (!next) {
		log_err("vrrp", "no memory for %u instances: all are stopped", c->n_vrrp);
		dissolve_groups(s);
		retire(s, NULL, 0);
		free_all(s->instances, s->n);
		s->instances = NULL;
		s->n = 0;
		return;
	}
	vips_hold(s->env.vips, true);
	find_script_user(s, c);
	s->tracks_services = tracks_services(c);
	dissolve_groups(s);
	s->env.forming = true;
	for (i = 0; i < c->n_vrrp; i++) {
		next[i] = find(s, &c->vrrp[i]);
		if (next[i])
			vrrp_instance_update(next[i], &c->vrrp[i]);
	}
	retire(s, next, c->n_vrrp);
	for (i = 0; i < c->n_vrrp; i++) {
		if (!next[i] && vrrp_instance_new(&s->env, &c->vrrp[i], &next[i]) < 0)
			log_err("vrrp", "no memory for instance %s: it does not run",
				c->vrrp[i].name);
		if (next[i])
			next[n++] = next[i];
	}
	gone = s->instances;
	n_gone = s->n;
	s->instances = next;
	s->n = n;
	hand_on_gates(gone, n_gone, next, n);
	form_groups(s, c);
	check_all(s);
	s->env.forming = false;
	weigh_all(s);
	settle_groups(s);
	vips_hold(s->env.vips, false);
	close_all(s);
	free_all(gone, n_gone);
}

void vrrp_set_stop(struct vrrp_set *s)
{
	unsigned i;

	dissolve_groups(s);
	for (i = 0; i < s->n; i++)
		vrrp_instance_stop(s->instances[i]);
	vips_finish(s->env.vips);
	close_all(s);
	notify_finish(s->env.notify, STOP_PROGRAMS);
}

void vrrp_set_each(const struct vrrp_set *s, void (*each)(void *ctx, const struct vrrp_status *st),
		   void *ctx)
{
	struct vrrp_status st;
	unsigned i;

	for (i = 0; i < s->n; i++) {
		vrrp_instance_status(s->instances[i], &st);
		each(ctx, &st);
	}
}

void vrrp_set_each_track(const struct vrrp_set *s, const char *instance, vrrp_track_fn each,
			 void *ctx)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(vrrp_instance_name(s->instances[i]), instance))
			vrrp_instance_each_track(s->instances[i], each, ctx);
}

void vrrp_set_service_changed(struct vrrp_set *s, const char *service)
{
	unsigned i;

	for (i = 0; s->tracks_services && i < s->n; i++)
		vrrp_instance_service_changed(s->instances[i], service);
}

uint64_t vrrp_set_unknown_vrid(const struct vrrp_set *s)
{
	return vrrp_sockets_unknown(s->env.sockets);
}

int vrrp_set_new(struct loop *loop, struct net *net, const struct vrrp_ops *ops, void *ctx,
		 struct vrrp_set **ret)
{
	struct vrrp_set *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->env = (struct vrrp_env){
		.loop = loop,
		.net = net,
		.ops = ops,
		.ctx = ctx,
		.set = s,
		.runs = runs,
		.started = on_started,
	};
	r = notify_new(loop, &s->env.script_user, &s->env.notify);
	if (r < 0)
		goto err_free;
	r = announcer_new(loop, net, &s->announcer);
	if (r < 0)
		goto err_notify;
	r = vrrp_sockets_new(loop, net, &s->env.sockets);
	if (r < 0)
		goto err_announcer;
	r = vips_new(loop, net, s->announcer, &s->env.vips);
	if (r < 0)
		goto err_sockets;
	loop_timer_init(&s->recheck, loop, LOOP_VRRP, on_recheck);
	s->watch.link = on_link;
	s->watch.addr = on_addr;
	net_watch_add(net, &s->watch);
	*ret = s;
	return 0;

err_sockets:
	vrrp_sockets_free(s->env.sockets);
err_announcer:
	announcer_free(s->announcer);
err_notify:
	notify_free(s->env.notify);
err_free:
	free(s);
	return r;
}

void vrrp_set_free(struct vrrp_set *s)
{
	if (!s)
		return;
	dissolve_groups(s);
	free_all(s->instances, s->n);
	net_watch_del(s->env.net, &s->watch);
	loop_timer_stop(&s->recheck);
	vips_free(s->env.vips);
	vrrp_sockets_free(s->env.sockets);
	announcer_free(s->announcer);
	notify_free(s->env.notify);
	free(s);
}
