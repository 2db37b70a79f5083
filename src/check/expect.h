/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer must hold, and the answer as far as it has come: bounded, whatever is sent. */
#ifndef LBD_CHECK_EXPECT_H
#define LBD_CHECK_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

#define EXPECT_SHOWN_LEN 48 /* a text of what is expected, quoted, with its NUL */
#define EXPECT_SEEN_LEN	 72 /* and of what was seen */

/* A piece of text or bytes, or a regular expression.  All NULL: anything will do. */
struct expect {
	uint8_t *bytes, *mask; /* mask NULL: all bits count */
	size_t len;
	struct regex *regex;
	char shown[EXPECT_SHOWN_LEN]; /* for people */
};

/* One of text, hex (with ".." for any byte) and regex is given, or none; they have passed the
 * configuration.  0 or -ENOMEM. */
int expect_init(struct expect *e, const char *text, const char *hex, const char *regex);
void expect_release(struct expect *e); /* also what is zeroed */
bool expect_is_any(const struct expect *e);

/* Bytes of pairs of hexadecimal digits, between which spaces may stand.  mask (may be NULL) gets 0
 * for "..", else 255.  out and mask have room for strlen(hex) / 2; returns how many there are. */
size_t hex_decode(const char *hex, uint8_t *out, uint8_t *mask);

#define GATHER_MAX 8192 /* bytes of an answer that are looked at */

/* Zero-initialise. */
struct gather {
	uint8_t *bytes; /* GATHER_MAX, from the first input on */
	size_t len;
	unsigned searches;
};

enum gather_result {
	GATHER_MORE, /* not there yet */
	GATHER_FOUND,
	GATHER_MISSING,	 /* it ended, or is too long, and does not hold it */
	GATHER_TOO_HARD, /* the regular expression takes too long on it */
	GATHER_NO_MEMORY,
};

/* Takes more input; end: this was the last.  What makes each search long, or searches many, costs
 * the sender its good result and us no time. */
enum gather_result gather(struct gather *g, const struct expect *e, const uint8_t *data, size_t len,
			  bool end);
/* The beginning, in quotation marks, or "nothing".  buf: EXPECT_SEEN_LEN bytes. */
const char *gather_seen(const struct gather *g, char *buf);
void gather_free(struct gather *g);

/* A text from outside in quotation marks, cut to fit.  Returns buf. */
const char *quote_seen(const void *text, size_t len, char *buf, size_t size);

#endif
