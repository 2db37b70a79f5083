/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). */
#ifndef LBD_LIB_SIPHASH_H
#define LBD_LIB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* The 16 bytes of a key, as two little-endian words. */
struct siphash_key {
	uint64_t k0, k1;
};

/* The same on every machine, whatever its byte order: the paper's 8 output bytes, read as a
 * little-endian word. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
