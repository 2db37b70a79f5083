/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a configuration: all of it, in the order of the files. */
#ifndef LBD_CONF_PROBLEMS_H
#define LBD_CONF_PROBLEMS_H

#include "lib/str.h"

struct node;
struct problems;

enum severity {
	SEVERITY_ERROR,
	SEVERITY_WARNING,
};

struct problems *problems_new(void);
void problems_free(struct problems *p); /* takes NULL */

/* Problems of files are told in the order in which the files were named here. */
void problems_file(struct problems *p, const char *file);

/* line 0: the file as a whole; path NULL: no setting in particular.  The same text twice is told
 * once: nodes share most of a configuration, and each node's view of it is looked at. */
void problem_add(struct problems *p, enum severity severity, const char *file, unsigned line,
		 const char *path, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* An error at a setting. */
void problem_at(struct problems *p, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

unsigned problems_errors(const struct problems *p);
void problems_write(const struct problems *p, struct str *out);

#endif
