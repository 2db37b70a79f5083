/* SPDX-License-Identifier: BSD-2-Clause */
/* One check of one target: when it is due, its attempts, its verdict. */
#ifndef LBD_CHECK_PROBE_H
#define LBD_CHECK_PROBE_H

#include "check/conn.h"
#include "check/health.h"
#include "check/plan.h"
#include "lib/list.h"

/* What is checked and how: probes with equal keys are one. */
struct probe_key {
	/* What: */
	struct conn_target to; /* plan: borrowed of the set, which has one of each content */
	/* How: */
	usec_t interval, timeout;
	usec_t fast_interval, down_interval; /* 0: interval */
	bool presumed_up;
	uint32_t rise, fall;
};

/* Any order, in which probes that differ only in how stand together. */
int probe_key_compare(const struct probe_key *a, const struct probe_key *b);
int probe_key_compare_what(const struct probe_key *a, const struct probe_key *b);

struct probe;

/* What a probe asks of the set that owns it. */
struct probe_ops {
	void (*due)(struct probe *p); /* it wants to be started */
	/* Its attempt ended; `changed`: so did its verdict. */
	void (*done)(struct probe *p, bool changed);
	/* Whether the link towards its target was up all the time. */
	bool (*path_up)(const struct probe *p);
};

struct probe {
	struct probe_key key;
	const struct probe_ops *ops;
	struct health health;
	enum check_result last;
	char detail[CHECK_DETAIL_LEN];
	usec_t latency, since;
	int days_left, warned_days; /* of the server's certificate; INT_MAX: none */
	uint64_t attempts, failures, local;
	uint32_t random;
	struct conn conn;
	usec_t due, started;
	struct loop_timer timer; /* stopped while it is due or under way */
	/* The set's: */
	struct check_set *set;
	struct list node, queue, uses;
	bool wanted, running;
};

/* before: another probe of the same target, from which the verdict is taken over; may be NULL.
 * NULL when there is no memory. */
struct probe *probe_new(struct loop *loop, const struct probe_key *key, const struct probe *before,
			const struct probe_ops *ops);
void probe_free(struct probe *p); /* takes NULL; also in the middle of an attempt */
/* For the log: "check 10.0.0.7:80 tcp", "check [fd00::7]:80 tcp".  buf: PROBE_NAME_LEN bytes. */
#define PROBE_NAME_LEN 80
const char *probe_name(const struct probe *p, char *buf);
/* What is not wrong yet but will be; "": nothing.  buf: PROBE_WARNING_LEN bytes. */
#define PROBE_WARNING_LEN 64
const char *probe_warning(const struct probe *p, char *buf);
/* Whether it is ever to be started. */
bool probe_is_active(const struct probe *p);
void probe_due_at(struct probe *p, usec_t at);
/* Makes an attempt.  ops->done follows, perhaps before this returns. */
void probe_start(struct probe *p);

#endif
