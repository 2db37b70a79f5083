// SPDX-License-Identifier: BSD-2-Clause
/* src/check: rise and fall and the schedule as arithmetic; attempts with real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/check.h"
#include "check/conn.h"
#include "check/health.h"
#include "check/probe.h"
#include "check/schedule.h"

#define PATIENCE SEC(20)

/* ---- Rise and fall ---- */

/* Feeds 'g'ood and 'b'ad results with rise 2, fall 3; the verdicts after each as 'u' and 'd'. */
static void assert_verdicts(const char *results, const char *verdicts)
{
	struct health h = { 0 };
	char got[32] = "";
	size_t i;

	for (i = 0; results[i]; i++) {
		bool before = h.up, first = !h.checked;
		bool changed = health_judge(&h, results[i] == 'g', 2, 3);

		assert_int_equal(changed, first || before != h.up);
		got[i] = h.up ? 'u' : 'd';
	}
	assert_string_equal(got, verdicts);
}

static void first_result_is_the_verdict(void **state)
{
	assert_verdicts("g", "u");
	assert_verdicts("b", "d");
}

static void verdict_turns_after_rise_or_fall_in_a_row(void **state)
{
	assert_verdicts("gbbb", "uuud");
	assert_verdicts("gbbgbbg", "uuuuuuu");
	assert_verdicts("gbbgbbb", "uuuuuud");
	assert_verdicts("bgg", "ddu");
	assert_verdicts("bgbgbgg", "ddddddu");
	assert_verdicts("gbbbbgg", "uuudddu");
}

/* Whatever came before, `rise` good results end in up and `fall` bad ones in down. */
static void enough_of_one_kind_always_decides(void **state)
{
	unsigned history, bit;

	for (history = 0; history < 1 << 10; history++) {
		struct health h = { 0 };

		for (bit = 0; bit < 10; bit++)
			health_judge(&h, history >> bit & 1, 2, 3);
		struct health other = h;

		health_judge(&h, true, 2, 3);
		health_judge(&h, true, 2, 3);
		assert_true(h.up);
		health_judge(&other, false, 2, 3);
		health_judge(&other, false, 2, 3);
		health_judge(&other, false, 2, 3);
		assert_false(other.up);
	}
}

static void what_is_presumed_takes_fall_or_rise_to_change(void **state)
{
	struct health h;

	health_presume(&h, true);
	assert_true(h.up && h.checked);
	assert_false(health_judge(&h, false, 2, 3));
	assert_false(health_judge(&h, false, 2, 3));
	assert_true(health_judge(&h, false, 2, 3));
	assert_false(h.up);
	health_presume(&h, false);
	assert_false(health_judge(&h, true, 2, 3));
	assert_true(health_judge(&h, true, 2, 3));
}

static void pace_is_that_of_the_last_results(void **state)
{
	struct health h = { 0 };

	assert_int_equal(health_pace(&h), PACE_DOWN); /* never checked */
	health_judge(&h, true, 2, 3);
	assert_int_equal(health_pace(&h), PACE_UP);
	health_judge(&h, false, 2, 3);
	assert_int_equal(health_pace(&h), PACE_CHANGING);
	health_judge(&h, true, 2, 3);
	assert_int_equal(health_pace(&h), PACE_UP);
	health_judge(&h, false, 2, 3);
	health_judge(&h, false, 2, 3);
	assert_int_equal(health_pace(&h), PACE_CHANGING);
	health_judge(&h, false, 2, 3);
	assert_int_equal(health_pace(&h), PACE_DOWN);
	health_judge(&h, true, 2, 3);
	assert_int_equal(health_pace(&h), PACE_CHANGING);
	health_judge(&h, true, 2, 3);
	assert_int_equal(health_pace(&h), PACE_UP);
}

/* ---- The schedule ---- */

/* Starts all it may at each step of the clock; returns how many in ten seconds. */
static unsigned starts(uint32_t per_second, usec_t step)
{
	struct rate r = { 0 };
	unsigned n = 0, burst;
	usec_t now;

	for (now = SEC(1000); usec_before(now, SEC(1010)); now = usec_add(now, step))
		for (burst = 0; rate_take(&r, now, per_second); burst++, n++)
			assert_true(burst <= per_second / 100 + 1);
	return n;
}

