// SPDX-License-Identifier: BSD-2-Clause
/* Regular expressions: the only place that knows PCRE2. */
#include "lib/regex.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of one match: some milliseconds.  Patterns that need more (nested repetitions) are the ones
 * that some text makes exponential. */
#define MATCH_STEPS 100000
#define HEAP_KIB    1024

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static int refused(int error, size_t at, struct str *why)
{
	PCRE2_UCHAR text[128];

	if (error == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	pcre2_get_error_message(error, text, sizeof(text));
	str_addf(why, "%s, at character %zu", (const char *)text, at + 1);
	return -EINVAL;
}

int regex_new(const char *pattern, struct str *why, struct regex **ret)
{
	struct regex *r = calloc(1, sizeof(*r));
	int error;
	size_t at;

	if (!r)
		return -ENOMEM;
	r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &error,
				&at, NULL);
	if (!r->code) {
		regex_free(r);
		return refused(error, at, why);
	}
	r->data = pcre2_match_data_create(1, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->data || !r->limits) {
		regex_free(r);
		return -ENOMEM;
	}
	pcre2_set_match_limit(r->limits, MATCH_STEPS);
	pcre2_set_heap_limit(r->limits, HEAP_KIB);
	*ret = r;
	return 0;
}

int regex_search(const struct regex *r, const void *text, size_t len)
{
	int n = pcre2_match(r->code, text ? text : (const void *)"", len, 0, 0, r->data, r->limits);

	if (n == PCRE2_ERROR_NOMATCH)
		return 0;
	return n >= 0 ? 1 : -E2BIG;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}
