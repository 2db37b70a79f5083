// SPDX-License-Identifier: BSD-2-Clause
/* The Internet checksum (RFC 1071). */
#include "lib/csum.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/addr.h"

uint32_t csum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t total = sum;
	uint16_t word;

	for (; len > 1; p += 2, len -= 2) {
		memcpy(&word, p, 2);
		total += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, 1); /* the byte that is missing counts as zero */
		total += word;
	}
	while (total >> 32)
		total = (total & 0xffffffff) + (total >> 32);
	return (uint32_t)total;
}

uint32_t csum_add_pseudo(uint32_t sum, const struct addr *src, const struct addr *dst,
			 uint8_t protocol, uint32_t len)
{
	uint32_t tail[2] = { htonl(len), htonl(protocol) };
	const uint8_t *bytes;
	size_t n;

	bytes = addr_bytes(src, &n);
	sum = csum_add(sum, bytes, n);
	bytes = addr_bytes(dst, &n);
	sum = csum_add(sum, bytes, n);
	return csum_add(sum, tail, sizeof(tail));
}

uint16_t csum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
