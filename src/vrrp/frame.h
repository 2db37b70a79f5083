/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames that say where an address lives.  Pure. */
#ifndef LBD_VRRP_FRAME_H
#define LBD_VRRP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define VRRP_FRAME_MAX 86

/* Writes a whole Ethernet frame to everybody on the segment and returns its length.  router:
 * whether this host forwards (IPv6 tells). */
size_t vrrp_frame(const uint8_t mac[6], const struct addr *addr, bool router,
		  uint8_t frame[VRRP_FRAME_MAX]);

#endif
