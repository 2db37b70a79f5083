// SPDX-License-Identifier: BSD-2-Clause
/* One check of one target: when it is due, its attempts, its verdict.
 *
 * idle (timer) -> due (in the set's queue) -> under way (conn) -> idle: so there is never more than
 * one attempt at a time. */
#include "check/probe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/schedule.h"

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int probe_key_compare_what(const struct probe_key *a, const struct probe_key *b)
{
	int r = addr_cmp(&a->to.address, &b->to.address);

	if (!r)
		r = compare_numbers(a->to.port, b->to.port);
	return r ? r : compare_numbers((intptr_t)a->to.plan, (intptr_t)b->to.plan);
}

int probe_key_compare(const struct probe_key *a, const struct probe_key *b)
{
	const int64_t of_a[] = {
		a->interval.us, a->fast_interval.us, a->down_interval.us, a->timeout.us, a->rise,
		a->fall,	a->presumed_up
	};
	const int64_t of_b[] = {
		b->interval.us, b->fast_interval.us, b->down_interval.us, b->timeout.us, b->rise,
		b->fall,	b->presumed_up
	};
	int r = probe_key_compare_what(a, b);
	size_t i;

	for (i = 0; !r && i < sizeof(of_a) / sizeof(*of_a); i++)
		r = compare_numbers(of_a[i], of_b[i]);
	return r;
}

const char *probe_name(const struct probe *p, char *buf)
{
	const struct conn_target *to = &p->key.to;
	char text[ADDR_STRLEN];

	const char *type = conf_check_type_name(to->plan->conf.type);

	addr_str(&to->address, text);
	if (!to->port)
		snprintf(buf, PROBE_NAME_LEN, "check %s %s", text, type);
	else
		snprintf(buf, PROBE_NAME_LEN,
			 addr_is_v4(&to->address) ? "check %s:%u %s" : "check [%s]:%u %s", text,
			 to->port, type);
	return buf;
}

static void log_change(const struct probe *p, const struct health *before)
{
	uint32_t of = p->health.up ? p->key.rise : p->key.fall;
	char name[PROBE_NAME_LEN];

	probe_name(p, name);
	if (before->checked)
		log_info(name, "%s -> %s: %s %s, %u of %u", before->up ? "up" : "down",
			 p->health.up ? "up" : "down", check_result_code(p->last), p->detail,
			 p->health.run, of);
	else
		log_info(name, "unchecked -> %s: %s %s", p->health.up ? "up" : "down",
			 check_result_code(p->last), p->detail);
}

static bool judge(struct probe *p, usec_t now)
{
	struct health before = p->health;

	if (p->last == CHECK_LOCAL) {
		p->local++;
		return false;
	}
	if (!check_result_good(p->last))
		p->failures++;
	if (!health_judge(&p->health, check_result_good(p->last), p->key.rise, p->key.fall))
		return false;
	p->since = now;
	log_change(p, &before);
	return true;
}

/* From one attempt to the next. */
static usec_t interval(const struct probe *p)
{
	const struct probe_key *k = &p->key;
	enum pace pace = health_pace(&p->health);

	if (pace == PACE_CHANGING && k->fast_interval.us)
		return k->fast_interval;
	if (pace == PACE_DOWN && k->down_interval.us)
		return k->down_interval;
	return k->interval;
}

/* xorshift32: only to spread. */
static uint32_t next_random(struct probe *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return p->random;
}

const char *probe_warning(const struct probe *p, char *buf)
{
	int limit = (int)p->key.to.plan->conf.expiry_days;

	buf[0] = '\0';
	if (p->days_left >= limit || !limit)
		return buf;
	if (p->days_left < 0)
		snprintf(buf, PROBE_WARNING_LEN, "its certificate has expired");
	else
		snprintf(buf, PROBE_WARNING_LEN, "its certificate expires in %d day%s",
			 p->days_left, p->days_left == 1 ? "" : "s");
	return buf;
}

/* Once for each day that is left. */
static void warn_of_expiry(struct probe *p, int days_left)
{
	char name[PROBE_NAME_LEN], warning[PROBE_WARNING_LEN];

	if (days_left == INT_MAX)
		return; /* no handshake this time: what was known goes on */
	p->days_left = days_left;
	if (days_left == p->warned_days)
		return;
	p->warned_days = days_left;
	if (*probe_warning(p, warning))
		log_warn(probe_name(p, name), "%s", warning);
}

/* Silence, or a word of our own kernel's, says nothing of the server when our link is down. */
static bool is_answer(struct conn_end end)
{
	bool silence = end.result == CHECK_L4TOUT || end.result == CHECK_L6TOUT ||
		       end.result == CHECK_L7TOUT || end.result == CHECK_PROCERR ||
		       end.result == CHECK_PROCTOUT;

	return !silence && (!end.error || end.error == ECONNREFUSED || end.error == ECONNRESET);
}

static void on_done(struct conn *c, struct conn_end end)
{
	struct probe *p = container_of(c, struct probe, conn);
	usec_t now = loop_now();
	bool changed;

	if (end.result != CHECK_LOCAL && !is_answer(end) && !p->ops->path_up(p))
		end = (struct conn_end){ CHECK_LOCAL, ENETDOWN, "network is down", INT_MAX };

	p->attempts++;
	p->last = end.result;
	p->latency = usec_sub(now, p->started);
	snprintf(p->detail, sizeof(p->detail), "%s", end.detail);
	warn_of_expiry(p, end.days_left);
	changed = judge(p, now);
	probe_due_at(p, schedule_next(p->due, now, interval(p), next_random(p)));
	p->ops->done(p, changed);
}

static void on_timer(struct loop_timer *t, usec_t)
{
	struct probe *p = container_of(t, struct probe, timer);

	p->ops->due(p);
}

bool probe_is_active(const struct probe *p)
{
	return p->key.to.plan->type->transport != TRANSPORT_NONE;
}

void probe_due_at(struct probe *p, usec_t at)
{
	p->due = at;
	loop_timer_at(&p->timer, at);
}

void probe_start(struct probe *p)
{
	p->started = loop_now();
	conn_start(&p->conn, &p->key.to, p->key.timeout);
}

static void take_over(struct probe *p, const struct probe *before)
{
	p->health = before->health;
	p->last = before->last;
	memcpy(p->detail, before->detail, sizeof(p->detail));
	p->latency = before->latency;
	p->since = before->since;
	p->attempts = before->attempts;
	p->failures = before->failures;
	p->local = before->local;
	p->days_left = before->days_left;
	p->warned_days = before->warned_days;
}

struct probe *probe_new(struct loop *loop, const struct probe_key *key, const struct probe *before,
			const struct probe_ops *ops)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->key = *key;
	p->ops = ops;
	p->since = loop_now();
	p->random = (uint32_t)p->since.us ^ (uint32_t)((uintptr_t)p >> 4) ^ 0x9e3779b9;
	p->random |= 1; /* never 0, where xorshift stays */
	p->health.up = !probe_is_active(p);
	p->days_left = p->warned_days = INT_MAX;
	list_init(&p->node);
	list_init(&p->queue);
	list_init(&p->uses);
	conn_init(&p->conn, loop, on_done);
	loop_timer_init(&p->timer, loop, LOOP_NORMAL, on_timer);
	if (before)
		take_over(p, before);
	else if (key->presumed_up)
		health_presume(&p->health, true);
	return p;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	loop_timer_stop(&p->timer);
	conn_stop(&p->conn);
	list_del(&p->node);
	list_del(&p->queue);
	free(p);
}
