/* SPDX-License-Identifier: BSD-2-Clause */
/* Health checks for the rest of lbd: a set of checks made to match the configuration. */
#ifndef LBD_CHECK_CHECK_H
#define LBD_CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "lib/loop.h"

/* What one attempt ended with: enum, stable code, help.  LOCAL is lbd's own trouble (no
 * descriptors, no port, own interface down): never a verdict against a server. */
#define CHECK_RESULTS(X)                                                                           \
	X(NONE, "-", "not checked yet")                                                            \
	X(UP, "L4OK", "the connection was accepted")                                               \
	X(TIMEOUT, "L4TOUT", "no answer within the timeout")                                       \
	X(REFUSED, "L4CON", "the connection was refused or the host is unreachable")               \
	X(LOCAL, "LOCAL", "lbd could not make the attempt")

enum check_result {
#define X(name, code, help) CHECK_##name,
	CHECK_RESULTS(X)
#undef X
		CHECK_RESULT_COUNT,
};

const char *check_result_code(enum check_result r);

struct check_set;

/* On a server, all its checks together. */
enum check_verdict {
	CHECK_UNKNOWN, /* none says down, but one has not ended yet: what was known before holds */
	CHECK_DOWN,
	CHECK_ALIVE,
};

struct check_ops {
	/* The verdict on a server of a service is now this; also told once for every server after
	 * each reconcile.  It must not change the set. */
	void (*verdict)(void *ctx, const char *service, const char *server,
			enum check_verdict verdict);
	/* Whether packets to this address could leave by a link of ours since the attempt began.
	 * Asked when nobody answered: if not, the attempt was LOCAL. */
	bool (*path_up)(void *ctx, const struct addr *to, usec_t since);
};

/* How many servers of a service are up, and how many it has. */
void check_set_count(const struct check_set *s, const char *service, unsigned *ret_up,
		     unsigned *ret_all);

int check_set_new(struct loop *loop, const struct check_ops *ops, void *ctx,
		  struct check_set **ret);
/* Makes the checks match c (names are copied: c may go).  A check whose target and content stay
 * the same keeps its state, history and next time; one of which only the timing changes keeps its
 * verdict; a new one is down until it is checked, and its first result counts at once.  Several
 * services that want the same check of the same target share one. */
void check_set_reconcile(struct check_set *s, const struct conf *c);
void check_set_free(struct check_set *s); /* takes NULL */

/* A copy for display. */
struct check_status {
	const char *service, *server, *check; /* borrowed */
	bool up;
	enum check_result last;
	const char *detail; /* of the last attempt: what was expected, what was seen */
	unsigned run;	    /* how many results of one kind in a row; LOCAL ones are passed over */
	usec_t latency;	    /* of the last attempt */
	usec_t since;	    /* of the verdict */
	uint64_t attempts, failures, local;
};

/* Of one service, or (NULL) of all. */
void check_set_each(const struct check_set *s, const char *service,
		    void (*each)(void *ctx, const struct check_status *st), void *ctx);

#endif
