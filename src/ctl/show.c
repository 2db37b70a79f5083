// SPDX-License-Identifier: BSD-2-Clause
/* The answers of the control socket as JSON.
 *
 * Members come from the tables of value.c, packet counters from LBD_COUNTERS, so a new one shows up
 * by itself.  Times are seconds; those named "since" or "last" count back from now. */
#include "ctl/show.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl/value.h"
#include "lib/log.h"

static void set(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static void set_number(json_t *object, const char *name, uint64_t n)
{
	set(object, name, json_integer((json_int_t)n));
}

static void set_text(json_t *object, const char *name, const char *text)
{
	set(object, name, text ? json_string(text) : json_null());
}

static void set_seconds(json_t *object, const char *name, usec_t span)
{
	set(object, name, json_real((double)span.us / 1e6));
}

/* ---- status ---- */

static void add_interface(void *ctx, const struct attach_status *s)
{
	json_array_append_new(ctx, values_add(json_object(), values_attach_status, s));
}

static json_t *packets(const struct director *d)
{
	static const char *const hooks[HOOKS] = {
		[HOOK_XDP] = "xdp",
		[HOOK_INGRESS] = "ingress",
		[HOOK_EGRESS] = "egress",
	};
	static const char *const names[COUNTERS] = {
#define X(name, text, help) [COUNT_##name] = text,
		LBD_COUNTERS(X)
#undef X
	};
	uint64_t values[HOOKS][COUNTERS];
	json_t *all = json_object(), *one;
	int h, c;

	director_counters(d, values);
	for (h = 0; h < HOOKS; h++) {
		one = json_object();
		for (c = 0; c < COUNTERS; c++)
			set_number(one, names[c], values[h][c]);
		set(all, hooks[h], one);
	}
	return all;
}

static json_t *flows(const struct director *d)
{
	const struct conf_director *c = &director_conf(d)->director;
	struct net_reset_stats resets;
	struct ipvs_flow_stats stats;
	json_t *o;

	ipvs_get_flow_stats(director_ipvs(d), &stats);
	director_resets(d, &resets);
	o = values_add(json_object(), values_flow_stats, &stats);
	values_add(o, values_reset_stats, &resets);
	set_number(o, "size4", c->flows);
	set_number(o, "size6", c->flows6);
	return o;
}

static json_t *engine(const struct director *d)
{
	const struct maps *maps = director_maps(d);
	json_t *o = json_object(), *interfaces = json_array();

	if (director_attach(d))
		attach_each(director_attach(d), add_interface, interfaces);
	set_text(o, "kind", maps ? "ebpf" : "none");
	set(o, "adopted", json_boolean(maps && maps_adopted(maps)));
	set_number(o, "pins_repaired", maps ? maps_repaired(maps) : 0);
	set(o, "interfaces", interfaces);
	set(o, "flows", flows(d));
	set(o, "packets", packets(d));
	return o;
}

json_t *show_status(const struct director *d, usec_t started, usec_t longest_turn)
{
	const struct conf *c = director_conf(d);
	json_t *o = json_object();
	struct net_stats net;

	net_get_stats(director_net(d), &net);
	set_text(o, "version", PACKAGE_VERSION);
	set_number(o, "pid", (uint64_t)getpid());
	set_text(o, "router_id", c->director.router_id);
	set_text(o, "node", c->node);
	set_text(o, "config", c->file);
	set_seconds(o, "uptime_s", usec_sub(loop_now(), started));
	set_seconds(o, "longest_turn_s", longest_turn);
	set_number(o, "log_lost", log_lost());
	set_number(o, "instances", c->n_vrrp);
	set_number(o, "services", c->n_services);
	set_number(o, "unknown_vrid", vrrp_set_unknown_vrid(director_vrrp(d)));
	set(o, "netlink", values_add(json_object(), values_net_stats, &net));
	set(o, "engine", engine(d));
	return o;
}

/* ---- services ---- */

struct service {
	json_t *o;
	json_t *by_name; /* its servers */
};

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return "tcp";
	}
}

static void add_service(void *ctx, const struct ipvs_service_status *s)
{
	json_t *vips = json_array();
	struct service *w = ctx;
	char text[PREFIX_STRLEN];
	unsigned i;

	for (i = 0; i < s->n_vips; i++)
		json_array_append_new(vips, json_string(prefix_str_short(&s->vips[i], text)));
	w->o = values_add(json_object(), values_service_status, s);
	values_add(w->o, values_server_stats, &s->stats);
	set(w->o, "vips", vips);
	set_text(w->o, "protocol", protocol_name(s->protocol));
	set(w->o, "servers", json_array());
}

static void add_server(void *ctx, const struct ipvs_server_status *s)
{
	json_t *o = values_add(json_object(), values_server_status, s);
	struct service *w = ctx;

	values_add(o, values_server_stats, &s->stats);
	set(o, "checks", json_array());
	json_array_append_new(json_object_get(w->o, "servers"), o);
	json_object_set(w->by_name, s->name, o);
}

static void add_check(void *ctx, const struct check_status *c)
{
	struct service *w = ctx;
	json_t *server = json_object_get(w->by_name, c->server), *o;

	if (!server)
		return; /* of the other family */
	o = values_add(json_object(), values_check_status, c);
	set_text(o, "last", check_result_code(c->last));
	json_array_append_new(json_object_get(server, "checks"), o);
}

json_t *show_service(const struct director *d, unsigned n)
{
	struct service w = { .by_name = json_object() };

	if (ipvs_show(director_ipvs(d), n, add_service, add_server, &w))
		check_set_each(director_checks(d), json_string_value(json_object_get(w.o, "name")),
			       add_check, &w);
	json_decref(w.by_name);
	return w.o;
}

/* ---- vrrp ---- */

struct instance {
	json_t *o;
	unsigned skip;
};

static void add_track(void *ctx, const char *, const struct vrrp_track_status *s)
{
	json_t *o = values_add(json_object(), values_track_status, s);

	set_text(o, "verdict", vrrp_track_verdict_name(s->verdict));
	json_array_append_new(ctx, o);
}

static void add_instance(void *ctx, const struct vrrp_status *s)
{
	struct instance *w = ctx;

	if (w->skip-- != 0)
		return;
	w->o = values_add(json_object(), values_vrrp_status, s);
	set_text(w->o, "family", s->family == AF_INET6 ? "ipv6" : "ipv4");
	set_text(w->o, "state", vrrp_state_name(s->state));
	set(w->o, "counters", values_add(json_object(), values_vrrp_counters, &s->counters));
}

json_t *show_instance(const struct director *d, unsigned n)
{
	struct instance w = { .skip = n };

	vrrp_set_each(director_vrrp(d), add_instance, &w);
	if (w.o) {
		json_t *tracks = json_array();

		vrrp_set_each_track(director_vrrp(d),
				    json_string_value(json_object_get(w.o, "name")), add_track,
				    tracks);
		set(w.o, "tracks", tracks);
	}
	return w.o;
}
