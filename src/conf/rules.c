// SPDX-License-Identifier: BSD-2-Clause
/* What no single option can know.  A rule is a function in the table at the end of its section; it
 * must bear objects with members missing, which are 0, since it also runs beside other mistakes. */
#include "conf/rules.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/problems.h"
#include "conf/schema.h"

/* src/ipvs/abi.h: SVC_MAX and SERVER_MAX, of which slot 0 stays empty. */
#define SERVICE_KEYS_MAX 16384
#define SERVERS_MAX	 65535
/* An advert is one packet: what 1500 bytes have room for. */
#define ADDRESSES6_MAX 90

struct rules {
	const struct conf *conf;
	const struct node *root;
	struct problems *problems;
};

/* Tells of an object's option, at the line of that option if it was written there. */
static void tell(const struct rules *r, enum severity severity, const struct conf_where *where,
		 const char *option, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void tell(const struct rules *r, enum severity severity, const struct conf_where *where,
		 const char *option, const char *fmt, ...)
{
	const struct node *object = node_find_path(r->root, where->path);
	const struct node *n = option ? node_find(object, option) : NULL;
	struct str path = { 0 }, text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	node_path(n, &path);
	if (!n)
		str_addf(&path, "%s%s%s", where->path, option ? "." : "", option ? option : "");
	problem_add(r->problems, severity, n ? n->file : where->file, n ? n->line : where->line,
		    str_text(&path), "%s", str_text(&text));
	str_free(&path);
	str_free(&text);
}

#define error(r, where, ...)   tell(r, SEVERITY_ERROR, where, __VA_ARGS__)
#define warning(r, where, ...) tell(r, SEVERITY_WARNING, where, __VA_ARGS__)

#define for_each(var, array, n) for (var = (array); var < (array) + (n); var++)

/* ---- Things that may be claimed once ---- */

struct claim {
	struct addr addr;
	uint32_t number; /* port << 8 | protocol, or 0 */
	unsigned order;	 /* in the file */
	const struct conf_where *where;
};

struct claims {
	struct claim *all;
	unsigned n, size;
};

static void claims_add(struct claims *c, const struct addr *a, uint32_t number,
		       const struct conf_where *where)
{
	if (addr_is_any(a))
		return; /* it was wrong, and said so */
	if (c->n == c->size) {
		c->size = c->size ? 2 * c->size : 64;
		c->all = realloc(c->all, c->size * sizeof(*c->all));
		if (!c->all)
			abort();
	}
	c->all[c->n] = (struct claim){ *a, number, c->n, where };
	c->n++;
}

static int same_claim(const void *a, const void *b)
{
	const struct claim *p = a, *q = b;
	int r = addr_cmp(&p->addr, &q->addr);

	if (!r && p->number != q->number)
		r = p->number < q->number ? -1 : 1;
	return r;
}

static int claim_order(const void *a, const void *b)
{
	const struct claim *p = a, *q = b;
	int r = same_claim(a, b);

	return r ? r : p->order < q->order ? -1 : 1;
}

static void claims_sort(struct claims *c)
{
	if (c->n)
		qsort(c->all, c->n, sizeof(*c->all), claim_order);
}

/* In sorted claims. */
static const struct claim *claims_find(const struct claims *c, const struct addr *a)
{
	struct claim key = { .addr = *a };

	return c->n ? bsearch(&key, c->all, c->n, sizeof(*c->all), same_claim) : NULL;
}

static void claims_free(struct claims *c)
{
	free(c->all);
}

static const char *claim_text(const struct claim *c, char *buf, size_t size)
{
	char addr[ADDR_STRLEN];

	addr_str(&c->addr, addr);
	if (!c->number)
		snprintf(buf, size, "%s", addr);
	else if (!(c->number & 0xff))
		snprintf(buf, size, "%s port %u", addr, c->number >> 8);
	else
		snprintf(buf, size, "%s port %u/%s", addr, c->number >> 8,
			 (c->number & 0xff) == IPPROTO_TCP ? "tcp" : "udp");
	return buf;
}

/* Each claim but the first of its kind is an error at `option` of its object. */
static void claims_report(const struct rules *r, struct claims *c, const char *option)
{
	const struct claim *first = NULL, *claim;
	char text[ADDR_STRLEN + 32];

	claims_sort(c);
	for_each(claim, c->all, c->n) {
		if (!first || same_claim(first, claim)) {
			first = claim;
			continue;
		}
		claim_text(claim, text, sizeof(text));
		if (claim->where == first->where)
			error(r, claim->where, option, "%s is there twice", text);
		else
			error(r, claim->where, option, "%s is also in %s (%s:%u)", text,
			      first->where->path, first->where->file, first->where->line);
	}
}

/* ---- VRRP ---- */

static const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

static void one_family(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		const char *family = family_name(v->family);

		for (i = 1; i < v->n_addresses; i++)
			if (addr_family(&v->addresses[i].prefix.addr) != v->family)
				error(r, &v->where, "addresses",
				      "%s is not %s as the first one: an instance has one family",
				      addr_str(&v->addresses[i].prefix.addr, text), family);
		for (i = 0; v->family && i < v->n_unicast_peers; i++)
			if (addr_family(&v->unicast_peers[i]) != v->family)
				error(r, &v->where, "unicast_peers",
				      "%s is not %s as the addresses",
				      addr_str(&v->unicast_peers[i], text), family);
		if (v->family && v->has_source && addr_family(&v->source) != v->family)
			error(r, &v->where, "source", "%s is not %s as the addresses",
			      addr_str(&v->source, text), family);
	}
}

