/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what the programs have counted; the values of a per-CPU map are added up. */
#ifndef LBD_XMIT_COUNTMAPS_H
#define LBD_XMIT_COUNTMAPS_H

#include "ipvs/backend.h"

/* File descriptors. */
struct countmaps {
	int server_stats, port_stats, counters;
	unsigned n_cpus; /* possible ones */
};

/* Of n slots from `first` on.  These return 0 or -errno. */
int countmaps_read_servers(const struct countmaps *m, uint32_t first, unsigned n,
			   struct server_stats *ret);
int countmaps_clear_server(const struct countmaps *m, uint32_t server);
int countmaps_read_port(const struct countmaps *m, uint32_t ifindex, struct port_stats *ret);
/* Of each CPU: n_cpus elements. */
int countmaps_read_cpus(const struct countmaps *m, uint64_t (*ret)[HOOKS][COUNTERS]);

#endif