static void rate_is_kept(void **state)
{
	struct rate r = { 0 };

	assert_in_range(starts(1000, MSEC(1)), 9990, 10011);
	assert_in_range(starts(1000, USEC(100)), 9990, 10011);
	assert_in_range(starts(1, MSEC(1)), 10, 11);
	assert_in_range(starts(100000, MSEC(1)), 999000, 1001100);
	/* a loop that was held up for long does not make up for it */
	assert_true(starts(1000, SEC(1)) <= 10 * 11);
	assert_true(rate_take(&r, SEC(1), 0));
	assert_true(rate_take(&r, SEC(1), 0));
}

static void first_checks_are_spread_and_none_waits_long(void **state)
{
	assert_int_equal(schedule_first(SEC(100), SEC(60), 0, 1).us, SEC(100).us);
	assert_int_equal(schedule_first(SEC(100), SEC(60), 5000, 10000).us, MSEC(100500).us);
	assert_true(schedule_first(SEC(100), SEC(60), 9999, 10000).us < SEC(101).us);
	assert_int_equal(schedule_first(SEC(100), MSEC(200), 1000, 2000).us, MSEC(100100).us);
	assert_int_equal(schedule_first(SEC(100), SEC(60), 29, 30).us, MSEC(100029).us);
}

static void checks_keep_their_pace_give_or_take_a_sixteenth(void **state)
{
	usec_t due = SEC(100);
	uint32_t random = 1;
	int i;

	for (i = 0; i < 10000; i++) {
		usec_t next;

		random = random * 1664525 + 1013904223;
		next = schedule_next(due, due, SEC(1), random);
		assert_in_range(next.us - due.us, 1000000 - 62500, 1000000 + 62500);
		due = next;
	}
	/* no drift: the jitter evens out */
	assert_in_range(due.us, SEC(100 + 9950).us, SEC(100 + 10050).us);
}

static void missed_checks_are_not_made_up_for(void **state)
{
	usec_t next = schedule_next(SEC(100), SEC(107), SEC(1), 0);

	assert_int_equal(next.us, SEC(107).us);
	next = schedule_next(next, SEC(107), SEC(1), 0);
	assert_true(next.us > SEC(107).us);
}

/* ---- Errors ---- */

static void own_trouble_is_no_verdict(void **state)
{
	static const int ours[] = { EMFILE,	   ENFILE,   ENOMEM, ENOBUFS,
				    EADDRNOTAVAIL, ENETDOWN, EPERM,  EAGAIN };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		assert_int_equal(conn_judge_error(ours[i], true), CHECK_LOCAL);
		assert_int_equal(conn_judge_error(ours[i], false), CHECK_LOCAL);
	}
	assert_int_equal(conn_judge_error(EHOSTUNREACH, true), CHECK_LOCAL);
	assert_int_equal(conn_judge_error(EHOSTUNREACH, false), CHECK_L4CON);
	assert_int_equal(conn_judge_error(ECONNREFUSED, true), CHECK_L4CON);
	assert_int_equal(conn_judge_error(ECONNREFUSED, false), CHECK_L4CON);
	assert_int_equal(conn_judge_error(ETIMEDOUT, false), CHECK_L4TOUT);
}

/* ---- Sets, with real sockets ---- */

struct lab {
	struct loop *loop;
	struct check_set *set;
	struct str told; /* "[service/server up]" */
	bool link_down;
	struct loop_timer poll;
	bool (*until)(struct lab *lab);
	usec_t deadline;
	bool arrived;
	struct conf conf;
	struct conf_service services[2];
	struct conf_server servers[2];
	struct conf_check checks[2];
	const char *want;
	uint64_t want_attempts;
	struct check_status last; /* of the last one shown */
	unsigned decided_by; /* how many results in a row made the verdict that was told last */
	char detail[CHECK_DETAIL_LEN];
};

