// SPDX-License-Identifier: BSD-2-Clause
/* A configuration file's text made fit for libconfig.  The tokens are libconfig's own. */
#include "conf/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/problems.h"

#define BRACKETS_MAX 16 /* six are needed: nodes.lb1.services.www.servers.web1 */
#define INCLUDES_MAX 8	/* @include in an @include in ... */
#define FILES_MAX    256

struct bracket {
	char open;
	unsigned line;
};

/* What all files of one text share. */
struct expansion {
	const struct text_source *source;
	struct text *text;
	unsigned line; /* of the result */
	unsigned n_files;
};

/* One file. */
struct scan {
	struct expansion *x;
	const char *file;
	const char *p, *end;
	const char *line_start;
	unsigned line;
	struct bracket brackets[BRACKETS_MAX];
	unsigned depth, n_scans;
};

static int scan_file(struct scan *s);

#define scan_error(s, at, ...)                                                                     \
	problem_add((s)->x->source->problems, SEVERITY_ERROR, (s)->file, at, NULL, __VA_ARGS__)

static void segment(struct scan *s)
{
	struct text *t = s->x->text;

	if (t->n_segments == t->size) {
		t->size = t->size ? 2 * t->size : 4;
		t->segments = realloc(t->segments, t->size * sizeof(*t->segments));
		if (!t->segments)
			abort();
	}
	t->segments[t->n_segments++] = (struct text_segment){ s->x->line, s->file, s->line };
}

/* Hands n bytes on, counting lines. */
static void pass(struct scan *s, size_t n)
{
	const char *p;

	str_add(&s->x->text->str, s->p, n);
	for (p = s->p; p < s->p + n; p++) {
		if (*p != '\n')
			continue;
		s->line++;
		s->x->line++;
		s->line_start = p + 1;
	}
	s->p += n;
}

static size_t left(const struct scan *s)
{
	return (size_t)(s->end - s->p);
}

static bool starts(const struct scan *s, const char *word)
{
	size_t n = strlen(word);

	return left(s) >= n && !memcmp(s->p, word, n);
}

static int scan_line_comment(struct scan *s)
{
	const char *nl = memchr(s->p, '\n', left(s));

	pass(s, nl ? (size_t)(nl - s->p) : left(s));
	return 0;
}

static int scan_block_comment(struct scan *s)
{
	const char *p = s->p + 2;

	while (p + 1 < s->end && (p[0] != '*' || p[1] != '/'))
		p++;
	if (p + 1 >= s->end) {
		scan_error(s, s->line, "this comment is never closed by */");
		return -EINVAL;
	}
	pass(s, (size_t)(p + 2 - s->p));
	return 0;
}

