// SPDX-License-Identifier: BSD-2-Clause
/* src/check: datagrams: dns with golden and hostile answers, udp, ping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "check/dns.h"
#include "lib/csum.h"
#include "talk.h"

#define BYTES(s) .says = s, .len = sizeof(s) - 1
#define UDP(check, result, detail, ...)                                                            \
	assert_play(&(struct conf_check){ .type = CONF_CHECK_UDP, .send = "hello", check },        \
		    (struct scene[]){ __VA_ARGS__ }, result, detail)
#define DNS(check, result, detail, answer)                                                         \
	assert_play(                                                                               \
		&(struct conf_check){ .type = CONF_CHECK_DNS, .dns_name = "www.example", check },  \
		(struct scene[]){ { .wants = "\3www\7example", BYTES(answer), .closes = true } },  \
		result, detail)
#define WITH(...) __VA_ARGS__

/* id 0, an answer without error, one question, n records */
#define HEAD(flags, n)	 "\0\0" flags "\0\1\0" n "\0\0\0\0"
#define QUESTION(type)	 "\3www\7example\0\0" type "\0\1"
#define RR(type, length) "\xc0\x0c\0" type "\0\1\0\0\0\x3c\0" length
#define GOOD		 "\x81\x80"
#define A		 WITH(.record = 1)

/* ---- Queries ---- */

