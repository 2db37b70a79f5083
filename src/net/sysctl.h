/* SPDX-License-Identifier: BSD-2-Clause */
/* The sysctls that a director needs (ip_forward and its kin): set and restored, or only checked. */
#ifndef LBD_NET_SYSCTL_H
#define LBD_NET_SYSCTL_H

#include <stdbool.h>

#include "lib/str.h"

struct sysctls;

/* interfaces: those that carry traffic.  v4, v6: which families do.  With `set` the values are
 * written (and the old ones remembered, and logged once each), without it each wrong value is a
 * line in *problems: "net.ipv4.ip_forward is 0, must be 1: sysctl -w net.ipv4.ip_forward=1".  What
 * cannot be written is a line too.  *s is NULL at first; called again, it adds what has become
 * necessary and touches nothing that is right already.  0 or -ENOMEM. */
int sysctls_apply(const char *const *interfaces, unsigned n, bool v4, bool v6, bool set,
		  struct str *problems, struct sysctls **s);
/* Puts the remembered values back where nobody has changed them since; takes NULL. */
void sysctls_restore(struct sysctls *s);

#endif
