// SPDX-License-Identifier: BSD-2-Clause
/* The answers of the control socket as JSON.
 *
 * Counters come from the lists beside their structs (LBD_COUNTERS, VRRP_COUNTERS), so a new one shows
 * up here by itself.  Times are seconds; "since" counts back from now. */
#include "ctl/show.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "lib/log.h"

static json_t *address(const struct addr *a)
{
	char text[ADDR_STRLEN];

	return json_string(addr_str(a, text));
}

static json_t *seconds(usec_t span)
{
	return json_real((double)span.us / 1e6);
}

static json_t *since(usec_t when)
{
	return when.us ? seconds(usec_sub(loop_now(), when)) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* ---- status ---- */

static void add_interface(void *ctx, const struct attach_status *s)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "name", s->interface, "mode",
					     s->mode, "reason", s->reason ? s->reason : "", "driver",
					     s->driver, "attached", s->attached, "repaired",
					     (json_int_t)s->repaired));
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
			json_object_set_new(one, names[c], number(values[h][c]));
		json_object_set_new(all, hooks[h], one);
	}
	return all;
}

static json_t *flows(const struct director *d)
{
	const struct conf_director *c = &director_conf(d)->director;
	struct ipvs_flow_stats st;

	ipvs_get_flow_stats(director_ipvs(d), &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "flows", (json_int_t)st.flows,
			 "entries4", (json_int_t)st.entries4, "size4", (json_int_t)c->flows, "entries6",
			 (json_int_t)st.entries6, "size6", (json_int_t)c->flows6, "reclaimed",
			 (json_int_t)st.reclaimed, "orphans", (json_int_t)st.orphans, "corrected",
			 (json_int_t)st.corrected, "sweep_s", seconds(st.sweep_took));
}

static json_t *engine(const struct director *d)
{
	json_t *interfaces = json_array();

	if (director_attach(d))
		attach_each(director_attach(d), add_interface, interfaces);
	return json_pack("{s:s, s:b, s:I, s:o, s:o, s:o}", "kind", director_maps(d) ? "ebpf" : "none",
			 "adopted", director_maps(d) && maps_adopted(director_maps(d)), "pins_repaired",
			 (json_int_t)(director_maps(d) ? maps_repaired(director_maps(d)) : 0),
			 "interfaces", interfaces, "flows", flows(d), "packets", packets(d));
}

json_t *show_status(const struct director *d, usec_t started, usec_t longest_turn)
{
	const struct conf *c = director_conf(d);
	struct net_stats net;

	net_get_stats(director_net(d), &net);
	return json_pack("{s:s, s:i, s:s, s:s?, s:s, s:o, s:o, s:I, s:i, s:i, s:{s:I, s:I, s:I}, s:o}",
			 "version", PACKAGE_VERSION, "pid", (int)getpid(), "router_id",
			 c->director.router_id, "node", c->node, "config", c->file, "uptime_s",
			 since(started), "longest_turn_s", seconds(longest_turn), "log_lost",
			 (json_int_t)log_lost(), "instances", (int)c->n_vrrp, "services",
			 (int)c->n_services, "netlink", "messages", (json_int_t)net.messages, "resyncs",
			 (json_int_t)net.resyncs, "malformed", (json_int_t)net.malformed, "engine",
			 engine(d));
}

/* ---- services ---- */

struct services {
	json_t *all, *servers;
	const struct director *d;
};

static void add_service(void *ctx, const struct ipvs_service_status *s)
{
	struct services *w = ctx;
	json_t *vips = json_array();
	unsigned i;

	for (i = 0; i < s->n_vips; i++)
		json_array_append_new(vips, address(&s->vips[i]));
	w->servers = json_array();
	json_array_append_new(
		w->all, json_pack("{s:s, s:o, s:i, s:s, s:s, s:s, s:i, s:o}", "name", s->name, "vips", vips,
				  "port", (int)s->port, "protocol",
				  s->protocol == IPPROTO_UDP ? "udp" : "tcp", "method", s->method,
				  "scheduler", s->scheduler, "available", (int)s->n_available, "servers",
				  w->servers));
}

