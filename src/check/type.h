/* SPDX-License-Identifier: BSD-2-Clause */
/* What a type of check fills in; deadlines, rise and fall, schedule and logging exist once,
 * elsewhere. */
#ifndef LBD_CHECK_TYPE_H
#define LBD_CHECK_TYPE_H

#include "check/conn.h"

struct check_type {
	const char *name; /* for the log */
	/* Begins an attempt, which ends in c->done.  NULL: nothing is asked, the server counts as
	 * up. */
	void (*start)(struct conn *c, const struct addr *to, uint16_t port, usec_t timeout);
};

extern const struct check_type check_type_none;
extern const struct check_type check_type_tcp;

#endif
