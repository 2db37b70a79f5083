// SPDX-License-Identifier: BSD-2-Clause
/* type = "http" and "https": requests in turn, each on a connection of its own, whose answers have
 * a status, and perhaps a body, that is accepted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check/plan.h"
#include "check/type.h"
#include "lib/arena.h"

#define DIGESTED_MAX (1u << 20) /* bytes of a body that has a digest */

/* What is accepted when the operator says nothing. */
static const struct conf_range any_success = { 200, 399 };

/* ---- The request ---- */

static bool has_header(const struct conf_check *c, const char *name)
{
	size_t len = strlen(name);
	unsigned i;

	for (i = 0; i < c->n_headers; i++)
		if (!strncasecmp(c->headers[i], name, len) && c->headers[i][len] == ':')
			return true;
	return false;
}

/* Everything behind the Host header's value. */
static const char *rest_of_request(struct plan *p)
{
	const struct conf_check *c = &p->conf;
	struct str s = { 0 };
	const char *rest;
	unsigned i;

	str_addf(&s, "\r\nConnection: close\r\n");
	if (!has_header(c, "User-Agent"))
		str_addf(&s, "User-Agent: lbd\r\n");
	if (!has_header(c, "Accept"))
		str_addf(&s, "Accept: */*\r\n");
	for (i = 0; i < c->n_headers; i++)
		str_addf(&s, "%s\r\n", c->headers[i]);
	str_addf(&s, "\r\n");
	rest = arena_strdup(p->arena, str_text(&s));
	str_free(&s);
	return rest;
}

static void print_statuses(const struct conf_range *r, unsigned n, char *buf, size_t size)
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at,
				       r[i].first == r[i].last ? "%s%u" : "%s%u-%u", i ? ", " : "",
				       r[i].first, r[i].last);
}

static int prepare(struct plan *p, struct str *)
{
	const struct conf_check *c = &p->conf;
	struct http_plan *h = &p->http;

	h->rest = rest_of_request(p);
	h->statuses = c->n_status ? c->status : &any_success;
	h->n_statuses = c->n_status ? c->n_status : 1;
	print_statuses(h->statuses, h->n_statuses, h->statuses_shown, sizeof(h->statuses_shown));
	h->has_digest = c->body_sha256;
	if (h->has_digest)
		hex_decode(c->body_sha256, h->digest, NULL);
	h->wants_body = h->has_digest || !expect_is_any(&p->expect);
	return 0;
}

static const char *path_of(const struct talk *t)
{
	const struct conf_check *c = &t->plan->conf;

	return c->n_paths ? c->paths[t->request] : "/";
}

/* The Host header's value. */
static const char *host_of(const struct talk *t, char *buf, size_t size)
{
	char text[ADDR_STRLEN];

	if (t->plan->conf.host)
		return t->plan->conf.host;
	snprintf(buf, size, addr_is_v4(t->address) ? "%s:%u" : "[%s]:%u",
		 addr_str(t->address, text), t->port);
	return buf;
}

static enum talk_step begin(struct talk *t)
{
	static const char *const methods[] = {
		[CONF_HTTP_GET] = "GET",
		[CONF_HTTP_HEAD] = "HEAD",
		[CONF_HTTP_OPTIONS] = "OPTIONS",
	};
	const struct conf_check *c = &t->plan->conf;
	char host[ADDR_STRLEN + 16];
	int n;

	gather_free(&t->heard);
	free(t->said);
	EVP_MD_CTX_free(t->http.digest);
	t->http = (struct http_talk){ .answer.no_body = c->method == CONF_HTTP_HEAD };
	t->said = NULL;
	n = asprintf(&t->said, "%s %s HTTP/1.%u\r\nHost: %s%s", methods[c->method], path_of(t),
		     c->http_version, host_of(t, host, sizeof(host)), t->plan->http.rest);
	if (n < 0) {
		t->said = NULL;
		return talk_end(t, CHECK_LOCAL, "no memory");
	}
	t->out = t->said;
	t->out_len = (size_t)n;
	return TALK_SAY;
}

/* ---- The answer ---- */

/* " of "/path"", when there are several. */
static const char *whose(const struct talk *t, char *buf, size_t size)
{
	char path[EXPECT_SHOWN_LEN];

	buf[0] = '\0';
	if (t->plan->conf.n_paths > 1)
		snprintf(buf, size, " of %s",
			 quote_seen(path_of(t), strlen(path_of(t)), path, sizeof(path)));
	return buf;
}

