/* SPDX-License-Identifier: BSD-2-Clause */
/* The rates of all servers and of the interfaces in use. */
#ifndef LBD_IPVS_RATES_H
#define LBD_IPVS_RATES_H

#include <stdbool.h>

#include "ipvs/backend.h"
#include "ipvs/stats.h"
#include "lib/loop.h"

struct rates;

/* used[SERVER_MAX] tells the slots of `servers` that are; it is borrowed, as are loop and be.  0 or
 * -errno. */
int rates_new(struct loop *loop, struct ipvs_backend *be, const bool *used, struct rates **ret);
void rates_free(struct rates *r); /* takes NULL */

/* A slot whose counters are 0 begins to be used.  Those of a predecessor begin with their first
 * reading. */
void rates_begin(struct rates *r, uint32_t server);
/* Nobody uses the slot any more. */
void rates_end(struct rates *r, uint32_t server);
/* The interfaces in use; those that were before go on. */
void rates_set_ports(struct rates *r, const unsigned *ifindexes, unsigned n);

/* Of a server; of an interface, NULL when it is not in use. */
const struct estimator *rates_of_server(const struct rates *r, uint32_t server);
const struct estimator *rates_of_port(const struct rates *r, unsigned ifindex);

#endif
