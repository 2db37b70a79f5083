/* SPDX-License-Identifier: BSD-2-Clause */
/* The one address type, shared by user space and the BPF programs. */
#ifndef LBD_LIB_ADDR_TYPE_H
#define LBD_LIB_ADDR_TYPE_H

#include <linux/types.h>

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).  Network byte order. */
struct addr {
	__be32 a[4];
};

#endif