static void keep_run(void *ctx, const struct check_status *st)
{
	((struct lab *)ctx)->decided_by = st->run;
}

static void on_verdict(void *ctx, const char *service, const char *server,
		       enum check_verdict verdict)
{
	static const char *const words[] = { "unknown", "down", "up" };
	struct lab *lab = ctx;

	str_addf(&lab->told, "[%s/%s %s]", service, server, words[verdict]);
	check_set_each(lab->set, NULL, keep_run, lab);
}

static bool path_up(void *ctx, const struct addr *to, usec_t since)
{
	assert_false(usec_before(loop_now(), since));
	return !((struct lab *)ctx)->link_down;
}

static const struct check_ops ops = { .verdict = on_verdict, .path_up = path_up };

static void keep_last(void *ctx, const struct check_status *st)
{
	struct lab *lab = ctx;

	lab->last = *st;
	snprintf(lab->detail, sizeof(lab->detail), "%s", st->detail);
}

static void on_poll(struct loop_timer *t, usec_t now)
{
	struct lab *lab = container_of(t, struct lab, poll);

	check_set_each(lab->set, NULL, keep_last, lab);
	lab->arrived = lab->until(lab);
	if (lab->arrived || usec_before(lab->deadline, now))
		loop_stop(lab->loop);
	else
		loop_timer_in(t, MSEC(2));
}

static bool wait_until(struct lab *lab, bool (*until)(struct lab *lab))
{
	lab->until = until;
	lab->deadline = usec_add(loop_now(), PATIENCE);
	loop_timer_in(&lab->poll, USEC(0));
	loop_run(lab->loop);
	return lab->arrived;
}

static bool was_told(struct lab *lab)
{
	return strstr(str_text(&lab->told), lab->want);
}

static void expect_told(struct lab *lab, const char *what)
{
	lab->want = what;
	if (!wait_until(lab, was_told))
		fail_msg("not told: %s\nbut: %s", what, str_text(&lab->told));
}

static bool had_attempts(struct lab *lab)
{
	return lab->last.attempts >= lab->want_attempts;
}

static void wait_for_attempts(struct lab *lab, uint64_t more)
{
	check_set_each(lab->set, NULL, keep_last, lab);
	lab->want_attempts = lab->last.attempts + more;
	assert_true(wait_until(lab, had_attempts));
}

/* One service with one server and one quick check; a test changes what it needs. */
static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	int i;

	lab->loop = loop_new();
	loop_timer_init(&lab->poll, lab->loop, LOOP_NORMAL, on_poll);
	for (i = 0; i < 2; i++) {
		lab->checks[i] = (struct conf_check){ .name = "check",
						      .type = CONF_CHECK_TCP,
						      .interval = MSEC(20),
						      .timeout = MSEC(500),
						      .rise = 2,
						      .fall = 3 };
		lab->servers[i].name = i ? "b" : "a";
		lab->services[i] = (struct conf_service){ .name = i ? "mail" : "www",
							  .servers = lab->servers,
							  .n_servers = 1,
							  .checks = lab->checks,
							  .n_checks = 1 };
		addr_parse("127.0.0.1", &lab->servers[i].address);
	}
	lab->conf.services = lab->services;
	lab->conf.n_services = 1;
	assert_int_equal(check_set_new(lab->loop, &ops, lab, &lab->set), 0);
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	loop_timer_stop(&lab->poll);
	check_set_free(lab->set);
	loop_free(lab->loop);
	str_free(&lab->told);
	free(lab);
	return 0;
}

/* A socket on loopback that is bound, and so refuses, until it listens. */
static int open_server(int family, struct conf_server *ret)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	addr_parse(family == AF_INET ? "127.0.0.1" : "::1", &ret->address);
	len = addr_to_sockaddr(&ret->address, 0, 0, &at);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	len = sizeof(at);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	ret->port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
					    : ((struct sockaddr_in6 *)&at)->sin6_port);
	return fd;
}

