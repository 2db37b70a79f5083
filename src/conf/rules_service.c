// SPDX-License-Identifier: BSD-2-Clause
/* Rules of services. */
#include <netinet/in.h>

#include "conf/claims.h"
#include "conf/rule.h"

/* src/ipvs/abi.h: SVC_MAX. */
#define SERVICE_KEYS_MAX 16384

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

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_service_each_vip },
	{ SEVERITY_WARNING, vips_have_owners },
	{ SEVERITY_WARNING, some_weight },
	{ SEVERITY_WARNING, weights_are_looked_at },
	{ SEVERITY_WARNING, timeout_fits_interval },
	{ SEVERITY_WARNING, tcp_check_of_udp },
};
// clang-format on

void rules_of_services(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
