/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side of struct ipvs_backend: programs and maps, loaded, pinned, adopted. */
#ifndef LBD_XMIT_MAPS_H
#define LBD_XMIT_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipvs/backend.h"
#include "lib/loop.h"
#include "lib/str.h"

struct maps;

enum maps_program {
	PROGRAM_INGRESS,
	PROGRAM_EGRESS,
	PROGRAM_XDP,
	PROGRAMS,
};

/* Loads the programs and pins the maps under /run/lbd/bpf/NAME/layout-N, mounting a bpffs at
 * /run/lbd/bpf where there is none.  Maps of the same layout and sizes that a predecessor left are
 * adopted; others are removed, and a log line says so.  0 or -errno, with the cause and the remedy
 * in *why. */
int maps_open(struct loop *loop, const char *name, uint32_t flows, uint32_t flows6, struct str *why,
	      struct maps **ret);
/* With `unpin` the maps end with the last program that uses them.  Takes NULL. */
void maps_close(struct maps *m, bool unpin);

/* Borrowed; its free() is not to be called. */
struct ipvs_backend *maps_backend(struct maps *m);
/* What the programs know of an interface and may do with it: its MAC, when known, and
 * whether XDP may redirect frames to it.  Ignored for indexes beyond PORT_MAX. */
void maps_set_port(struct maps *m, unsigned ifindex, const uint8_t mac[6], bool mac_known,
		   bool xdp);
int maps_program_fd(const struct maps *m, enum maps_program p);
/* Whether the maps were there already. */
bool maps_adopted(const struct maps *m);
/* Whether a loaded program is one of ours, of this or an older layout: it uses a map of ours. */
bool maps_own_program(const struct maps *m, uint32_t prog_id);
/* Path under which something else of ours may be pinned; borrowed until the next call. */
const char *maps_pin_path(struct maps *m, const char *leaf);
/* Pins that somebody removed and that were put back. */
uint64_t maps_repaired(const struct maps *m);
/* Bytes of kernel memory that the preallocated flow tables take. */
uint64_t maps_flow_bytes(uint32_t flows, uint32_t flows6);

#endif