static void server_that_refuses_and_accepts_is_down_and_up(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct lab *lab = *state;
	int i, fd;

	for (i = 0; i < 2; i++) {
		fd = open_server(families[i], &lab->servers[0]);
		check_set_reconcile(lab->set, &lab->conf);
		assert_string_equal(str_text(&lab->told), "[www/a unknown]");
		wait_for_attempts(lab, 1);
		assert_int_equal(lab->last.last, CHECK_L4CON);
		assert_string_equal(check_result_code(lab->last.last), "L4CON");
		assert_string_equal(lab->detail, "connection refused");
		assert_string_equal(str_text(&lab->told), "[www/a unknown][www/a down]");
		listen(fd, 100);
		expect_told(lab, "[www/a up]");
		assert_int_equal(lab->last.last, CHECK_L4OK);
		assert_int_equal(lab->decided_by, 2);
		close(fd);
		str_free(&lab->told);
		expect_told(lab, "[www/a down]");
		assert_int_equal(lab->decided_by, 3);
		assert_true(lab->last.failures >= 4);
		str_free(&lab->told);
	}
}

static void first_success_brings_up_at_once(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);

	listen(fd, 100);
	lab->checks[0].rise = 10;
	lab->checks[0].interval = SEC(60);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a up]");
	assert_int_equal(lab->last.attempts, 1);
	close(fd);
}

static void probes_end_by_reset(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]), peer;
	char byte;

	listen(fd, 100);
	lab->checks[0].interval = SEC(60);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a up]");
	peer = accept(fd, NULL, NULL);
	assert_true(peer >= 0);
	assert_int_equal(read(peer, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(peer);
	close(fd);
}

/* A listen queue of one that is full: the kernel drops what else comes. */
static void silence_is_a_timeout_and_never_two_attempts_at_once(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]), full[8], i;
	struct sockaddr_storage at;
	uint64_t failures;
	usec_t start;
	socklen_t len =
		addr_to_sockaddr(&lab->servers[0].address, htons(lab->servers[0].port), 0, &at);

	listen(fd, 0);
	for (i = 0; i < 8; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(full[i], (struct sockaddr *)&at, len);
	}
	lab->checks[0].interval = MSEC(10);
	lab->checks[0].timeout = MSEC(100);
	start = loop_now();
	check_set_reconcile(lab->set, &lab->conf);
	wait_for_attempts(lab, 3);
	assert_true(usec_sub(loop_now(), start).us >= MSEC(300).us);
	assert_int_equal(lab->last.last, CHECK_L4TOUT);
	assert_string_equal(lab->detail, "no answer within 100 ms");
	assert_in_range(lab->last.latency.us, MSEC(100).us, SEC(5).us);

	/* the same silence says nothing of the server while our own link is down */
	lab->link_down = true;
	failures = lab->last.failures;
	wait_for_attempts(lab, lab->last.attempts + 2);
	assert_int_equal(lab->last.last, CHECK_LOCAL);
	assert_string_equal(lab->detail, "network is down");
	assert_true(lab->last.failures <= failures + 1); /* one attempt was under way */
	for (i = 0; i < 8; i++)
		close(full[i]);
	close(fd);
}

struct attempt {
	struct conn conn;
	struct loop *loop;
	struct conn_end end;
};

static void on_end(struct conn *c, struct conn_end end)
{
	struct attempt *a = container_of(c, struct attempt, conn);

	a->end = end;
	loop_stop(a->loop);
}

/* A turn of the loop takes longer than the timeout, while the answer is there. */
static void own_lateness_is_not_the_servers(void **state)
{
	struct attempt a = { .loop = loop_new() };
	struct conf_server server = { 0 };
	int fd = open_server(AF_INET, &server);
	struct conn_target to;

	listen(fd, 100);
	conn_init(&a.conn, a.loop, on_end);
	to.plan = plan_new(&(struct conf_check){ .type = CONF_CHECK_TCP }, "", NULL);
	to.address = server.address;
	to.port = server.port;
	conn_start(&a.conn, &to, MSEC(1));
	assert_int_equal(a.end.result, CHECK_NONE); /* under way */
	usleep(5000); /* the long turn: there is nothing to wait for */
	loop_run(a.loop);
	assert_int_equal(a.end.result, CHECK_L4OK);
	close(fd);
	plan_free((struct plan *)to.plan);
	loop_free(a.loop);
}

