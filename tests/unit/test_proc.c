// SPDX-License-Identifier: BSD-2-Clause
/* src/lib/proc: real children under a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/list.h"
#include "lib/proc.h"

struct run {
	struct loop *loop;
	struct proc_end end;
	unsigned ended;
	char folder[64], file[128];
};

static void on_ended(void *ctx, const struct proc_end *end)
{
	struct run *r = ctx;

	r->end = *end;
	r->ended++;
	loop_stop(r->loop);
}

static int setup(void **state)
{
	struct run *r = calloc(1, sizeof(*r));

	r->loop = loop_new();
	snprintf(r->folder, sizeof(r->folder), "/tmp/lbd-proc-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	assert_int_equal(chmod(r->folder, 0777), 0);
	snprintf(r->file, sizeof(r->file), "%s/out", r->folder);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct run *r = *state;

	unlink(r->file);
	rmdir(r->folder);
	loop_free(r->loop);
	free(r);
	return 0;
}

static int start(struct run *r, const char *const *argv, usec_t timeout,
		 const struct proc_user *user, struct proc **ret)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "COLOUR=green", NULL };
	struct proc_job job = {
		.loop = r->loop,
		.argv = argv,
		.env = env,
		.user = user,
		.timeout = timeout,
		.ended = on_ended,
		.ctx = r,
	};

	return proc_start(&job, ret);
}

/* Runs `sh -c script`, the file being $0, to its end. */
static void run(struct run *r, const char *script, usec_t timeout, const struct proc_user *user)
{
	const char *argv[] = { "/bin/sh", "-c", script, r->file, NULL };
	struct proc *p;

	assert_int_equal(start(r, argv, timeout, user, &p), 0);
	loop_run(r->loop);
	assert_int_equal(r->ended, 1);
}

static const char *written(struct run *r, char buf[256])
{
	FILE *f = fopen(r->file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, 255, f);
	fclose(f);
	buf[n] = '\0';
	return buf;
}

static void the_exit_status_is_told(void **state)
{
	struct run *r = *state;
	char text[64];

	run(r, "exit 7", SEC(60), NULL);
	assert_int_equal(r->end.status, 7);
	assert_false(r->end.timed_out || r->end.signal);
	assert_string_equal(proc_end_text(&r->end, SEC(60), text, sizeof(text)), "exit status 7");
}

static void a_signal_is_told(void **state)
{
	struct run *r = *state;

	run(r, "kill -9 $$", SEC(60), NULL);
	assert_int_equal(r->end.signal, SIGKILL);
}

/* Signals that we ignore or block are the child's again; nothing of our environment, no
 * descriptor, no terminal is. */
static void a_child_starts_clean(void **state)
{
	struct run *r = *state;
	sigset_t usr1;
	char buf[256];
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	setenv("SECRET", "x", 1);
	assert_int_equal(dup2(fds[0], 77), 77); /* stays open in whom we execute */
	run(r,
	    "{ echo ${SECRET-none} $COLOUR; pwd; [ -e /proc/$$/fd/77 ] && echo 77;"
	    "  readlink /proc/$$/fd/0; while read -r name mask; do case $name in"
	    "  SigBlk:|SigIgn:) echo $((0x$mask & 0x7fffffff));; esac; done </proc/$$/status; } >$0",
	    SEC(60), NULL);
	assert_string_equal(written(r, buf), "none green\n/\n/dev/null\n0\n0\n");
	close(77);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	close(fds[0]);
	close(fds[1]);
}

/* The grandchild, too, and both of them although the child does not mind SIGTERM. */
static void who_takes_too_long_ends_with_its_group(void **state)
{
	struct run *r = *state;
	char buf[256];
	int i, left;

	run(r, "trap '' TERM; sh -c 'trap \"\" TERM; sleep 300' & echo $! >$0; wait", MSEC(200),
	    NULL);
	assert_true(r->end.timed_out);
	assert_int_equal(r->end.signal, SIGKILL);
	left = atoi(written(r, buf));
	assert_true(left > 1);
	/* SIGKILL is on its way to it. */
	for (i = 0; i < 1000 && !kill(left, 0); i++)
		usleep(10000);
	assert_int_equal(kill(left, 0), -1);
}

static void a_polite_one_may_clean_up(void **state)
{
	struct run *r = *state;
	char buf[256];

	run(r, "trap 'echo bye >$0; exit 3' TERM; while :; do sleep 0.01; done", MSEC(300), NULL);
	assert_true(r->end.timed_out);
	assert_int_equal(r->end.status, 3);
	assert_string_equal(written(r, buf), "bye\n");
}

static void another_user_has_no_privileges(void **state)
{
	struct run *r = *state;
	struct proc_user nobody;
	char buf[256];

	if (geteuid())
		skip();
	assert_int_equal(proc_user_find("nobody", &nobody), 0);
	run(r, "{ id -u; id -G; grep CapEff /proc/$$/status | cut -f2; } >$0", SEC(60), &nobody);
	assert_string_equal(written(r, buf), "65534\n65534\n0000000000000000\n");
	assert_int_equal(geteuid(), 0);
}

static void what_cannot_be_run_is_told(void **state)
{
	const char *const none[] = { "/nonexistent/program", NULL };
	const char *const folder[] = { "/tmp", NULL };
	struct proc_user user;
	struct run *r = *state;
	struct proc *p;

	assert_int_equal(start(r, none, SEC(1), NULL, &p), -ENOENT);
	assert_int_equal(start(r, folder, SEC(1), NULL, &p), -EACCES);
	assert_int_equal(proc_user_find("no-such-user-here", &user), -ENOENT);
	assert_int_equal(r->ended, 0);
}

static void who_is_abandoned_ends(void **state)
{
	const char *argv[] = { "/bin/sleep", "300", NULL };
	struct run *r = *state;
	struct proc *p;

	assert_int_equal(start(r, argv, SEC(600), NULL, &p), 0);
	proc_abandon(p);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(r->ended, 0);
	proc_abandon(NULL);
}

static void one_can_be_waited_for(void **state)
{
	const char *quick[] = { "/bin/sh", "-c", "exit 5", NULL };
	const char *slow[] = { "/bin/sleep", "300", NULL };
	struct run *r = *state;
	struct proc_end end;
	struct proc *p;

	assert_int_equal(start(r, quick, SEC(600), NULL, &p), 0);
	proc_wait(p, usec_add(loop_now(), SEC(60)), &end);
	assert_int_equal(end.status, 5);
	assert_false(end.timed_out);
	assert_int_equal(start(r, slow, SEC(600), NULL, &p), 0);
	proc_wait(p, usec_add(loop_now(), MSEC(10)), &end);
	assert_true(end.timed_out);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(r->ended, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_exit_status_is_told),	  TEST(a_signal_is_told),
		TEST(a_child_starts_clean),	  TEST(who_takes_too_long_ends_with_its_group),
		TEST(a_polite_one_may_clean_up),  TEST(another_user_has_no_privileges),
		TEST(what_cannot_be_run_is_told), TEST(who_is_abandoned_ends),
		TEST(one_can_be_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
