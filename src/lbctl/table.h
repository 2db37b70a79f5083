/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns of text, as wide as their contents. */
#ifndef LBD_LBCTL_TABLE_H
#define LBD_LBCTL_TABLE_H

struct table;

/* headings end with NULL; one that begins with '>' is a column of numbers, set to the right. */
struct table *table_new(const char *const *headings);
/* The next cell; rows fill by themselves. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees. */
void table_print(struct table *t);

#endif
