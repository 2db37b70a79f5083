/* SPDX-License-Identifier: BSD-2-Clause */
/* One attempt at a server under one deadline: the same for every type of check.
 *
 * It connects, lets the type talk, over and over if the type wants several connections, and ends by
 * a verdict.  All that an attempt needs beside this struct lives only while it is under way. */
#ifndef LBD_CHECK_CONN_H
#define LBD_CHECK_CONN_H

#include "check/check.h"
#include "check/type.h"
#include "lib/addr.h"
#include "check/process.h"
#include "check/tls.h"
#include "lib/list.h"
#include "lib/loop.h"

/* How an attempt ended. */
struct conn_end {
	enum check_result result;
	int error;	    /* errno, when that was the reason; else 0 */
	const char *detail; /* what was expected, what was seen; valid during the call */
	int days_left;	    /* of the server's certificate; INT_MAX: none was shown */
};

/* Whom to talk to, and about what. */
struct conn_target {
	const struct plan *plan;
	struct addr address;
	uint16_t port; /* host order */
};

/* Attempts that wait for a share of the loop's time, as their next step is long (TLS). */
struct conn_line {
	struct list waiting;
	struct loop_timer turn;
	struct process_graves graves; /* scripts that were killed */
};
void conn_line_init(struct conn_line *l, struct loop *loop);
void conn_line_stop(struct conn_line *l);

enum conn_phase {
	CONN_DIALLING,
	CONN_SHAKING, /* the TLS handshake */
	CONN_TALKING,
	CONN_RUNNING, /* a script */
};

struct conn {
	struct loop_io io;
	struct loop_timer deadline;
	int fd;		   /* -1: not open */
	struct talk *talk; /* NULL: no attempt is under way */
	const struct conn_target *to;
	usec_t timeout;
	enum conn_phase phase;
	SSL *tls;    /* NULL: plain */
	size_t sent; /* of talk->out */
	int days_left;
	pid_t pid;		/* the script; 0: none */
	struct conn_line *line; /* borrowed; NULL: every step is made at once; scripts need it */
	struct list waiting;	/* line's */
	/* Called once an attempt, perhaps before conn_start returns; all is closed by then. */
	void (*done)(struct conn *c, struct conn_end end);
};

void conn_init(struct conn *c, struct loop *loop,
	       void (*done)(struct conn *c, struct conn_end end));
/* The timeout is for the whole attempt.  `to` is borrowed until its end. */
void conn_start(struct conn *c, const struct conn_target *to, usec_t timeout);
/* Ends an attempt, if one is under way, without calling done. */
void conn_stop(struct conn *c);

/* What an error means: LOCAL, or a verdict.  at_once: the system call itself answered with it, not
 * the network some time after. */
enum check_result conn_judge_error(int error, bool at_once);

#endif
