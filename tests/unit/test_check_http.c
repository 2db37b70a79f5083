// SPDX-License-Identifier: BSD-2-Clause
/* src/check: http answers, good, bad and hostile, cut into pieces in several ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/http.h"
#include "lib/str.h"
#include "talk.h"

#define GET "GET / HTTP/1.1\r\nHost: 192.0.2.7:8080\r\n"
#define OK  "HTTP/1.1 200 OK\r\n"

#define PLAY(check, result, detail, ...)                                                           \
	assert_play(&(struct conf_check){ .type = CONF_CHECK_HTTP, .http_version = 1, check },     \
		    (struct scene[]){ __VA_ARGS__ }, result, detail)
#define WITH(...) __VA_ARGS__
#define PLAIN	  WITH(.port = 1)
/* One request, one answer. */
#define ANSWER(check, result, detail, text)                                                        \
	PLAY(WITH(check), result, detail, { .wants = "HTTP/1.1\r\n", .says = text, .closes = true })

static void request_is_as_configured(void **state)
{
	const char *paths[] = { "/healthz?a=b" }, *headers[] = { "X-Probe: yes", "accept: text/x" };

	PLAY(PLAIN, CHECK_L7OK, "status 204",
	     { .wants = GET "Connection: close\r\nUser-Agent: lbd\r\nAccept: */*\r\n\r\n",
	       .says = "HTTP/1.1 204 No Content\r\n\r\n" });
	PLAY(WITH(.paths = paths, .n_paths = 1, .headers = headers, .n_headers = 2,
		  .host = "shop.example", .method = CONF_HTTP_OPTIONS),
	     CHECK_L7OK, "status 200",
	     { .wants = "OPTIONS /healthz?a=b HTTP/1.1\r\nHost: shop.example\r\n"
			"Connection: close\r\nUser-Agent: lbd\r\nX-Probe: yes\r\n"
			"accept: text/x\r\n\r\n",
	       .says = OK "\r\n" });
	assert_play(&(struct conf_check){ .type = CONF_CHECK_HTTP }, /* HTTP/1.0 */
		    (struct scene[]){ { .wants = "GET / HTTP/1.0\r\nHost: 192.0.2.7:8080\r\n",
					.says = "HTTP/1.0 200 OK\r\n\r\n" } },
		    CHECK_L7OK, "status 200");
}

static void status_is_judged_without_waiting_for_the_body(void **state)
{
	struct conf_range some[] = { { 200, 200 }, { 301, 302 } };

	PLAY(PLAIN, CHECK_L7OK, "status 399", { .wants = GET, .says = "HTTP/1.1 399 x\r\n\r\n" });
	PLAY(PLAIN, CHECK_L7STS, "status 503, expected 200-399",
	     { .wants = GET, .says = "HTTP/1.1 503 Service Unavailable\r\n\r\n" });
	PLAY(WITH(.status = some, .n_status = 2), CHECK_L7OK, "status 302",
	     { .wants = GET, .says = "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n" });
	PLAY(WITH(.status = some, .n_status = 2), CHECK_L7STS, "status 204, expected 200, 301-302",
	     { .wants = GET, .says = "HTTP/1.1 204\r\n\r\n" });
}

static void interim_answers_are_passed_over(void **state)
{
	ANSWER(PLAIN, CHECK_L7OK, "status 200",
	       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
	       "\r\n");
	ANSWER(PLAIN, CHECK_L7STS, "status 101, expected 200-399",
	       "HTTP/1.1 101 Switching\r\n\r\n");
}

