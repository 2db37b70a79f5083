/* SPDX-License-Identifier: BSD-2-Clause */
/* Is what became of a packet right in itself, whatever the packet was? */
#ifndef LBD_TESTS_PACKET_RIGHT_H
#define LBD_TESTS_PACKET_RIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "ipvs/abi.h"

/* One run of a program. */
struct run {
	enum hook hook;
	int action;
	const uint8_t *in, *out;
	size_t in_len, out_len;
};

/* NULL; or what is wrong. */
const char *run_judge(const struct run *r);

#endif
