/* SPDX-License-Identifier: BSD-2-Clause */
/* Local addresses of fullnat, as they stand in `lips`: lists that servers share. */
#ifndef LBD_IPVS_LIP_H
#define LBD_IPVS_LIP_H

#include "ipvs/backend.h"

#define LIP_PORT_MIN 1024 /* below are the ports of services */

struct lips;

struct lips *lips_new(struct ipvs_backend *be); /* NULL without memory */
void lips_free(struct lips *l);			/* takes NULL */

/* The span of `lips` that holds this list; the same list has the same span.  0, and a log line,
 * when there is no room. */
uint64_t lips_get(struct lips *l, const struct lip *list, unsigned n);
/* The same for an address of this host alone, with the ports that the host does not use for
 * connections of its own.  0 for the unspecified address. */
uint64_t lips_of_host(struct lips *l, const struct addr *a);
/* Does the host give ports of this range to its own connections (net.ipv4.ip_local_port_range,
 * which holds for IPv6 too)?  From an address that is also the host's such flows would get each
 * other's packets. */
bool lip_collides(const struct lip *lip);
/* A span that a predecessor left. */
void lips_adopt(struct lips *l, uint64_t span);
/* Gives back the lists that no server has any more. */
void lips_sweep(struct lips *l);

#endif
