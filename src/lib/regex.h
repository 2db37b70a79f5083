/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions (PCRE2) on bytes that may be hostile: a match ends within milliseconds. */
#ifndef LBD_LIB_REGEX_H
#define LBD_LIB_REGEX_H

#include <stddef.h>

#include "lib/str.h"

struct regex;

/* Bytes, not UTF-8; everything else as PCRE2 has it, so "(?i)" and "(?s)" work.  0 and the
 * expression; -EINVAL with the reason and its place in *why; -ENOMEM. */
int regex_new(const char *pattern, struct str *why, struct regex **ret);
void regex_free(struct regex *r); /* takes NULL */

/* 1: it is somewhere in the text; 0: it is not; -E2BIG: that would have taken too long to say. */
int regex_search(const struct regex *r, const void *text, size_t len);

#endif