static void own_lack_of_descriptors_counts_for_nothing(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);
	struct rlimit old, none;

	listen(fd, 100);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a up]");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	str_free(&lab->told);
	wait_for_attempts(lab, 5);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(lab->last.last, CHECK_LOCAL);
	assert_true(lab->last.up);
	assert_true(lab->last.local >= 5);
	assert_int_equal(lab->last.failures, 0);
	assert_string_equal(str_text(&lab->told), "");
	wait_for_attempts(lab, 1);
	assert_int_equal(lab->last.last, CHECK_L4OK);
	close(fd);
}

static void unchecked_type_is_up_at_once(void **state)
{
	struct lab *lab = *state;

	lab->servers[0].port = 1;
	lab->checks[0].type = CONF_CHECK_NONE;
	check_set_reconcile(lab->set, &lab->conf);
	assert_string_equal(str_text(&lab->told), "[www/a up]");
	check_set_each(lab->set, NULL, keep_last, lab);
	assert_true(lab->last.up);
	assert_int_equal(lab->last.attempts, 0);
}

static void services_with_the_same_check_share_it(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]), n = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	listen(fd, 100);
	lab->conf.n_services = 2;
	lab->checks[0].interval = SEC(60);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a up][mail/a up]");
	while (accept(fd, NULL, NULL) >= 0)
		n++;
	assert_int_equal(n, 1);
	close(fd);
}

static void server_may_need_only_one_of_its_checks(void **state)
{
	struct lab *lab = *state;
	struct conf_server second = { 0 };
	int fd = open_server(AF_INET, &lab->servers[0]), other = open_server(AF_INET, &second);

	lab->services[0].n_checks = 2;
	lab->services[0].checks_need = CONF_NEED_ANY;
	lab->checks[1].port = second.port;
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a down]");
	assert_string_equal(str_text(&lab->told), "[www/a unknown][www/a down]");
	listen(other, 100);
	expect_told(lab, "[www/a up]");
	str_free(&lab->told);
	listen(fd, 100);
	wait_for_attempts(lab, 5);
	close(other);
	wait_for_attempts(lab, 5);
	assert_string_equal(str_text(&lab->told), "");
	close(fd);
	expect_told(lab, "[www/a down]");
}

static void server_may_be_presumed_up(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);

	lab->checks[0].initial = CONF_INITIAL_UP;
	check_set_reconcile(lab->set, &lab->conf);
	assert_string_equal(str_text(&lab->told), "[www/a up]");
	expect_told(lab, "[www/a down]");
	assert_int_equal(lab->decided_by, 3);
	close(fd);
}

static void change_is_found_out_at_the_fast_interval(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);
	usec_t start;

	lab->checks[0].initial = CONF_INITIAL_UP; /* the first result speaks against it */
	lab->checks[0].interval = SEC(60);
	lab->checks[0].fast_interval = MSEC(20);
	lab->checks[0].down_interval = MSEC(50);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a down]");
	assert_int_equal(lab->decided_by, 3);
	listen(fd, 100); /* found out after down_interval, not after a minute */
	start = loop_now();
	expect_told(lab, "[www/a up]");
	assert_true(usec_before(usec_sub(loop_now(), start), SEC(20)));
	close(fd);
}

static void steadily_down_is_checked_at_the_down_interval(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);

	lab->checks[0].interval = MSEC(1);
	lab->checks[0].down_interval = SEC(60);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a down]");
	lab->want = "never";
	lab->until = was_told;
	lab->deadline = usec_add(loop_now(), MSEC(100)); /* a hundred intervals */
	loop_timer_in(&lab->poll, USEC(0));
	loop_run(lab->loop);
	check_set_each(lab->set, NULL, keep_last, lab);
	assert_int_equal(lab->last.attempts, 1);
	close(fd);
}

