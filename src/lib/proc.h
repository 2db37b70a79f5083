/* SPDX-License-Identifier: BSD-2-Clause */
/* Child processes: a program is started without a shell, as another user if need be, and is told of
 * when it ends.  One that takes too long is ended together with its process group. */
#ifndef LBD_LIB_PROC_H
#define LBD_LIB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/loop.h"

struct proc;

struct proc_user {
	uid_t uid;
	gid_t gid;
};

/* How it ended. */
struct proc_end {
	bool timed_out;
	int signal; /* 0: by itself */
	int status; /* its exit status then */
};

struct proc_job {
	struct loop *loop;
	const char *const *argv;      /* [0]: an absolute path; up to NULL */
	const char *const *env;	      /* its whole environment, up to NULL */
	const struct proc_user *user; /* NULL: ours */
	usec_t timeout;
	/* The proc is gone when this is called. */
	void (*ended)(void *ctx, const struct proc_end *end);
	void *ctx;
};

/* Nothing of the job is needed after it returns but loop and ctx.  stdin is /dev/null, stdout and
 * stderr are our stderr.  0 or -errno: the program cannot be run (-ENOENT, -EACCES, ...), or not as
 * that user (-EPERM), or there is no room for a process (-EAGAIN, -ENOMEM). */
int proc_start(const struct proc_job *job, struct proc **ret);
/* Kills its process group; `ended` is not called.  Takes NULL. */
void proc_abandon(struct proc *p);

/* Waits for it, and kills its process group when it still runs then; `ended` is not called.  Not
 * from the loop. */
void proc_wait(struct proc *p, usec_t until, struct proc_end *ret);

/* From the user database, which may be slow: not from a callback of the loop.  0 or -errno
 * (-ENOENT: there is no such user). */
int proc_user_find(const char *name, struct proc_user *ret);

/* "exit status 1", "killed by signal 9", "took longer than 2 s" */
const char *proc_end_text(const struct proc_end *end, usec_t timeout, char *buf, size_t size);

#endif