static void vrid_once(const struct rules *r)
{
	const struct conf_vrrp *v, *other;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		for (other = r->conf->vrrp; other < v; other++) {
			if (!v->vrid || other->vrid != v->vrid || other->family != v->family ||
			    !v->interface || !other->interface ||
			    strcmp(other->interface, v->interface))
				continue;
			error(r, &v->where, "vrid", "%u on %s is also in %s (%s:%u)", v->vrid,
			      v->interface, other->where.path, other->where.file,
			      other->where.line);
			break;
		}
	}
}

static void version_fits(const struct rules *r)
{
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		if (v->version == 2 && v->family == AF_INET6)
			error(r, &v->where, "version",
			      "2 knows no IPv6, must be 3 for these addresses");
		if (v->version == 2 && v->advert_interval.us % SEC(1).us)
			error(r, &v->where, "advert_interval",
			      "must be whole seconds in version 2");
		if (v->version == 3 && usec_before(MSEC(40950), v->advert_interval))
			error(r, &v->where, "advert_interval",
			      "must be 40950ms at most in version 3");
		if (v->version == 3 && v->password)
			error(r, &v->where, "password", "is of version 2: version 3 has none");
		if (v->version == 2 && v->checksum != CONF_CHECKSUM_PSEUDO)
			error(r, &v->where, "checksum", "is of version 3: version 2 has one form");
	}
}

static const struct conf_vrrp *instance(const struct conf *c, const char *name)
{
	const struct conf_vrrp *v;

	for_each(v, c->vrrp, c->n_vrrp)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

static void no_such_instance(const struct rules *r, const struct conf_where *where,
			     const char *option, const char *name)
{
	struct nearest nearest = { .wanted = name };
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		nearest_try(&nearest, v->name);
	if (nearest.best)
		error(r, where, option, "there is no instance \"%s\"; did you mean \"%s\"?", name,
		      nearest.best);
	else
		error(r, where, option, "there is no instance \"%s\"", name);
}

static bool is_member(const struct conf_vrrp_group *g, unsigned n, const char *name)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (!strcmp(g->members[i], name))
			return true;
	return false;
}

