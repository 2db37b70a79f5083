// SPDX-License-Identifier: BSD-2-Clause
/* What an answer must hold, and the answer as far as it has come. */
#include "check/expect.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regex.h"

/* A regular expression is tried on a growing answer so often; then it waits for the end. */
#define SEARCHES_MAX 32

static unsigned nibble(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(c | 0x20) - 'a' + 10;
}

size_t hex_decode(const char *hex, uint8_t *out, uint8_t *mask)
{
	size_t n = 0;

	for (; *hex; hex += 2) {
		while (*hex == ' ')
			hex++;
		if (!*hex)
			break;
		if (mask)
			mask[n] = *hex == '.' ? 0 : 255;
		out[n++] = *hex == '.' ? 0 : (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
	}
	return n;
}

const char *quote_seen(const void *text, size_t len, char *buf, size_t size)
{
	str_quote(text, len, buf + 1, size - 2);
	buf[0] = '"';
	strcat(buf, "\"");
	return buf;
}

static int init_hex(struct expect *e, const char *hex)
{
	size_t room = strlen(hex) / 2 + 1;

	e->bytes = malloc(room);
	e->mask = malloc(room);
	if (!e->bytes || !e->mask)
		return -ENOMEM;
	e->len = hex_decode(hex, e->bytes, e->mask);
	snprintf(e->shown, sizeof(e->shown), "%.40s%s", hex, strlen(hex) > 40 ? "..." : "");
	return 0;
}

static int init_text(struct expect *e, const char *text)
{
	e->bytes = (uint8_t *)strdup(text);
	e->len = strlen(text);
	quote_seen(text, e->len, e->shown, sizeof(e->shown));
	return e->bytes ? 0 : -ENOMEM;
}

static int init_regex(struct expect *e, const char *regex)
{
	struct str why = { 0 };
	int r = regex_new(regex, &why, &e->regex);

	quote_seen(regex, strlen(regex), e->shown, sizeof(e->shown));
	str_free(&why);
	return r;
}

int expect_init(struct expect *e, const char *text, const char *hex, const char *regex)
{
	if (text)
		return init_text(e, text);
	if (hex)
		return init_hex(e, hex);
	if (regex)
		return init_regex(e, regex);
	snprintf(e->shown, sizeof(e->shown), "an answer");
	return 0;
}

void expect_release(struct expect *e)
{
	free(e->bytes);
	free(e->mask);
	regex_free(e->regex);
	*e = (struct expect){ 0 };
}

bool expect_is_any(const struct expect *e)
{
	return !e->bytes && !e->regex;
}

static bool equal_at(const struct expect *e, const uint8_t *at)
{
	size_t i;

	for (i = 0; i < e->len; i++)
		if ((at[i] ^ e->bytes[i]) & e->mask[i])
			return false;
	return true;
}

/* from: what stands before it was searched already. */
static bool holds_bytes(const struct expect *e, const uint8_t *bytes, size_t len, size_t from)
{
	from = from >= e->len ? from - e->len + 1 : 0;
	if (!e->mask)
		return memmem(bytes + from, len - from, e->bytes, e->len);
	for (; from + e->len <= len; from++)
		if (equal_at(e, bytes + from))
			return true;
	return false;
}

static int search(struct gather *g, const struct expect *e, size_t from, bool end)
{
	if (expect_is_any(e))
		return g->len > 0;
	if (!e->regex)
		return holds_bytes(e, g->bytes, g->len, from);
	if (!end && g->searches >= SEARCHES_MAX)
		return 0;
	g->searches++;
	return regex_search(e->regex, g->bytes, g->len);
}

enum gather_result gather(struct gather *g, const struct expect *e, const uint8_t *data, size_t len,
			  bool end)
{
	size_t before = g->len;
	int r;

	if (!g->bytes)
		g->bytes = malloc(GATHER_MAX);
	if (!g->bytes)
		return GATHER_NO_MEMORY;
	if (len > GATHER_MAX - g->len)
		len = GATHER_MAX - g->len;
	if (len)
		memcpy(g->bytes + g->len, data, len);
	g->len += len;
	end = end || g->len == GATHER_MAX;
	r = search(g, e, before, end);
	if (r)
		return r > 0 ? GATHER_FOUND : GATHER_TOO_HARD;
	return end ? GATHER_MISSING : GATHER_MORE;
}

const char *gather_seen(const struct gather *g, char *buf)
{
	return g->len ? quote_seen(g->bytes, g->len, buf, EXPECT_SEEN_LEN) : strcpy(buf, "nothing");
}

void gather_free(struct gather *g)
{
	free(g->bytes);
	*g = (struct gather){ 0 };
}
