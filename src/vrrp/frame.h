/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet frames that are written whole: those that say where an address lives, and what goes
 * before an IPv6 advert.  Pure. */
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

#define VRRP_FRAME_HEADERS_LEN 54

/* Writes the Ethernet and IPv6 headers that go before `len` bytes to a multicast group. */
void vrrp_frame_headers(const uint8_t mac[6], const struct addr *src, const struct addr *group,
			uint8_t protocol, size_t len, uint8_t headers[VRRP_FRAME_HEADERS_LEN]);

#endif
