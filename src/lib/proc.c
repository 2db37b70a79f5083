// SPDX-License-Identifier: BSD-2-Clause
/* Child processes.
 *
 * A copy of a daemon with large tables is slow to make, and posix_spawn(3) cannot change the user.
 * So this does what posix_spawn does inside: the child borrows our memory, and we stand still,
 * until it runs the program.  What the child does before are system calls and no more: functions of
 * the library may take locks, and its setuid() would tell our other threads.
 *
 * The end of a child is told by a descriptor of it (pidfd), so that SIGCHLD is nobody's business.
 */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/list.h"

#define STACK	    ((size_t)64 << 10)
#define GRACE	    SEC(1) /* between SIGTERM and SIGKILL */
#define REAP_MILLIS 20	   /* how long a child may take to die of SIGKILL */

struct proc {
	pid_t pid;
	int pidfd;
	bool timed_out;
	struct loop_io io;
	struct loop_timer deadline;
	void (*ended)(void *ctx, const struct proc_end *end);
	void *ctx;
};

/* What the child needs, in memory that it shares with us. */
struct birth {
	const struct proc_job *job;
	int error;
};

static void default_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	int n;

	for (n = 1; n < NSIG; n++)
		sigaction(n, &sa, NULL); /* of SIGKILL and SIGSTOP it is refused */
}

static int become(const struct proc_user *user)
{
	if (syscall(SYS_setgroups, 1, &user->gid) ||
	    syscall(SYS_setresgid, user->gid, user->gid, user->gid) ||
	    syscall(SYS_setresuid, user->uid, user->uid, user->uid))
		return -errno;
	return 0;
}

__attribute__((no_sanitize("address", "undefined"))) static int child(void *arg)
{
	struct birth *b = arg;
	sigset_t none;
	int null;

	default_signals();
	setpgid(0, 0);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0 || chdir("/"))
		goto err;
	syscall(SYS_close_range, 3U, ~0U, 0U);
	if (b->job->user && become(b->job->user))
		goto err;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(b->job->argv[0], (char *const *)b->job->argv, (char *const *)b->job->env);
err:
	b->error = errno;
	_exit(127);
}

/* The descriptor of the child, or -errno. */
static int spawn(const struct proc_job *job, pid_t *ret_pid)
{
	struct birth b = { .job = job };
	sigset_t all, before;
	char *stack = malloc(STACK);
	int pidfd = -1, r = 0;

	if (!stack)
		return -ENOMEM;
	/* A handler of ours would run in the child as well, in our memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	*ret_pid = clone(child, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &b,
			 &pidfd);
	if (*ret_pid < 0)
		r = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(stack);
	if (r)
		return r;
	if (!b.error)
		return pidfd;
	waitpid(*ret_pid, NULL, 0);
	close(pidfd);
	return -b.error;
}

static void let_go(struct proc *p)
{
	loop_io_stop(&p->io);
	loop_timer_stop(&p->deadline);
	close(p->pidfd);
	free(p);
}

/* False: it still runs. */
static bool reap(const struct proc *p, struct proc_end *ret)
{
	siginfo_t info = { 0 };

	*ret = (struct proc_end){ .timed_out = p->timed_out };
	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) || !info.si_pid)
		return false;
	if (info.si_code == CLD_EXITED)
		ret->status = info.si_status;
	else
		ret->signal = info.si_status;
	return true;
}

static void on_ended(struct loop_io *io, int)
{
	struct proc *p = container_of(io, struct proc, io);
	void (*ended)(void *ctx, const struct proc_end *end) = p->ended;
	struct proc_end end;
	void *ctx = p->ctx;

	if (!reap(p, &end))
		return;
	let_go(p);
	ended(ctx, &end);
}

static void on_deadline(struct loop_timer *t, usec_t)
{
	struct proc *p = container_of(t, struct proc, deadline);

	kill(-p->pid, p->timed_out ? SIGKILL : SIGTERM);
	if (!p->timed_out)
		loop_timer_in(t, GRACE);
	p->timed_out = true;
}

int proc_start(const struct proc_job *job, struct proc **ret)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->pidfd = spawn(job, &p->pid);
	if (p->pidfd < 0) {
		int r = p->pidfd;

		free(p);
		return r;
	}
	p->ended = job->ended;
	p->ctx = job->ctx;
	loop_io_init(&p->io, job->loop, LOOP_NORMAL, on_ended);
	loop_io_watch(&p->io, p->pidfd, LOOP_READ);
	loop_timer_init(&p->deadline, job->loop, LOOP_NORMAL, on_deadline);
	loop_timer_in(&p->deadline, job->timeout);
	*ret = p;
	return 0;
}

/* Whether it has ended by then. */
static bool wait_millis(const struct proc *p, int millis)
{
	struct pollfd ended = { .fd = p->pidfd, .events = POLLIN };

	return poll(&ended, 1, millis) > 0;
}

void proc_abandon(struct proc *p)
{
	struct proc_end end;

	if (!p)
		return;
	kill(-p->pid, SIGKILL);
	wait_millis(p, REAP_MILLIS);
	reap(p, &end);
	let_go(p);
}

void proc_wait(struct proc *p, usec_t until, struct proc_end *ret)
{
	int64_t left = usec_sub(until, loop_now()).us / 1000;

	if (!wait_millis(p, left > 0 ? (int)left : 0)) {
		p->timed_out = true;
		kill(-p->pid, SIGKILL);
		wait_millis(p, REAP_MILLIS);
	}
	reap(p, ret);
	let_go(p);
}

int proc_user_find(const char *name, struct proc_user *ret)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	int r = getpwnam_r(name, &pw, buf, sizeof(buf), &found);

	if (!found)
		return r ? -r : -ENOENT;
	*ret = (struct proc_user){ pw.pw_uid, pw.pw_gid };
	return 0;
}

const char *proc_end_text(const struct proc_end *end, usec_t timeout, char *buf, size_t size)
{
	if (end->timed_out)
		snprintf(buf, size, "took longer than %g s", (double)timeout.us / 1e6);
	else if (end->signal)
		snprintf(buf, size, "killed by signal %d", end->signal);
	else
		snprintf(buf, size, "exit status %d", end->status);
	return buf;
}
