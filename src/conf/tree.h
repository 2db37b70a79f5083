/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings as they were written, before anybody knows what they mean: a tree of named groups,
 * lists and values, each of which knows its place in a file.  Everything lives in an arena. */
#ifndef LBD_CONF_TREE_H
#define LBD_CONF_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

struct problems;

enum node_type {
	NODE_GROUP,
	NODE_LIST,
	NODE_NUMBER,
	NODE_REAL,
	NODE_TRUTH,
	NODE_TEXT,
};

struct node {
	const struct node *parent;
	const char *name; /* NULL: the root, and what is in a list */
	const char *file;
	unsigned line;
	enum node_type type;
	union {
		struct {
			struct node **kids; /* groups and lists */
			unsigned n;
		};
		int64_t number;
		double real;
		bool truth;
		const char *text;
	};
};

/* A member of a group; NULL when there is none, and of what is no group. */
const struct node *node_find(const struct node *group, const char *name);
/* "services.www.port", seen from root. */
const struct node *node_find_path(const struct node *root, const char *path);
/* Where it was written: "nodes.lb1.vrrp.web.priority". */
void node_path(const struct node *n, struct str *out);
/* "a number", "a group", ... */
const char *node_type_name(const struct node *n);

/* What base is once over is laid on it: groups are merged name by name, all else is replaced.
 * Neither is modified; the result shares what did not change. */
struct node *node_overlay(struct arena *arena, struct node *base, struct node *over);
/* Moves the members of `from` (another file's) into `into`.  Groups that both have are merged as
 * long as levels > 0; any other name that both have is an error that tells both places. */
void node_merge(struct arena *arena, struct node *into, struct node *from, unsigned levels,
		struct problems *problems);

#endif
