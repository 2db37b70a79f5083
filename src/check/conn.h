/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection to a server under one deadline: the same for every type of check. */
#ifndef LBD_CHECK_CONN_H
#define LBD_CHECK_CONN_H

#include "check/check.h"
#include "lib/addr.h"
#include "lib/loop.h"

/* How an attempt ended. */
struct conn_end {
	enum check_result result;
	int error; /* errno; 0: none */
};

struct conn {
	struct loop_io io;
	struct loop_timer deadline;
	int fd; /* -1: not open */
	/* Called once an attempt, perhaps before conn_start returns; all is closed by then. */
	void (*done)(struct conn *c, struct conn_end end);
};

void conn_init(struct conn *c, struct loop *loop,
	       void (*done)(struct conn *c, struct conn_end end));
/* port in host order.  The timeout is for the whole attempt. */
void conn_start(struct conn *c, const struct addr *to, uint16_t port, usec_t timeout);
/* Ends an attempt, if one is under way, without calling done. */
void conn_stop(struct conn *c);

/* What an error means: LOCAL, or a verdict.  at_once: the system call itself answered with it, not
 * the network some time after. */
enum check_result conn_judge_error(int error, bool at_once);

#endif
