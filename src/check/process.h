/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that runs for a check, in a process group of its own, without a shell. */
#ifndef LBD_CHECK_PROCESS_H
#define LBD_CHECK_PROCESS_H

#include <sys/types.h>

#include "lib/list.h"
#include "lib/loop.h"
#include "lib/str.h"

/* 0, or -EACCES when it must not be run, with the reason in *why: the path is absolute, what it
 * leads to is a program of root's (or our own user's), and nobody else can change it or any folder
 * on the way. */
int process_may_run(const char *path, struct str *why);

/* Runs it with nothing but /dev/null as input and output.  0 with a descriptor that is readable
 * once it has ended, or -errno. */
int process_start(char *const *argv, char *const *env, pid_t *ret_pid, int *ret_pidfd);
/* Once it has ended: ends what it left running, and forgets it.  Returns its exit status, or minus
 * the signal that ended it. */
int process_end(pid_t pid, int pidfd);

/* Those that were killed and are not yet gone. */
struct process_graves {
	struct loop *loop;
	struct list graves;
};
void process_graves_init(struct process_graves *g, struct loop *loop);
void process_graves_release(struct process_graves *g);
/* Kills it and all it has started; pidfd is taken over. */
void process_kill(struct process_graves *g, pid_t pid, int pidfd);

#endif
