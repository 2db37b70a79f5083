// SPDX-License-Identifier: BSD-2-Clause
/* Text: building it, quoting what came from outside, finding the word somebody meant. */
#include "lib/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct str *s, size_t more)
{
	size_t need = s->len + more + 1;

	if (need <= s->size)
		return;
	s->size = need < 64 ? 64 : need * 2;
	s->text = realloc(s->text, s->size);
	if (!s->text)
		abort();
}

void str_add(struct str *s, const char *text, size_t len)
{
	reserve(s, len);
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

void str_vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	reserve(s, (size_t)n);
	vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
	s->len += (size_t)n;
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(s, fmt, ap);
	va_end(ap);
}

void str_free(struct str *s)
{
	free(s->text);
	*s = (struct str){ 0 };
}

const char *str_text(const struct str *s)
{
	return s->text ? s->text : "";
}

const char *str_quote(const void *text, size_t len, char *buf, size_t size)
{
	const unsigned char *p = text;
	size_t used = 0, i;

	for (i = 0; i < len; i++) {
		int plain = p[i] >= ' ' && p[i] < 0x7f && p[i] != '\\';

		if (used + (plain ? 1 : 4) + sizeof("...") > size) {
			used += (size_t)snprintf(buf + used, size - used, "...");
			break;
		}
		used += (size_t)snprintf(buf + used, size - used, plain ? "%c" : "\\x%02x", p[i]);
	}
	if (size)
		buf[used < size ? used : size - 1] = '\0';
	return buf;
}

/* Optimal string alignment over three rows; names are cut at 63 letters. */
unsigned str_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned rows[3][MAX], *before = rows[0], *last = rows[1], *row = rows[2], *swap;
	size_t na = strnlen(a, MAX - 1), nb = strnlen(b, MAX - 1), i, j;

	memset(rows, 0, sizeof(rows));
	for (j = 0; j <= nb; j++)
		last[j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		swap = before;
		before = last;
		last = row;
		row = swap;
	}
	return last[nb];
}
