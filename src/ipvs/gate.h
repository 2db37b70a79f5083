/* SPDX-License-Identifier: BSD-2-Clause */
/* Gates: which VRRP instance owns which address, and the fence behind a dead daemon (DESIGN D9). */
#ifndef LBD_IPVS_GATE_H
#define LBD_IPVS_GATE_H

#include "conf/conf.h"
#include "ipvs/backend.h"
#include "net/net.h"

struct gates;

int gates_new(struct net *net, struct ipvs_backend *be, struct gates **ret);
void gates_free(struct gates *g); /* takes NULL */

/* In two steps around the change of services, so that a service never refers to a gate that is not
 * there: first new gates and addresses, then (`gates_sweep`) those that nobody wants any more. */
void gates_reconcile(struct gates *g, const struct conf *c);
void gates_sweep(struct gates *g);

/* The gate of the instance that owns a; 0, always open, when none does. */
uint32_t gates_of(const struct gates *g, const struct addr *a);

void gates_set(struct gates *g, const char *instance, bool open);
void gates_beat(struct gates *g, const char *instance, usec_t stale, usec_t fresh);

#endif
