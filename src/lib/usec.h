/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: one type for points on CLOCK_MONOTONIC and for spans, so that units cannot be mixed. */
#ifndef LBD_LIB_USEC_H
#define LBD_LIB_USEC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	int64_t us;
} usec_t;

#define USEC(n) ((usec_t){ (int64_t)(n) })
#define MSEC(n) USEC((n)*INT64_C(1000))
#define SEC(n)	USEC((n)*INT64_C(1000000))

static inline usec_t usec_add(usec_t a, usec_t b)
{
	return USEC(a.us + b.us);
}

static inline usec_t usec_sub(usec_t a, usec_t b)
{
	return USEC(a.us - b.us);
}

static inline bool usec_before(usec_t a, usec_t b)
{
	return a.us < b.us;
}

#endif
