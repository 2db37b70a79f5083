// SPDX-License-Identifier: BSD-2-Clause
/* src/check: which programs may be run, and attempts that run one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/conn.h"
#include "check/plan.h"
#include "check/process.h"

/* ---- Which may be run ---- */

/* Expects a refusal that names `what`; NULL: none. */
static void assert_refused(const char *path, const char *what)
{
	struct str why = { 0 };

	assert_int_equal(process_may_run(path, &why), what ? -EACCES : 0);
	if (what && !strstr(str_text(&why), what))
		fail_msg("not \"%s\" but: %s", what, str_text(&why));
	str_free(&why);
}

static void write_script(const char *path, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nexit 0\n");
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void only_what_nobody_else_can_change_may_be_run(void **state)
{
	char folder[] = "/run/lbd-test-XXXXXX", script[64], link[64];

	assert_refused("/bin/true", NULL);
	assert_refused("/nonexistent/script", "No such file");
	assert_refused("/usr", "is no regular file");
	assert_refused("/dev/null", "is no regular file");
	assert_refused("/etc/passwd", "is not executable");
	if (geteuid() || !mkdtemp(folder))
		skip();
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(script, sizeof(script), "%s/script", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	write_script(script, 0755);
	assert_refused(script, NULL);
	assert_int_equal(chmod(script, 0775), 0);
	assert_refused(script, "script: others can write to it");
	assert_int_equal(chmod(script, 0755), 0);
	assert_int_equal(chmod(folder, 0777 | S_ISVTX), 0);
	assert_refused(script, "others can write to it");
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chown(script, 65534, 0), 0);
	assert_refused(script, "belongs neither to root nor to lbd");
	assert_int_equal(chown(script, 0, 0), 0);
	/* a link leads out of safety */
	write_script("/tmp/lbd-test-script", 0755);
	assert_int_equal(symlink("/tmp/lbd-test-script", link), 0);
	assert_refused(link, "/tmp: others can write to it");
	unlink("/tmp/lbd-test-script");
	unlink(link);
	unlink(script);
	rmdir(folder);
}

/* ---- Running ---- */

struct attempt {
	struct loop *loop;
	struct conn_line line;
	struct conn conn;
	struct conn_target to;
	enum check_result result;
	char detail[CHECK_DETAIL_LEN];
	struct loop_timer poll;
	pid_t pid;
};

static void on_end(struct conn *c, struct conn_end end)
{
	struct attempt *a = container_of(c, struct attempt, conn);

	a->result = end.result;
	snprintf(a->detail, sizeof(a->detail), "%s", end.detail);
	loop_stop(a->loop);
}

static void begin(struct attempt *a, const char *command, usec_t timeout)
{
	const char *args[] = { "-c", command };
	const struct conf_check check = {
		.type = CONF_CHECK_SCRIPT, .script = "/bin/sh", .args = args, .n_args = 2
	};

	*a = (struct attempt){ .loop = loop_new() };
	conn_line_init(&a->line, a->loop);
	conn_init(&a->conn, a->loop, on_end);
	a->conn.line = &a->line;
	a->to.plan = plan_new(&check, "", NULL);
	assert_string_equal(a->to.plan->trouble, "");
	addr_parse("2001:db8::7", &a->to.address);
	a->to.port = 8080;
	conn_start(&a->conn, &a->to, timeout);
}

static void finish(struct attempt *a)
{
	conn_stop(&a->conn);
	conn_line_stop(&a->line);
	plan_free((struct plan *)a->to.plan);
	loop_free(a->loop);
}

static void assert_script(const char *command, enum check_result result, const char *detail)
{
	struct attempt a;

	begin(&a, command, SEC(20));
	loop_run(a.loop);
	if (a.result != result || strcmp(a.detail, detail))
		fail_msg("%s: %s %s", command, check_result_code(a.result), a.detail);
	finish(&a);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	assert_int_equal(errno, ECHILD);
}

static void exit_status_is_the_verdict(void **state)
{
	assert_script("exit 0", CHECK_PROCOK, "exit status 0");
	assert_script("exit 3", CHECK_PROCERR, "exit status 3");
	assert_script("kill -SEGV $$", CHECK_PROCERR, "ended by SIGSEGV");
}

static void script_knows_what_is_checked_and_nothing_else(void **state)
{
	assert_script("test \"$LBD_ADDRESS $LBD_PORT\" = '2001:db8::7 8080'", CHECK_PROCOK,
		      "exit status 0");
	setenv("SECRET", "x", 1);
	assert_script("test -z \"$SECRET\"", CHECK_PROCOK, "exit status 0");
	assert_int_equal(dup2(2, 77), 77); /* open, and not to be closed by exec */
	assert_script("test ! -e /proc/$$/fd/77", CHECK_PROCOK, "exit status 0");
	close(77);
	assert_script("echo noise; echo noise >&2; read x || exit 7", CHECK_PROCERR,
		      "exit status 7");
}

static void on_poll(struct loop_timer *t, usec_t)
{
	struct attempt *a = container_of(t, struct attempt, poll);

	if (list_empty(&a->line.graves.graves))
		loop_stop(a->loop);
	else
		loop_timer_in(t, MSEC(2));
}

static bool group_lives(pid_t group)
{
	return !kill(-group, 0);
}

/* Those whose parent is gone, too, are init's to bury. */
static void wait_for_group(pid_t group)
{
	int i;

	for (i = 0; group_lives(group); i++) {
		assert_true(i < 20000);
		usleep(1000);
	}
}

/* It ignores SIGTERM and has a child in the background: both go, at the deadline. */
static void endless_script_is_killed_with_its_children(void **state)
{
	struct attempt a;
	pid_t pid;

	begin(&a, "trap '' TERM; sleep 1000 & sleep 1000; sleep 1000", MSEC(300));
	pid = a.conn.pid;
	assert_true(pid > 0 && group_lives(pid));
	loop_run(a.loop);
	assert_int_equal(a.result, CHECK_PROCTOUT);
	assert_string_equal(a.detail, "had not ended within 300 ms");
	loop_timer_init(&a.poll, a.loop, LOOP_NORMAL, on_poll);
	loop_timer_in(&a.poll, USEC(0));
	loop_run(a.loop);
	wait_for_group(pid);
	finish(&a);
}

static void children_left_behind_end_with_it(void **state)
{
	struct attempt a;
	pid_t pid;

	begin(&a, "sleep 1000 & exit 0", SEC(20));
	pid = a.conn.pid;
	loop_run(a.loop);
	assert_int_equal(a.result, CHECK_PROCOK);
	wait_for_group(pid);
	finish(&a);
}

static void attempt_that_is_stopped_kills_its_script(void **state)
{
	struct attempt a;
	pid_t pid;

	begin(&a, "sleep 1000", SEC(20));
	pid = a.conn.pid;
	conn_stop(&a.conn);
	assert_int_equal(a.result, CHECK_NONE);
	loop_timer_init(&a.poll, a.loop, LOOP_NORMAL, on_poll);
	loop_timer_in(&a.poll, USEC(0));
	loop_run(a.loop);
	wait_for_group(pid);
	finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_nobody_else_can_change_may_be_run),
		cmocka_unit_test(exit_status_is_the_verdict),
		cmocka_unit_test(script_knows_what_is_checked_and_nothing_else),
		cmocka_unit_test(endless_script_is_killed_with_its_children),
		cmocka_unit_test(children_left_behind_end_with_it),
		cmocka_unit_test(attempt_that_is_stopped_kills_its_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