static void body_is_searched(void **state)
{
	ANSWER(WITH(.body = "all is well"), CHECK_L7OK, "status 200",
	       OK "Content-Length: 15\r\n\r\n[all is well]\r\n");
	ANSWER(WITH(.body = "all is well"), CHECK_L7RSP, "expected \"all is well\", got \"sick\"",
	       OK "Content-Length: 4\r\n\r\nsickall is well");
	ANSWER(WITH(.body = "well"), CHECK_L7OK, NULL, OK "\r\nall is well");
	ANSWER(WITH(.body_regex = "^\\{\"up\":\\s*true"), CHECK_L7OK, NULL,
	       OK "\r\n{\"up\":\n true}");
	ANSWER(WITH(.body = "well"), CHECK_L7RSP, "expected \"well\", got nothing",
	       OK "Content-Length: 0\r\n\r\n");
	/* headers are no body */
	ANSWER(WITH(.body = "well"), CHECK_L7RSP, NULL, OK "X: well\r\nContent-Length: 1\r\n\r\nx");
}

static void chunked_body_is_put_together(void **state)
{
	ANSWER(WITH(.body = "all is well"), CHECK_L7OK, NULL,
	       OK
	       "Transfer-Encoding: Chunked \r\n\r\n3\r\nall\r\n6;a=\"b\"\r\n is we\r\n2\r\nll\r\n"
	       "0\r\nX-Trailer: y\r\n\r\n");
	ANSWER(WITH(.body = "well"), CHECK_L7RSP, "expected \"well\", got \"sick\"",
	       OK
	       "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n4\r\nsick\r\n0\r\n\r\nwell");
}

