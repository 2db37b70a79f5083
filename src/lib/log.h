/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operator reads: level, subject, fact.  Never blocks; a line that cannot be written is
 * counted and the count is told with the next one. */
#ifndef LBD_LIB_LOG_H
#define LBD_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/usec.h"

enum log_level {
	LEVEL_ERR,   /* lbd cannot do its job */
	LEVEL_WARN,  /* it goes on, and says "ignoring" */
	LEVEL_INFO,  /* a state changed */
	LEVEL_DEBUG, /* the rest */
};

enum log_target {
	LOG_TO_STDERR, /* with <N> priorities when systemd reads it */
	LOG_TO_SYSLOG, /* datagrams to /dev/log */
};

/* Before log_open everything from LEVEL_INFO up goes to stderr.  0 or -errno; the old target stays
 * on failure. */
int log_open(enum log_target target, enum log_level level);
void log_close(void);
void log_set_level(enum log_level level);
/* Lines that could not be written since the start. */
uint64_t log_lost(void);

/* subject is what the line is about ("vrrp web", "check 10.0.0.7:80 tcp"); NULL for lbd itself. */
void log_at(enum log_level level, const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(subject, ...)	log_at(LEVEL_ERR, subject, __VA_ARGS__)
#define log_warn(subject, ...)	log_at(LEVEL_WARN, subject, __VA_ARGS__)
#define log_info(subject, ...)	log_at(LEVEL_INFO, subject, __VA_ARGS__)
#define log_debug(subject, ...) log_at(LEVEL_DEBUG, subject, __VA_ARGS__)

/* One call for each line of a text. */
void log_lines(enum log_level level, const char *subject, const char *lines);

/* For what a peer can cause at will: true at most once in `every`; the caller logs then, and tells
 * how many it held back.  Zero-initialise. */
struct log_limit {
	usec_t next;
	uint64_t held_back;
};
bool log_allowed(struct log_limit *limit, usec_t now, usec_t every, uint64_t *ret_held_back);

#endif
