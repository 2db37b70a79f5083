// SPDX-License-Identifier: BSD-2-Clause
/* rs_script CONF SERVER: prints the script, as `lbd rs-script` does, without a running lbd's needs.
 */
#include <stdio.h>

#include "rs/rs.h"

int main(int argc, char **argv)
{
	struct str text = { 0 }, why = { 0 };
	struct conf *conf = NULL;
	struct addr server;
	int r;

	if (argc != 3 || addr_parse(argv[2], &server))
		return 2;
	r = conf_load(argv[1], NULL, &why, &conf);
	if (!r)
		r = rs_script(conf, &server, &text, &why);
	fputs(str_text(&text), stdout);
	fputs(str_text(&why), stderr);
	conf_free(conf);
	str_free(&text);
	str_free(&why);
	return r ? 1 : 0;
}
