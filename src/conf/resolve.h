/* SPDX-License-Identifier: BSD-2-Clause */
/* One node's tree becomes its struct conf: defaults, pools and their servers are put in place. */
#ifndef LBD_CONF_RESOLVE_H
#define LBD_CONF_RESOLVE_H

#include "conf/conf.h"
#include "conf/tree.h"

struct problems;

/* c->arena holds what is made; `scratch` may be freed afterwards.  What is wrong is told, and left
 * out of c. */
void resolve(struct conf *c, const struct node *root, struct arena *scratch,
	     struct problems *problems);

#endif