static void check_member(const struct rules *r, const struct conf_vrrp_group *g, unsigned i)
{
	const struct conf_vrrp *v = instance(r->conf, g->members[i]), *first;

	if (!v) {
		no_such_instance(r, &g->where, "members", g->members[i]);
		return;
	}
	if (is_member(g, i, v->name))
		error(r, &g->where, "members", "%s is there twice", v->name);
	else if (v->group && strcmp(v->group, g->name) != 0)
		error(r, &g->where, "members", "%s is in vrrp_groups.%s too", v->name, v->group);
	first = instance(r->conf, g->members[0]);
	if (first && (first->priority == 255) != (v->priority == 255))
		error(r, &g->where, "members",
		      "%s owns its addresses at all times (priority 255), and %s does not: they "
		      "cannot move as one",
		      v->priority == 255 ? v->name : first->name,
		      v->priority == 255 ? first->name : v->name);
}

static void groups_have_members(const struct rules *r)
{
	const struct conf_vrrp_group *g;
	unsigned i;

	for_each(g, r->conf->vrrp_groups, r->conf->n_vrrp_groups)
		for (i = 0; i < g->n_members; i++)
			check_member(r, g, i);
}

static const char *const track_kinds[CONF_TRACK_KINDS] = {
	[CONF_TRACK_INTERFACE] = "an interface",
	[CONF_TRACK_ADDRESS] = "an address",
	[CONF_TRACK_ROUTE] = "a route",
	[CONF_TRACK_SCRIPT] = "a script",
	[CONF_TRACK_FILE] = "a file",
	[CONF_TRACK_PROCESS] = "a process",
	[CONF_TRACK_INSTANCE] = "an instance",
	[CONF_TRACK_SERVICE] = "a service",
};

/* Options that only some kinds look at. */
static void track_options_fit(const struct rules *r, const struct conf_track *t)
{
	bool script = t->kind == CONF_TRACK_SCRIPT, service = t->kind == CONF_TRACK_SERVICE;
	bool polled = script || t->kind == CONF_TRACK_FILE || t->kind == CONF_TRACK_PROCESS;
	const struct {
		const char *option;
		bool fits, said;
	} options[] = {
		{ "interval", polled, t->interval.us },
		{ "timeout", script, t->timeout.us },
		{ "rise", polled, t->rise },
		{ "fall", polled, t->fall },
		{ "below", service, t->below },
		{ "delay", service, t->delay.us },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].said && !options[i].fits)
			error(r, &t->where, options[i].option, "means nothing for %s",
			      track_kinds[t->kind]);
}

static const struct conf_service *service(const struct conf *c, const char *name)
{
	const struct conf_service *s;

	for_each(s, c->services, c->n_services)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static void track_names_exist(const struct rules *r, const struct conf_vrrp *v,
			      const struct conf_track *t)
{
	const struct conf_vrrp *other = t->instance ? instance(r->conf, t->instance) : NULL;
	unsigned i;

	if (t->service && !service(r->conf, t->service))
		error(r, &t->where, "service", "there is no service \"%s\"", t->service);
	if (t->instance && !other)
		no_such_instance(r, &t->where, "instance", t->instance);
	if (other == v)
		error(r, &t->where, "instance", "%s cannot depend on itself", v->name);
	/* Two that wait for each other would wait for ever. */
	for (i = 0; other && other != v && i < other->n_tracks; i++)
		if (other->tracks[i].instance && (!i || !other->tracks[i - 1].instance))
			error(r, &t->where, "instance", "%s tracks an instance itself (%s:%u)",
			      other->name, other->tracks[i].where.file,
			      other->tracks[i].where.line);
}

static void program_is_a_path(const struct rules *r, const struct conf_where *where,
			      const char *option, const char *const *argv, unsigned n)
{
	if (n && *argv[0] != '/')
		error(r, where, option, "\"%s\" must be an absolute path: no shell looks for it",
		      argv[0]);
}

static void tracks_are_sound(const struct rules *r)
{
	const struct conf_vrrp *v;
	const struct conf_track *t;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		program_is_a_path(r, &v->where, "notify", v->notify, v->n_notify);
		if (v->notify_timeout.us && !v->n_notify)
			error(r, &v->where, "notify_timeout", "means nothing without notify");
		for_each(t, v->tracks, v->n_tracks) {
			if (t->kind == CONF_TRACK_NONE)
				error(r, &t->where, NULL,
				      "must say one of interface, address, route, script, file, "
				      "process, instance and service");
			else
				track_options_fit(r, t);
			track_names_exist(r, v, t);
			program_is_a_path(r, &t->where, "script", t->script, t->n_script);
			if (t->interval.us && usec_before(t->interval, t->timeout))
				error(r, &t->where, "timeout", "must not be longer than interval");
			if (t->weight && v->priority == 255)
				error(r, &t->where, "weight",
				      "cannot change priority 255, which says that it owns the "
				      "addresses at all times");
		}
	}
}

