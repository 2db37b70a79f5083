// SPDX-License-Identifier: BSD-2-Clause
/* type = "script": a program of the operator's says by its exit status whether the server works.
 *
 * It is told the server in its environment: LBD_ADDRESS, LBD_PORT. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check/plan.h"
#include "check/process.h"
#include "check/type.h"
#include "lib/arena.h"

static int prepare(struct plan *p, struct str *why)
{
	const struct conf_check *c = &p->conf;
	unsigned i;

	p->argv = arena_alloc(p->arena, (c->n_args + 2) * sizeof(*p->argv));
	p->argv[0] = (char *)c->script;
	for (i = 0; i < c->n_args; i++)
		p->argv[i + 1] = (char *)c->args[i];
	return process_may_run(c->script, why);
}

int script_start(const struct plan *p, const struct addr *address, uint16_t port, pid_t *ret_pid,
		 int *ret_pidfd)
{
	char text[ADDR_STRLEN], at[ADDR_STRLEN + 16], number[32];
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { path, at, number, NULL };

	snprintf(at, sizeof(at), "LBD_ADDRESS=%s", addr_str(address, text));
	snprintf(number, sizeof(number), "LBD_PORT=%u", port);
	return process_start(p->argv, env, ret_pid, ret_pidfd);
}

enum check_result script_judge(int status, char *detail, size_t size)
{
	if (status < 0)
		snprintf(detail, size, "ended by SIG%s", sigabbrev_np(-status));
	else
		snprintf(detail, size, "exit status %d", status);
	return status ? CHECK_PROCERR : CHECK_PROCOK;
}

const struct check_type check_type_script = {
	.transport = TRANSPORT_PROCESS,
	.prepare = prepare,
};
