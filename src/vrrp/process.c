// SPDX-License-Identifier: BSD-2-Clause
/* Looks for a process by its name, in turns: a machine may have thousands. */
#include "vrrp/process.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	A_TURN = 100,
	COMM_SIZE = 16,
};

static bool is_named(const char *pid, const char *name)
{
	char path[64], comm[COMM_SIZE + 1];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* it has gone meanwhile */
	n = read(fd, comm, COMM_SIZE);
	close(fd);
	if (n <= 0)
		return false;
	comm[n] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	return !strcmp(comm, name);
}

enum process_answer process_look(struct process_search *s, const char *name)
{
	const struct dirent *entry;
	unsigned n = 0;

	if (!s->proc)
		s->proc = opendir("/proc");
	while (s->proc && n < A_TURN) {
		entry = readdir(s->proc);
		if (!entry) {
			process_stop(s);
			return PROCESS_NOT_FOUND;
		}
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		n++;
		if (is_named(entry->d_name, name)) {
			process_stop(s);
			return PROCESS_FOUND;
		}
	}
	return s->proc ? PROCESS_GO_ON : PROCESS_NOT_FOUND;
}

void process_stop(struct process_search *s)
{
	if (s->proc)
		closedir(s->proc);
	s->proc = NULL;
}