/* Beyond it a peer is master, and so would this one be when its link comes back. */
static void link_down_delay_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	int64_t patience;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		patience = (int64_t)v->dead_after * v->advert_interval.us;
		if (patience && v->link_down_delay.us >= patience)
			error(r, &v->where, "link_down_delay",
			      "must be shorter than %u adverts, after which a peer takes over",
			      v->dead_after);
	}
}

static void address_in_one_instance(const struct rules *r)
{
	struct claims claims = { 0 };
	const struct conf_vrrp *v;
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(&claims, &v->addresses[i].prefix.addr, 0, &v->where);
	claims_report(r, &claims, "addresses");
	claims_free(&claims);
}

static void advert_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	unsigned i, max;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		max = ADDRESSES6_MAX - 1; /* a link-local one is added, unless it is there */
		for (i = 0; i < v->n_addresses; i++)
			if (addr_is_link_local(&v->addresses[i].prefix.addr))
				max = ADDRESSES6_MAX;
		if (v->family == AF_INET6 && v->n_addresses > max)
			error(r, &v->where, "addresses",
			      "has %u entries, must have 1-%u: an advert holds no more of IPv6",
			      v->n_addresses, max);
	}
}

/* RFC 9568 5.1.2.1: IPv6 adverts come from a link-local address. */
static void source_fits(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		if (!v->has_source || addr_family(&v->source) != v->family)
			continue;
		if (v->family == AF_INET6 && !v->n_unicast_peers && !addr_is_link_local(&v->source))
			error(r, &v->where, "source",
			      "%s is not link-local, must be for IPv6 multicast",
			      addr_str(&v->source, text));
		if (conf_vrrp_of(r->conf, &v->source))
			error(r, &v->where, "source",
			      "%s is an address that moves, must be one that stays here",
			      addr_str(&v->source, text));
	}
}

static void peers_are_others(const struct rules *r)
{
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		for (i = 0; i < v->n_unicast_peers; i++) {
			addr_str(&v->unicast_peers[i], text);
			if (v->has_source && addr_equal(&v->unicast_peers[i], &v->source))
				error(r, &v->where, "unicast_peers",
				      "%s is the source: this director", text);
			if (conf_vrrp_of(r->conf, &v->unicast_peers[i]))
				error(r, &v->where, "unicast_peers",
				      "%s is an address that moves, must be a director's own",
				      text);
		}
	}
}

/* ---- Services ---- */

static void something_to_do(const struct rules *r)
{
	if (!r->conf->n_vrrp && !r->conf->n_services && !problems_errors(r->problems))
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, NULL,
			    "has neither vrrp nor services: there is nothing to do");
}

static void interfaces_once(const struct rules *r)
{
	const struct conf_director *d = &r->conf->director;
	unsigned i, k;

	for (i = 0; i < d->n_interfaces; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(d->interfaces[i], d->interfaces[k]))
				error(r, &d->where, "interfaces", "%s is there twice",
				      d->interfaces[i]);
}

static void one_service_each_vip(const struct rules *r)
{
	struct claims claims = { 0 };
	const struct conf_service *s;
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services)
		for (i = 0; s->port && i < s->n_vips; i++)
			claims_add(&claims, &s->vips[i].addr, (uint32_t)s->port << 8 | s->protocol,
				   &s->where);
	if (claims.n > SERVICE_KEYS_MAX)
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, "services",
			    "%u vips in all, must be %u at most", claims.n, SERVICE_KEYS_MAX);
	claims_report(r, &claims, "vip");
	claims_free(&claims);
}

