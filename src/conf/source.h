/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_load with everything that it takes from the machine given: for tests and the fuzzer. */
#ifndef LBD_CONF_SOURCE_H
#define LBD_CONF_SOURCE_H

#include "conf/conf.h"

struct conf_source {
	const char *file;  /* its name in messages; includes are relative to its folder */
	const char *bytes; /* NULL: read the file.  Else no file is opened at all */
	size_t len;
	const char *node; /* NULL: the one whose host is `host` */
	const char *host;
};

int conf_load_source(const struct conf_source *source, struct str *problems, struct conf **ret);

#endif
