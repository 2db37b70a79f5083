/* SPDX-License-Identifier: BSD-2-Clause */
/* What no single option can know: rules between options, objects and nodes. */
#ifndef LBD_CONF_RULES_H
#define LBD_CONF_RULES_H

#include "conf/conf.h"
#include "conf/tree.h"

struct problems;

/* root is the tree that c was made of: messages point at its settings.  Warnings only when there is
 * no error: what an error left out would cause wrong ones. */
void rules_check(const struct conf *c, const struct node *root, struct problems *problems);

/* One node's view of the file. */
struct rules_node {
	const struct node *node; /* nodes.<name> */
	const struct node *root;
	const struct conf *conf;
};
/* What differs between nodes and should not, and the reverse; n is 1 or more. */
void rules_check_nodes(const struct rules_node *nodes, unsigned n, struct problems *problems);

#endif