static enum talk_step next_request(struct talk *t)
{
	char of[EXPECT_SHOWN_LEN + 8];

	if (t->request + 1 < t->plan->conf.n_paths)
		return TALK_RECONNECT;
	return talk_end(t, CHECK_L7OK, "status %u%s", t->http.answer.status,
			whose(t, of, sizeof(of)));
}

static bool is_accepted(const struct http_plan *h, unsigned status)
{
	unsigned i;

	for (i = 0; i < h->n_statuses; i++)
		if (status >= h->statuses[i].first && status <= h->statuses[i].last)
			return true;
	return false;
}

static enum talk_step on_head(struct talk *t)
{
	const struct http_plan *h = &t->plan->http;
	char of[EXPECT_SHOWN_LEN + 8];

	if (!is_accepted(h, t->http.answer.status))
		return talk_end(t, CHECK_L7STS, "status %u%s, expected %s", t->http.answer.status,
				whose(t, of, sizeof(of)), h->statuses_shown);
	return h->wants_body ? TALK_LISTEN : next_request(t);
}

static enum talk_step digest_body(struct talk *t, const uint8_t *data, size_t len)
{
	struct http_talk *h = &t->http;

	h->body += len;
	if (h->body > DIGESTED_MAX)
		return talk_end(t, CHECK_L7RSP, "a body of more than 1 MiB");
	if (!h->digest) {
		h->digest = EVP_MD_CTX_new();
		if (!h->digest || !EVP_DigestInit_ex(h->digest, EVP_sha256(), NULL))
			return talk_end(t, CHECK_LOCAL, "no memory");
	}
	EVP_DigestUpdate(h->digest, data, len);
	return TALK_LISTEN;
}

static enum talk_step judge_digest(struct talk *t)
{
	uint8_t got[EVP_MAX_MD_SIZE];
	char of[EXPECT_SHOWN_LEN + 8];
	const uint8_t *want = t->plan->http.digest;

	if (digest_body(t, NULL, 0) != TALK_LISTEN)
		return TALK_OVER;
	EVP_DigestFinal_ex(t->http.digest, got, NULL);
	if (!memcmp(got, want, sizeof(t->plan->http.digest)))
		return next_request(t);
	return talk_end(t, CHECK_L7RSP,
			"body%s: expected SHA-256 %02x%02x%02x%02x..., got %02x%02x%02x%02x...",
			whose(t, of, sizeof(of)), want[0], want[1], want[2], want[3], got[0],
			got[1], got[2], got[3]);
}

static enum talk_step on_body(struct talk *t, const uint8_t *data, size_t len, bool end)
{
	enum talk_step step;

	if (!t->plan->http.wants_body)
		return end ? next_request(t) : TALK_LISTEN;
	if (t->plan->http.has_digest)
		return end ? judge_digest(t) : digest_body(t, data, len);
	step = talk_expect(t, data, len, end);
	return step == TALK_OVER && t->result == CHECK_L7OK ? next_request(t) : step;
}

static enum talk_step hear(struct talk *t, const uint8_t *data, size_t len, bool end)
{
	enum talk_step step = TALK_LISTEN;
	const uint8_t *piece = NULL;
	enum http_event event;
	size_t piece_len = 0;

	while (step == TALK_LISTEN) {
		event = end ? http_close(&t->http.answer)
			    : http_read(&t->http.answer, &data, &len, &piece, &piece_len);
		switch (event) {
		case HTTP_MORE:
			return TALK_LISTEN;
		case HTTP_HEAD:
			step = on_head(t);
			break;
		case HTTP_BODY:
			step = on_body(t, piece, piece_len, false);
			break;
		case HTTP_END:
			return on_body(t, NULL, 0, true);
		case HTTP_BAD:
			return talk_end(t, CHECK_L7RSP, "expected an HTTP answer, got %s",
					t->http.answer.why);
		}
	}
	return step;
}

static void forget(struct talk *t)
{
	EVP_MD_CTX_free(t->http.digest);
}

const struct check_type check_type_http = {
	.transport = TRANSPORT_TCP,
	.prepare = prepare,
	.begin = begin,
	.hear = hear,
	.forget = forget,
};

const struct check_type check_type_https = {
	.transport = TRANSPORT_TCP,
	.tls = true,
	.prepare = prepare,
	.begin = begin,
	.hear = hear,
	.forget = forget,
};
