/* SPDX-License-Identifier: BSD-2-Clause */
/* Services of many ports or many addresses, as they stand in `wide` and `ranges`. */
#ifndef LBD_IPVS_WIDE_H
#define LBD_IPVS_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipvs/backend.h"
#include "ipvs/span.h"
#include "lib/addr.h"

/* One VIP of one service. */
struct wide_service {
	struct prefix vip;
	uint8_t protocol;
	uint16_t port, last; /* host order */
	struct svc_ref ref;
	const char *subject; /* of log lines; borrowed during the call */
};

/* Makes the maps say exactly this; sorts the list.  What stands before and after is found at all
 * times. */
void wide_reconcile(struct ipvs_backend *be, struct span_space *space, struct wide_service *list,
		    unsigned n);

/* What the maps say of that VIP and range. */
bool wide_find(struct ipvs_backend *be, uint8_t protocol, const struct prefix *vip, uint16_t port,
	       uint16_t last, struct svc_ref *ret);

/* Before the first wide_reconcile: the ranges that a predecessor left are in use. */
void wide_adopt(struct ipvs_backend *be, struct span_space *space);

#endif
