// SPDX-License-Identifier: BSD-2-Clause
/* Rules of services. */
#include <netinet/in.h>

#include "conf/claims.h"
#include "conf/rule.h"

#define MSS_MIN 88
#define MH_SIZE 65521 /* the default */

/* ---- Who has the VIPs ---- */

static void one_owner(const struct rules *r)
{
	struct claims owned = { 0 };
	const struct conf_service *s;
	const struct claim *claim;
	char text[ADDR_STRLEN];
	unsigned i;

	claims_add_instances(&owned, r->conf);
	claims_sort(&owned);
	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; s->owner == CONF_OWNER_ALWAYS && i < s->n_vips; i++) {
			claim = is_network(&s->vips[i]) ? NULL
							: claims_find(&owned, &s->vips[i].addr);
			if (claim)
				error(r, &s->where, "owner",
				      "\"always\" does not go with %s, which one director has at a "
				      "time: it is in %s (%s:%u)",
				      addr_str(&s->vips[i].addr, text), claim->where->path,
				      claim->where->file, claim->where->line);
		}
	}
	claims_free(&owned);
}

/* A network is in no instance: routers send its packets here. */
static void vips_have_owners(const struct rules *r)
{
	struct claims owned = { 0 };
	const struct conf_service *s;
	char text[PREFIX_STRLEN];
	unsigned i;

	claims_add_instances(&owned, r->conf);
	claims_sort(&owned);
	for_each(s, r->conf->services, r->conf->n_services) {
		for (i = 0; owned.n && s->owner == CONF_OWNER_VRRP && i < s->n_vips; i++) {
			const struct prefix *vip = &s->vips[i];

			if (is_network(vip))
				warning(r, &s->where, "vip",
					"%s is a network, which no instance of vrrp moves: if "
					"each director may serve it, say owner = \"always\"",
					prefix_str(vip, text));
			else if (!claims_find(&owned, &vip->addr))
				warning(r, &s->where, "vip",
					"%s is in no instance of vrrp: nothing moves it; if each "
					"director may serve it, say owner = \"always\"",
					addr_str(&vip->addr, text));
		}
	}
	claims_free(&owned);
}

/* ---- Schedulers ---- */

static bool is_hash(const struct conf_service *s)
{
	return s->scheduler == CONF_SCHED_SH || s->scheduler == CONF_SCHED_MH;
}

static bool is_prime(uint32_t n)
{
	uint32_t i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return n > 1;
}

static void mh_size_is_prime(const struct rules *r)
{
	const struct conf_service *s;
	uint32_t below;

	for_each(s, r->conf->services, r->conf->n_services) {
		for (below = s->mh_size; below && !is_prime(below); below--)
			;
		if (s->mh_size != below)
			error(r, &s->where, "mh_size", "%u is not a prime number, as %u is",
			      s->mh_size, below);
	}
}

static void schedule_needs_a_hash(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services)
		if (s->no_flow == CONF_NO_FLOW_SCHEDULE && !is_hash(s))
			error(r, &s->where, "no_flow",
			      "\"schedule\" is for the schedulers sh and mh: of %s nobody knows "
			      "which server a packet was for",
			      scheduler_name(s->scheduler));
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
static bool weights_differ(const struct conf_service *s)
{
	const struct conf_server *v;
	uint32_t first = 0;

	for_each(v, s->servers, s->n_servers) {
		if (!first)
			first = v->weight;
		if (v->weight && v->weight != first)
			return true;
	}
	return false;
}

static void weights_are_looked_at(const struct rules *r)
{
	/* By IPVS's definitions: sh, mh and wlc look at them. */
	static const struct {
		unsigned scheduler;
		const char *name, *weighted;
	} blind[] = { { CONF_SCHED_RR, "rr", "wrr" }, { CONF_SCHED_LC, "lc", "wlc" } };
	const struct conf_service *s;
	unsigned i;

	for_each(s, r->conf->services, r->conf->n_services)
		for (i = 0; i < sizeof(blind) / sizeof(*blind); i++)
			if (s->scheduler == blind[i].scheduler && weights_differ(s))
				warning(r, &s->where, "scheduler",
					"%s does not look at weights, which differ: %s does",
					blind[i].name, blind[i].weighted);
}

/* What the service itself says beside the default and has no use for; what defaults say is for
 * those that have. */
static bool says(const struct rules *r, const struct conf_service *s, const char *option,
		 bool not_default)
{
	return not_default && written(r, &s->where, option);
}

static void hashes_have_options(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services) {
		if (!is_hash(s) && says(r, s, "hash_port", s->hash_port))
			warning(r, &s->where, "hash_port",
				"is for the schedulers sh and mh: %s does not look at it",
				scheduler_name(s->scheduler));
		if (s->scheduler != CONF_SCHED_MH && says(r, s, "mh_size", s->mh_size != MH_SIZE))
			warning(r, &s->where, "mh_size",
				"is for the scheduler mh: %s does not look at it",
				scheduler_name(s->scheduler));
	}
}

/* ---- Protocols ---- */

static void one_packet_is_alone(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services) {
		if (!s->one_packet)
			continue;
		if (s->protocol && s->protocol != IPPROTO_UDP)
			error(r, &s->where, "one_packet", "is for udp: the protocol of %s is %s",
			      s->where.path, protocol_name(s->protocol));
		if (s->persistence.timeout.us)
			error(r, &s->where, "one_packet",
			      "does not go with persistence: write persistence: "
			      "{ timeout = \"0s\"; }, or leave it out");
	}
}

static void mss_is_possible(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services)
		if (s->mss && s->mss < MSS_MIN)
			error(r, &s->where, "mss", "%u is not 0 or in %u-65495", s->mss, MSS_MIN);
}

static void tcp_option(const struct rules *r, const struct conf_service *s, const char *option,
		       bool not_default)
{
	if (s->protocol != IPPROTO_TCP && says(r, s, option, not_default))
		warning(r, &s->where, option, "is for tcp: the protocol of %s is %s", s->where.path,
			protocol_name(s->protocol));
}

static void tcp_options_of_others(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services) {
		tcp_option(r, s, "mss", s->mss);
		tcp_option(r, s, "no_flow", s->no_flow != CONF_NO_FLOW_RESET);
	}
}

/* A tcp service of one port is checked without being asked for it. */
static void ranges_have_checks(const struct rules *r)
{
	const struct conf_service *s;

	for_each(s, r->conf->services, r->conf->n_services)
		if (s->protocol == IPPROTO_TCP && !has_one_port(s) && s->n_checks &&
		    !node_find_path(r->root, s->checks->where.path))
			warning(r, &s->where, "checks",
				"there are none, since %s has many ports: give a check one, or "
				"say check: { type = \"none\"; }",
				s->where.path);
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, one_owner },
	{ SEVERITY_ERROR, mh_size_is_prime },
	{ SEVERITY_ERROR, schedule_needs_a_hash },
	{ SEVERITY_ERROR, one_packet_is_alone },
	{ SEVERITY_ERROR, mss_is_possible },
	{ SEVERITY_WARNING, vips_have_owners },
	{ SEVERITY_WARNING, some_weight },
	{ SEVERITY_WARNING, weights_are_looked_at },
	{ SEVERITY_WARNING, hashes_have_options },
	{ SEVERITY_WARNING, tcp_options_of_others },
	{ SEVERITY_WARNING, ranges_have_checks },
};
// clang-format on

void rules_of_services(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
