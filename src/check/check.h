/* SPDX-License-Identifier: BSD-2-Clause */
/* Health checks for the rest of lbd: a set of checks made to match the configuration. */
#ifndef LBD_CHECK_CHECK_H
#define LBD_CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "lib/loop.h"

/* What one attempt ended with: enum and stable code, whether that speaks for the server, help.
 * L4 is the network's part, L6 TLS's, L7 the answer's.  LOCAL is lbd's own trouble (no descriptors,
 * no port, own interface down): never a verdict against a server. */
#define CHECK_RESULTS(X)                                                                           \
	X(NONE, false, "not checked yet")                                                          \
	X(LOCAL, false, "lbd could not make the attempt")                                          \
	X(L4OK, true, "the connection was accepted")                                               \
	X(L4TOUT, false, "no connection within the timeout")                                       \
	X(L4CON, false, "the connection was refused or the host is unreachable")                   \
	X(L6OK, true, "the TLS handshake was completed")                                           \
	X(L6TOUT, false, "no TLS handshake within the timeout")                                    \
	X(L6TLS, false, "the TLS handshake failed, or the certificate is not accepted")            \
	X(L7OK, true, "the answer is as expected")                                                 \
	X(L7TOUT, false, "no whole answer within the timeout")                                     \
	X(L7STS, false, "the answer has a status that is not accepted")                            \
	X(L7RSP, false, "the answer makes no sense, breaks off, or is not as expected")            \
	X(PROCOK, true, "the script says that it works")                                           \
	X(PROCERR, false, "the script says that it does not, or was ended by a signal")            \
	X(PROCTOUT, false, "the script had not ended within the timeout, and was killed")

enum check_result {
#define X(name, good, help) CHECK_##name,
	CHECK_RESULTS(X)
#undef X
		CHECK_RESULT_COUNT,
};

/* "L4OK"; "-" when there was no attempt yet. */
const char *check_result_code(enum check_result r);
bool check_result_good(enum check_result r);

#define CHECK_DETAIL_LEN 160 /* longest text of what was expected and seen, with its NUL */

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
	const char *detail;  /* of the last attempt: what was expected, what was seen */
	const char *warning; /* what is not wrong yet but will be: "", or a certificate's end */
	unsigned run;	     /* how many results of one kind in a row; LOCAL ones are passed over */
	usec_t latency;	     /* of the last attempt */
	usec_t since;	     /* of the verdict */
	uint64_t attempts, failures, local;
};

/* Of one service, or (NULL) of all. */
void check_set_each(const struct check_set *s, const char *service,
		    void (*each)(void *ctx, const struct check_status *st), void *ctx);

#endif
