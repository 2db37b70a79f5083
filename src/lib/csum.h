/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071). */
#ifndef LBD_LIB_CSUM_H
#define LBD_LIB_CSUM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/addr_type.h"

/* Adds len bytes to a running sum that starts at 0.  Only the last piece may have an odd length. */
uint32_t csum_add(uint32_t sum, const void *data, size_t len);
/* The pseudo header of TCP, UDP, VRRPv3 (RFC 793, RFC 8200 8.1); len is the upper-layer length. */
uint32_t csum_add_pseudo(uint32_t sum, const struct addr *src, const struct addr *dst,
			 uint8_t protocol, uint32_t len);
/* What goes into the header, in network byte order; of a correct packet's sum it is 0. */
uint16_t csum_fold(uint32_t sum);

#endif
