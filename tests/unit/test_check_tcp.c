// SPDX-License-Identifier: BSD-2-Clause
/* src/check: what is expected of an answer, and checks of type tcp that expect something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check/expect.h"
#include "talk.h"

#define PLAY(check, result, detail, ...)                                                           \
	assert_play(&(struct conf_check){ .type = CONF_CHECK_TCP, check },                         \
		    (struct scene[]){ __VA_ARGS__ }, result, detail)
#define WITH(...) __VA_ARGS__

static void connection_alone_is_enough(void **state)
{
	PLAY(WITH(.port = 1), CHECK_L4OK, "connection accepted", { 0 });
}

static void answer_with_the_text_is_good(void **state)
{
	PLAY(WITH(.send = "PING\r\n", .expect = "+PONG"), CHECK_L7OK, "\"+PONG\" came",
	     { .wants = "PING\r\n", .says = "+PONG\r\n" });
	PLAY(WITH(.expect = "ready"), CHECK_L7OK, NULL, { .says = "rearearready" });
}

static void answer_without_the_text_is_bad(void **state)
{
	PLAY(WITH(.send = "PING\r\n", .expect = "+PONG"), CHECK_L7RSP,
	     "expected \"+PONG\", got \"-LOADING\\x0d\\x0a\"",
	     { .wants = "PING\r\n", .says = "-LOADING\r\n", .closes = true });
	PLAY(WITH(.expect = "x"), CHECK_L7RSP, "expected \"x\", got nothing", { .closes = true });
}

static void bytes_may_be_hexadecimal(void **state)
{
	PLAY(WITH(.send_hex = "41 42 43", .expect_hex = "00ff..01"), CHECK_L7OK, "00ff..01 came",
	     { .wants = "ABC", .says = "\xff\x00\xff\x77\x01", .len = 5 });
	PLAY(WITH(.expect_hex = "00ff..01"), CHECK_L7RSP, NULL,
	     { .says = "\x00\xff\x77\x02", .len = 4, .closes = true });
}

static void answer_may_match_a_regular_expression(void **state)
{
	PLAY(WITH(.expect_regex = "^SSH-2\\.0-\\S+\r\n"), CHECK_L7OK, NULL,
	     { .says = "SSH-2.0-OpenSSH_9.2p1\r\n", .closes = true });
	PLAY(WITH(.expect_regex = "^SSH-2"), CHECK_L7RSP, "expected \"^SSH-2\", got \"SSH-1.5\"",
	     { .says = "SSH-1.5", .closes = true });
}

/* No more than GATHER_MAX bytes are kept, or looked at. */
static void endless_answer_ends(void **state)
{
	char *flood = malloc(3 * GATHER_MAX);

	memset(flood, 'a', 3 * GATHER_MAX);
	PLAY(WITH(.expect = "b"), CHECK_L7RSP, NULL, { .says = flood, .len = 3 * GATHER_MAX });
	flood[GATHER_MAX - 1] = 'b';
	PLAY(WITH(.expect = "b"), CHECK_L7OK, NULL, { .says = flood, .len = 3 * GATHER_MAX });
	flood[GATHER_MAX - 1] = 'a';
	flood[GATHER_MAX] = 'b';
	PLAY(WITH(.expect = "b"), CHECK_L7RSP, NULL, { .says = flood, .len = 3 * GATHER_MAX });
	free(flood);
}

/* Exponential on this text: the search is given up instead. */
static void malicious_text_does_not_keep_a_regular_expression_busy(void **state)
{
	char text[200];

	memset(text, 'a', sizeof(text));
	PLAY(WITH(.expect_regex = "^(a+)+$(?<=b)"), CHECK_L7RSP, NULL,
	     { .says = text, .len = sizeof(text), .closes = true });
}

static void whole_answer_is_searched_once_it_has_ended(void **state)
{
	struct expect e = { 0 };
	struct gather g = { 0 };
	int i;

	assert_int_equal(expect_init(&e, NULL, NULL, "^a+b$"), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(gather(&g, &e, (const uint8_t *)"a", 1, false), GATHER_MORE);
	assert_true(g.searches < 100);
	assert_int_equal(gather(&g, &e, (const uint8_t *)"b", 1, false), GATHER_MORE);
	assert_int_equal(gather(&g, &e, NULL, 0, true), GATHER_FOUND);
	gather_free(&g);
	expect_release(&e);
}

static void hex_is_decoded(void **state)
{
	uint8_t out[8], mask[8];

	assert_int_equal(hex_decode("de AD  0f ..", out, mask), 4);
	assert_memory_equal(out, "\xde\xad\x0f\x00", 4);
	assert_memory_equal(mask, "\xff\xff\xff\x00", 4);
	assert_int_equal(hex_decode(" ", out, mask), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_alone_is_enough),
		cmocka_unit_test(answer_with_the_text_is_good),
		cmocka_unit_test(answer_without_the_text_is_bad),
		cmocka_unit_test(bytes_may_be_hexadecimal),
		cmocka_unit_test(answer_may_match_a_regular_expression),
		cmocka_unit_test(endless_answer_ends),
		cmocka_unit_test(malicious_text_does_not_keep_a_regular_expression_busy),
		cmocka_unit_test(whole_answer_is_searched_once_it_has_ended),
		cmocka_unit_test(hex_is_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
