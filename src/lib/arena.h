/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is given back all at once: a configuration lives in one. */
#ifndef LBD_LIB_ARENA_H
#define LBD_LIB_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when there is no memory. */
struct arena *arena_new(void);
/* Takes NULL. */
void arena_free(struct arena *a);
/* Zeroed memory, aligned for any type.  Aborts when there is none: only code that parses files as a
 * whole uses an arena, and half a configuration is worth nothing. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));

#endif
