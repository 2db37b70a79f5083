/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that may be claimed once. */
#ifndef LBD_CONF_CLAIMS_H
#define LBD_CONF_CLAIMS_H

#include "conf/rule.h"

struct claim {
	struct addr addr;
	uint32_t number; /* a port, or 0 */
	unsigned order;	 /* in the file */
	const struct conf_where *where;
};

struct claims {
	struct claim *all;
	unsigned n, size;
};

/* Ignores the address 0: it was wrong, and said so. */
void claims_add(struct claims *c, const struct addr *a, uint32_t number,
		const struct conf_where *where);
/* The addresses of all instances; those of all services, but for networks. */
void claims_add_instances(struct claims *c, const struct conf *conf);
void claims_add_vips(struct claims *c, const struct conf *conf);
void claims_sort(struct claims *c);
/* In sorted claims of number 0. */
const struct claim *claims_find(const struct claims *c, const struct addr *a);
/* Each claim but the first of its kind is an error at `option` of its object. */
void claims_report(const struct rules *r, struct claims *c, const char *option);
void claims_free(struct claims *c);

#endif
