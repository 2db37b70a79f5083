// SPDX-License-Identifier: BSD-2-Clause
/* What is wrong with a configuration: all of it, in the order of the files. */
#include "conf/problems.h"

#include <stdlib.h>
#include <string.h>

#include "conf/tree.h"
#include "lib/arena.h"

/* Nobody reads more; what is beyond is only mentioned. */
#define PROBLEMS_MAX 1000
#define FILES_MAX    1024

struct problem {
	enum severity severity;
	unsigned file; /* index into files */
	unsigned line;
	unsigned order; /* of being found */
	const char *text;
};

struct problems {
	struct arena *arena;
	const char *files[FILES_MAX];
	unsigned n_files;
	struct problem all[PROBLEMS_MAX];
	unsigned n;
	unsigned n_errors;
	bool more;
};

struct problems *problems_new(void)
{
	struct problems *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->arena = arena_new();
	if (!p->arena) {
		free(p);
		return NULL;
	}
	return p;
}

void problems_free(struct problems *p)
{
	if (!p)
		return;
	arena_free(p->arena);
	free(p);
}

static unsigned file_index(struct problems *p, const char *file)
{
	unsigned i;

	for (i = 0; i < p->n_files; i++)
		if (!strcmp(p->files[i], file))
			return i;
	if (p->n_files == FILES_MAX)
		return FILES_MAX - 1;
	p->files[p->n_files] = arena_strdup(p->arena, file);
	return p->n_files++;
}

void problems_file(struct problems *p, const char *file)
{
	file_index(p, file);
}

static bool known(const struct problems *p, const struct problem *new)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (p->all[i].line == new->line && p->all[i].file == new->file &&
		    !strcmp(p->all[i].text, new->text))
			return true;
	return false;
}

static void add(struct problems *p, enum severity severity, const char *file, unsigned line,
		const char *path, const char *fmt, va_list ap)
{
	struct problem new = { .severity = severity, .line = line, .order = p->n };
	struct str text = { 0 };

	if (path && *path)
		str_addf(&text, "%s: ", path);
	str_vaddf(&text, fmt, ap);
	new.text = str_text(&text);
	new.file = file_index(p, file);
	if (severity == SEVERITY_ERROR)
		p->n_errors++;
	if (p->n == PROBLEMS_MAX) {
		p->more = true;
	} else if (!known(p, &new)) {
		new.text = arena_strdup(p->arena, new.text);
		p->all[p->n++] = new;
	}
	str_free(&text);
}

void problem_add(struct problems *p, enum severity severity, const char *file, unsigned line,
		 const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, severity, file, line, path, fmt, ap);
	va_end(ap);
}

void problem_at(struct problems *p, const struct node *n, const char *fmt, ...)
{
	struct str path = { 0 };
	va_list ap;

	node_path(n, &path);
	va_start(ap, fmt);
	add(p, SEVERITY_ERROR, n->file, n->line, str_text(&path), fmt, ap);
	va_end(ap);
	str_free(&path);
}

unsigned problems_errors(const struct problems *p)
{
	return p->n_errors;
}

static int by_place(const void *a, const void *b)
{
	const struct problem *p = a, *q = b;

	if (p->file != q->file)
		return p->file < q->file ? -1 : 1;
	if (p->line != q->line)
		return p->line < q->line ? -1 : 1;
	return p->order < q->order ? -1 : 1;
}

void problems_write(const struct problems *p, struct str *out)
{
	struct problem sorted[PROBLEMS_MAX];
	unsigned i;

	memcpy(sorted, p->all, p->n * sizeof(*sorted));
	qsort(sorted, p->n, sizeof(*sorted), by_place);
	for (i = 0; i < p->n; i++) {
		str_addf(out, "%s:", p->files[sorted[i].file]);
		if (sorted[i].line)
			str_addf(out, "%u:", sorted[i].line);
		str_addf(out, " %s%s\n", sorted[i].severity == SEVERITY_WARNING ? "warning: " : "",
			 sorted[i].text);
	}
	if (p->more)
		str_addf(out, "%s: there are more problems than these %u\n", p->files[0],
			 PROBLEMS_MAX);
}
