/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of the tree become structs, as their tables say. */
#ifndef LBD_CONF_DECODE_H
#define LBD_CONF_DECODE_H

#include "conf/schema.h"
#include "conf/tree.h"

struct decoder {
	struct arena *arena; /* of what is made; the tree may go */
	struct problems *problems;
	const char *file, *file_copy; /* of the last struct conf_where */
};

/* A group, and those that give it what it does not say itself, the nearest first. */
#define LAYERS_MAX 3
struct layers {
	const struct node *node[LAYERS_MAX];
	enum opt_view view[LAYERS_MAX];
	unsigned n;
	bool incomplete; /* one was asked for that is not there: what is missing may be in it */
};

/* Fills the struct at base.  What is wrong is told, and leaves its member 0. */
void decode_group(struct decoder *d, const struct opt_group *g, const struct layers *layers,
		  void *base);
/* The same for a group that stands alone. */
void decode_node(struct decoder *d, const struct opt_group *g, const struct node *n, void *base);
/* An array of what `named` holds. */
void decode_named(struct decoder *d, const struct opt *o, const struct node *named, void *ret_array,
		  unsigned *ret_n);
/* Tells of names that g does not know, and whether n is a group at all. */
bool decode_names(struct decoder *d, const struct opt_group *g, const struct node *n);
/* The same for the members of a group of named groups. */
bool decode_object_names(struct decoder *d, const struct opt *o, const struct node *named);
struct conf_where decode_where(struct decoder *d, const struct node *n);

#endif