#define SHA256_ABC  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_NONE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void body_has_a_digest(void **state)
{
	ANSWER(WITH(.body_sha256 = SHA256_ABC), CHECK_L7OK, "status 200",
	       OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
	ANSWER(WITH(.body_sha256 = SHA256_ABC), CHECK_L7RSP,
	       "body: expected SHA-256 ba7816bf..., got 88d4266f...", OK "\r\nabcd");
	ANSWER(WITH(.body_sha256 = SHA256_NONE), CHECK_L7OK, NULL, OK "Content-Length: 0\r\n\r\n");
}

static void several_requests_are_made_in_turn(void **state)
{
	const char *paths[] = { "/a", "/b", "/c" };

	PLAY(WITH(.paths = paths, .n_paths = 3, .body = "ok"), CHECK_L7OK, "status 200 of \"/c\"",
	     { .wants = "GET /a ", .says = OK "\r\nok" },
	     { .wants = "GET /b ", .says = OK "Content-Length: 2\r\n\r\nok" },
	     { .wants = "GET /c ", .says = OK "\r\nok" });
	PLAY(WITH(.paths = paths, .n_paths = 3), CHECK_L7STS,
	     "status 404 of \"/b\", expected 200-399", { .wants = "GET /a ", .says = OK "\r\n" },
	     { .wants = "GET /b ", .says = "HTTP/1.1 404 Not Found\r\n\r\n" });
	/* what the first said counts for nothing in the second */
	PLAY(WITH(.paths = paths, .n_paths = 3, .body = "ok"), CHECK_L7RSP, NULL,
	     { .wants = "GET /a ", .says = OK "\r\nok" },
	     { .wants = "GET /b ", .says = OK "\r\nno", .closes = true });
}

static void head_has_no_body(void **state)
{
	PLAY(WITH(.method = CONF_HTTP_HEAD), CHECK_L7OK, "status 200",
	     { .wants = "HEAD / ", .says = OK "Content-Length: 5000\r\n\r\n" });
}

static void nonsense_is_named(void **state)
{
	static const struct {
		const char *answer, *why;
	} cases[] = {
		{ "", "nothing" },
		{ "SSH-2.0-OpenSSH\r\n", "no HTTP/1 status line" },
		{ "HTTP/2 200\r\n\r\n", "no HTTP/1 status line" },
		{ "HTTP/1.1 20\r\n\r\n", "no HTTP/1 status line" },
		{ "HTTP/1.1 2000\r\n\r\n", "no HTTP/1 status line" },
		{ "HTTP/1.1 099 x\r\n\r\n", "no HTTP/1 status line" },
		{ "\r\n" OK "\r\n", "no HTTP/1 status line" },
		{ "HTTP/1.1 200 OK", "headers that break off" },
		{ OK "Server: x\r\n", "headers that break off" },
		{ OK "Content-Length: 5\r\n\r\nabc", "a body that breaks off" },
		{ OK "Content-Length: x\r\n\r\nabc", "a Content-Length that is no number" },
		{ OK "Content-Length: -1\r\n\r\nabc", "a Content-Length that is no number" },
		{ OK "Content-Length: 3, 3\r\n\r\nabc", "a Content-Length that is no number" },
		{ OK "Content-Length:\r\n\r\nabc", "a Content-Length that is no number" },
		{ OK "Content-Length: 99999999999999999999\r\n\r\nabc",
		  "a Content-Length that is no number" },
		{ OK "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabcd", "two Content-Lengths" },
		{ OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
		  "a transfer coding that lbd does not know" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
		  "a chunk longer than its size" },
		{ OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "a chunk without a size" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "a chunk without a size" },
		{ OK "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		  "a chunk without a size" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "a body that breaks off" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "a body that breaks off" },
	};
	char detail[CHECK_DETAIL_LEN];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(detail, sizeof(detail), "expected an HTTP answer, got %s", cases[i].why);
		ANSWER(WITH(.body = "never"), CHECK_L7RSP, detail, cases[i].answer);
	}
}

static void nul_in_a_header_is_refused(void **state)
{
	PLAY(PLAIN, CHECK_L7RSP, "expected an HTTP answer, got a NUL in its headers",
	     { .wants = GET, .says = OK "A: \0b\r\n\r\n", .len = sizeof(OK "A: \0b\r\n\r\n") - 1 });
}

/* Headers, interim answers, chunk sizes and trailers without end, and bodies. */
static void endless_answers_end(void **state)
{
	static const struct {
		const char *begin, *again;
		enum check_result result;
	} floods[] = {
		{ OK, "X: y\r\n", CHECK_L7RSP },
		{ OK "X: ", "yyyyyyy", CHECK_L7RSP },
		{ "", "HTTP/1.1 100 Continue\r\n\r\n", CHECK_L7RSP },
		{ "", "garbage", CHECK_L7RSP },
		{ OK "Transfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxx", CHECK_L7RSP },
		{ OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", CHECK_L7RSP },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", CHECK_L7RSP },
		{ OK "\r\n", "aaaaaaaa", CHECK_L7RSP },
	};
	size_t i;

	for (i = 0; i < sizeof(floods) / sizeof(*floods); i++) {
		struct str flood = { 0 };

		str_addf(&flood, "%s", floods[i].begin);
		while (flood.len < 100000)
			str_addf(&flood, "%s", floods[i].again);
		ANSWER(WITH(.body = "never"), floods[i].result, NULL, str_text(&flood));
		str_free(&flood);
	}
}

static void digested_body_is_bounded(void **state)
{
	size_t head = strlen(OK "\r\n"), len = head + (2u << 20);
	char *flood = malloc(len);
	struct http h = { 0 };
	struct plan *plan;
	struct talk *t;
	struct addr a;

	memset(flood, 'a', len);
	memcpy(flood, OK "\r\n", head);
	plan = plan_new(&(struct conf_check){ .type = CONF_CHECK_HTTP, .body_sha256 = SHA256_ABC },
			"", NULL);
	t = calloc(1, sizeof(*t));
	t->plan = plan;
	t->address = &a;
	addr_parse("192.0.2.7", &a);
	assert_int_equal(plan->type->begin(t), TALK_SAY);
	assert_int_equal(plan->type->hear(t, (uint8_t *)flood, len, false), TALK_OVER);
	assert_string_equal(t->detail, "a body of more than 1 MiB");
	talk_free(t);
	plan_free(plan);
	free(flood);
	assert_true(sizeof(h) < 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_as_configured),
		cmocka_unit_test(status_is_judged_without_waiting_for_the_body),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(body_is_searched),
		cmocka_unit_test(chunked_body_is_put_together),
		cmocka_unit_test(body_has_a_digest),
		cmocka_unit_test(several_requests_are_made_in_turn),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(nul_in_a_header_is_refused),
		cmocka_unit_test(endless_answers_end),
		cmocka_unit_test(digested_body_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
