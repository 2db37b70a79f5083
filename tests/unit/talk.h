/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays the other end of a check's talk, with bytes alone. */
#ifndef LBD_TESTS_TALK_H
#define LBD_TESTS_TALK_H

#include "check/plan.h"

/* One scene: what the server sends after it has heard `wants` (NULL: it speaks first, or at once).
 * The next scene begins when the client says something, or calls again. */
struct scene {
	const char *wants; /* must be somewhere in what the client says */
	const char *says;
	size_t len;  /* 0: strlen(says) */
	bool closes; /* and then closes; of datagrams: then there is silence */
};

/* What comes of it; detail lives until the next play.  Fails the test unless the result is the same
 * however the server's bytes are cut into pieces.  detail NULL: not looked at. */
void assert_play(const struct conf_check *check, const struct scene *scenes,
		 enum check_result result, const char *detail);

#endif
