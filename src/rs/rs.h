/* SPDX-License-Identifier: BSD-2-Clause */
/* What a real server needs, as a script that its operator runs there. */
#ifndef LBD_RS_RS_H
#define LBD_RS_RS_H

#include "conf/conf.h"

/* The script (POSIX sh; start | stop | status) that prepares the server with that address for all
 * services it takes part in.  0, or with a sentence in *why: -ENOENT when it is in no service,
 * -EINVAL when nat has no gateway for it. */
int rs_script(const struct conf *c, const struct addr *server, struct str *out, struct str *why);

#endif
