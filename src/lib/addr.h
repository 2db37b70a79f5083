/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and prefixes of both families behind one type. */
#ifndef LBD_LIB_ADDR_H
#define LBD_LIB_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/addr_type.h"

#define ADDR_STRLEN   46 /* longest text of an address, with its NUL */
#define PREFIX_STRLEN 50 /* the same with "/128" */

/* An address and how many of its leading bits name the network, counted in the address's own family
 * (0-32 or 0-128). */
struct prefix {
	struct addr addr;
	unsigned len;
};

static inline bool addr_is_v4(const struct addr *a)
{
	return !a->a[0] && !a->a[1] && a->a[2] == __builtin_bswap32(0xffff);
}

/* AF_INET or AF_INET6. */
int addr_family(const struct addr *a);
/* Bits of an address of a's family: 32 or 128. */
unsigned addr_bits(const struct addr *a);

/* Numeric text only, never a name.  0, or -EINVAL with *ret untouched. */
int addr_parse(const char *text, struct addr *ret);
/* Writes the text of a into buf (ADDR_STRLEN bytes) and returns buf. */
const char *addr_str(const struct addr *a, char *buf);

/* The address as it stands on the wire: 4 or 16 bytes inside a. */
const uint8_t *addr_bytes(const struct addr *a, size_t *ret_len);
/* The reverse; family is AF_INET (4 bytes are read) or AF_INET6 (16). */
struct addr addr_from_bytes(int family, const void *bytes);

bool addr_equal(const struct addr *a, const struct addr *b);
/* Compares as unsigned numbers in network order, as VRRP's tie-break does; <0, 0, >0. */
int addr_cmp(const struct addr *a, const struct addr *b);
bool addr_is_any(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_multicast(const struct addr *a);

/* Fills a socket address; port in network order, ifindex becomes the scope of a link-local IPv6
 * address. Returns its length. */
socklen_t addr_to_sockaddr(const struct addr *a, __be16 port, unsigned ifindex,
			   struct sockaddr_storage *ret);
/* -EAFNOSUPPORT when it is neither IPv4 nor IPv6. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, __be16 *ret_port);

/* "ADDR/LEN", or a bare address, which gets its family's full length.  0 or -EINVAL. */
int prefix_parse(const char *text, struct prefix *ret);
const char *prefix_str(const struct prefix *p, char *buf); /* buf: PREFIX_STRLEN bytes */
/* The same, but a whole address stands alone. */
const char *prefix_str_short(const struct prefix *p, char *buf);
/* The network that p is in: the bits behind its length cleared. */
struct prefix prefix_network(const struct prefix *p);
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_equal(const struct prefix *p, const struct prefix *q);

#endif
