/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks for a process by its name, in turns. */
#ifndef LBD_VRRP_PROCESS_H
#define LBD_VRRP_PROCESS_H

#include <dirent.h>
#include <stdbool.h>

/* Zero-initialise. */
struct process_search {
	DIR *proc; /* NULL: none is under way */
};

enum process_answer {
	PROCESS_GO_ON, /* call again in another turn of the loop */
	PROCESS_FOUND,
	PROCESS_NOT_FOUND,
};

/* Looks at some processes, beginning a search or going on with it.  name is what /proc/PID/comm
 * holds: at most 15 characters. */
enum process_answer process_look(struct process_search *s, const char *name);
void process_stop(struct process_search *s); /* also when none is under way */

#endif