static void one_server_each_address(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	unsigned total = 0;

	for_each(s, r->conf->services, r->conf->n_services) {
		struct claims claims = { 0 };

		for_each(v, s->servers, s->n_servers)
			claims_add(&claims, &v->address, (uint32_t)v->port << 8, &v->where);
		claims_report(r, &claims, "address");
		claims_free(&claims);
		total += s->n_servers;
	}
	if (total > SERVERS_MAX)
		problem_add(r->problems, SEVERITY_ERROR, r->conf->file, 0, "services",
			    "%u servers in all, must be %u at most", total, SERVERS_MAX);
}

static void dr_keeps_the_port(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;

	for_each(s, r->conf->services, r->conf->n_services) {
		if (s->method != CONF_METHOD_DR || !s->port)
			continue;
		for_each(v, s->servers, s->n_servers)
			if (v->port != s->port)
				error(r, &v->where, "port",
				      "%u is not %u, the port of %s: dr cannot change it, nat can",
				      v->port, s->port, s->where.path);
	}
}

static bool has_family(const struct conf_service *s, int family)
{
	const struct conf_server *v;

	for_each(v, s->servers, s->n_servers)
		if (addr_is_any(&v->address) || addr_family(&v->address) == family)
			return true; /* an address of 0 was wrong: who knows of which family */
	return !s->n_servers;
}

static void vips_have_servers(const struct rules *r)
{
	const struct conf_service *s;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; i < s->n_vips; i++) {
			int family = addr_family(&s->vips[i].addr);

			if (!has_family(s, family))
				error(r, &s->where, "vip", "%s has no server: none of them is %s",
				      addr_str(&s->vips[i].addr, text), family_name(family));
		}
	}
}

static void all_vips(const struct conf *c, struct claims *claims)
{
	const struct conf_service *s;
	const struct conf_vrrp *v;
	unsigned i;

	for_each(s, c->services, c->n_services)
		for (i = 0; i < s->n_vips; i++)
			claims_add(claims, &s->vips[i].addr, 0, &s->where);
	for_each(v, c->vrrp, c->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(claims, &v->addresses[i].prefix.addr, 0, &v->where);
	claims_sort(claims);
}

static void servers_are_no_vips(const struct rules *r)
{
	struct claims vips = { 0 };
	const struct conf_service *s;
	const struct conf_server *v;
	const struct claim *vip;
	char text[ADDR_STRLEN];

	all_vips(r->conf, &vips);
	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers) {
			vip = claims_find(&vips, &v->address);
			if (vip)
				error(r, &v->where, "address",
				      "%s is an address of the directors: it is in %s (%s:%u)",
				      addr_str(&v->address, text), vip->where->path,
				      vip->where->file, vip->where->line);
		}
	}
	claims_free(&vips);
}

/* ---- Warnings ---- */

static void preemption_is_on(const struct rules *r)
{
	const struct conf_vrrp *v;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		if (!v->preempt && v->preempt_delay.us)
			warning(r, &v->where, "preempt_delay",
				"means nothing without preempt = true");
}

static void vips_have_owners(const struct rules *r)
{
	struct claims owned = { 0 };
	const struct conf_service *s;
	const struct conf_vrrp *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			claims_add(&owned, &v->addresses[i].prefix.addr, 0, &v->where);
	claims_sort(&owned);
	for_each(s, r->conf->services, r->conf->n_services)
		for (i = 0; owned.n && i < s->n_vips; i++)
			if (!claims_find(&owned, &s->vips[i].addr))
				warning(r, &s->where, "vip",
					"%s is in no instance of vrrp: nothing moves it",
					addr_str(&s->vips[i].addr, text));
	claims_free(&owned);
}