static void query_is_as_in_the_rfc(void **state)
{
	static const char golden[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				     "\x03www\x07"
				     "example\x00\x00\x1c\x00\x01";
	uint8_t out[DNS_QUERY_MAX];
	struct dns_question q;

	assert_int_equal(dns_question(&q, 0x1234, "www.example", 28), 0);
	assert_int_equal(dns_query(&q, out), sizeof(golden) - 1);
	assert_memory_equal(out, golden, sizeof(golden) - 1);
	assert_int_equal(dns_question(&q, 0, "www.example.", 28), 0);
	assert_int_equal(q.len, 17);
	assert_int_equal(dns_question(&q, 0, ".", 6), 0);
	assert_int_equal(q.len, 5);
}

static void names_that_are_none_are_refused(void **state)
{
	char label[65], name[300] = "";
	struct dns_question q;
	int i;

	memset(label, 'a', 64);
	label[64] = '\0';
	assert_int_equal(dns_question(&q, 0, label, 1), -EINVAL);
	label[63] = '\0';
	assert_int_equal(dns_question(&q, 0, label, 1), 0);
	assert_int_equal(dns_question(&q, 0, "a..b", 1), -EINVAL);
	assert_int_equal(dns_question(&q, 0, ".a", 1), -EINVAL);
	for (i = 0; i < 126; i++)
		strcat(name, "a.");
	strcat(name, "a"); /* 253 characters: the longest */
	assert_int_equal(dns_question(&q, 0, name, 1), 0);
	assert_int_equal(q.len, 255 + 4);
	strcat(name, "a");
	assert_int_equal(dns_question(&q, 0, name, 1), -EINVAL);
}

/* ---- Answers ---- */

static void record_that_is_wanted_is_found(void **state)
{
	DNS(A, CHECK_L7OK, "\"192.0.2.1\"",
	    HEAD(GOOD, "\1") QUESTION("\1") RR("\1", "\4") "\xc0\0\2\1");
	DNS(WITH(.record = 1, .answer = "192.0.2.2"), CHECK_L7OK, "\"192.0.2.1\" and more",
	    HEAD(GOOD, "\2") QUESTION("\1")
		    RR("\1", "\4") "\xc0\0\2\1" RR("\1", "\4") "\xc0\0\2\2");
	DNS(WITH(.record = 1, .answer = "192.0.2.3"), CHECK_L7RSP,
	    "expected \"192.0.2.3\", got \"192.0.2.1\"",
	    HEAD(GOOD, "\1") QUESTION("\1") RR("\1", "\4") "\xc0\0\2\1");
	DNS(WITH(.record = 28, .answer = "2001:db8::1"), CHECK_L7OK, NULL,
	    HEAD(GOOD, "\1") QUESTION("\x1c")
		    RR("\x1c", "\x10") "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	DNS(WITH(.record = 15, .answer = "10 MAIL.www.example."), CHECK_L7OK,
	    "\"10 mail.www.example\"",
	    HEAD(GOOD, "\1") QUESTION("\x0f") RR("\x0f", "\x09") "\0\x0a\4mail\xc0\x0c");
	DNS(WITH(.record = 16, .answer = "v=1 all"), CHECK_L7OK, "\"v=1 all\"",
	    HEAD(GOOD, "\1") QUESTION("\x10") RR("\x10", "\x09") "\3v=1\4 all");
	DNS(WITH(.record = 33, .answer = "1 2 443 www.example"), CHECK_L7OK, NULL,
	    HEAD(GOOD, "\1") QUESTION("\x21") RR("\x21", "\x08") "\0\1\0\2\1\xbb\xc0\x0c");
	/* an alias goes before, and the case of names is the server's choice */
	DNS(A, CHECK_L7OK, "\"192.0.2.1\"",
	    HEAD(GOOD, "\2") "\3WWW\7eXample\0\0\1\0\1" RR("\5", "\4") "\1b\xc0\x10" RR(
		    "\1", "\4") "\xc0\0\2\1");
}

static void code_is_judged(void **state)
{
	DNS(A, CHECK_L7STS, "nxdomain, expected noerror", HEAD("\x81\x83", "\0") QUESTION("\1"));
	DNS(WITH(.record = 1, .rcode = 3), CHECK_L7OK, "nxdomain",
	    HEAD("\x81\x83", "\0") QUESTION("\1"));
	DNS(A, CHECK_L7STS, "code 15, expected noerror", HEAD("\x81\x8f", "\0") QUESTION("\1"));
	DNS(A, CHECK_L7RSP, "noerror, but no such record", HEAD(GOOD, "\0") QUESTION("\1"));
	/* FORMERR need not repeat the question */
	DNS(A, CHECK_L7STS, "formerr, expected noerror", "\0\0\x81\x81\0\0\0\0\0\0\0\0");
}

static void answers_to_somebody_else_are_passed_over(void **state)
{
	DNS(A, CHECK_L7TOUT, NULL, "\0\1" GOOD "\0\1\0\0\0\0\0\0" QUESTION("\1")); /* id */
	DNS(A, CHECK_L7TOUT, NULL, HEAD("\1\0", "\0") QUESTION("\1"));		   /* a query */
	DNS(A, CHECK_L7TOUT, NULL, HEAD(GOOD, "\0") QUESTION("\x1c"));		   /* type */
	DNS(A, CHECK_L7TOUT, NULL, HEAD(GOOD, "\0") "\3wwx\7example\0\0\1\0\1");
	DNS(A, CHECK_L7TOUT, NULL, "\0\0\x81");
	DNS(A, CHECK_L7TOUT, NULL, HEAD(GOOD, "\1") "\3www");
}

static void malformed_answers_are_bad(void **state)
{
	const char *bad = "a malformed answer";

	DNS(A, CHECK_L7RSP, bad, HEAD(GOOD, "\1") QUESTION("\1"));
	DNS(A, CHECK_L7RSP, bad, HEAD(GOOD, "\1") QUESTION("\1") "\xc0");
	DNS(A, CHECK_L7RSP, bad, HEAD(GOOD, "\1") QUESTION("\1") "\xc0\x0c\0\1\0\1\0\0\0\0\0");
	DNS(A, CHECK_L7RSP, bad, HEAD(GOOD, "\1") QUESTION("\1") RR("\1", "\5") "\xc0\0\2\1");
	DNS(A, CHECK_L7RSP, bad, HEAD(GOOD, "\1") QUESTION("\1") RR("\1", "\3") "\xc0\0\2");
	DNS(WITH(.record = 2), CHECK_L7RSP, bad,
	    HEAD(GOOD, "\1") QUESTION("\2") RR("\2", "\2") "\xc0\x29"); /* points at itself */
	DNS(WITH(.record = 2), CHECK_L7RSP, bad,
	    HEAD(GOOD, "\1") QUESTION("\2") RR("\2", "\2") "\xff\xff");
	DNS(WITH(.record = 2), CHECK_L7RSP, bad,
	    HEAD(GOOD, "\1") QUESTION("\2") RR("\2", "\2") "\x3f"
							   "a");
	DNS(WITH(.record = 16), CHECK_L7RSP, bad,
	    HEAD(GOOD, "\1") QUESTION("\x10") RR("\x10", "\3") "\x04txt");
	DNS(WITH(.record = 15), CHECK_L7RSP, bad,
	    HEAD(GOOD, "\1") QUESTION("\x0f") RR("\x0f", "\1") "\0");
	/* cut off on purpose (TC): what came holds */
	DNS(A, CHECK_L7OK, "\"192.0.2.1\"",
	    HEAD("\x83\x80", "\2") QUESTION("\1") RR("\1", "\4") "\xc0\0\2\1\xc0");
}

static void what_is_shown_of_an_answer_is_printable(void **state)
{
	DNS(WITH(.record = 16, .answer = "x"), CHECK_L7RSP, "expected \"x\", got \"?[31m\"",
	    HEAD(GOOD, "\1") QUESTION("\x10") RR("\x10", "\6") "\5\x1b[31m");
}

/* ---- udp and ping ---- */

static void datagram_is_answered(void **state)
{
	UDP(.reply = true, CHECK_L7OK, "2 bytes came", { .wants = "hello", .says = "hi" });
	UDP(WITH(.reply = true, .expect = "hi"), CHECK_L7OK, NULL,
	    { .wants = "hello", .says = "hi" });
	UDP(WITH(.reply = true, .expect = "hi"), CHECK_L7RSP, "expected \"hi\", got \"ho\"",
	    { .wants = "hello", .says = "ho" });
	UDP(WITH(.reply = true, .expect_hex = "00 .. 02"), CHECK_L7OK, NULL,
	    { .wants = "hello", BYTES("\0\1\2") });
	UDP(.reply = true, CHECK_L7TOUT, NULL, { .wants = "hello", .closes = true });
	UDP(.reply = false, CHECK_L4OK, "not refused", { .wants = "hello", .closes = true });
}

static struct talk *ping(const char *to, struct plan **ret_plan, struct addr *address)
{
	struct plan *plan = plan_new(&(struct conf_check){ .type = CONF_CHECK_PING }, "", NULL);
	struct talk *t = calloc(1, sizeof(*t));

	addr_parse(to, address);
	t->plan = *ret_plan = plan;
	t->address = address;
	t->nonce = 0x12345678;
	assert_int_equal(plan->type->begin(t), TALK_SAY);
	assert_int_equal(t->out_len, 40);
	return t;
}

static void echo_is_recognized(void **state)
{
	uint8_t answer[20 + 40] = { 0x45 };
	struct plan *plan;
	struct addr a;
	struct talk *t = ping("192.0.2.1", &plan, &a);

	assert_int_equal(csum_fold(csum_add(0, t->out, t->out_len)), 0);
	assert_int_equal(((const uint8_t *)t->out)[0], 8);
	memcpy(answer + 20, t->out, 40);
	assert_int_equal(plan->type->hear(t, answer, 60, false), TALK_LISTEN); /* our request */
	answer[20] = 0;
	answer[59] ^= 1; /* another's payload */
	assert_int_equal(plan->type->hear(t, answer, 60, false), TALK_LISTEN);
	answer[59] ^= 1;
	assert_int_equal(plan->type->hear(t, answer, 59, false), TALK_LISTEN);
	answer[0] = 0x4f; /* a header that leaves no room */
	assert_int_equal(plan->type->hear(t, answer, 60, false), TALK_LISTEN);
	answer[0] = 0x45;
	assert_int_equal(plan->type->hear(t, answer, 60, false), TALK_OVER);
	assert_int_equal(t->result, CHECK_L4OK);
	talk_free(t);
	plan_free(plan);

	t = ping("2001:db8::1", &plan, &a);
	assert_int_equal(((const uint8_t *)t->out)[0], 128);
	memcpy(answer, t->out, 40);
	assert_int_equal(plan->type->hear(t, answer, 40, false), TALK_LISTEN);
	answer[0] = 129;
	assert_int_equal(plan->type->hear(t, answer, 40, false), TALK_OVER);
	talk_free(t);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_is_as_in_the_rfc),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(record_that_is_wanted_is_found),
		cmocka_unit_test(code_is_judged),
		cmocka_unit_test(answers_to_somebody_else_are_passed_over),
		cmocka_unit_test(malformed_answers_are_bad),
		cmocka_unit_test(what_is_shown_of_an_answer_is_printable),
		cmocka_unit_test(datagram_is_answered),
		cmocka_unit_test(echo_is_recognized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
