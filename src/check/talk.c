// SPDX-License-Identifier: BSD-2-Clause
/* What the talks of several types have in common. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/plan.h"
#include "check/type.h"

static const struct check_type *const types[] = {
	[CONF_CHECK_NONE] = &check_type_none, [CONF_CHECK_TCP] = &check_type_tcp,
	[CONF_CHECK_HTTP] = &check_type_http, [CONF_CHECK_HTTPS] = &check_type_https,
	[CONF_CHECK_TLS] = &check_type_tls,   [CONF_CHECK_UDP] = &check_type_udp,
	[CONF_CHECK_DNS] = &check_type_dns,   [CONF_CHECK_PING] = &check_type_ping,
	[CONF_CHECK_SMTP] = &check_type_smtp, [CONF_CHECK_SCRIPT] = &check_type_script,
};

const struct check_type *check_type(unsigned type)
{
	return types[type];
}

static const struct {
	const char *code;
	bool good;
} results[] = {
#define X(name, good, help) [CHECK_##name] = { #name, good },
	CHECK_RESULTS(X)
#undef X
};

const char *check_result_code(enum check_result r)
{
	return r == CHECK_NONE ? "-" : results[r].code;
}

bool check_result_good(enum check_result r)
{
	return results[r].good;
}

enum talk_step talk_end(struct talk *t, enum check_result result, const char *fmt, ...)
{
	va_list ap;

	t->result = result;
	va_start(ap, fmt);
	vsnprintf(t->detail, sizeof(t->detail), fmt, ap);
	va_end(ap);
	return TALK_OVER;
}

enum talk_step talk_expect(struct talk *t, const uint8_t *data, size_t len, bool end)
{
	char seen[EXPECT_SEEN_LEN];

	switch (gather(&t->heard, &t->plan->expect, data, len, end)) {
	case GATHER_MORE:
		return TALK_LISTEN;
	case GATHER_FOUND:
		return talk_end(t, CHECK_L7OK, "%s came", t->plan->expect.shown);
	case GATHER_NO_MEMORY:
		return talk_end(t, CHECK_LOCAL, "no memory");
	case GATHER_TOO_HARD:
		return talk_end(t, CHECK_L7RSP, "%s takes too long to look for in %s",
				t->plan->expect.shown, gather_seen(&t->heard, seen));
	case GATHER_MISSING:
		break;
	}
	return talk_end(t, CHECK_L7RSP, "expected %s, got %s", t->plan->expect.shown,
			gather_seen(&t->heard, seen));
}

void talk_free(struct talk *t)
{
	if (!t)
		return;
	if (t->plan && t->plan->type->forget)
		t->plan->type->forget(t);
	gather_free(&t->heard);
	free(t->said);
	free(t);
}
