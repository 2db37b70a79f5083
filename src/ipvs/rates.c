// SPDX-License-Identifier: BSD-2-Clause
/* The rates of all servers and of the interfaces in use.
 *
 * Every two seconds their counters are read, of servers in batches of neighbouring slots.  There
 * may be 65,535 of them with a value for each CPU: a turn of the loop reads for a millisecond, the
 * next goes on. */
#include "ipvs/rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list.h"

#define TURN  MSEC(1)
#define BATCH 64

struct port_rates {
	unsigned ifindex;
	struct estimator estimator;
};

struct rates {
	struct ipvs_backend *be;
	const bool *used; /* SERVER_MAX */
	struct loop_timer timer;
	usec_t begun;		   /* the reading that is under way, or the last one */
	uint32_t next;		   /* slot, that it goes on with */
	struct estimator *servers; /* SERVER_MAX; memory is used for those in use */
	struct port_rates *ports;
	unsigned n_ports;
};

/* Reads the next batch.  False: there is none. */
static bool read_batch(struct rates *r)
{
	struct server_stats stats[BATCH];
	const bool *at = memchr(r->used + r->next, 1, SERVER_MAX - r->next);
	uint32_t first, n, i;
	usec_t now;

	if (!at)
		return false;
	first = (uint32_t)(at - r->used);
	n = SERVER_MAX - first < BATCH ? SERVER_MAX - first : BATCH;
	while (!r->used[first + n - 1])
		n--;
	r->next = first + n;
	if (r->be->read_stats(r->be, first, n, stats))
		return true;
	now = loop_now();
	for (i = 0; i < n; i++)
		if (r->used[first + i])
			estimator_add(&r->servers[first + i], &stats[i], now);
	return true;
}

static void read_ports(struct rates *r)
{
	struct server_stats stats;
	struct port_stats port;
	unsigned i;

	for (i = 0; i < r->n_ports; i++) {
		if (r->be->read_port(r->be, r->ports[i].ifindex, &port))
			continue;
		stats = stats_of_port(&port);
		estimator_add(&r->ports[i].estimator, &stats, loop_now());
	}
}

static void on_turn(struct loop_timer *t, usec_t now)
{
	struct rates *r = container_of(t, struct rates, timer);
	usec_t end = usec_add(now, TURN);

	if (!r->next) {
		r->begun = now;
		read_ports(r);
	}
	while (read_batch(r)) {
		if (usec_before(end, loop_now())) {
			loop_timer_in(t, USEC(0));
			return;
		}
	}
	r->next = 0;
	loop_timer_at(t, usec_add(r->begun, STATS_PERIOD));
}

void rates_begin(struct rates *r, uint32_t server)
{
	static const struct server_stats none;

	estimator_begin(&r->servers[server], &none, loop_now());
}

void rates_end(struct rates *r, uint32_t server)
{
	memset(&r->servers[server], 0, sizeof(r->servers[server]));
}

void rates_set_ports(struct rates *r, const unsigned *ifindexes, unsigned n)
{
	struct port_rates *ports = calloc(n + 1, sizeof(*ports));
	const struct estimator *was;
	unsigned i;

	if (!ports)
		return;
	for (i = 0; i < n; i++) {
		was = rates_of_port(r, ifindexes[i]);
		ports[i].ifindex = ifindexes[i];
		if (was)
			ports[i].estimator = *was;
	}
	free(r->ports);
	r->ports = ports;
	r->n_ports = n;
}

const struct estimator *rates_of_server(const struct rates *r, uint32_t server)
{
	return &r->servers[server];
}

const struct estimator *rates_of_port(const struct rates *r, unsigned ifindex)
{
	unsigned i;

	for (i = 0; i < r->n_ports; i++)
		if (r->ports[i].ifindex == ifindex)
			return &r->ports[i].estimator;
	return NULL;
}

int rates_new(struct loop *loop, struct ipvs_backend *be, const bool *used, struct rates **ret)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->servers = calloc(SERVER_MAX, sizeof(*r->servers));
	if (!r->servers) {
		free(r);
		return -ENOMEM;
	}
	r->be = be;
	r->used = used;
	loop_timer_init(&r->timer, loop, LOOP_IDLE, on_turn);
	loop_timer_in(&r->timer, STATS_PERIOD);
	*ret = r;
	return 0;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	loop_timer_stop(&r->timer);
	free(r->servers);
	free(r->ports);
	free(r);
}