static void servers_have_vips(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	char text[ADDR_STRLEN];
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for_each(v, s->servers, s->n_servers) {
			int family = addr_family(&v->address);

			for (i = 0; i < s->n_vips; i++)
				if (addr_family(&s->vips[i].addr) == family)
					break;
			if (i == s->n_vips)
				warning(r, &v->where, "address",
					"%s is never used: %s has no %s address",
					addr_str(&v->address, text), s->where.path,
					family_name(family));
		}
	}
}

static void some_weight(const struct rules *r)
{
	const struct conf_service *s;
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; i < s->n_servers; i++)
			if (s->servers[i].weight)
				break;
		if (i == s->n_servers)
			warning(r, &s->where, "servers",
				"all have weight 0: the service takes no new flows");
	}
}

/* 0 has its meaning for every scheduler. */
static void weights_are_looked_at(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	uint32_t first;

	for_each(s, r->conf->services, r->conf->n_services) {
		first = 0;
		for_each(v, s->servers, s->n_servers) {
			if (!first)
				first = v->weight;
			if (s->scheduler == CONF_SCHED_RR && v->weight && v->weight != first)
				break;
		}
		if (v < s->servers + s->n_servers)
			warning(r, &s->where, "scheduler",
				"rr does not look at weights, which differ: wrr does");
	}
}

static void timeout_fits_interval(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (usec_before(k->interval, k->timeout))
				warning(r, &k->where, "timeout",
					"is longer than interval: a slow attempt delays the next");
}

static void tcp_check_of_udp(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (s->protocol == IPPROTO_UDP && k->type == CONF_CHECK_TCP && !k->port)
				warning(r, &k->where, "type",
					"connects to tcp port %u of its servers, but %s is a udp "
					"service: give the check a port, or type = \"none\"",
					s->port, s->where.path);
}

/* nat: the answers come back through the director only if it is the servers' gateway. */
static bool has_gateway(const struct conf *c, const struct addr *server)
{
	const struct conf_vrrp *v;
	unsigned i;

	for_each(v, c->vrrp, c->n_vrrp)
		for (i = 0; i < v->n_addresses; i++)
			if (prefix_contains(&v->addresses[i].prefix, server))
				return true;
	return false;
}

static void nat_answers_come_back(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_server *v;
	char text[ADDR_STRLEN];

	for_each(s, r->conf->services, r->conf->n_services) {
		if (s->method != CONF_METHOD_NAT || !r->conf->n_vrrp)
			continue;
		for_each(v, s->servers, s->n_servers) {
			if (has_gateway(r->conf, &v->address))
				continue;
			warning(r, &v->where, "address",
				"no instance of vrrp has an address on the subnet of %s to be its "
				"gateway: answers of nat servers must come back through the master",
				addr_str(&v->address, text));
		}
	}
}

static void pools_are_used(const struct rules *r)
{
	const struct node *pools = node_find(r->root, "pools");
	const struct node *services = node_find(r->root, "services"), *name;
	struct str path = { 0 };
	unsigned i, k;

	for (i = 0; pools && i < pools->n; i++) {
		for (k = 0; services && k < services->n; k++) {
			name = node_find(services->kids[k], "pool");
			if (name && !strcmp(name->text, pools->kids[i]->name))
				break;
		}
		if (services && k < services->n)
			continue;
		path.len = 0;
		node_path(pools->kids[i], &path);
		problem_add(r->problems, SEVERITY_WARNING, pools->kids[i]->file,
			    pools->kids[i]->line, str_text(&path), "no service uses it");
	}
	str_free(&path);
}

static void attach_names_interfaces(const struct rules *r)
{
	const struct conf_director *d = &r->conf->director;
	unsigned i, k;

	for (i = 0; d->n_interfaces && i < d->n_attach_by_interface; i++) {
		for (k = 0; k < d->n_interfaces; k++)
			if (!strcmp(d->interfaces[k], d->attach_by_interface[i].interface))
				break;
		if (k == d->n_interfaces)
			warning(r, &d->where, "attach", "%s is not among interfaces",
				d->attach_by_interface[i].interface);
	}
}

