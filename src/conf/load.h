/* SPDX-License-Identifier: BSD-2-Clause */
/* Files become one tree: text, libconfig, includes. */
#ifndef LBD_CONF_LOAD_H
#define LBD_CONF_LOAD_H

#include "conf/text.h"
#include "conf/tree.h"

/* Adds what is wrong to source->problems; returns NULL when nothing could be read at all.  The tree
 * is complete only if there was no error.  bytes NULL: read the file. */
struct node *load_tree(const struct text_source *source, const char *file, const char *bytes,
		       size_t len);

#endif
