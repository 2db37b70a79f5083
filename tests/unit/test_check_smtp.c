// SPDX-License-Identifier: BSD-2-Clause
/* src/check: smtp, with good and hostile servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "talk.h"

#define PLAY(result, detail, ...)                                                                  \
	assert_play(&(struct conf_check){ .type = CONF_CHECK_SMTP, .helo = "lb1.example" },        \
		    (struct scene[]){ __VA_ARGS__ }, result, detail)

static void server_that_greets_and_takes_ehlo_is_good(void **state)
{
	PLAY(CHECK_L7OK, "\"220 mail.example ESMTP\"", { .says = "220 mail.example ESMTP\r\n" },
	     { .wants = "EHLO lb1.example\r\n",
	       .says = "250-mail.example\r\n250-SIZE 1\r\n250 HELP\r\n" },
	     { .wants = "QUIT\r\n", .says = "221 2.0.0 Bye\r\n" });
	PLAY(CHECK_L7OK, "\"220 x\"", { .says = "220-be\r\n220-patient\n220 x\n" },
	     { .wants = "EHLO ", .says = "250 x\n" }, { .wants = "QUIT", .closes = true });
}

static void old_server_takes_helo(void **state)
{
	PLAY(CHECK_L7OK, "\"220\"", { .says = "220\r\n" },
	     { .wants = "EHLO lb1.example\r\n", .says = "502 what?\r\n" },
	     { .wants = "HELO lb1.example\r\n", .says = "250 hello\r\n" },
	     { .wants = "QUIT\r\n", .says = "221 bye\r\n" });
	PLAY(CHECK_L7STS, "expected 250, got \"550 go away\"", { .says = "220\r\n" },
	     { .wants = "EHLO ", .says = "502 what?\r\n" },
	     { .wants = "HELO ", .says = "550 go away\r\n" });
}

static void server_that_refuses_is_bad(void **state)
{
	PLAY(CHECK_L7STS, "expected 220, got \"554 no service\"", { .says = "554 no service\r\n" });
	PLAY(CHECK_L7STS, "expected 250, got \"421 closing\"", { .says = "220 x\r\n" },
	     { .wants = "EHLO ", .says = "421 closing\r\n" });
}

static void nonsense_is_bad(void **state)
{
	PLAY(CHECK_L7RSP, "expected an SMTP reply, got \"HTTP/1.1 400 Bad Request\"",
	     { .says = "HTTP/1.1 400 Bad Request\r\n" });
	PLAY(CHECK_L7RSP, "expected an SMTP reply, got \"\"", { .says = "\n" });
	PLAY(CHECK_L7RSP, "expected an SMTP reply, got \"2200 x\"", { .says = "2200 x\r\n" });
	PLAY(CHECK_L7RSP, NULL, { .says = "220", .closes = true });
	PLAY(CHECK_L7RSP, NULL, { .says = "220 x\r\n" }, { .wants = "EHLO", .closes = true });
}

static void endless_replies_end(void **state)
{
	static char lines[40000], line[40000];
	size_t i;

	for (i = 0; i + 7 < sizeof(lines); i += 7)
		memcpy(lines + i, "220-x\r\n", 8);
	memset(line, '2', sizeof(line) - 1);
	PLAY(CHECK_L7RSP, "more than 16 KiB of replies", { .says = lines });
	PLAY(CHECK_L7RSP, "more than 16 KiB of replies", { .says = line });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_that_greets_and_takes_ehlo_is_good),
		cmocka_unit_test(old_server_takes_helo),
		cmocka_unit_test(server_that_refuses_is_bad),
		cmocka_unit_test(nonsense_is_bad),
		cmocka_unit_test(endless_replies_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
