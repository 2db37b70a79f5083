// SPDX-License-Identifier: BSD-2-Clause
/* The settings as they were written: find, lay over, merge. */
#include "conf/tree.h"

#include <string.h>

#include "conf/problems.h"

static struct node *find(const struct node *group, const char *name, size_t len)
{
	unsigned i;

	if (!group || group->type != NODE_GROUP)
		return NULL;
	for (i = 0; i < group->n; i++)
		if (!strncmp(group->kids[i]->name, name, len) && !group->kids[i]->name[len])
			return group->kids[i];
	return NULL;
}

const struct node *node_find(const struct node *group, const char *name)
{
	return find(group, name, strlen(name));
}

const struct node *node_find_path(const struct node *root, const char *path)
{
	const struct node *n = root;
	size_t len;

	while (n && *path) {
		len = strcspn(path, ".");
		n = find(n, path, len);
		path += len + (path[len] == '.');
	}
	return n;
}

void node_path(const struct node *n, struct str *out)
{
	if (!n)
		return;
	node_path(n->parent, out);
	if (n->name)
		str_addf(out, "%s%s", out->len ? "." : "", n->name);
}

const char *node_type_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_GROUP] = "a group",   [NODE_LIST] = "a list",
		[NODE_NUMBER] = "a number", [NODE_REAL] = "a number with a fraction",
		[NODE_TRUTH] = "a boolean", [NODE_TEXT] = "a string",
	};

	return names[n->type];
}

struct node *node_overlay(struct arena *arena, struct node *base, struct node *over)
{
	struct node *both, *above;
	unsigned i;

	if (base->type != NODE_GROUP || over->type != NODE_GROUP)
		return over;
	both = arena_alloc(arena, sizeof(*both));
	*both = *base;
	both->kids = arena_alloc(arena, (base->n + over->n) * sizeof(*both->kids));
	for (i = 0; i < base->n; i++) {
		above = find(over, base->kids[i]->name, strlen(base->kids[i]->name));
		both->kids[i] = above ? node_overlay(arena, base->kids[i], above) : base->kids[i];
	}
	for (i = 0; i < over->n; i++)
		if (!node_find(base, over->kids[i]->name))
			both->kids[both->n++] = over->kids[i];
	return both;
}

void node_merge(struct arena *arena, struct node *into, struct node *from, unsigned levels,
		struct problems *problems)
{
	struct node **kids = arena_alloc(arena, (into->n + from->n) * sizeof(*kids));
	struct node *mine, *theirs;
	unsigned i;

	memcpy(kids, into->kids, into->n * sizeof(*kids));
	into->kids = kids;
	for (i = 0; i < from->n; i++) {
		theirs = from->kids[i];
		mine = find(into, theirs->name, strlen(theirs->name));
		if (!mine) {
			theirs->parent = into;
			into->kids[into->n++] = theirs;
		} else if (levels && mine->type == NODE_GROUP && theirs->type == NODE_GROUP) {
			node_merge(arena, mine, theirs, levels - 1, problems);
		} else {
			problem_at(problems, theirs, "is also in %s:%u, must be in one file only",
				   mine->file, mine->line);
		}
	}
}