static void server_is_up_when_all_its_checks_are(void **state)
{
	struct lab *lab = *state;
	struct conf_server second = { 0 };
	int fd = open_server(AF_INET, &lab->servers[0]), other = open_server(AF_INET, &second);

	listen(fd, 100);
	lab->services[0].n_checks = 2;
	lab->checks[1].port = second.port;
	check_set_reconcile(lab->set, &lab->conf);
	wait_for_attempts(lab, 3);
	assert_string_equal(str_text(&lab->told), "[www/a unknown][www/a down]");
	listen(other, 100);
	expect_told(lab, "[www/a up]");
	close(fd);
	str_free(&lab->told);
	expect_told(lab, "[www/a down]");
	close(other);
}

static void reconcile_keeps_what_stays(void **state)
{
	struct lab *lab = *state;
	int fd = open_server(AF_INET, &lab->servers[0]);
	uint64_t attempts;

	listen(fd, 100);
	lab->checks[0].interval = SEC(60);
	check_set_reconcile(lab->set, &lab->conf);
	expect_told(lab, "[www/a up]");
	attempts = lab->last.attempts;
	str_free(&lab->told);

	/* the same again, under another name */
	lab->services[0].name = "web";
	check_set_reconcile(lab->set, &lab->conf);
	assert_string_equal(str_text(&lab->told), "[web/a up]");
	check_set_each(lab->set, NULL, keep_last, lab);
	assert_int_equal(lab->last.attempts, attempts);

	/* only the timing changes: the server is not taken out in between */
	str_free(&lab->told);
	lab->checks[0].interval = MSEC(30);
	check_set_reconcile(lab->set, &lab->conf);
	assert_string_equal(str_text(&lab->told), "[web/a up]");
	wait_for_attempts(lab, 2);
	assert_string_equal(str_text(&lab->told), "[web/a up]");

	/* gone: nothing is checked any more, also not what was due */
	lab->conf.n_services = 0;
	check_set_reconcile(lab->set, &lab->conf);
	close(fd);
}

/* ---- Many ---- */

enum { MANY = 2000 };

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static unsigned most_descriptors;

static void count_checked(void *ctx, const struct check_status *st)
{
	*(unsigned *)ctx += st->attempts > 0;
}

static bool all_are_checked(struct lab *lab)
{
	unsigned n = 0, fds = open_descriptors();

	if (fds > most_descriptors)
		most_descriptors = fds;
	check_set_each(lab->set, NULL, count_checked, &n);
	return n == MANY;
}

/* 192.0.2.1 to nobody, see main. */
static void want_many_dead_servers(struct lab *lab)
{
	struct conf_server *servers = calloc(MANY, sizeof(*servers));
	int i;

	for (i = 0; i < MANY; i++) {
		servers[i].name = "s";
		addr_parse("192.0.2.1", &servers[i].address);
		servers[i].port = (uint16_t)(1000 + i);
	}
	lab->services[0].servers = servers;
	lab->services[0].n_servers = MANY;
	check_set_reconcile(lab->set, &lab->conf);
	free(servers); /* the set keeps nothing of it */
}

static void dead_servers_do_not_use_up_the_descriptors(void **state)
{
	struct lab *lab = *state;
	unsigned before = open_descriptors();

	most_descriptors = 0;
	lab->checks[0].interval = SEC(60);
	lab->checks[0].timeout = MSEC(800);
	want_many_dead_servers(lab);
	assert_true(wait_until(lab, all_are_checked));
	assert_in_range(most_descriptors, before + 480, before + 520);
	assert_int_equal(open_descriptors(), before);
}

static void operator_says_how_many_are_under_way(void **state)
{
	struct lab *lab = *state;
	unsigned before = open_descriptors();
	struct rlimit limit;

	most_descriptors = 0;
	lab->conf.director.checks_at_once = 1500;
	lab->checks[0].interval = SEC(60);
	lab->checks[0].timeout = MSEC(800);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 1024;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	want_many_dead_servers(lab);
	assert_true(wait_until(lab, all_are_checked));
	assert_in_range(most_descriptors, before + 1400, before + 1510);
}

