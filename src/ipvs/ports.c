// SPDX-License-Identifier: BSD-2-Clause
/* How many of the local ports that lead to a fullnat server are in use. */
#include "ipvs/ports.h"

#include "lib/addr.h"
#include "lib/log.h"

#define SCARCE 70 /* percent */
#define ENOUGH 60

uint32_t ports_total(const struct ipvs_backend *be, const struct server *srv)
{
	uint64_t span = srv->lips, i;
	uint32_t total = 0;

	if (srv->method != METHOD_FULLNAT)
		return 0;
	for (i = SPAN_FIRST(span); i < (uint64_t)SPAN_FIRST(span) + SPAN_COUNT(span); i++) {
		const struct lip *lip = &be->lips[i % LIP_MAX];

		if (addr_is_v4(&lip->addr) == addr_is_v4(&srv->addr) && lip->last >= lip->port)
			total += (uint32_t)lip->last - lip->port + 1;
	}
	return total;
}

uint32_t ports_used(const struct server *srv)
{
	if (srv->method != METHOD_FULLNAT)
		return 0;
	return load_word(&srv->active) + load_word(&srv->inactive);
}

void ports_watch(struct ipvs_server *d)
{
	const struct ipvs_backend *be = d->service->ipvs->be;
	const struct server *srv = &be->servers[d->id];
	uint64_t total = ports_total(be, srv), percent;
	uint32_t used = ports_used(srv);

	if (!total)
		return;
	percent = used * UINT64_C(100) / total;
	if (percent >= SCARCE && !d->ports_scarce) {
		d->ports_scarce = true;
		log_warn(d->service->subject,
			 "server %s: %u of %llu local ports are in use: more local_addresses are "
			 "needed before the last is",
			 d->name, used, (unsigned long long)total);
	} else if (percent < ENOUGH && d->ports_scarce) {
		d->ports_scarce = false;
		log_info(d->service->subject, "server %s: %u of %llu local ports are in use",
			 d->name, used, (unsigned long long)total);
	}
}
