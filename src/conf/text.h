/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file's text made fit for libconfig, which is told nothing but this text.
 *
 * libconfig 1.5 wraps integers that are too large without a word, finds a missing brace only at the
 * end of the file, opens what an @include names (also a pipe, from which it would never return) and
 * nests as deep as its stack lasts.  So the text is scanned first: @include is replaced by the
 * other file's text, large integers get the suffix that makes them 64 bits wide, and what libconfig
 * could not explain is explained here.  A map leads from lines of the result to lines of the files.
 */
#ifndef LBD_CONF_TEXT_H
#define LBD_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

struct problems;

#define CONF_SIZE_MAX (64u << 20) /* of all text together */

/* From this line of the result on, lines are those of `file`. */
struct text_segment {
	unsigned at;
	const char *file;
	unsigned line;
};

struct text {
	struct str str;
	struct text_segment *segments;
	unsigned n_segments, size;
};

struct text_source {
	struct arena *arena; /* file names live as long as it */
	struct problems *problems;
	bool alone; /* open no other file */
};

/* 0, or -EINVAL with the problems told.  text_free in both cases. */
int text_expand(const struct text_source *source, const char *file, const char *bytes, size_t len,
		struct text *ret);
void text_free(struct text *t);

/* Where a line of the result was written. */
void text_where(const struct text *t, unsigned line, const char **ret_file, unsigned *ret_line);

/* The bytes of a regular file; str_free in both cases.  0 or -errno (-EFBIG: over CONF_SIZE_MAX).
 */
int text_read_file(const char *path, struct str *ret);
/* `name` as seen from the folder of `file`. */
const char *text_beside(struct arena *arena, const char *file, const char *name);

#endif
