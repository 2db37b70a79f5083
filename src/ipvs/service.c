// SPDX-License-Identifier: BSD-2-Clause
/* One service and its servers, as they stand in the maps.
 *
 * Identity survives a restart by content: a service's slot is the one that a key of it in
 * `services` names, a server's is the one that holds its service, address, port and method.
 */
#include "ipvs/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipvs/sched.h"
#include "ipvs/wide.h"
#include "lib/log.h"

/* A turn of rebuilding rings takes no longer. */
#define TURN MSEC(2)

/* A local port of fullnat comes back no sooner: the server may have the old connection in TIME_WAIT
 * for as long (Linux: 60 s). */
#define PORT_REST SEC(60)

#define TIMEOUT(member) (offsetof(struct conf_timeouts, member) + 1)

/* Where a state's timeout stands in the configuration, counted from 1; else it is IPVS's
 * (ip_vs_proto_tcp.c), in seconds: of states that no flow stays in. */
static const struct {
	size_t option;
	unsigned seconds;
} timeouts[FLOW_STATES] = {
	[FLOW_NONE] = { 0, 2 },
	[FLOW_ESTABLISHED] = { TIMEOUT(established), 0 },
	[FLOW_SYN_SENT] = { TIMEOUT(syn_sent), 0 },
	[FLOW_SYN_RECV] = { TIMEOUT(syn_recv), 0 },
	[FLOW_FIN_WAIT] = { TIMEOUT(fin_wait), 0 },
	[FLOW_TIME_WAIT] = { TIMEOUT(time_wait), 0 },
	[FLOW_CLOSE] = { TIMEOUT(close), 0 },
	[FLOW_CLOSE_WAIT] = { TIMEOUT(close_wait), 0 },
	[FLOW_LAST_ACK] = { TIMEOUT(last_ack), 0 },
	[FLOW_LISTEN] = { 0, 120 },
	[FLOW_SYNACK] = { 0, 120 },
	[FLOW_UDP] = { TIMEOUT(udp), 0 },
	[FLOW_SCTP_INIT] = { TIMEOUT(sctp_init), 0 },
	[FLOW_SCTP_ESTABLISHED] = { TIMEOUT(sctp_established), 0 },
	[FLOW_SCTP_SHUTDOWN] = { TIMEOUT(sctp_shutdown), 0 },
	[FLOW_SCTP_CLOSED] = { TIMEOUT(sctp_closed), 0 },
};

struct ipvs_service *service_find(struct ipvs *v, const char *name, bool v6)
{
	struct ipvs_service *s;

	list_for_each(s, &v->services, node)
		if (s->v6 == v6 && !strcmp(s->name, name))
			return s;
	return NULL;
}

struct ipvs_service *service_by_id(struct ipvs *v, uint32_t id)
{
	struct ipvs_service *s;

	list_for_each(s, &v->services, node)
		if (s->id == id)
			return s;
	return NULL;
}

struct ipvs_server *service_find_server(struct ipvs_service *s, const char *name)
{
	struct ipvs_server *d;

	list_for_each(d, &s->servers, node)
		if (!d->sorry && !strcmp(d->name, name))
			return d;
	return NULL;
}

/* ---- Services ---- */

/* A free slot of `svcs`; 0 when there is none. */
static uint32_t free_svc(struct ipvs *v)
{
	uint32_t id;

	for (id = 1; id < SVC_MAX; id++)
		if (!v->svc_used[id])
			return id;
	return 0;
}

bool service_is_wide(const struct prefix *vip, uint16_t port, uint16_t port_last)
{
	return port != port_last || vip->len != addr_bits(&vip->addr);
}

/* What the maps say of one VIP of a service. */
static bool find_key(struct ipvs *v, const struct conf_service *c, const struct prefix *vip,
		     struct svc_ref *ret)
{
	struct svc_key key = service_key(&vip->addr, c->port, c->protocol);

	if (service_is_wide(vip, c->port, c->port_last))
		return wide_find(v->be, c->protocol, vip, c->port, c->port_last, ret);
	return !v->be->get(v->be, TABLE_SERVICES, &key, ret);
}

/* The slot that one of its keys names already, or a free one. */
static uint32_t service_slot(struct ipvs *v, const struct conf_service *c, bool v6)
{
	struct svc_ref ref;
	unsigned i;

	for (i = 0; i < c->n_vips; i++) {
		if (addr_is_v4(&c->vips[i].addr) == v6)
			continue;
		if (!find_key(v, c, &c->vips[i], &ref) || !ref.svc || ref.svc >= SVC_MAX)
			continue;
		if (service_by_id(v, ref.svc))
			continue;
		span_adopt(v->rings, load_long(&v->be->svcs[ref.svc].ring));
		return ref.svc;
	}
	return free_svc(v);
}

struct ipvs_service *service_new(struct ipvs *v, const struct conf_service *c, bool v6)
{
	uint32_t id = service_slot(v, c, v6);
	struct ipvs_service *s;

