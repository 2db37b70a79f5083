/* SPDX-License-Identifier: BSD-2-Clause */
/* How many of the local ports that lead to a fullnat server are in use. */
#ifndef LBD_IPVS_PORTS_H
#define LBD_IPVS_PORTS_H

#include "ipvs/backend.h"
#include "ipvs/service.h"

/* The ports of its local addresses: as many flows it can have at a time.  0: not fullnat. */
uint32_t ports_total(const struct ipvs_backend *be, const struct server *srv);
/* Those that its flows have.  A server of two services counts in each of them for itself. */
uint32_t ports_used(const struct server *srv);

/* Warns once when 70 % of them are in use, and says so when they are fewer than 60 %
 * again. */
void ports_watch(struct ipvs_server *d);

#endif
