// SPDX-License-Identifier: BSD-2-Clause
/* confcheck [--node NODE] [--host HOST] FILE: what lbd makes of a configuration file.  Problems to
 * stderr, the effective configuration to stdout; 0, or 1 when there is none. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "conf/source.h"

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "host", required_argument, NULL, 'h' },
		{ 0 },
	};
	struct conf_source source = { .host = "testhost" };
	struct str problems = { 0 }, text = { 0 };
	struct conf *conf = NULL;
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			source.node = optarg;
		else if (option == 'h')
			source.host = optarg;
		else
			return 2;
	}
	if (optind != argc - 1)
		return 2;
	source.file = argv[optind];
	r = conf_load_source(&source, &problems, &conf);
	fputs(str_text(&problems), stderr);
	if (!r)
		conf_print(conf, &text);
	fputs(str_text(&text), stdout);
	conf_free(conf);
	str_free(&problems);
	str_free(&text);
	return r ? 1 : 0;
}