static void add_server(void *ctx, const struct ipvs_server_status *s)
{
	struct services *w = ctx;

	json_array_append_new(
		w->servers,
		json_pack("{s:s, s:o, s:i, s:I, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:[]}", "name",
			  s->name, "address", address(&s->addr), "port", (int)s->port, "weight",
			  (json_int_t)s->weight, "up", s->up, "next_hop", s->next_hop, "active",
			  (json_int_t)s->active, "inactive", (json_int_t)s->inactive, "conns",
			  (json_int_t)s->stats.conns, "in_packets", (json_int_t)s->stats.in_packets,
			  "in_bytes", (json_int_t)s->stats.in_bytes, "out_packets",
			  (json_int_t)s->stats.out_packets, "out_bytes", (json_int_t)s->stats.out_bytes,
			  "checks"));
}

static bool is_named(const json_t *o, const char *name)
{
	return !strcmp(json_string_value(json_object_get(o, "name")), name);
}

/* The server's object; its service may stand there twice, once for each family. */
static json_t *find_server(const json_t *services, const char *service, const char *server)
{
	json_t *s, *d;
	size_t i, j;

	json_array_foreach(services, i, s)
	{
		if (!is_named(s, service))
			continue;
		json_array_foreach(json_object_get(s, "servers"), j, d)
			if (is_named(d, server))
				return d;
	}
	return NULL;
}

static void add_check(void *ctx, const struct check_status *c)
{
	struct services *w = ctx;
	json_t *server = find_server(w->all, c->service, c->server);

	if (!server)
		return;
	json_array_append_new(json_object_get(server, "checks"),
			      json_pack("{s:s, s:b, s:s, s:s, s:i, s:o, s:o, s:I, s:I, s:I}", "name",
					c->check, "up", c->up, "last", check_result_code(c->last), "detail",
					c->detail ? c->detail : "", "run", (int)c->run, "latency_s",
					seconds(c->latency), "since_s", since(c->since), "attempts",
					(json_int_t)c->attempts, "failures", (json_int_t)c->failures,
					"local", (json_int_t)c->local));
}

json_t *show_services(const struct director *d)
{
	struct services w = { .all = json_array(), .d = d };

	ipvs_each(director_ipvs(d), add_service, add_server, &w);
	check_set_each(director_checks(d), add_check, &w);
	return w.all;
}

/* ---- vrrp ---- */

static json_t *vrrp_counters(const struct vrrp_counters *c)
{
	json_t *o = json_object();

#define X(member, name, help) json_object_set_new(o, name, number(c->member));
	VRRP_COUNTERS(X)
#undef X
	return o;
}

static void add_instance(void *ctx, const struct vrrp_status *s)
{
	json_array_append_new(
		ctx,
		json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:i, s:o, s:i, s:o}",
			  "name", s->name, "interface", s->interface, "vrid", (int)s->vrid, "family",
			  s->family == AF_INET6 ? "ipv6" : "ipv4", "state", vrrp_state_name(s->state),
			  "reason", s->reason ? s->reason : "", "since_s", since(s->since), "priority",
			  (int)s->priority, "advert_interval_s", seconds(s->advert_interval),
			  "master_interval_s", seconds(s->master_interval), "master",
			  addr_is_any(&s->master) ? json_null() : address(&s->master),
			  "master_priority", (int)s->master_priority, "last_advert_s",
			  since(s->last_advert), "addresses", (int)s->n_addresses, "counters",
			  vrrp_counters(&s->counters)));
}

json_t *show_vrrp(const struct director *d)
{
	json_t *all = json_array();

	vrrp_set_each(director_vrrp(d), add_instance, all);
	return all;
}