	if (!id) {
		log_err("engine", "service %s: all %u service slots are taken; it is not served",
			c->name, SVC_MAX - 1);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->ipvs = v;
	s->v6 = v6;
	s->id = id;
	s->name = strdup(c->name);
	snprintf(s->subject, sizeof(s->subject), "service %s", c->name);
	s->protocol = c->protocol;
	s->port = c->port;
	s->port_last = c->port_last;
	s->scheduler = c->scheduler;
	s->mh_size = c->mh_size;
	s->ring_stale = true;
	list_init(&s->servers);
	v->svc_used[id] = true;
	list_add_tail(&v->services, &s->node);
	return s;
}

/* Rounded up: a flow never ends early. */
static uint32_t jiffies_of(const struct ipvs *v, usec_t t)
{
	uint64_t jiffies = ((uint64_t)t.us * v->be->hz + 999999) / 1000000;

	return jiffies > INT32_MAX ? INT32_MAX : (uint32_t)jiffies;
}

static bool has_fullnat(const struct conf_service *c)
{
	unsigned i;

	for (i = 0; i < c->n_servers; i++)
		if (c->servers[i].method == CONF_METHOD_FULLNAT)
			return true;
	return false;
}

static uint32_t timeout_of(const struct ipvs *v, const struct conf_service *c, unsigned state)
{
	size_t at = timeouts[state].option;
	usec_t t;

	if (!at)
		return timeouts[state].seconds * v->be->hz;
	t = *(const usec_t *)((const char *)&c->timeouts + at - 1);
	if (state == FLOW_TIME_WAIT && has_fullnat(c) && usec_before(t, PORT_REST))
		t = PORT_REST;
	return jiffies_of(v, t);
}

void service_publish(struct ipvs_service *s, const struct conf_service *c)
{
	struct svc *svc = &s->ipvs->be->svcs[s->id];
	unsigned i;

	for (i = 0; i < FLOW_STATES; i++)
		store_word(&svc->timeout[i], timeout_of(s->ipvs, c, i));
	svc->no_flow = (uint8_t)c->no_flow;
	svc->flags = (uint8_t)((c->one_packet ? SVC_ONE_PACKET : 0) |
			       (c->hash_port ? SVC_HASH_PORT : 0) |
			       (c->persistence.expire_quiescent ? SVC_EXPIRE_QUIESCENT : 0));
	svc->persist_bits = (uint8_t)(s->v6 ? c->persistence.prefix6 : 96 + c->persistence.prefix4);
	store_word(&svc->persist, jiffies_of(s->ipvs, c->persistence.timeout));
	svc->mss = (uint16_t)c->mss;
}

static bool svc_has_retired(const struct ipvs *v, uint32_t id)
{
	const struct ipvs_server *d;

	list_for_each(d, &v->retired, node)
		if (v->be->servers[d->id].svc == id)
			return true;
	return false;
}

void service_forget(struct ipvs_service *s)
{
	list_del(&s->node);
	free(s->lips);
	free(s->vips);
	free(s->name);
	free(s);
}

void service_free(struct ipvs_service *s)
{
	struct ipvs *v = s->ipvs;
	struct svc *svc = &v->be->svcs[s->id];
	struct ipvs_server *d, *next;

	list_for_each_safe(d, next, &s->servers, node)
		server_retire(d);
	span_give(v->rings, svc->ring, loop_now());
	store_long(&svc->ring, 0);
	/* Flows of retired servers still read the timeouts; the sweep frees the slot with the last.
	 */
	v->svc_used[s->id] = svc_has_retired(v, s->id);
	service_forget(s);
}

/* ---- Rings ---- */

void service_ring_stale(struct ipvs_service *s)
{
	s->ring_stale = true;
	if (!loop_timer_active(&s->ipvs->rebuild))
		loop_timer_in(&s->ipvs->rebuild, USEC(0));
}

static size_t candidates(struct ipvs_service *s, struct sched_server *out)
{
	struct ipvs_server *d;
	size_t n = 0;

	list_for_each(d, &s->servers, node) {
		if (!d->up || !d->weight || d->sorry)
			continue;
		if (out)
			out[n] = (struct sched_server){ d->id, d->weight, d->addr, d->port };
		n++;
	}
	return n;
}

static void write_ring(struct ipvs_backend *be, uint32_t first, const uint32_t *ids, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		be->rings[(first + i) / RING_CHUNK].server[(first + i) % RING_CHUNK] = ids[i];
}

void service_ring_build(struct ipvs_service *s)
{
	struct ipvs *v = s->ipvs;
	struct svc *svc = &v->be->svcs[s->id];
	size_t n = candidates(s, NULL);
	struct sched_server *servers = calloc(n + 1, sizeof(*servers));
	struct sched_params params = { s->scheduler, s->mh_size };
	uint64_t old = svc->ring;
	uint32_t len, *ids = NULL;
	int64_t first = 0;

	if (!servers)
		return;
	candidates(s, servers);
	len = sched_ring_len(&params, servers, n);
	if (len) {
		ids = calloc(len, sizeof(*ids));
		first = ids ? sched_ring_fill(&params, servers, n, ids) : -ENOMEM;
		if (!first)
			first = span_take(v->rings, len, loop_now());
	}
	if (first < 0) {
		log_err(s->subject, "no room for a table of %u slots: the old one stays", len);
		goto out;
	}
	if (len)
		write_ring(v->be, (uint32_t)first, ids, len);
	svc->pick = (uint8_t)sched_pick(s->scheduler);
	store_long(&svc->ring, SPAN(first, len));
	span_give(v->rings, old, loop_now());
	s->ring_stale = false;
out:
	free(ids);
	free(servers);
}

void service_rebuild_turn(struct loop_timer *t, usec_t now)
{
	struct ipvs *v = container_of(t, struct ipvs, rebuild);
	usec_t end = usec_add(now, TURN);
	struct ipvs_service *s;

	list_for_each(s, &v->services, node) {
		if (!s->ring_stale)
			continue;
		if (usec_before(end, loop_now())) {
			loop_timer_in(t, USEC(0));
			return;
		}
		service_ring_build(s);
	}
}
