/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: what an operator or a program can ask the running lbd. */
#ifndef LBD_CTL_CTL_H
#define LBD_CTL_CTL_H

#include "director.h"
#include "lib/loop.h"
#include "lib/str.h"

struct ctl;

/* Listens at the path that the configuration names; director is borrowed.  0 or -errno with *why.
 */
int ctl_new(struct loop *loop, struct director *director, struct str *why, struct ctl **ret);
void ctl_free(struct ctl *c); /* removes the socket; takes NULL */

#endif
