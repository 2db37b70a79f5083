/* SPDX-License-Identifier: BSD-2-Clause */
/* Text: building it, quoting what came from outside, finding the word somebody meant. */
#ifndef LBD_LIB_STR_H
#define LBD_LIB_STR_H

#include <stdarg.h>
#include <stddef.h>

/* A text that grows.  Zero-initialise; str_free gives the memory back. */
struct str {
	char *text; /* NULL while empty, else NUL-terminated */
	size_t len, size;
};

/* Aborts when there is no memory: texts are short and an operator waits for them. */
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void str_add(struct str *s, const char *text, size_t len);
void str_free(struct str *s);
/* The text, never NULL. */
const char *str_text(const struct str *s);

/* Copies up to len bytes of text from outside into buf (size bytes) so that a terminal can show it:
 * what is not printable ASCII, and the backslash, as \xNN; cut with "..." when too long. */
const char *str_quote(const void *text, size_t len, char *buf, size_t size);

/* How many letters must be changed, left out, added or swapped to make a from b. */
unsigned str_distance(const char *a, const char *b);

#endif
