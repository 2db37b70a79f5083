// SPDX-License-Identifier: BSD-2-Clause
/* A program that runs for a check. */
#include "check/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct grave {
	struct loop_io io;
	struct list node;
	pid_t pid;
	int pidfd;
};

/* ---- May it run ---- */

static int refuse(struct str *why, const char *path, const char *reason)
{
	str_addf(why, "%s: %s", path, reason);
	return -EACCES;
}

/* A folder that everybody writes to is as good as no folder, sticky or not. */
static int others_cannot_change(const char *path, const struct stat *st, struct str *why)
{
	if (st->st_uid && st->st_uid != geteuid())
		return refuse(why, path, "belongs neither to root nor to lbd");
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(why, path, "others can write to it");
	return 0;
}

/* The path and every folder on the way to it. */
static int way_is_safe(const char *path, struct str *why)
{
	char part[PATH_MAX], *slash;
	struct stat st;
	int r = 0;

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return refuse(why, path, strerror(ENAMETOOLONG));
	for (;;) {
		const char *at = *part ? part : "/";

		if (stat(at, &st))
			return refuse(why, at, strerror(errno));
		r = others_cannot_change(at, &st, why);
		slash = strrchr(part, '/');
		if (r || !slash)
			return r;
		*slash = '\0';
	}
}

int process_may_run(const char *path, struct str *why)
{
	char real[PATH_MAX];
	struct stat st;
	int r;

	if (!realpath(path, real) || stat(real, &st))
		return refuse(why, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(why, path, "is no regular file");
	if (!(st.st_mode & S_IXUSR))
		return refuse(why, path, "is not executable");
	r = way_is_safe(path, why);
	return r ? r : way_is_safe(real, why); /* where links lead to */
}

/* ---- Running ---- */

static int spawn(char *const *argv, char *const *env, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	sigemptyset(&none);
	r = posix_spawn_file_actions_init(&files);
	if (r)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r)
		goto out;
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&files, 0, 1);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&files, 0, 2);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (!r)
		r = posix_spawn(ret_pid, argv[0], &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&files);
	return r;
}

int process_start(char *const *argv, char *const *env, pid_t *ret_pid, int *ret_pidfd)
{
	int r = spawn(argv, env, ret_pid);

	if (r)
		return -r;
	*ret_pidfd = pidfd_open(*ret_pid, 0);
	if (*ret_pidfd >= 0)
		return 0;
	r = -errno;
	kill(-*ret_pid, SIGKILL);
	waitpid(*ret_pid, NULL, 0); /* it has only just begun */
	return r;
}

/* Its number, and so its group's, stays its own until it is waited for. */
int process_end(pid_t pid, int pidfd)
{
	siginfo_t info = { 0 };

	kill(-pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG))
		info.si_status = 255;
	close(pidfd);
	return info.si_code == CLD_EXITED || !info.si_code ? info.si_status : -info.si_status;
}

/* ---- Killing ---- */

static void grave_close(struct grave *g)
{
	loop_io_stop(&g->io);
	list_del(&g->node);
	process_end(g->pid, g->pidfd);
	free(g);
}

static void on_gone(struct loop_io *io, int)
{
	grave_close(container_of(io, struct grave, io));
}

void process_kill(struct process_graves *graves, pid_t pid, int pidfd)
{
	struct grave *g = calloc(1, sizeof(*g));

	kill(-pid, SIGKILL);
	if (!g) {
		close(pidfd); /* a zombie is left until lbd ends */
		return;
	}
	g->pid = pid;
	g->pidfd = pidfd;
	list_add_tail(&graves->graves, &g->node);
	loop_io_init(&g->io, graves->loop, LOOP_NORMAL, on_gone);
	loop_io_watch(&g->io, pidfd, LOOP_READ);
}

void process_graves_init(struct process_graves *g, struct loop *loop)
{
	g->loop = loop;
	list_init(&g->graves);
}

void process_graves_release(struct process_graves *graves)
{
	struct grave *g, *tmp;

	list_for_each_safe(g, tmp, &graves->graves, node)
		grave_close(g);
}
