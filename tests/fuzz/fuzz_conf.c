// SPDX-License-Identifier: BSD-2-Clause
/* Any text is refused with a reason, or loads; what was printed of it loads again to the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses its string buffer at some syntax errors. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static struct conf *load(const char *bytes, size_t len, struct str *problems)
{
	struct conf_source source = {
		.file = "fuzz.conf", .bytes = bytes, .len = len, .host = "lb1"
	};
	struct conf *c = NULL;
	int r = conf_load_source(&source, problems, &c);

	if (!r != !!c || (r && !problems->len))
		abort();
	return c;
}

static void loads_to_itself(const struct conf *c)
{
	struct str once = { 0 }, twice = { 0 }, problems = { 0 };
	struct conf *again;

	conf_print(c, &once);
	again = load(str_text(&once), once.len, &problems);
	if (!again) {
		fprintf(stderr, "%s%s", str_text(&once), str_text(&problems));
		abort();
	}
	conf_print(again, &twice);
	if (strcmp(str_text(&once), str_text(&twice)))
		abort();
	twice.len = 0;
	conf_diff(c, again, &twice);
	if (twice.len)
		abort();
	conf_free(again);
	str_free(&once);
	str_free(&twice);
	str_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str problems = { 0 };
	struct conf *c = load(size ? (const char *)data : "", size, &problems);

	if (c)
		loads_to_itself(c);
	conf_free(c);
	str_free(&problems);
	return 0;
}