static int scan_string(struct scan *s)
{
	const char *p;

	for (p = s->p + 1; p < s->end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < s->end)
			p++;
	if (p >= s->end) {
		scan_error(s, s->line, "this string is never closed by a \"");
		return -EINVAL;
	}
	pass(s, (size_t)(p + 1 - s->p));
	return 0;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

static int scan_name(struct scan *s)
{
	size_t n = 1;

	while (n < left(s) && is_name(s->p[n]))
		n++;
	pass(s, n);
	return 0;
}

/* libconfig keeps 32 bits of an integer unless it ends in L, and of those that keep 64 it knows no
 * overflow either.  The value it then reports is the nearest there is, in no option's range. */
static int scan_number(struct scan *s)
{
	bool hex = starts(s, "0x") || starts(s, "0X");
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	char text[32] = "";
	long long value;
	size_t n = hex ? 2 : 0;

	if (*s->p == '-' || *s->p == '+')
		n++;
	while (n < left(s) && strchr(digits, s->p[n]) && s->p[n])
		n++;
	if (!hex && n < left(s) && strchr(".eE", s->p[n]) && s->p[n]) {
		while (n < left(s) && strchr(".eE+-0123456789", s->p[n]) && s->p[n])
			n++;
		pass(s, n);
		return 0;
	}
	errno = n < sizeof(text) ? 0 : ERANGE;
	memcpy(text, s->p, n < sizeof(text) ? n : sizeof(text) - 1);
	value = strtoll(text, NULL, hex ? 16 : 10);
	if (errno == ERANGE) {
		str_addf(&s->x->text->str, "%sL",
			 *s->p == '-' ? "-9223372036854775807" : "9223372036854775807");
		s->p += n;
	} else {
		pass(s, n);
		if ((value > INT32_MAX || value < INT32_MIN) && !starts(s, "L"))
			str_add(&s->x->text->str, "L", 1);
	}
	while (starts(s, "L"))
		pass(s, 1);
	return 0;
}

static int scan_open(struct scan *s)
{
	if (s->depth == BRACKETS_MAX) {
		scan_error(s, s->line, "nested deeper than %u", BRACKETS_MAX);
		return -EINVAL;
	}
	s->brackets[s->depth++] = (struct bracket){ *s->p, s->line };
	pass(s, 1);
	return 0;
}

static int scan_close(struct scan *s)
{
	static const char pairs[] = "{}[]()";
	const struct bracket *b;

	if (!s->depth) {
		scan_error(s, s->line, "\"%c\" closes nothing", *s->p);
		return -EINVAL;
	}
	b = &s->brackets[--s->depth];
	if (strchr(pairs, b->open)[1] != *s->p) {
		scan_error(s, s->line, "\"%c\" cannot close the \"%c\" of line %u", *s->p, b->open,
			   b->line);
		return -EINVAL;
	}
	pass(s, 1);
	return 0;
}

/* Starts a new line of the result, so that what follows begins one. */
static void break_line(struct scan *s)
{
	str_add(&s->x->text->str, "\n", 1);
	s->x->line++;
}

static int include(struct scan *s, const char *name)
{
	const struct text_source *source = s->x->source;
	struct scan inner = { .x = s->x, .line = 1, .n_scans = s->n_scans + 1 };
	struct str bytes = { 0 };
	int r;

	if (source->alone || inner.n_scans > INCLUDES_MAX || s->x->n_files++ == FILES_MAX) {
		scan_error(s, s->line, "@include is not possible here: %s",
			   source->alone ? "this text stands alone" : "too many, or too deep");
		return -EINVAL;
	}
	inner.file = text_beside(source->arena, s->file, name);
	problems_file(source->problems, inner.file);
	r = text_read_file(inner.file, &bytes);
	if (r < 0) {
		scan_error(s, s->line, "@include: %s: %s", inner.file, strerror(-r));
	} else {
		inner.p = inner.line_start = str_text(&bytes);
		inner.end = inner.p + bytes.len;
		r = scan_file(&inner);
	}
	str_free(&bytes);
	return r;
}

static int scan_include(struct scan *s)
{
	static const char word[] = "@include";
	const char *blank = s->line_start, *open, *close;
	char *name;
	int r;

	while (blank < s->p && isblank((unsigned char)*blank))
		blank++;
	open = starts(s, word) ? s->p + sizeof(word) - 1 : s->end;
	while (open < s->end && isblank((unsigned char)*open))
		open++;
	close = open < s->end && *open == '"' ? memchr(open + 1, '"', (size_t)(s->end - open - 1))
					      : NULL;
	if (blank < s->p || !close || memchr(open, '\n', (size_t)(close - open))) {
		scan_error(s, s->line, "\"@\" begins nothing but a line: @include \"file\"");
		return -EINVAL;
	}
	name = strndup(open + 1, (size_t)(close - open - 1));
	if (!name)
		abort();
	break_line(s);
	r = include(s, name);
	free(name);
	s->p = close + 1;
	break_line(s);
	segment(s);
	return r;
}

static int scan_token(struct scan *s)
{
	unsigned char c = (unsigned char)*s->p;
	bool more = left(s) > 1;

	if (c == '#' || starts(s, "//"))
		return scan_line_comment(s);
	if (starts(s, "/*"))
		return scan_block_comment(s);
	if (c == '"')
		return scan_string(s);
	if (c == '@')
		return scan_include(s);
	if (strchr("{[(", c) && c)
		return scan_open(s);
	if (strchr("}])", c) && c)
		return scan_close(s);
	if (isdigit(c) || ((c == '-' || c == '+') && more && isdigit((unsigned char)s->p[1])))
		return scan_number(s);
	if (is_name((char)c))
		return scan_name(s);
	if (!isspace(c) && !ispunct(c)) {
		scan_error(s, s->line, "there is a byte 0x%02x outside of strings and comments", c);
		return -EINVAL;
	}
	pass(s, 1);
	return 0;
}

static int scan_file(struct scan *s)
{
	int r;

	segment(s);
	if (memchr(s->p, '\0', left(s))) {
		scan_error(s, 0, "holds a NUL byte: this is not a text file");
		return -EINVAL;
	}
	while (s->p < s->end) {
		r = scan_token(s);
		if (r < 0)
			return r;
		if (s->x->text->str.len > CONF_SIZE_MAX) {
			scan_error(s, s->line, "more than %u bytes in all", CONF_SIZE_MAX);
			return -EINVAL;
		}
	}
	if (s->depth) {
		scan_error(s, s->brackets[s->depth - 1].line, "this \"%c\" is never closed",
			   s->brackets[s->depth - 1].open);
		return -EINVAL;
	}
	return 0;
}

int text_expand(const struct text_source *source, const char *file, const char *bytes, size_t len,
		struct text *ret)
{
	struct expansion x = { .source = source, .text = ret, .line = 1 };
	struct scan s = { .x = &x, .file = file, .line = 1 };

	*ret = (struct text){ 0 };
	s.p = s.line_start = bytes;
	s.end = bytes + len;
	return scan_file(&s) < 0 ? -EINVAL : 0;
}

void text_free(struct text *t)
{
	str_free(&t->str);
	free(t->segments);
	*t = (struct text){ 0 };
}

void text_where(const struct text *t, unsigned line, const char **ret_file, unsigned *ret_line)
{
	unsigned low = 0, high = t->n_segments, middle;

	while (high - low > 1) {
		middle = (low + high) / 2;
		if (t->segments[middle].at <= line)
			low = middle;
		else
			high = middle;
	}
	*ret_file = t->segments[low].file;
	*ret_line =
		line < t->segments[low].at ? 0 : t->segments[low].line + line - t->segments[low].at;
}

int text_read_file(const char *path, struct str *ret)
{
	struct stat st;
	char buf[65536];
	ssize_t n;
	int fd, r = 0;

	/* O_NONBLOCK: opening a pipe would wait for its other end. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	while (!r && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n > 0 && ret->len + (size_t)n <= CONF_SIZE_MAX)
			str_add(ret, buf, (size_t)n);
		else if (n > 0)
			r = -EFBIG;
		else if (errno != EINTR)
			r = -errno;
	}
	close(fd);
	return r;
}

const char *text_beside(struct arena *arena, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	if (*name == '/' || !slash)
		return arena_strdup(arena, name);
	return arena_printf(arena, "%.*s/%s", (int)(slash - file), file, name);
}
