// SPDX-License-Identifier: BSD-2-Clause
/* What the operator reads: level, subject, fact.
 *
 * stderr may be a pipe whose reader sleeps, and O_NONBLOCK would be set on the other owners of the
 * same open file too; so pipes and terminals are opened once more through /proc, and sockets (the
 * journal's) are written with MSG_DONTWAIT.
 */
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LEVEL_ERR] = { "err", LOG_ERR },
	[LEVEL_WARN] = { "warn", LOG_WARNING },
	[LEVEL_INFO] = { "info", LOG_INFO },
	[LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static struct {
	enum log_target target;
	enum log_level level;
	int fd;
	bool own_fd;
	bool is_socket;
	bool journal; /* systemd reads stderr and wants <N> before each line */
	uint64_t lost, told;
} out = { .level = LEVEL_INFO, .fd = STDERR_FILENO };

static int open_syslog(void)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd, r;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&path, sizeof(path)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int log_open(enum log_target target, enum log_level level)
{
	bool own = true, is_socket = true;
	struct stat st;
	int fd;

	if (target == LOG_TO_SYSLOG) {
		fd = open_syslog();
		if (fd < 0)
			return fd;
	} else {
		is_socket = !fstat(STDERR_FILENO, &st) && S_ISSOCK(st.st_mode);
		fd = is_socket ? -1
			       : open("/proc/self/fd/2",
				      O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		own = fd >= 0;
		if (!own)
			fd = STDERR_FILENO;
	}
	log_close();
	out.target = target;
	out.level = level;
	out.fd = fd;
	out.own_fd = own;
	out.is_socket = is_socket;
	out.journal = target == LOG_TO_STDERR && getenv("JOURNAL_STREAM");
	return 0;
}

void log_close(void)
{
	if (out.own_fd)
		close(out.fd);
	out.fd = STDERR_FILENO;
	out.own_fd = false;
	out.is_socket = false;
	out.target = LOG_TO_STDERR;
}

void log_set_level(enum log_level level)
{
	out.level = level;
}

uint64_t log_lost(void)
{
	return out.lost;
}

static size_t prefix(char *buf, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	if (out.target == LOG_TO_SYSLOG)
		return (size_t)snprintf(buf, size,
					"<%d>lbd[%d]: ", LOG_DAEMON | levels[level].priority,
					(int)getpid());
	if (out.journal)
		return (size_t)snprintf(buf, size, "<%d>", levels[level].priority);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = strftime(buf, size, "%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%03ld %-5s ", now.tv_nsec / 1000000,
				    levels[level].name);
}

static bool write_line(const char *line, size_t len)
{
	ssize_t n = out.is_socket ? send(out.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				  : write(out.fd, line, len);

	return n == (ssize_t)len;
}

void log_at(enum log_level level, const char *subject, const char *fmt, ...)
{
	char line[1024], lost[96];
	int saved = errno;
	size_t n, end = sizeof(line) - 2;
	va_list ap;
	int k;

	if (level > out.level)
		return;
	if (out.lost != out.told) {
		n = prefix(lost, sizeof(lost), LEVEL_WARN);
		n += (size_t)snprintf(lost + n, sizeof(lost) - n, "log: %llu lines were lost\n",
				      (unsigned long long)(out.lost - out.told));
		if (write_line(lost, n))
			out.told = out.lost;
	}
	n = prefix(line, sizeof(line), level);
	if (subject)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%.200s: ", subject);
	va_start(ap, fmt);
	k = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	if (k > 0)
		n += (size_t)k;
	if (n > end)
		n = end;
	if (out.target != LOG_TO_SYSLOG)
		line[n++] = '\n';
	if (!write_line(line, n))
		out.lost++;
	errno = saved;
}

void log_lines(enum log_level level, const char *subject, const char *lines)
{
	size_t n;

	for (; *lines; lines += n + (lines[n] == '\n')) {
		n = strcspn(lines, "\n");
		log_at(level, subject, "%.*s", (int)n, lines);
	}
}

bool log_allowed(struct log_limit *limit, usec_t now, usec_t every, uint64_t *ret_held_back)
{
	if (usec_before(now, limit->next)) {
		limit->held_back++;
		return false;
	}
	*ret_held_back = limit->held_back;
	limit->held_back = 0;
	limit->next = usec_add(now, every);
	return true;
}