// clang-format off
static void (*const errors[])(const struct rules *r) = {
	something_to_do,
	interfaces_once,
	one_family,
	vrid_once,
	version_fits,
	link_down_delay_fits,
	groups_have_members,
	tracks_are_sound,
	address_in_one_instance,
	advert_fits,
	source_fits,
	peers_are_others,
	one_service_each_vip,
	one_server_each_address,
	dr_keeps_the_port,
	vips_have_servers,
	servers_are_no_vips,
};

static void (*const warnings[])(const struct rules *r) = {
	preemption_is_on,
	vips_have_owners,
	servers_have_vips,
	some_weight,
	weights_are_looked_at,
	timeout_fits_interval,
	tcp_check_of_udp,
	nat_answers_come_back,
	pools_are_used,
	attach_names_interfaces,
};
// clang-format on

void rules_check(const struct conf *c, const struct node *root, struct problems *problems)
{
	struct rules r = { c, root, problems };
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		errors[i](&r);
	for (i = 0; !problems_errors(problems) && i < sizeof(warnings) / sizeof(*warnings); i++)
		warnings[i](&r);
}

/* ---- Between nodes ---- */

static bool has_address(const struct conf_vrrp *v, const struct prefix *p)
{
	unsigned i;

	for (i = 0; i < v->n_addresses; i++)
		if (prefix_equal(&v->addresses[i].prefix, p))
			return true;
	return false;
}

/* v is of a, the first node, with which each other is compared. */
static void compare_instance(const struct rules_node *a, const struct rules_node *b,
			     const struct conf_vrrp *v, const struct rules *r)
{
	const struct conf_vrrp *w = instance(b->conf, v->name);
	unsigned i;

	if (!w) {
		warning(r, &v->where, NULL, "node %s does not have it", b->node->name);
		return;
	}
	if (v->vrid != w->vrid)
		warning(r, &v->where, "vrid",
			"is %u on node %s and %u on node %s: both become master", v->vrid,
			a->node->name, w->vrid, b->node->name);
	if (v->version != w->version)
		warning(r, &v->where, "version",
			"is %u on node %s and %u on node %s: both become master", v->version,
			a->node->name, w->version, b->node->name);
	if (v->advert_interval.us != w->advert_interval.us)
		warning(r, &v->where, "advert_interval", "is not the same on nodes %s and %s",
			a->node->name, b->node->name);
	if (v->priority == w->priority)
		warning(r, &v->where, "priority",
			"is %u on nodes %s and %s: chance decides who becomes master", v->priority,
			a->node->name, b->node->name);
	for (i = 0; i < v->n_addresses && has_address(w, &v->addresses[i].prefix); i++)
		;
	if (i < v->n_addresses || v->n_addresses != w->n_addresses)
		warning(r, &v->where, "addresses", "are not the same on nodes %s and %s",
			a->node->name, b->node->name);
}

void rules_check_nodes(const struct rules_node *nodes, unsigned n, struct problems *problems)
{
	struct rules r = { nodes[0].conf, nodes[0].root, problems };
	const struct conf_vrrp *v;
	struct conf_where where = { nodes[0].node->file, nodes[0].node->line, "nodes" };
	unsigned i;

	if (n == 1 && nodes[0].conf->n_vrrp)
		warning(&r, &where, NULL, "there is only %s: a pair has two", nodes[0].node->name);
	for (i = 1; i < n; i++) {
		struct rules back = { nodes[i].conf, nodes[i].root, problems };

		for_each(v, nodes[0].conf->vrrp, nodes[0].conf->n_vrrp)
			compare_instance(&nodes[0], &nodes[i], v, &r);
		for_each(v, nodes[i].conf->vrrp, nodes[i].conf->n_vrrp)
			if (!instance(nodes[0].conf, v->name))
				warning(&back, &v->where, NULL, "node %s does not have it",
					nodes[0].node->name);
	}
}
