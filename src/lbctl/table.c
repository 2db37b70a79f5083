// SPDX-License-Identifier: BSD-2-Clause
/* Columns of text, as wide as their contents. */
#include "lbctl/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/str.h"

struct table {
	const char *const *headings;
	size_t columns, cells, room;
	char **cell;
};

struct table *table_new(const char *const *headings)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->headings = headings;
	while (headings[t->columns])
		t->columns++;
	return t;
}

void table_add(struct table *t, const char *fmt, ...)
{
	struct str s = { 0 };
	va_list ap;

	if (t->cells == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->cell = realloc(t->cell, t->room * sizeof(*t->cell));
		if (!t->cell)
			abort();
	}
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	t->cell[t->cells++] = s.text ? s.text : strdup("");
}

static bool is_number(const struct table *t, size_t column)
{
	return t->headings[column][0] == '>';
}

static const char *heading(const struct table *t, size_t column)
{
	return t->headings[column] + is_number(t, column);
}

static size_t width(const struct table *t, size_t column)
{
	size_t w = strlen(heading(t, column)), i;

	for (i = column; i < t->cells; i += t->columns)
		if (strlen(t->cell[i]) > w)
			w = strlen(t->cell[i]);
	return w;
}

static void print_cell(const struct table *t, size_t column, size_t w, const char *text)
{
	bool last = column + 1 == t->columns;

	if (is_number(t, column))
		printf("%*s%s", (int)w, text, last ? "\n" : "  ");
	else if (last)
		printf("%s\n", text);
	else
		printf("%-*s  ", (int)w, text);
}

void table_print(struct table *t)
{
	size_t *widths = calloc(t->columns, sizeof(*widths)), i;

	if (!widths)
		abort();
	for (i = 0; i < t->columns; i++) {
		widths[i] = width(t, i);
		print_cell(t, i, widths[i], heading(t, i));
	}
	for (i = 0; i < t->cells; i++) {
		print_cell(t, i % t->columns, widths[i % t->columns], t->cell[i]);
		free(t->cell[i]);
	}
	free(widths);
	free(t->cell);
	free(t);
}