static void operator_says_how_many_are_begun_in_a_second(void **state)
{
	struct lab *lab = *state;
	usec_t start = loop_now();

	lab->conf.director.checks_per_second = 1000;
	lab->conf.director.checks_at_once = 4000;
	lab->checks[0].interval = SEC(60);
	lab->checks[0].timeout = MSEC(10);
	want_many_dead_servers(lab);
	assert_true(wait_until(lab, all_are_checked));
	assert_true(usec_sub(loop_now(), start).us >= MSEC(1900).us); /* 2000 of them */
}

static unsigned all_places;

static bool all_places_are_taken(struct lab *lab)
{
	return open_descriptors() == all_places;
}

static void checks_removed_in_the_middle_of_attempts_leave_their_places(void **state)
{
	struct lab *lab = *state;
	unsigned before = open_descriptors();
	int fd;

	lab->checks[0].interval = SEC(60);
	lab->checks[0].timeout = SEC(60);
	want_many_dead_servers(lab);
	all_places = before + 512;
	assert_true(wait_until(lab, all_places_are_taken));
	lab->services[0].servers = lab->servers;
	lab->services[0].n_servers = 1;
	fd = open_server(AF_INET, &lab->servers[0]);
	listen(fd, 100);
	check_set_reconcile(lab->set, &lab->conf);
	assert_int_equal(open_descriptors(), before + 1);
	expect_told(lab, "[www/a up]");
	close(fd);
}

#define lab_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A namespace of our own, where all of 192.0.2.0/24 is a link without anybody on it. */
static int make_namespace(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	return system("ip link set lo up && ip link add v0 type veth peer name p0 && ip link set p0 up && "
		      "ip link set v0 up && ip addr add 192.0.2.254/24 dev v0")
		       ? -EIO
		       : 0;
}

int main(void)
{
	const struct CMUnitTest anywhere[] = {
		cmocka_unit_test(first_result_is_the_verdict),
		cmocka_unit_test(verdict_turns_after_rise_or_fall_in_a_row),
		cmocka_unit_test(enough_of_one_kind_always_decides),
		cmocka_unit_test(what_is_presumed_takes_fall_or_rise_to_change),
		cmocka_unit_test(pace_is_that_of_the_last_results),
		cmocka_unit_test(rate_is_kept),
		cmocka_unit_test(first_checks_are_spread_and_none_waits_long),
		cmocka_unit_test(checks_keep_their_pace_give_or_take_a_sixteenth),
		cmocka_unit_test(missed_checks_are_not_made_up_for),
		cmocka_unit_test(own_trouble_is_no_verdict),
		lab_test(server_that_refuses_and_accepts_is_down_and_up),
		lab_test(first_success_brings_up_at_once),
		lab_test(probes_end_by_reset),
		lab_test(silence_is_a_timeout_and_never_two_attempts_at_once),
		cmocka_unit_test(own_lateness_is_not_the_servers),
		lab_test(own_lack_of_descriptors_counts_for_nothing),
		lab_test(unchecked_type_is_up_at_once),
		lab_test(services_with_the_same_check_share_it),
		lab_test(server_is_up_when_all_its_checks_are),
		lab_test(server_may_need_only_one_of_its_checks),
		lab_test(server_may_be_presumed_up),
		lab_test(change_is_found_out_at_the_fast_interval),
		lab_test(steadily_down_is_checked_at_the_down_interval),
		lab_test(reconcile_keeps_what_stays),
	};
	const struct CMUnitTest in_namespace[] = {
		lab_test(dead_servers_do_not_use_up_the_descriptors),
		lab_test(operator_says_how_many_are_under_way),
		lab_test(operator_says_how_many_are_begun_in_a_second),
		lab_test(checks_removed_in_the_middle_of_attempts_leave_their_places),
	};
	int failed = cmocka_run_group_tests(anywhere, NULL, NULL), r = make_namespace();

	if (!r)
		failed += cmocka_run_group_tests(in_namespace, NULL, NULL);
	else
		fprintf(stderr, "skipped, no network namespace of one's own: %s\n", strerror(-r));
	return failed;
}
